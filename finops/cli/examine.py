"""What the doctor looks at, in the order of a run."""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from functools import partial
from pathlib import Path

import duckdb

from finops.budgets import read_budgets
from finops.cli.values import count
from finops.config import Config, FileTelemetry
from finops.config import Source as SourceEntry
from finops.config import Telemetry as TelemetryEntry
from finops.errors import ConfigError, WarehouseError
from finops.lifecycle import load_rules
from finops.rates import read_rates
from finops.sources.base import Probing, Source, Unit
from finops.sources.registry import open_source
from finops.sources.storage import Changed
from finops.telemetry import registry
from finops.warehouse.connection import query, scalar
from finops.warehouse.database import Warehouse

Check = Callable[[], str]
"""Returns what is fine; raises when something is not."""
FOCUS = ("aws-focus", "focus-files")
"""Kinds of sources that are FOCUS files already: what they lack is their writers'."""
ENOUGH = 1 << 30
"""Free bytes below which a run may not end; publishing needs the work file's size once more."""


def examinations(config: Config) -> Iterator[tuple[str, Check]]:
    """Every subject and its check."""
    yield f"configuration {config.path}", lambda: _configuration(config)
    yield f"home {config.home_dir}", lambda: _home(config)
    for source in config.sources:
        yield f"source {source.name}", partial(_source, config, source)
        if source.kind in FOCUS:
            yield f"columns of {source.name}", partial(_columns, config, source)
    for telemetry in config.telemetry:
        yield f"telemetry {telemetry.name}", partial(_telemetry, config, telemetry)
    yield "stages", lambda: _stages(config)
    yield "budgets", lambda: _budgets(config)
    yield "rates", lambda: _rates(config)
    yield "alerts", lambda: _alerts(config)
    yield "published warehouse", lambda: _published(config)
    yield "work file", lambda: _work(config)
    yield "kept", lambda: _kept(config)


def _configuration(config: Config) -> str:
    sources = count(len(config.sources), "source")
    return f"{sources}, telemetry: {len(config.telemetry)}, amounts in {config.reporting_currency}"


def _home(config: Config) -> str:
    """The home can be written, and there is room; a home that is still to be made is judged by its parent."""
    folder = config.home_dir
    while not folder.exists():
        folder = folder.parent
    try:
        with tempfile.TemporaryFile(dir=folder):
            pass
    except OSError as error:
        raise WarehouseError(
            f"the home cannot be written: {error.strerror}",
            where=str(folder),
            remedy="correct its rights, or name another home in finops.yaml",
        ) from None
    free = shutil.disk_usage(folder).free
    needed = ENOUGH + _size(Warehouse(config.home_dir).work)
    if free < needed:
        raise WarehouseError(
            f"only {_bytes(free)} are free, a run needs about {_bytes(needed)}",
            where=str(folder),
            remedy="free some space, or name another home in finops.yaml",
        )
    return f"can be written, {_bytes(free)} free, landing holds {_bytes(_size(config.home_dir / 'landing'))}"


def _source(config: Config, entry: SourceEntry) -> str:
    source = open_source(config, entry)
    units = source.discover()
    if not units:
        raise ConfigError(
            "it can be reached, but there is nothing in it",
            where=f"source {entry.name}",
            remedy="correct its uri and export, or wait for the first delivery",
        )
    newest = max(units, key=lambda unit: (_modified(unit), unit.name))
    at = _modified(newest)
    when = f" of {datetime.fromtimestamp(at, UTC):%Y-%m-%d %H:%M} UTC" if at else ""
    return f"{count(len(units), 'unit')}, the newest {newest.name}{when}{_complete(source, newest)}"


def _complete(source: Source, unit: Unit) -> str:
    """What a manifest names; it is read for that, since who may list may still not be allowed to read."""
    if isinstance(source, Probing):
        return f", {source.probe(unit)}"
    if unit.manifest is None:
        return ""
    try:
        return f", {count(len(source.files(unit)), 'file')}"
    except Changed as change:
        return f", which is being delivered: {change}"


def _columns(config: Config, entry: SourceEntry) -> str:
    """What the bills that are loaded lack of what FOCUS calls mandatory: it stays null, nothing is made up."""
    if not config.published.exists():
        return "not loaded yet"
    try:
        with query(config.published) as con:
            found = con.execute(
                """SELECT coalesce(provider_name, 'no provider'), focus_version, column_name, sum(null_count),
                  sum(row_count)
                FROM focus.lacking WHERE source = ? GROUP BY ALL ORDER BY ALL""",
                [entry.name],
            ).fetchall()
    except (duckdb.Error, WarehouseError):  # an earlier version published it, or it is damaged: that is told by itself
        return "not known: finops run tells"
    lacks = [
        f"{provider} (FOCUS {version}) lacks {column} in {nulls:,} of {count(int(rows), 'row')}"
        for provider, version, column, nulls, rows in found
    ]
    return "; ".join(lacks) if lacks else "all that FOCUS calls mandatory is there"


def _modified(unit: Unit) -> float:
    files = (*unit.files, unit.manifest) if unit.manifest else unit.files
    return max((file.modified for file in files), default=0.0)


def _telemetry(config: Config, entry: TelemetryEntry) -> str:
    read = registry.reader(entry.kind, entry.name)
    if not isinstance(entry, FileTelemetry):
        return "can be read"
    frame = read(config.resolve(entry.uri), entry.name)
    return f"samples can be read, {len(frame.collect_schema())} columns"


def _stages(config: Config) -> str:
    own = config.resolve(config.stages) if config.stages else None
    return f"{count(len(load_rules(own)), 'rule')}{'' if own else ', all built in'}"


def _budgets(config: Config) -> str:
    if config.budgets is None:
        return "none are configured"
    path = config.resolve(config.budgets)
    return count(len(read_budgets(path)), "budget")


def _rates(config: Config) -> str:
    if config.rates is None:
        return f"none are configured: only amounts in {config.reporting_currency}, and what Google converts, are known"
    return count(len(read_rates(config.resolve(config.rates), config.reporting_currency)), "rate")


def _alerts(config: Config) -> str:
    if config.slack is None:
        return f"go to {config.home_dir / 'alerts.jsonl'}: no Slack is configured"
    return "go to Slack; finops alerts test sends a message"


def _published(config: Config) -> str:
    if not config.published.exists():
        return "not there yet: finops run makes it"
    con = query(config.published)
    try:
        charges = scalar(con, "SELECT count(*) FROM focus.charges")
    except duckdb.Error as error:
        raise WarehouseError(
            f"it cannot be queried: {str(error).splitlines()[0]}",
            where=str(config.published),
            remedy="finops run writes it anew",
        ) from None
    finally:
        con.close()
    age = datetime.now(UTC) - datetime.fromtimestamp(config.published.stat().st_mtime, UTC)
    hours = age.total_seconds() / 3600
    old = f"{hours:.1f} hours" if hours < 48 else f"{age.days} days"
    return f"{count(charges, 'charge')}, published {old} ago, {_bytes(_size(config.published))}"


def _work(config: Config) -> str:
    work = Warehouse(config.home_dir).work
    if not work.exists():
        return "not there yet: finops run makes it"
    try:
        duckdb.connect(work, read_only=True).close()
    except duckdb.Error as error:
        if "set lock on" in str(error):
            return f"{_bytes(_size(work))}, a run is at work on it"
        raise WarehouseError(
            f"it cannot be opened: {str(error).splitlines()[0]}",
            where=str(work),
            remedy="nothing: the next run makes it anew from what is published",
        ) from None
    return _bytes(_size(work))


def _kept(config: Config) -> str:
    """What replaced warehouses and landed files take; those in landing that are of use are in it too."""
    folder = Warehouse(config.home_dir).snapshots
    found = len(list(folder.glob("*.duckdb"))) if folder.is_dir() else 0
    keep = config.keep
    return (
        f"{count(found, 'snapshot')} of {_bytes(_size(folder))}, for {count(keep.snapshot_days, 'day')}; "
        f"landed files of {_bytes(_size(config.home_dir / 'landing'))}, replaced ones for "
        f"{count(keep.landing_days, 'day')}"
    )


def _size(path: Path) -> int:
    """Bytes of a file, or of all files below a folder; 0 where there is nothing."""
    if path.is_file():
        return path.stat().st_size
    return sum(Path(folder, name).lstat().st_size for folder, _, names in os.walk(path) for name in names)


def _bytes(count: int) -> str:
    for unit, size in (("GB", 1e9), ("MB", 1e6), ("kB", 1e3)):
        if count >= size:
            return f"{count / size:.1f} {unit}"
    return f"{count} bytes"
