"""Published warehouses that were replaced: `<home>/snapshots/finops-<when it was published>.duckdb`, for a while.

A snapshot is another name of the same file: it costs no copy, and what it holds is never written again.
"""

from __future__ import annotations

import os
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from pathlib import Path

from finops.files.retention import expired

NAME = "finops-%Y%m%dT%H%M%S.%fZ.duckdb"


def take(published: Path, folder: Path, keep: timedelta) -> None:
    """Give the published file, which is about to be replaced, its other name. Raises OSError."""
    if not keep or not published.exists():
        return
    folder.mkdir(exist_ok=True)
    with suppress(FileExistsError):  # by a run that was killed right after
        os.link(published, folder / _published_at(published).strftime(NAME))


def expire(published: Path, folder: Path, keep: timedelta) -> None:
    """Delete the snapshots that were replaced longer than `keep` ago. Raises OSError."""
    came = {published: _published_at(published)}
    for each in folder.glob("finops-*.duckdb") if folder.is_dir() else ():
        with suppress(ValueError):  # not one of ours
            came[each] = datetime.strptime(each.name, NAME).replace(tzinfo=UTC)
    for each in expired(came, datetime.now(UTC), keep):
        if each != published:
            each.unlink()


def _published_at(published: Path) -> datetime:
    return datetime.fromtimestamp(published.stat().st_mtime, UTC)
