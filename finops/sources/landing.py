"""Landing: files fetched whole, verified, addressed by the version they belong to.

A version counts when it stood still around its download: its files are listed, fetched whole as they were
listed, and listed again with their manifest. What moved is tried again, in what is then its newest version.
"""

from __future__ import annotations

import shutil
import time
from collections.abc import Callable, Collection, Iterable, Mapping
from concurrent.futures import FIRST_COMPLETED, ThreadPoolExecutor, wait
from dataclasses import dataclass, field
from pathlib import Path

from finops.errors import FinopsError, SourceError
from finops.files.durable import sync
from finops.sources.base import PARTITION, Noting, Source, Unit
from finops.sources.downloads import Downloads, Meter
from finops.sources.landed import PARTIAL, Landed, find, folder_of, rows_of, seal
from finops.sources.storage import Changed

WAITS = (0.2, 1.0, 2.0, 4.0, 8.0, 15.0, 15.0, 15.0, 15.0, 15.0)
"""Seconds before what moved is tried again: a delivery takes time, but a run must end."""
UNITS = 4
"""How many units are fetched at a time; the files of all of them share the downloads."""


@dataclass
class Report:
    """What landing one source did. `failures` maps a unit (or `*`) to what stopped it."""

    source: str
    discovered: list[Unit] = field(default_factory=list[Unit])
    landed: list[Landed] = field(default_factory=list[Landed])
    fetched: int = 0
    failures: dict[str, FinopsError] = field(default_factory=dict[str, FinopsError])


def land(source: Source, home: Path, periods: Iterable[str] | None, progress: Callable[[str], None]) -> Report:
    """Fetch what is new of a source; a unit that fails, or that is being delivered, leaves the others alone.

    `periods` (YYYY-MM) limits it to those units and to units that span periods; None takes all.
    """
    report = Report(source.name)
    wanted = None if periods is None else set(periods)
    try:
        report.discovered = source.discover()
    except FinopsError as error:
        report.failures["*"] = error
        return report
    _tell_notes(source, progress)
    units = [unit for unit in report.discovered if wanted is None or _is_of(unit, wanted)]
    with Downloads(Meter(source.name, progress, units=len(units))) as downloads:
        landed = _until_still(_Landing(source, home, downloads, report), units, progress)
    _tell_notes(source, progress)
    report.landed = [landed[unit.name] for unit in units if unit.name in landed]
    return report


def _tell_notes(source: Source, progress: Callable[[str], None]) -> None:
    while isinstance(source, Noting) and source.notes:
        progress(f"{source.name}: {source.notes.pop(0)}")


def _is_of(unit: Unit, periods: Collection[str]) -> bool:
    """Whether a unit may have rows of these periods: an ingestion day also has late ones of earlier months."""
    if unit.period is None or unit.period in periods:
        return True
    return unit.name.startswith(PARTITION) and bool(periods) and unit.period > min(periods)


@dataclass(frozen=True)
class _Landing:
    """One source being landed."""

    source: Source
    home: Path
    downloads: Downloads
    report: Report


def _until_still(run: _Landing, units: Iterable[Unit], progress: Callable[[str], None]) -> dict[str, Landed]:
    """Land the units, and those that move again after a while; what never stands still is a failure."""
    pending = {unit.name: unit for unit in units}
    landed: dict[str, Landed] = {}
    for pause in (*WAITS, None):
        moved = _round(run, pending, landed)
        if pause is None:
            run.report.failures |= {name: _incomplete(pending[name], change) for name, change in moved.items()}
        if pause is None or not moved:
            break
        for name, change in moved.items():
            progress(f"{run.source.name}: {name} is being delivered, trying again ({change})")
        time.sleep(pause)
        pending = {name: _newest(run.source, pending[name]) for name in moved}
    return landed


def _round(run: _Landing, pending: Mapping[str, Unit], landed: dict[str, Landed]) -> dict[str, Changed]:
    """Try every pending unit once, several at a time; returns those that moved meanwhile."""
    moved: dict[str, Changed] = {}
    pool = ThreadPoolExecutor(UNITS, thread_name_prefix="unit")
    try:
        under_way = {pool.submit(_obtain, run, unit): name for name, unit in pending.items()}
        while under_way:
            done, _ = wait(under_way, timeout=0.5, return_when=FIRST_COMPLETED)
            for future in done:
                name = under_way.pop(future)
                try:
                    landed[name], new = future.result()
                    run.report.fetched += new
                    run.downloads.meter.landed += 1
                except Changed as change:
                    moved[name] = change
                except FinopsError as error:
                    run.report.failures[name] = error
            run.downloads.meter.tell()
    finally:
        pool.shutdown(wait=False, cancel_futures=True)
    return moved


def _newest(source: Source, unit: Unit) -> Unit:
    """The version to go on with; where there is none at the moment, the next round will say so."""
    try:
        return source.current(unit)
    except (Changed, FinopsError):
        return unit


def _obtain(run: _Landing, unit: Unit) -> tuple[Landed, bool]:
    """A unit's version, and whether it was new; raises Changed when it did not stand still meanwhile."""
    found = find(run.home, unit)
    if found is not None and unit.settled:
        return found, False
    folder = folder_of(run.home, unit)
    try:
        partial = folder.with_name(PARTIAL)
        partial.mkdir(parents=True, exist_ok=True)
        files = run.source.files(unit)
        paths = run.downloads.fetch(run.source, unit, files, partial)
        if run.source.files(unit) != files:
            raise Changed(f"{unit.name} changed while it was fetched")
        seal(unit, partial, files, paths)
        if found is not None and rows_of(partial) == rows_of(folder):
            shutil.rmtree(partial)
            return found, False
        shutil.rmtree(folder, ignore_errors=True)
        partial.rename(folder)
        sync(folder.parent)
    except OSError as error:
        raise SourceError(
            f"the landing area cannot be written: {error.strerror}",
            where=str(folder),
            remedy="free some space, or name a home that can be written",
        ) from None
    found = find(run.home, unit)
    if found is None:
        raise Changed(f"{unit.name} is not on the disk as it was written")
    return found, True


def _incomplete(unit: Unit, change: Changed) -> SourceError:
    return SourceError(
        f"the delivery of {unit.name} is not complete: {change}",
        where=f"source {unit.source}, {unit.name}",
        remedy="a delivery is probably under way: run again in a few minutes; in a copy of an export, "
        "let the copies keep their times",
    )
