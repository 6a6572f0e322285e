"""Charges as FOCUS files: Parquet, one file for each provider and billing period."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from hashlib import sha256
from importlib import import_module
from pathlib import Path
from typing import Any, Final

import duckdb
from duckdb import DuckDBPyConnection

from finops.errors import ConfigError, WarehouseError
from finops.sources.base import quoted

VIEWS: Final[Mapping[str, tuple[str, str]]] = {
    "1.2": ("main.focus_data_table", "ProviderName"),
    "1.4": ("focus.charges_v1_4", "ServiceProviderName"),
}
"""By version: the view of its columns, and which of them a file is named after."""
BATCH = 16_384


@dataclass(frozen=True)
class Exported:
    """A file that was written, and how many charges it has."""

    path: Path
    rows: int


def export(
    con: DuckDBPyConnection, version: str, out: Path, provider: str | None = None, period: str | None = None
) -> list[Exported]:
    """Write the published charges of a FOCUS version (a key of VIEWS) below `out`; raises ConfigError.

    Money is DECIMAL(38,18), times are TIMESTAMP in UTC; maps (Tags) are JSON objects as text, for which Parquet and
    its readers agree on no type. The files take their names together, when all of them are whole.
    """
    columns, named = _columns(con, version)
    there = _there(con, version, named)
    wanted = _wanted(there, provider, period)
    names = _file_names(version, [name for name, _ in there])  # of all: a provider's file is the same, asked for alone
    made: list[Exported] = []
    partial: list[tuple[Path, Path]] = []
    try:
        out.mkdir(parents=True, exist_ok=True)
        with ExitStack() as undo:
            for name, month in wanted:
                path = out / f"{names[name]}_{month}.parquet"
                before = path.with_name(f".{path.name}.partial")
                undo.callback(before.unlink, missing_ok=True)
                rows = _write(con, _select(columns, version, named), [name, month], before)
                partial.append((before, path))
                made.append(Exported(path, rows))
            for before, path in partial:
                before.replace(path)
    except OSError as error:
        raise ConfigError(
            f"the files cannot be written: {error.strerror}", where=str(out), remedy="name another folder with --out"
        ) from None
    return made


def _columns(con: DuckDBPyConnection, version: str) -> tuple[list[str], str]:
    """The version's columns as SQL, without our own x_; and the one that names the provider."""
    view, named = VIEWS[version]
    try:
        found = con.execute(f"SELECT column_name, column_type FROM (DESCRIBE {view})").fetchall()  # noqa: S608
    except duckdb.CatalogException:
        raise WarehouseError(
            f"the published warehouse has no {view}", where="finops export", remedy="finops run writes it anew"
        ) from None
    return [
        f"CAST(to_json({quoted(name)}) AS VARCHAR) AS {quoted(name)}" if kind.startswith("MAP") else quoted(name)
        for name, kind in found
        if not name.startswith("x_")
    ], named


def _select(columns: Sequence[str], version: str, named: str) -> str:
    return (
        f"SELECT {', '.join(columns)} FROM {VIEWS[version][0]} "  # noqa: S608
        f"WHERE {named} IS NOT DISTINCT FROM ? AND strftime(BillingPeriodStart, '%Y-%m') = ?"
    )


def _there(con: DuckDBPyConnection, version: str, named: str) -> list[tuple[str | None, str]]:
    """The providers and months that there are charges of."""
    return con.execute(
        f"SELECT DISTINCT {named}, strftime(BillingPeriodStart, '%Y-%m') FROM {VIEWS[version][0]} ORDER BY ALL"  # noqa: S608
    ).fetchall()


def _wanted(
    there: Sequence[tuple[str | None, str]], provider: str | None, period: str | None
) -> list[tuple[str | None, str]]:
    """Of what there is, what is asked for; raises ConfigError when there is none of it."""
    if provider is not None and provider not in {name for name, _ in there}:
        known = ", ".join(sorted({name for name, _ in there if name is not None})) or "none"
        raise ConfigError(
            f"there are no charges of {provider!r}", where="--provider", remedy=f"the warehouse has {known}"
        )
    found = [each for each in there if provider in (None, each[0]) and period in (None, each[1])]
    if not found:
        months = sorted({month for name, month in there if provider in (None, name)})
        raise ConfigError(
            f"there are no charges of {period or 'any month'}",
            where="--period" if period else "finops export",
            remedy=f"name a month from {months[0]} to {months[-1]}" if months else "finops run",
        )
    return found


def _file_names(version: str, providers: Sequence[str | None]) -> dict[str | None, str]:
    """A file's name for each provider: what a bill calls it is never a path, and two of them never one file."""
    plain = {name: re.sub(r"[^a-z0-9]+", "-", (name or "unknown").lower()).strip("-") for name in providers}
    taken = list(plain.values())
    return {
        name: f"focus-{version}_{text}"
        if text and taken.count(text) == 1 and len(text) <= 60
        else f"focus-{version}_{text[:60]}-{sha256((name or '').encode()).hexdigest()[:8]}"
        for name, text in plain.items()
    }


def _write(con: DuckDBPyConnection, select: str, parameters: list[Any], to: Path) -> int:
    """Stream the rows into a file; returns how many there are."""
    relation: Any = con.sql(select, params=parameters)
    parquet: Any = import_module("pyarrow.parquet")  # by name: it has no types
    reader = relation.to_arrow_reader(BATCH)
    rows = 0
    with to.open("wb") as file, parquet.ParquetWriter(file, reader.schema, compression="zstd") as writer:
        for batch in reader:
            writer.write_batch(batch)
            rows += batch.num_rows
    return rows
