"""What rows come to, in whatever order they were written: whether two readings brought the same."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from pathlib import Path

import duckdb

from finops.sources.reading import unreadable


def digest(paths: Sequence[Path]) -> str:
    """Of the rows of Parquet files: their columns, count, and two sums over the hash of each row.

    Raises SourceError. Two sums: in an exclusive or alone, identical rows would cancel each other out.
    """
    names = {"names": [str(path) for path in paths]}
    rows = "FROM read_parquet($names, union_by_name = true) AS r"
    try:
        with duckdb.connect(config={"threads": 2}) as con:
            columns = con.execute(f"DESCRIBE {rows}", names).fetchall()
            sums = con.execute(
                f"SELECT count(*), sum(CAST(hash(r) AS HUGEINT)), bit_xor(hash(r)) {rows}", names
            ).fetchall()
    except duckdb.Error as error:
        raise unreadable(error, str(paths[0])) from None
    return hashlib.sha256(f"{columns}{sums}".encode()).hexdigest()[:24]
