"""GPU states and idle episodes: known cases, the rule in plain Python, and what must not change them."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from random import Random

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from finops.gpus.states import SEGMENTS, IdleRules, episodes, segments

from .reference import Sample, judge

START = datetime(2026, 9, 1, 8, tzinfo=UTC)
T0 = int(START.timestamp())
SHORT = IdleRules(episode=timedelta(minutes=12), grace=timedelta(minutes=2))


def frame(samples: Sequence[Sample], gpu: str = "GPU-1", instance: str = "i-1") -> pl.LazyFrame:
    """The samples of one GPU, with GPU_UTIL as the signal."""
    return pl.LazyFrame(
        {
            "timestamp": [datetime.fromtimestamp(s.t, UTC) for s in samples],
            "gpu_id": [gpu] * len(samples),
            "instance_id": [instance] * len(samples),
            "gpu_util": [s.activity for s in samples],
            "memory_used_mib": [s.memory for s in samples],
            "power_w": [s.power for s in samples],
        },
        schema={
            "timestamp": pl.Datetime("us", "UTC"),
            "gpu_id": pl.String,
            "instance_id": pl.String,
            "gpu_util": pl.Float64,
            "memory_used_mib": pl.Float64,
            "power_w": pl.Float64,
        },
    )


def minutes(*spells: tuple[int, float | None], memory: float | None = None) -> list[Sample]:
    """One sample a minute: so many minutes of each activity, None for minutes without a sample."""
    found: list[Sample] = []
    at = T0
    for count, activity in spells:
        if activity is not None:
            found += [Sample(at + 60 * i, activity, memory) for i in range(count)]
        at += 60 * count
    return found


def seconds_by_state(found: pl.DataFrame) -> dict[str, int]:
    return dict(found.group_by("state").agg(pl.col("seconds").sum()).iter_rows())


def test_the_shape_is_the_declared_one() -> None:
    assert dict(segments(frame(minutes((90, 0.5)))).schema) == SEGMENTS
    assert dict(segments(frame([])).schema) == SEGMENTS
    assert episodes(segments(frame([]))).is_empty()


def test_an_hour_of_quiet_between_work_is_one_episode() -> None:
    found = segments(frame(minutes((30, 0.9), (75, 0.01), (45, 0.15))))
    assert seconds_by_state(found) == {"busy": 1800, "idle": 4500, "under_used": 2700}
    (episode,) = episodes(found).iter_rows(named=True)
    assert episode["started_at"] == START + timedelta(minutes=30)
    assert episode["ended_at"] == START + timedelta(minutes=105)
    assert episode["signal"] == "gpu_util"
    by_hour = found.filter(pl.col("state") == "idle").select("hour", "seconds").rows()
    assert by_hour == [(START, 1800), (START + timedelta(hours=1), 2700)]


@pytest.mark.parametrize(
    ("spells", "lengths"),
    [
        (((30, 0.9), (59, 0.0), (30, 0.9)), []),  # a minute short
        (((30, 0.9), (60, 0.0), (30, 0.9)), [60]),
        (((30, 0.9), (40, 0.0), (1, 0.19), (40, 0.0), (30, 0.9)), [81]),  # one spike is noise
        (((30, 0.9), (40, 0.0), (1, 0.20), (40, 0.0), (30, 0.9)), []),  # a high one is work
        (((30, 0.9), (40, 0.0), (2, 0.05), (40, 0.0), (30, 0.9)), []),  # so are two in a row
        (((30, 0.9), (70, 0.0), (1, 0.1), (30, 0.9)), [70]),  # the edge is not part of it
        (((30, 0.9), (40, 0.0), (3, None), (40, 0.0), (30, 0.9)), [83]),  # missing samples are bridged
        (((30, 0.9), (40, 0.0), (6, None), (40, 0.0), (30, 0.9)), []),  # a gap is not
        (((30, 0.9), (65, 0.049), (1, None), (30, 0.9)), [65]),  # unknown is not idle
    ],
)
def test_where_a_run_begins_and_ends(spells: tuple[tuple[int, float | None], ...], lengths: list[int]) -> None:
    found = episodes(segments(frame(minutes(*spells))))
    assert found.select(pl.col("ended_at") - pl.col("started_at")).to_series().to_list() == [
        timedelta(minutes=each) for each in lengths
    ]


def test_memory_held_and_never_used_are_states_of_their_own() -> None:
    held = segments(frame(minutes((90, 0.9), (90, 0.0), memory=1025.0)))
    assert seconds_by_state(held) == {"busy": 5400, "idle_memory_held": 5400}
    unused = segments(frame(minutes((40, 0.0), (1, 0.1), (200, 0.0), memory=4.0)))
    assert seconds_by_state(unused) == {"never_used": 241 * 60}


def test_the_first_ten_minutes_do_not_count_towards_an_episode() -> None:
    assert episodes(segments(frame(minutes((65, 0.0), (30, 0.9))))).is_empty()
    (episode,) = episodes(segments(frame(minutes((70, 0.0), (30, 0.9))))).iter_rows(named=True)
    assert episode["started_at"] == START
    # a GPU that reports later than its neighbour belongs to the same allocation
    late = [Sample(s.t + 3600, s.activity) for s in minutes((65, 0.0), (30, 0.9))]
    both = pl.concat([frame(minutes((200, 0.9))), frame(late, gpu="GPU-2")])
    assert episodes(segments(both))["gpu_id"].to_list() == ["GPU-2"]


def test_power_vetoes_idleness() -> None:
    drawing = [Sample(s.t, s.activity, None, 151.0) for s in minutes((90, 0.0))]
    assert seconds_by_state(segments(frame(drawing))) == {"under_used": 5400}
    assert seconds_by_state(segments(frame(drawing), rules=IdleRules(power_veto_w=None))) == {"never_used": 5400}


def test_activity_is_the_greatest_signal_and_the_deciding_one_is_kept() -> None:
    samples = frame(minutes((90, 0.02))).with_columns(
        sm_active=pl.lit(0.6), gr_engine_active=pl.lit(float("nan")), dram_active=pl.lit(None, pl.Float64)
    )
    found = segments(samples)
    assert seconds_by_state(found) == {"busy": 5400}
    assert found["signal"].unique().to_list() == ["sm_active"]


def test_samples_without_any_signal_are_in_no_segment() -> None:
    samples = frame(minutes((90, 0.0))).with_columns(gpu_util=pl.lit(None, pl.Float64))
    assert segments(samples).is_empty()


def test_copies_of_a_device_for_several_pods_count_once() -> None:
    once = frame(minutes((90, 0.9), (90, 0.0), memory=900.0))
    copied = pl.concat([once.with_columns(pod=pl.lit(pod)) for pod in ("a", "b", "c")])
    assert segments(copied).equals(segments(once))


def test_a_sliced_device_is_idle_only_if_all_slices_are() -> None:
    quiet = frame(minutes((180, 0.0), memory=600.0)).with_columns(mig_slice=pl.lit("1"))
    partly = frame(minutes((90, 0.9), (90, 0.0), memory=600.0)).with_columns(mig_slice=pl.lit("2"))
    # two slices hold 1,200 MiB together
    assert seconds_by_state(segments(pl.concat([quiet, partly]))) == {"busy": 5400, "idle_memory_held": 5400}
    unknown = partly.with_columns(gpu_util=pl.lit(None, pl.Float64))
    assert segments(pl.concat([quiet, unknown])).is_empty()


LEVELS = st.sampled_from([0.0, 0.0, 0.04, 0.05, 0.1, 0.2, 0.24, 0.25, 0.9, None])
SPELL = st.tuples(
    st.integers(1, 18),  # samples
    LEVELS,
    st.sampled_from([30, 60, 60, 60, 61, 240, 301, 900, 4000]),  # seconds to the first of them
    st.sampled_from([None, 10.0, 1024.0, 5000.0]),
    st.sampled_from([None, None, None, 60.0, 150.0, 400.0]),
)


@st.composite
def histories(draw: st.DrawFn) -> list[Sample]:
    at = T0 + draw(st.integers(0, 3599))
    step = draw(st.sampled_from([15, 60, 60, 300]))
    found: list[Sample] = []
    for count, activity, pause, memory, power in draw(st.lists(SPELL, min_size=1, max_size=14)):
        at += pause
        found += [Sample(at + step * i, activity, memory, power) for i in range(count)]
        at += step * (count - 1)
    return found


@settings(max_examples=80, deadline=None)
@given(histories(), histories())
def test_it_is_the_rule_in_plain_python(one: list[Sample], two: list[Sample]) -> None:
    # of different instances: an instance's first sample is the allocation of all its GPUs
    both = pl.concat([frame(two, "GPU-2", "i-2"), frame(one, "GPU-1", "i-1")])
    found = segments(both, rules=SHORT)
    for gpu, samples in (("GPU-1", one), ("GPU-2", two)):
        mine = found.filter(pl.col("gpu_id") == gpu)
        seconds, spells = judge(samples, SHORT)
        counted: Counter[tuple[int, str]] = Counter()
        for hour, state, length in mine.select("hour", "state", "seconds").iter_rows():
            counted[(int(hour.timestamp()) // 3600, state)] += length
        assert counted == seconds
        columns = episodes(mine).select("started_at", "ended_at", "state").rows()
        assert [(int(a.timestamp()), int(b.timestamp()), state) for a, b, state in columns] == [
            (spell.start, spell.end, spell.state) for spell in spells
        ]


@settings(max_examples=25, deadline=None)
@given(histories(), st.randoms(use_true_random=False))
def test_order_names_of_pods_and_other_gpus_change_nothing(samples: list[Sample], random: Random) -> None:
    plain = segments(frame(samples), rules=SHORT)
    shuffled = list(samples)
    random.shuffle(shuffled)
    pods = frame(shuffled).with_columns(pod=pl.int_range(pl.len()).cast(pl.String))
    other = frame(minutes((100, 0.9)), gpu="GPU-2", instance="i-2")
    assert segments(pl.concat([pods, other], how="diagonal"), rules=SHORT).filter(gpu_id="GPU-1").equals(plain)


@settings(max_examples=25, deadline=None)
@given(histories())
def test_a_gpu_is_in_one_state_at_a_time(samples: list[Sample]) -> None:
    found = segments(frame(samples), rules=SHORT)
    held = found.group_by("hour").agg(pl.col("seconds").sum())["seconds"]
    assert (held <= 3600).all()
    assert (found["seconds"] > 0).all()
    assert (found["started_at"] >= found["hour"]).all()
    assert (found["ended_at"] <= found["hour"] + timedelta(hours=1)).all()


@pytest.mark.parametrize("share", [0.01, 0.05, 0.2])
def test_dropping_samples_moves_idle_time_by_little(share: float) -> None:
    whole = minutes((600, 0.9), (400, 0.0), (300, 0.5), (90, 0.01), (600, 0.9), (500, 0.02), (200, 0.8))
    kept = frame(whole).filter(pl.int_range(pl.len()).shuffle(seed=11) >= share * len(whole))
    idle = seconds_by_state(segments(kept))["idle"]
    assert idle == pytest.approx(990 * 60, rel=0.02)


@pytest.mark.parametrize("step", [15, 30, 60])
def test_the_spacing_of_samples_changes_nothing(step: int) -> None:
    spells = ((3600, 0.9), (5400, 0.0), (3600, 0.1))
    samples: list[Sample] = []
    at = T0
    for length, activity in spells:
        samples += [Sample(at + i, activity) for i in range(0, length, step)]
        at += length
    assert seconds_by_state(segments(frame(samples))) == {"busy": 3600, "idle": 5400, "under_used": 3600}


def test_an_episode_keeps_its_name_while_it_grows() -> None:
    today = episodes(segments(frame(minutes((30, 0.9), (90, 0.0)))))["episode_id"].to_list()
    tomorrow = episodes(segments(frame(minutes((30, 0.9), (900, 0.0)))))["episode_id"].to_list()
    elsewhere = episodes(segments(frame(minutes((30, 0.9), (90, 0.0)), instance="i-2")))["episode_id"].to_list()
    assert today == tomorrow
    assert today != elsewhere
