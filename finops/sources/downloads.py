"""Downloads: several files at a time, each verified, and kept through a crash.

A file is written under a temporary name and gets its own once it is whole. That name is the digest of its key,
size and tag: what bears it is this file in this version, whoever fetched it and whenever, so that a run that
was killed, or a delivery that moved on, costs only the files that are really missing.
"""

from __future__ import annotations

import gzip
import hashlib
import re
import threading
import time
import zlib
from collections.abc import Callable, Sequence
from concurrent.futures import FIRST_EXCEPTION, Future, ThreadPoolExecutor, wait
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType

from finops.errors import SourceError
from finops.sources.base import Source, Unit
from finops.sources.storage import CHUNK, RemoteFile

FILES = 8
"""How many files are fetched at a time."""
TELL_EVERY = 2.0
"""Seconds between two words of progress."""


class _Abandoned(Exception):  # noqa: N818 - an event: nobody waits for the file any more
    pass


@dataclass
class _Count:
    """A unit under way: files and bytes, of all of them and so far."""

    files: int
    size: int
    done: int = 0
    arrived: int = 0


@dataclass
class Meter:
    """How far a source's downloads are; counted from several threads, told from one."""

    source: str
    say: Callable[[str], None]
    units: int = 0
    landed: int = 0
    clock: Callable[[], float] = time.monotonic
    _under_way: dict[str, _Count] = field(default_factory=dict[str, _Count])
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def __post_init__(self) -> None:
        self._told = self.clock()

    def begin(self, unit: str, files: Sequence[RemoteFile]) -> None:
        with self._lock:
            self._under_way[unit] = _Count(len(files), sum(file.size for file in files))

    def add(self, unit: str, size: int, files: int = 0) -> None:
        with self._lock:
            count = self._under_way[unit]
            count.arrived += size
            count.done += files

    def end(self, unit: str) -> None:
        with self._lock:
            self._under_way.pop(unit, None)

    def tell(self) -> None:
        """A line about the delivery that is longest under way, unless there was one just now."""
        if self.clock() - self._told < TELL_EVERY:
            return
        with self._lock:
            unit, count = next(iter(self._under_way.items()), ("", _Count(0, 0)))
            several = f", {self.landed} of {self.units} deliveries landed" if self.units > 1 else ""
        self._told = self.clock()
        if unit:
            amount = _amount(count.arrived, count.size)
            self.say(f"{self.source}: {unit}, {count.done} of {count.files} files, {amount}{several}")


def _amount(part: int, whole: int) -> str:
    """Bytes as `1.2 of 4.0 GB`."""
    name, size = next((each for each in (("GB", 1e9), ("MB", 1e6)) if whole >= each[1]), ("kB", 1e3))
    return f"{part / size:.1f} of {whole / size:.1f} {name}"


class Downloads:
    """A bounded pool of downloads. Leaving it stops what is still under way."""

    def __init__(self, meter: Meter) -> None:
        self.meter = meter
        self._stopped = threading.Event()
        self._pool = ThreadPoolExecutor(FILES, thread_name_prefix="download")

    def __enter__(self) -> Downloads:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self._stopped.set()  # what waits in the pool ends at once: cancelled, it would never tell who waits for it
        self._pool.shutdown()

    def fetch(self, source: Source, unit: Unit, files: Sequence[RemoteFile], folder: Path) -> list[Path]:
        """The unit's files in a folder, in their order; those that lie there already are not fetched again.

        Raises what stopped the first that failed: Changed, SourceError or OSError; the others end with it.
        """
        self.meter.begin(unit.name, files)
        abandoned = threading.Event()

        def tell(size: int) -> None:
            if abandoned.is_set() or self._stopped.is_set():
                raise _Abandoned
            self.meter.add(unit.name, size)

        def one(file: RemoteFile) -> Path:
            path = folder / part(file)
            kept = is_whole(path, file)
            tell(file.size if kept else 0)
            if not kept:
                _fetch(source, file, path, tell)
            self.meter.add(unit.name, 0, files=1)
            return path

        futures = [self._pool.submit(one, file) for file in files]
        try:
            wait(futures, return_when=FIRST_EXCEPTION)
        finally:
            abandoned.set()
            wait(futures)  # nothing writes into the folder any more
            self.meter.end(unit.name)
        return _results(futures)


def _results(futures: Sequence[Future[Path]]) -> list[Path]:
    for future in futures:
        error = future.exception()
        if error is not None and not isinstance(error, _Abandoned):
            raise error
    return [future.result() for future in futures]


def part(file: RemoteFile) -> str:
    """The name of a file in a version: nothing of its own name but its ending."""
    suffix = re.search(r"(\.[A-Za-z0-9]{1,8}){1,2}$", file.key)
    digest = hashlib.sha256(f"{file.key}\0{file.size}\0{file.etag}".encode()).hexdigest()[:24]
    return f"{digest}{suffix[0].lower() if suffix else ''}"


def is_whole(path: Path, file: RemoteFile) -> bool:
    """Whether this is the file: it was complete when it got its name, and has not been cut since.

    One that is written here cannot be told from a cut one by its size.
    """
    with suppress(OSError):
        return file.exact and path.stat().st_size == file.size
    return False


def _fetch(source: Source, file: RemoteFile, path: Path, tell: Callable[[int], None]) -> None:
    new = path.with_name(f"{path.name}.new")
    source.fetch(file, new, tell)
    if path.suffix == ".gz":
        _verify_gzip(new, file.key)
    new.rename(path)


def _verify_gzip(path: Path, key: str) -> None:
    try:
        with gzip.open(path) as stream:
            while stream.read(CHUNK):
                pass
    except (EOFError, OSError, zlib.error):
        raise SourceError(
            "the gzip file is cut off or damaged",
            where=key,
            remedy="fetch the export again, or ask for a new delivery",
        ) from None
