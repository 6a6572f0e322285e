"""One partition of a table, written into one Parquet file as it arrives: as Arrow streams, or page by page.

A read session is a snapshot, so its streams fit together whatever happens meanwhile; pages are none. Neither is
ever in memory whole. The columns are kept as they are.
"""

from __future__ import annotations

import os
import threading
from concurrent.futures import FIRST_EXCEPTION, ThreadPoolExecutor, wait
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Any, cast

from finops.clouds import gcp_session
from finops.sources.bigquery_tables import ANSWER, PATIENCE, Billing
from finops.sources.storage import Tell

if TYPE_CHECKING:
    from google.cloud.bigquery import Client, Table
    from google.cloud.bigquery_storage import BigQueryReadClient

STREAMS = 4
"""How many streams of a partition are read at a time."""
GROUP_ROWS, GROUP_BYTES = 100_000, 64 << 20
"""When a row group is written: what is in memory of a partition."""


class Unwritable(Exception):  # noqa: N818 - carries what the disk said past Google's errors
    """The file cannot be written; `error` says why."""

    def __init__(self, error: OSError) -> None:
        super().__init__(str(error))
        self.error = error


class Progress:
    """Rows that have arrived, told as bytes of an estimate: never more than it, and taken back when all is lost."""

    def __init__(self, tell: Tell, rows: int, size: int) -> None:
        self.tell, self.rows, self.size = tell, max(rows, 1), size
        self._rows = self._told = 0
        self._lock = threading.Lock()

    def add(self, rows: int) -> None:
        with self._lock:
            self._rows += rows
            told = min(self.size, self.size * self._rows // self.rows)
            more, self._told = told - self._told, told
        self.tell(more)

    def back(self) -> None:
        with self._lock:
            lost, self._rows, self._told = self._told, 0, 0
        if lost:
            self.tell(-lost)

    def end(self) -> None:
        """The partition is whole, whatever its size was said to be."""
        self.tell(self.size - self._told)
        self._told = self.size


class ParquetFile:
    """Record batches from several threads as one file, on the disk when it is left without an error."""

    def __init__(self, to: Path, schema: Any, progress: Progress) -> None:
        from pyarrow import parquet  # pyright: ignore[reportMissingTypeStubs]

        self.rows = 0
        self._progress = progress
        self._schema = schema
        self._waiting: list[Any] = []
        self._lock = threading.Lock()
        try:
            self._file = to.open("wb")
            self._writer: Any = cast("Any", parquet).ParquetWriter(self._file, schema, compression="zstd")
        except OSError as error:
            raise Unwritable(error) from None

    def __enter__(self) -> ParquetFile:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        try:
            with self._file:
                try:
                    if kind is None:
                        self._write()
                    self._writer.close()
                finally:
                    self._writer.is_open = False  # else it complains aloud, later, that its file is closed
                self._file.flush()
                os.fsync(self._file.fileno())
        except OSError as error:
            if kind is None:
                raise Unwritable(error) from None

    def add(self, batch: Any) -> None:
        """Raises Unwritable, and what the progress raises to end the copy."""
        with self._lock:
            self._waiting.append(batch)
            self.rows += batch.num_rows
            rows, size = (sum(getattr(each, name) for each in self._waiting) for name in ("num_rows", "nbytes"))
            if rows >= GROUP_ROWS or size >= GROUP_BYTES:
                try:
                    self._write()
                except OSError as error:
                    raise Unwritable(error) from None
        self._progress.add(batch.num_rows)

    def _write(self) -> None:
        import pyarrow  # pyright: ignore[reportMissingTypeStubs]

        batches, self._waiting = self._waiting, []
        if batches:
            table: Any = cast("Any", pyarrow).Table.from_batches(batches, schema=self._schema)
            self._writer.write_table(table, row_group_size=GROUP_ROWS)


def read_session(client: BigQueryReadClient, table: Billing, project: str, condition: str) -> Any:
    """A snapshot of the rows that meet a condition, in some streams, none of them where there are no rows.

    Raises Google's exceptions. Needs bigquery.readsessions.create in `project`, bigquery.tables.getData on the table.
    """
    from google.cloud.bigquery_storage import DataFormat, ReadSession

    wanted: dict[str, Any] = {"table": table.path, "data_format": DataFormat.ARROW}
    if condition:
        wanted["read_options"] = {"row_restriction": condition}
    return cast("Any", client).create_read_session(
        parent=f"projects/{project}",
        read_session=ReadSession(**wanted),
        max_stream_count=STREAMS,
        retry=gcp_session.retrying(PATIENCE),
    )


def read_streams(client: BigQueryReadClient, session: Any, to: Path, progress: Progress) -> int:
    """The session's rows as a file; returns how many. Raises Google's exceptions, Unwritable.

    The client takes up a stream that ends in UNAVAILABLE where it broke off; anything else ends all of them.
    """
    import pyarrow  # pyright: ignore[reportMissingTypeStubs]

    arrow = cast("Any", pyarrow)
    schema = arrow.ipc.read_schema(arrow.py_buffer(session.arrow_schema.serialized_schema))
    streams: list[Any] = []
    stopped = threading.Event()

    def one(name: str, file: ParquetFile) -> None:
        stream = cast("Any", client).read_rows(name, retry=gcp_session.retrying(PATIENCE))
        streams.append(stream)
        for message in stream:
            if stopped.is_set():
                return
            batch = arrow.py_buffer(message.arrow_record_batch.serialized_record_batch)
            file.add(arrow.ipc.read_record_batch(batch, schema))

    with ParquetFile(to, schema, progress) as file, ThreadPoolExecutor(STREAMS, thread_name_prefix="stream") as pool:
        futures = [pool.submit(one, stream.name, file) for stream in session.streams]
        done, under_way = wait(futures, return_when=FIRST_EXCEPTION)
        if under_way:
            stopped.set()
            for stream in streams:
                stream.cancel()
            wait(under_way)
        for future in (*done, *under_way):
            future.result()
    return file.rows


def first_row(client: Client, table: Billing, described: Table, partition: str) -> None:
    """Read one row, to see whether rows may be read; raises Google's exceptions."""
    part = _part(table, described, partition)
    retry = gcp_session.retrying_rest(PATIENCE)
    next(iter(cast("Any", client).list_rows(part, max_results=1, retry=retry, timeout=ANSWER)), None)


def _part(table: Billing, described: Table, partition: str) -> Table:
    from google.cloud.bigquery import Table

    return Table(table.reference(partition), schema=cast("Any", described).schema)


def read_pages(client: Client, table: Billing, described: Table, partition: str, to: Path, progress: Progress) -> int:
    """A partition's rows through `tabledata.list`, as a file; returns how many. Raises Google's exceptions, Unwritable.

    Needs bigquery.tables.getData alone. A page token that has expired is told as Aborted: only a start anew helps.
    """
    from google.api_core import exceptions as google

    part = _part(table, described, partition)
    listed: Any = cast("Any", client).list_rows(part, retry=gcp_session.retrying_rest(PATIENCE), timeout=ANSWER)
    try:
        batches = listed.to_arrow_iterable()
        first = next(batches)
        with ParquetFile(to, first.schema, progress) as file:
            file.add(first)
            for batch in batches:
                file.add(batch)
    except google.GoogleAPICallError as error:
        if listed.page_number and error.code in {400, 404, 410}:
            raise cast("Any", google.Aborted)("the page token has expired") from None
        raise
    return file.rows
