"""The simulated time: which months there are, and random streams that do not disturb each other."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta

import numpy as np

HOUR = timedelta(hours=1)
DAY = timedelta(days=1)


@dataclass(frozen=True)
class Month:
    """A billing month; ends are exclusive. Data exist up to `data_end`, which is before `end` if `open`."""

    start: date
    end: date
    data_end: date

    @property
    def period(self) -> str:
        """The month as `YYYY-MM`."""
        return f"{self.start:%Y-%m}"

    @property
    def open(self) -> bool:
        """Whether the month is still running, so its bill is not yet closed."""
        return self.data_end < self.end

    @property
    def days(self) -> tuple[date, ...]:
        """The days that have data."""
        return tuple(self.start + timedelta(days=n) for n in range((self.data_end - self.start).days))


@dataclass(frozen=True)
class Timeline:
    """The simulated months in order; `until` (exclusive) is the first day without data."""

    months: tuple[Month, ...]
    until: date

    @property
    def start(self) -> date:
        """The first day."""
        return self.months[0].start

    @property
    def telemetry_months(self) -> tuple[Month, ...]:
        """The last two months: those with GPU samples (one, when only one month is simulated)."""
        return self.months[-2:]

    @property
    def telemetry_start(self) -> datetime:
        """The first instant with GPU samples."""
        return instant(self.telemetry_months[0].start)

    @property
    def end(self) -> datetime:
        """The instant at which all data end (exclusive)."""
        return instant(self.until)

    def months_ago(self, count: int) -> date:
        """First day of the month `count` months before the last one, whether or not it is simulated."""
        return shift_month(self.months[-1].start, -count)


def timeline(months: int, until: date) -> Timeline:
    """`months` months of which the last holds the day before `until`. Raises ValueError below 1."""
    if months < 1:
        raise ValueError("at least one month must be simulated")
    last = (until - DAY).replace(day=1)
    starts = [shift_month(last, n - months + 1) for n in range(months)]
    built = [Month(s, shift_month(s, 1), min(shift_month(s, 1), until)) for s in starts]
    return Timeline(tuple(built), until)


def shift_month(first: date, count: int) -> date:
    """The first of the month `count` months after that of `first`."""
    index = first.year * 12 + first.month - 1 + count
    return date(index // 12, index % 12 + 1, 1)


def instant(day: date) -> datetime:
    """Midnight UTC at which `day` begins."""
    return datetime.combine(day, time(), UTC)


def stream(seed: int, *names: object) -> np.random.Generator:
    """A random stream of its own for (seed, names): asking for more months leaves the others as they are."""
    return np.random.Generator(np.random.PCG64(int.from_bytes(_digest(seed, names)[:16], "big")))


def token(seed: int, *names: object, length: int = 17) -> str:
    """`length` (up to 64) hexadecimal digits that depend on (seed, names) alone."""
    return _digest(seed, names).hex()[:length]


def _digest(seed: int, names: tuple[object, ...]) -> bytes:
    return hashlib.sha256("|".join([str(seed), *map(str, names)]).encode()).digest()
