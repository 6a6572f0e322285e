"""Forecasts by day: of the days to come, and as they would have been at the start of months past."""

from __future__ import annotations

from datetime import date, timedelta

import numpy as np
import polars as pl

from finops.forecasts.intervals import conformal_quantiles, day_scale
from finops.forecasts.panel import (
    MONEY,
    SERIES,
    Bools,
    Floats,
    Panel,
    build_panel,
    money,
    month_starts,
    next_month,
)
from finops.forecasts.profile import SHORT_HISTORY, Origin, Walk, project, walk

MODEL = "profile"
SHORT_MODEL = "profile-short"
BACKTEST_MODEL = "profile (backtest)"
BOUND_HISTORY = 182
"""Days back from which daily bounds are learnt, from weekly origins."""
BOUND_AGE = 56
"""Days of a series' life below which its days have no bounds."""
SCHEMA = pl.Schema(
    {
        "as_of": pl.Date(),
        **dict.fromkeys(SERIES, pl.String()),
        "charge_date": pl.Date(),
        **dict.fromkeys(("forecast", "low80", "high80", "low95", "high95"), MONEY),
        "model": pl.String(),
        "currency": pl.String(),
    }
)


def forecast(daily: pl.DataFrame, as_of: date, *, currency: str) -> pl.DataFrame:
    """The forecast of every series for each day from `as_of` to the end of the month after as_of's.

    `daily`: charge_date, the four series columns (null is a value), cost (DECIMAL, `currency`); days from
    `as_of` on are not looked at. Returns forecast.daily's columns (SCHEMA). The bounds are those of a single
    day: do not sum them, month totals have their own (`month_outlook`). They are null for a series younger
    than 56 days or without spend in the last 56. A series of less than 28 days has the model
    'profile-short'.
    """
    panel = build_panel(daily, as_of)
    walked = walk(panel.values, panel.start, _wanted(panel, [panel.days]))
    last = next_month(next_month(as_of))
    return _frame(panel, walked, as_of, last, currency, model=None)


def backtests(daily: pl.DataFrame, as_of: date, currency: str) -> pl.DataFrame:
    """What `forecast` would have said on the first day of each month, as_of's included, for that month.

    Months with less than 28 days of data before them are left out. Same columns as `forecast`; each month
    sees earlier days only, with the model 'profile (backtest)'. Bills that came late are in the history as
    if they had been known.
    """
    panel = build_panel(daily, as_of)
    months = [m for m in month_starts(panel.start, as_of) if panel.index(m) >= SHORT_HISTORY]
    walked = walk(panel.values, panel.start, _wanted(panel, [panel.index(month) for month in months]))
    frames = [_frame(panel, walked, month, next_month(month), currency, model=BACKTEST_MODEL) for month in months]
    return pl.concat([SCHEMA.to_frame(), *frames])


def _wanted(panel: Panel, mornings: list[int]) -> set[int]:
    """The mornings, and the weekly origins that their bounds are learnt from."""
    return {day for morning in mornings for day in (morning, *_weekly(panel, morning))}


def _weekly(panel: Panel, morning: int) -> range:
    # Counted from the panel's first day, so that all mornings share their origins.
    first = max(SHORT_HISTORY, morning - BOUND_HISTORY)
    return range(first + (-first) % 7, min(morning, panel.days), 7)


def _frame(panel: Panel, walked: Walk, as_of: date, end: date, currency: str, *, model: str | None) -> pl.DataFrame:
    """The forecast made on the morning of `as_of` for the days from it to `end` (exclusive)."""
    morning, days = panel.index(as_of), (end - as_of).days
    origin = walked.origins[morning]
    if not origin.age.any():
        return SCHEMA.to_frame()
    born = origin.age > 0
    path = project(origin, as_of, days)
    bounds = _bounds(panel, walked, origin, morning, path)
    rows = np.repeat(np.flatnonzero(born), days)
    short = pl.Series(np.repeat(origin.age[born] < SHORT_HISTORY, days))
    named = pl.lit(model) if model else pl.when(short).then(pl.lit(SHORT_MODEL)).otherwise(pl.lit(MODEL))
    dates = np.tile(np.datetime64(as_of, "D") + np.arange(days).astype("timedelta64[D]"), int(born.sum()))
    return panel.keys[rows].select(
        pl.lit(as_of).alias("as_of"),
        *SERIES,
        pl.Series("charge_date", dates),
        money(path[born].ravel()).alias("forecast"),
        *(money(bound[born].ravel()).alias(name) for name, bound in bounds.items()),
        named.alias("model"),
        pl.lit(currency).alias("currency"),
    )


def _bounds(panel: Panel, walked: Walk, origin: Origin, morning: int, path: Floats) -> dict[str, Floats]:
    """low80, high80, low95, high95 (n × days): the quantiles of each series' own past errors by day."""
    scale = day_scale(panel.values[:, max(0, morning - BOUND_AGE) : morning])[-1]
    errors = _past_errors(panel, walked, morning, path.shape[1])
    known = (origin.age >= BOUND_AGE) & np.isfinite(scale)
    never_negative = np.nanmin(np.nan_to_num(panel.values[:, :morning]), axis=1, initial=0) >= 0
    found: dict[str, Floats] = {}
    for share in (80, 95):
        low, high = conformal_quantiles(errors, share / 100)
        down, up = (np.where(known, quantile * scale, np.nan)[:, None] for quantile in (low, high))
        found[f"low{share}"] = _floored(np.minimum(path + down, path), never_negative)
        found[f"high{share}"] = np.maximum(path + up, path)
    return found


def _floored(lower: Floats, never_negative: Bools) -> Floats:
    """A series that never had a credit is not expected to get one."""
    return np.where(never_negative[:, None], np.maximum(lower, 0.0), lower)


def _past_errors(panel: Panel, walked: Walk, morning: int, horizon: int) -> Floats:
    """n × errors, sorted, NaN last: by day, what weekly origins were off by over the same horizon, in units
    of the standard deviation of a day then; only days before `morning`."""
    scale = day_scale(panel.values[:, :morning])
    errors: list[Floats] = []
    for origin in _weekly(panel, morning):
        days = min(horizon, morning - origin)
        start = panel.start + timedelta(days=origin)
        off = panel.values[:, origin : origin + days] - project(walked.origins[origin], start, days)
        errors.append(off / scale[origin][:, None])
    return np.sort(np.hstack(errors), axis=1) if errors else np.empty((panel.keys.height, 0))
