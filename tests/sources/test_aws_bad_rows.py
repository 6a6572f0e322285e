"""Rows on AWS bills that are odd, and right: each counts once, with its own money and its own time."""

from __future__ import annotations

from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from .house import T0, House, cur, manifest, write_csv

SOURCE = {"name": "aws", "kind": "aws-cur2", "uri": "bucket", "export": "ml"}


@pytest.fixture
def house(tmp_path: Path) -> House:
    return House(tmp_path, SOURCE)


def deliver(house: House, rows: list[dict[str, Any]], after: float = 0, period: str = "2026-09") -> House:
    """The rows as the whole of a month, delivered so many seconds later, and loaded."""
    root = house.folder / "bucket"
    file = write_csv(root / "ml" / "data" / f"BILLING_PERIOD={period}" / "ml-1.csv.gz", rows)
    manifest(root, [file], period=period, when=T0 + 60 + after)
    return house.ok()


def test_one_line_id_on_several_hours_and_rows_that_are_the_same(house: House) -> None:
    """AWS gives a line's id to each of its hours; two rows alike in everything are two charges."""
    hour = cur(cost="1.25", identity_line_item_id="abc")
    next_hour = hour | {"line_item_usage_start_date": "2026-09-02T01:00:00.000Z"}
    next_hour |= {"line_item_usage_end_date": "2026-09-02T02:00:00.000Z"}
    deliver(house, [hour, hour, next_hour])
    assert house.sql("SELECT count(*), sum(BilledCost) FROM focus.charges") == [(3, Decimal("3.75"))]


def test_tax_and_fees_span_the_month_and_end_before_the_next(house: House) -> None:
    """Some end at the last second: FOCUS's ends are exclusive, the month is whole, and its money comes once."""
    month = {"line_item_usage_start_date": "2026-09-01T00:00:00.000Z"}
    ends = ["2026-10-01T00:00:00.000Z", "2026-09-30T23:59:59.000Z"]
    rows = [
        cur(kind, "31.5", **month, line_item_usage_end_date=end, line_item_line_item_description=f"{kind} {end}")
        for kind in ("Tax", "Fee", "RIFee")
        for end in ends
    ]
    deliver(house, rows)
    spans = house.sql("SELECT DISTINCT ChargePeriodStart, ChargePeriodEnd FROM focus.charges")
    assert [tuple(each.astimezone(UTC) for each in span) for span in spans] == [
        (datetime(2026, 9, 1, tzinfo=UTC), datetime(2026, 10, 1, tzinfo=UTC))
    ]
    assert house.sql("SELECT count(*), sum(BilledCost) FROM focus.charges") == [(6, 189)]


def test_a_refund_of_a_capacity_block(house: House) -> None:
    """One charge at the start for all of its hours, and money back: neither is an hour of anything."""
    block = {
        "line_item_usage_type": "USE2-CapacityBlockFee:p5.48xlarge",
        "line_item_resource_id": "arn:aws:ec2:us-east-2:1:capacity-reservation/cr-0f",
        "line_item_usage_amount": "1",
        "pricing_unit": "Hrs",
    }
    deliver(house, [cur("Fee", "31464", **block), cur("Refund", "-1573.2", **block)])
    assert house.sql(
        "SELECT ChargeCategory, BilledCost, EffectiveCost, CapacityReservationId, CommitmentDiscountId, x_GpuHours"
        " FROM focus.charges ORDER BY 1"
    ) == [
        ("Adjustment", Decimal("-1573.2"), Decimal("-1573.2"), block["line_item_resource_id"], None, None),
        ("Purchase", 31464, 31464, block["line_item_resource_id"], None, None),
    ]


def test_the_basis_is_each_payer_s_own(house: House) -> None:
    """One payer of a consolidated export has a negotiated discount: the other's empty net costs are not zeros."""
    rows = [
        cur(cost="10", line_item_net_unblended_cost="9"),
        cur("EdpDiscount", "-1", line_item_net_unblended_cost="0"),
        cur(cost="20", bill_payer_account_id="0042"),
        cur("Discount", "-2", bill_payer_account_id="0042"),
    ]
    deliver(house, rows)
    assert house.sql(
        "SELECT BillingAccountId, x_CostBasis, sum(BilledCost) FROM focus.charges GROUP BY ALL ORDER BY 1"
    ) == [("000011112222", "net", 9), ("0042", "unblended", 18)]


def test_a_net_cost_that_one_row_lacks_does_not_change_the_basis(house: House) -> None:
    """Decided by the row it would be gross here: the row without a net cost is refused, not guessed."""
    rows = [cur(cost="10", line_item_net_unblended_cost="9"), cur(cost="10")]
    root = house.folder / "bucket"
    manifest(root, [write_csv(root / "ml" / "data" / "BILLING_PERIOD=2026-09" / "ml-1.csv.gz", rows)])
    house.refused("BilledCost in 1 rows", "2026-09")


def test_a_closed_month_is_restated(house: House) -> None:
    """Two weeks after it closed, with a late refund: the month is the new one whole, and the change is known."""
    october = {"bill_billing_period_start_date": "2026-10-01", "bill_billing_period_end_date": "2026-11-01"}
    october |= {"line_item_usage_start_date": "2026-10-01", "line_item_usage_end_date": "2026-10-02"}
    deliver(house, [cur(cost="10"), cur(cost="5")])
    deliver(house, [cur(cost="7", **october)], period="2026-10")
    deliver(house, [cur(cost="10"), cur(cost="6"), cur("Refund", "-2.5")], after=14 * 86400)
    assert house.sql(
        "SELECT strftime(BillingPeriodStart, '%Y-%m'), sum(BilledCost) FROM focus.charges GROUP BY 1 ORDER BY 1"
    ) == [("2026-09", Decimal("13.5")), ("2026-10", 7)]
    assert house.sql("SELECT status, billed_total FROM ledger.loads WHERE billing_period = '2026-09' ORDER BY 1") == [
        ("current", Decimal("13.5")),
        ("superseded", 15),
    ]


def test_an_invoice_id_that_is_blank_until_the_month_closes(house: House) -> None:
    """It names the same money: nothing is restated, nothing comes twice."""
    deliver(house, [cur(cost="10", bill_invoice_id=""), cur(cost="5", bill_invoice_id="")])
    assert house.sql("SELECT DISTINCT InvoiceId FROM focus.charges") == [(None,)]
    deliver(house, [cur(cost="10", bill_invoice_id="2026-1"), cur(cost="5", bill_invoice_id="2026-1")], after=86400)
    assert house.sql("SELECT InvoiceId, count(*), sum(BilledCost) FROM focus.charges GROUP BY 1") == [("2026-1", 2, 15)]
    assert house.sql("SELECT billed_delta FROM ledger.changes") == [(15,)]


def test_a_gpu_type_never_seen_has_hours_that_are_not_known(house: House) -> None:
    """Unmapped is not zero: the hours stay, and their GPUs are null."""
    usage = {"line_item_usage_amount": "3", "pricing_unit": "Hrs"}
    deliver(house, [cur(line_item_usage_type="BoxUsage:p99x.48xlarge", **usage)])
    assert house.sql("SELECT SkuPriceDetails, ConsumedQuantity, x_GpuHours FROM focus.charges") == [
        ({"InstanceType": "p99x.48xlarge"}, 3, None)
    ]


def test_a_column_that_the_first_file_lacks(house: House) -> None:
    """Columns are united by name, not by their place in the first file."""
    root = house.folder / "bucket"
    folder = root / "ml" / "data" / "BILLING_PERIOD=2026-09"
    folder.mkdir(parents=True)
    tags = pa.map_(pa.string(), pa.string())
    first = [cur(cost="1")]
    second = [{**cur(cost="2"), "cost_category": [("Project", "P")], "resource_tags": [("user_team", "nlp")]}]
    kinds = {"cost_category": tags, "resource_tags": tags}
    files: list[Path] = []
    for number, rows in enumerate((first, second), 1):
        names = sorted(rows[0], reverse=number == 2)
        schema = pa.schema([(name, kinds.get(name, pa.string())) for name in names])
        files.append(folder / f"ml-{number}.parquet")
        pq.write_table(pa.Table.from_pylist(rows, schema=schema), files[-1])
    manifest(root, files)
    house.ok()
    assert house.sql("SELECT BilledCost, Tags FROM focus.charges ORDER BY 1") == [
        (1, None),
        (2, {"user_team": "nlp", "costCategory/Project": "P"}),
    ]


@pytest.mark.parametrize("kind", ["csv", "parquet"])
def test_tiny_costs_in_scientific_notation_and_negative_ones(house: House, kind: str) -> None:
    """1.2E-7 is how both kinds of file have it, one as text and one as a double."""
    costs = ["1.2E-7", "-1.2E-7", "-3.4e-10", "-12.5", "0.1", "0.2"]
    root = house.folder / "bucket"
    folder = root / "ml" / "data" / "BILLING_PERIOD=2026-09"
    if kind == "csv":
        file = write_csv(folder / "ml-1.csv", [cur(cost=cost) for cost in costs])
    else:
        folder.mkdir(parents=True)
        file = folder / "ml-1.parquet"
        rows: list[dict[str, Any]] = [cur() | {"line_item_unblended_cost": float(cost)} for cost in costs]
        pq.write_table(pa.Table.from_pylist(rows), file)
    manifest(root, [file])
    assert house.ok().total() == sum((Decimal(cost) for cost in costs), Decimal(0)) == Decimal("-12.20000000034")


def test_a_reservation_without_a_public_price_has_no_list_price(house: House) -> None:
    """Its unblended cost is 0: no price, and not to be taken for one."""
    arn = {"reservation_reservation_a_r_n": "arn:aws:ec2:us-east-1:1:reserved-instances/r1"}
    deliver(house, [cur("DiscountedUsage", "0", reservation_effective_cost="2", **arn)])
    assert house.sql("SELECT EffectiveCost, ListCost, ContractedCost FROM focus.charges") == [(Decimal(2), None, None)]


@pytest.mark.parametrize(
    ("total", "used", "net", "unused"),
    [
        # half of a plan at ten percent off is unused
        ("1", "0.5", "0.9", "0.45"),
        # the columns say something else than this hour's commitment: the gross part stands
        ("1", "0.5", "648", "0.5"),
        # a correction
        ("-0.3", "0", "-0.1", "-0.3"),
    ],
)
def test_a_net_plan_s_unused_part_is_taken_from_columns_that_fit(
    house: House, total: str, used: str, net: str, unused: str
) -> None:
    columns = {
        "line_item_net_unblended_cost": net,
        "savings_plan_savings_plan_a_r_n": "arn:aws:savingsplans::1:savingsplan/s1",
        "savings_plan_total_commitment_to_date": total,
        "savings_plan_used_commitment": used,
        "savings_plan_net_recurring_commitment_for_billing_period": net,
    }
    deliver(house, [cur("SavingsPlanRecurringFee", total, **columns)])
    found = house.sql("SELECT EffectiveCost FROM focus.charges WHERE CommitmentDiscountStatus = 'Unused'")
    assert found == [(Decimal(unused),)]


def test_a_reservation_fee_that_tells_no_unused_part_is_counted_as_such(house: House) -> None:
    arn = {"reservation_reservation_a_r_n": "arn:aws:ec2:us-east-1:1:reserved-instances/r1"}
    deliver(house, [cur("RIFee", "20", **arn)])
    assert house.sql("SELECT reason, row_count FROM ledger.left_out") == [
        ("reservation whose unused part the report does not tell", 1)
    ]


def test_costs_in_kinds_of_fractions_that_cannot_meet_are_refused(house: House) -> None:
    """A 32-bit and a 64-bit number, united, would be 0.30000000149011612: better a refusal than such a sum."""
    root = house.folder / "bucket"
    folder = root / "ml" / "data" / "BILLING_PERIOD=2026-09"
    folder.mkdir(parents=True)
    files: list[Path] = []
    for number, (kind, cost) in enumerate([(pa.float32(), 0.1), (pa.float64(), 0.2)]):
        table = pa.Table.from_pylist([cur()]).drop_columns(["line_item_unblended_cost"])
        files.append(folder / f"ml-{number}.parquet")
        pq.write_table(table.append_column("line_item_unblended_cost", pa.array([cost], kind)), files[-1])
    manifest(root, files)
    house.refused("disagree", "line_item_unblended_cost", "as DOUBLE and as FLOAT")
