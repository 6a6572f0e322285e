"""The source of kind focus-files: FOCUS 1.0 to 1.4 from any provider, as CSV or Parquet."""

from __future__ import annotations

from pathlib import Path

from duckdb import DuckDBPyConnection

from finops.sources import focus_rows
from finops.sources.base import Raw
from finops.sources.files import FileUnits
from finops.sources.reading import read_files


class FocusFiles(FileUnits):
    """A unit is a file."""

    formats = (".csv", ".csv.gz", ".parquet")

    def read(self, con: DuckDBPyConnection, paths: list[Path]) -> Raw:
        raw = read_files(con, paths, self.storage.uri)
        return focus_rows.from_files(raw, self.storage.uri)
