"""Google's export read from BigQuery: partitions, their versions, and what reaches the warehouse."""

from __future__ import annotations

from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path

import pytest

from tests.bigquery import BigQuery, serve

from .house import House, google


@pytest.fixture
def bq() -> Iterator[BigQuery]:
    with serve() as server:
        yield server


@pytest.fixture
def house(tmp_path: Path, bq: BigQuery) -> House:
    return House(tmp_path, bq.source())


def test_each_partition_is_a_unit(bq: BigQuery, house: House) -> None:
    bq.put("20260901", [google(1), google(1)])  # identical rows are legitimate
    bq.put("20260902", [google(5)])
    assert house.ok().total() == 7
    assert house.sql("SELECT unit, billed_total FROM ledger.loads ORDER BY unit") == [
        ("_PARTITIONDATE=2026-09-01", Decimal(2)),
        ("_PARTITIONDATE=2026-09-02", Decimal(5)),
    ]
    assert bq.asked("CreateReadSession") == 2
    assert bq.asked("tabledata") == 0
