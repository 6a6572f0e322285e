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
from finops.focus import CHARGES
from finops.pipeline import Pipeline
from finops.warehouse import parts
from finops.warehouse.connection import query
from tests.sources.google import SOURCE, deliver
from tests.sources.house import House, focus, google, write_csv

THEN = datetime(2026, 9, 20, tzinfo=UTC)
SCHEMA_1 = (
    "CREATE SCHEMA focus",
    "CREATE SCHEMA ledger",
    # the columns are of the specification and were the same
    "CREATE TABLE focus.charges (" + ", ".join(f'"{name}" {kind}' for name, kind in CHARGES.items()) + ")",
    "CREATE TABLE ledger.warehouse (schema_version INTEGER NOT NULL)",
    "INSERT INTO ledger.warehouse VALUES (1)",
    """CREATE TABLE ledger.units (source VARCHAR NOT NULL, unit VARCHAR NOT NULL, version VARCHAR NOT NULL,
      load VARCHAR NOT NULL, PRIMARY KEY (source, unit))""",
    """CREATE TABLE ledger.loads (load_id VARCHAR PRIMARY KEY, source VARCHAR NOT NULL, unit VARCHAR NOT NULL,
      billing_period VARCHAR, version VARCHAR NOT NULL, loaded_at TIMESTAMPTZ NOT NULL, row_count BIGINT,
      billed_total DECIMAL(38,18), currency VARCHAR, status VARCHAR NOT NULL, reason VARCHAR)""",
    """CREATE TABLE ledger.source_totals (source VARCHAR NOT NULL, unit VARCHAR NOT NULL,
      billing_period VARCHAR NOT NULL, currency VARCHAR NOT NULL, row_count BIGINT NOT NULL,
      billed_total DECIMAL(38,18) NOT NULL, residual DECIMAL(38,18) NOT NULL)""",
    """CREATE TABLE ledger.changes (known_at TIMESTAMPTZ NOT NULL, source VARCHAR NOT NULL,
      billing_period VARCHAR NOT NULL, charge_date DATE NOT NULL, provider_name VARCHAR, sub_account_id VARCHAR,
      service_name VARCHAR, ml_stage VARCHAR, team VARCHAR, currency VARCHAR NOT NULL,
      billed_delta DECIMAL(38,18) NOT NULL, effective_delta DECIMAL(38,18) NOT NULL, cause VARCHAR NOT NULL)""",
)


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
        for statement in SCHEMA_1:
            con.execute(statement)
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
        con.execute("CREATE TABLE ledger.publications (published_at TIMESTAMPTZ, fingerprint VARCHAR, as_of DATE)")
        con.execute("INSERT INTO ledger.publications VALUES (?, 'old', '2026-09-19')", [THEN])
        con.execute("CREATE SCHEMA quality")
        con.execute("CREATE TABLE quality.checks (blocking BOOLEAN, passed BOOLEAN)")
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
