"""`finops export`: the charges as FOCUS files."""

from __future__ import annotations

from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from finops.cli.options import DEFAULT_CONFIG, ConfigOption, PeriodOption, ProviderOption, check_period


class Version(StrEnum):
    """The versions of FOCUS that can be written."""

    V1_2 = "1.2"
    V1_4 = "1.4"


def export(
    out: Annotated[Path, typer.Option("--out", help="The folder to write to.", metavar="DIR")],
    focus: Annotated[Version, typer.Option("--focus", help="The version of FOCUS.")] = Version.V1_2,
    provider: ProviderOption = None,
    period: PeriodOption = None,
    config: ConfigOption = DEFAULT_CONFIG,
) -> None:
    """Write the charges as FOCUS files.

    Parquet, one file for each provider and billing period, with FOCUS's columns alone: exact decimals, times in
    UTC, tags as JSON. Files of the same name are replaced, others stay.

    \b
    Example: finops export --focus 1.2 --out focus --provider AWS --period 2026-09
    """
    from finops.cli.console import console
    from finops.cli.queries import matching, published
    from finops.cli.values import count, visible
    from finops.exporting import export as write

    if period is not None:
        check_period(period)
    with published(config) as con, matching("export"):
        made = write(con, focus, out, provider, period)
    for each in made:
        typer.echo(f"{visible(str(each.path))}: {count(each.rows, 'charge')}")
    total = sum(each.rows for each in made)
    console().print(f"{count(len(made), 'file')} in FOCUS {focus}, {count(total, 'charge')}.")
