"""What a load has in hand: temporary tables and views over landed files, before any charge is touched."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from duckdb import DuckDBPyConnection

from finops.focus import MONEY, TIME
from finops.models import model
from finops.sources.base import Source
from finops.sources.landed import Landed
from finops.sources.reading import as_view
from finops.warehouse.connection import scalar


def take_in_hand(
    con: DuckDBPyConnection, batch: Sequence[Landed], versions: Mapping[str, str], loads: Mapping[str, str]
) -> None:
    """The batch as tables: `units_in_hand`, and `files_in_hand` with the unit and load that each belongs to.

    `versions` and `loads` are by unit.
    """
    con.execute("CREATE OR REPLACE TEMP TABLE units_in_hand (unit VARCHAR, version VARCHAR, load VARCHAR)")
    con.execute(
        "CREATE OR REPLACE TEMP TABLE files_in_hand "
        "(path VARCHAR, file_id INTEGER, file VARCHAR, source VARCHAR, unit VARCHAR, load VARCHAR)"
    )
    first = scalar(con, "SELECT coalesce(max(file_id), 0) + 1 FROM ledger.files")
    files: list[tuple[str, int, str, str, str, str]] = []
    for each in batch:
        for path, key in zip(each.files, each.keys, strict=True):
            files.append((str(path), first + len(files), key, each.source, each.unit, loads[each.unit]))
    units = [[each.unit, versions[each.unit], loads[each.unit]] for each in batch]
    con.executemany("INSERT INTO units_in_hand VALUES (?, ?, ?)", units)
    con.executemany("INSERT INTO files_in_hand VALUES (?, ?, ?, ?, ?, ?)", files)


def take_out_of_hand(con: DuckDBPyConnection, unit: str) -> None:
    """A unit that goes and is not replaced: the same tables, without files."""
    con.execute("CREATE OR REPLACE TEMP TABLE units_in_hand AS SELECT ? AS unit", [unit])
    con.execute("CREATE OR REPLACE TEMP TABLE files_in_hand AS SELECT NULL::INTEGER AS file_id WHERE false")


def normalise(con: DuckDBPyConnection, source: Source, batch: Sequence[Landed]) -> str:
    """What the batch holds, for the steps that follow; returns the normaliser's name.

    `source_rows` and `normalised` are views, computed column by column as they are needed: no copy of a large
    bill is made on the way. `control` has the source's own totals, `tag_sets` what its sets of tags say,
    `aside` the rows that become no charge, or that the normaliser added, `commitments` what
    commitments cost by their fees.
    """
    paths = [path for each in batch for path in each.files]
    raw = source.read(con, paths)
    rows, name = raw.rows, raw.normaliser.sql
    if any(path.suffix != ".parquet" for path in paths):  # what is not stored by column is parsed once
        as_view(con, rows, "unparsed_rows")
        con.execute("CREATE OR REPLACE TEMP TABLE parsed_rows AS FROM unparsed_rows")
        rows = con.table("parsed_rows")
    as_view(con, rows, "source_rows")
    if raw.tag_sets is not None:
        as_view(con, raw.tag_sets, "found_tags")
        con.execute("CREATE OR REPLACE TEMP TABLE source_tags AS FROM found_tags")
    for before in raw.normaliser.before:
        con.execute(f"CREATE OR REPLACE TEMP TABLE {before.partition('.')[2]} AS {model(before).sql}")
    con.execute(f"CREATE OR REPLACE TEMP VIEW normalised AS {model(f'normalise.{name}').sql}")
    if raw.tag_sets is None:
        con.execute(f"CREATE OR REPLACE TEMP TABLE source_tags AS {model('focus.source_tags').sql}")
    for table, sql in (("control", f"control.{name}"), ("tag_sets", "focus.tag_sets"), ("aside", "focus.aside")):
        con.execute(f"CREATE OR REPLACE TEMP TABLE {table} AS {model(sql).sql}")
    fees = raw.normaliser.commitments
    of_fees = "SELECT NULL::VARCHAR AS x_SourceFile, * FROM ledger.commitments WHERE false"
    con.execute(f"CREATE OR REPLACE TEMP TABLE commitments AS {model(f'control.{fees}').sql if fees else of_fees}")
    for column, kind in (("conversion_rate", MONEY), ("rated_at", TIME)):  # only Google tells how it converts
        con.execute(f"ALTER TABLE control ADD COLUMN IF NOT EXISTS {column} {kind}")
    return name
