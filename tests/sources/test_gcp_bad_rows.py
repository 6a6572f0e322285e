"""Rows on Google's bills that are odd, and right: each counts once, with its own money and its own time.

One bill has them all, each item in an ingestion-day partition of its own.
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest

from .google import DAYS, SOURCE, adjusted, credit, deliver, google, labels
from .house import House, Row

ZONE = "//compute.googleapis.com/projects/407408718192/zones/us-central1-a"
GPU = {
    "sku": {"id": "039F-D0DA-4055", "description": "Nvidia Tesla A100 GPU running in Americas"},
    "usage": {"amount": 3600, "unit": "seconds", "amount_in_pricing_units": 1, "pricing_unit": "hour"},
}
UNALLOCATED = [
    {"key": "goog-k8s-cluster-name", "value": "ml-prod"},
    {"key": "k8s-namespace", "value": "kube:unallocated"},
]


def span(start: str, end: str, **more: Any) -> dict[str, Any]:
    return {"usage_start_time": f"{start}:00 UTC", "usage_end_time": f"{end}:00 UTC", **more}


def tag(value: str, *, inherited: bool) -> dict[str, Any]:
    return {"key": "team", "value": value, "inherited": inherited, "namespace": "700000000001"}


def moved(folder: str) -> dict[str, Any]:
    ancestors = [
        {"resource_name": f"folders/{folder}", "display_name": "f"},
        {"resource_name": "organizations/7", "display_name": "o"},
    ]
    project = {"id": "p-1", "number": "407408718192", "name": "one", "labels": []}
    return {**project, "ancestry_numbers": f"/7/{folder}/", "ancestors": ancestors}


def machine(kind: str, identity: str) -> dict[str, str]:
    return {"name": "trainer", "global_name": f"{ZONE}/{kind}/{identity}"}


ITEMS: dict[str, list[Row]] = {
    "identical": [google(1.25), google(1.25)],
    "october": [google(7, **span("2026-10-31 22:00", "2026-10-31 23:00", invoice={"month": "202611"}))],
    "tax": [google(0.7, cost_type="tax", project=None, credits=None)],
    "rounding": [google(-0.000001, cost_type="rounding_error", project=None, sku=None)],
    "credits": [google(3, credits=[]), google(4, credits=None)],
    "several": [google(10, credits=[credit(-1), credit(-1), credit(-0.1, "PROMOTION"), credit(0.05, "DISCOUNT")])],
    "unnested": [
        google(
            6,
            labels=labels(team="nlp", env="prod"),
            system_labels=labels(a="1", b="2"),
            tags=[{"key": key, "value": "v", "inherited": False, "namespace": "7"} for key in ("t1", "t2")],
            credits=[credit(-1), credit(-2)],
            project={**moved("71"), "labels": labels(p1="v", p2="v")},
        )
    ],
    "old": [
        google(
            10,
            **span("2025-07-14 20:00", "2025-07-14 21:00"),
            invoice={"month": "202507"},
            credits=[credit(-1)],
            cost_at_list=12,
            consumption_model=None,
            cost_at_effective_price_default=None,
            cost_at_list_consumption_model=None,
            price={
                "list_price": "12",
                "effective_price": "10",
                "effective_price_default": None,
                "list_price_consumption_model": None,
            },
        )
    ],
    "rate": [
        google(9, currency="EUR", currency_conversion_rate=0.9, billing_account_id="E"),
        google(9, currency="EUR", currency_conversion_rate=0.95, billing_account_id="E"),
    ],
    "currencies": [
        google(100, currency="JPY", currency_conversion_rate=155.5, billing_account_id="J"),
        google(1, currency="USD", currency_conversion_rate=1, billing_account_id="U"),
    ],
    "midnight": [
        google(1, **span("2026-10-31 07:00", "2026-11-01 07:00", invoice={"month": "202610"})),
        google(2, **span("2026-11-01 06:00", "2026-11-01 07:00", invoice={"month": "202610"})),  # 23:00 in California
        google(3, **span("2026-11-01 07:00", "2026-11-01 08:00", invoice={"month": "202611"})),
    ],
    "saving": [
        google(23, **span("2026-03-08 08:00", "2026-03-09 07:00", invoice={"month": "202603"})),
        google(25, **span("2026-11-01 07:00", "2026-11-02 08:00", invoice={"month": "202611"})),
        google(1, **span("2026-11-01 08:00", "2026-11-01 09:00", invoice={"month": "202611"})),  # 01:00, and
        google(1, **span("2026-11-01 09:00", "2026-11-01 10:00", invoice={"month": "202611"})),  # 01:00 again
    ],
    "inherited": [
        google(1, tags=[tag("direct", inherited=False), tag("inherited", inherited=True)]),
        google(2, tags=[tag("inherited", inherited=True), tag("direct", inherited=False)]),
        google(3, tags=[tag("inherited", inherited=True)]),
    ],
    "levels": [
        google(1, labels=labels(team="resource"), system_labels=labels(team="system"), project=moved("71") | {
            "labels": labels(team="project")}),
        google(2, system_labels=labels(team="system"), project=moved("71") | {"labels": labels(team="project")}),
    ],
    "moved": [google(1, project=moved("71")), google(2, project=moved("72"))],
    "text": [google("1.5", credits=[credit("-0.25")], usage={"amount": "3600", "unit": "seconds"}, cost_at_list="2")],
    "reservation": [
        google(
            8,
            **GPU,
            system_labels=[
                {"key": "compute.googleapis.com/is_unused_reservation", "value": "true"},
                {"key": "compute.googleapis.com/reservation_name", "value": "held-1"},
            ],
        ),
        google(2, **GPU, system_labels=[{"key": "compute.googleapis.com/is_unused_reservation", "value": "false"}]),
    ],
    "recreated": [
        google(3, **GPU, resource=machine("instance", "111")),
        google(4, **GPU, resource=machine("instances", "222"), **span("2026-09-02 01:00", "2026-09-02 02:00")),
    ],
    "unallocated": [google(5, **GPU, labels=UNALLOCATED)],
    "marketplace": [google(18, seller_name="MongoDB, Inc.", transaction_type="THIRD_PARTY_RESELLER")],
    "goodwill": [adjusted("GOODWILL", google(-3, cost_type="adjustment", project=None))],
}  # fmt: skip
NET = {"credits": 7, "several": "7.95", "unnested": 3, "old": 9, "text": "1.25"}


@pytest.fixture(scope="module")
def bill(tmp_path_factory: pytest.TempPathFactory) -> House:
    house = House(tmp_path_factory.mktemp("google"), SOURCE)
    return deliver(house, dict(zip(DAYS, ITEMS.values(), strict=False)))


def charges(bill: House, item: str, columns: str) -> list[tuple[Any, ...]]:
    """Columns of an item's charges, by what they cost."""
    unit = f"_PARTITIONDATE={DAYS[list(ITEMS).index(item)]}"
    return bill.sql(
        f"SELECT {columns} FROM focus.charges WHERE x_SourceUnit = ? ORDER BY BilledCost, ChargePeriodStart", unit
    )


def hours(bill: House, item: str) -> list[tuple[datetime, timedelta]]:
    found = charges(bill, item, "ChargePeriodStart, ChargePeriodEnd")
    return [(start.astimezone(UTC), end - start) for start, end in found]


@pytest.mark.parametrize("item", ITEMS)
def test_every_row_is_one_charge_at_its_net_cost(bill: House, item: str) -> None:
    """No list of a row (labels, tags, credits, ancestors) multiplies it."""
    found = charges(bill, item, "BilledCost, EffectiveCost")
    net = Decimal(NET[item]) if item in NET else sum(Decimal(repr(row["cost"])) for row in ITEMS[item])
    assert (len(found), sum(billed for billed, _ in found)) == (len(ITEMS[item]), net)
    assert all(billed == effective for billed, effective in found)


def test_two_identical_rows_are_two_charges(bill: House) -> None:
    assert charges(bill, "identical", "BilledCost") == [(Decimal("1.25"),)] * 2


def test_october_usage_on_november_s_invoice(bill: House) -> None:
    columns = "x_InvoiceMonth, strftime(BillingPeriodStart, '%Y-%m-%d'), strftime(BillingPeriodEnd, '%Y-%m-%d')"
    assert charges(bill, "october", columns) == [("2026-11", "2026-11-01", "2026-12-01")]
    assert hours(bill, "october") == [(datetime(2026, 10, 31, 22, tzinfo=UTC), timedelta(hours=1))]


def test_tax_with_no_project(bill: House) -> None:
    columns = "ChargeCategory, SubAccountId, SubAccountType, BilledCost"
    assert charges(bill, "tax", columns) == [("Tax", None, None, Decimal("0.7"))]


def test_rounding_rows_with_no_sku(bill: House) -> None:
    columns = "ChargeCategory, SkuId, ServiceName, BilledCost"
    assert charges(bill, "rounding", columns) == [("Adjustment", None, "Compute Engine", Decimal("-0.000001"))]


def test_empty_and_null_credits(bill: House) -> None:
    assert charges(bill, "credits", "BilledCost, coalesce(len(x_Credits), 0)") == [(3, 0), (4, 0)]


def test_several_credits_on_one_row(bill: House) -> None:
    """Two of them alike: both count, and the row comes once."""
    given = "list_transform(x_Credits, lambda c: (c.type, c.amount))"
    kinds = [("DISCOUNT", "-1"), ("DISCOUNT", "-1"), ("PROMOTION", "-0.1"), ("DISCOUNT", "0.05")]
    assert charges(bill, "several", f"BilledCost, {given}") == [
        (Decimal("7.95"), [(kind, Decimal(amount)) for kind, amount in kinds])
    ]


def test_two_labels_unnested(bill: House) -> None:
    ((billed, tags),) = charges(bill, "unnested", "BilledCost, Tags")
    assert billed == 3
    assert tags == {"team": "nlp", "env": "prod", "t1": "v", "t2": "v", "p1": "v", "p2": "v", "a": "1", "b": "2"}


def test_rows_of_before_july_2025(bill: House) -> None:
    """What the new price fields would say is unknown: the list cost is there, the contracted one is the cost."""
    assert charges(bill, "old", "BilledCost, ListCost, ContractedCost") == [(9, 12, 10)]


def test_a_currency_rate_that_changes_in_the_month(bill: House) -> None:
    """Money stays in the bill's currency: two rows of nine euros are eighteen euros at any rate."""
    assert charges(bill, "rate", "BilledCost, BillingCurrency") == [(9, "EUR")] * 2
    # both are of the same hour: of their two rates the higher one is the month's
    assert charges(bill, "rate", "x_ReportingRate") == [(Decimal("1.052631578947368421"),)] * 2


def test_two_accounts_with_two_currencies(bill: House) -> None:
    found = charges(bill, "currencies", "BillingAccountId, BillingCurrency, BilledCost, x_BilledCostReporting")
    # what Google reckons a dollar at: 100 / 155.5
    assert found == [("U", "USD", 1, 1), ("J", "JPY", 100, Decimal("0.6430868167202572"))]
    loads = "SELECT currency, sum(billed_total) FROM ledger.loads WHERE currency <> 'USD' GROUP BY 1 ORDER BY 1"
    assert bill.sql(loads) == [("EUR", 18), ("JPY", 100)]


def test_pacific_midnight(bill: House) -> None:
    """The invoice's month is California's, the charge's day is UTC's: nothing is shifted from one to the other."""
    columns = "x_InvoiceMonth, CAST(ChargePeriodStart AS DATE)::VARCHAR"
    assert charges(bill, "midnight", columns) == [
        ("2026-10", "2026-10-31"),
        ("2026-10", "2026-11-01"),
        ("2026-11", "2026-11-01"),
    ]


def test_days_of_23_and_25_hours(bill: House) -> None:
    found = hours(bill, "saving")
    assert [length / timedelta(hours=1) for _, length in found] == [1, 1, 23, 25]
    assert found[0][0] == datetime(2026, 11, 1, 8, tzinfo=UTC)
    assert found[1][0] == datetime(2026, 11, 1, 9, tzinfo=UTC)  # one o'clock comes twice in California, not here


def test_the_same_tag_direct_and_inherited(bill: House) -> None:
    """The one that is set on the resource itself counts, whichever comes first."""
    assert charges(bill, "inherited", "Tags, x_Team") == [
        ({"team": "direct"}, "direct"),
        ({"team": "direct"}, "direct"),
        ({"team": "inherited"}, "inherited"),
    ]


def test_one_label_key_on_project_resource_and_system(bill: House) -> None:
    assert charges(bill, "levels", "Tags, x_Team") == [
        ({"team": "resource"}, "resource"),
        ({"team": "project"}, "project"),
    ]


def test_a_project_that_moved_folders(bill: House) -> None:
    assert charges(bill, "moved", "SubAccountId, SubAccountName") == [("p-1", "one")] * 2


def test_numbers_as_text(bill: House) -> None:
    columns = "BilledCost, ListCost, ConsumedQuantity, x_Credits[1].amount"
    assert charges(bill, "text", columns) == [(Decimal("1.25"), 2, 3600, Decimal("-0.25"))]


def test_an_unused_reservation(bill: House) -> None:
    columns = "BilledCost, CapacityReservationStatus, CapacityReservationId, CommitmentDiscountStatus"
    assert charges(bill, "reservation", columns) == [(2, None, None, None), (8, "Unused", "held-1", None)]


def test_a_new_instance_id_under_an_old_name(bill: House) -> None:
    """Both spellings of the path name a machine; a machine made anew is another one."""
    found = charges(bill, "recreated", "ResourceName, regexp_extract(ResourceId, '[^/]+$'), x_GpuHours")
    assert found == [("trainer", "111", 1), ("trainer", "222", 1)]


def test_gpus_that_no_namespace_used(bill: House) -> None:
    """Paid for and not allocated: their hours and their money stay, and belong to nobody."""
    columns = "x_GpuModel, x_GpuHours, BilledCost, x_Team, Tags['k8s-namespace']"
    assert charges(bill, "unallocated", columns) == [("A100", 1, 5, None, "kube:unallocated")]


def test_marketplace_rows(bill: House) -> None:
    columns = "PublisherName, ProviderName, InvoiceIssuerName, BilledCost"
    assert charges(bill, "marketplace", columns) == [("MongoDB, Inc.", "Google Cloud", "Google Cloud", 18)]
