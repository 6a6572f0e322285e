"""What was known at every publication, to the last digit, and what remembering it takes."""

from __future__ import annotations

import os
import random
from collections.abc import Callable
from decimal import Decimal
from pathlib import Path
from typing import Any

import duckdb
import pytest

from finops import pipeline
from finops.lifecycle import load_rules
from finops.pipeline import Pipeline
from tests.sources.house import House, focus, google, write_csv, write_lines

AS_OF = """SELECT billing_period, charge_date, provider_name, sub_account_id, service_name, ml_stage, team, currency,
  billed_cost, effective_cost FROM ledger.cost_as_of(?) ORDER BY ALL"""
SHOWN = """SELECT strftime(BillingPeriodStart, '%Y-%m'), ChargePeriodStart::DATE, ProviderName, SubAccountId,
  ServiceName, x_MlStage, x_Team, BillingCurrency, sum(BilledCost) AS billed, sum(EffectiveCost) AS effective
  FROM focus.charges GROUP BY ALL HAVING billed <> 0 OR effective <> 0 ORDER BY ALL"""
REMEMBERED = (
    "ledger.changes",
    "ledger.loads",
    "ledger.source_totals",
    "ledger.left_out",
    "ledger.commitments",
    "ledger.added",
    "ledger.units",
)


def restated(folder: Path, chosen: random.Random) -> None:
    """A delivery by chance: charges of any day, service, team and sign, with every digit that money has."""

    def cost() -> str:
        return str(Decimal(chosen.randrange(-(10**21), 10**21)).scaleb(-18))

    def day() -> dict[str, str]:
        first = chosen.randrange(1, 8)
        return {"ChargePeriodStart": f"2026-09-0{first}", "ChargePeriodEnd": f"2026-09-0{first + 1}"}

    rows = [
        focus(
            cost(), ServiceName=chosen.choice("ab"), Tags=chosen.choice(('{"team": "x"}', '{"team": "y"}', "")), **day()
        )
        for _ in range(chosen.randrange(1, 30))
    ]
    for row in rows:
        row["EffectiveCost"] = cost()
    write_csv(folder / f"bills/{chosen.choice('abc')}.csv", rows)
    if chosen.random() < 0.5:
        partition = folder / f"google/_PARTITIONDATE=2026-09-0{chosen.randrange(1, 4)}"
        write_lines(
            partition / "part-0.jsonl", [google(f"{chosen.random():.6f}") for _ in range(chosen.randrange(1, 6))]
        )
    gone = folder / f"bills/{chosen.choice('abc')}.csv"
    if chosen.random() < 0.3 and len(list(gone.parent.iterdir())) > 1:
        gone.unlink(missing_ok=True)


def test_every_past_publication_can_be_asked_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, record_property: Callable[[str, object], None]
) -> None:
    rules = load_rules()
    monkeypatch.setattr(pipeline, "load_rules", lambda _: rules)
    monkeypatch.setattr(os, "cpu_count", lambda: 1)  # a handful of rows: DuckDB's threads would only wait
    seed = random.SystemRandom().randrange(1 << 32)
    chosen = random.Random(seed)
    write_lines(tmp_path / "google/_PARTITIONDATE=2026-09-01/part-0.jsonl", [google("1")])
    house = House(
        tmp_path,
        {"name": "bills", "kind": "focus-files", "uri": "bills"},
        {"name": "gcp", "kind": "gcp-files", "uri": "google"},
    )
    shown: dict[Any, list[tuple[Any, ...]]] = {}
    for _ in range(10):
        restated(tmp_path, chosen)
        run = Pipeline(house.config)
        run.load()
        assert run.errors == []
        house.sql("INSERT INTO ledger.publications VALUES (?, ?, NULL)", run.warehouse.now, "")
        shown[run.warehouse.now] = house.sql(SHOWN)
    assert len({str(each) for each in shown.values()}) >= 6, seed
    for at, then in shown.items():
        assert house.sql(AS_OF, at) == then, seed
    loads = house.sql("SELECT count(*) FROM ledger.loads")[0][0]
    changes = house.sql("SELECT count(*) FROM ledger.changes")[0][0]
    record_property("shown", f"{len(shown)} publications of {loads} loads asked again, {changes} changes, seed {seed}")


def test_what_is_remembered_grows_with_what_changed(tmp_path: Path) -> None:
    bills = [focus(str(each), ServiceName=f"service-{each}") for each in range(1, 50)]
    write_csv(tmp_path / "bills/a.csv", bills)
    house = House(tmp_path, {"name": "bills", "kind": "focus-files", "uri": "bills"}).ok()

    def changes() -> int:
        return house.sql("SELECT count(*) FROM ledger.changes")[0][0]

    assert changes() == 49
    for _ in range(2):  # the same files are no load; other ones that say the same change nothing
        house.ok()
        bills.append(bills.pop(0))
        write_csv(tmp_path / "bills/a.csv", bills)
        house.ok()
    assert changes() == 49
    write_csv(tmp_path / "bills/a.csv", [*bills[:-1], {**bills[-1], "BilledCost": "100"}])
    house.ok()
    assert changes() == 50


def test_the_bytes_that_a_load_takes(
    small_original: Path, tmp_path: Path, record_property: Callable[[str, object], None]
) -> None:
    """Measured over twenty copies of a company's ledger: one is smaller than what a file is written in."""
    work = next(small_original.rglob("work/finops.duckdb"))

    def size(copies: int) -> int:
        path = tmp_path / f"{copies}.duckdb"
        with duckdb.connect(path) as con:
            con.execute(f"ATTACH '{work}' AS company (READ_ONLY)")
            con.execute("CREATE SCHEMA ledger")
            for table in REMEMBERED:
                con.execute(f"CREATE TABLE {table} AS SELECT t.* FROM company.{table} AS t, range({copies})")
        return path.stat().st_size

    with duckdb.connect(work, read_only=True) as con:
        loads, rows = con.execute("SELECT count(*), sum(row_count) FROM ledger.loads").fetchall()[0]
        changes = con.execute("SELECT count(*) FROM ledger.changes").fetchall()[0][0]
    taken = (size(40) - size(20)) / 20
    record_property(
        "shown",
        f"what is remembered of {loads} loads with {rows:,} charges: {changes:,} changes, {taken:,.0f} bytes, "
        f"{taken / loads:,.0f} a load, {taken / changes:.0f} a change",
    )
    assert taken / changes < 100
    assert taken < 0.1 * work.stat().st_size
