"""What was replaced stays for as long as the configuration says, and no longer."""

from __future__ import annotations

import os
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path

import duckdb
import pytest

from finops.config import Config
from finops.files.retention import expired
from finops.pipeline import Pipeline
from finops.warehouse.database import Warehouse
from tests.sources.house import focus, write_csv

DAY = timedelta(days=1)
NOW = datetime(2026, 10, 1, tzinfo=UTC)


@pytest.mark.parametrize(
    ("ages", "keep", "gone"),
    [
        ((3, 2, 1), 0, [3, 2]),
        ((3, 2, 1), 1, [3, 2]),  # the one of two days ago was good until yesterday
        ((3, 2, 1), 2, [3]),
        ((3, 2, 1), 3, []),
        ((400,), 0, []),  # the newest, however old
        ((400, 1), 2, []),  # a year old, and good until yesterday
        ((), 0, []),
    ],
)
def test_a_version_is_kept_from_when_the_next_one_came(ages: tuple[int, ...], keep: int, gone: list[int]) -> None:
    assert expired({age: NOW - age * DAY for age in ages}, NOW, keep * DAY) == gone


def publish(folder: Path, cost: str, days_ago: float, **keep: int) -> Pipeline:
    """A run of so many days ago over a bill of so much."""
    write_csv(folder / "bills/a.csv", [focus(cost)])
    config = Config.model_validate(
        {
            "home": "home",
            "sources": [{"name": "bills", "kind": "focus-files", "uri": "bills"}],
            "keep": keep,
            "path": folder / "finops.yaml",
        }
    )
    run = Pipeline(config)
    run.load()
    assert run.publish()
    then = (datetime.now(UTC) - days_ago * DAY).timestamp()
    for file in (run.warehouse.published, *(each.folder / "unit.json" for each in run.reports["bills"].landed)):
        os.utime(file, (then, then))
    return run


def kept(run: Pipeline) -> list[Decimal]:
    """What the snapshots say, oldest first."""
    found: list[Decimal] = []
    for path in sorted(run.warehouse.snapshots.glob("*")):
        with duckdb.connect(path, read_only=True) as con:
            found += con.execute("SELECT sum(BilledCost) FROM focus.charges").fetchall()[0]
    return found


def landed(run: Pipeline) -> int:
    return len(list((run.warehouse.home / "landing/bills").glob("*/*/unit.json")))


def test_snapshots_and_landed_files_are_kept_for_their_time(tmp_path: Path) -> None:
    keep = {"snapshot_days": 3, "landing_days": 5}
    for cost, days_ago in (("1", 9), ("2", 7), ("3", 4), ("4", 2)):
        run = publish(tmp_path, cost, days_ago, **keep)
    run = publish(tmp_path, "5", 0, **keep)
    assert kept(run) == [3, 4]  # 3 was replaced two days ago, 2 four
    assert landed(run) == 4  # and the file of 2: 1 was replaced seven days ago
    with duckdb.connect(run.warehouse.published, read_only=True) as con:
        assert con.execute("SELECT sum(BilledCost) FROM focus.charges").fetchall() == [(5,)]

    run = publish(tmp_path, "6", 0, snapshot_days=0, landing_days=0)
    assert (kept(run), landed(run)) == ([], 1)


def test_a_snapshot_is_not_written_to_and_a_stranger_s_file_is_left_alone(tmp_path: Path) -> None:
    warehouse = Warehouse(tmp_path)
    for number in range(3):
        with warehouse.open() as con:
            con.execute("CREATE OR REPLACE TABLE number AS SELECT ? AS n", [number])
        warehouse.publish(DAY)
        warehouse.snapshots.mkdir(exist_ok=True)
        (warehouse.snapshots / "finops-ours.duckdb").touch()
    found = sorted(path for path in warehouse.snapshots.iterdir() if path.stat().st_size)
    assert len(found) == 2
    for number, path in enumerate(found):
        with duckdb.connect(path, read_only=True) as con:
            assert con.execute("SELECT n FROM number").fetchall() == [(number,)]
    warehouse.publish()
    assert [path.stat().st_size for path in warehouse.snapshots.iterdir()] == [0]
