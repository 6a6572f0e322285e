"""What the published file says of its own publication: the work file says what was meant to be."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime
from pathlib import Path

import duckdb
from duckdb import DuckDBPyConnection

from finops.errors import WarehouseError
from finops.warehouse.connection import query


@dataclass(frozen=True)
class Publication:
    """The last one; `is_outdated` where it stands because its successor was refused."""

    published_at: datetime
    fingerprint: str
    is_outdated: bool


def last(published: Path) -> Publication | None:
    """The last publication; None where there is none that can be read."""
    if not published.exists():
        return None
    try:
        with query(published) as con:
            rows = con.execute(
                """SELECT published_at, fingerprint, EXISTS (FROM quality.checks WHERE blocking AND NOT passed)
                FROM ledger.publications ORDER BY published_at DESC LIMIT 1"""
            ).fetchall()
    except (duckdb.Error, WarehouseError):
        return None  # it is damaged: this run publishes it anew
    return Publication(*rows[0]) if rows else None


def note(con: DuckDBPyConnection, published: Path, now: datetime, fingerprint: str, as_of: date | None) -> None:
    """Write down a publication that is about to be; one that was noted before and never came about goes.

    Where the published file is damaged, what it said is not known any more: what the work file says stands.
    """
    before = last(published)
    if before is not None:
        con.execute("DELETE FROM ledger.publications WHERE published_at > ?", [before.published_at])
    elif not published.exists():
        con.execute("DELETE FROM ledger.publications")
    con.execute("INSERT INTO ledger.publications VALUES (?, ?, ?)", [now, fingerprint, as_of])
