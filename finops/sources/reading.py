"""Raw files as relations with the columns and types that a normaliser expects.

Exports come and go with their columns and types: what a file lacks is null, what it has is cast exactly.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import duckdb
import polars as pl
from duckdb import DuckDBPyConnection, DuckDBPyRelation

from finops.errors import SourceError
from finops.focus import MAP, MONEY
from finops.sources.base import Normaliser, quoted
from finops.sources.csv_files import read_csv

SUFFIXES = {
    "parquet": (".parquet",),
    "csv": (".csv", ".csv.gz"),
    "avro": (".avro",),
    "json": (".json", ".json.gz", ".jsonl", ".jsonl.gz", ".ndjson"),
}


def format_of(path: Path | str) -> str | None:
    """parquet, csv, avro or json by the name's end, None for anything else."""
    name = str(path).lower()
    return next((kind for kind, ends in SUFFIXES.items() if name.endswith(ends)), None)


def read_files(con: DuckDBPyConnection, paths: list[Path], where: str) -> DuckDBPyRelation:
    """Parquet or CSV files as one relation, columns united by name; CSV values stay text.

    `filename` says which file a row is from.
    """
    names = [str(path) for path in paths]
    kinds = {format_of(path) for path in paths}
    try:
        if kinds == {"parquet"}:
            _agreeing(con, names, where)
            return con.read_parquet(names, union_by_name=True, filename=True)
        if kinds == {"csv"}:
            # text throughout: a guessed type would round costs and drop the zeros that account ids lead with
            return read_csv(con, paths)
    except duckdb.Error as error:
        raise unreadable(error, where) from None
    raise SourceError(
        "the unit mixes file formats" if len(kinds) > 1 else "the file format is not known",
        where=where,
        remedy="keep one format below the uri: .parquet, .csv or .csv.gz",
    )


def _agreeing(con: DuckDBPyConnection, paths: list[str], where: str) -> None:
    """Refuse files that have a column in several kinds of fractions: united in one kind, some would lose digits."""
    mixed = con.execute(
        """SELECT name, list_sort(list(DISTINCT kind)) AS kinds FROM (
          SELECT name, CASE WHEN converted_type = 'DECIMAL' THEN converted_type ELSE type END AS kind
          FROM parquet_schema(?) WHERE type IS NOT NULL)
        GROUP BY name HAVING len(kinds) > 1 AND len(list_intersect(kinds, ['FLOAT', 'DOUBLE', 'DECIMAL'])) = len(kinds)
        ORDER BY 1""",
        [paths],
    ).fetchall()
    if mixed:
        name, kinds = mixed[0]
        raise SourceError(
            f"the files disagree on how {name} is written: as {' and as '.join(kinds)}",
            where=where,
            remedy="ask for a new delivery, or write all files of the unit with one type",
        )


def unreadable(error: duckdb.Error, where: str) -> SourceError:
    """DuckDB's complaint about a file, without its advice on options that the user does not have."""
    reason = str(error).split("\n\n")[0].split("\nLINE ")[0].split("\n  file =")[0]
    return SourceError(
        f"the file is damaged, or holds something else than its columns promise: {reason[:400]}",
        where=where,
        remedy="fetch the export again; if it is damaged at its origin, ask for a new delivery",
    )


def unique_entries(entries: str) -> str:
    """The map of an expression that lists {key, value}: where a key comes twice, the first counts."""
    return (
        f"MAP_FROM_ENTRIES(LIST_FILTER({entries}, lambda e, i: e.key IS NOT NULL AND "
        f"LIST_POSITION(LIST_TRANSFORM({entries}, lambda x: x.key), e.key) = i))"
    )


def _exact_double(value: str) -> str:
    """The decimal that a double was written as, ten times faster where it is whole or has at most ten digits
    after the point.

    A number of at most fifteen significant digits is the shortest that names its double. So where n / 10^10, which
    is rounded correctly, gives the double back and n has at most fifteen digits, n / 10^10 is what was written. A
    whole number below 2^53 is its own shortest form.
    """
    few_digits = f"ABS({value}) < 100000 AND ROUND({value} * 1e10) / 1e10 = {value}"
    whole = f"ABS({value}) < 9007199254740992 AND TRUNC({value}) = {value}"
    shortest = f"CAST(CAST({value} AS VARCHAR) AS {MONEY})"
    # tried, not done: the engine may compute all branches and choose afterwards
    return (
        f"CASE WHEN {few_digits} THEN CAST(TRY_CAST({value} AS DECIMAL(18,10)) AS {MONEY}) "
        f"WHEN {whole} THEN CAST(TRY_CAST({value} AS BIGINT) AS {MONEY}) ELSE {shortest} END"
    )


def exact(value: str, raw: str, wanted: str) -> str:
    """The cast of an expression of type `raw` that loses nothing.

    A double is first written out in its shortest form, which is the decimal that the provider meant:
    a direct cast would multiply in binary and leave noise behind the last digit.
    """
    raw = raw.upper()
    if wanted == MONEY:
        if raw in {"DOUBLE", "FLOAT"}:
            return _exact_double(value)
        return f"CAST(NULLIF(TRIM({value}), '') AS {MONEY})" if raw == "VARCHAR" else f"CAST({value} AS {MONEY})"
    if wanted == MAP:
        if raw in {"VARCHAR", "JSON"}:
            return f"CAST(CAST(NULLIF({value}, '') AS JSON) AS {MAP})"
        if raw.endswith("[]"):
            return unique_entries(value)
        return f"CAST({value} AS {MAP})"
    if raw == "VARCHAR":
        return f"CAST(NULLIF({value}, '') AS {wanted})" if wanted != "VARCHAR" else f"NULLIF({value}, '')"
    return f"CAST({value} AS {wanted})"


def project(
    raw: DuckDBPyRelation, normaliser: Normaliser, where: str, also: Mapping[str, str] | None = None
) -> DuckDBPyRelation:
    """The relation with exactly the columns that the normaliser reads, and x_SourceFile, the landed file of a row.

    `also` gives expressions for columns that a source composes itself. Raises SourceError when a column is
    required and missing.
    """
    also = also or {}
    found = {name.lower(): (name, str(kind)) for name, kind in zip(raw.columns, raw.types, strict=True)}
    missing = [name for name in normaliser.required if name.lower() not in found and name not in also]
    if missing:
        raise SourceError(
            f"the file has other columns than expected: {', '.join(missing)} missing",
            where=where,
            remedy="check that the source's kind fits the export; the README lists the kinds",
        )
    columns = ["filename AS x_SourceFile"]
    for name, wanted in normaliser.columns.items():
        if name in also:
            expression = also[name]
        elif name.lower() in found:
            written, kind = found[name.lower()]
            expression = exact(quoted(written), kind, wanted)
        else:
            expression = f"CAST(NULL AS {wanted})"
        columns.append(f"{expression} AS {quoted(name)}")
    try:
        return raw.project(", ".join(columns))
    except duckdb.Error as error:
        raise unreadable(error, where) from None


def as_view(con: DuckDBPyConnection, rows: DuckDBPyRelation, name: str) -> None:
    """A temporary view of the rows: a relation's own `create_view` would stay in the file, with the paths it reads."""
    con.execute(f"CREATE OR REPLACE TEMP VIEW {name} AS {rows.sql_query()}")


def from_frame(con: DuckDBPyConnection, frame: pl.DataFrame) -> DuckDBPyRelation:
    """Rows that Python composed, as a relation that a view can read."""
    con.register("composed", frame)
    con.execute("CREATE OR REPLACE TEMP TABLE composed_rows AS FROM composed")
    con.unregister("composed")
    return con.table("composed_rows")
