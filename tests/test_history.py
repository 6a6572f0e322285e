"""What was known on any date, and what a provider changed after the fact."""

from __future__ import annotations

import os
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
import pytest

from tests.conftest import Company, run

RAISE = 1000.0


def restate(company: Company) -> tuple[Path, int]:
    """AWS delivers September anew: the first of its rows for plain usage costs 1,000 dollars more."""
    export = company.root / "aws/main/cur2/nimbus-main"
    file = sorted((export / "data/BILLING_PERIOD=2026-09").glob("*.parquet"))[0]
    table = pq.read_table(file)
    position = pc.index(table["line_item_line_item_type"], "Usage").as_py()
    costs, rates = table["line_item_unblended_cost"].to_pylist(), table["line_item_unblended_rate"].to_pylist()
    costs[position] += RAISE
    rates[position] = f"{costs[position] / table['line_item_usage_amount'][position].as_py():.10f}"
    for name, values in (
        ("line_item_unblended_cost", pa.array(costs, pa.float64())),
        ("line_item_unblended_rate", pa.array(rates, pa.string())),
    ):
        table = table.set_column(table.schema.get_field_index(name), name, values)
    pq.write_table(table, file)
    manifest = export / "metadata/BILLING_PERIOD=2026-09/nimbus-main-Manifest.json"
    manifest.write_text(manifest.read_text().replace('"executionId": "', '"executionId": "again-'))
    newer = max(each.stat().st_mtime for each in export.rglob("*") if each.is_file()) + 1
    os.utime(manifest, (newer, newer))
    return file, position


def total(company: Company, at: datetime) -> tuple[Decimal, Decimal]:
    with company.connect() as con:
        query = "SELECT sum(billed_cost), sum(effective_cost) FROM ledger.cost_as_of(?)"
        return con.execute(query, [at]).fetchall()[0]


def charged(company: Company) -> tuple[Decimal, Decimal]:
    with company.connect() as con:
        return con.execute("SELECT sum(BilledCost), sum(EffectiveCost) FROM focus.charges").fetchall()[0]


def test_a_restated_period_is_a_change_and_the_past_can_be_asked_again(small: Company) -> None:
    first = charged(small)
    between = datetime.now(UTC)
    restate(small)
    report = run(small.config)
    assert (report.units_new, report.failures) == (1, ())

    raised = Decimal(int(RAISE))
    assert charged(small) == (first[0] + raised, first[1] + raised)
    assert total(small, between) == first
    assert total(small, datetime.now(UTC)) == charged(small)
    assert total(small, between - timedelta(days=365)) == (None, None)
    with small.connect() as con:
        changes = con.execute(
            "SELECT source, billing_period, delta, current_cost - previous_cost FROM ledger.restatements"
        ).fetchall()
        loads = con.execute(
            "SELECT status, count(*) FROM ledger.loads "
            "WHERE source = 'aws-main' AND billing_period = '2026-09' GROUP BY 1"
        ).fetchall()
        alerts = con.execute("SELECT subject, message FROM alert.events WHERE kind = 'closed_month_moved'").fetchall()
    assert changes == [("aws-main", "2026-09", raised, raised)]
    assert sorted(loads) == [("current", 1), ("superseded", 1)]
    assert len(alerts) == 1
    assert "1,000.00 USD" in alerts[0][1]


def test_a_withdrawn_file_is_taken_out_and_stays_in_the_history(small: Company) -> None:
    between = datetime.now(UTC)
    before = total(small, between)
    gone = small.root / "gcp/_PARTITIONDATE=2026-10-05"
    for file in gone.iterdir():
        file.unlink()
    report = run(small.config)
    assert report.failures == ()
    with small.connect() as con:
        left = con.execute("SELECT count(*) FROM focus.charges WHERE x_SourceUnit = ?", [gone.name]).fetchall()
        kept = con.execute("SELECT status FROM ledger.loads WHERE unit = ?", [gone.name]).fetchall()
    assert left == [(0,)]
    assert set(kept) == {("superseded",)}
    assert total(small, between) == before
    assert total(small, datetime.now(UTC)) == charged(small)


@pytest.mark.parametrize("periods", [("2026-10",), ("2026-09", "2026-10")])
def test_a_run_of_named_periods_takes_only_those(small: Company, periods: tuple[str, ...]) -> None:
    restate(small)
    report = run(small.config, periods=periods, sources=("aws-main",))
    assert report.units_new == (1 if "2026-09" in periods else 0)
    assert report.units_unchanged == len(periods) - report.units_new
