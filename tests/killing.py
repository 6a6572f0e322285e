"""Killing runs: steps, not moments.

A step is a statement to the database, or a file that is written, renamed or brought down to the disk. An undisturbed
run shows them all; another dies right before one, or some seconds after.
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
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import duckdb

from finops import lifecycle, models, pipeline, tables
from finops.config import load_config
from finops.pipeline import Pipeline
from finops.warehouse import parts

ROOT = Path(__file__).parent.parent
WORK, PUBLISHED = "work/finops.duckdb", "finops.duckdb"
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
        # its beginning: a view over files names the folder that they lie in, and the next run's is another
        con.execute = self._counted(con.execute, lambda _, sql, *__: " ".join(sql.split())[:80])
        con.executemany = self._counted(con.executemany, lambda _, sql, *__: " ".join(sql.split())[:80])
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
    run = Pipeline(load_config(folder / "finops.yaml"))
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


@contextmanager
def runs() -> Iterator[Run]:
    """Runs the pipeline over a folder, in a process that dies at a step, or so many seconds after it began."""
    command = [sys.executable, "-c", "from tests.killing import drive; drive()"]
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


def configured(folder: Path, *sources: dict[str, str]) -> None:
    """A configuration of these sources, with its home in `home`."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "finops.yaml").write_text(json.dumps({"home": "home", "sources": sources}), encoding="utf-8")


def steps(folder: Path) -> list[tuple[Step, float]]:
    """The steps of the last run there that came to its end, with their times in seconds."""
    return [(tuple(step), when) for step, when in json.loads((folder / "steps.json").read_text())]


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


def is_made_good(folder: Path, whole: Path, run: Run) -> None:
    """The next run, which nobody kills, ends as if none had been."""
    assert run(folder, None, None) == 0
    for name in (WORK, PUBLISHED):
        for ours, undisturbed in zip(content(folder, name), content(whole, name), strict=True):
            assert ours == undisturbed
