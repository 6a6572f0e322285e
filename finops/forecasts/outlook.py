"""Where the open month will end, scope by scope: what is spent, what is still to come, how sure that is."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, timedelta
from decimal import Decimal

import numpy as np
import polars as pl

from finops.forecasts.intervals import ENOUGH_SCORES, Surprises, day_scale, rest_surprises, surprises_at
from finops.forecasts.panel import (
    MONEY,
    SERIES,
    Calendar,
    Floats,
    Panel,
    build_panel,
    calendar,
    month_of,
    next_month,
    total,
)
from finops.forecasts.profile import Walk, project, walk
from finops.forecasts.scopes import in_scope

CENT = Decimal("0.000001")
BAND = 0.80


@dataclass(frozen=True)
class Outlook:
    """A scope's open month.

    actual: spent on the days before as_of (exact); remaining: forecast of the days left, the sum of the
    scope's series; expected: the same by day, from as_of; surprises: how far off such forecasts were.
    """

    scope: str
    month: date
    as_of: date
    actual: Decimal
    actual_days: tuple[Decimal, ...]
    expected: tuple[Decimal, ...]
    surprises: Surprises

    @property
    def forecast_total(self) -> Decimal:
        return total((self.actual, *self.expected))

    def bounds(self, share: float = BAND) -> tuple[Decimal, Decimal] | None:
        """The month's total lies between these with probability `share`; None: too little history to say."""
        found = self.surprises.bounds(share)
        if found is None:
            return None
        low, high = (total((self.forecast_total, to_money(distance))) for distance in found)
        return low, high

    def p_over(self, amount: Decimal) -> float | None:
        """The probability that the month's total exceeds the amount; 1 once it does."""
        if self.actual > amount:
            return 1.0
        return self.surprises.above(float(amount - self.forecast_total))

    def crossing_date(self, amount: Decimal) -> date | None:
        """The first day on which the month to date exceeds the amount: as spent, then as forecast."""
        return crossing(self.month, (*self.actual_days, *self.expected), amount)


def month_outlook(daily: pl.DataFrame, as_of: date, scopes: Mapping[str, Mapping[str, str]]) -> dict[str, Outlook]:
    """The outlook on the open month (that of as_of) of each named scope that has any history.

    `daily`: charge_date, the four series columns, cost, and whatever else the scopes speak of
    (sub_account_id, ml_model). Days from as_of on are not looked at. A scope without any spend before as_of
    has no outlook.
    """
    history = daily.filter(pl.col("charge_date") < as_of)
    parts = [
        history.filter(in_scope(scope)).select(
            pl.lit(name).alias("scope"), *SERIES, "charge_date", pl.col("cost").cast(MONEY)
        )
        for name, scope in scopes.items()
    ]
    scoped = pl.concat(parts) if parts else pl.DataFrame()
    if scoped.is_empty():
        return {}
    panel = build_panel(scoped, as_of, ("scope", *SERIES))
    walked = walk(panel.values, panel.start, {panel.days})
    names, member = membership(panel.keys["scope"])
    surprises = dict(zip(names, scope_surprises(panel, walked, member, panel.days), strict=True))
    days = (next_month(as_of) - as_of).days
    expected = member @ project(walked.origins[panel.days], as_of, days)
    return {name: _outlook(scoped, name, as_of, expected[row], surprises[name]) for row, name in enumerate(names)}


def membership(labels: pl.Series) -> tuple[list[str], Floats]:
    """The distinct labels, sorted, and a labels × rows matrix with 1 where a row has that label."""
    names = sorted(set(labels.to_list()))
    rows = np.array([names.index(label) for label in labels.to_list()])
    return names, (np.arange(len(names))[:, None] == rows[None, :]).astype(np.float64)


def scope_surprises(panel: Panel, walked: Walk, member: Floats, morning: int) -> list[Surprises]:
    """What was known on a morning (a day's index) about each scope (scopes × series membership).

    The scores of all scopes are pooled; while those are too few, their series' are added.
    """
    dates = calendar(panel.start, panel.days + 32)
    born = (member @ ~np.isnan(panel.values)) > 0
    totals = np.where(born, member @ np.nan_to_num(panel.values), np.nan)
    known = _surprises(totals, walked.remaining @ member.T, dates, morning)
    if known and known[0].scores.size < ENOUGH_SCORES:
        values = np.vstack([totals, panel.values])
        remaining = np.hstack([walked.remaining @ member.T, walked.remaining])
        known = _surprises(values, remaining, dates, morning)[: len(member)]
    return known


def _surprises(values: Floats, remaining: Floats, dates: Calendar, morning: int) -> list[Surprises]:
    scale = day_scale(values)
    return surprises_at(rest_surprises(values, remaining, dates, scale), scale, dates, morning)


def crossing(month: date, days: tuple[Decimal, ...], amount: Decimal) -> date | None:
    """The first day of the month on which the running sum of `days` exceeds the amount."""
    so_far = Decimal(0)
    for offset, cost in enumerate(days):
        so_far = total((so_far, cost))
        if so_far > amount:
            return month + timedelta(days=offset)
    return None


def days_of(spend: pl.DataFrame, start: date, end: date) -> tuple[Decimal, ...]:
    """The spend of each day from `start` to `end` (exclusive), 0 where there is none."""
    inside = spend.filter(pl.col("charge_date").is_between(start, end, closed="left"))
    sums = inside.group_by("charge_date").agg(pl.col("cost").sum())
    by_day: dict[date, Decimal] = dict(sums.iter_rows())
    return tuple(by_day.get(start + timedelta(days=i), Decimal(0)) for i in range((end - start).days))


def to_money(value: float) -> Decimal:
    """A float as money of six decimals."""
    return Decimal(str(value)).quantize(CENT)


def _outlook(scoped: pl.DataFrame, name: str, as_of: date, expected: Floats, surprises: Surprises) -> Outlook:
    month = month_of(as_of)
    spent = days_of(scoped.filter(pl.col("scope") == name), month, as_of)
    return Outlook(
        scope=name,
        month=month,
        as_of=as_of,
        actual=total(spent),
        actual_days=spent,
        expected=tuple(to_money(float(day)) for day in expected),
        surprises=surprises,
    )
