"""Bringing what was written down to the disk: a power cut then keeps what the names say."""

from __future__ import annotations

import os
from collections.abc import Generator
from contextlib import contextmanager, suppress
from pathlib import Path

from finops.errors import WarehouseError


def sync(path: Path) -> None:
    """A file's content, or a folder's names; raises OSError."""
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


@contextmanager
def replacing(path: Path) -> Generator[Path]:
    """A file to be written beside `path`, which it replaces as a whole once it is on the disk.

    Raises WarehouseError where the home cannot be written; the old file then stands untouched.
    """
    fresh = path.with_name(f".{path.name}.new")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        yield fresh
        sync(fresh)
        fresh.replace(path)
    except OSError as error:
        with suppress(OSError):
            fresh.unlink()
        raise WarehouseError(
            f"the home cannot be written: {error.strerror}",
            where=str(path),
            remedy="free some space or correct its rights, or name another home in finops.yaml",
        ) from None
