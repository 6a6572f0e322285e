"""What a run ends with: the published warehouse on one page."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date, timedelta
from decimal import Decimal
from typing import Any

from duckdb import DuckDBPyConnection
from rich.table import Table
from rich.text import Text

from finops.cli.output import Column, table
from finops.cli.queries import ask
from finops.cli.values import count, money, visible
from finops.warehouse.connection import as_of

Part = Text | Table
Record = dict[str, Any]
Costs = dict[str, tuple[Decimal, float | None]]
"""Effective cost and share of a month, by stage."""
SERIES = ("provider_name", "team", "ml_project", "ml_stage")
IDLE_DAYS = 30
TOP = 5


@dataclass(frozen=True)
class Months:
    """The month of the last day with data, and the closed one before it (YYYY-MM)."""

    last_day: date
    current: str
    before: str


def summary(con: DuckDBPyConnection) -> list[Part]:
    """Spend by stage, idle GPUs, overruns and gaps of a published warehouse; amounts by currency."""
    until = as_of(con)
    if until is None:
        return [Text("There is no cloud usage in the warehouse yet.")]
    last_day = until - timedelta(days=1)
    first = last_day.replace(day=1)
    months = Months(last_day, f"{first:%Y-%m}", f"{first - timedelta(days=1):%Y-%m}")
    return [
        _title(f"Data through {last_day}."),
        *_spend(con, months),
        *_idle(con, until),
        *_overruns(con, months),
        *_gaps(con, months),
    ]


def _spend(con: DuckDBPyConnection, months: Months) -> list[Part]:
    before, current = _by_stage(con, months.before), _by_stage(con, months.current)
    heads = [
        Column("stage", is_number=False),
        Column(months.before, is_number=True),
        Column("share", is_number=True),
        Column(f"{months.current} to {months.last_day:%d}", is_number=True),
        Column("share", is_number=True),
    ]
    parts: list[Part] = []
    for currency in sorted({*before, *current}):
        parts.append(_title(f"Effective cost by stage and billing period, {visible(currency)}"))
        parts.append(table(heads, _stage_rows(before.get(currency, {}), current.get(currency, {}))))
    return parts


def _stage_rows(before: Costs, current: Costs) -> list[list[Any]]:
    """A row per stage with its cost and share in both months, dearest now first, and the totals."""
    nothing = (None, None)
    stages = sorted({*before, *current}, key=lambda stage: (-_cost(current, stage), -_cost(before, stage), stage))
    rows = [[stage, *before.get(stage, nothing), *current.get(stage, nothing)] for stage in stages]
    totals = [sum((_cost(costs, stage) for stage in stages), Decimal(0)) for costs in (before, current)]
    return [*rows, ["total", totals[0], None, totals[1], None]]


def _cost(costs: Costs, stage: str) -> Decimal:
    return costs[stage][0] if stage in costs else Decimal(0)


def _by_stage(con: DuckDBPyConnection, period: str) -> dict[str, Costs]:
    """The stages of a month, by currency."""
    found: dict[str, Costs] = defaultdict(dict)
    for row in ask(con, "stages", period=period):
        found[row["currency"]][row["ml_stage"]] = (row["effective_cost"], row["share"])
    return found


def _idle(con: DuckDBPyConnection, until: date) -> list[Part]:
    rows = ask(con, "idle", since=until - timedelta(days=IDLE_DAYS))
    if not rows:
        return [Text(f"Idle GPUs in the last {IDLE_DAYS} days: none seen.")]
    sums = [
        f"{money(_sum(own, 'avoidable_cost'), currency)} avoidable, {money(_sum(own, 'sunk_cost'), currency)} sunk"
        for currency, own in _by_currency(rows).items()
    ]
    unknown = sum(row["cost"] is None for row in rows)
    note = f" ({count(unknown, 'instance')} of unknown cost left out)" if unknown else ""
    title = f"Idle GPUs in the last {IDLE_DAYS} days: {'; '.join(sums)}{note}{_unobserved(con, until)}"
    keys = ("team", "instance_id", "gpu_model", "gpu_hours", "avoidable_cost", "sunk_cost", "currency")
    return [_title(title), _pick(rows[:TOP], keys)]


def _unobserved(con: DuckDBPyConnection, until: date) -> str:
    """What idle figures do not speak of: hours that no telemetry saw."""
    (seen,) = ask(con, "observed", since=until - timedelta(days=IDLE_DAYS))
    if not seen["unobserved_hours"]:
        return ""
    return f"; {seen['unobserved_hours']:,.0f} of {seen['gpu_hours']:,.0f} GPU-hours were not observed"


def _overruns(con: DuckDBPyConnection, months: Months) -> list[Part]:
    rows = ask(con, "overruns", period=months.current)
    if not rows:
        return [Text(f"Budgets over or at risk in {months.current}: none.")]
    figures = ("amount", "actual", "forecast_total", "crossing_date", "top_driver")
    keys = ("budget", "state", *figures, "currency")
    title = f"Budgets over or at risk in {months.current}: {len(rows)}"
    return [_title(title), _pick(rows, keys)]


def _gaps(con: DuckDBPyConnection, months: Months) -> list[Part]:
    rows = ask(con, "gaps", period=months.current)
    series = [row for row in rows if row["scope_kind"] == "series" and row["gap_to_forecast"] is not None]
    parts: list[Part] = []
    if series:
        keys = (*SERIES, "forecast", "actual", "gap_to_forecast", "currency")
        parts.append(_title(f"Largest gaps to the forecast, {months.current} so far"))
        parts.append(_pick(series[:TOP], keys))
    else:
        parts.append(Text(f"Gaps to the forecast in {months.current}: no forecast to compare with."))
    closed = ask(con, "gaps", period=months.before)
    parts += [Text(_closed_gap(months.before, row)) for row in closed if row["scope_kind"] == "total"]
    return parts


def _closed_gap(period: str, total: Record) -> str:
    # plans are kept by day of use, bills by invoice: the two differ where a provider bills a day late
    days = f"By day of use, not by invoice, {period}"
    if total["gap_to_forecast"] is None:
        return f"{days} came to {money(total['actual'], total['currency'])}; there was no forecast of it."
    return (
        f"{days} came to {money(total['actual'], total['currency'])}, forecast "
        f"{money(total['forecast'], total['currency'])}: a gap of "
        f"{money(total['gap_to_forecast'], total['currency'])}."
    )


def _title(text: str) -> Text:
    return Text(text, style="bold")


def _pick(rows: list[Record], keys: tuple[str, ...]) -> Part:
    heads = [Column(key, any(isinstance(row[key], Decimal) for row in rows)) for key in keys]
    return table(heads, [[row[key] for key in keys] for row in rows])


def _sum(rows: Iterable[Record], key: str) -> Decimal:
    return sum((row[key] for row in rows if row[key] is not None), Decimal(0))


def _by_currency(rows: Iterable[Record]) -> dict[str, list[Record]]:
    found: dict[str, list[Record]] = defaultdict(list)
    for row in rows:
        found[str(row["currency"])].append(row)
    return found
