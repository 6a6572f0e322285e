"""The source of kind focus-files: FOCUS 1.0 to 1.4 from any provider, as CSV or Parquet."""

from __future__ import annotations

from pathlib import Path

from duckdb import DuckDBPyConnection

from finops.errors import SourceError
from finops.sources import azure_runs, focus_rows
from finops.sources.base import Raw, Unit
from finops.sources.files import FileUnits
from finops.sources.reading import read_files
from finops.sources.storage import RemoteFile, Storage


class FocusFiles(FileUnits):
    """A unit is a file; of Azure's exports a month, of whose runs the newest counts."""

    formats = (".csv", ".csv.gz", ".parquet")

    def __init__(self, name: str, storage: Storage) -> None:
        super().__init__(name, storage)
        self._overlapping: dict[str, str] = {}

    def discover(self) -> list[Unit]:
        units = super().discover()
        self._overlapping = azure_runs.overlapping(unit.name for unit in units)
        return units

    def unit_of(self, key: str) -> str | None:
        folder = self.storage.uri.rstrip("/").rpartition("/")[2]  # it may be a month's own
        return azure_runs.month_of(key) or azure_runs.month_of(f"{folder}/{key}") or super().unit_of(key)

    def period_of(self, unit: str) -> str | None:
        return azure_runs.period_of(unit) or super().period_of(unit)

    def files(self, unit: Unit) -> list[RemoteFile]:
        if unit.name in self._overlapping:
            raise SourceError(
                f"days of {unit.name} are in {self._overlapping[unit.name]} too, and would count twice",
                where=f"{self.storage.uri}, {unit.name}",
                remedy="keep the folder that has the whole month, and remove the other",
            )
        files = super().files(unit)
        return files if azure_runs.period_of(unit.name) is None else azure_runs.newest(self.storage, files)

    def read(self, con: DuckDBPyConnection, paths: list[Path]) -> Raw:
        raw = read_files(con, paths, self.storage.uri)
        return focus_rows.from_files(raw, self.storage.uri)
