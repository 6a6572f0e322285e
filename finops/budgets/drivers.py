"""Why a budget breaks: the part of its spend that grew most."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date, timedelta
from decimal import Decimal

import polars as pl

from finops.forecasts.panel import MONEY, month_of, next_month
from finops.forecasts.scopes import SCOPE_COLUMNS, in_scope

PARTS: Mapping[str, str] = {**SCOPE_COLUMNS, "service": "service_name"}
"""The dimensions that spend is taken apart by, and their columns."""
MONTHS_BEFORE = 3


EXPLAINS = Decimal("0.25")
"""The share of an overrun that a part's growth must make up to be called its driver."""


def top_driver(
    history: pl.DataFrame, scope: Mapping[str, str], month: date, as_of: date, currency: str, overrun: Decimal
) -> str | None:
    """The part that grew most, as 'ml_stage=training: +12,345.67 USD'.

    One that grew by less than a quarter of the overrun does not explain it: then it is said what the scope
    usually costs in a whole month (the mean of up to three before). None where nothing grew in the first month.

    Growth: the part's spend in `month` before `as_of`, minus its mean up to the same day of the month over
    the three months before, of those that the history holds (with none, minus nothing). Looked at are the
    dimensions that the scope leaves open and that divide its spend: one with a single value says nothing.
    """
    inside = history.filter(in_scope(scope))
    days = min((as_of - month).days, (next_month(month) - month).days)
    now = _to_day(inside, month, days)
    earlier = [_to_day(inside, start, days) for start in _months_before(history, month)]
    best: tuple[Decimal, str] | None = None
    for key, name in PARTS.items():
        if key in scope or name not in history.columns:
            continue
        growth = _growth(now, earlier, name)
        if len(growth) < 2:
            continue
        for value, amount in growth.items():
            part = f"{key}={value}" if value is not None else f"{key} is null"
            if amount > 0 and (best is None or amount > best[0]):
                best = (amount, part)
    if best is not None and best[0] >= overrun * EXPLAINS:
        return f"{best[1]}: +{best[0]:,.2f} {currency}"
    months = _months_before(history, month)
    if not months:
        return f"{best[1]}: +{best[0]:,.2f} {currency}" if best else None
    usual = [_to_day(inside, start, 31)["cost"].cast(MONEY).sum() for start in months]
    return f"no part grew much: it usually costs {sum(usual, Decimal(0)) / len(usual):,.2f} {currency} a month"


def _growth(now: pl.DataFrame, earlier: list[pl.DataFrame], name: str) -> dict[str | None, Decimal]:
    """By value of a column, sorted: its spend now minus its mean of the months before."""
    current = _by_value(now, name)
    past = [_by_value(month, name) for month in earlier]
    values = sorted({*current, *(value for month in past for value in month)}, key=lambda v: (v is None, v or ""))
    nothing = Decimal(0)
    return {
        value: current.get(value, nothing)
        - sum((month.get(value, nothing) for month in past), nothing) / max(len(past), 1)
        for value in values
    }


def _by_value(spend: pl.DataFrame, name: str) -> dict[str | None, Decimal]:
    return dict(spend.group_by(name).agg(pl.col("cost").cast(MONEY).sum()).iter_rows())


def _to_day(spend: pl.DataFrame, month: date, days: int) -> pl.DataFrame:
    end = min(month + timedelta(days=days), next_month(month))
    return spend.filter(pl.col("charge_date").is_between(month, end, closed="left"))


def _months_before(history: pl.DataFrame, month: date) -> list[date]:
    first = history.select(pl.col("charge_date").min()).item()
    months: list[date] = []
    while len(months) < MONTHS_BEFORE and isinstance(first, date) and month > month_of(first):
        month = month_of(month - timedelta(days=1))
        months.append(month)
    return months
