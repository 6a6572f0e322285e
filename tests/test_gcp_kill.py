"""A run that is killed, at fifty points of its course: what it was replacing is there in its old version or its new.

The points are steps, not moments: every statement to the database, every file that is written, renamed or brought
down to the disk. An undisturbed run shows them all; each of the others dies right before one, or in the middle of it.
"""

from __future__ import annotations

import gc
import json
import os
import shutil
import signal
import subprocess
import sys
import threading
import time
import traceback
from collections import Counter, defaultdict
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from decimal import Decimal
from pathlib import Path
from typing import Any

import duckdb
import pytest

from finops import lifecycle, models, pipeline, tables
from finops.config import Config
from finops.pipeline import Pipeline
from finops.warehouse import parts
from tests.sources.house import google, write_lines

ROOT = Path(__file__).parent.parent
REPLACED = "_PARTITIONDATE=2026-09-02"
OLD = [Decimal(2)] * 3
NEW = [Decimal("2.5")] * 4 + [Decimal(-1)]
OTHERS = {"_PARTITIONDATE=2026-09-01": [Decimal(1)] * 2, "_PARTITIONDATE=2026-09-03": [Decimal(4)]}
FILES = {"open", "os.rename", "os.remove", "os.mkdir", "os.rmdir", "shutil.copyfile", "shutil.rmtree"}
"""Of Python's audit events those with which something on the disk becomes another."""
Step = tuple[str, str, int]
"""In which part of a run, what is about to be done, and for the how-many-th time."""


@dataclass
class Watch:
    """Over the steps of this process, which tells of `until` and dies there, unless it `lives` on to be killed."""

    folder: Path
    tell: int
    until: Step | None
    lives: bool
    seen: list[tuple[Step, float]] = field(default_factory=list[tuple[Step, float]])
    times: Counter[tuple[str, str]] = field(default_factory=Counter[tuple[str, str]])
    lock: threading.Lock = field(default_factory=threading.Lock)

    def begin(self) -> None:
        """For the rest of this process."""
        sys.addaudithook(self._audit)
        con = duckdb.DuckDBPyConnection
        con.execute = self._counted(con.execute, lambda _, sql, *__: " ".join(sql.split()))
        con.executemany = self._counted(con.executemany, lambda _, sql, *__: " ".join(sql.split()))
        con.close = self._counted(con.close, lambda _: "close")
        os.fsync = self._counted(os.fsync, lambda handle: f"fsync {Path(f'/proc/self/fd/{handle}').resolve().name}")

    def _audit(self, event: str, args: tuple[Any, ...]) -> None:
        ours = event in FILES and str(args[0]).startswith(str(self.folder))
        if ours and (event != "open" or args[2] & (os.O_WRONLY | os.O_RDWR)):
            self._step(f"{event} {Path(str(args[0])).name}")

    def _counted(self, do: Callable[..., Any], name: Callable[..., str]) -> Callable[..., Any]:
        def counted(*args: Any, **more: Any) -> Any:
            self._step(name(*args))
            return do(*args, **more)

        return counted

    def _step(self, what: str) -> None:
        with self.lock:
            part = _part()
            self.times[part, what] += 1
            step = (part, what, self.times[part, what])
            self.seen.append((step, time.monotonic()))
            if step == self.until:
                os.write(self.tell, b"!")
                if not self.lives:
                    os.kill(os.getpid(), signal.SIGKILL)


def _part() -> str:
    """In which part of a run this is called."""
    frame, found = sys._getframe(1), "before"
    while frame is not None:
        code = frame.f_code
        if code.co_qualname == "Loader._load":
            return "transaction"
        if code.co_filename.endswith(("sources/landing.py", "sources/downloads.py")):
            return "landing"
        if code.co_qualname.startswith("Pipeline."):
            found = code.co_qualname.removeprefix("Pipeline.")
        frame = frame.f_back
    return found


def go(folder: Path) -> None:
    """What the steps of `finops run` do, in their order."""
    source = {"name": "gcp", "kind": "gcp-files", "uri": "export"}
    run = Pipeline(Config.model_validate({"home": "home", "sources": [source], "path": folder / "finops.yaml"}))
    with run.warehouse.lock():
        run.load()
        for table in tables.TABLES:
            run.build(table)
        run.check()
        run.tell()
        run.publish()


def drive() -> None:
    """In a process of its own, which has imported all that a run needs: forks a run for each line that it reads."""
    os.cpu_count = lambda: 1
    rules = lifecycle.load_rules()
    pipeline.load_rules = lambda _: rules
    for path in models.sql_root().rglob("*.sql"):
        models.model(f"{path.parent.name}.{path.stem}")
    parts.parts()
    gc.freeze()  # what is here already is shared with the children
    for line in sys.stdin:
        order = json.loads(line)
        code = _forked(Path(order["folder"]), order["until"] and tuple(order["until"]), order["after"])
        sys.stdout.write(f"{code}\n")
        sys.stdout.flush()
    os._exit(0)


def _forked(folder: Path, until: Step | None, after: float | None) -> int:
    """Run until a step, or some seconds into it; returns the exit code, negative for a signal."""
    heard, tell = os.pipe()
    pid = os.fork()
    if pid == 0:
        try:
            os.close(heard)
            watch = Watch(folder, tell, until, after is not None)
            watch.begin()
            go(folder)
            (folder / "steps.json").write_text(json.dumps(watch.seen))
            while watch.lives and until in dict(watch.seen):
                signal.pause()  # it is faster than who kills it
            os._exit(0)
        except BaseException:
            traceback.print_exc()
            os._exit(1)
    os.close(tell)
    if os.read(heard, 1) and after is not None:
        time.sleep(after)
        os.kill(pid, signal.SIGKILL)
    os.close(heard)
    return os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])


Run = Callable[[Path, Step | None, float | None], int]


@pytest.fixture
def run() -> Iterator[Run]:
    """Runs the pipeline over a folder, in a process that dies at a step, or so many seconds after it began."""
    command = [sys.executable, "-c", "from tests.test_gcp_kill import drive; drive()"]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, cwd=ROOT) as driver:
        assert driver.stdin is not None
        assert driver.stdout is not None
        sink, source = driver.stdin, driver.stdout

        def _run(folder: Path, until: Step | None, after: float | None) -> int:
            sink.write(json.dumps({"folder": str(folder), "until": until, "after": after}) + "\n")
            sink.flush()
            return int(source.readline())

        yield _run
        sink.close()


def deliver(folder: Path, costs: Sequence[Decimal]) -> None:
    """The partition that is replaced, with these charges."""
    write_lines(folder / "export" / REPLACED / "part-00000.jsonl", [google(str(cost)) for cost in costs])


@contextmanager
def opened(folder: Path, name: str) -> Iterator[duckdb.DuckDBPyConnection]:
    """A copy of one of the home's files with its log, as whoever opens it next finds it."""
    file, copy = folder / "home" / name, folder / "copy.duckdb"
    shutil.copy(file, copy)
    log = file.with_name(f"{file.name}.wal")
    if log.exists():
        shutil.copy(log, f"{copy}.wal")
    try:
        with duckdb.connect(copy) as con:
            con.execute("SET TimeZone = 'UTC'")
            yield con
    finally:
        for path in folder.glob("copy.duckdb*"):
            path.unlink()


WORK, PUBLISHED = "work/finops.duckdb", "finops.duckdb"


def found(folder: Path, name: str) -> tuple[str, str]:
    """Which version of the partition a file holds, whole and nothing beside it, and what the file calls it."""
    with opened(folder, name) as con:
        rows = con.execute("SELECT x_SourceUnit, BilledCost FROM focus.charges").fetchall()
        versions = dict(con.execute("SELECT unit, version FROM ledger.units").fetchall())
        current = "SELECT unit, row_count, billed_total FROM ledger.loads WHERE status = 'current'"
        loads = {unit: (count, total) for unit, count, total in con.execute(current).fetchall()}
    costs: defaultdict[str, list[Decimal]] = defaultdict(list)
    for unit, cost in rows:
        costs[unit].append(cost)
    version = "old" if sorted(costs[REPLACED]) == sorted(OLD) else "new"
    expected = {**OTHERS, REPLACED: OLD if version == "old" else NEW}
    assert {unit: sorted(each) for unit, each in costs.items()} == {u: sorted(each) for u, each in expected.items()}
    assert loads == {unit: (len(each), sum(each)) for unit, each in expected.items()}
    return version, versions[REPLACED]


def content(folder: Path, name: str) -> list[list[tuple[Any, ...]]]:
    """All that a warehouse holds of its bills, but for the time and the names of its loads."""
    with opened(folder, name) as con:
        return [
            con.execute(sql).fetchall()
            for sql in (
                "SELECT * EXCLUDE (x_LoadId) FROM focus.charges ORDER BY ALL",
                "SELECT source, unit, version FROM ledger.units ORDER BY ALL",
                "SELECT charge_date, sum(billed_cost) FROM spend.daily GROUP BY 1 ORDER BY 1",
                "SELECT billing_period, charge_date, sum(delta) FROM ledger.restatements GROUP BY ALL ORDER BY ALL",
                "SELECT check_name, passed, actual FROM quality.checks ORDER BY ALL",
            )
        ]


def points(seen: Sequence[tuple[Step, float]], count: int) -> list[tuple[Step, float | None]]:
    """Where to kill, in the order of a run; a number is the seconds that a run lives on from there."""
    steps = [step for step, _ in seen]

    def at(part: str, what: str) -> int:
        return [each for each, step in enumerate(steps) if step[0] == part and step[1].startswith(what)][-1]

    def some(part: str, number: int, first: int = 0, last: int = len(steps)) -> list[tuple[int, float]]:
        those = [each for each in range(first, last) if steps[each][0] == part]
        return [(those[each * len(those) // number], 0.0) for each in range(number)]

    def within(step: int, *parts: float) -> list[tuple[int, float]]:
        return [(step, part * (seen[step + 1][1] - seen[step][1])) for part in parts]

    begin, commit = steps.index(("transaction", "BEGIN", 1)), at("transaction", "COMMIT")
    delete, insert = at("transaction", "DELETE FROM part.gcp_export"), at("transaction", "INSERT INTO part.gcp_export")
    copy = at("publish", "open ")
    chosen = [
        *some("load", 4, 0, begin),
        *some("landing", 8, 0, begin),
        *some("transaction", 7, begin, delete + 1),
        *((step, 0.0) for step in range(delete + 1, insert + 1)),
        *within(insert, 0.25, 0.5, 0.75),
        *some("transaction", 8, insert + 1, commit),
        (commit, 0.0),
        *within(commit, 0.2, 0.5),
        (at("load", "SELECT DISTINCT u.source"), 0.0),
        (at("load", "SELECT DISTINCT billing_period"), 0.0),
        *within(at("load", "close"), 0.3, 0.7),
        *some("check", 1),
        *some("tell", 1),
        *within(at("publish", "CHECKPOINT"), 0.5),
        *within(copy, 0.5),  # its target is open, and half of it is copied
        *((step, 0.0) for step in range(len(steps) - 2, len(steps))),  # the rename, and what follows it
    ]
    chosen += some("build", count - len(chosen))
    return [(steps[step], after or None) for step, after in sorted(chosen)]


def test_a_run_killed_at_fifty_points_leaves_the_old_partition_or_the_new(tmp_path: Path, run: Run) -> None:
    whole, before = tmp_path / "whole", tmp_path / "before"
    for unit, costs in OTHERS.items():
        write_lines(whole / "export" / unit / "part-00000.jsonl", [google(str(cost)) for cost in costs])
    deliver(whole, OLD)
    assert run(whole, None, None) == 0
    deliver(whole, NEW)
    shutil.copytree(whole, before)
    assert run(whole, None, None) == 0  # what nobody disturbs
    versions = {found(before, WORK), found(whole, WORK)}
    assert {version for version, _ in versions} == {"old", "new"}
    seen = [(tuple(step), when) for step, when in json.loads((whole / "steps.json").read_text())]

    killed = points(seen, 50)
    assert len(set(killed)) == 50
    kept: Counter[tuple[str, str, str]] = Counter()
    stamp, published = (0, 0), ("", "")
    folder = tmp_path / "0"
    shutil.copytree(before, folder)
    for number, (step, after) in enumerate(killed):
        if step[0] in {"landing", "transaction"} and found(folder, WORK)[0] == "new":
            _is_made_good(folder, whole, run)
            folder = tmp_path / str(number)
            shutil.copytree(before, folder)
        assert run(folder, step, after) == -signal.SIGKILL, step
        stat = (folder / "home" / PUBLISHED).stat()
        if stamp != (stat.st_ino, stat.st_mtime_ns):  # nothing writes into it: it becomes another file
            stamp, published = (stat.st_ino, stat.st_mtime_ns), found(folder, PUBLISHED)
        work = found(folder, WORK)
        assert {work, published} <= versions, step
        kept[step[0], work[0], published[0]] += 1
    _is_made_good(folder, whole, run)

    assert kept.total() == 50
    assert kept["transaction", "old", "old"] >= 20
    assert kept["load", "new", "old"] >= 4  # committed, and not published
    assert kept["publish", "new", "new"] >= 1
    assert {part for part, *_ in kept} == {"load", "landing", "transaction", "build", "check", "tell", "publish"}
    assert not [each for each in kept if each[1:] == ("old", "new")]


def _is_made_good(folder: Path, whole: Path, run: Run) -> None:
    """The next run, which nobody kills, ends as if none had been."""
    assert run(folder, None, None) == 0
    for name in (WORK, PUBLISHED):
        assert content(folder, name) == content(whole, name)
