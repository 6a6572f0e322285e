"""What each GPU does while its machine runs, in the months with telemetry."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Literal

import numpy as np

from finops.simulator.running import Interval
from finops.simulator.specs import Spec
from finops.simulator.timeline import DAY, HOUR, Timeline, instant, stream

State = Literal["busy", "idle", "idle_memory_held", "never_used"]
MINUTE = timedelta(minutes=1)
_LEAST_BUSY = timedelta(minutes=45)


@dataclass(frozen=True)
class Spell:
    """[start, end) in whole minutes in one state; `level` is the mean activity (0 to 1), 0 unless busy."""

    start: datetime
    end: datetime
    state: State
    level: float


GpuActivity = tuple[Spell, ...]


def activity(spec: Spec, seed: int, line: Timeline, intervals: tuple[Interval, ...]) -> tuple[GpuActivity, ...]:
    """For each GPU its spells, without gap or overlap, over `intervals` within the telemetry months.

    Two idle spells never touch: at least 45 busy minutes lie between them, so an idle spell is one episode.
    Idle spells last either under 50 minutes or over 75, so that the threshold of an hour is never in doubt.
    """
    shared: list[Spell] = []
    for interval in intervals:
        for start, end in _pieces(interval, line):
            rng = stream(seed, "activity", spec.name, start.date(), start.hour)
            lows = [] if spec.work == "unused" else _idle(spec, rng, start, end, end == interval.end)
            shared.extend(_fill(spec, rng, start, end, lows))
    merged = _merge(shared)
    cold = _cold(merged, line) if spec.cold_gpu else merged
    return tuple(cold if k == spec.gpu_count - 1 else merged for k in range(spec.gpu_count))


def _pieces(interval: Interval, line: Timeline) -> list[tuple[datetime, datetime]]:
    """The interval's part in each telemetry month: each is drawn by itself."""
    spans = ((instant(m.start), instant(m.data_end)) for m in line.telemetry_months)
    clipped = ((max(interval.start, start), min(interval.end, end)) for start, end in spans)
    return [(start, end) for start, end in clipped if start < end]


Low = tuple[datetime, datetime, State]


def _idle(spec: Spec, rng: np.random.Generator, start: datetime, end: datetime, stops: bool) -> list[Low]:
    """The idle stretches wanted in [start, end), in order; `stops`: the machine is switched off at `end`."""
    if spec.work == "inference":
        return _nights(rng, start, end)
    if spec.work == "notebook":
        return _evenings(rng, start, end)
    return _between_jobs(rng, start, end, stops)


def _between_jobs(rng: np.random.Generator, start: datetime, end: datetime, stops: bool) -> list[Low]:
    """Jobs of hours to days; between them a short pause, memory held by a dead job, or nothing for hours."""
    lows: list[Low] = []
    cursor = start + MINUTE * int(rng.integers(400, 2400))
    while cursor < end:
        kind = rng.random()
        if kind < 0.55:
            length, state = int(rng.integers(12, 48)), "idle"
        elif kind < 0.8:
            length, state = int(rng.integers(80, 480)), "idle_memory_held"
        else:
            length, state = int(rng.integers(120, 1200)), "idle"
        lows.append((cursor, cursor + MINUTE * length, "idle" if state == "idle" else "idle_memory_held"))
        cursor += MINUTE * (length + int(rng.integers(400, 2400)))
    if stops and end - start > 30 * HOUR:  # the job is done, nobody stops the machine
        tail = end - MINUTE * int(rng.integers(90, 600))
        lows = [low for low in lows if low[1] + _LEAST_BUSY < tail]
        lows.append((tail, end, "idle"))
    return lows


def _nights(rng: np.random.Generator, start: datetime, end: datetime) -> list[Low]:
    """On two nights of five nobody asks, and the model stays loaded."""
    lows: list[Low] = []
    day = start.replace(hour=0)
    while day < end:
        jitter, quiet = int(rng.integers(0, 90)), rng.random() < 0.4
        if quiet:
            lows.append((day + HOUR + MINUTE * jitter, day + 5 * HOUR + MINUTE * jitter, "idle_memory_held"))
        day += DAY
    return lows


def _evenings(rng: np.random.Generator, start: datetime, end: datetime) -> list[Low]:
    """Used in office hours on working days, with a lunch break; the rest of the day it waits."""
    lows: list[Low] = []
    day = start.replace(hour=0)
    from_, held = start, True
    while day < end:
        works = day.weekday() < 5 and rng.random() < 0.85
        begin, lunch, leave = (int(n) for n in rng.integers((470, 690, 990), (560, 750, 1170)))
        if works:
            lows.append((from_, day + MINUTE * begin, "idle_memory_held" if held else "idle"))
            lows.append((day + MINUTE * lunch, day + MINUTE * (lunch + 40), "idle_memory_held"))
            from_, held = day + MINUTE * leave, bool(rng.random() < 0.7)
        day += DAY
    lows.append((from_, end, "idle_memory_held" if held else "idle"))
    return lows


def _fill(spec: Spec, rng: np.random.Generator, start: datetime, end: datetime, lows: list[Low]) -> list[Spell]:
    """Busy spells around the idle ones; idle ones that are too close, too short or unclear fall out."""
    if spec.work == "unused":
        return [Spell(start, end, "never_used", 0.0)]
    spells: list[Spell] = []
    cursor = start
    for low_start, low_end, state in lows:
        first, last = max(low_start, start + MINUTE * 60), min(low_end, end)
        minutes = (last - first) / MINUTE
        unclear = minutes < 10 or 50 <= minutes <= 75
        ends_busy = last == end or last + _LEAST_BUSY <= end
        if first < cursor + _LEAST_BUSY or unclear or not ends_busy:
            continue
        spells.append(Spell(cursor, first, "busy", _level(spec, rng)))
        spells.append(Spell(first, last, state, 0.0))
        cursor = last
    if cursor < end:
        spells.append(Spell(cursor, end, "busy", _level(spec, rng)))
    return spells


def _level(spec: Spec, rng: np.random.Generator) -> float:
    """Mean activity of a busy spell; one in ten inference and notebook spells is under-used (8 to 20 %)."""
    low, high = {"training": (0.75, 0.97), "inference": (0.35, 0.7), "notebook": (0.3, 0.6)}.get(spec.work, (0.5, 0.9))
    if spec.work != "training" and rng.random() < 0.1:
        low, high = 0.09, 0.18
    return round(float(rng.uniform(low, high)), 4)


def _merge(spells: list[Spell]) -> GpuActivity:
    """Neighbours in one idle state become one spell."""
    merged: list[Spell] = []
    for spell in spells:
        last = merged[-1] if merged else None
        if last and last.end == spell.start and last.state == spell.state != "busy":
            merged[-1] = Spell(last.start, spell.end, spell.state, 0.0)
        else:
            merged.append(spell)
    return tuple(merged)


def _cold(spells: GpuActivity, line: Timeline) -> GpuActivity:
    """One GPU that the jobs forget for five days across the edge of the last two months."""
    start = instant(line.months[-1].start) - timedelta(days=3, hours=5)
    end = start + timedelta(days=5, hours=2)
    inside = [s for s in spells if s.end > start and s.start < end]
    if not inside or inside[0].start > start or inside[-1].end < end:
        return spells
    before = [s for s in spells if s.end <= inside[0].start]
    after = [s for s in spells if s.start >= inside[-1].end]
    first, last = inside[0].start, inside[-1].end
    middle = [
        Spell(first, max(start, first + 2 * HOUR), "busy", 0.9),
        Spell(max(start, first + 2 * HOUR), min(end, last - 2 * HOUR), "idle", 0.0),
        Spell(min(end, last - 2 * HOUR), last, "busy", 0.9),
    ]
    return _merge([*before, *middle, *after])
