"""The source of kind gcp-bigquery: Google's billing export where Google writes it.

A unit is a partition, a day on which rows came in; a table without partitions is one unit. BigQuery keeps a time
and a count for each, and where they changed the partition is read whole, through the Storage Read API as Arrow
streams, or page by page where that is not allowed. What it becomes is a Parquet file, read as gcp-files does.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Generator
from contextlib import contextmanager, suppress
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

from duckdb import DuckDBPyConnection

from finops.clouds import gcp_session
from finops.clouds.gcp_errors import google_errors
from finops.config import GcpBigQuery
from finops.errors import SourceError
from finops.sources import bigquery_reading as reading
from finops.sources import bigquery_tables as tables
from finops.sources.base import PARTITION, Raw, Unit
from finops.sources.bigquery_tables import WHOLE, Billing, Partition
from finops.sources.gcp_files import GcpFiles
from finops.sources.storage import Changed, Folder, RemoteFile, Tell

if TYPE_CHECKING:
    from google.cloud.bigquery import Client, Table
    from google.cloud.bigquery_storage import BigQueryReadClient

REREAD = 5
"""How many of the newest partitions are read each time: Google adds to them for days."""
WAITS = (0.5, 2.0, 5.0, 10.0)
"""Seconds before a partition is read anew that broke off in a way which no client takes up."""
_ASIDE = "{} rows are in no partition (BigQuery's streaming buffer, or of no day): they come in with their day, if any"
_BY_PAGES = (
    "bigquery.readsessions.create is not allowed, or the BigQuery Storage API is off: "
    "rows are read page by page (tabledata.list), which is slower"
)
_ENDING = ".parquet"


class BigQueryExport:
    """A billing table; several partitions of it are read at a time, by one client of each kind."""

    def __init__(self, entry: GcpBigQuery) -> None:
        self.name = entry.name
        self.entry = entry
        self.table = Billing.of(entry.table)
        self.where = f"BigQuery table {self.table}"
        self.notes: list[str] = []
        self._files = GcpFiles(entry.name, Folder(Path(entry.table)), entry.basis)  # reads what has landed, no more
        self.reading = self._files.reading
        self._lock = threading.Lock()
        # a server on this machine that only answers REST: Google itself is not to be asked in its place
        self._by_pages = entry.storage_endpoint is None and gcp_session.emulated(entry.endpoint)

    @cached_property
    def client(self) -> Client:
        """Built on first use, so that reading the configuration needs no credentials."""
        with google_errors("BigQuery", "bigquery.tables.get", self.where):
            return gcp_session.bigquery(self.entry, self.table.project, self.entry.endpoint)

    @cached_property
    def reader(self) -> BigQueryReadClient:
        with google_errors("the BigQuery Storage API", "bigquery.readsessions.create", self.where):
            return gcp_session.bigquery_read(self.entry, self.entry.storage_endpoint)

    @cached_property
    def described(self) -> Table:
        return tables.describe(self.client, self.table)

    def discover(self) -> list[Unit]:
        listed = self._partitions()
        units = self._units(listed)
        aside = sum(each.rows for each in listed if tables.in_no_partition(self.described, each))
        self.notes = [_ASIDE.format(aside)] if aside else []
        if not units:
            raise SourceError(
                "the table has no partition yet",
                where=self.where,
                remedy="wait for the first delivery, some hours after the export was switched on; "
                "what was loaded before stays as it is",
            )
        return units

    def _partitions(self) -> list[Partition]:
        self.described = tables.describe(self.client, self.table)  # a new column, another location: as it is now
        return tables.partitions(self.client, self.described, self.table)

    def _units(self, listed: list[Partition]) -> list[Unit]:
        found = [each for each in listed if not tables.in_no_partition(self.described, each)]
        newest = {each.id for each in [each for each in found if each.day is not None][-REREAD:]} | {WHOLE}
        return [
            Unit(
                self.name,
                name,
                f"{each.day:%Y-%m}" if each.day else None,
                each.version,
                files=(RemoteFile(f"{name}{_ENDING}", each.size, each.modified, each.version, exact=False),),
                settled=each.id not in newest,
                lasting=each.id != WHOLE,
            )
            for each in found
            for name in [self._unit(each)]
        ]

    def _unit(self, partition: Partition) -> str:
        if partition.id == WHOLE:
            return self.table.name
        return f"{PARTITION}{partition.day or partition.id}"

    def files(self, unit: Unit) -> list[RemoteFile]:
        return list(unit.files)  # whether it stood still is seen when it is read

    def current(self, unit: Unit) -> Unit:
        now = {each.name: each for each in self._units(self._partitions())}.get(unit.name)
        if now is None:
            raise Changed(f"{unit.name} is gone")
        return now

    def fetch(self, file: RemoteFile, to: Path, tell: Tell) -> None:
        name = file.key.removesuffix(_ENDING)
        partition = _partition_id(name)
        expected = int(file.etag.rpartition("-")[2])
        progress = reading.Progress(tell, expected, file.size)
        for wait in (*WAITS, None):
            progress.back()
            session = self._session(partition)
            with self._errors(), suppress(*(_passing(session) if wait is not None else ())):
                rows = self._read(session, partition, file, to, progress)
                break
            time.sleep(wait or 0)
        else:
            raise AssertionError("the last round ends or raises")
        if rows < expected:
            raise Changed(f"{rows} of {expected} rows of {name} came")
        progress.end()

    @contextmanager
    def _errors(self) -> Generator[None]:
        try:
            with google_errors("BigQuery", "bigquery.tables.getData", self.where):
                yield
        except reading.Unwritable as unwritable:
            raise unwritable.error from None

    def _read(self, session: Any, partition: str, file: RemoteFile, to: Path, progress: reading.Progress) -> int:
        """Write the partition's rows into a file; returns how many. Raises Google's exceptions, Changed."""
        from google.api_core import exceptions as google

        if session is not None:
            try:
                return reading.read_streams(self.reader, session, to, progress)
            except google.Forbidden as error:
                self._turn_to_pages(error)
            progress.back()
        described = tables.describe(self.client, self.table)
        rows = reading.read_pages(self.client, self.table, described, partition, to, progress)
        now = next((each for each in self._partitions() if each.id == partition), None)
        if now is None or now.version != file.etag:  # pages are no snapshot
            raise Changed(f"{file.key.removesuffix(_ENDING)} changed while it was read")
        return rows

    def _session(self, partition: str) -> Any:
        """A read session; None where the Storage Read API may not be used, which is said once."""
        from google.api_core import exceptions as google

        if self._by_pages:
            return None
        condition = tables.restriction(self.described, partition)
        project = self.entry.quota_project or self.table.project
        with self._errors():
            try:
                return reading.read_session(self.reader, self.table, project, condition)
            except (google.Forbidden, google.MethodNotImplemented) as error:
                self._turn_to_pages(error)
        return None

    def _turn_to_pages(self, error: Exception) -> None:
        """What the Storage Read API refuses, pages may give, unless it is the table itself: then the error goes on."""
        if "tables.getData" in str(error):
            raise error
        with self._lock:
            if not self._by_pages:
                self._by_pages = True
                self.notes.append(_BY_PAGES)

    def probe(self, unit: Unit) -> str:
        partition = _partition_id(unit.name)
        if self._session(partition) is not None:
            return "read as Arrow streams"
        with self._errors():
            reading.first_row(self.client, self.table, self.described, partition)
        return "read page by page"

    def read(self, con: DuckDBPyConnection, paths: list[Path]) -> Raw:
        return self._files.read(con, paths)


def _partition_id(unit: str) -> str:
    return unit.removeprefix(PARTITION).replace("-", "") if unit.startswith(PARTITION) else WHOLE


def _passing(session: Any) -> tuple[type[Exception], ...]:
    """How a reading ends that may go well from its start: streams in many ways, pages when their token expires."""
    from google.api_core import exceptions as google

    if session is None:
        return (google.Aborted,)
    return (
        google.InternalServerError,
        google.TooManyRequests,  # RESOURCE_EXHAUSTED too
        google.GatewayTimeout,  # DEADLINE_EXCEEDED too
        google.ServiceUnavailable,
        google.Unknown,
        google.Aborted,
        google.RetryError,
    )
