"""The worked examples of the FOCUS specification, as AWS would bill them, against the rows that it gives.

Each example's bill is written by hand beside it; the expected rows are the specification's own files.
"""

from __future__ import annotations

import csv
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from .house import House, cur, focus, legacy, write_csv

SPEC = Path(__file__).parent / "samples" / "focus_spec"
PLAN = "arn:aws:savingsplans::1:savingsplan/my-commitment-discount-id"
RESERVATION = "arn:aws:ec2:us-east-1:1:reserved-instances/my-commitment-discount-id"
RI = {"reservation_reservation_a_r_n": RESERVATION, "pricing_unit": "Hrs"}


def bill(kind: str, cost: str, resource: str = "my-resource-id", **more: Any) -> dict[str, Any]:
    """A row of the first hour of 2023."""
    columns = {
        "bill_billing_period_start_date": "2023-01-01T00:00:00Z",
        "bill_billing_period_end_date": "2023-02-01T00:00:00Z",
        "line_item_usage_start_date": "2023-01-01T00:00:00Z",
        "line_item_usage_end_date": "2023-01-01T01:00:00Z",
        "line_item_resource_id": resource,
        "pricing_unit": "Hrs",
    }
    return cur(kind, cost, **(columns | more))


def on_demand(cost: str, resource: str = "my-resource-id") -> dict[str, Any]:
    return bill("Usage", cost, resource, line_item_usage_amount="1", pricing_public_on_demand_cost=cost)


def plan(used: str, **more: Any) -> list[dict[str, Any]]:
    """An hour of a plan of one dollar an hour, all paid upfront, and what it covers."""
    arn = {"savings_plan_savings_plan_a_r_n": PLAN}
    fee = {"savings_plan_total_commitment_to_date": "1", "savings_plan_used_commitment": used}
    rows = [bill("SavingsPlanRecurringFee", "0", PLAN, **fee, **arn)]
    if used != "0":
        effective = {"savings_plan_savings_plan_effective_cost": used, "line_item_usage_amount": "1"}
        rows.append(bill("SavingsPlanCoveredUsage", "2", **effective, **arn))
        rows.append(bill("SavingsPlanNegation", "-2", **arn))
    return rows


def fee(cost: str, hours: str, unused_cost: str = "0", unused_hours: str = "0", unit: str = "") -> dict[str, Any]:
    """An hour of a reservation; `unit` is `_normalized` where its size is flexible."""
    part = "_normalized_unit" if unit else ""
    return bill("RIFee", cost, RESERVATION, line_item_usage_amount="1", **RI, **{
        f"reservation_total_reserved{unit}_units": hours,
        f"reservation_unused{part}_quantity": unused_hours,
        "reservation_unused_recurring_fee": unused_cost,
    })  # fmt: skip


def used(effective: str, resource: str, normalized: str = "") -> dict[str, Any]:
    return bill("DiscountedUsage", "0", resource, line_item_usage_amount="1", reservation_effective_cost=effective,
                line_item_normalized_usage_amount=normalized, **RI)  # fmt: skip


FLEXIBLE = "one_hundred_percent_utilization_with_commitment_discount_flexibility_with"
UPFRONT = {
    "savings_plan_savings_plan_a_r_n": PLAN,
    "line_item_usage_end_date": "2024-01-01T00:00:00Z",
}
EXAMPLES: dict[str, list[dict[str, Any]]] = {
    "commitment_discount_purchase_scenario_1": [bill("SavingsPlanUpfrontFee", "8760", PLAN, **UPFRONT)],
    "commitment_discount_usage_scenario_1": plan("1"),
    "commitment_discount_usage_scenario_2": plan("0"),
    "commitment_discount_usage_scenario_3": plan("0.75"),
    "commitment_discount_usage_scenario_4": [*plan("1"), on_demand("0.5")],
    f"{FLEXIBLE}_1_resource": [
        fee("0.5", "1", unit="_normalized"),
        used("0.5", "my-large-vm-id", "1"),
        on_demand("2.25", "my-large-vm-id"),
    ],
    f"{FLEXIBLE}_2_resources": [
        fee("2", "4", unit="_normalized"),
        used("1", "my-medium-vm-id", "2"),
        used("1", "my-medium-vm-id", "2"),
    ],
    "one_hundred_percent_utilization_without_commitment_discount_flexibility": [
        fee("1.5", "1"),
        used("1.5", "my-large-vm-id"),
    ],
    "zero_percent_utilization_without_commitment_discount_flexibility": [
        fee("1.5", "1", "1.5", "1"),
        on_demand("2", "my-medium-vm-id"),
    ],
}

COLUMNS = [
    *("BillingPeriodStart", "BillingPeriodEnd", "ChargePeriodStart", "ChargePeriodEnd", "ChargeCategory"),
    *("ChargeFrequency", "PricingCategory", "ResourceId", "BilledCost", "EffectiveCost", "ConsumedQuantity"),
    *("ConsumedUnit", "CommitmentDiscountId", "CommitmentDiscountCategory", "CommitmentDiscountQuantity"),
    *("CommitmentDiscountStatus", "CommitmentDiscountUnit"),
]
NUMBERS = {"BilledCost", "EffectiveCost", "ConsumedQuantity", "CommitmentDiscountQuantity"}


def golden(name: str) -> list[dict[str, Any]]:
    """The example's rows; its `Hour` is AWS's `Hours`, and its placeholder of the commitment is ours."""
    id_ = PLAN if "scenario" in name else RESERVATION
    with (SPEC / f"{name}.csv").open(newline="") as file:
        rows = [{key: None if value == "null" else value for key, value in row.items()} for row in csv.DictReader(file)]
    for row in rows:
        for key, value in row.items():
            if value is not None and key in NUMBERS:
                row[key] = Decimal(value)
            elif value is not None and key.endswith("Unit"):
                row[key] = value.replace("Hour", "Hours")
            elif value is not None:
                row[key] = id_ if value == "<my-commitment-discount-id>" else value.strip("<>")
        if "zero_percent" in name and row["CommitmentDiscountStatus"] == "Unused":
            # this file has an unused row consume an hour of a machine, which the columns' own text forbids
            row |= {"ConsumedQuantity": None, "ConsumedUnit": None, "ResourceId": id_}
    return rows


@pytest.mark.parametrize("name", EXAMPLES)
def test_an_example_comes_out_as_the_specification_has_it(tmp_path: Path, name: str) -> None:
    write_csv(tmp_path / "report.csv", [legacy(row) for row in EXAMPLES[name]])
    home = House(tmp_path, {"name": "aws", "kind": "aws-cur1", "uri": "report.csv"}).ok()
    expected = golden(name)
    columns = [column for column in COLUMNS if column in expected[0]]
    times = {column for column in columns if column.endswith(("Start", "End"))}
    shown = ", ".join(f"strftime({c}, '%Y-%m-%dT%H:%M:%SZ')" if c in times else c for c in columns)
    # an example of usage leaves the purchase out, one of a purchase the usage
    categories = sorted({row["ChargeCategory"] for row in expected})
    found = home.sql(f"SELECT {shown} FROM focus.charges WHERE list_contains(?, ChargeCategory)", categories)
    assert sorted(found, key=str) == sorted((tuple(row[c] for c in columns) for row in expected), key=str)


IMPOSSIBLE = {f"commitment_discount_purchase_scenario_{number}" for number in (2, 3)}
"""Examples of the specification that hold a time that no clock shows: good as bad input."""


def test_every_example_of_commitments_is_taken_or_refused() -> None:
    """The specification's eleven files, typed from its folders."""
    purchases = {f"commitment_discount_purchase_scenario_{number}" for number in (1, 2, 3)}
    usage = {f"commitment_discount_usage_scenario_{number}" for number in (1, 2, 3, 4)}
    whole, none = "one_hundred_percent_utilization", "zero_percent_utilization"
    flexibility = {
        f"{whole}_with_commitment_discount_flexibility_with_{what}" for what in ("1_resource", "2_resources")
    }
    flexibility |= {f"{each}_without_commitment_discount_flexibility" for each in (whole, none)}
    assert {path.stem for path in SPEC.iterdir()} == purchases | usage | flexibility == {*EXAMPLES, *IMPOSSIBLE}


@pytest.mark.parametrize("name", sorted(IMPOSSIBLE))
def test_an_example_with_an_impossible_time_is_refused(tmp_path: Path, name: str) -> None:
    with (SPEC / f"{name}.csv").open(newline="") as file:
        rows: list[dict[str, Any]] = [{**focus(), **row} for row in csv.DictReader(file)]
    write_csv(tmp_path / "bills" / "a.csv", rows)
    House(tmp_path, {"name": "other", "kind": "focus-files", "uri": "bills"}).refused("2023-02-01T30:00:00Z", "a.csv")
