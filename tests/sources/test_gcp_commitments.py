"""Commitments on Google's bill, on both bases, with numbers that were worked out by hand.

One hour of a commitment of 3.00 with a contract's discount of a tenth on all prices. Until 2026-01-20 a commitment is
a credit: the usage costs its list price and is credited whole, the fee is charged in full. Since then it is a price:
the usage costs what the commitment makes of it, and the fee is set off by what was used.
"""

from __future__ import annotations

from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from .google import DAYS, adjusted, credit, deliver, google, negated
from .house import House, Row
from .test_gcp_bad_rows import span

PLAN = "cud-7f21"
FEE = {"id": "5A1D-7C84-E2F6", "description": "Commitment - dollar based v1: GPU in us-central1 for 1 Year"}
DEFAULT = {"id": "D97B-0795-975B", "description": "Default", "applied_subscription_instance_id": None}
YEAR = {"id": "7754-699E-0EBF", "description": "1 Year committed use discount"}
OLD = span("2026-01-20 18:00", "2026-01-20 19:00", invoice={"month": "202601"})
NEW = span("2026-02-02 18:00", "2026-02-02 19:00", invoice={"month": "202602"})
COLUMNS = "ChargeCategory, CommitmentDiscountStatus, BilledCost, EffectiveCost"
Found = tuple[str, str | None, Decimal, Decimal]


def usage(cost: float, **more: Any) -> dict[str, Any]:
    return google(cost, consumption_model=DEFAULT, **more)


def covered(cost: float, **more: Any) -> dict[str, Any]:
    given = {"consumption_model": YEAR | {"applied_subscription_instance_id": PLAN}, "cost_at_list": 4.0}
    return google(cost, **(NEW | given | more))


def fee(**more: Any) -> dict[str, Any]:
    return google(3.0, sku=FEE, subscription={"instance_id": PLAN}, consumption_model=DEFAULT, **more)


# 2.88 at the commitment's price, less a tenth: 2.592; of the fee's 3.00 less a tenth, 2.592 is set off: 0.108 is unused
NEW_MODEL = [
    covered(2.88, credits=[credit(-0.288, "DISCOUNT")]),
    usage(4.0, **NEW),
    fee(**NEW, credits=[credit(-0.3, "DISCOUNT"), credit(-2.592, "FEE_UTILIZATION_OFFSET")]),
]
# 4.00 is credited whole, and of 5.00 what the commitment had left; the fee is charged
OLD_MODEL = [
    usage(4.0, **OLD, credits=[credit(-4.0, "COMMITTED_USAGE_DISCOUNT_DOLLAR_BASE", id=PLAN)]),
    usage(5.0, **OLD, credits=[credit(-1.25, "COMMITTED_USAGE_DISCOUNT", id=PLAN)]),
    fee(**OLD, credits=[]),
]


def house(folder: Path, basis: str) -> House:
    return House(folder / basis, {"name": "gcp", "kind": "gcp-files", "uri": "export", "basis": basis})


def charges(folder: Path, basis: str, rows: list[Row]) -> list[Found]:
    loaded = deliver(house(folder, basis), {DAYS[0]: rows})
    assert loaded.sql("SELECT DISTINCT x_CostBasis FROM focus.charges") == [(basis,)]
    return loaded.sql(f"SELECT {COLUMNS} FROM focus.charges ORDER BY ALL")  # type: ignore[return-value]


def totals(found: list[Found]) -> tuple[Decimal, Decimal]:
    return sum((each[2] for each in found), Decimal(0)), sum((each[3] for each in found), Decimal(0))


def money(*rows: tuple[str, str | None, str, str]) -> list[Found]:
    return [(category, status, Decimal(billed), Decimal(effective)) for category, status, billed, effective in rows]


def test_a_commitment_that_is_a_price_on_the_provider_s_basis(tmp_path: Path) -> None:
    """Billed and effective are what the row costs, credits included."""
    assert charges(tmp_path, "provider", NEW_MODEL) == money(
        ("Purchase", None, "0.108", "0.108"),
        ("Usage", "Used", "2.592", "2.592"),
        ("Usage", None, "4", "4"),
    )


def test_a_commitment_that_is_a_price_on_focus_s_basis(tmp_path: Path) -> None:
    """The fee pays for what it covered; what nothing used of it is a row of its own."""
    assert charges(tmp_path, "focus", NEW_MODEL) == money(
        ("Purchase", None, "2.7", "0"),
        ("Usage", "Unused", "0", "0.108"),
        ("Usage", "Used", "0", "2.592"),
        ("Usage", None, "4", "4"),
    )


@pytest.mark.parametrize("basis", ["provider", "focus"])
def test_a_commitment_that_is_a_credit_is_the_same_on_both_bases(tmp_path: Path, basis: str) -> None:
    """Nothing on the bill tells what part of the fee was used: it stays with the fee."""
    assert charges(tmp_path, basis, OLD_MODEL) == money(
        ("Purchase", None, "3", "3"),
        ("Usage", "Used", "0", "0"),
        ("Usage", "Used", "3.75", "3.75"),
    )


def test_both_bases_come_to_one_total(tmp_path: Path) -> None:
    provider, focus = (charges(tmp_path, basis, [*OLD_MODEL, *NEW_MODEL]) for basis in ("provider", "focus"))
    assert totals(provider) == totals(focus) == (Decimal("13.45"), Decimal("13.45"))


@pytest.mark.parametrize("basis", ["provider", "focus"])
def test_a_commitment_that_is_taken_back_leaves_nothing(tmp_path: Path, basis: str) -> None:
    """Negations of covered usage, of the fee and of what nothing used, on the next invoice: all come to zero."""
    later = {"invoice": {"month": "202603"}}
    rows = [*NEW_MODEL, *(negated("PRICE_CORRECTION", row, **later) for row in NEW_MODEL)]
    found = charges(tmp_path, basis, rows)
    by_kind: dict[tuple[str, str | None], tuple[Decimal, Decimal]] = {}
    for category, status, billed, effective in found:
        before = by_kind.get((category, status), (Decimal(0), Decimal(0)))
        by_kind[category, status] = before[0] + billed, before[1] + effective
    assert set(by_kind.values()) == {(Decimal(0), Decimal(0))}
    assert len(by_kind) == (4 if basis == "focus" else 3)


def test_a_commitment_that_is_used_up_has_no_money_unused(tmp_path: Path) -> None:
    rows = [covered(3.0, credits=[]), fee(**NEW, credits=[credit(-3.0, "FEE_UTILIZATION_OFFSET")])]
    found = charges(tmp_path, "focus", rows)
    assert ("Purchase", None, 3, 0) in found
    assert ("Usage", "Used", 0, 3) in found
    assert [each[2:] for each in found if each[1] == "Unused"] in ([], [(0, 0)])
    assert totals(found) == (3, 3)


def test_an_adjustment_of_a_commitment_is_money_and_no_purchase(tmp_path: Path) -> None:
    """Goodwill for a fee has the fee's SKU, on either basis it is what it says."""
    row = adjusted("GOODWILL", fee(**NEW, credits=[]), cost=-1.5)
    for basis in ("provider", "focus"):
        assert charges(tmp_path, basis, [row]) == money(("Credit", None, "-1.5", "-1.5"))


def test_the_commitment_is_named_on_each_of_its_charges(tmp_path: Path) -> None:
    loaded = deliver(house(tmp_path, "focus"), {DAYS[0]: [*NEW_MODEL, *OLD_MODEL]})
    named = "SELECT CommitmentDiscountId, count(*) FROM focus.charges GROUP BY 1 ORDER BY 1"
    assert loaded.sql(named) == [(PLAN, 6), (None, 1)]
    reported = "SELECT PricingCategory FROM focus.charges WHERE ChargeCategory = 'Usage' AND {}"
    assert loaded.sql(reported.format("CommitmentDiscountStatus = 'Used'")) == [("Committed",)] * 3
    assert loaded.sql(reported.format("CommitmentDiscountId IS NULL")) == [("Standard",)]


def test_a_subscription_that_was_not_applied_covers_nothing(tmp_path: Path) -> None:
    """Only the commitment that gave the price pays for the row: the name of one alone moves no money."""
    rows = [
        covered(2.0, credits=[], consumption_model=YEAR, subscription={"instance_id": PLAN}),
        usage(1.0, **NEW, subscription={"instance_id": PLAN}),
    ]
    assert charges(tmp_path, "focus", rows) == money(("Usage", "Used", "1", "1"), ("Usage", "Used", "2", "2"))


@pytest.mark.parametrize("basis", ["provider", "focus"])
def test_the_source_s_own_total_is_that_of_the_basis(tmp_path: Path, basis: str) -> None:
    """What is compared within the load: on FOCUS's basis without what was covered, and without what was set off."""
    loaded = deliver(house(tmp_path, basis), {DAYS[0]: [*NEW_MODEL, *OLD_MODEL]})
    # 4 + 3 - 0.3 - 2.592 + 2.592 in February on Google's basis, 4 + 2.7 on FOCUS's: the same to the last digit
    assert loaded.sql("SELECT billing_period, billed_total, row_count FROM ledger.source_totals ORDER BY 1") == [
        ("2026-01", Decimal("6.75"), 3),
        ("2026-02", Decimal("6.7"), 3),
    ]
    assert loaded.sql("SELECT sum(BilledCost) FROM focus.charges WHERE x_InvoiceMonth = '2026-02'") == [
        (Decimal("6.7"),)
    ]


def test_a_restatement_from_one_basis_to_the_other_moves_no_total(tmp_path: Path) -> None:
    """The basis is the configuration's: the next run puts the charges on it, and no cent comes or goes."""
    before = deliver(house(tmp_path, "provider"), {DAYS[0]: NEW_MODEL})
    assert before.total() == Decimal("6.7")
    after = House(before.folder, {"name": "gcp", "kind": "gcp-files", "uri": "export", "basis": "focus"}).ok()
    assert after.sql(f"SELECT {COLUMNS} FROM focus.charges ORDER BY ALL") == money(
        ("Purchase", None, "2.7", "0"),
        ("Usage", "Unused", "0", "0.108"),
        ("Usage", "Used", "0", "2.592"),
        ("Usage", None, "4", "4"),
    )
    assert after.sql("SELECT sum(billed_delta), sum(effective_delta) FROM ledger.changes") == [
        (Decimal("6.7"), Decimal("6.7"))
    ]
