"""The whole simulation: every source, the telemetry, the budgets and the truth, in one folder."""

from __future__ import annotations

import shutil
import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import date
from pathlib import Path

from finops.errors import ConfigError
from finops.simulator import aws_export, budgets, fleet, gcp_export, ledger, settings, telemetry, truth
from finops.simulator.arrow import pa
from finops.simulator.company import nimbus
from finops.simulator.timeline import Timeline, timeline

UNTIL = date(2026, 10, 21)


@dataclass(frozen=True)
class SimulationReport:
    """What was written: rows of each source's export, GPU samples, budgets, files, and how long it took."""

    rows: dict[str, int]
    samples: int
    budgets: int
    files: int
    seconds: float


def simulate(
    out: Path,
    *,
    seed: int = 7,
    months: int = 12,
    scale: float = 1.0,
    until: date = UNTIL,
    progress: Callable[[str], None] | None = None,
) -> SimulationReport:
    """Writes the company's bills, telemetry, budgets, ledger, a `finops.yaml` that loads them, and `truth/`.

    `months` months up to the one that holds the day before `until` (exclusive). `scale` multiplies the small
    charges, not the GPU fleet. The same arguments give the same bytes. The folder appears when it is whole.
    Raises ConfigError when an argument is out of range or `out` is not empty.
    """
    started = time.perf_counter()
    _check(out, months, scale)
    partial = out.with_name(out.name + ".partial")
    shutil.rmtree(partial, ignore_errors=True)
    (partial / "truth").mkdir(parents=True)
    rows, samples, budget_count = _write(partial, timeline(months, until), seed, scale, progress or (lambda _: None))
    files = sum(1 for path in partial.rglob("*") if path.is_file())
    partial.replace(out)
    return SimulationReport(rows, samples, budget_count, files, time.perf_counter() - started)


def _check(out: Path, months: int, scale: float) -> None:
    if months < 1:
        raise ConfigError("the number of months must be at least 1", where="months")
    if not 0 < scale <= 1000:
        raise ConfigError("the scale must be above 0 and at most 1000", where="scale")
    if out.exists() and (not out.is_dir() or any(out.iterdir())):
        raise ConfigError(
            "the output folder is not empty", where=str(out), remedy="name a new folder, or remove this one"
        )


def _write(
    out: Path, line: Timeline, seed: int, scale: float, progress: Callable[[str], None]
) -> tuple[dict[str, int], int, int]:
    company, machines = nimbus(), fleet.build(seed, line)
    progress("AWS bills")
    aws = aws_export.write(out, company, machines, line, seed, scale)
    progress("GCP bill")
    gcp = gcp_export.write(out, company, machines, line, seed, scale)
    progress("cost ledger")
    people = ledger.write(out, company, line, seed)
    progress("GPU telemetry")
    samples, _ = telemetry.write(out, machines, line, seed)
    telemetry.write_truth(out, machines, line, pa.concat_tables([aws.instance_hours, gcp.instance_hours]))
    progress("budgets and truth")
    charges = pa.concat_tables([aws.charges, gcp.charges, people.charges])
    restatements = pa.concat_tables([aws.restatements, gcp.restatements, people.restatements])
    truth.write(out / "truth", charges, restatements)
    count = budgets.write(out, charges, company, line)
    settings.write(out, company)
    return {"aws": aws.rows, company.gcp_source: gcp.rows, "people": people.rows}, samples, count
