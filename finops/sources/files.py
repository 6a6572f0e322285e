"""Sources that are plain files: each a unit of its own, a partition folder one together."""

from __future__ import annotations

import posixpath
import re
from pathlib import Path

from finops.errors import SourceError
from finops.sources.base import Unit, version_of
from finops.sources.storage import Changed, RemoteFile, Storage, Tell

_PARTITION = re.compile(r"(?:^|/)(_PARTITIONDATE=(\d{4}-\d{2})-\d{2})/")


class FileUnits:
    """Discovery and fetching that the file kinds share; they differ in how a file is read."""

    formats: tuple[str, ...] = ()
    reading: str = ""

    def __init__(self, name: str, storage: Storage) -> None:
        self.name = name
        self.storage = storage

    def discover(self) -> list[Unit]:
        units = self._units("")
        if not units:
            raise SourceError(
                f"there is no file that ends in {', '.join(self.formats)}",
                where=self.storage.uri,
                remedy="check the uri; what was loaded before stays as it is",
            )
        return units

    def _units(self, prefix: str) -> list[Unit]:
        grouped: dict[str, list[RemoteFile]] = {}
        for file in self.storage.list(prefix):
            name = self.unit_of(file.key)
            if name is not None:
                grouped.setdefault(name, []).append(file)
        return [
            Unit(self.name, name, self.period_of(name), version_of(files), files=tuple(files))
            for name, files in sorted(grouped.items())
        ]

    def unit_of(self, key: str) -> str | None:
        """The unit that a file belongs to; None for a file that is no data."""
        if not key.lower().endswith(self.formats):
            return None
        match = _PARTITION.search(key)
        return match[1] if match else key

    def period_of(self, unit: str) -> str | None:
        """The period (YYYY-MM) that a unit's name tells; None where only its rows can."""
        match = _PARTITION.search(f"{unit}/")
        return match[2] if match else None

    def files(self, unit: Unit) -> list[RemoteFile]:
        if self.current(unit).version != unit.version:
            raise Changed(f"{unit.name} changed")
        return list(unit.files)

    def current(self, unit: Unit) -> Unit:
        # a partition's files lie in one folder: listing that is enough to see whether it stood still
        prefix = posixpath.commonprefix([file.key for file in unit.files])
        if unit.period is not None:
            prefix = prefix[: prefix.rfind("/") + 1]
        now = {each.name: each for each in self._units(prefix)}.get(unit.name)
        if now is None:
            raise Changed(f"{unit.name} is gone")
        return now

    def fetch(self, file: RemoteFile, to: Path, tell: Tell) -> None:
        self.storage.fetch(file, to, tell)
