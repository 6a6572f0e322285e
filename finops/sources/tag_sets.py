"""The distinct sets of a bill's tags, each put together once.

A bill has few sets and many rows, and putting one together costs more than the rest of its row.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import duckdb
from duckdb import DuckDBPyConnection, DuckDBPyRelation

from finops.focus import MAP
from finops.sources.reading import as_view, unreadable


@dataclass(frozen=True)
class TagSets:
    """What tells a row's set from others, as SQL, and the sets: (tag_set, Tags), none where there are no tags."""

    key: str
    sets: DuckDBPyRelation


def find(
    con: DuckDBPyConnection,
    raw: DuckDBPyRelation,
    columns: Sequence[str],
    united: Callable[[DuckDBPyRelation], str],
    where: str,
) -> TagSets:
    """The sets of tags that an export's rows have in `columns` (SQL names); raises SourceError for unreadable ones.

    `united` gives the SQL of the one map that a set's columns make.
    """
    if not columns:
        return TagSets(
            "CAST(NULL AS VARCHAR)", con.sql(f"SELECT NULL::VARCHAR AS tag_set, NULL::{MAP} AS Tags LIMIT 0")
        )
    try:
        as_view(con, raw.project(", ".join(columns)).distinct(), "distinct_tags")
        con.execute("CREATE OR REPLACE TEMP TABLE tag_columns AS FROM distinct_tags")
        sets = con.table("tag_columns")
        key = next(each for each in _keys(columns) if _tells_apart(sets, each))
        return TagSets(key, sets.project(f"{key} AS tag_set, {united(sets)} AS Tags"))
    except duckdb.Error as error:
        raise unreadable(error, where) from None


def _keys(columns: Sequence[str]) -> tuple[str, str]:
    """A short key that as good as always tells all sets apart, and a long one that always does."""
    nulls = ", ".join(f"{each} IS NULL" for each in columns)
    return f"HASH({', '.join(columns)}, {nulls})", f"TO_JSON(ROW({', '.join(columns)}))"


def _tells_apart(sets: DuckDBPyRelation, key: str) -> bool:
    ((rows, keys),) = sets.aggregate(f"COUNT(*), COUNT(DISTINCT {key})").fetchall()
    return rows == keys
