"""The summary says what the rows of the small warehouse add up to."""

from __future__ import annotations

import io
from pathlib import Path

import duckdb
import pytest

from finops.cli.console import console
from finops.cli.summary import summary
from finops.warehouse.connection import query


@pytest.fixture
def page(company: Path) -> list[list[str]]:
    """The summary's lines, as words."""
    con = query(company.parent / "var" / "finops.duckdb")
    stream = io.StringIO()
    for part in summary(con):
        console(stream).print(part)
    con.close()
    return [line.split() for line in stream.getvalue().splitlines()]


def test_stages_are_of_the_last_closed_and_the_open_month(page: list[list[str]]) -> None:
    assert ["stage", "2026-09", "share", "2026-10", "to", "04", "share"] in page
    assert ["data_labeling", "–", "–", "30.00", "75.0", "%"] in page
    assert ["training", "125.25", "83.5", "%", "10.00", "25.0", "%"] in page
    assert ["inference", "24.75", "16.5", "%", "–", "–"] in page
    assert ["total", "150.00", "–", "40.00", "–"] in page


def test_currencies_are_never_added(page: list[list[str]]) -> None:
    assert ["Effective", "cost", "by", "stage", "and", "billing", "period,", "EUR"] in page
    assert ["inference", "9.00", "100.0", "%", "–", "–"] in page


def test_idle_gpus_are_of_the_last_thirty_days(page: list[list[str]]) -> None:
    lines = [" ".join(line) for line in page]
    sums = "14.00 USD avoidable, 1.00 USD sunk (1 instance of unknown cost left out)"
    assert f"Idle GPUs in the last 30 days: {sums}" in lines
    assert ["nlp", "i-1", "A100", "1.50", "5.00", "1.00", "USD"] in page
    assert not any("i-4" in line for line in page)


def test_overruns_are_of_the_open_month(page: list[list[str]]) -> None:
    lines = [" ".join(line) for line in page]
    assert "Budgets over or at risk in 2026-10: 1" in lines
    assert "nlp-training at_risk 1,000.00 400.00 1,500.50 2026-10-20 project=p: +300 USD" in lines
    assert not any(line.startswith("vision over") for line in lines)


def test_gaps_are_the_largest_now_and_the_total_of_the_closed_month(page: list[list[str]]) -> None:
    lines = [" ".join(line) for line in page]
    assert "AWS nlp – training 5.00 10.00 5.00 USD" in lines
    assert (
        "By day of use, not by invoice, 2026-09 came to 150.75 USD, forecast 100.00 USD: a gap of 50.75 USD." in lines
    )


def test_a_warehouse_without_usage_says_so() -> None:
    with duckdb.connect() as con:
        con.execute("CREATE SCHEMA ledger")
        con.execute("CREATE TABLE ledger.publications (published_at TIMESTAMPTZ, as_of DATE)")
        (part,) = summary(con)
    assert "no cloud usage" in str(part)
