"""The fleet's laws: running time is covered once, idle spells are clear, months are independent."""

from __future__ import annotations

from datetime import date, timedelta
from itertools import pairwise

import pytest

from finops.simulator.activity import Spell
from finops.simulator.fleet import Fleet, build
from finops.simulator.timeline import timeline

UNTIL = date(2026, 10, 21)
LINE = timeline(3, UNTIL)


@pytest.fixture(scope="module")
def fleet() -> Fleet:
    return build(7, LINE)


def spells(fleet: Fleet) -> list[tuple[Spell, ...]]:
    return [gpu for instance in fleet.instances for gpu in instance.activity]


def test_spells_cover_exactly_the_running_time(fleet: Fleet) -> None:
    for instance in fleet.instances:
        hours = len(instance.hours(LINE.telemetry_start, LINE.end))
        for gpu in instance.activity:
            assert sum((s.end - s.start for s in gpu), timedelta()) == timedelta(hours=hours)
            assert all(a.end <= b.start for a, b in pairwise(gpu))


def test_idle_spells_never_touch_and_are_never_near_the_threshold(fleet: Fleet) -> None:
    for gpu in spells(fleet):
        for a, b in pairwise(gpu):
            assert a.state == "busy" or b.state == "busy" or a.end < b.start
        idle = [s for s in gpu if s.state != "busy"]
        assert not [s for s in idle if timedelta(minutes=50) <= s.end - s.start <= timedelta(minutes=75)]


def test_every_state_occurs_and_one_gpu_is_cold_alone(fleet: Fleet) -> None:
    assert {s.state for gpu in spells(fleet) for s in gpu} == {
        "busy",
        "idle",
        "idle_memory_held",
        "never_used",
    }
    node = next(i for i in fleet.instances if i.name == "nlp-train-01")
    assert len(set(node.activity)) == 2
    assert all(gpu == node.activity[0] for gpu in node.activity[:-1])


def test_ids_are_unique(fleet: Fleet) -> None:
    gpus = [gpu for instance in fleet.instances for gpu in instance.gpu_ids]
    assert len(set(gpus)) == len(gpus)
    assert len({i.id for i in fleet.instances}) == len(fleet.instances)


def test_a_longer_simulation_has_the_same_fleet_in_the_same_months(fleet: Fleet) -> None:
    longer = {i.id: i for i in build(7, timeline(12, UNTIL)).instances}
    for instance in fleet.instances:
        twin = longer[instance.id]
        assert twin.activity == instance.activity
        assert twin.hours(LINE.telemetry_start, LINE.end) == instance.hours(LINE.telemetry_start, LINE.end)


def test_about_fifty_gpus_run_at_the_end(fleet: Fleet) -> None:
    start, end = LINE.telemetry_start, LINE.end
    specs = {i.name: i.gpu_count for i in fleet.instances if i.hours(start, end)}
    assert 45 <= sum(specs.values()) <= 60
