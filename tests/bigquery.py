"""BigQuery on loopback: one table, spoken of in REST and in gRPC as far as a billing export is read.

REST: tables.get, jobs.query, jobs.insert with getQueryResults (INFORMATION_SCHEMA.PARTITIONS), tabledata.list in pages
and by partition. gRPC: CreateReadSession (a snapshot, by row_restriction) and ReadRows from any offset. Both are for
Google's own clients.
"""

from __future__ import annotations

import json
import re
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, unquote, urlsplit

import grpc
import pyarrow as pa
from google.cloud.bigquery_storage_v1 import types

Field = dict[str, Any]
Row = Mapping[str, Any]
Refusal = tuple[int, str, str]
"""A status of HTTP, Google's reason and text."""
EXPORT: list[Field] = json.loads(
    (Path(__file__).parent.parent / "finops" / "sources" / "gcp_export_schema.json").read_text(encoding="utf-8")
)
"""The detailed export's fields, as a live table has them."""
T0 = datetime(2026, 9, 10, 6, tzinfo=UTC)
_ARROW = {
    "STRING": pa.string(),
    "TIMESTAMP": pa.timestamp("us", "UTC"),
    "DATE": pa.date32(),
    "FLOAT": pa.float64(),
    "INTEGER": pa.int64(),
    "NUMERIC": pa.decimal128(38, 9),
    "BOOLEAN": pa.bool_(),
}


@dataclass
class Partition:
    """Rows of a day, and when they last changed."""

    rows: list[Row]
    modified: datetime


@dataclass
class BigQuery:
    """A project with one table. What a test sets is what clients see from then on; `calls` is what they asked.

    `refuse` is asked before a call of REST is answered, by its name (`tables.get`, `jobs.query`, `tabledata.list`, …),
    `fault` before each message of a stream, by stream and offset, `deny` when a session is created.
    """

    project: str = "p-1"
    dataset: str = "billing"
    table: str = "gcp_billing_export_resource_v1_AAAAAA_BBBBBB_CCCCCC"
    location: str = "EU"
    fields: list[Field] = field(default_factory=lambda: list(EXPORT))
    partitioning: Field | None = field(default_factory=lambda: {"type": "DAY"})
    kind: str = "TABLE"
    partitions: dict[str, Partition] = field(default_factory=dict[str, Partition])
    streamed: int = 0
    page: int = 3
    message: int = 2
    streams: int = 3
    jobs_alone: int | None = None
    sizes: bool = True
    calls: list[str] = field(default_factory=list[str])
    refuse: Callable[[str], Refusal | None] = lambda _: None
    fault: Callable[[int, int], grpc.StatusCode | None] = lambda *_: None
    deny: Callable[[], tuple[grpc.StatusCode, str] | None] = lambda: None
    url: str = ""
    target: str = ""
    _sessions: dict[str, pa.Table] = field(default_factory=dict[str, pa.Table])
    _lock: threading.Lock = field(default_factory=threading.Lock)
    _changes: int = 0

    def put(self, day: str, rows: Sequence[Row], modified: datetime | None = None) -> None:
        """Set a partition's rows (`day` is its id, such as 20260901); its time moves on unless one is given."""
        self._changes += 1
        self.partitions[day] = Partition(list(rows), modified or T0 + timedelta(seconds=self._changes))

    def source(self, **more: Any) -> dict[str, Any]:
        """The entry of a configuration that reads the table from here."""
        table = f"{self.project}.{self.dataset}.{self.table}"
        ways = {"endpoint": self.url, "storage_endpoint": self.target}
        return {"name": "gcp", "kind": "gcp-bigquery", "table": table, **ways, **more}

    def asked(self, *names: str) -> int:
        """How often one of these was called."""
        return sum(call.startswith(names) for call in self.calls)

    def called(self, name: str) -> None:
        with self._lock:
            self.calls.append(name)

    @property
    def schema(self) -> pa.Schema:
        return pa.schema([pa.field(each["name"], arrow_type(each)) for each in self.fields])

    def arrow(self, partition: str) -> pa.Table:
        return pa.Table.from_pylist([record(self.fields, row) for row in self.partitions[partition].rows], self.schema)

    def selected(self, condition: str) -> list[str]:
        """The partitions that a row_restriction names; one that this server does not understand is an error."""
        if not condition:
            return sorted(self.partitions)
        column = (self.partitioning or {}).get("field")
        if column is None:
            days = re.fullmatch(r"_PARTITIONDATE = '(\d{4}-\d\d-\d\d)'", condition)
            assert days is not None, condition
            return [day for day in self.partitions if day == days[1].replace("-", "")]
        if condition == f"`{column}` IS NULL":
            return [day for day in self.partitions if day == "__NULL__"]
        span = re.fullmatch(rf"`{column}` >= '(\S+)' AND `{column}` < '(\S+)'", condition)
        assert span is not None, condition
        assert date.fromisoformat(span[2]) - date.fromisoformat(span[1]) == timedelta(days=1)
        return [day for day in self.partitions if day == span[1].replace("-", "")]

    def create(self, request: types.CreateReadSessionRequest, context: grpc.ServicerContext) -> types.ReadSession:
        wanted = request.read_session
        self.called(f"CreateReadSession {wanted.read_options.row_restriction}")
        denied = self.deny()
        if denied is not None:
            context.abort(*denied)
        if wanted.table != f"projects/{self.project}/datasets/{self.dataset}/tables/{self.table}":
            context.abort(grpc.StatusCode.NOT_FOUND, f"Not found: Table {wanted.table}")
        parts = [self.arrow(day) for day in self.selected(wanted.read_options.row_restriction)]
        rows = pa.concat_tables([self.schema.empty_table(), *parts])
        with self._lock:
            name = f"{request.parent}/locations/eu/sessions/s{len(self._sessions)}"
            self._sessions[name] = rows
        count = min(self.streams, request.max_stream_count or 1, -(-rows.num_rows // self.message))
        return types.ReadSession(
            name=name,
            table=wanted.table,
            data_format=types.DataFormat.ARROW,
            arrow_schema=types.ArrowSchema(serialized_schema=self.schema.serialize().to_pybytes()),
            streams=[types.ReadStream(name=f"{name}/streams/{count}-{number}") for number in range(count)],
        )

    def read(self, request: types.ReadRowsRequest, context: grpc.ServicerContext) -> Iterator[types.ReadRowsResponse]:
        session, _, stream = request.read_stream.partition("/streams/")
        count, number = map(int, stream.split("-"))
        self.called(f"ReadRows {number} {request.offset}")
        rows = self._sessions[session]
        share = -(-rows.num_rows // count)
        mine = rows.slice(number * share, share)
        offset = request.offset
        while True:
            code = self.fault(number, offset)
            if code is not None:
                context.abort(code, "broken off")
            if offset >= mine.num_rows:
                return
            batch = mine.slice(offset, self.message).combine_chunks().to_batches()[0]
            content = types.ArrowRecordBatch(serialized_record_batch=batch.serialize().to_pybytes())
            yield types.ReadRowsResponse(arrow_record_batch=content, row_count=batch.num_rows)
            offset += batch.num_rows


def arrow_type(each: Field) -> pa.DataType:
    """A field's type in Arrow."""
    if each["type"] == "RECORD":
        kind: pa.DataType = pa.struct([pa.field(sub["name"], arrow_type(sub)) for sub in each["fields"]])
    else:
        kind = _ARROW[each["type"]]
    return pa.list_(kind) if each.get("mode") == "REPEATED" else kind


def record(fields: Sequence[Field], row: Row) -> dict[str, Any]:
    """A row (as a line of JSON has it) in Python's types; what it lacks is null, or a list of nothing."""
    return {each["name"]: _typed(each, row.get(each["name"])) for each in fields}


def _typed(each: Field, value: Any) -> Any:
    if each.get("mode") == "REPEATED":
        return [_typed({**each, "mode": "NULLABLE"}, one) for one in value or []]
    if value is None:
        return None
    if each["type"] == "RECORD":
        return record(each["fields"], value)
    if each["type"] == "TIMESTAMP" and isinstance(value, str):
        return datetime.fromisoformat(value.replace(" UTC", "+00:00"))
    if each["type"] == "DATE" and isinstance(value, str):
        return date.fromisoformat(value)
    return {"FLOAT": float, "NUMERIC": Decimal, "STRING": str}.get(each["type"], lambda same: same)(value)


def cell(each: Field, value: Any) -> Any:
    """A value as REST has it."""
    if value is None:
        return None
    if each.get("mode") == "REPEATED":
        return [{"v": cell({**each, "mode": "NULLABLE"}, one)} for one in value]
    if each["type"] == "RECORD":
        return {"f": [{"v": cell(sub, value[sub["name"]])} for sub in each["fields"]]}
    if each["type"] == "TIMESTAMP":
        return str((value - datetime(1970, 1, 1, tzinfo=UTC)) // timedelta(microseconds=1))
    return str(value).lower() if each["type"] == "BOOLEAN" else str(value)


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    there: BigQuery

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002
        pass

    def do_GET(self) -> None:
        self.respond({})

    def do_POST(self) -> None:
        self.respond(json.loads(self.rfile.read(int(self.headers.get("Content-Length", 0)))))

    def respond(self, body: Field) -> None:
        parts = urlsplit(self.path)
        self.query = {key: values[0] for key, values in parse_qs(parts.query).items()}
        path = unquote(parts.path).removeprefix("/bigquery/v2/projects/")
        table = f"{self.there.project}/datasets/{self.there.dataset}/tables/{self.there.table}"
        if re.fullmatch(r"[^/]+/queries", path):
            self.serve("jobs.query", lambda: self.run_query(body))
        elif re.fullmatch(r"[^/]+/jobs", path):
            self.serve("jobs.insert", lambda: self.job(body))
        elif re.fullmatch(r"[^/]+/jobs/[^/]+", path):
            self.serve("jobs.get", lambda: self.job({}))
        elif re.fullmatch(r"[^/]+/queries/[^/]+", path):
            self.serve("jobs.getQueryResults", lambda: self.run_query(self.server.body))  # pyright: ignore
        elif path == table:
            self.serve("tables.get", self.describe)
        elif path.partition("$")[0] == table or path == f"{table}/data":
            self.serve(f"tabledata.list {path.removesuffix('/data').partition('$')[2]}", self.rows)
        else:
            self.answer(404, _refusal(404, "notFound", f"Not found: {path}"))

    def serve(self, name: str, make: Callable[[], tuple[int, Field]]) -> None:
        self.there.called(name)
        refusal = self.there.refuse(name)
        self.answer(*((refusal[0], _refusal(*refusal)) if refusal else make()))

    def answer(self, status: int, body: Field) -> None:
        text = json.dumps(body).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(text)))
        self.end_headers()
        self.wfile.write(text)

    def describe(self) -> tuple[int, Field]:
        there = self.there
        found: Field = {
            "kind": "bigquery#table",
            "tableReference": {"projectId": there.project, "datasetId": there.dataset, "tableId": there.table},
            "type": there.kind,
            "location": there.location,
            "schema": {"fields": there.fields},
            "numRows": str(sum(len(each.rows) for each in there.partitions.values())),
            "numBytes": "1000",
            "lastModifiedTime": str(int(max([T0, *(e.modified for e in there.partitions.values())]).timestamp() * 1e3)),
        }
        if there.partitioning is not None:
            found["timePartitioning"] = there.partitioning
        return 200, found

    def run_query(self, body: Field) -> tuple[int, Field]:
        """INFORMATION_SCHEMA.PARTITIONS, and nothing else."""
        there = self.there
        if there.jobs_alone is not None and "requestId" in body:
            return there.jobs_alone, _refusal(there.jobs_alone, "notImplemented", "no")
        if body.get("location") not in {None, there.location} or (body.get("location") is None and there.location):
            where = body.get("location", "US")
            text = f"Not found: Dataset {there.project}:{there.dataset} was not found in location {where}"
            return 404, _refusal(404, "notFound", text)
        sql = re.fullmatch(
            rf"SELECT ([\w, ]+) FROM `{there.project}\.{there.dataset}\.INFORMATION_SCHEMA\.PARTITIONS` "
            "WHERE table_name = @table_name",
            body["query"],
        )
        if sql is None or body["useLegacySql"]:
            return 400, _refusal(400, "invalidQuery", "Syntax error")
        kinds = {"partition_id": "STRING", "total_rows": "INTEGER", "last_modified_time": "TIMESTAMP"}
        kinds |= {"total_logical_bytes": "INTEGER"} if there.sizes else {}
        names = sql[1].split(", ")
        strange = [name for name in names if name not in kinds]
        if strange:
            return 400, _refusal(400, "invalidQuery", f"Unrecognized name: {strange[0]} at [1:1]")
        (given,) = body["queryParameters"]
        rows = self.partitions() if given["parameterValue"]["value"] == there.table else []
        fields = [{"name": name, "type": kinds[name], "mode": "NULLABLE"} for name in names]
        return 200, {
            "kind": "bigquery#queryResponse",
            "schema": {"fields": fields},
            "jobReference": {"projectId": there.project, "jobId": "job", "location": there.location},
            "jobComplete": True,
            "totalRows": str(len(rows)),
            "rows": [{"f": [{"v": cell(each, row[each["name"]])} for each in fields]} for row in rows],
        }

    def partitions(self) -> list[Field]:
        found = [(day, len(each.rows), each.modified) for day, each in sorted(self.there.partitions.items())]
        if self.there.streamed:
            found.append(("__UNPARTITIONED__", self.there.streamed, T0))
        columns = ("partition_id", "total_rows", "last_modified_time", "total_logical_bytes")
        if self.there.partitioning is None:
            found = [(None, len(self.there.partitions), T0)]  # pyright: ignore
        return [dict(zip(columns, (*each, 100 * each[1]), strict=True)) for each in found]

    def job(self, body: Field) -> tuple[int, Field]:
        if body:
            self.server.body = {**body["configuration"]["query"], **body["jobReference"]}  # pyright: ignore
        reference = {"projectId": self.there.project, "jobId": "job", "location": self.there.location}
        query = {"query": self.server.body["query"]}  # pyright: ignore
        state = {"status": {"state": "DONE"}, "configuration": {"query": query}, "statistics": {"query": {}}}
        return 200, {"kind": "bigquery#job", "jobReference": reference, **state}

    def rows(self) -> tuple[int, Field]:
        there = self.there
        day = unquote(urlsplit(self.path).path).removesuffix("/data").partition("$")[2]
        held = there.partitions.get(day, Partition([], T0)).rows if day else []
        every = held if day else [row for each in there.partitions.values() for row in each.rows]
        start = int(self.query.get("pageToken", "0"))
        typed = [record(there.fields, row) for row in every[start : start + there.page]]
        answer: Field = {"kind": "bigquery#tableDataList", "totalRows": str(len(every))}
        if typed:
            answer["rows"] = [{"f": [{"v": cell(e, row[e["name"]])} for e in there.fields]} for row in typed]
        if start + there.page < len(every):
            answer["pageToken"] = str(start + there.page)
        return 200, answer


def _refusal(status: int, reason: str, text: str) -> Field:
    return {"error": {"code": status, "message": text, "errors": [{"reason": reason, "message": text}]}}


@contextmanager
def serve(there: BigQuery | None = None) -> Iterator[BigQuery]:
    """Both servers, each on a port of its own."""
    there = there or BigQuery()
    http = ThreadingHTTPServer(("127.0.0.1", 0), type("Handler", (_Handler,), {"there": there}))
    threading.Thread(target=http.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True).start()
    pool = ThreadPoolExecutor(16)
    server = grpc.server(pool)
    message: Callable[[Any], bytes] = lambda each: type(each).serialize(each)  # noqa: E731
    methods = {
        "CreateReadSession": grpc.unary_unary_rpc_method_handler(
            there.create, types.CreateReadSessionRequest.deserialize, message
        ),
        "ReadRows": grpc.unary_stream_rpc_method_handler(there.read, types.ReadRowsRequest.deserialize, message),
    }
    service = "google.cloud.bigquery.storage.v1.BigQueryRead"
    server.add_generic_rpc_handlers((grpc.method_handlers_generic_handler(service, methods),))
    there.target = f"127.0.0.1:{server.add_insecure_port('127.0.0.1:0')}"
    there.url = f"http://127.0.0.1:{http.server_address[1]}"
    server.start()
    try:
        yield there
    finally:
        http.shutdown()
        http.server_close()
        server.stop(None).wait()
        pool.shutdown()
