"""What the benchmarks of a load have in common: the floor, the load, a process for each, and the table.

A step runs in a process of its own, so that its peak memory is its own; the steps take turns, so that what else
the machine does falls on all of them.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import shutil
import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Collection
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path
from typing import Any

import duckdb

from benchmarks import peer

SLICE = 200_000


@dataclass(frozen=True)
class Benchmark:
    """A bill and what is measured of it. All take the folder OUT that the bill is in.

    `module` runs it (`python -m`), `source` is its name in OUT/finops.yaml, `write` makes it with a number of
    rows. `copied` gives the files and the names of the columns that the floor copies. `write_slice` puts the
    first rows, as many as it is told, into a file that the peer reads as a bill of `provider`; it returns how
    many there are.
    """

    module: str
    source: str
    provider: str
    rows: int
    write: Callable[[Path, int], Any]
    copied: Callable[[Path], tuple[list[str], Collection[str]]]
    write_slice: Callable[[Path, Path, int], int]

    def main(self) -> None:
        """The command line."""
        parser = argparse.ArgumentParser(prog=f"python -m {self.module}", description="Measures the load of a bill.")
        parser.add_argument("out", type=Path)
        parser.add_argument("--rows", type=int, default=self.rows)
        parser.add_argument("--runs", type=int, default=3)
        parser.add_argument("--no-peer", action="store_true")
        parser.add_argument("--step", choices=STEPS)
        given = parser.parse_args()
        if given.step:
            sys.stdout.write(json.dumps(STEPS[given.step](self, given.out)) + "\n")
        else:
            sys.stdout.write(_compare(self, given.out, given.rows, given.runs, with_peer=not given.no_peer) + "\n")


def _floor(of: Benchmark, out: Path) -> dict[str, Any]:
    """DuckDB's copy of the columns that the normaliser reads, as they are, written down to the disk."""
    work = out / "floor"
    shutil.rmtree(work, ignore_errors=True)
    work.mkdir()
    files, read = of.copied(out)
    con = duckdb.connect(work / "floor.duckdb")
    con.execute("SET TimeZone = 'UTC'")
    source = con.read_parquet(files, union_by_name=True)
    columns = ", ".join(f'"{name}"' for name in source.columns if name in read)
    source.create_view("source")
    began = time.perf_counter()
    con.execute(f"CREATE TABLE copy AS SELECT {columns} FROM source")
    con.execute("CHECKPOINT")
    seconds = time.perf_counter() - began
    con.close()
    return {"seconds": seconds, "bytes": (work / "floor.duckdb").stat().st_size, "columns": columns.count(",") + 1}


def _load(of: Benchmark, out: Path) -> dict[str, Any]:
    """Our load of the landed bill, and again when nothing has changed; its totals must be the bill's."""
    from finops.config import load_config
    from finops.pipeline import Pipeline

    config = load_config(out / "finops.yaml")
    shutil.rmtree(config.home_dir, ignore_errors=True)
    pipeline = Pipeline(config)
    pipeline.land(of.source)
    began = time.perf_counter()
    pipeline.load()
    seconds = time.perf_counter() - began
    if pipeline.errors:
        raise SystemExit(f"the bill was not loaded: {pipeline.errors[0]}")
    again = time.perf_counter()
    Pipeline(config).load()
    unchanged = time.perf_counter() - again
    with pipeline.warehouse.open() as con:
        sums = "SELECT count(*), sum(BilledCost), sum(EffectiveCost) FROM focus.charges"
        rows, billed, effective = con.execute(sums).fetchall()[0]
    expected = json.loads((out / "expected.json").read_text(encoding="utf-8"))
    found = (rows, billed, effective)
    if found != (expected["charges"], Decimal(expected["billed"]), Decimal(expected["effective"])):
        raise SystemExit(f"what was loaded is not the bill: {found}")
    return {"seconds": seconds, "unchanged": unchanged, "bytes": pipeline.warehouse.work.stat().st_size}


STEPS: dict[str, Callable[[Benchmark, Path], dict[str, Any]]] = {"floor": _floor, "load": _load}


def _measured(of: Benchmark, step: str, out: Path) -> dict[str, Any]:
    """A step in a process of its own: what it says, and its peak memory in bytes."""
    command = [sys.executable, "-m", of.module, str(out), "--step", step]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        said = process.stdout.read() if process.stdout else ""
        _, status, usage = os.wait4(process.pid, 0)
        process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode:
        raise SystemExit(f"{step} failed: {said}")
    scale = 1 if sys.platform == "darwin" else 1024
    return {**json.loads(said), "peak": usage.ru_maxrss * scale}


def _compare(of: Benchmark, out: Path, rows: int, runs: int, *, with_peer: bool) -> str:
    """The table of one run, in Markdown."""
    if not (out / "expected.json").exists():
        of.write(out, rows)
    rows = json.loads((out / "expected.json").read_text(encoding="utf-8"))["rows"]
    pairs = [{step: _measured(of, step, out) for step in STEPS} for _ in range(runs)]
    ratios = sorted(pair["load"]["seconds"] / pair["floor"]["seconds"] for pair in pairs)
    machine = (
        f"{rows:,} rows, {runs} runs in turn, medians; {os.cpu_count()} cores of {platform.machine()}, "
        f"Python {platform.python_version()}, DuckDB {duckdb.__version__}"
    )
    lines = [
        machine,
        "",
        "| | seconds | rows a second | peak memory, MB | on disk, MB |",
        "|---|---|---|---|---|",
    ]
    speed = 0.0
    for step in STEPS:
        seconds = statistics.median(pair[step]["seconds"] for pair in pairs)
        peak = max(pair[step]["peak"] for pair in pairs) / 1e6
        speed = rows / seconds
        lines.append(f"| {step} | {seconds:.1f} | {speed:,.0f} | {peak:,.0f} | {pairs[0][step]['bytes'] / 1e6:,.0f} |")
    lines += _peer(of, out, speed) if with_peer else []
    unchanged = statistics.median(pair["load"]["unchanged"] for pair in pairs)
    spread = f"{statistics.median(ratios):.2f} ({ratios[0]:.2f} to {ratios[-1]:.2f})"
    lines += ["", f"load / floor: {spread}. The same delivery again: {unchanged:.2f} s."]
    return "\n".join(lines)


def _peer(of: Benchmark, out: Path, speed: float) -> list[str]:
    path = out / "slice" / "slice.parquet"
    rows = of.write_slice(out, path, SLICE)
    try:
        seconds, peak = peer.measure(path, rows, of.provider)
    except peer.NotMeasured as reason:
        return [f"| peer | not measured: {reason} | | | |"]
    its = rows / seconds
    said = f"| focus-converter, {rows:,} rows | {seconds:.1f} | {its:,.0f} | {peak / 1e6:,.0f} | |"
    return [said, "", f"load / peer, rows a second: {speed / its:.0f}."]
