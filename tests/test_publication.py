"""Publishing: only what adds up, whole or not at all, one job at a time."""

from __future__ import annotations

import signal
import subprocess
import sys
import threading
import time
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


@pytest.mark.parametrize("after", [0.6, 1.5, 2.5, 3.5])
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


def test_readers_see_whole_publications_only(tmp_path: Path) -> None:
    """While a writer publishes, readers open the file again and again: never an error, never half a state."""
    warehouse = Warehouse(tmp_path)
    with warehouse.open() as con:
        con.execute("CREATE TABLE pair (a INTEGER, b INTEGER)")
        con.execute("INSERT INTO pair VALUES (0, 0)")
    warehouse.publish()
    seen: list[tuple[int, int]] = []
    errors: list[str] = []
    stop = threading.Event()

    def read() -> None:
        while not stop.is_set():
            command = [sys.executable, "-c", _READ, str(warehouse.published)]
            done = subprocess.run(command, capture_output=True, text=True, check=False)
            if done.returncode:
                errors.append(done.stderr)
            else:
                seen.extend(tuple(map(int, line.split())) for line in done.stdout.splitlines())  # type: ignore[misc]

    reader = threading.Thread(target=read)
    reader.start()
    for number in range(1, 31):
        with warehouse.open() as con:
            con.execute("UPDATE pair SET a = ?", [number])
            con.execute("UPDATE pair SET b = ?", [number])
        warehouse.publish()
    stop.set()
    reader.join()
    assert errors == []
    assert len(seen) >= 20
    assert [pair for pair in seen if pair[0] != pair[1]] == []


_READ = """
import sys, duckdb
for _ in range(20):
    with duckdb.connect(sys.argv[1], read_only=True) as con:
        print(*con.execute("SELECT a, b FROM pair").fetchall()[0])
"""
