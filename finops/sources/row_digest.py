"""What rows come to, in whatever order they were written: whether two readings brought the same."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from pathlib import Path

import duckdb


def digest(paths: Sequence[Path]) -> str:
    """Of the rows of Parquet files: their columns, count, and two sums over the hash of each row.

    Raises duckdb.Error. Two sums: in an exclusive or alone, identical rows would cancel each other out.
    """
    names = [str(path) for path in paths]
    with duckdb.connect(config={"threads": 2}) as con:
        columns = con.execute("DESCRIBE FROM read_parquet($names, union_by_name = true)", {"names": names}).fetchall()
        sums = con.execute(
            "SELECT count(*), sum(CAST(hash(r) AS HUGEINT)), bit_xor(hash(r)) "
            "FROM read_parquet($names, union_by_name = true) AS r",
            {"names": names},
        ).fetchall()
    return hashlib.sha256(f"{columns}{sums}".encode()).hexdigest()[:24]
