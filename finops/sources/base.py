"""What a source is: units that are discovered, fetched whole and normalised by one SQL file.

A unit is what a provider replaces whole: a billing period of an AWS export, an ingestion-day partition of
Google's, a file. Its version is the provider's own: the same version twice is no work.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol, runtime_checkable

from duckdb import DuckDBPyConnection, DuckDBPyRelation

from finops.sources.storage import RemoteFile, Tell

PARTITION = "_PARTITIONDATE="
"""What the name of a unit begins with that is an ingestion day of Google's; only such a one may be empty."""


@dataclass(frozen=True)
class Unit:
    """A unit as discovered. `period` (YYYY-MM) is None where only its rows can tell.

    `settled` is False where rows may still come in without a new version: it is fetched each time, and its rows
    are compared. `lasting` is True where the provider lets units expire: bills do not, so its charges stay.
    """

    source: str
    name: str
    period: str | None
    version: str
    manifest: RemoteFile | None = None
    files: tuple[RemoteFile, ...] = ()
    settled: bool = True
    lasting: bool = False


@dataclass(frozen=True)
class Normaliser:
    """How landed files become FOCUS: the raw columns that the SQL reads, with their types, and the SQL.

    `sql` names `sql/normalise/<sql>.sql`, and `sql/control/<sql>.sql`, which sums the source on its own to
    compare with. `columns` maps a name to a DuckDB type; a file may lack any of them (the SQL then reads
    null) except those in `required`. `before` names SELECTs over `source_rows` whose results the SQL joins, in
    the order in which they are made: each is known to the next by the name of its table. `commitments` names
    `sql/control/<commitments>.sql` where the source's fees tell what each commitment cost.
    """

    sql: str
    columns: dict[str, str]
    required: tuple[str, ...]
    before: tuple[str, ...] = ()
    commitments: str | None = None


@dataclass(frozen=True)
class Raw:
    """The rows of landed files, with x_SourceFile, and how to normalise them.

    `tag_sets` has the distinct sets of tags (tag_set, Tags), for a source that can tell which sets its rows have
    without putting each row's together; where it is None they are looked for among the normalised rows.
    """

    rows: DuckDBPyRelation
    normaliser: Normaliser
    tag_sets: DuckDBPyRelation | None = None


class Source(Protocol):
    """One configured source. `reading` says how its rows are to be read, where a kind leaves that to be chosen."""

    name: str
    reading: str

    def discover(self) -> list[Unit]:
        """All units that exist now, by name; raises SourceError."""
        ...

    def files(self, unit: Unit) -> list[RemoteFile]:
        """The files of a unit in their current version; raises storage.Changed when it moved on."""
        ...

    def current(self, unit: Unit) -> Unit:
        """The unit in its newest version; raises storage.Changed when there is none at the moment."""
        ...

    def fetch(self, file: RemoteFile, to: Path, tell: Tell) -> None:
        """Copy one file, whole; raises storage.Changed or SourceError. Called from several threads at once."""
        ...

    def read(self, con: DuckDBPyConnection, paths: list[Path]) -> Raw:
        """The raw rows of landed files; raises SourceError."""
        ...


@runtime_checkable
class Noting(Protocol):
    """A source that has something to say besides its units: what it left out, by which way it reads."""

    notes: list[str]


@runtime_checkable
class Probing(Protocol):
    """A source that can tell whether a unit may be read, without reading it: who may list may not be allowed to."""

    def probe(self, unit: Unit) -> str:
        """How the unit is read, in a few words; raises SourceError."""
        ...


def quoted(name: str) -> str:
    """A column's name as SQL, whatever it holds."""
    return '"' + name.replace('"', '""') + '"'


def version_of(files: list[RemoteFile]) -> str:
    """A version for files that have none of their own: it changes when any name, size or tag does."""
    digest = hashlib.sha256()
    for file in sorted(files):
        digest.update(f"{file.key}\0{file.size}\0{file.etag}\n".encode())
    return digest.hexdigest()[:24]
