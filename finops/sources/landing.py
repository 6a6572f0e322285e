"""The landing area: files fetched whole, verified, addressed by the version they belong to.

`<home>/landing/<source>/<unit>/<version>/` holds a version's files and `unit.json`, which is written last:
a folder without it never counts. Nothing of an export's own names becomes a path: they may hold anything.

A version counts when it stood still around its download: its files are listed, fetched whole as they were
listed, and listed again with their manifest. What moved is tried again, in what is then its newest version.
Rows that are made a file only here are known by what they come to, besides their provider's version.
"""

from __future__ import annotations

import hashlib
import json
import os
import re
import shutil
import time
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from concurrent.futures import FIRST_COMPLETED, ThreadPoolExecutor, wait
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from finops.errors import FinopsError, SourceError
from finops.files.durable import sync
from finops.files.retention import expired
from finops.sources.base import PARTITION, Noting, Source, Unit
from finops.sources.downloads import Downloads, Meter
from finops.sources.row_digest import digest
from finops.sources.storage import Changed, RemoteFile

WAITS = (0.2, 1.0, 2.0, 4.0, 8.0, 15.0, 15.0, 15.0, 15.0, 15.0)
"""Seconds before what moved is tried again: a delivery takes time, but a run must end."""
UNITS = 4
"""How many units are fetched at a time; the files of all of them share the downloads."""
PARTIAL = ".partial"
"""Where a unit's files gather until its version is complete; no version has such a name."""


@dataclass(frozen=True)
class Landed:
    """A unit's version on this machine; `keys` are its files' names at their origin, `size` is in bytes."""

    source: str
    unit: str
    period: str | None
    version: str
    folder: Path
    files: tuple[Path, ...]
    keys: tuple[str, ...]
    size: int


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


def find(home: Path, unit: Unit) -> Landed | None:
    """The unit's version if it has landed before, whole."""
    folder = _folder(home, unit)
    try:
        content: dict[str, Any] = json.loads((folder / "unit.json").read_text(encoding="utf-8"))
        files = tuple(folder / each["path"] for each in content["files"])
        sizes = [int(each["size"]) for each in content["files"]]
        keys = tuple(str(each["key"]) for each in content["files"])
        rows = content.get("rows")
    except (OSError, ValueError, KeyError, TypeError):
        return None
    if [file.stat().st_size if file.exists() else -1 for file in files] != sizes:
        return None
    version = f"{unit.version}-{rows}" if rows else unit.version
    return Landed(unit.source, unit.name, unit.period, version, folder, files, keys, sum(sizes))


def kept(home: Path, source: str, units: Iterable[str]) -> list[Landed]:
    """All versions that lie here of units that are no longer listed where they came from."""
    found: list[Landed] = []
    for name in units:
        for note in sorted((home / "landing" / source / _safe(name)).glob("*/unit.json")):
            try:
                content = json.loads(note.read_text(encoding="utf-8"))
                landed = find(home, Unit(source, name, content["period"], content["version"]))
            except (OSError, ValueError, KeyError, TypeError):
                continue
            found += [landed] if landed is not None and content["unit"] == name else []
    return found


def remove_old(current: Iterable[Landed], keep: timedelta = timedelta()) -> int:
    """Delete the landed versions of these units that were replaced longer than `keep` ago; returns how many.

    What an unfinished download left goes at once.
    """
    now, removed = datetime.now(UTC), 0
    for landed in current:
        came = {folder: _came(folder) for folder in landed.folder.parent.iterdir()}
        came[landed.folder] = max(came.values())  # it is the newest, though an earlier version may have come back
        for folder in expired(came, now, keep):
            if folder != landed.folder:
                shutil.rmtree(folder, ignore_errors=True)
                removed += 1
    return removed


def _came(folder: Path) -> datetime:
    """When a version was complete; long ago for one that never was."""
    note = folder / "unit.json"
    return datetime.fromtimestamp(note.stat().st_mtime if note.exists() else 0, UTC)


def _folder(home: Path, unit: Unit) -> Path:
    return home / "landing" / unit.source / _safe(unit.name) / _safe(unit.version)


def _safe(name: str) -> str:
    """A name as a folder's: readable where it is plain, else told apart by its hash."""
    plain = re.sub(r"[^A-Za-z0-9=_-]+", "-", name).strip("-")[:60]
    return plain if plain == name else f"{plain}-{hashlib.sha256(name.encode()).hexdigest()[:12]}"


def _obtain(run: _Landing, unit: Unit) -> tuple[Landed, bool]:
    """A unit's version, and whether it was new; raises Changed when it did not stand still meanwhile."""
    found = find(run.home, unit)
    if found is not None and unit.settled:
        return found, False
    folder = _folder(run.home, unit)
    try:
        partial = folder.with_name(PARTIAL)
        partial.mkdir(parents=True, exist_ok=True)
        files = run.source.files(unit)
        paths = run.downloads.fetch(run.source, unit, files, partial)
        if run.source.files(unit) != files:
            raise Changed(f"{unit.name} changed while it was fetched")
        _seal(unit, partial, files, paths)
        if found is not None and _rows(partial) == _rows(folder):
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


def _rows(folder: Path) -> str | None:
    """What the rows of a version come to, None for files that are the provider's own."""
    return json.loads((folder / "unit.json").read_text(encoding="utf-8")).get("rows")


def _incomplete(unit: Unit, change: Changed) -> SourceError:
    return SourceError(
        f"the delivery of {unit.name} is not complete: {change}",
        where=f"source {unit.source}, {unit.name}",
        remedy="a delivery is probably under way: run again in a few minutes; in a copy of an export, "
        "let the copies keep their times",
    )


def _seal(unit: Unit, folder: Path, files: Sequence[RemoteFile], paths: Sequence[Path]) -> None:
    """Clear away what earlier tries left, and write what the folder holds: last, and onto the disk."""
    kept = {path.name for path in paths}
    for other in folder.iterdir():
        if other.name not in kept:
            other.unlink()
    content = {
        "source": unit.source,
        "unit": unit.name,
        "period": unit.period,
        "version": unit.version,
        "rows": None if all(file.exact for file in files) else digest(paths),
        "files": [
            {"key": file.key, "path": path.name, "size": path.stat().st_size, "etag": file.etag}
            for file, path in zip(files, paths, strict=True)
        ],
    }
    with (folder / "unit.json").open("w", encoding="utf-8") as note:
        json.dump(content, note, indent=1)
        note.flush()
        os.fsync(note.fileno())
    sync(folder)
