"""FOCUS 1.4's datasets as views: its columns, and what the bills fill of them.

focus_1_4.json has the columns of the FinOps Foundation's data model of 1.4: their types, and which are never null.
"""

from __future__ import annotations

import json
from pathlib import Path

import duckdb
import pytest
from duckdb import DuckDBPyConnection

from finops.focus import CHARGES
from finops.models import model
from tests.conftest import Company

SPECIFIED = json.loads(Path(__file__).with_name("focus_1_4.json").read_text(encoding="utf-8"))
MODEL = SPECIFIED["datasets"]
VIEWS = {
    "Cost and Usage": "focus.charges_v1_4",
    "Billing Period": "focus.billing_periods",
    "Invoice Detail": "focus.invoice_details",
}
TYPES = {
    "Decimal": ("DECIMAL",),
    "Date/Time": ("TIMESTAMP WITH TIME ZONE",),
    "String": ("VARCHAR",),
    "JSON": ("MAP", "VARCHAR"),
}


UNTOLD = {
    "Cost and Usage": set[str](),
    # Google's bills do not say whether a month that has ended is closed
    "Billing Period": {"BillingPeriodCreated", "BillingPeriodLastUpdated", "BillingPeriodStatus"},
    "Invoice Detail": {
        *("InvoiceDetailCreated", "InvoiceDetailId", "InvoiceDetailLastUpdated", "PaymentCurrency"),
        *("PaymentCurrencyBilledCost", "PaymentCurrencyInvoiceDetailId", "PaymentTerms", "ReferenceInvoiceId"),
    },
}
"""What should not be null and is, as no bill tells it."""


@pytest.mark.parametrize("dataset", VIEWS)
def test_what_is_never_null_is_null_only_where_no_bill_tells(con: DuckDBPyConnection, dataset: str) -> None:
    names = SPECIFIED["not_null"][dataset]
    counts = ", ".join(f"count(*) - count({name})" for name in names)
    found = con.execute(f"SELECT {counts} FROM {VIEWS[dataset]}").fetchall()[0]
    assert {name for name, missing in zip(names, found, strict=True) if missing} == UNTOLD[dataset]


@pytest.mark.parametrize("dataset", VIEWS)
def test_a_view_has_the_columns_of_the_specification(con: DuckDBPyConnection, dataset: str) -> None:
    found = {
        name: kind
        for name, kind, *_ in con.execute(f"DESCRIBE {VIEWS[dataset]}").fetchall()
        if not name.startswith("x_")
    }
    assert set(found) == set(MODEL[dataset])
    for name, kind in found.items():
        assert kind.startswith(TYPES[MODEL[dataset][name]]), (name, kind)


def test_our_own_columns_follow_those_of_the_specification(con: DuckDBPyConnection) -> None:
    found = [name for name, *_ in con.execute("DESCRIBE focus.charges_v1_4").fetchall() if name.startswith("x_")]
    assert found == [name for name in CHARGES if name.startswith("x_")]


def test_every_charge_is_there_with_its_providers(con: DuckDBPyConnection) -> None:
    sums = "SELECT count(*), sum(BilledCost), sum(EffectiveCost), sum(ListCost), sum(ContractedCost) FROM "
    assert con.execute(f"{sums} focus.charges_v1_4").fetchall() == con.execute(f"{sums} focus.charges").fetchall()
    nameless = "SELECT count(*) FROM focus.charges_v1_4 WHERE ServiceProviderName IS NULL"
    assert con.execute(nameless).fetchall() == [(0,)]


def test_invoices_come_to_what_was_billed_on_them(con: DuckDBPyConnection, company: Company) -> None:
    """By the costs and numbers that the exports have, read without our own code: a row's are 1e-10 at the finest."""
    with company.connect() as plain:
        expected = plain.execute(
            f"""SELECT bill_invoice_id, bill_payer_account_id,
              sum(coalesce(line_item_net_unblended_cost, line_item_unblended_cost)::DECIMAL(28,10))
            FROM read_parquet('{company.root}/aws/**/*.parquet', union_by_name = true)
            WHERE bill_invoice_id <> '' AND coalesce(line_item_operation, '') <> 'EKSPod-EC2' GROUP BY ALL ORDER BY 1"""
        ).fetchall()
    assert len(expected) > 10
    found = con.execute(
        "SELECT InvoiceId, BillingAccountId, sum(BilledCost) FROM focus.invoice_details GROUP BY ALL ORDER BY 1"
    )
    assert found.fetchall() == expected
    assert con.execute("SELECT DISTINCT InvoiceIssueStatus FROM focus.invoice_details").fetchall() == [("Issued",)]


@pytest.mark.parametrize(
    ("provider", "invoices", "published", "status"),
    [
        ("AWS", ("INV-1", "INV-2"), "2026-10-09", "Closed"),
        ("AWS", ("INV-1", None), "2026-10-09", "Open"),  # the other account's month is not final yet
        ("AWS", (None, None), "2026-10-09", "Open"),
        ("Google Cloud", (None, None), "2026-09-09", "Open"),
        ("Google Cloud", (None, None), "2026-10-09", None),
    ],
)
def test_a_month_is_closed_when_every_account_s_is(
    provider: str, invoices: tuple[str | None, ...], published: str, status: str | None
) -> None:
    with duckdb.connect() as con:
        con.execute("SET TimeZone = 'UTC'; CREATE SCHEMA focus; CREATE SCHEMA ledger")
        con.execute(f"CREATE TABLE ledger.publications AS SELECT TIMESTAMPTZ '{published}' AS published_at")
        names = "ProviderName VARCHAR, InvoiceIssuerName VARCHAR, BillingAccountId VARCHAR, InvoiceId VARCHAR"
        con.execute(
            f"CREATE TABLE focus.charges ({names}, BillingPeriodStart TIMESTAMPTZ, BillingPeriodEnd TIMESTAMPTZ)"
        )
        for account, invoice in enumerate(invoices):
            values = [provider, "issuer", str(account), invoice]
            con.execute("INSERT INTO focus.charges VALUES (?, ?, ?, ?, '2026-09-01', '2026-10-01')", values)
        found = con.execute(f"SELECT BillingPeriodStatus FROM ({model('focus.billing_periods').sql})").fetchall()
    assert found == [(status,)]


def test_an_open_month_is_open_and_an_invoiced_one_closed(con: DuckDBPyConnection) -> None:
    """The last month of the simulated bills has no invoice yet."""
    found = con.execute(
        """SELECT DISTINCT strftime(p.BillingPeriodStart, '%Y-%m'), p.BillingPeriodStatus
        FROM focus.billing_periods AS p
        WHERE InvoiceIssuerName IN (SELECT InvoiceIssuerName FROM focus.charges WHERE x_SourceSystem = 'aws-main')
        ORDER BY 1"""
    ).fetchall()
    assert [status for _, status in found] == ["Closed"] * (len(found) - 1) + ["Open"]
    times = "SELECT count(BillingPeriodCreated), count(BillingPeriodLastUpdated) FROM focus.billing_periods"
    assert con.execute(times).fetchall() == [(0, 0)], "no bill tells"
