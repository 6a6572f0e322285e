"""A home that the first version wrote: its charges are shown until their units are loaded again, and nothing jumps."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import duckdb
import pytest

from finops.config import Config
from finops.errors import WarehouseError
from finops.focus import CHARGES
from finops.pipeline import Pipeline
from finops.warehouse import migrations, parts
from finops.warehouse.connection import query
from finops.warehouse.database import Warehouse
from tests.sources.google import SOURCE, deliver
from tests.sources.house import House, focus, google, write_csv

THEN = datetime(2026, 9, 20, tzinfo=UTC)
SCHEMA_1 = Path(__file__).with_name("schema_1.sql").read_text(encoding="utf-8")
"""The schema of the first commit that had a warehouse, as it stood there."""
CHARGES_1 = "CREATE TABLE focus.charges (" + ", ".join(f'"{name}" {kind}' for name, kind in CHARGES.items()) + ")"
"""The first version made its charges from the list of FOCUS's columns, which were the same."""


def old_charge(unit: str, cost: str) -> dict[str, Any]:
    return {
        **focus(cost),
        "x_SourceSystem": "bills",
        "x_SourceUnit": unit,
        "x_SourceFile": unit,
        "x_SourceLineType": "Usage",
        "x_LoadId": f"{unit}:2026-09:USD",
        "x_MlStage": "unattributed",
        "x_ReportingCurrency": "USD",
        "x_BilledCostReporting": cost,
        "x_EffectiveCostReporting": cost,
    }


def written_by_version_1(path: Path, units: dict[str, str]) -> None:
    """A work file of the first version, with one charge of so much in each unit."""
    path.parent.mkdir(parents=True)
    with duckdb.connect(path) as con:
        con.execute("SET TimeZone = 'UTC'")
        con.execute(SCHEMA_1)
        con.execute(CHARGES_1)
        con.execute("INSERT INTO ledger.warehouse VALUES (1)")
        for unit, cost in units.items():
            charge = old_charge(unit, cost)
            names = ", ".join(f'"{name}"' for name in charge)
            marks = ", ".join("?" * len(charge))
            con.execute(f"INSERT INTO focus.charges ({names}) VALUES ({marks})", list(charge.values()))
            con.execute("INSERT INTO ledger.units VALUES ('bills', ?, 'old', ?)", [unit, unit])
            con.execute(
                "INSERT INTO ledger.loads VALUES (?, 'bills', ?, '2026-09', 'old', ?, 1, ?, 'USD', 'current', NULL)",
                [charge["x_LoadId"], unit, THEN, cost],
            )
            con.execute("INSERT INTO ledger.source_totals VALUES ('bills', ?, '2026-09', 'USD', 1, ?, 0)", [unit, cost])
            con.execute(
                """INSERT INTO ledger.changes VALUES (?, 'bills', '2026-09', '2026-09-02', 'Other Cloud', NULL,
                  'Machines', 'unattributed', NULL, 'USD', ?, ?, 'delivery')""",
                [THEN, cost, cost],
            )


def run(config: Config) -> Sequence[str]:
    """Load, check what the load is answerable for, and publish; returns the failures."""
    pipeline = Pipeline(config)
    pipeline.load()
    pipeline.publish()
    return [str(error) for error in pipeline.errors]


@pytest.fixture
def config(tmp_path: Path) -> Config:
    source = {"name": "bills", "kind": "focus-files", "uri": "bills"}
    return Config.model_validate({"home": "home", "sources": [source], "path": tmp_path / "finops.yaml"})


def answers(config: Config, sql: str) -> list[tuple[Any, ...]]:
    with query(config.published) as con:
        return con.execute(sql).fetchall()


UNITS = "SELECT x_SourceUnit, sum(BilledCost), count(*) FROM focus.charges GROUP BY 1 ORDER BY 1"
BEFORE = "SELECT x_SourceUnit FROM focus.charges_before ORDER BY 1"
LOADS = "SELECT load_id, row_count FROM ledger.loads WHERE status = 'current' ORDER BY 1"
COUNTED = "SELECT x_LoadId, count(*) FROM focus.charges GROUP BY 1 ORDER BY 1"


def test_charges_of_the_first_version_stay_until_their_units_can_be_read_again(tmp_path: Path, config: Config) -> None:
    written_by_version_1(config.home_dir / "work" / "finops.duckdb", {"a.csv": "7", "b.csv": "2.5"})
    write_csv(tmp_path / "bills" / "a.csv", [focus("7")])
    (tmp_path / "bills" / "b.csv").write_text("no,bill\n1,2\n")

    (failure,) = run(config)
    assert "b.csv" in failure
    assert answers(config, UNITS) == [("a.csv", Decimal(7), 1), ("b.csv", Decimal("2.5"), 1)]
    assert answers(config, BEFORE) == [("b.csv",)]
    assert answers(config, COUNTED) == answers(config, LOADS)

    write_csv(tmp_path / "bills" / "b.csv", [focus("2.5")])
    assert run(config) == []
    assert answers(config, UNITS) == [("a.csv", Decimal(7), 1), ("b.csv", Decimal("2.5"), 1)]
    assert answers(config, BEFORE) == []
    assert answers(config, COUNTED) == answers(config, LOADS)


def test_what_was_known_does_not_jump_when_the_same_bill_is_loaded_again(tmp_path: Path, config: Config) -> None:
    written_by_version_1(config.home_dir / "work" / "finops.duckdb", {"a.csv": "7"})
    write_csv(tmp_path / "bills" / "a.csv", [focus("7")])
    assert run(config) == []
    assert answers(config, "SELECT known_at, billed_delta FROM ledger.changes") == [(THEN, Decimal(7))]

    write_csv(tmp_path / "bills" / "a.csv", [focus("9")])  # and what the provider then changes is all there is to tell
    assert run(config) == []
    assert answers(config, "SELECT billed_delta, cause FROM ledger.changes ORDER BY known_at") == [
        (Decimal(7), "delivery"),
        (Decimal(2), "delivery"),
    ]
    known_then = f"SELECT billed_cost FROM ledger.cost_as_of('{THEN:%Y-%m-%d}'::TIMESTAMPTZ)"
    assert answers(config, known_then) == [(Decimal(7),)]


def test_a_unit_of_the_first_version_that_is_withdrawn_is_gone(tmp_path: Path, config: Config) -> None:
    written_by_version_1(config.home_dir / "work" / "finops.duckdb", {"a.csv": "7", "b.csv": "2.5"})
    write_csv(tmp_path / "bills" / "a.csv", [focus("7")])
    assert run(config) == []
    assert answers(config, UNITS) == [("a.csv", Decimal(7), 1)]
    assert answers(config, "SELECT sum(billed_delta) FROM ledger.changes") == [(Decimal(7),)]


def test_a_file_that_only_was_published_is_carried_over_too(tmp_path: Path, config: Config) -> None:
    written_by_version_1(config.published, {"a.csv": "7"})
    with duckdb.connect(config.published) as con:
        con.execute("INSERT INTO ledger.publications VALUES (?, 'old', '2026-09-19')", [THEN])
    (tmp_path / "bills").mkdir()  # and nothing in it: no unit can be read
    (failure,) = run(config)
    assert "there is no file" in failure
    assert answers(config, UNITS) == [("a.csv", Decimal(7), 1)]
    assert answers(config, BEFORE) == [("a.csv",)]


def as_version_2_had_it(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Make of a work file one whose Google charges have no EffectiveCost of their own: it was shown as BilledCost.

    Its native FOCUS export had no part of its own either.
    """
    gcp = parts.part("gcp_export")
    columns = {name: kind for name, kind in gcp.columns.items() if name not in {"EffectiveCost", "ServiceSubcategory"}}
    was = parts.Part(gcp.table, columns, {**gcp.shown, "EffectiveCost": '"BilledCost"', "ServiceSubcategory": "NULL"})
    with monkeypatch.context() as then, duckdb.connect(path) as con:
        con.execute(f"CREATE TABLE kept AS SELECT {', '.join(columns)} FROM {gcp.table}")
        con.execute(f"DROP TABLE {gcp.table}")
        con.execute("DROP TABLE part.gcp_focus")
        others = [each for each in parts.parts() if each.table not in {gcp.table, "part.gcp_focus"}]
        then.setattr(parts, "parts", lambda: (was, *others))
        parts.prepare(con)
        con.execute(f"INSERT INTO {gcp.table} BY NAME FROM kept")
        con.execute("DROP TABLE kept")
        con.execute("UPDATE ledger.units SET version = split_part(version, '+', 1) || '+before'")
        con.execute("ALTER TABLE ledger.left_out DROP COLUMN added")
        con.execute("DROP TABLE ledger.added")
        con.execute("UPDATE ledger.warehouse SET schema_version = 2")


def test_an_amount_that_had_no_column_of_its_own_does_not_count_twice(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    deliver(House(tmp_path, SOURCE), {"2026-09-02": [google("7")], "2026-09-03": [google("2.5")]})
    as_version_2_had_it(tmp_path / "home" / "work" / "finops.duckdb", monkeypatch)
    (tmp_path / "export" / "_PARTITIONDATE=2026-09-03" / "part-0.jsonl").write_text("{\n")

    after = House(tmp_path, SOURCE)
    (failure,) = after.run()
    assert "_PARTITIONDATE=2026-09-03" in failure  # and what could not be loaded again is shown as it was
    assert after.sql("SELECT BilledCost, EffectiveCost FROM focus.charges ORDER BY 1") == [
        (Decimal("2.5"), Decimal("2.5")),
        (Decimal(7), Decimal(7)),
    ]
    assert after.sql("SELECT sum(billed_cost), sum(effective_cost) FROM ledger.cost_as_of(now())") == [
        (Decimal("9.5"), Decimal("9.5"))
    ]
    assert after.sql("SELECT DISTINCT cause FROM ledger.changes") == [("delivery",)]


def tables(path: Path) -> list[tuple[Any, ...]]:
    """Every column of every table that a file has, but for the charges of before."""
    with duckdb.connect(path) as con:
        return con.execute(
            """SELECT schema_name, table_name, column_name, data_type, is_nullable FROM duckdb_columns()
            WHERE NOT internal AND table_name <> 'charges_before' ORDER BY ALL"""
        ).fetchall()


def test_a_migrated_file_has_the_schema_of_a_new_one(tmp_path: Path) -> None:
    old, new = Warehouse(tmp_path / "old"), Warehouse(tmp_path / "new")
    written_by_version_1(old.work, {"a.csv": "7"})
    for each in (old, new):
        with each.open() as con:
            assert migrations.version(con) == migrations.SCHEMA_VERSION
    assert tables(old.work) == tables(new.work)


@pytest.mark.parametrize("step", range(len(migrations.STEPS)))
def test_a_migration_that_fails_changes_nothing(tmp_path: Path, step: int, monkeypatch: pytest.MonkeyPatch) -> None:
    warehouse = Warehouse(tmp_path)
    written_by_version_1(warehouse.work, {"a.csv": "7"})
    before = tables(warehouse.work)

    steps = migrations.STEPS

    def broken(con: duckdb.DuckDBPyConnection) -> None:
        steps[step](con)
        con.execute("FROM ledger.nothing")

    with monkeypatch.context() as patch:
        patch.setattr(migrations, "STEPS", (*steps[:step], broken, *steps[step + 1 :]))
        with pytest.raises(WarehouseError, match="cannot be opened"), warehouse.open():
            pass
    assert tables(warehouse.work) == before
    with duckdb.connect(warehouse.work) as con:
        assert migrations.version(con) == 1
    with warehouse.open() as con:
        assert migrations.version(con) == migrations.SCHEMA_VERSION


def test_a_newer_file_is_refused_as_it_is(tmp_path: Path) -> None:
    warehouse = Warehouse(tmp_path)
    warehouse.work.parent.mkdir(parents=True)
    with duckdb.connect(warehouse.work) as con:
        con.execute("CREATE SCHEMA ledger")
        con.execute("CREATE TABLE ledger.warehouse (schema_version INTEGER NOT NULL)")
        con.execute("INSERT INTO ledger.warehouse VALUES (?)", [migrations.SCHEMA_VERSION + 1])
    before = tables(warehouse.work)
    message = f"newer version.*schema {migrations.SCHEMA_VERSION + 1}.*knows {migrations.SCHEMA_VERSION}.*update finops"
    with pytest.raises(WarehouseError, match=message), warehouse.open():
        pass
    assert tables(warehouse.work) == before


def test_rows_that_an_older_version_did_not_count_are_what_its_counts_leave_open(tmp_path: Path) -> None:
    """Of version 2: one unit whose normaliser added a row, one that left two out, of which one was its own."""
    warehouse = Warehouse(tmp_path)
    written_by_version_1(warehouse.work, {"more": "7", "less": "7", "lost": "7"})
    with duckdb.connect(warehouse.work) as con:
        con.execute("UPDATE ledger.loads SET row_count = 4 WHERE unit = 'more'")
        con.execute("UPDATE ledger.source_totals SET row_count = 3 WHERE unit = 'more'")
        con.execute("UPDATE ledger.source_totals SET row_count = 2 WHERE unit IN ('less', 'lost')")
        for reason in ("negation: cancels the covered usage row", "commitment without an unused part"):
            con.execute("INSERT INTO ledger.left_out VALUES ('less', 'bills', 'less', ?, 1, 0, 'USD')", [reason])
    with warehouse.open() as con:
        assert con.execute("SELECT unit, row_count FROM ledger.added").fetchall() == [("more", 1)]
        left_out = con.execute("SELECT unit, added, row_count FROM ledger.left_out ORDER BY ALL").fetchall()
        assert left_out == [("less", False, 1), ("less", True, 1), ("lost", False, 1)]
