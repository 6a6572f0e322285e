"""What a table of BigQuery is made of: its partitions, each with the version that BigQuery keeps for it."""

from __future__ import annotations

import re
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import TYPE_CHECKING, Any, cast

from finops.clouds import gcp_session
from finops.clouds.gcp_errors import google_errors
from finops.errors import SourceError

if TYPE_CHECKING:
    from google.cloud.bigquery import Client, Table, TableReference

PATIENCE = 30.0
"""Seconds for which a call, or a stream where it broke off, is made again: then a run goes on without the partition."""
ANSWER = 60.0
"""Seconds without a byte after which nobody answers any more: by itself BigQuery's client waits for ever."""
NULL = "__NULL__"
"""The partition of rows that have nothing in the column by which the table is partitioned."""
BUFFER = "__UNPARTITIONED__"
"""Rows that were streamed in just now, and are in no partition yet."""
WHOLE = ""
"""A table without partitions, as if it were one."""


@dataclass(frozen=True)
class Partition:
    """A partition as it stood when it was asked for. `size` is in bytes, an estimate; `modified` in seconds."""

    id: str
    rows: int
    modified: float
    version: str
    size: int

    @property
    def day(self) -> date | None:
        with suppress(ValueError):  # eight digits that are no day
            return date.fromisoformat(self.id) if re.fullmatch(r"[0-9]{8}", self.id) else None
        return None


@dataclass(frozen=True)
class Billing:
    """A billing table by its three names; `project.dataset.table`, and a project may have dots."""

    project: str
    dataset: str
    name: str

    @classmethod
    def of(cls, text: str) -> Billing:
        return cls(*text.rsplit(".", 2))

    def __str__(self) -> str:
        return f"{self.project}.{self.dataset}.{self.name}"

    def reference(self, partition: str = "") -> TableReference:
        """What the REST client takes; with a partition, that alone (`table$20260901`)."""
        from google.cloud.bigquery import DatasetReference

        return DatasetReference(self.project, self.dataset).table(self.name + (f"${partition}" if partition else ""))

    @property
    def path(self) -> str:
        """The name that the Storage Read API has for it."""
        return f"projects/{self.project}/datasets/{self.dataset}/tables/{self.name}"


def describe(client: Client, table: Billing) -> Table:
    """The table's description; raises SourceError for one that cannot be read by days."""
    where = f"BigQuery table {table}"
    with google_errors("BigQuery", "bigquery.tables.get", where):
        found = client.get_table(table.reference(), retry=gcp_session.retrying_rest(PATIENCE), timeout=ANSWER)
    kind = str(found.table_type or "TABLE")
    time, by_number = cast("Any", found).time_partitioning, found.range_partitioning
    if kind not in {"TABLE", "SNAPSHOT", "CLONE"}:
        raise SourceError(
            f"it is of the kind {kind.lower().replace('_', ' ')}, which has no partitions to see changes by",
            where=where,
            remedy="name the table that Google's billing export writes into, not what is made from it",
        )
    if by_number is not None or (time is not None and str(time.type_) != "DAY"):
        how = "numbers" if time is None else f"the {str(time.type_).lower()}"
        raise SourceError(
            f"it is partitioned by {how}, not by the day",
            where=where,
            remedy="name the table that Google's billing export writes into; a copy of it is to have days as well",
        )
    return found


def partitions(client: Client, described: Table, table: Billing) -> list[Partition]:
    """The partitions that exist now, by id; a table without any is one.

    Raises SourceError. Needs bigquery.jobs.create in the project that queries run in.
    """
    rows = _asked(client, described, table)
    found = [_partition(row) for row in rows if row.get("partition_id")]
    if not found and cast("Any", described).time_partitioning is None:
        return [_partition_of(WHOLE, described.num_rows, described.modified, described.num_bytes)]
    strange = [each.id for each in found if each.day is None and each.id not in {NULL, BUFFER}]
    if strange:
        raise SourceError(
            f"it has the partition {strange[0][:40]!r}, which is no day",
            where=f"BigQuery table {table}",
            remedy="name the table that Google's billing export writes into",
        )
    return sorted(found, key=lambda each: each.id)


def _asked(client: Client, described: Table, table: Billing) -> list[dict[str, Any]]:
    from google.api_core import exceptions as google

    with google_errors("BigQuery", "bigquery.jobs.create", f"BigQuery table {table}"):
        try:
            return _query(client, described, table, ("total_logical_bytes",))
        except google.BadRequest as error:
            if "total_logical_bytes" not in str(error):
                raise
            return _query(client, described, table, ())


def _query(client: Client, described: Table, table: Billing, more: Sequence[str]) -> list[dict[str, Any]]:
    from google.api_core import exceptions as google
    from google.cloud.bigquery import QueryJobConfig, ScalarQueryParameter

    columns = ", ".join(("partition_id", "total_rows", "last_modified_time", *more))
    sql = (
        f"SELECT {columns} FROM `{table.project}.{table.dataset}.INFORMATION_SCHEMA.PARTITIONS` "  # noqa: S608
        "WHERE table_name = @table_name"
    )
    config = QueryJobConfig(query_parameters=[ScalarQueryParameter("table_name", "STRING", table.name)])
    how: dict[str, Any] = {"job_config": config, "location": described.location}
    how |= {"retry": gcp_session.retrying_rest(PATIENCE), "job_retry": None}
    try:
        rows = cast("Any", client).query_and_wait(sql, api_timeout=ANSWER, **how)
    except (google.NotFound, google.MethodNotImplemented):  # a server that knows jobs alone
        rows = (
            cast("Any", client)
            .query(sql, timeout=ANSWER, **how)
            .result(retry=how["retry"], job_retry=None, timeout=ANSWER)
        )
    return [dict(row.items()) for row in rows]


def _partition(row: dict[str, Any]) -> Partition:
    return _partition_of(
        str(row["partition_id"]), row.get("total_rows"), row.get("last_modified_time"), row.get("total_logical_bytes")
    )


def _partition_of(name: str, rows: int | None, modified: datetime | None, size: int | None) -> Partition:
    """A version is the time of the last change, in microseconds, and the count of rows."""
    at = 0 if modified is None else (modified - _EPOCH.replace(tzinfo=modified.tzinfo)) // timedelta(microseconds=1)
    return Partition(name, int(rows or 0), at / 1e6, f"{at}-{int(rows or 0)}", int(size or 0))


_EPOCH = datetime(1970, 1, 1)  # noqa: DTZ001 - gets the zone of what it is taken from


def in_no_partition(described: Table, partition: Partition) -> bool:
    """Whether these rows are in no partition that could be read: they will be in one, or BigQuery lost their day."""
    time = cast("Any", described).time_partitioning
    return partition.id == BUFFER or (partition.id == NULL and (time is None or time.field is None))


def restriction(described: Table, partition: str) -> str:
    """The condition by which the Storage Read API reads one partition and no other."""
    if partition == WHOLE:
        return ""
    time = cast("Any", described).time_partitioning
    field = None if time is None else cast("str | None", time.field)
    if field is None:
        return f"_PARTITIONDATE = '{date.fromisoformat(partition)}'"
    column = f"`{field}`"  # BigQuery lets no column have a backtick
    if partition == NULL:
        return f"{column} IS NULL"
    day = date.fromisoformat(partition)
    return f"{column} >= '{day}' AND {column} < '{day + timedelta(days=1)}'"  # days of UTC, whatever the type
