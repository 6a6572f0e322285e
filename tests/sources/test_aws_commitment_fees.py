"""What a commitment costs by AWS's fees, and what its usage comes to: rows of an hour, with amounts by hand."""

from __future__ import annotations

from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from .commitments import DIFFER, apart, lines
from .house import House, cur, legacy, write_csv

# An hour of a plan of a dollar, three fifths of it paid upfront, and of a reservation of 5 cents, 2 of them upfront:
# three quarters are used of each. What is net is less a tenth.
PLAN = {"savings_plan_savings_plan_a_r_n": "arn:aws:savingsplans::1:savingsplan/s"}
RESERVATION = {"reservation_reservation_a_r_n": "arn:aws:ec2:us-east-1:1:reserved-instances/r"}
PLAN_FEE = {
    "savings_plan_total_commitment_to_date": "1",
    "savings_plan_used_commitment": "0.75",
    "savings_plan_recurring_commitment_for_billing_period": "0.4",
    "savings_plan_amortized_upfront_commitment_for_billing_period": "0.6",
}
PLAN_NET_FEE = {
    "line_item_net_unblended_cost": "0.36",
    "savings_plan_net_recurring_commitment_for_billing_period": "0.36",
    "savings_plan_net_amortized_upfront_commitment_for_billing_period": "0.54",
}
PLAN_USED = {"savings_plan_savings_plan_effective_cost": "0.75"}
PLAN_NET_USED = {"line_item_net_unblended_cost": "1.8", "savings_plan_net_savings_plan_effective_cost": "0.675"}
FEE = {
    "reservation_amortized_upfront_fee_for_billing_period": "0.02",
    "reservation_unused_amortized_upfront_fee_for_billing_period": "0.005",
    "reservation_unused_recurring_fee": "0.0075",
}
NET_FEE = {
    "line_item_net_unblended_cost": "0.027",
    "reservation_net_amortized_upfront_fee_for_billing_period": "0.018",
    "reservation_net_unused_amortized_upfront_fee_for_billing_period": "0.0045",
    "reservation_net_unused_recurring_fee": "0.00675",
}
USED_PART = {"reservation_effective_cost": "0.0375"}
NET_USED_PART = {"line_item_net_unblended_cost": "0", "reservation_net_effective_cost": "0.03375"}
INVOICED = {"bill_invoice_id": "1"}
Rows = list[dict[str, Any]]


def hour(*, net: bool = False) -> Rows:
    """The rows of the hour, in a month that is invoiced; the first is ordinary usage."""
    rows = [
        cur("Usage", "8") | {"line_item_net_unblended_cost": "7.2"},
        cur("SavingsPlanRecurringFee", "0.4", **PLAN, **PLAN_FEE) | PLAN_NET_FEE,
        cur("SavingsPlanCoveredUsage", "2", **PLAN, **PLAN_USED) | PLAN_NET_USED,
        cur("SavingsPlanNegation", "-2", **PLAN) | {"line_item_net_unblended_cost": "-1.8"},
        cur("RIFee", "0.03", **RESERVATION, **FEE) | NET_FEE,
        cur("DiscountedUsage", "0", **RESERVATION, **USED_PART) | NET_USED_PART,
    ]
    return [{name: value for name, value in (row | INVOICED).items() if net or "_net_" not in name} for row in rows]


def told(tmp_path: Path, rows: Rows, home: House | None = None) -> House:
    """A warehouse with this report, or the same with the report delivered anew."""
    write_csv(tmp_path / "report.csv", [legacy(row) for row in rows])
    return (home or House(tmp_path, {"name": "aws", "kind": "aws-cur1", "uri": "report.csv"})).ok()


@pytest.mark.parametrize(("net", "cost"), [(False, "1.05"), (True, "0.945")])
def test_an_hour_of_a_plan_and_of_a_reservation(tmp_path: Path, net: bool, cost: str) -> None:
    home = told(tmp_path, hour(net=net))
    assert lines(home) == {"2026-09 USD": (Decimal(cost), Decimal(cost)), f"2026-09 USD{DIFFER}": (0, 0)}


def test_what_a_report_has_lost_or_has_twice_is_found_by_commitment(tmp_path: Path) -> None:
    """Rows that the report itself lacks or repeats: what was billed adds up all the same."""
    usage, plan_fee, covered, negation, fee, used = hour()
    other = {"savings_plan_savings_plan_a_r_n": "arn:aws:savingsplans::1:savingsplan/t"}
    both = [usage, plan_fee, covered, negation, {**plan_fee, **other}, {**covered, **other}, {**negation, **other}]
    ours, theirs, reserved = (next(iter(arn.values())) for arn in (PLAN, other, RESERVATION))
    home = told(tmp_path, both)
    assert lines(home)["2026-09 USD"] == (2, 2)
    for number, (rows, expected) in enumerate(
        [
            ([usage, plan_fee, fee, used], {ours: ("1", "0.25")}),
            ([*hour(), covered, negation], {ours: ("1", "1.75")}),
            ([usage, plan_fee, covered, negation, fee], {reserved: ("0.05", "0.0125")}),
            ([*hour(), used], {reserved: ("0.05", "0.0875")}),
            ([*both[:5], covered, negation], {ours: ("1", "1.75"), theirs: ("1", "0.25")}),
            ([usage, {**plan_fee, "savings_plan_used_commitment": "0.5"}, covered, negation], {ours: ("1", "1.25")}),
            ([usage, {**fee, "reservation_unused_recurring_fee": "0"}, used], {reserved: ("0.05", "0.0425")}),
            ([usage, {**fee, "line_item_unblended_cost": "0.04"}, used], {reserved: ("0.06", "0.05")}),
        ]
    ):
        told(tmp_path, rows, home)
        assert apart(home) == {
            (arn, "2026-09"): (Decimal(cost), Decimal(effective)) for arn, (cost, effective) in expected.items()
        }, number
        assert lines(home)[f"2026-09 USD{DIFFER}"] == (0, len(expected)), number


def without(rows: Rows, *names: str) -> Rows:
    return [{name: value for name, value in row.items() if name not in names} for row in rows]


def of(rows: Rows, commitment: str) -> Rows:
    return [row for row in rows if any("_a_r_n" in name and commitment in str(row[name]) for name in row)]


NOT_COMPARED: dict[str, Rows] = {
    "the month is not invoiced, and nothing is known of later": without(hour(), "bill_invoice_id"),
    "only the fee is invoiced, on the day of the purchase": [
        row if row["line_item_line_item_type"].endswith("Fee") else row | {"bill_invoice_id": ""} for row in hour()
    ],
    "the fee is on another's bill": [row for row in hour() if not row["line_item_line_item_type"].endswith("Fee")],
    "the report has no ARNs": without(hour(), *PLAN, *RESERVATION),
    # AWS does not tell the upfront part of a dedicated host's
    "the upfront part is not told": [
        hour()[0],
        *without(of(hour(), "/r"), "reservation_amortized_upfront_fee_for_billing_period"),
    ],
    "the net upfront part is not told": [
        hour(net=True)[0],
        *without(of(hour(net=True), "/r"), "reservation_net_amortized_upfront_fee_for_billing_period"),
    ],
    "the unused part is not told": [
        hour()[0],
        *without(
            of(hour(), "/r"),
            "reservation_unused_amortized_upfront_fee_for_billing_period",
            "reservation_unused_recurring_fee",
        ),
    ],
    "the unused parts of a net report are gross": [
        hour(net=True)[0],
        *without(
            hour(net=True)[1:],
            "savings_plan_net_recurring_commitment_for_billing_period",
            "reservation_net_unused_amortized_upfront_fee_for_billing_period",
            "reservation_net_unused_recurring_fee",
        ),
    ],
}


@pytest.mark.parametrize("what", NOT_COMPARED)
def test_what_the_identity_is_not_expected_to_hold_for_is_not_compared(tmp_path: Path, what: str) -> None:
    assert lines(told(tmp_path, NOT_COMPARED[what])) == {}


def test_a_plan_s_total_stands_for_parts_that_the_report_does_not_name(tmp_path: Path) -> None:
    parts = ("recurring_commitment_for_billing_period", "amortized_upfront_commitment_for_billing_period")
    rows = [hour()[0], *without(of(hour(), "/s"), *(f"savings_plan_{part}" for part in parts))]
    assert lines(told(tmp_path, rows))["2026-09 USD"] == (1, 1)


def test_a_net_report_has_no_net_upfront_part_of_what_nothing_was_paid_upfront_for(tmp_path: Path) -> None:
    plan = {
        "savings_plan_total_commitment_to_date": "0.4",
        "savings_plan_used_commitment": "0.3",
        "savings_plan_amortized_upfront_commitment_for_billing_period": "0",
    }
    reserved = {
        "reservation_amortized_upfront_fee_for_billing_period": "0",
        "reservation_net_unused_amortized_upfront_fee_for_billing_period": "0",
    }
    usage, plan_fee, covered, negation, fee, used = without(
        hour(net=True),
        "savings_plan_net_amortized_upfront_commitment_for_billing_period",
        "reservation_net_amortized_upfront_fee_for_billing_period",
    )
    covered = {**covered, "savings_plan_net_savings_plan_effective_cost": "0.27"}
    used = {**used, "reservation_net_effective_cost": "0.02025"}
    rows = [usage, {**plan_fee, **plan}, covered, negation, {**fee, **reserved}, used]
    # 0.36 of the plan's and 0.027 of the reservation's fee: nothing else
    assert lines(told(tmp_path, rows))["2026-09 USD"] == (Decimal("0.387"), Decimal("0.387"))


def month_of_hours(effective: str, unused_upfront: str) -> Rows:
    """A month of an m4.large at AWS's own example of USD 0.0309 an hour, with 100 dollars paid for a year upfront.

    700 of the 744 hours are used. Upfront it is 100 / 8760 = 0.0114155251… an hour.
    """
    fee = {
        "reservation_amortized_upfront_fee_for_billing_period": "8.49315068",  # 744 hours
        "reservation_unused_amortized_upfront_fee_for_billing_period": unused_upfront,
        "reservation_unused_recurring_fee": "1.3596",  # 44 hours
    }
    rows = [cur("Usage", "8"), cur("RIFee", "22.9896", **RESERVATION, **fee)]
    rows += [cur("DiscountedUsage", "0", **RESERVATION, reservation_effective_cost=effective)] * 700
    return [row | INVOICED for row in rows]


@pytest.mark.parametrize(
    ("effective", "unused", "differs"),
    [
        ("0.0423155251", "0.50228311", 0),  # ten digits an hour, as many as a cost has
        ("0.04231553", "0.50228311", 0),  # eight
        ("0.0423155", "0.50228311", 1),  # seven: no rounding of AWS's
        ("0.0423155251", "0.51369863", 1),  # an hour more that is unused
    ],
)
def test_amounts_are_the_same_within_the_digits_that_they_are_written_with(
    tmp_path: Path, effective: str, unused: str, differs: int
) -> None:
    home = told(tmp_path, month_of_hours(effective, unused))
    assert lines(home)[f"2026-09 USD{DIFFER}"] == (0, differs)
    expected, actual = lines(home)["2026-09 USD"]
    assert expected == Decimal("31.48275068")
    assert (actual == expected) is not bool(differs)


def test_of_thirds_of_a_plan_each_row_may_be_off_by_its_last_digit(tmp_path: Path) -> None:
    fee = {"savings_plan_total_commitment_to_date": "1", "savings_plan_used_commitment": "1"}
    home: House | None = None
    for third, differs in (("0.3333333333", 0), ("0.333333333", 1)):
        covered = [
            cur("SavingsPlanCoveredUsage", "2", **PLAN, savings_plan_savings_plan_effective_cost=third),
            cur("SavingsPlanNegation", "-2", **PLAN),
        ]
        rows = [cur("Usage", "8"), cur("SavingsPlanRecurringFee", "1", **PLAN, **fee), *covered * 3]
        home = told(tmp_path, [row | INVOICED for row in rows], home)
        assert lines(home)[f"2026-09 USD{DIFFER}"] == (0, differs)


def test_what_a_commitment_cost_goes_and_comes_with_its_unit(tmp_path: Path) -> None:
    remembered = "SELECT source, unit, commitment_id, fee_rows, cost FROM ledger.commitments ORDER BY 3"
    home = told(tmp_path, hour())
    plan, reservation = home.sql(remembered)[1], home.sql(remembered)[0]
    assert (reservation[3:], plan[3:]) == ((1, Decimal("0.05")), (1, Decimal(1)))

    assert told(tmp_path, [*hour(), hour()[1]], home).sql(remembered) == [reservation, (*plan[:3], 2, Decimal(2))]

    assert told(tmp_path, hour()[:1], home).sql(remembered) == []
    assert told(tmp_path, hour(), home).sql(remembered) == [reservation, plan]
    home.config = home.config.model_copy(update={"sources": ()})
    assert home.ok().sql(remembered) == []


def test_a_unit_that_an_older_version_read_is_not_compared_until_it_is_read_anew(tmp_path: Path) -> None:
    home = told(tmp_path, hour())
    home.sql("DELETE FROM ledger.commitments")
    assert lines(home) == {}
    home.sql("UPDATE ledger.units SET version = 'older'")
    assert lines(home.ok())["2026-09 USD"] == (Decimal("1.05"), Decimal("1.05"))
