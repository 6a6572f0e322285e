"""Where exports lie: a folder or a bucket, behind the same three calls.

A file is fetched whole and only in the version that was listed: what changed in between is an error that
the caller answers by listing again, never a mixture.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from finops.errors import SourceError

Tell = Callable[[int], None]
"""Hears of bytes as they arrive: of fewer than none when some must be fetched again. What it raises ends the copy."""
CHUNK = 1 << 20
"""Bytes that are copied at a time."""


@dataclass(frozen=True, order=True)
class RemoteFile:
    """A file in the version that was listed; `key` is relative to the storage's root.

    `modified` is seconds since the epoch; `etag` changes whenever the content does. `exact` is False for rows
    that are made a file only here: `size` is an estimate, and no byte of the file is the provider's.
    """

    key: str
    size: int
    modified: float
    etag: str
    exact: bool = True


class Changed(Exception):  # noqa: N818 - an event for the caller to act on, not a failure
    """A file is no longer what was listed; the text says which, and how."""


class Storage(Protocol):
    """A place with files."""

    uri: str

    def list(self, prefix: str = "") -> list[RemoteFile]:
        """All files whose key begins with the prefix, sorted by key; raises SourceError."""
        ...

    def read(self, file: RemoteFile) -> bytes:
        """A small file, whole; raises Changed or SourceError."""
        ...

    def fetch(self, file: RemoteFile, to: Path, tell: Tell = lambda _: None) -> None:
        """Copy a file, whole, in the listed version, onto the disk; raises Changed or SourceError."""
        ...


class Stream(Protocol):
    """What bytes come from."""

    def read(self, size: int, /) -> bytes:
        """The next bytes, none at the end."""
        ...


def pour(stream: Stream, to: Path, tell: Tell) -> int:
    """Copy a stream into a file, down to the disk; returns the bytes."""
    copied = 0
    with to.open("wb") as out:
        while chunk := stream.read(CHUNK):
            out.write(chunk)
            copied += len(chunk)
            tell(len(chunk))
        out.flush()
        os.fsync(out.fileno())
    return copied


def newest(storage: Storage, file: RemoteFile) -> RemoteFile:
    """A file as it is listed now; raises Changed when it is gone, SourceError."""
    for now in storage.list(file.key):
        if now.key == file.key:
            return now
    raise Changed(f"{file.key} is gone")


class Folder:
    """Files on this machine. The root may be a file: then it is the only one."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.uri = str(root)

    def _path(self, key: str) -> Path:
        return self.root if self.root.is_file() else self.root / key

    def _stat(self, path: Path, key: str) -> RemoteFile:
        stat = path.stat()
        return RemoteFile(key, stat.st_size, stat.st_mtime, f"{stat.st_size:x}-{stat.st_mtime_ns:x}")

    def _walk(self, below: str) -> Iterator[RemoteFile]:
        if self.root.is_file():
            yield self._stat(self.root, self.root.name)
            return
        for parent, folders, names in os.walk(self.root / below, onerror=_refuse):
            folders[:] = [name for name in folders if not name.startswith(".")]
            for name in names:
                path = Path(parent, name)
                if not name.startswith(".") and path.is_file():
                    yield self._stat(path, path.relative_to(self.root).as_posix())

    def list(self, prefix: str = "") -> list[RemoteFile]:
        try:
            if not self.root.exists():
                raise SourceError("there is no such file or folder", where=self.uri, remedy="correct the uri")
            return sorted(file for file in self._walk(prefix.rpartition("/")[0]) if file.key.startswith(prefix))
        except OSError as error:
            raise _unreadable(error, self.uri) from None

    def read(self, file: RemoteFile) -> bytes:
        path = self._path(file.key)
        try:
            content = path.read_bytes()
            now = self._stat(path, file.key)
        except FileNotFoundError:
            raise Changed(f"{file.key} is gone") from None
        except OSError as error:
            raise _unreadable(error, str(path)) from None
        if now != file:
            raise Changed(f"{file.key} changed")
        return content

    def fetch(self, file: RemoteFile, to: Path, tell: Tell = lambda _: None) -> None:
        path = self._path(file.key)
        try:
            stream = path.open("rb")
        except FileNotFoundError:
            raise Changed(f"{file.key} is gone") from None
        except OSError as error:
            raise _unreadable(error, str(path)) from None
        with stream:
            copied = pour(stream, to, tell)
        try:
            now = self._stat(path, file.key)
        except OSError:
            raise Changed(f"{file.key} changed") from None
        if now != file or copied != file.size:
            raise Changed(f"{file.key} changed")


def _refuse(error: OSError) -> None:
    # a folder that cannot be listed must not look like one whose files were withdrawn
    if not isinstance(error, FileNotFoundError):
        raise error


def _unreadable(error: OSError, where: str) -> SourceError:
    return SourceError(f"it cannot be read: {error.strerror}", where=where, remedy="check its rights")
