"""What FOCUS files lack: columns that their version of the specification wants, missing or null."""

from __future__ import annotations

from collections.abc import Sequence

from duckdb import DuckDBPyConnection

from finops.sources.base import quoted
from finops.sources.focus_versions import MANDATORY, names_of_1_0, version_of
from finops.sources.landed import Landed
from finops.sources.reading import read_files

COLUMNS = tuple(dict.fromkeys(name for each in MANDATORY.values() for name in each))


def note(con: DuckDBPyConnection, source: str, batch: Sequence[Landed]) -> None:
    """Write into focus.lacking what the units in hand lack, by provider; what was noted of them before is gone."""
    given = ", ".join(f"count({quoted(name)})" for name in COLUMNS)
    rows = con.execute(
        f"""SELECT f.unit, coalesce(s.ProviderName, s.ServiceProviderName), count(*), {given}
        FROM source_rows AS s JOIN files_in_hand AS f ON f.path = s.x_SourceFile GROUP BY ALL ORDER BY ALL"""  # noqa: S608
    ).fetchall()
    columns = {each.unit: set(read_files(con, list(each.files), each.unit).columns) for each in batch}
    found: list[list[object]] = []
    for unit, provider, total, *counts in rows:
        version = version_of(columns[unit])
        there = names_of_1_0(columns[unit])
        for name, count in zip(COLUMNS, counts, strict=True):
            may_be_null = MANDATORY[version].get(name)
            if may_be_null is None:
                continue
            has_column = name.lower() in there
            if not has_column or (count < total and not may_be_null):
                found.append([source, unit, provider, version, name, has_column, total - count, total])
    if found:
        con.executemany("INSERT INTO focus.lacking VALUES (?, ?, ?, ?, ?, ?, ?, ?)", found)
