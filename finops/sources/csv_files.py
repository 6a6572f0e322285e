"""CSV files as one relation, however many they are and whichever columns each has; values stay text.

The headers are read here, and the engine is told the columns: to find them out by itself it would keep a piece of
every file in memory, and run out of it at some hundreds of files.
"""

from __future__ import annotations

import csv
import gzip
from collections import Counter
from collections.abc import Mapping
from io import TextIOWrapper
from pathlib import Path
from typing import Any, BinaryIO, cast

from duckdb import DuckDBPyConnection, DuckDBPyRelation

from finops.sources.base import quoted

Header = tuple[str, ...]


def read_csv(con: DuckDBPyConnection, paths: list[Path]) -> DuckDBPyRelation:
    """The files' rows with `filename`, columns united by name; raises duckdb.Error for a file that is damaged."""
    files: dict[Header, list[str]] = {}
    for path in paths:
        files.setdefault(_header(path), []).append(str(path))
    known = _columns(files)
    everything = list(dict.fromkeys(known.values()))
    relations = [_relation(con, names, header, known, everything) for header, names in files.items()]
    united = relations[0]
    for each in relations[1:]:
        united = united.union(each)
    return united


def names_as_written(paths: list[Path]) -> dict[str, str]:
    """The columns of CSV files by the relation's name for them: it tells `user:team` from `user:Team` by a number."""
    headers = dict.fromkeys(_header(path) for path in paths if path.name.lower().endswith((".csv", ".csv.gz")))
    return {column: written for (written, _), column in _columns(headers).items()}


def _header(path: Path) -> Header:
    with gzip.open(path) if path.suffix == ".gz" else path.open("rb") as file:
        text = TextIOWrapper(cast("BinaryIO", file), encoding="utf-8-sig", errors="replace", newline="")
        return tuple(next(csv.reader(text), list[str]()))


def _occurrences(header: Header) -> list[tuple[str, int]]:
    """A header's names, each with how often it came before."""
    seen: Counter[str] = Counter()
    found: list[tuple[str, int]] = []
    for name in header:
        found.append((name, seen[name]))
        seen[name] += 1
    return found


def _columns(headers: Mapping[Header, Any]) -> dict[tuple[str, int], str]:
    """A column for every name, over all files: the engine's names have no case, those of a report have."""
    columns: dict[tuple[str, int], str] = {}
    taken: set[str] = {"filename"}
    for header in headers:
        for occurrence in _occurrences(header):
            if occurrence in columns:
                continue
            name = plain = occurrence[0] or "column"
            number = 0
            while name.lower() in taken:
                number += 1
                name = f"{plain}_{number}"
            columns[occurrence] = name
            taken.add(name.lower())
    return columns


def _relation(
    con: DuckDBPyConnection,
    paths: list[str],
    header: Header,
    known: Mapping[tuple[str, int], str],
    everything: list[str],
) -> DuckDBPyRelation:
    """Files of one header, with all columns that any file has."""
    own = [known[each] for each in _occurrences(header)]
    rows = con.read_csv(
        cast("Any", paths),
        columns=dict.fromkeys(own, "VARCHAR"),
        auto_detect=False,
        header=True,
        # told, not guessed: a guess passes over lines that do not fit, or that begin with #
        skiprows=0,
        comment="",
        filename=True,
        strict_mode=True,
        quotechar='"',
        escapechar='"',
        delimiter=",",
        na_values=["", "NULL"],
    )
    if own == everything:
        return rows
    shown = [quoted(name) if name in own else f"CAST(NULL AS VARCHAR) AS {quoted(name)}" for name in everything]
    return rows.project(", ".join([*shown, "filename"]))
