"""Publishing: only what adds up, whole or not at all, one job at a time."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import duckdb
import pytest

from finops.errors import CheckError, WarehouseError
from finops.warehouse import checks
from finops.warehouse.database import Warehouse
from tests.conftest import Company, run
from tests.test_history import charged, restate

MUTATIONS = {
    "a row is lost": (
        "DELETE FROM part.gcp_export WHERE rowid = (SELECT min(rowid) FROM part.gcp_export WHERE BilledCost > 0)",
        "source_is_charges",
        '"unit":',
    ),
    "a GPU hour is lost": (
        "DELETE FROM gpu.hours WHERE rowid = (SELECT min(rowid) FROM gpu.hours WHERE cost <> 0)",
        "gpu_money",
        '"by_state":',
    ),
}
"""tests/test_mutations.py has many more, and which check catches each."""


@pytest.mark.parametrize("name", MUTATIONS)
def test_what_does_not_add_up_is_not_published(small: Company, name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Each mutation, made behind the pipeline's back, is caught by a check; the old numbers stand, and say why."""
    sql, check, row = MUTATIONS[name]
    before = charged(small)
    restate(small)
    run_checks = checks.run_checks

    def tampered(con: duckdb.DuckDBPyConnection, now: object) -> list[checks.Check]:
        con.execute(sql)
        return run_checks(con, now)  # type: ignore[arg-type]

    monkeypatch.setattr(checks, "run_checks", tampered)
    with pytest.raises(CheckError, match="nothing was published"):
        run(small.config)
    with small.connect() as con:
        failed = con.execute("SELECT DISTINCT check_name FROM quality.checks WHERE NOT passed").fetchall()
        failing = con.execute("SELECT failing FROM quality.failing WHERE check_name = ?", [check]).fetchall()
    assert (check,) in failed
    assert 0 < len(failing) <= 20
    assert row in failing[0][0]
    assert charged(small) == before

    monkeypatch.undo()
    assert run(small.config).failures == ()
    assert charged(small) == (before[0] + 1000, before[1] + 1000)
    with small.connect() as con:
        assert con.execute("SELECT count(*) FROM quality.checks WHERE NOT passed").fetchall() == [(0,)]
        assert con.execute("FROM quality.failing").fetchall() == []


def test_a_failing_unit_keeps_its_old_charges_and_stops_no_other(small: Company) -> None:
    before = charged(small)
    restate(small)
    broken = small.root / "gcp/_PARTITIONDATE=2026-10-05/part-00001.snappy.parquet"
    files = sorted(broken.parent.iterdir())
    files[0].write_bytes(files[0].read_bytes()[:-100])
    report = run(small.config)
    assert report.published
    assert len(report.failures) == 1
    assert "_PARTITIONDATE=2026-10-05" in report.failures[0]
    assert charged(small) == (before[0] + 1000, before[1] + 1000)
    with small.connect() as con:
        rejected = con.execute("SELECT unit, reason FROM ledger.loads WHERE status = 'rejected'").fetchall()
    assert [unit for unit, _ in rejected] == [broken.parent.name]


def test_a_second_run_at_the_same_time_is_refused(small: Company) -> None:
    code = (
        "import sys, time\nfrom pathlib import Path\nfrom finops.warehouse.database import Warehouse\n"
        "with Warehouse(Path(sys.argv[1])).lock():\n    print('held', flush=True)\n    time.sleep(60)"
    )
    command = [sys.executable, "-c", code, str(small.config.home_dir)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as other:
        assert other.stdout is not None
        assert other.stdout.readline() == "held\n"
        with pytest.raises(WarehouseError, match=f"another run is at work.*{other.pid}"):
            run(small.config)
        other.kill()
    assert run(small.config).failures == ()


def test_a_home_that_cannot_be_written(small: Company) -> None:
    home = small.root / "blocked"
    home.write_text("a file where the home should be")
    config = small.config.model_copy(update={"home": Path("blocked")})
    with pytest.raises(WarehouseError, match="home cannot be written"):
        run(config)


def test_a_damaged_work_file_is_made_anew_from_what_is_published(small: Company) -> None:
    before = charged(small)
    work = small.config.home_dir / "work/finops.duckdb"
    work.write_bytes(b"\0" * 5000)
    assert run(small.config).failures == ()
    assert charged(small) == before


def test_a_file_of_a_newer_version_is_refused(small: Company) -> None:
    with duckdb.connect(small.config.home_dir / "work/finops.duckdb") as con:
        con.execute("UPDATE ledger.warehouse SET schema_version = 99")
    with pytest.raises(WarehouseError, match="newer version"):
        run(small.config)


@pytest.mark.parametrize(
    "after", [1.5, *(pytest.param(each, marks=pytest.mark.conformance) for each in (0.6, 2.5, 3.5))]
)
def test_a_killed_run_is_continued_by_the_next(small: Company, after: float) -> None:
    before = charged(small)
    restate(small)
    code = "import sys; from finops.cli import main; main()"
    command = [sys.executable, "-c", code, "run", "--config", str(small.root / "finops.yaml")]
    with subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as process:
        time.sleep(after)
        process.send_signal(signal.SIGKILL)
    assert charged(small) in (before, (before[0] + 1000, before[1] + 1000))
    assert run(small.config).failures == ()
    assert charged(small) == (before[0] + 1000, before[1] + 1000)


READERS, PUBLICATIONS = 8, 50


def test_eight_readers_through_fifty_publications(
    tmp_path: Path, record_property: Callable[[str, object], None]
) -> None:
    """Each in a process of its own, opening the file again and again: never an error, never two publications in one."""
    warehouse = Warehouse(tmp_path)
    with warehouse.open() as con:
        con.execute("CREATE TABLE total (publication INTEGER, cost DECIMAL(38,18))")
        con.execute(
            "CREATE TABLE part AS SELECT range AS id, 0 AS publication, 0::DECIMAL(38,18) AS cost FROM range(2000)"
        )
        con.execute("INSERT INTO total VALUES (0, 0)")
    warehouse.publish()
    command = [sys.executable, "-c", _READ, str(warehouse.published), str(tmp_path / "stop")]
    readers = [subprocess.Popen(command, stdout=subprocess.PIPE, text=True) for _ in range(READERS)]
    waits: list[float] = []
    try:
        for reader in readers:
            assert reader.stdout is not None
            assert reader.stdout.readline() == "reading\n"
        for number in range(1, PUBLICATIONS + 1):
            with warehouse.open() as con:  # in two transactions: between them the work file is half done
                con.execute("UPDATE part SET publication = $1, cost = 0.1::DECIMAL(38,18) * $1 + id", [number])
                con.execute("UPDATE total SET publication = $1, cost = (SELECT sum(cost) FROM part)", [number])
            started = time.monotonic()
            warehouse.publish()
            waits.append(time.monotonic() - started)
    finally:
        (tmp_path / "stop").touch()
        results = [json.loads(reader.communicate(timeout=60)[0]) for reader in readers]
    reads = sum(each["reads"] for each in results)
    seen = {number for each in results for number in each["seen"]}
    record_property(
        "shown",
        f"{READERS} readers, {PUBLICATIONS} publications: {reads:,} reads of {len(seen)} different publications, "
        f"{sum(len(each['errors']) for each in results)} errors, {sum(each['mixed'] for each in results)} mixed; "
        f"a publication took {max(waits):.2f} s at most",
    )
    assert [each["errors"] for each in results] == [[]] * READERS
    assert [each["mixed"] for each in results] == [0] * READERS
    assert all(each["reads"] >= 10 for each in results)
    assert len(seen) >= PUBLICATIONS // 2
    assert all(each["seen"] == sorted(each["seen"]) for each in results)  # nobody goes back in time


_READ = """
import json, sys, time
from pathlib import Path
from finops.warehouse.connection import query

BOTH = "SELECT (SELECT (publication, cost) FROM total), (SELECT (max(publication), sum(cost)) FROM part), " \
       "(SELECT min(publication) FROM part)"
published, stop = map(Path, sys.argv[1:])
reads, mixed, seen, errors = 0, 0, [], []
print("reading", flush=True)
while not stop.exists():
    try:
        with query(published) as con:
            total, parts, least = con.execute(BOTH).fetchall()[0]
            time.sleep(0.02)  # the file may be replaced meanwhile: who has it open keeps what it is
            again = con.execute(BOTH).fetchall()[0]
    except Exception as error:
        errors.append(str(error))
        continue
    reads += 1
    mixed += total != parts or least != total[0] or again != (total, parts, least)
    if total[0] not in seen[-1:]:
        seen.append(total[0])
    time.sleep(0.05)  # eight that never rest would only measure this machine
print(json.dumps({"reads": reads, "mixed": mixed, "seen": seen, "errors": errors}))
"""
