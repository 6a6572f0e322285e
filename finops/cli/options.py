"""The options that commands share."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Annotated

import typer

from finops.cli.output import Format
from finops.errors import ConfigError

DEFAULT_CONFIG = Path("finops.yaml")

ConfigOption = Annotated[Path, typer.Option("--config", help="The configuration file.", metavar="FILE")]
FormatOption = Annotated[Format, typer.Option("--format", help="How the result is written.")]
OutOption = Annotated[
    Path | None, typer.Option("--out", help="Write to this file instead of the terminal.", metavar="FILE")
]
PeriodOption = Annotated[str | None, typer.Option("--period", help="Only this month.", metavar="YYYY-MM")]
TeamOption = Annotated[str | None, typer.Option("--team", help="Only this team.")]
ProviderOption = Annotated[str | None, typer.Option("--provider", help="Only this provider, such as AWS.")]
StageOption = Annotated[str | None, typer.Option("--stage", help="Only this lifecycle stage.")]
CheckArgument = Annotated[str | None, typer.Argument(metavar="[CHECK]", help="Only this check.")]
FailedOption = Annotated[bool, typer.Option("--failed", help="The rows that fail, instead of the checks.")]


def check_period(period: str) -> str:
    """The period itself; raises ConfigError when it is not a month."""
    if not re.fullmatch(r"\d{4}-(0[1-9]|1[0-2])", period):
        raise ConfigError(f"{period!r} is no month", where="--period", remedy="write it as YYYY-MM, such as 2026-09")
    return period
