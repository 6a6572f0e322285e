"""The level × weekday profile with recurring fees: one pass over the days, every day an origin.

A series' day is expected to cost `level × shape[weekday] + fee[day of month]`. Level and shape are
exponentially weighted means of past days, after each day's surprise has been clipped to what the series
usually does (robust exponential smoothing: Gelper, Fried, Croux, J. Forecasting 29, 2010). A surprise that
comes back on the same day of the month becomes a fee: it is taken out of level and shape and put back into
the forecast of that day.

The pass keeps, at each day, what a forecast made that morning would have said of the rest of the month:
no state ever saw a later day.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass, field
from datetime import date

import numpy as np

from finops.forecasts.panel import SLOTS, Bools, Calendar, Floats, Ints, calendar

WARM_UP = 14
"""Days of a series' life in which no surprise is clipped, as nothing is known of what is usual."""
OUTLYING = 5.0
"""A warm-up day of more than this many times the median day is cut down to that."""
SHORT_HISTORY = 28
"""Days below which a series has no weekday profile worth the name."""


@dataclass(frozen=True)
class Smoothing:
    """How fast the profile learns (weights per day seen) and what it takes for an outlier.

    clip: width of a usual surprise, in mean absolute surprises; patience: surprises in a row, on the same
    side, after which the level is believed to have moved; prior_weeks: weeks of an even week that a
    weekday's share is mixed with.
    """

    level: float = 0.10
    weekday: float = 0.10
    spread: float = 0.10
    clip: float = 3.0
    patience: int = 5
    prior_weeks: float = 2.0
    fee: float = 6.0


@dataclass(frozen=True)
class Origin:
    """What is known on the morning of a day: level (n), shape (n × 7), fee (n × 31), days of history (n)."""

    level: Floats
    shape: Floats
    fee: Floats
    age: Ints


@dataclass(frozen=True)
class Walk:
    """remaining: (days + 1) × n, at each morning the forecast of the rest of its month, that day included;
    origins: the states at the mornings asked for, by day index."""

    remaining: Floats
    origins: dict[int, Origin]


@dataclass
class _State:
    """What has been learnt of n series so far."""

    spend: Floats
    weight: Floats
    weekday: Floats
    weeks: Floats
    spread: Floats
    streak: Floats
    surprises: Floats
    fee: Floats
    age: Ints
    even: Floats = field(init=False)

    def __post_init__(self) -> None:
        self.even = np.ones((len(self.age), 7))


def walk(values: Floats, start: date, origins: Collection[int], how: Smoothing | None = None) -> Walk:
    """Walk over all days of a panel's matrix (n × days, see Panel) and keep the forecasts on the way.

    `origins` names the mornings whose states are wanted: 0 ≤ index ≤ days; `days` is the morning after
    the last day.
    """
    how = how or Smoothing()
    n, days = values.shape
    state = _new_state(n)
    dates = calendar(start, days + 32)
    remaining = np.zeros((days + 1, n))
    kept: dict[int, Origin] = {}
    for t in range(days + 1):
        shape = _shape(state, how)
        level = _ratio(state.spend, state.weight)
        remaining[t] = _rest_of_month(level, shape, state.fee, dates, t)
        if t in origins:
            kept[t] = Origin(level, shape, state.fee.copy(), state.age.copy())
        if t < days:
            _learn(state, values[:, t], level, shape, int(dates.weekday[t]), int(dates.slot[t]), how)
            _settle(
                state,
                values[:, max(0, t + 1 - WARM_UP) : t + 1],
                dates.weekday[max(0, t + 1 - WARM_UP) : t + 1],
            )
    return Walk(remaining, kept)


def project(origin: Origin, start: date, days: int) -> Floats:
    """The forecast of `days` days from `start`: n × days."""
    dates = calendar(start, days)
    return origin.level[:, None] * origin.shape[:, dates.weekday] + origin.fee[:, dates.slot]


def _new_state(n: int) -> _State:
    return _State(
        spend=np.zeros(n),
        weight=np.zeros(n),
        weekday=np.zeros((n, 7)),
        weeks=np.zeros((n, 7)),
        spread=np.zeros(n),
        streak=np.zeros(n),
        surprises=np.full((n, SLOTS, 3), np.nan),
        fee=np.zeros((n, SLOTS)),
        age=np.zeros(n, dtype=np.int64),
    )


def _learn(state: _State, spend: Floats, level: Floats, shape: Floats, weekday: int, slot: int, how: Smoothing) -> None:
    """Take one more day (n) into the state; series not yet born (NaN) stay as they are."""
    alive = ~np.isnan(spend)
    base = level * shape[:, weekday]
    surprise = np.where(alive, spend - base - state.fee[:, slot], 0.0)
    usual = np.where(state.age >= WARM_UP, how.clip * state.spread, np.inf)
    side = np.sign(surprise) * (np.abs(surprise) > usual)
    state.streak = np.where(side == 0, 0.0, np.where(side * state.streak > 0, state.streak + side, side))
    moved = np.abs(state.streak) >= how.patience
    believed = np.where(moved, surprise, np.clip(surprise, -usual, usual))
    clean = np.where(state.age == 0, np.nan_to_num(spend), base + believed)
    rate = np.where(alive, np.maximum(how.level, 1 / (state.age + 1)), 0.0)
    state.spend += rate * (clean - state.spend)
    state.weight += rate * (shape[:, weekday] - state.weight)
    week_rate = np.where(alive, np.maximum(how.weekday, 1 / (state.weeks[:, weekday] + 1)), 0.0)
    state.weekday[:, weekday] += week_rate * (clean - state.weekday[:, weekday])
    state.weeks[:, weekday] += alive
    spread_rate = np.where(alive & (state.age > 0), np.maximum(how.spread, 1 / np.maximum(state.age, 1)), 0.0)
    state.spread += spread_rate * (np.minimum(np.abs(surprise), 2 * usual) - state.spread)
    _learn_fee(state, np.where(alive & (state.age >= 7), spend - base, np.nan), alive, slot, how)
    state.age += alive


def _settle(state: _State, window: Floats, weekday: Ints) -> None:
    """Start again from the warm-up (series × 14 days) with its outlying days cut down, for the series that
    complete it: many bills begin on the first of a month, with that month's fees."""
    rows = np.flatnonzero(state.age == WARM_UP)
    if not rows.size or window.shape[1] < WARM_UP:
        return
    days = window[rows]
    middle = np.median(days, axis=1, keepdims=True)
    cut = rows[(middle > 0).ravel() & (days > OUTLYING * middle).any(axis=1)]
    if cut.size:
        kept = np.minimum(window[cut], OUTLYING * np.median(window[cut], axis=1, keepdims=True))
        for day in range(7):
            state.weekday[cut, day] = kept[:, weekday == day].mean(axis=1)
        state.spend[cut], state.weight[cut] = kept.mean(axis=1), 1.0
        state.spread[cut] = np.abs(kept - state.weekday[cut][:, weekday]).mean(axis=1)


def _learn_fee(state: _State, excess: Floats, alive: Bools, slot: int, how: Smoothing) -> None:
    """A fee is the middle one of the day's last three excesses over the profile (the smaller one of two),
    if it is far outside of what the series usually does."""
    seen = state.surprises[alive, slot]
    state.surprises[alive, slot] = np.column_stack([seen[:, 1:], excess[alive]])
    last = state.surprises[:, slot]
    count = np.sum(~np.isnan(last), axis=1)
    by_size = np.sort(last, axis=1)  # NaN last: of three the middle one, of two the smaller one
    typical = np.where(count == 3, by_size[:, 1], np.where(count == 2, by_size[:, 0], 0.0))
    state.fee[:, slot] = np.where(typical > how.fee * state.spread, typical, 0.0)


def _shape(state: _State, how: Smoothing) -> Floats:
    """Each weekday's share of an average day (mean about 1), drawn to an even week while weeks are few."""
    seen = state.weeks > 0
    mean = _ratio(state.weekday.sum(axis=1), seen.sum(axis=1).astype(np.float64))
    lowest = state.weekday.min(axis=1)
    # Shares of a week with credits, or of nothing, mean nothing: such a week is taken as even.
    usable = (lowest >= 0) & (mean > 0)
    share = np.where(seen & usable[:, None], state.weekday / np.where(usable, mean, 1.0)[:, None], state.even)
    return (state.weeks * share + how.prior_weeks) / (state.weeks + how.prior_weeks)


def _rest_of_month(level: Floats, shape: Floats, fee: Floats, dates: Calendar, t: int) -> Floats:
    days = slice(t, t + int(dates.left[t]))
    per_weekday = np.bincount(dates.weekday[days], minlength=7)
    per_slot = np.bincount(dates.slot[days], minlength=SLOTS)
    return level * (shape @ per_weekday) + fee @ per_slot


def _ratio(above: Floats, below: Floats) -> Floats:
    return np.where(below > 0, above / np.where(below > 0, below, 1.0), 0.0)
