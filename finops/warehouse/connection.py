"""Opening a warehouse file and asking it: nothing here is slow to import, since every question passes by."""

from __future__ import annotations

import os
from datetime import date
from pathlib import Path
from typing import Any

import duckdb
from duckdb import DuckDBPyConnection

from finops.errors import WarehouseError


def connect(path: Path, *, read_only: bool = False) -> DuckDBPyConnection:
    """A connection in UTC that reads nothing but this file and what its job hands it."""
    con = duckdb.connect(path, read_only=read_only, config={"threads": os.cpu_count() or 1})
    con.execute("SET TimeZone = 'UTC'")
    con.execute("SET autoinstall_known_extensions = false")
    return con


def query(published: Path) -> DuckDBPyConnection:
    """The published warehouse, read-only and closed to files and network; raises WarehouseError.

    DuckDB 2.0 opens a file by its name more than once, its header apart from its blocks: what is published in between
    would be read with the header of what was before. So a file counts that is the same one after it was opened.
    """
    while True:
        before = _identity(published)
        try:
            con = connect(published, read_only=True)
        except duckdb.Error as error:
            if _identity(published) != before:
                continue
            raise WarehouseError(
                f"the published warehouse cannot be opened: {str(error).splitlines()[0]}",
                where=str(published),
                remedy="finops run writes it anew",
            ) from None
        if _identity(published) == before:
            break
        con.close()
    con.execute("SET enable_external_access = false")
    con.execute("SET lock_configuration = true")
    return con


def _identity(published: Path) -> tuple[int, ...]:
    try:
        stat = published.stat()
    except FileNotFoundError:
        raise WarehouseError("nothing has been published yet", where=str(published), remedy="finops run") from None
    return (stat.st_dev, stat.st_ino, stat.st_size, stat.st_mtime_ns)


def is_damaged(error: duckdb.Error) -> bool:
    """Whether what a file holds is not what was written: of the disk, or of whoever wrote into it."""
    return "corrupt database file" in str(error).lower()


def is_unwritten(error: duckdb.Error) -> bool:
    """Whether the disk did not take what was written: it is full, most likely. No data and no SQL is to blame."""
    return "could not write file" in str(error).lower()


def scalar(con: DuckDBPyConnection, sql: str, parameters: list[Any] | None = None) -> Any:
    """The first value of a query, None when it has no rows."""
    rows = con.execute(sql, parameters or []).fetchall()  # all: an unfinished result blocks its connection
    return rows[0][0] if rows else None


def as_of(con: DuckDBPyConnection) -> date | None:
    """The first day without complete data as it was when this file was published; None before that."""
    return scalar(con, "SELECT max_by(as_of, published_at) FROM ledger.publications")
