"""How far off the rest of a month may be: split conformal prediction on the remaining month total.

Every morning of the past year whose month has since closed is an origin: its surprise is the rest of the
month as it came minus as it was forecast, in units of √(days left) × the standard deviation of a day over
the 56 days before. Origins are compared with those of the same part of the month. The quantiles of past
surprises are the bounds (Vovk, Gammerman, Shafer, Algorithmic Learning in a Random World, 2005); summing
daily bounds instead would be far too wide, and taking days as independent far too narrow.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from finops.forecasts.panel import Bools, Calendar, Floats, Ints

WINDOW = 56
"""Days over which the standard deviation of a day is taken."""
HISTORY = 365
"""Days of origins that bounds are learnt from."""
ENOUGH_MONTHS = 6
"""Closed months of origins below which there are no bounds."""
BUCKET_STARTS = (1, 2, 8, 15, 22)
"""First days of the parts of a month whose origins are compared with each other."""
ENOUGH_SCORES = 39
"""Scores that 95 % bounds take at the least."""
STILL = 0.02
"""A series that hardly moves is given this share of its daily mean as its standard deviation: otherwise a
committed fee would promise a forecast without error."""


@dataclass(frozen=True)
class Surprises:
    """What past origins of one part of the month were off by, sorted, in units of the scale; and the scale
    of today (money). Empty scores or a NaN scale: nothing is known."""

    scores: Floats
    scale: float

    @property
    def known(self) -> bool:
        return bool(self.scores.size > 0 and np.isfinite(self.scale))

    def bounds(self, share: float) -> tuple[float, float] | None:
        """(low, high) to add to the forecast, that hold `share` of the outcomes; None where too little
        is known to promise that share."""
        low, high = conformal_quantiles(self.scores[None, :], share)
        if not self.known or np.isnan(low[0]):
            return None
        return float(low[0]) * self.scale, float(high[0]) * self.scale

    def above(self, distance: float) -> float | None:
        """The probability that the outcome is more than `distance` (money) above the forecast."""
        if not self.known:
            return None
        if self.scale <= 0:
            return float(distance < 0)
        beyond = self.scores.size - np.searchsorted(self.scores, distance / self.scale, side="right")
        return float((beyond + 0.5) / (self.scores.size + 1))


def conformal_quantiles(scores: Floats, share: float) -> tuple[Floats, Floats]:
    """Per row (rows × scores, each row sorted, NaN last) the two order statistics between which a new score
    falls with probability `share`; NaN where a row has too few (39 for 95 %, 9 for 80 %)."""
    if scores.shape[1] == 0:
        nothing = np.full(scores.shape[0], np.nan)
        return nothing, nothing
    count = np.sum(~np.isnan(scores), axis=1)
    rank = np.floor((count + 1) * (1 - share) / 2 + 1e-9).astype(np.int64)
    rows: Ints = np.arange(scores.shape[0], dtype=np.int64)
    low = np.where(rank >= 1, scores[rows, np.maximum(rank - 1, 0)], np.nan)
    high = np.where(rank >= 1, scores[rows, np.minimum(count - rank, scores.shape[1] - 1)], np.nan)
    return low, high


def day_scale(values: Floats) -> Floats:
    """(days + 1) × n: each morning, the standard deviation of a day over the WINDOW days before it (n × days
    in, NaN before birth); NaN with fewer than 28 days, or with nothing but zeros."""
    known = ~np.isnan(values)
    filled = np.where(known, values, 0.0)
    count = _trailing(known.astype(np.float64))
    safe = np.maximum(count, 1.0)
    mean = _trailing(filled) / safe
    spread = np.sqrt(np.maximum(_trailing(filled**2) / safe - mean**2, 0.0))
    size = _trailing(np.abs(filled)) / safe
    scale = np.maximum(spread, STILL * size)
    return np.where((count >= WINDOW / 2) & (size > 0), scale, np.nan)


def rest_surprises(values: Floats, remaining: Floats, dates: Calendar, scale: Floats) -> Floats:
    """(days + 1) × n: each morning's surprise in units of √(days left) × scale; NaN while its month is open.

    values: n × days of spend; remaining: (days + 1) × n forecasts of the rest of the month, as of `walk`;
    dates: of at least days + 1 days from the matrix's first.
    """
    days = values.shape[1]
    total = np.zeros((days + 1, values.shape[0]))
    np.cumsum(np.nan_to_num(values).T, axis=0, out=total[1:])
    mornings: Ints = np.arange(days + 1, dtype=np.int64)
    end: Ints = mornings + dates.left[: days + 1]
    came = total[np.minimum(end, days)] - total
    unit = np.sqrt(dates.left[: days + 1].astype(np.float64))[:, None] * scale
    closed: Bools = (end <= days)[:, None] & (unit > 0)
    return np.where(closed, came - remaining, np.nan) / np.where(closed, unit, 1.0)


def surprises_at(scores: Floats, scale: Floats, dates: Calendar, t: int) -> list[Surprises]:
    """What was known on the morning of day t, for each of the n columns.

    The scores of all columns are pooled, which their scaling allows: one column's few months are too few to
    learn the tails from. Taken are origins of the same part of the month, whose month had closed by then;
    with fewer than ENOUGH_MONTHS of those nothing is known.
    """
    mornings: Ints = np.arange(max(0, t - HISTORY), t, dtype=np.int64)
    part = np.searchsorted(np.array(BUCKET_STARTS), dates.day, side="right")
    same = mornings[(part[mornings] == part[t]) & (mornings + dates.left[mornings] <= t)]
    past = scores[same]
    months = np.unique((same - dates.day[same])[~np.isnan(past).all(axis=1)])
    pool = np.sort(past[~np.isnan(past)]) if months.size >= ENOUGH_MONTHS else np.empty(0)
    root = float(np.sqrt(dates.left[t]))
    return [Surprises(pool, root * float(unit)) for unit in scale[t]]


def _trailing(values: Floats) -> Floats:
    """(days + 1) × n: each morning the sum of the WINDOW days before it."""
    total = np.zeros((values.shape[1] + 1, values.shape[0]))
    np.cumsum(values.T, axis=0, out=total[1:])
    start = np.maximum(np.arange(len(total)) - WINDOW, 0)
    return total - total[start]
