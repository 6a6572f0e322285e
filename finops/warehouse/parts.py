"""Where charges are kept: one narrow table for each normaliser, `part.<its sql>`; focus.charges shows them as one.

To store a constant costs as much as to store a number. So what a normaliser's SQL says of all rows alike stays
in the view, what holds for a whole file stays with the file (ledger.files), and what a source cannot fill is
no column at all.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache

import sqlglot
from duckdb import DuckDBPyConnection
from sqlglot import exp

from finops.focus import CHARGES, MACHINE_LEARNING
from finops.models import model, models

FROM_FILE = {"x_SourceSystem", "x_SourceUnit", "x_SourceFile", "x_LoadId", "x_ReportingCurrency"}
"""What sql/focus/charges.sql takes from the file that a charge came in."""
REPORTED = {"x_ReportingRate", "x_BilledCostReporting", "x_EffectiveCostReporting"}
"""What sql/focus/charges.sql computes."""
FROM_TAGS = {"Tags", "x_Team", "x_MlProject", "x_MlModelName", "x_MlRunId"}
"""What it takes from the set of tags: a bill has few of them, so each is kept once."""
ADDED = {
    "file_id": "INTEGER",
    "tag_set_id": "INTEGER",
    "x_InstanceType": "VARCHAR",
    "x_GpuCount": "DECIMAL(9,4)",
}
"""Columns of a part that are none of a charge: its file and set of tags, and what SkuPriceDetails is made of."""
ELSEWHERE = FROM_FILE | FROM_TAGS | REPORTED
BEFORE = "focus.charges_before"
"""Charges that an earlier version wrote as one wide table: they stay until their units are loaded again."""


@dataclass(frozen=True)
class Part:
    """A normaliser's table: its columns with their types, and as SQL those that are a constant or another column."""

    table: str
    columns: dict[str, str]
    shown: dict[str, str]


@cache
def part(normaliser: str) -> Part:
    """The part of `sql/normalise/<normaliser>.sql`, by the columns that its SELECT names.

    Where it reads from a CTE called `kept`, that one's columns are kept, and what it makes of them is shown.
    """
    statement = sqlglot.parse_one(model(f"normalise.{normaliser}").sql, dialect="duckdb", into=exp.Select)
    kept = next((each.this for each in statement.ctes if each.alias == "kept"), statement)
    columns, shown = dict(ADDED), dict[str, str]()
    first: dict[str, str] = {}
    for name, expression in _named(kept):
        sql = expression.sql(dialect="duckdb")
        if not expression.find(exp.Column, exp.Query):
            shown[name] = sql
        elif sql in first:
            shown[name] = f'"{first[sql]}"'
        else:
            columns[name] = CHARGES[name]
            first[sql] = name
    if kept is not statement:
        shown |= {name: expression.sql(dialect="duckdb") for name, expression in _named(statement)}
    columns |= {name: kind for name, kind in MACHINE_LEARNING.items() if name not in ELSEWHERE}
    return Part(f"part.{normaliser}", columns, shown)


def _named(select: exp.Select) -> list[tuple[str, exp.Expr]]:
    """The columns of charges that a SELECT names, with what it makes them of."""
    found = [(each.alias_or_name, each.unalias()) for each in select.selects]
    return [(name, expression) for name, expression in found if name in CHARGES and name not in ELSEWHERE]


@cache
def parts() -> tuple[Part, ...]:
    """All parts, by name."""
    return tuple(part(each.name.partition(".")[2]) for each in models("normalise"))


def prepare(con: DuckDBPyConnection) -> None:
    """Create the parts, those of an earlier version with all of their columns, and the views over them."""
    con.execute("CREATE SCHEMA IF NOT EXISTS part")
    sets = ", ".join(f'"{name}" {CHARGES[name]}' for name in sorted(FROM_TAGS))
    con.execute(f"CREATE TABLE IF NOT EXISTS part.tag_sets (tag_set_id INTEGER, {sets})")
    there: dict[str, set[str]] = {}
    for table, column in con.execute(
        "SELECT table_name, column_name FROM duckdb_columns() WHERE schema_name = 'part'"
    ).fetchall():
        there.setdefault(f"part.{table}", set()).add(column)
    for each in parts():
        con.execute(f"CREATE TABLE IF NOT EXISTS {each.table} ({_defined(each)})")
    _carry(con, [each for each in parts() if not there.get(each.table, set(each.columns)).issuperset(each.columns)])
    con.execute(f"CREATE OR REPLACE VIEW focus.parts AS {_union()}")
    con.execute(f"CREATE OR REPLACE VIEW focus.charges AS {_charges(_has_before(con))}")


def _carry(con: DuckDBPyConnection, lacking: list[Part]) -> None:
    """Build parts anew that lack a column, with what their rows have in it.

    What an earlier version did not keep, it may have shown as a constant or as another column: its own view still
    tells. An amount that were null instead would be money that comes new when the rows are loaded again.
    """
    if not lacking:
        return
    shown = {name for (name, *_) in con.execute("DESCRIBE focus.parts").fetchall()}
    for number, each in enumerate(lacking):  # all of them first: the view reads the tables as they were
        names = ", ".join(f'"{name}"' for name in each.columns if name in shown)
        con.execute(
            f"CREATE TEMP TABLE carried_{number} AS SELECT {names} FROM focus.parts "
            f"WHERE file_id IN (SELECT file_id FROM {each.table})"
        )
    for number, each in enumerate(lacking):
        con.execute(f"CREATE OR REPLACE TABLE {each.table} ({_defined(each)})")
        con.execute(f"INSERT INTO {each.table} BY NAME FROM carried_{number}")
        con.execute(f"DROP TABLE carried_{number}")
    con.execute(f"CREATE OR REPLACE VIEW focus.parts AS {_union()}")


def _defined(part: Part) -> str:
    return ", ".join(f'"{name}" {kind}' for name, kind in part.columns.items())


def delete(con: DuckDBPyConnection, source: str) -> None:
    """Delete the charges of a source's units in hand, and their files."""
    key = {"source": source}
    of_units = "source = $source AND unit IN (SELECT unit FROM units_in_hand)"
    old = f"SELECT file_id FROM ledger.files WHERE {of_units} AND file_id NOT IN (SELECT file_id FROM files_in_hand)"
    for each in parts():
        con.execute(f"DELETE FROM {each.table} WHERE file_id IN ({old})", key)
    con.execute(f"DELETE FROM ledger.files WHERE file_id IN ({old})", key)
    if _has_before(con):
        con.execute(
            f"DELETE FROM {BEFORE} WHERE x_SourceSystem = $source AND x_SourceUnit IN (SELECT unit FROM units_in_hand)",
            key,
        )


def insert(con: DuckDBPyConnection, normaliser: str, attributed: str) -> None:
    """Insert the normalised rows in hand; `attributed` is sql/focus/attributed.sql with the stage rules in it."""
    into = part(normaliser)
    con.execute("INSERT INTO part.tag_sets BY NAME SELECT * EXCLUDE (tag_set, stage_tag) FROM tag_sets")
    columns = ", ".join(f'"{name}"' for name in into.columns)
    con.execute(f"INSERT INTO {into.table} BY NAME SELECT {columns} FROM ({attributed})")


def sweep(con: DuckDBPyConnection) -> None:
    """Forget the sets of tags that no charge has any more."""
    used = " UNION ALL ".join(f"SELECT tag_set_id FROM {each.table}" for each in parts())
    con.execute(
        f"DELETE FROM part.tag_sets AS t WHERE NOT EXISTS (FROM ({used}) AS u WHERE u.tag_set_id = t.tag_set_id)"
    )


def set_aside(con: DuckDBPyConnection) -> None:
    """Make room for the view where an earlier version has a table."""
    kind = con.execute(
        "SELECT table_type FROM information_schema.tables WHERE table_schema = 'focus' AND table_name = 'charges'"
    ).fetchall()
    if kind == [("BASE TABLE",)]:
        con.execute("ALTER TABLE focus.charges RENAME TO charges_before")


def _has_before(con: DuckDBPyConnection) -> bool:
    found = con.execute("SELECT 1 FROM duckdb_tables() WHERE schema_name || '.' || table_name = ?", [BEFORE]).fetchall()
    return bool(found)


def _union() -> str:
    """All parts as one, each column of its type; what a part has not is its constant, or null."""
    wanted = {name: kind for name, kind in CHARGES.items() if name not in ELSEWHERE} | ADDED
    selects: list[str] = []
    for each in parts():
        shown = [
            f'"{name}"' if name in each.columns else f'CAST({each.shown.get(name, "NULL")} AS {kind}) AS "{name}"'
            for name, kind in wanted.items()
        ]
        selects.append(f"SELECT {', '.join(shown)} FROM {each.table}")
    return " UNION ALL ".join(selects)


def _charges(has_before: bool) -> str:
    columns = ", ".join(f'"{name}"' for name in CHARGES)
    charges = f"SELECT {columns} FROM ({model('focus.charges').sql})"
    return f"{charges} UNION ALL BY NAME FROM {BEFORE}" if has_before else charges
