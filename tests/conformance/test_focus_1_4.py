"""FOCUS 1.4's datasets as views: its columns, and what the bills fill of them.

focus_1_4.json has the columns and types of the FinOps Foundation's data model of 1.4.
"""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from duckdb import DuckDBPyConnection

from finops.focus import CHARGES
from tests.conftest import Company

MODEL = json.loads(Path(__file__).with_name("focus_1_4.json").read_text(encoding="utf-8"))["datasets"]
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
    """By the numbers that the exports have, read without our own code."""
    with company.connect() as plain:
        expected = plain.execute(
            f"""SELECT bill_invoice_id, count(DISTINCT bill_payer_account_id)
            FROM read_parquet('{company.root}/aws/**/*.parquet', union_by_name = true)
            WHERE bill_invoice_id <> '' GROUP BY 1 ORDER BY 1"""
        ).fetchall()
    assert len(expected) > 10
    found = con.execute(
        "SELECT InvoiceId, count(DISTINCT BillingAccountId) FROM focus.invoice_details GROUP BY 1 ORDER BY 1"
    )
    assert found.fetchall() == expected
    billed = "SELECT sum(BilledCost) FROM focus.charges WHERE InvoiceId IS NOT NULL"
    assert con.execute("SELECT sum(BilledCost) FROM focus.invoice_details").fetchall() == con.execute(billed).fetchall()


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
