"""`finops run`: the whole pipeline, through whichever orchestrator is installed."""

from __future__ import annotations

from collections.abc import Callable
from importlib.metadata import entry_points
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, cast

import typer
from rich.text import Text

from finops.cli.console import console, progress, say
from finops.cli.options import DEFAULT_CONFIG, ConfigOption, check_period
from finops.cli.values import count, visible
from finops.errors import ConfigError

if TYPE_CHECKING:
    from finops.config import Config
    from finops.pipeline import RunReport

SourcesOption = Annotated[
    list[str] | None,
    typer.Option("--source", help="Only this source; may be given several times.", metavar="NAME"),
]
PeriodsOption = Annotated[
    list[str] | None,
    typer.Option("--period", help="Only this month; may be given several times.", metavar="YYYY-MM"),
]


def run(config: ConfigOption = DEFAULT_CONFIG, source: SourcesOption = None, period: PeriodsOption = None) -> int:
    """Load new bills, check, publish, and sum up.

    Without --source and --period: every source, all periods that have changed.

    \b
    Example: finops run --source aws-main --period 2026-09
    """
    from finops.config import load_config

    found = load_config(config)
    sources = tuple(source or ())
    _check_sources(found, sources)
    periods = tuple(check_period(each) for each in period or ())
    launch = _orchestrator()
    with progress() as tell:
        report = launch(found, sources=sources, periods=periods, progress=tell)
    _print(found, config, report)
    for failure in report.failures:
        say(f"Failed: {visible(' '.join(failure.split()))}")
    return 1 if report.failures else 0


def outcome(report: RunReport) -> str:
    """What a run did, in a sentence or two."""
    at = f"{report.published_at:%Y-%m-%d %H:%M} UTC" if report.published_at else "before"
    same = f"{count(report.units_unchanged, 'unit')} unchanged"
    if report.units_new:
        done = (
            f"{count(report.units_new, 'unit')} loaded with {count(report.rows, 'charge')}, "
            f"{report.units_unchanged:,} unchanged."
        )
    elif report.published:
        done = f"No new bills: {same}; the tables were built anew."
    else:
        done = f"Nothing new: {same}, no ingest work done."
    if report.published:
        return f"{done} Published {at}, after {report.seconds:.1f} s."
    stands = f"The warehouse published {at} stands." if report.published_at else "Nothing is published."
    return f"{done} {stands}"


def _check_sources(config: Config, names: tuple[str, ...]) -> None:
    from finops.files.yamlfile import nearest

    known = [each.name for each in config.sources]
    for name in names:
        if name not in known:
            raise ConfigError(f"there is no source {name!r}", where="--source", remedy=nearest(name, known))


def _orchestrator() -> Callable[..., RunReport]:
    found = entry_points(group="finops.orchestrator", name="dagster")
    if not found:
        raise ConfigError(
            "no orchestrator is installed", where="entry point finops.orchestrator", remedy="make install"
        )
    return cast("Callable[..., RunReport]", next(iter(found)).load())


def _print(config: Config, path: Path, report: RunReport) -> None:
    screen = console()
    if config.published.exists():
        from finops.cli.output import show
        from finops.cli.summary import summary
        from finops.warehouse.connection import query

        con = query(config.published)
        try:
            for part in summary(con):
                if isinstance(part, Text):
                    screen.print(part)
                else:
                    show(screen, part)
        finally:
            con.close()
        screen.print(Text(f"The warehouse: {config.published}"))
    screen.print(Text(outcome(report)))
    option = "" if path == DEFAULT_CONFIG else f", each with --config {path}"
    screen.print(Text(f'Next: finops idle, finops overruns, finops gaps, finops sql "SHOW ALL TABLES"{option}'))
