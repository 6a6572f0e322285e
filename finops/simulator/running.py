"""When each machine runs, in whole hours."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

from finops.simulator.specs import Spec
from finops.simulator.timeline import HOUR, Timeline, instant, shift_month, stream


@dataclass(frozen=True)
class Interval:
    """[start, end) in whole UTC hours, clipped to the simulated time; `launched` is the true beginning."""

    start: datetime
    end: datetime
    launched: datetime


def running(spec: Spec, seed: int, line: Timeline) -> tuple[Interval, ...]:
    """The machine's intervals over the timeline, in order, apart from one another."""
    born = line.start
    if spec.since is not None:
        born = max(born, line.months_ago(spec.since) + timedelta(days=spec.since_day - 1))
    if spec.schedule == "always":
        spans = [(instant(born), line.end)]
    elif spec.schedule == "office_hours":
        spans = _office_hours(line)
    elif spec.schedule == "blocks":
        spans = _blocks(line)
    else:
        spans = _runs(spec, seed, line)
    clipped = (Interval(max(s, instant(born)), min(e, line.end), s) for s, e in spans)
    return tuple(i for i in clipped if i.start < i.end)


def _office_hours(line: Timeline) -> list[tuple[datetime, datetime]]:
    """Started at 07:00 and stopped at 19:00 from Monday to Friday."""
    workdays = (instant(day) for month in line.months for day in month.days if day.weekday() < 5)
    return [(day + 7 * HOUR, day + 19 * HOUR) for day in workdays]


def _blocks(line: Timeline) -> list[tuple[datetime, datetime]]:
    """A capacity block of seven days from the 8th of every third month, the last but one month among them."""
    last = line.months[-1].start
    starts = [m.start for m in line.months if (last.month - m.start.month - 1) % 3 == 0]
    return [(instant(s) + timedelta(days=7, hours=11), instant(s) + timedelta(days=14, hours=11)) for s in starts]


def _runs(spec: Spec, seed: int, line: Timeline) -> list[tuple[datetime, datetime]]:
    """Two or three runs of days a month, drawn month by month.

    A run may last into the next month's first four days, in which none begins: months don't depend on
    each other, so a longer simulation has the same runs.
    """
    spans: list[tuple[datetime, datetime]] = []
    for first in [shift_month(line.start, -1), *(m.start for m in line.months)]:
        rng = stream(seed, "runs", spec.name, first)
        cursor = instant(first) + HOUR * int(rng.integers(100, 150))
        latest = instant(shift_month(first, 1)) + 90 * HOUR
        for _ in range(int(rng.integers(2, 4))):
            end = min(cursor + HOUR * int(rng.integers(40, 220)), latest)
            if end - cursor >= 24 * HOUR:
                spans.append((cursor, end))
            cursor = end + HOUR * int(rng.integers(24, 120))
    return spans
