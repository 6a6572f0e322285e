"""The tables that people ask for: one command and one file of `sql/queries/` each."""

from __future__ import annotations

from pathlib import Path

from finops.cli.options import (
    DEFAULT_CONFIG,
    CheckArgument,
    ConfigOption,
    FailedOption,
    FormatOption,
    OutOption,
    PeriodOption,
    ProviderOption,
    StageOption,
    TeamOption,
    check_period,
)
from finops.cli.output import Format, write


def stages(
    period: PeriodOption = None,
    team: TeamOption = None,
    provider: ProviderOption = None,
    stage: StageOption = None,
    how: FormatOption = Format.TABLE,
    out: OutOption = None,
    config: ConfigOption = DEFAULT_CONFIG,
) -> None:
    """What each lifecycle stage cost, by month.

    Billed and effective cost, share of the month, GPU hours; days still to come do not count.

    \b
    Example: finops stages --period 2026-09 --team nlp
    """
    _report("stages", config, how, out, period=period, team=team, provider=provider, stage=stage)


def idle(
    period: PeriodOption = None,
    team: TeamOption = None,
    provider: ProviderOption = None,
    stage: StageOption = None,
    how: FormatOption = Format.TABLE,
    out: OutOption = None,
    config: ConfigOption = DEFAULT_CONFIG,
) -> None:
    """GPUs that were paid for and idle.

    By team and instance, dearest first. avoidable_cost is what stopping them would have saved; sunk_cost is
    committed: give the GPU to others instead.

    \b
    Example: finops idle --team nlp --format csv
    """
    _report("idle", config, how, out, period=period, team=team, provider=provider, stage=stage)


def overruns(
    period: PeriodOption = None,
    how: FormatOption = Format.TABLE,
    out: OutOption = None,
    config: ConfigOption = DEFAULT_CONFIG,
) -> None:
    """Budgets that are over, or will be.

    With the day on which they cross their amount, and what drives them.

    \b
    Example: finops overruns --period 2026-10
    """
    _report("overruns", config, how, out, period=period)


def gaps(
    period: PeriodOption = None,
    team: TeamOption = None,
    provider: ProviderOption = None,
    stage: StageOption = None,
    how: FormatOption = Format.TABLE,
    out: OutOption = None,
    config: ConfigOption = DEFAULT_CONFIG,
) -> None:
    """Forecast against actual, by month.

    Every series, the largest gap first, and their total. A gap is actual minus forecast; in the open month
    both are of the days that have happened.

    \b
    Example: finops gaps --period 2026-09 --stage training
    """
    _report("gaps", config, how, out, period=period, team=team, provider=provider, stage=stage)


def restatements(
    period: PeriodOption = None,
    team: TeamOption = None,
    provider: ProviderOption = None,
    stage: StageOption = None,
    how: FormatOption = Format.TABLE,
    out: OutOption = None,
    config: ConfigOption = DEFAULT_CONFIG,
) -> None:
    """What providers changed after the fact.

    Billed cost, summed by source, month, service, stage and team, and each month's total. Changes of our own
    rules and configuration are no restatements.

    \b
    Example: finops restatements --period 2026-08 --team nlp
    """
    _report("restatements", config, how, out, period=period, team=team, provider=provider, stage=stage)


def checks(
    check: CheckArgument = None,
    failed: FailedOption = False,
    how: FormatOption = Format.TABLE,
    out: OutOption = None,
    config: ConfigOption = DEFAULT_CONFIG,
) -> None:
    """Do the numbers add up?

    The last result of every check, those that fell short first: as a table a line for each check, of one that is named,
    and in other formats, every comparison. With --failed the rows that are to blame, as JSON, at most twenty of each
    check.

    \b
    Example: finops checks source_is_charges
    """
    if failed:
        _report("failing", config, how, out, check_name=check)
    elif check is None and how is Format.TABLE:
        _report("checks_in_short", config, how, out)
    else:
        _report("checks", config, how, out, check_name=check)


def _report(name: str, config: Path, how: Format, out: Path | None, **filters: str | None) -> None:
    from finops.cli.queries import check_known, known_check, matching, published, question

    period = filters.get("period")
    if period is not None:
        check_period(period)
    with published(config) as con:
        if period is not None:
            check_known(con, period)
        if filters.get("check_name") is not None:
            known_check(con, str(filters["check_name"]))
        with matching(name):
            write(question(con, name, **filters), how, out)
