"""The schema of a warehouse's file: its version, and the steps that bring an older file forward in one transaction.

A step knows the schema that it starts from, and no other: what `schema.sql` and `parts.py` say is of today, and is
created once all steps are done. Whatever fails, the file stays as it was.
"""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

import duckdb
from duckdb import DuckDBPyConnection

from finops.errors import WarehouseError
from finops.models import model
from finops.warehouse import parts
from finops.warehouse.connection import scalar


def _charges_become_parts(con: DuckDBPyConnection) -> None:
    """1 → 2: charges are kept narrow, by normaliser; those of before stay until their units are loaded again."""
    parts.set_aside(con)


def _rows_are_counted(con: DuckDBPyConnection) -> None:
    """2 → 3: what a normaliser added is counted, and told from what it left out.

    Older loads were compared with their source when they came in, so what their counts leave open was added (or, by
    the first version, left out without a record).
    """
    con.execute("ALTER TABLE ledger.left_out ADD COLUMN added BOOLEAN")
    con.execute(
        """UPDATE ledger.left_out SET added = reason IN (
          'commitment without an unused part', 'reservation whose unused part the report does not tell')"""
    )
    con.execute(
        """CREATE TABLE ledger.added (
          load_id VARCHAR NOT NULL, source VARCHAR NOT NULL, unit VARCHAR NOT NULL, row_count BIGINT NOT NULL,
          billed_total DECIMAL(38,18), currency VARCHAR)"""
    )
    con.execute(
        """CREATE TEMP TABLE open_rows AS
        SELECT u.load, u.source, u.unit,
          (SELECT coalesce(sum(row_count), 0) FROM ledger.loads AS l
            WHERE l.source = u.source AND l.unit = u.unit AND l.status = 'current')
          + (SELECT coalesce(sum(row_count), 0) FROM ledger.left_out AS o
            WHERE o.source = u.source AND o.unit = u.unit AND NOT o.added)
          - (SELECT coalesce(sum(row_count), 0) FROM ledger.source_totals AS t
            WHERE t.source = u.source AND t.unit = u.unit) AS row_count
        FROM ledger.units AS u"""
    )
    con.execute(
        "INSERT INTO ledger.added SELECT load, source, unit, row_count, NULL, NULL FROM open_rows WHERE row_count > 0"
    )
    con.execute(
        """INSERT INTO ledger.left_out
        SELECT load, source, unit, 'not recorded by the version that loaded it', -row_count, NULL, NULL, false
        FROM open_rows WHERE row_count < 0"""
    )
    con.execute("DROP TABLE open_rows")


def _views_of_a_load_go(con: DuckDBPyConnection) -> None:
    """3 → 4: views over landed files, which are paths of one machine, were left in the file.

    And an earlier version is kept off: it would take Azure's months out, and count each of their runs.
    """
    for name in ("source_rows", "unparsed_rows", "found_tags", "distinct_tags"):
        con.execute(f"DROP VIEW IF EXISTS main.{name}")


STEPS: tuple[Callable[[DuckDBPyConnection], None], ...] = (
    _charges_become_parts,
    _rows_are_counted,
    _views_of_a_load_go,
)
"""The n-th brings a file of version n to n + 1."""
SCHEMA_VERSION = len(STEPS) + 1


def migrate(con: DuckDBPyConnection, path: Path) -> None:
    """Bring an open work file to this version, whole or not at all; raises WarehouseError for a newer one."""
    found = version(con)
    if found is not None and found > SCHEMA_VERSION:
        raise WarehouseError(
            f"the warehouse was written by a newer version (schema {found}, this one knows {SCHEMA_VERSION})",
            where=str(path),
            remedy="update finops, or name another home",
        )
    con.execute("BEGIN")
    try:
        for step in STEPS[found - 1 :] if found is not None else ():
            step(con)
        con.execute(Path(__file__).with_name("schema.sql").read_text(encoding="utf-8"))
        if found != SCHEMA_VERSION:
            con.execute("DELETE FROM ledger.warehouse")
            con.execute("INSERT INTO ledger.warehouse VALUES (?)", [SCHEMA_VERSION])
        parts.prepare(con)
        con.execute(f"CREATE OR REPLACE VIEW ledger.as_of AS {model('ledger.as_of').sql}")
        con.execute("COMMIT")
    except duckdb.Error:
        with suppress(duckdb.Error):  # where it was the commit that failed there is nothing left to roll back
            con.execute("ROLLBACK")
        raise


def version(con: DuckDBPyConnection) -> int | None:
    """The schema's version that a file says it has; None for one that is still empty."""
    there = "SELECT 1 FROM duckdb_tables() WHERE schema_name = 'ledger' AND table_name = 'warehouse'"
    return scalar(con, "SELECT max(schema_version) FROM ledger.warehouse") if scalar(con, there) else None
