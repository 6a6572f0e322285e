"""The landing area: files fetched whole, verified, addressed by the version they belong to.

`<home>/landing/<source>/<unit>/<version>/` holds a version's files and `unit.json`, which is written last:
a folder without it never counts. Nothing of an export's own names becomes a path: they may hold anything.
"""

from __future__ import annotations

import gzip
import hashlib
import json
import re
import shutil
import time
import zlib
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from finops.errors import FinopsError, SourceError
from finops.sources.base import Source, Unit
from finops.sources.storage import Changed, RemoteFile

ATTEMPTS = 5
TELL_EVERY = 2.0
"""Seconds between two words of progress."""


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
    """Fetch what is new of a source, unit by unit; a unit that fails leaves the others alone.

    `periods` (YYYY-MM) limits it to those units and to units that span periods; None takes all.
    """
    report = Report(source.name)
    wanted = None if periods is None else set(periods)
    told = time.monotonic()
    try:
        report.discovered = source.discover()
    except FinopsError as error:
        report.failures["*"] = error
        return report
    for unit in report.discovered:
        if wanted is not None and unit.period is not None and unit.period not in wanted:
            continue
        try:
            landed = find(home, unit)
            if landed is None:
                landed = _fetch(source, unit, home)
                report.fetched += 1
            if time.monotonic() - told > TELL_EVERY:
                told = time.monotonic()
                progress(f"{source.name}: {len(report.landed)} of {len(report.discovered)} deliveries landed")
            report.landed.append(landed)
        except FinopsError as error:
            report.failures[unit.name] = error
    return report


def find(home: Path, unit: Unit) -> Landed | None:
    """The unit's version if it has landed before, whole."""
    folder = _folder(home, unit)
    try:
        content: dict[str, Any] = json.loads((folder / "unit.json").read_text(encoding="utf-8"))
        files = tuple(folder / each["path"] for each in content["files"])
        sizes = [int(each["size"]) for each in content["files"]]
        keys = tuple(str(each["key"]) for each in content["files"])
    except (OSError, ValueError, KeyError, TypeError):
        return None
    if [file.stat().st_size if file.exists() else -1 for file in files] != sizes:
        return None
    return Landed(unit.source, unit.name, unit.period, unit.version, folder, files, keys, sum(sizes))


def remove_old(keep: Iterable[Landed]) -> int:
    """Delete the landed versions of these units that have been replaced; returns how many."""
    removed = 0
    for landed in keep:
        for folder in landed.folder.parent.iterdir():
            if folder.name != landed.folder.name:
                shutil.rmtree(folder, ignore_errors=True)
                removed += 1
    return removed


def _folder(home: Path, unit: Unit) -> Path:
    return home / "landing" / unit.source / _safe(unit.name) / _safe(unit.version)


def _safe(name: str) -> str:
    """A name as a folder's: readable where it is plain, else told apart by its hash."""
    plain = re.sub(r"[^A-Za-z0-9=_-]+", "-", name).strip("-")[:60]
    return plain if plain == name else f"{plain}-{hashlib.sha256(name.encode()).hexdigest()[:12]}"


def _fetch(source: Source, unit: Unit, home: Path) -> Landed:
    """Fetch until the unit stood still meanwhile; raises SourceError when it never does."""
    folder = _folder(home, unit)
    partial = folder.with_name(f"{folder.name}.partial")
    moved = unit.name
    for attempt in range(ATTEMPTS):
        shutil.rmtree(partial, ignore_errors=True)
        try:
            partial.mkdir(parents=True)
            files = source.files(unit)
            entries = [_fetch_file(source, file, partial, i) for i, file in enumerate(files)]
            if source.files(unit) != files:
                raise Changed(unit.name)
            _seal(unit, partial, entries)
            shutil.rmtree(folder, ignore_errors=True)
            partial.rename(folder)
        except Changed as change:
            moved = str(change)
            time.sleep(0.2 * 2**attempt)
            continue
        except OSError as error:
            raise SourceError(
                f"the landing area cannot be written: {error.strerror}",
                where=str(folder),
                remedy="free some space, or name a home that can be written",
            ) from None
        found = find(home, unit)
        if found is not None:
            return found
    raise SourceError(
        f"the delivery of {unit.name} is not complete: {moved} is missing, changes, or is newer than its manifest",
        where=f"source {unit.source}, {unit.name}",
        remedy="a delivery is probably under way: run again in a few minutes; in a copy of an export, "
        "let the copies keep their times",
    )


def _fetch_file(source: Source, file: RemoteFile, folder: Path, index: int) -> dict[str, Any]:
    suffix = re.search(r"(\.[A-Za-z0-9]{1,8}){1,2}$", file.key)
    path = folder / f"{index:05d}{suffix[0].lower() if suffix else ''}"
    source.fetch(file, path)
    if path.suffix == ".gz":
        _verify_gzip(path, file.key)
    return {"key": file.key, "path": path.name, "size": file.size, "etag": file.etag}


def _verify_gzip(path: Path, key: str) -> None:
    try:
        with gzip.open(path) as stream:
            while stream.read(1 << 20):
                pass
    except (EOFError, OSError, zlib.error):
        raise SourceError(
            "the gzip file is cut off or damaged",
            where=key,
            remedy="fetch the export again, or ask for a new delivery",
        ) from None


def _seal(unit: Unit, folder: Path, entries: list[dict[str, Any]]) -> None:
    content = {
        "source": unit.source,
        "unit": unit.name,
        "period": unit.period,
        "version": unit.version,
        "files": entries,
    }
    (folder / "unit.json").write_text(json.dumps(content, indent=1), encoding="utf-8")
