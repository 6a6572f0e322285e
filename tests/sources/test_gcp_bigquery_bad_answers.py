"""A BigQuery that answers what Google would not: the source is told, other sources are loaded, nothing is a fault."""

from __future__ import annotations

import gc
import sys
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest
from google.cloud.bigquery_storage_v1 import types

from finops.sources import bigquery_reading, bigquery_tables, gcp_bigquery
from tests import bigquery
from tests.bigquery import BigQuery, serve

from .house import House, google, write_lines

OTHER = {"name": "other", "kind": "gcp-files", "uri": "export"}


@pytest.fixture
def bq(monkeypatch: pytest.MonkeyPatch) -> Iterator[BigQuery]:
    monkeypatch.setattr(gcp_bigquery, "WAITS", (0,))
    with serve() as server:
        server.put("20260901", [google("2")])
        yield server


@pytest.fixture
def house(tmp_path: Path, bq: BigQuery) -> House:
    write_lines(tmp_path / "export" / "_PARTITIONDATE=2026-09-01" / "a.jsonl", [google("5", billing_account_id="O")])
    return House(tmp_path, bq.source(), OTHER)


@pytest.mark.parametrize("day", ["20269999", "00000000", "２０２６０９０２", "2026090212", "../../etc", "2026-09-02"])
def test_a_partition_that_is_no_day(bq: BigQuery, house: House, day: str) -> None:
    bq.put(day, [google("3")])
    house.refused("which is no day", bq.table)
    assert house.total() == 5


@pytest.mark.parametrize("answer", [{}, [1, 2], {"tableReference": None}, {"schema": {"fields": [7]}}, "text", None])
def test_an_answer_of_another_shape(house: House, monkeypatch: pytest.MonkeyPatch, bq: BigQuery, answer: Any) -> None:
    sent = bigquery._Handler.answer
    monkeypatch.setattr(bigquery._Handler, "answer", lambda self, *_: sent(self, 200, answer))
    house.refused("not understood", bq.table)
    assert house.total() == 5


@pytest.mark.parametrize(("column", "value"), [(1, "many"), (2, "9" * 25), (2, "yesterday")])
def test_a_partition_with_a_count_or_time_that_is_none(
    house: House, monkeypatch: pytest.MonkeyPatch, column: int, value: str
) -> None:
    asked = bigquery._Handler.run_query

    def run_query(self: Any, body: Any) -> Any:
        status, found = asked(self, body)
        found["rows"][0]["f"][column]["v"] = value
        return status, found

    monkeypatch.setattr(bigquery._Handler, "run_query", run_query)
    assert value not in house.refused("not understood")
    assert house.total() == 5


@pytest.mark.parametrize("schema", [b"none", pa.schema([("cost", pa.float64())]).serialize().to_pybytes()])
def test_streams_of_another_schema_than_the_session_s(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, schema: bytes
) -> None:
    create = BigQuery.create

    def other(self: BigQuery, request: types.CreateReadSessionRequest, context: Any) -> types.ReadSession:
        session = create(self, request, context)
        session.arrow_schema = types.ArrowSchema(serialized_schema=schema)
        return session

    monkeypatch.setattr(BigQuery, "create", other)
    monkeypatch.setattr(gcp_bigquery, "WAITS", (0,))
    complaints: list[Any] = []
    monkeypatch.setattr(sys, "unraisablehook", complaints.append)
    with serve() as bq:
        bq.put("20260901", [google("2"), google("3")])
        house = House(tmp_path, bq.source())
        house.refused(bq.table)
    gc.collect()
    assert complaints == []  # a file that broke off says nothing of its own


@pytest.mark.parametrize("call", ["tables.get", "jobs.query", "tabledata.list"])
def test_a_server_that_falls_silent_is_given_up(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, bq: BigQuery, call: str
) -> None:
    for module in (bigquery_tables, bigquery_reading):
        monkeypatch.setattr(module, "ANSWER", 0.3)
        monkeypatch.setattr(module, "PATIENCE", 0.1)
    over = threading.Event()

    def refuse(name: str) -> None:
        if name.startswith(call):
            over.wait(60)

    bq.refuse = refuse
    try:
        House(tmp_path, {key: value for key, value in bq.source().items() if key != "storage_endpoint"}).refused(
            "BigQuery could not answer", bq.table
        )
    finally:
        over.set()
