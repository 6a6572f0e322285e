"""What each GPU did: samples become segments of a state, long quiet runs become idle episodes.

The rule, per GPU (instance_id, gpu_id), never a mean over a window:
- Activity is the greatest of the signals at hand; a sample without any is no evidence, as if missing.
- Low is under `low`. A quiet run is low samples with at most single samples of up to `high` between them:
  two samples in a row from `low` on, or one from `high` on, end it. So does a gap over `gap`.
- A quiet run of at least `episode` is an idle episode. Outside episodes a GPU is busy or under-used.
- A sample holds until the next one of the same run, and for one step where none follows. What no sample
  covers is in no segment: it is unobserved, never idle.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from datetime import timedelta
from typing import Final

import polars as pl

from finops.gpus.readings import KEYS, deciding, read

_TIME: Final = pl.Datetime("us", "UTC")
_HOUR: Final = 3600

SEGMENTS: Final[dict[str, pl.DataType]] = {
    "gpu_id": pl.String(),
    "instance_id": pl.String(),
    "hour": _TIME,
    "state": pl.String(),
    "episode_id": pl.String(),
    "signal": pl.String(),
    "started_at": _TIME,
    "ended_at": _TIME,
    "seconds": pl.Int32(),
}
"""The shape of the table gpu.segments."""


@dataclass(frozen=True)
class IdleRules:
    """The thresholds. Activity is 0 to 1; times are exact to the second.

    A sample that draws more than `power_veto_w` is not low, whatever its signals say: 150 W is twice what an
    A100 draws at rest; None where no such line can be drawn. The first `grace` after
    an instance's first sample does not count towards an episode's length.
    """

    low: float = 0.05
    high: float = 0.20
    busy: float = 0.25
    episode: timedelta = timedelta(minutes=60)
    grace: timedelta = timedelta(minutes=10)
    gap_steps: int = 5
    gap: timedelta = timedelta(minutes=5)
    default_step: timedelta = timedelta(minutes=1)
    longest_step: timedelta = timedelta(hours=1)
    memory_held_mib: float = 1024.0
    power_veto_w: float | None = 150.0


def segments(samples: pl.LazyFrame, *, rules: IdleRules | None = None) -> pl.DataFrame:
    """What each GPU did in each hour: one row per GPU, hour, state and episode, as SEGMENTS.

    `samples` has timestamp (UTC), gpu_id, instance_id and any of SIGNALS, memory_used_mib, power_w and
    mig_slice. `state` is busy, under_used, idle, idle_memory_held or never_used; `episode_id` is null
    outside episodes; `signal` is the one that decided: the greatest of the segment, or of the whole
    episode. `started_at` and `ended_at` (exclusive) are the segment's first and last moment in the hour,
    `seconds` how much of the time between was so. Rows are by instance, GPU, hour and start.
    """
    rules = rules or IdleRules()
    readings, gpus = read(samples, low=rules.low)
    points = _runs(readings, rules)
    found = _episodes(points, gpus, rules)
    pieces = _by_hour(_with_state(points, found, rules))
    return (
        pieces.join(gpus, on="gpu")
        .join(found.select("run", "episode_id", episode_signal="signal"), on="run", how="left")
        .with_columns(
            _moment("hour"),
            _moment("started_at"),
            _moment("ended_at"),
            pl.col("seconds").cast(pl.Int32),
            signal=pl.coalesce("episode_signal", "signal"),
        )
        .sort("gpu", "hour", "started_at", "state")
        .select(SEGMENTS.keys())
        .cast(pl.Schema(SEGMENTS))
    )


def episodes(segments: pl.DataFrame) -> pl.DataFrame:
    """The idle episodes in `segments`: a row each, with start, end (exclusive), state, signal, seconds."""
    return (
        segments.filter(pl.col("episode_id").is_not_null())
        .group_by("episode_id")
        .agg(
            pl.col("gpu_id", "instance_id", "state", "signal").first(),
            pl.col("started_at").min(),
            pl.col("ended_at").max(),
            pl.col("seconds").sum().cast(pl.Int64),
        )
        .sort("instance_id", "gpu_id", "started_at")
    )


def _runs(readings: pl.DataFrame, rules: IdleRules) -> pl.DataFrame:
    """Each sample with `until`, whether it is `quiet` or `active`, and its run's number."""
    t, gpu, quiet = pl.col("t"), pl.col("gpu"), pl.col("quiet")
    other = (gpu != gpu.shift(1)).fill_null(value=True)
    low = pl.col("activity") < rules.low
    if rules.power_veto_w is not None:
        low &= ~(pl.col("power_w") > rules.power_veto_w).fill_null(value=False)
    least, most = 1, int(rules.longest_step.total_seconds())
    step = pl.col("gap").median().over("gpu").cast(pl.Int64).clip(least, most)
    limit = pl.max_horizontal(pl.col("step") * rules.gap_steps, pl.lit(int(rules.gap.total_seconds())))
    last = pl.col("first").shift(-1, fill_value=True)
    low_before = pl.col("low").shift(1, fill_value=False)
    low_after = pl.col("low").shift(-1, fill_value=False)
    between = ~pl.col("first") & ~last
    # a single sample from `low` to `high` with low ones on either side does not end a run
    spike = ~pl.col("low") & ~pl.col("high") & between & low_before & low_after
    pair = (~pl.col("first") & ~low_before) | (~last & ~low_after)
    ahead = pl.when(~other.shift(-1, fill_value=True)).then(t.shift(-1))
    continues = ~pl.col("new").shift(-1, fill_value=True)
    return (
        readings.with_columns(gap=pl.when(~other).then(t - t.shift(1)), low=low, high=pl.col("activity") >= rules.high)
        .with_columns(step=step.fill_null(int(rules.default_step.total_seconds())))
        .with_columns(first=(pl.col("gap") > limit).fill_null(value=True))
        .with_columns(quiet=pl.col("low") | spike, active=pl.col("high") | (~pl.col("low") & pair))
        .with_columns(new=pl.col("first") | (quiet != quiet.shift(1)))
        .with_columns(
            run=pl.col("new").cum_sum(),
            until=pl.when(continues).then(ahead).otherwise(pl.min_horizontal(t + pl.col("step"), ahead)),
        )
        .drop("gap", "step", "first", "low", "high", "new")
    )


def _episodes(points: pl.DataFrame, gpus: pl.DataFrame, rules: IdleRules) -> pl.DataFrame:
    """The quiet runs that are long enough: run, episode_id, state and signal."""
    begun = points.group_by("gpu").agg(pl.col("t").min().alias("begun"), used=pl.col("active").any())
    begun = begun.join(gpus, on="gpu").with_columns(pl.col("begun").min().over("instance_id"))
    held = (pl.col("memory_used_mib") > rules.memory_held_mib).mean().fill_null(0) > 0.5
    runs = (
        points.filter("quiet")
        .group_by("run")
        .agg(pl.col("gpu").first(), pl.col("t").min(), pl.col("until", "evidence").max(), held=held)
        .join(begun, on="gpu")
    )
    counted_from = pl.max_horizontal("t", pl.col("begun") + int(rules.grace.total_seconds()))
    long = pl.col("until") - counted_from >= int(rules.episode.total_seconds())
    state = (
        pl.when("held")
        .then(pl.lit("idle_memory_held"))
        .when("used")
        .then(pl.lit("idle"))
        .otherwise(pl.lit("never_used"))
    )
    found = runs.filter(long).sort("run").with_columns(state=state, signal=deciding())
    names = [_episode_id(*row) for row in found.select(*KEYS, "t").iter_rows()]
    return found.select("run", "state", "signal", pl.Series("episode_id", names, dtype=pl.String))


def _episode_id(instance_id: str, gpu_id: str, start: int) -> str:
    """The same for the same GPU and start, whenever and wherever it is computed."""
    return hashlib.sha256(f"{instance_id}\0{gpu_id}\0{start}".encode()).hexdigest()[:16]


def _with_state(points: pl.DataFrame, found: pl.DataFrame, rules: IdleRules) -> pl.DataFrame:
    """Each sample's state; `run` only where it is part of an episode."""
    of_activity = pl.when(pl.col("activity") >= rules.busy).then(pl.lit("busy")).otherwise(pl.lit("under_used"))
    return points.join(found.select("run", "state"), on="run", how="left", maintain_order="left").with_columns(
        run=pl.when(pl.col("state").is_not_null()).then("run"), state=pl.coalesce("state", of_activity)
    )


def _by_hour(points: pl.DataFrame) -> pl.DataFrame:
    """Samples summed per GPU, hour, state and episode; those that cross an hour's end are cut there."""
    spans = points.select("gpu", "run", "state", "evidence", "until", "t", hour=pl.col("t") // _HOUR)
    ends = (pl.col("hour") + 1) * _HOUR
    beyond = (
        spans.filter(pl.col("until") > ends)
        .with_columns(hour=pl.int_ranges(pl.col("hour") + 1, -(-pl.col("until") // _HOUR)))
        .explode("hour")
        .with_columns(t=pl.max_horizontal("t", pl.col("hour") * _HOUR))
    )
    return (
        pl.concat([spans, beyond])
        .with_columns(until=pl.min_horizontal("until", ends))
        .group_by("gpu", "hour", "state", "run")
        .agg(
            pl.col("evidence").max(),
            pl.col("t").min().alias("started_at"),
            pl.col("until").max().alias("ended_at"),
            (pl.col("until") - pl.col("t")).sum().alias("seconds"),
        )
        .with_columns(hour=pl.col("hour") * _HOUR, signal=deciding())
        .drop("evidence")
    )


def _moment(name: str) -> pl.Expr:
    """Seconds since 1970 as a UTC time."""
    return (pl.col(name) * 1_000_000).cast(_TIME).alias(name)
