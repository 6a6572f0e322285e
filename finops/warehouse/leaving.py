"""What no longer belongs in the warehouse: units that a provider withdrew, sources that mean another place or none."""

from __future__ import annotations

import json
from collections.abc import Collection, Sequence
from pathlib import Path

from finops.config import Source
from finops.config.models import ASKING
from finops.sources import azure_runs
from finops.sources.base import PARTITION
from finops.sources.landed import Landed, kept
from finops.sources.landing import Report
from finops.warehouse.connection import scalar
from finops.warehouse.loading import Loader


def redefine(loader: Loader, entry: Source, report: Report) -> bool:
    """Take out what a source of this name held when it meant another place, since the two would count twice.

    Returns whether it did. A source that cannot be listed keeps what it has.
    """
    if "*" in report.failures:
        return False
    origin = _origin(entry)
    known = scalar(loader.con, "SELECT origin FROM ledger.sources WHERE source = ?", [entry.name])
    redefined = known is not None and known != origin
    if redefined:
        for unit in _units(loader, entry.name):
            loader.withdraw(entry.name, unit, "configuration")
    loader.con.execute("INSERT OR REPLACE INTO ledger.sources VALUES (?, ?)", [entry.name, origin])
    return redefined


def withdraw(loader: Loader, report: Report, periods: Collection[str] = ()) -> list[str]:
    """Take out files that are gone; returns them.

    A period that left a bucket stays, and so does a partition that left a table: they expire, bills do not. A
    table that was read as one and has partitions now is read by these alone. Where a run is for some `periods`, a
    month of an export that is none of them stays: under another name it does not come in either. Files that are
    read as another unit now are `regrouped`.
    """
    if "*" in report.failures or any(unit.manifest is not None for unit in report.discovered):
        return []
    elsewhere = regrouped(loader, report)
    months = {unit: azure_runs.period_of(unit) for unit in _gone(loader, report) if unit not in elsewhere}
    gone = [unit for unit, month in months.items() if not periods or month is None or month in periods]
    if any(unit.lasting for unit in report.discovered):
        gone = [unit for unit in gone if not unit.startswith(PARTITION)]
    for unit in gone:
        loader.withdraw(report.source, unit)
    return gone


def regrouped(loader: Loader, report: Report) -> dict[str, str]:
    """Files that are held as units of their own, and that this version reads as part of another, which is named."""
    units = {file.key: unit.name for unit in report.discovered for file in unit.files}
    return {unit: units[unit] for unit in _gone(loader, report) if unit in units}


def replace(loader: Loader, report: Report) -> list[str]:
    """Take out the files that have come in as part of another unit; returns them. Until that is held, they stay.

    The provider changed nothing: it is our reading.
    """
    held = set(_units(loader, report.source))
    gone = [file for file, unit in regrouped(loader, report).items() if unit in held]
    for file in gone:
        loader.withdraw(report.source, file, "reading")
    return gone


def unlisted(loader: Loader, report: Report, home: Path) -> list[Landed]:
    """What landed of units that are kept though they are gone at their origin: other rules read them anew too.

    Of several versions that lie there, the one that is held.
    """
    if "*" in report.failures:
        return []
    held = loader.con.execute("SELECT unit, version FROM ledger.units WHERE source = ?", [report.source]).fetchall()
    landed = {unit: version.rpartition("+")[0] for unit, version in held}
    found = kept(home, report.source, _gone(loader, report))
    return [each for each in found if each.version == landed[each.unit]]


def forget(loader: Loader, entries: Sequence[Source]) -> None:
    """Take out the charges of sources that the configuration no longer names.

    One that has only got another name stays until its charges have come in under that: its place may be out of
    reach just now. Meanwhile the loader knows it as renamed, since it has the same charges.
    """
    loader.renamed.clear()
    named = {entry.name for entry in entries}
    waiting = {_place(_origin(entry)) for entry in entries if not _units(loader, entry.name)}
    held = loader.con.execute(
        "SELECT DISTINCT u.source, s.origin FROM ledger.units AS u LEFT JOIN ledger.sources AS s USING (source)"
    ).fetchall()
    for source, origin in held:
        if source in named:
            continue
        if origin is not None and _place(origin) in waiting:
            loader.renamed.add(source)
            continue
        for unit in _units(loader, source):
            loader.withdraw(source, unit, "configuration")


def _gone(loader: Loader, report: Report) -> list[str]:
    """The units that are held and no longer listed."""
    listed = {unit.name for unit in report.discovered}
    return [unit for unit in _units(loader, report.source) if unit not in listed]


def _units(loader: Loader, source: str) -> list[str]:
    rows = loader.con.execute("SELECT unit FROM ledger.units WHERE source = ? ORDER BY 1", [source]).fetchall()
    return [unit for (unit,) in rows]


def _origin(entry: Source) -> str:
    """What a source means, as the warehouse remembers it: who asks, and by which way, is none of it."""
    return json.dumps(entry.model_dump(mode="json", exclude=ASKING | {"basis"}), sort_keys=True)


def _place(origin: str) -> str:
    """An origin without the source's name."""
    return json.dumps({key: value for key, value in json.loads(origin).items() if key != "name"}, sort_keys=True)
