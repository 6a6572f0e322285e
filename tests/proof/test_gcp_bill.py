"""The benchmark's bill of Google Cloud is what it says that it is: else the benchmark would measure something else."""

from __future__ import annotations

import re
from collections import defaultdict
from decimal import Decimal
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest

from benchmarks import gcp_bill

ROWS = 25_000  # two copies of the month and a part of a third
ZERO = Decimal(0)


@pytest.fixture(scope="module")
def bill(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, dict[str, Any]]:
    out = tmp_path_factory.mktemp("bill")
    return out, gcp_bill.write(out, ROWS)


def _rows(out: Path, columns: list[str]) -> list[tuple[str, dict[str, Any]]]:
    """Each row with the day of its partition."""
    found: list[tuple[str, dict[str, Any]]] = []
    for path in sorted((out / "gcp").rglob("*.parquet")):
        day = path.parent.name.removeprefix("_PARTITIONDATE=")
        found += [(day, row) for row in pq.ParquetFile(path).read(columns=columns).to_pylist()]
    return found


def test_the_bill_comes_to_what_it_expects(bill: tuple[Path, dict[str, Any]]) -> None:
    out, said = bill
    sums: dict[tuple[str, str], list[Any]] = defaultdict(lambda: [0, ZERO, ZERO])
    several = 0
    for _, row in _rows(out, ["cost_type", "service", "cost", "credits"]):
        amounts = [Decimal(repr(each["amount"])) for each in row["credits"] or []]
        group = sums[row["cost_type"], row["service"]["description"]]
        group[0] += 1
        group[1] += Decimal(repr(row["cost"])) + sum(amounts, ZERO)
        group[2] += sum(amounts, ZERO)
        several += len(amounts) > 1
    assert sum(group[0] for group in sums.values()) == said["rows"] == said["charges"] == ROWS
    assert sum((group[1] for group in sums.values()), ZERO) == Decimal(said["billed"])
    assert {key: tuple(group) for key, group in sums.items()} == {
        (group["cost_type"], group["service"]): (group["charges"], Decimal(group["billed"]), Decimal(group["credits"]))
        for group in said["groups"]
    }
    assert several > ROWS // 100


def test_a_row_lies_in_the_partition_of_its_ingestion(bill: tuple[Path, dict[str, Any]]) -> None:
    rows = _rows(bill[0], ["export_time", "usage_start_time", "usage_end_time", "cost_type"])
    assert all(row["export_time"].date().isoformat() == day for day, row in rows)
    usage = [row for _, row in rows if row["cost_type"] == "regular"]
    assert all(row["usage_start_time"] < row["usage_end_time"] <= row["export_time"] for row in usage)
    assert len({day for day, _ in rows}) >= 30


def test_resources_lie_in_the_projects_of_their_rows_and_copies_share_none(bill: tuple[Path, dict[str, Any]]) -> None:
    resources: dict[str, set[str]] = defaultdict(set)
    for _, row in _rows(bill[0], ["project", "resource"]):
        if row["resource"]:
            project, name = row["project"], row["resource"]["global_name"]
            assert re.search("/projects/([^/]+)/", name)[1] in (project["id"], project["number"])  # type: ignore[index]
            resources[project["id"][-4:]].add(name)
    assert set(resources) == {"0000", "0001", "0002"}
    assert len(set.union(*resources.values())) == sum(map(len, resources.values())) > 1000


def test_the_same_bill_has_the_same_bytes(bill: tuple[Path, dict[str, Any]], tmp_path: Path) -> None:
    gcp_bill.write(tmp_path, ROWS)
    first, second = (
        {p.relative_to(out): p.read_bytes() for p in out.rglob("*.*") if p.is_file()} for out in (bill[0], tmp_path)
    )
    assert len(first) > 30
    assert first == second
