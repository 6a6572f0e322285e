"""The source of kind gcp-files: Google's billing export as files in a folder.

Parquet, Avro, JSON lines and CSV of the standard or detailed export (or of the native FOCUS export), and JSON as
BigQuery's `tabledata.list` returns it. A `_PARTITIONDATE=YYYY-MM-DD/` folder is an ingestion-day partition
and one unit; every other file is a unit of its own.
"""

from __future__ import annotations

import gzip
import json
from pathlib import Path
from typing import Any, cast

import duckdb
import polars as pl
from duckdb import DuckDBPyConnection, DuckDBPyRelation

from finops.errors import SourceError
from finops.sources import gcp_focus_rows, gcp_nested, gcp_rows
from finops.sources.base import Raw
from finops.sources.files import FileUnits
from finops.sources.reading import format_of, from_frame, read_files, unreadable
from finops.sources.storage import Storage

LONGEST = 1 << 24
"""Bytes within which a row of JSON ends: what the engine itself takes."""


class GcpFiles(FileUnits):
    """Google's export as files."""

    formats = (".parquet", ".avro", ".csv", ".csv.gz", ".json", ".json.gz", ".jsonl", ".jsonl.gz", ".ndjson")

    def __init__(self, name: str, storage: Storage, basis: str = "provider") -> None:
        super().__init__(name, storage)
        self.reading = basis

    def read(self, con: DuckDBPyConnection, paths: list[Path]) -> Raw:
        where = self.storage.uri
        kinds = {format_of(path) for path in paths}
        if kinds == {"json"}:
            raw = _read_json(con, paths, where)
        elif kinds == {"avro"}:
            raw = from_frame(con, _joined([_read_avro(path) for path in paths], where))
        else:
            raw = read_files(con, paths, where)
        if "billedcost" in {name.lower() for name in raw.columns}:
            return gcp_focus_rows.from_native(con, gcp_nested.nested(raw, where, gcp_nested.NATIVE), where)
        return gcp_rows.from_export(con, gcp_nested.nested(raw, where, gcp_nested.fields()), where, self.reading)


def _read_avro(path: Path) -> pl.DataFrame:
    try:
        return pl.read_avro(path).with_columns(filename=pl.lit(str(path)))
    except (pl.exceptions.PolarsError, OSError) as error:
        raise SourceError(f"the Avro file is damaged: {error}", where=str(path), remedy="export it again") from None


def _joined(frames: list[pl.DataFrame], where: str) -> pl.DataFrame:
    try:
        return pl.concat(frames, how="diagonal")
    except pl.exceptions.PolarsError as error:
        raise SourceError(
            f"files disagree on a column's type: {error}", where=where, remedy="export them again"
        ) from None


def _read_json(con: DuckDBPyConnection, paths: list[Path], where: str) -> DuckDBPyRelation:
    pages = [(path, page) for path in paths if (page := _page(path)) is not None]
    try:
        if not pages:
            return con.read_json(
                cast("Any", [str(path) for path in paths]),
                columns=_schema(paths),
                format="newline_delimited",
                filename=True,
            )
        if len(pages) < len(paths):
            raise SourceError("the unit mixes pages and lines of JSON", where=where, remedy="keep one of the two")
        return from_frame(con, _joined([_frame(*page) for page in pages], where))
    except duckdb.Error as error:
        raise unreadable(error, where) from None


def _schema(paths: list[Path]) -> dict[str, str]:
    """The columns of lines of JSON: given, never inferred; the first row tells which export it is of."""
    for path in paths:
        with gzip.open(path) if path.suffix == ".gz" else path.open("rb") as file:
            text = file.read(LONGEST).decode(errors="replace").lstrip()
        if text:
            try:
                row, _ = json.JSONDecoder().raw_decode(text)
            except ValueError:  # reading it will say where
                break
            is_native = isinstance(row, dict) and "BilledCost" in row
            return gcp_nested.native_schema() if is_native else gcp_nested.schema()
    return gcp_nested.schema()


def _page(path: Path) -> dict[str, Any] | None:
    """A `tabledata.list` page with its schema, None for lines of JSON."""
    if path.name.endswith(".gz"):
        return None
    with path.open(encoding="utf-8", errors="replace") as file:
        if not file.read(2000).lstrip().replace(" ", "").replace("\n", "").startswith('{"schema":{"fields"'):
            return None
    try:
        return json.loads(path.read_text(encoding="utf-8"))
    except ValueError:
        raise SourceError("the page of rows is not JSON", where=str(path), remedy="fetch it again") from None


def _frame(path: Path, page: dict[str, Any]) -> pl.DataFrame:
    """A page as a table: numbers stay text until they are cast exactly, times are microseconds."""
    try:
        fields = cast("list[dict[str, Any]]", page["schema"]["fields"])
        found = page.get("rows", [])  # a page without rows has no such key
        rows = [[_value(field, cell["v"]) for field, cell in zip(fields, row["f"], strict=True)] for row in found]
        kinds = {str(field["name"]): _kind(field) for field in fields}
        return pl.DataFrame(rows, schema=kinds, orient="row").with_columns(filename=pl.lit(str(path)))
    except (KeyError, TypeError, ValueError, OverflowError, pl.exceptions.PolarsError) as error:
        raise SourceError(
            f"a row of the page does not fit its schema: {error}",
            where=str(path),
            remedy="fetch the page again",
        ) from None


def _value(field: dict[str, Any], value: Any) -> Any:
    if value is None:
        return None
    if field.get("mode") == "REPEATED":
        return [_value({**field, "mode": "NULLABLE"}, each["v"]) for each in value]
    if _is_record(field):
        return {sub["name"]: _value(sub, cell["v"]) for sub, cell in zip(field["fields"], value["f"], strict=True)}
    return int(value) if field["type"] == "TIMESTAMP" else str(value)


def _kind(field: dict[str, Any]) -> pl.DataType:
    kind: pl.DataType = pl.Datetime("us", "UTC") if field["type"] == "TIMESTAMP" else pl.String()
    if _is_record(field):
        kind = pl.Struct({each["name"]: _kind(each) for each in field["fields"]})
    return pl.List(kind) if field.get("mode") == "REPEATED" else kind


def _is_record(field: dict[str, Any]) -> bool:
    """A record with fields; one whose fields the page does not describe is kept as text."""
    return field["type"] == "RECORD" and "fields" in field
