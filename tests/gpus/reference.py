"""The rule of `finops.gpus.states` once more: one GPU, one sample after the other, in plain Python."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from itertools import pairwise
from statistics import median

from finops.gpus.states import IdleRules


@dataclass(frozen=True)
class Sample:
    """One reading: seconds since 1970, activity and power as measured, memory in MiB."""

    t: int
    activity: float | None
    memory: float | None = None
    power: float | None = None


@dataclass(frozen=True)
class Spell:
    """[start, end) of an episode."""

    start: int
    end: int
    state: str


def judge(samples: list[Sample], rules: IdleRules) -> tuple[Counter[tuple[int, str]], list[Spell]]:
    """Seconds by (hour's number, state), and the episodes, of the only GPU of its instance."""
    known = sorted((s for s in samples if s.activity is not None), key=lambda s: s.t)
    gaps = [after.t - before.t for before, after in pairwise(known)]
    step = min(max(int(median(gaps)), 1), 3600) if gaps else 60
    used = False
    pieces: list[tuple[list[Sample], bool, int]] = []
    stretches = _stretches(known, max(rules.gap_steps * step, int(rules.gap.total_seconds())))
    for number, stretch in enumerate(stretches):
        used |= _used(stretch, rules)
        following = stretches[number + 1][0].t if number + 1 < len(stretches) else None
        pieces += _pieces(stretch, rules, following)
    seconds: Counter[tuple[int, str]] = Counter()
    spells: list[Spell] = []
    for samples_of, quiet, ahead in pieces:
        start, end = samples_of[0].t, min(samples_of[-1].t + step, ahead)
        counted = end - max(start, known[0].t + int(rules.grace.total_seconds()))
        if quiet and counted >= rules.episode.total_seconds():
            spells.append(Spell(start, end, _idle(samples_of, used, rules)))
            _count(seconds, start, end, spells[-1].state)
            continue
        ends = [s.t for s in samples_of[1:]] + [end]
        for sample, until in zip(samples_of, ends, strict=True):
            assert sample.activity is not None
            _count(seconds, sample.t, until, "busy" if sample.activity >= rules.busy else "under_used")
    return seconds, spells


def _low(sample: Sample, rules: IdleRules) -> bool:
    assert sample.activity is not None
    vetoed = rules.power_veto_w is not None and sample.power is not None and sample.power > rules.power_veto_w
    return sample.activity < rules.low and not vetoed


def _stretches(known: list[Sample], limit: int) -> list[list[Sample]]:
    stretches: list[list[Sample]] = []
    for sample in known:
        if stretches and sample.t - stretches[-1][-1].t <= limit:
            stretches[-1].append(sample)
        else:
            stretches.append([sample])
    return stretches


def _used(stretch: list[Sample], rules: IdleRules) -> bool:
    for i, sample in enumerate(stretch):
        assert sample.activity is not None
        if sample.activity >= rules.high:
            return True
        if i and not _low(sample, rules) and not _low(stretch[i - 1], rules):
            return True
    return False


def _pieces(stretch: list[Sample], rules: IdleRules, following: int | None) -> list[tuple[list[Sample], bool, int]]:
    """The stretch cut where quiet begins and ends: samples, whether quiet, when the next sample comes."""
    kinds: list[bool] = []
    for i, sample in enumerate(stretch):
        assert sample.activity is not None
        inside = 0 < i < len(stretch) - 1 and _low(stretch[i - 1], rules) and _low(stretch[i + 1], rules)
        kinds.append(_low(sample, rules) or (sample.activity < rules.high and inside))
    pieces: list[tuple[list[Sample], bool, int]] = []
    begin = 0
    for i in range(1, len(stretch) + 1):
        if i == len(stretch) or kinds[i] != kinds[begin]:
            ahead = stretch[i].t if i < len(stretch) else (following if following is not None else 10**12)
            pieces.append((stretch[begin:i], kinds[begin], ahead))
            begin = i
    return pieces


def _idle(samples: list[Sample], used: bool, rules: IdleRules) -> str:
    known = [s.memory for s in samples if s.memory is not None]
    if sum(memory > rules.memory_held_mib for memory in known) * 2 > len(known):
        return "idle_memory_held"
    return "idle" if used else "never_used"


def _count(seconds: Counter[tuple[int, str]], start: int, end: int, state: str) -> None:
    while start < end:
        until = min(end, (start // 3600 + 1) * 3600)
        seconds[(start // 3600, state)] += until - start
        start = until
