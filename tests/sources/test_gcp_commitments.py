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


CASES: dict[str, list[Row]] = {
    "price": NEW_MODEL,
    "credit": OLD_MODEL,
    "taken back": [*NEW_MODEL, *(negated("PRICE_CORRECTION", row, invoice={"month": "202603"}) for row in NEW_MODEL)],
    "used up": [covered(3.0, credits=[]), fee(**NEW, credits=[credit(-3.0, "FEE_UTILIZATION_OFFSET")])],
    # nothing used it, and Google may credit no offset at all
    "wholly unused": [fee(**NEW, credits=[]), fee(**NEW, credits=[credit(-0.3, "DISCOUNT")])],
    # a fee whose text does not say that it is one: the offset does
    "another text": [
        covered(3.0, credits=[]),
        google(
            3.0,
            **NEW,
            sku={"id": "1", "description": "Flexible plan"},
            credits=[credit(-3.0, "FEE_UTILIZATION_OFFSET")],
        ),
    ],
    "goodwill": [adjusted("GOODWILL", fee(**NEW, credits=[]), cost=-1.5)],
    "not applied": [
        covered(2.0, credits=[], consumption_model=YEAR, subscription={"instance_id": PLAN}),
        usage(1.0, **NEW, subscription={"instance_id": PLAN}),
    ],
}


class Bill:
    """All cases on one basis, each in an ingestion-day partition of its own."""

    def __init__(self, folder: Path, basis: str) -> None:
        self.basis = basis
        self.house = House(folder, {"name": "gcp", "kind": "gcp-files", "uri": "export", "basis": basis})
        deliver(self.house, dict(zip(DAYS, CASES.values(), strict=False)))

    def charges(self, case: str, columns: str = COLUMNS, rest: str = "ORDER BY ALL") -> list[tuple[Any, ...]]:
        unit = f"_PARTITIONDATE={DAYS[list(CASES).index(case)]}"
        return self.house.sql(f"SELECT {columns} FROM focus.charges WHERE x_SourceUnit = ? {rest}", unit)

    def totals(self, case: str) -> tuple[Decimal, Decimal]:
        """Billed and effective."""
        return self.charges(case, "sum(BilledCost), sum(EffectiveCost)")[0]  # type: ignore[return-value]


@pytest.fixture(scope="module")
def provider(tmp_path_factory: pytest.TempPathFactory) -> Bill:
    return Bill(tmp_path_factory.mktemp("provider"), "provider")


@pytest.fixture(scope="module")
def focus(tmp_path_factory: pytest.TempPathFactory) -> Bill:
    return Bill(tmp_path_factory.mktemp("focus"), "focus")


@pytest.fixture(params=["provider", "focus"])
def bill(request: pytest.FixtureRequest) -> Bill:
    return request.getfixturevalue(request.param)


def money(*rows: tuple[str, str | None, str, str]) -> list[tuple[Any, ...]]:
    return [(category, status, Decimal(billed), Decimal(effective)) for category, status, billed, effective in rows]


PRICE_ON_FOCUS_BASIS = money(
    ("Purchase", None, "2.7", "0"),
    ("Usage", "Unused", "0", "0.108"),
    ("Usage", "Used", "0", "2.592"),
    ("Usage", None, "4", "4"),
)


def test_a_commitment_that_is_a_price_on_the_provider_s_basis(provider: Bill) -> None:
    """Billed and effective are what the row costs, credits included."""
    assert provider.charges("price") == money(
        ("Purchase", None, "0.108", "0.108"),
        ("Usage", "Used", "2.592", "2.592"),
        ("Usage", None, "4", "4"),
    )


def test_a_commitment_that_is_a_price_on_focus_s_basis(focus: Bill) -> None:
    """The fee pays for what it covered; what nothing used of it is a row of its own."""
    assert focus.charges("price") == PRICE_ON_FOCUS_BASIS


def test_a_commitment_that_is_a_credit_is_the_same_on_both_bases(bill: Bill) -> None:
    """Nothing on the bill tells what part of the fee was used: it stays with the fee."""
    assert bill.charges("credit") == money(
        ("Purchase", None, "3", "3"),
        ("Usage", "Used", "0", "0"),
        ("Usage", "Used", "3.75", "3.75"),
    )


def test_both_bases_come_to_one_total(provider: Bill, focus: Bill) -> None:
    expected = {"price": "6.7", "credit": "6.75", "taken back": "0", "used up": "3", "goodwill": "-1.5"}
    for case, amount in expected.items():
        assert provider.totals(case) == focus.totals(case) == (Decimal(amount), Decimal(amount)), case


def test_the_basis_is_on_every_charge(bill: Bill) -> None:
    kept = {"provider": "provider", "focus": "strict"}[bill.basis]
    assert bill.house.sql("SELECT DISTINCT x_CostBasis FROM focus.charges") == [(kept,)]


def test_a_commitment_that_is_taken_back_leaves_nothing(bill: Bill) -> None:
    """Negations of covered usage, of the fee and of what nothing used, on the next invoice: each comes to zero."""
    kinds = "GROUP BY ChargeCategory, CommitmentDiscountStatus, CommitmentDiscountId"
    sums = bill.charges("taken back", "count(*), sum(BilledCost), sum(EffectiveCost)", kinds)
    assert sums == [(2, 0, 0)] * (4 if bill.basis == "focus" else 3)


def test_what_nobody_used_is_unused_without_an_offset_too(bill: Bill) -> None:
    found = bill.charges("wholly unused")
    if bill.basis == "provider":
        assert found == money(("Purchase", None, "2.7", "2.7"), ("Purchase", None, "3", "3"))
    else:
        assert found == money(
            ("Purchase", None, "2.7", "0"),
            ("Purchase", None, "3", "0"),
            ("Usage", "Unused", "0", "2.7"),
            ("Usage", "Unused", "0", "3"),
        )


def test_an_offset_tells_a_fee_whatever_its_text(focus: Bill) -> None:
    assert focus.totals("another text") == (3, 3)
    assert ("Purchase", None, 3, 0) in focus.charges("another text")


def test_a_commitment_that_is_used_up_has_no_money_unused(focus: Bill) -> None:
    found = focus.charges("used up")
    assert ("Purchase", None, 3, 0) in found
    assert ("Usage", "Used", 0, 3) in found
    assert [each[2:] for each in found if each[1] == "Unused"] in ([], [(0, 0)])


def test_an_adjustment_of_a_commitment_is_money_and_no_purchase(bill: Bill) -> None:
    """Goodwill for a fee has the fee's SKU, on either basis it is what it says."""
    assert bill.charges("goodwill") == money(("Credit", None, "-1.5", "-1.5"))


def test_a_subscription_that_was_not_applied_covers_nothing(bill: Bill) -> None:
    """Only the commitment that gave the price pays for the row: the name of one alone moves no money."""
    assert bill.charges("not applied") == money(("Usage", "Used", "1", "1"), ("Usage", "Used", "2", "2"))


def test_the_commitment_is_named_on_each_of_its_charges(focus: Bill) -> None:
    columns = "ChargeCategory, CommitmentDiscountStatus, CommitmentDiscountId, PricingCategory"
    assert focus.charges("price", columns) == [
        ("Purchase", None, PLAN, "Standard"),
        ("Usage", "Unused", PLAN, "Committed"),
        ("Usage", "Used", PLAN, "Committed"),
        ("Usage", None, None, "Standard"),
    ]
    assert {row[2] for row in focus.charges("credit", columns)} == {PLAN}


def test_the_source_s_own_total_is_its_invoice_on_either_basis(bill: Bill) -> None:
    """What is compared within the load is the invoice, cost and credits, whoever reads them."""
    unit = f"_PARTITIONDATE={DAYS[0]}"
    totals = "SELECT billing_period, billed_total, row_count FROM ledger.source_totals WHERE unit = ?"
    # 2.592 + 4 + 0.108
    assert bill.house.sql(totals, unit) == [("2026-02", Decimal("6.7"), 3)]


def test_from_one_basis_to_the_other_no_total_moves(tmp_path: Path) -> None:
    """The basis is the configuration's: the next run puts the charges on it, and no cent comes or goes."""
    source = {"name": "gcp", "kind": "gcp-files", "uri": "export"}
    before = deliver(House(tmp_path, source), {DAYS[0]: NEW_MODEL})
    assert before.total() == Decimal("6.7")
    after = House(before.folder, source | {"basis": "focus"}).ok()
    assert after.sql(f"SELECT {COLUMNS} FROM focus.charges ORDER BY ALL") == PRICE_ON_FOCUS_BASIS
    changed = "SELECT sum(billed_delta), sum(effective_delta) FROM ledger.changes"
    assert after.sql(changed) == [(Decimal("6.7"), Decimal("6.7"))]


def test_the_resource_of_a_fee_is_the_commitment(focus: Bill) -> None:
    """FOCUS's DiscountHandling-A-012-C and A-019-C; usage keeps the resource that it is of, or none."""
    asked = "ChargeCategory, CommitmentDiscountStatus, ResourceId = CommitmentDiscountId, ResourceType = 'Commitment'"
    assert focus.charges("price", asked, "AND ResourceId IS NOT NULL AND CommitmentDiscountId IS NOT NULL") == [
        ("Purchase", None, True, True),
        ("Usage", "Unused", True, True),
    ]
