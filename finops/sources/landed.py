"""What has landed: versions of units on this machine, and when they go.

`<home>/landing/<source>/<unit>/<version>/` holds a version's files and `unit.json`, which is written last:
a folder without it never counts. Nothing of an export's own names becomes a path: they may hold anything.
Rows that are made a file only here are known by what they come to, besides their provider's version.
"""

from __future__ import annotations

import hashlib
import json
import os
import re
import shutil
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from finops.files.durable import sync
from finops.files.retention import expired
from finops.sources.base import Unit
from finops.sources.row_digest import digest
from finops.sources.storage import RemoteFile

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


def find(home: Path, unit: Unit) -> Landed | None:
    """The unit's version if it has landed before, whole."""
    folder = folder_of(home, unit)
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


def folder_of(home: Path, unit: Unit) -> Path:
    return home / "landing" / unit.source / _safe(unit.name) / _safe(unit.version)


def _safe(name: str) -> str:
    """A name as a folder's: readable where it is plain, else told apart by its hash."""
    plain = re.sub(r"[^A-Za-z0-9=_-]+", "-", name).strip("-")[:60]
    return plain if plain == name else f"{plain}-{hashlib.sha256(name.encode()).hexdigest()[:12]}"


def rows_of(folder: Path) -> str | None:
    """What the rows of a version come to, None for files that are the provider's own."""
    return json.loads((folder / "unit.json").read_text(encoding="utf-8")).get("rows")


def seal(unit: Unit, folder: Path, files: Sequence[RemoteFile], paths: Sequence[Path]) -> None:
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
