"""AWS's cost columns by line type: a report with one row of each, in both bases, against a table by hand.

The expected amounts are typed from the rules (B is the bill's amount, P the public on-demand cost); every
input has digits of its own, so that an amount from the wrong column shows.
"""

from __future__ import annotations

from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from .house import House, cur, legacy, manifest, write_csv

RESERVATION = {"reservation_reservation_a_r_n": "arn:aws:ec2:us-east-1:1:reserved-instances/r1"}
PLAN = {"savings_plan_savings_plan_a_r_n": "arn:aws:savingsplans::1:savingsplan/s1"}
P = {"pricing_public_on_demand_cost": "9.5"}
EFFECTIVE = {"reservation_effective_cost": "2.25", "reservation_net_effective_cost": "2.125"}
PLAN_EFFECTIVE = {
    "savings_plan_savings_plan_effective_cost": "3.75",
    "savings_plan_net_savings_plan_effective_cost": "3.5",
}
UNUSED = {
    "reservation_unused_amortized_upfront_fee_for_billing_period": "0.4",
    "reservation_unused_recurring_fee": "0.2",
    "reservation_net_unused_amortized_upfront_fee_for_billing_period": "0.3",
    "reservation_net_unused_recurring_fee": "0.1",
}
COMMITTED = {"savings_plan_total_commitment_to_date": "10", "savings_plan_used_commitment": "7.5"}
NET_COMMITTED = {
    "savings_plan_net_recurring_commitment_for_billing_period": "5.5",
    "savings_plan_net_amortized_upfront_commitment_for_billing_period": "3.3",
}


def row(key: str, kind: str, cost: str, net: str, **more: Any) -> dict[str, Any]:
    # the id of the row travels in the description
    return cur(kind, cost, line_item_net_unblended_cost=net, line_item_line_item_description=key, **more)


ROWS = [
    row("usage", "Usage", "8", "7", **P),
    row("ri-used", "DiscountedUsage", "0", "0", **P, **EFFECTIVE, **RESERVATION),
    row("sp-used", "SavingsPlanCoveredUsage", "6", "5", **P, **PLAN_EFFECTIVE, **PLAN),
    row("sp-negation", "SavingsPlanNegation", "-6", "-5", **PLAN),
    row("sp-fee", "SavingsPlanRecurringFee", "10", "9.25", **COMMITTED, **PLAN),
    row("sp-part-fee", "SavingsPlanRecurringFee", "6", "5.5", **COMMITTED, **NET_COMMITTED, **PLAN),
    row("sp-upfront", "SavingsPlanUpfrontFee", "100", "95", **PLAN),
    row("ri-upfront", "Fee", "50", "48", **RESERVATION),
    row("ri-fee", "RIFee", "20", "19", **UNUSED, **RESERVATION),
    row("ri-gross-fee", "RIFee", "21", "20", reservation_unused_recurring_fee="0.7", **RESERVATION),
    row("fee", "Fee", "15", "14", **P),
    row("credit", "Credit", "-3", "-2.5"),
    row("tax", "Tax", "1.1", "1.05"),
    row("refund", "Refund", "-4", "-3.5"),
    row("ri-refund", "Refund", "-12", "-11", **RESERVATION),
    *(
        row(kind, kind, f"-{amount}", "0")
        for kind, amount in [
            *(("EdpDiscount", "0.5"), ("PrivateRateDiscount", "0.25"), ("BundledDiscount", "0.75")),
            *(("Discount", "0.125"), ("RiVolumeDiscount", "0.375")),
        ]
    ),
    row("pod", "Usage", "1.5", "1.25", line_item_operation="EKSPod-EC2"),
    row("task", "Usage", "1.75", "1.5", line_item_operation="ECSTask-EC2"),
]

# key: category, status, Billed, Effective, List, Contracted
UNBLENDED = {
    ("usage", None): ("Usage", "8", "8", "9.5", "8"),
    ("ri-used", "Used"): ("Usage", "0", "2.25", "9.5", "9.5"),
    ("sp-used", "Used"): ("Usage", "0", "3.75", "9.5", "6"),
    ("sp-fee", None): ("Purchase", "10", "0", "10", "10"),
    ("sp-fee", "Unused"): ("Usage", "0", "2.5", "2.5", "2.5"),
    ("sp-part-fee", None): ("Purchase", "6", "0", "6", "6"),
    ("sp-part-fee", "Unused"): ("Usage", "0", "2.5", "2.5", "2.5"),
    ("sp-upfront", None): ("Purchase", "100", "0", "100", "100"),
    ("ri-upfront", None): ("Purchase", "50", "0", "50", "50"),
    ("ri-fee", None): ("Purchase", "20", "0", "20", "20"),
    ("ri-fee", "Unused"): ("Usage", "0", "0.6", "0.6", "0.6"),
    ("ri-gross-fee", None): ("Purchase", "21", "0", "21", "21"),
    ("ri-gross-fee", "Unused"): ("Usage", "0", "0.7", "0.7", "0.7"),
    ("fee", None): ("Purchase", "15", "15", "15", "15"),
    ("credit", None): ("Credit", "-3", "-3", "-3", "-3"),
    ("tax", None): ("Tax", "1.1", "1.1", "1.1", "1.1"),
    ("refund", None): ("Adjustment", "-4", "-4", "-4", "-4"),
    ("ri-refund", None): ("Adjustment", "-12", "0", "-12", "-12"),
    ("EdpDiscount", None): ("Usage", "-0.5", "-0.5", "0", "-0.5"),
    ("PrivateRateDiscount", None): ("Usage", "-0.25", "-0.25", "0", "-0.25"),
    ("BundledDiscount", None): ("Usage", "-0.75", "-0.75", "0", "-0.75"),
    ("Discount", None): ("Usage", "-0.125", "-0.125", "0", "-0.125"),
    ("RiVolumeDiscount", None): ("Usage", "-0.375", "-0.375", "0", "-0.375"),
}
NET = {
    ("usage", None): ("Usage", "7", "7", "9.5", "7"),
    ("ri-used", "Used"): ("Usage", "0", "2.125", "9.5", "9.5"),
    ("sp-used", "Used"): ("Usage", "0", "3.5", "9.5", "6"),
    ("sp-fee", None): ("Purchase", "9.25", "0", "9.25", "9.25"),
    ("sp-fee", "Unused"): ("Usage", "0", "2.5", "2.5", "2.5"),
    ("sp-part-fee", None): ("Purchase", "5.5", "0", "5.5", "5.5"),
    # a quarter of 5.5 + 3.3; above, where the net columns are not exported, the gross part stands
    ("sp-part-fee", "Unused"): ("Usage", "0", "2.2", "2.2", "2.2"),
    ("sp-upfront", None): ("Purchase", "95", "0", "95", "95"),
    ("ri-upfront", None): ("Purchase", "48", "0", "48", "48"),
    ("ri-fee", None): ("Purchase", "19", "0", "19", "19"),
    ("ri-fee", "Unused"): ("Usage", "0", "0.4", "0.4", "0.4"),
    ("ri-gross-fee", None): ("Purchase", "20", "0", "20", "20"),
    ("ri-gross-fee", "Unused"): ("Usage", "0", "0.7", "0.7", "0.7"),
    ("fee", None): ("Purchase", "14", "14", "14", "14"),
    ("credit", None): ("Credit", "-2.5", "-2.5", "-2.5", "-2.5"),
    ("tax", None): ("Tax", "1.05", "1.05", "1.05", "1.05"),
    ("refund", None): ("Adjustment", "-3.5", "-3.5", "-3.5", "-3.5"),
    ("ri-refund", None): ("Adjustment", "-11", "0", "-11", "-11"),
}
FREQUENCY = {
    **dict.fromkeys(("sp-fee", "sp-part-fee", "ri-fee", "ri-gross-fee"), "Recurring"),
    **dict.fromkeys(("sp-upfront", "ri-upfront"), "One-Time"),
}


def report(rows: list[dict[str, Any]], basis: str) -> list[dict[str, Any]]:
    """The rows as a report on one basis has them: one without net columns lacks them."""
    if basis == "net":
        return rows
    return [{name: value for name, value in each.items() if "_net_" not in name} for each in rows]


@pytest.fixture(scope="module", params=["cur2 unblended", "cur2 net", "cur1 unblended", "cur1 net"])
def house(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> tuple[str, House]:
    generation, basis = request.param.split()
    folder = tmp_path_factory.mktemp("bill")
    if generation == "cur2":
        root = folder / "bucket"
        file = root / "ml" / "data" / "BILLING_PERIOD=2026-09" / "ml-00001.csv.gz"
        manifest(root, [write_csv(file, report(ROWS, basis))])
        return basis, House(folder, {"name": "aws", "kind": "aws-cur2", "uri": "bucket", "export": "ml"}).ok()
    write_csv(folder / "report.csv", [legacy(each) for each in report(ROWS, basis)])
    return basis, House(folder, {"name": "aws", "kind": "aws-cur1", "uri": "report.csv"}).ok()


def test_every_line_type_costs_what_the_table_says(house: tuple[str, House]) -> None:
    basis, home = house
    found = {
        (key, status): tuple(amounts)
        for key, status, *amounts in home.sql(
            "SELECT ChargeDescription, CommitmentDiscountStatus, ChargeCategory, BilledCost, EffectiveCost, ListCost,"
            " ContractedCost FROM focus.charges"
        )
    }
    table = NET if basis == "net" else UNBLENDED
    expected = {key: (category, *map(Decimal, amounts)) for key, (category, *amounts) in table.items()}
    assert found == expected


def test_the_basis_is_told(house: tuple[str, House]) -> None:
    basis, home = house
    assert home.sql("SELECT DISTINCT x_CostBasis FROM focus.charges") == [(basis,)]


def test_purchases_have_their_frequency(house: tuple[str, House]) -> None:
    found = dict(
        house[1].sql(
            "SELECT ChargeDescription, ChargeFrequency FROM focus.charges "
            "WHERE ChargeCategory = 'Purchase' AND CommitmentDiscountId IS NOT NULL"
        )
    )
    assert found == FREQUENCY


def test_what_is_left_out_is_counted_with_its_reason(house: tuple[str, House]) -> None:
    basis, home = house
    found = {
        reason.partition(":")[0]: count for reason, count in home.sql("SELECT reason, row_count FROM ledger.left_out")
    }
    assert found == {"split cost": 2, "negation": 1} | ({"discount": 5} if basis == "net" else {})


PLAN_MONTHS = {"fully used": ("10", "0"), "half used": ("5", "5"), "unused": ("0", "10")}


@pytest.mark.parametrize("month", PLAN_MONTHS)
def test_a_commitment_s_effective_cost_is_what_was_billed_for_it(tmp_path: Path, month: str) -> None:
    used, unused = PLAN_MONTHS[month]
    rows = [cur("SavingsPlanRecurringFee", "10", savings_plan_total_commitment_to_date="10",
                savings_plan_used_commitment=used, **PLAN)]  # fmt: skip
    if used != "0":
        covered = {"savings_plan_savings_plan_effective_cost": used, **PLAN}
        rows += [cur("SavingsPlanCoveredUsage", "14", **covered), cur("SavingsPlanNegation", "-14", **PLAN)]
    write_csv(tmp_path / "report.csv", [legacy(each) for each in rows])
    home = House(tmp_path, {"name": "aws", "kind": "aws-cur1", "uri": "report.csv"}).ok()
    ((effective, billed, waste),) = home.sql(
        "SELECT sum(EffectiveCost) FILTER (CommitmentDiscountStatus IN ('Used', 'Unused')),"
        " sum(BilledCost) FILTER (ChargeCategory = 'Purchase'),"
        " coalesce(sum(EffectiveCost) FILTER (CommitmentDiscountStatus = 'Unused'), 0) FROM focus.charges"
    )
    assert effective == billed == 10
    assert waste == Decimal(unused)


@pytest.mark.parametrize("missing", ["bill_payer_account_id", "bill_billing_period_start_date"])
def test_a_row_without_what_its_basis_hangs_on_is_refused_and_not_dropped(tmp_path: Path, missing: str) -> None:
    rows = [legacy(cur()), legacy({**cur(), missing: ""})]
    write_csv(tmp_path / "report.csv", rows)
    house = House(tmp_path, {"name": "aws", "kind": "aws-cur1", "uri": "report.csv"})
    house.refused("may lack are missing", "in 1 rows")


@pytest.mark.parametrize(("left", "loads"), [("-13.9999999998", True), ("-13.98", False)])
def test_covered_usage_and_negation_that_do_not_quite_cancel(tmp_path: Path, left: str, loads: bool) -> None:
    """Rounding in the provider's last digits is shown by a check; a missing negation stops the load."""
    house = House(tmp_path, {"name": "aws", "kind": "aws-cur1", "uri": "report.csv"})
    rows = [cur("Usage", "8"), cur("SavingsPlanCoveredUsage", "14", **PLAN_EFFECTIVE, **PLAN)]
    rows.append(cur("SavingsPlanNegation", left, **PLAN))
    write_csv(tmp_path / "report.csv", [legacy(each) for each in rows])
    if not loads:
        house.refused("do not add up", "after negation should be 0, is 0.02")
        return
    house.ok()
    assert house.total() == Decimal(8)
    assert house.sql("SELECT sum(residual) FROM ledger.source_totals") == [(Decimal("0.0000000002"),)]
