"""What the GPUs really did and what that cost: truth/idle.csv and truth/gpu_hours.csv."""

from __future__ import annotations

import csv
from collections import defaultdict
from collections.abc import Iterable
from datetime import datetime, timedelta
from decimal import ROUND_HALF_EVEN, Context, Decimal
from fractions import Fraction
from pathlib import Path

from finops.simulator.activity import Spell
from finops.simulator.arrow import Table
from finops.simulator.fleet import Fleet, Instance
from finops.simulator.timeline import HOUR, Timeline

MINUTES = 60  # an idle spell of at least this counts
_EXACT = Context(prec=60, rounding=ROUND_HALF_EVEN)
_PLACES = Decimal(1).scaleb(-18)
Costs = dict[tuple[str, datetime], Decimal]

IDLE = ("instance_id", "gpu_id", "started_at", "ended_at", "state", "gpu_hours", "cost", "avoidable")
GPU_HOURS = ("instance_id", "billing_period", "gpu_hours", "effective_cost")


def write_truth(out: Path, fleet: Fleet, line: Timeline, instance_hours: Table) -> None:
    """Writes the idle spells and the billed GPU-hours of the telemetry months under `out/truth`.

    An idle spell is one of at least 60 minutes on a machine with telemetry. Its cost is the sum over its
    hours of (EffectiveCost of the instance-hour ÷ its GPUs × the part of the hour), rounded once at the end.
    gpu_hours has every billed machine; its months are calendar months (UTC) of the hour.
    Raises KeyError when a machine ran in an hour that was not billed.
    """
    hours = _rows(instance_hours)
    costs: Costs = {(identity, hour): cost for identity, hour, _, cost in hours}
    spells = (
        _idle(machine, gpu_id, spell, costs)
        for machine in fleet.instances
        if machine.spec.telemetry
        for gpu_id, activity in zip(machine.gpu_ids, machine.activity, strict=True)
        for spell in activity
        if _counts(spell, line)
    )
    _write(out / "truth" / "idle.csv", IDLE, spells)
    _write(out / "truth" / "gpu_hours.csv", GPU_HOURS, _billed(hours))


def cost_of(start: datetime, end: datetime, instance: str, gpus: int, costs: Costs) -> Decimal:
    """The cost of one of an instance's `gpus` GPUs over [start, end), exact and then rounded to 18 places."""
    total = Fraction(0)
    hour = start.replace(minute=0)
    while hour < end:
        minutes = (min(end, hour + HOUR) - max(start, hour)) // timedelta(minutes=1)
        total += Fraction(costs[instance, hour]) * minutes
        hour += HOUR
    total /= 60 * gpus
    return _EXACT.divide(Decimal(total.numerator), Decimal(total.denominator)).quantize(_PLACES, context=_EXACT)


def _counts(spell: Spell, line: Timeline) -> bool:
    long = spell.end - spell.start >= timedelta(minutes=MINUTES)
    return spell.state != "busy" and long and spell.end > line.telemetry_start


def _idle(machine: Instance, gpu_id: str, spell: Spell, costs: Costs) -> tuple[str, ...]:
    minutes = Decimal((spell.end - spell.start) // timedelta(minutes=1))
    return (
        machine.id,
        gpu_id,
        spell.start.isoformat(),
        spell.end.isoformat(),
        spell.state,
        _text(_EXACT.divide(minutes, Decimal(60)).quantize(_PLACES)),
        _text(cost_of(spell.start, spell.end, machine.id, machine.gpu_count, costs)),
        str(machine.avoidable).lower(),
    )


def _billed(hours: list[tuple[str, datetime, int, Decimal]]) -> list[tuple[str, ...]]:
    """GPU-hours and cost of each machine and calendar month."""
    gpus: defaultdict[tuple[str, str], int] = defaultdict(int)
    costs: defaultdict[tuple[str, str], Decimal] = defaultdict(Decimal)
    for identity, hour, count, cost in hours:
        key = (identity, f"{hour:%Y-%m}")
        gpus[key] += count
        costs[key] = _EXACT.add(costs[key], cost)
    return [(*key, str(gpus[key]), _text(costs[key])) for key in sorted(gpus)]


def _rows(instance_hours: Table) -> list[tuple[str, datetime, int, Decimal]]:
    """Instance, hour, GPUs and cost of each instance-hour."""
    columns = instance_hours.to_pydict()
    names = ("instance_id", "hour", "gpu_count", "effective_cost")
    return list(zip(*(columns[name] for name in names), strict=True))


def _text(value: Decimal) -> str:
    return f"{value:f}"


def _write(path: Path, header: tuple[str, ...], rows: Iterable[tuple[str, ...]]) -> None:
    with path.open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(header)
        writer.writerows(rows)
