"""GPU samples a minute apart: what an agent on each machine would have reported."""

from __future__ import annotations

from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import polars as pl

from finops.simulator.activity import Spell
from finops.simulator.fleet import Fleet, Instance
from finops.simulator.telemetry_truth import write_truth
from finops.simulator.timeline import Timeline, stream, token

__all__ = ["outages", "write", "write_truth"]

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]

IDLE_POWER = {"A100-SXM4-40GB": 56.0, "H100-SXM5-80GB": 71.0, "A10G": 23.0, "T4": 11.0}  # W
FULL_POWER = {"A100-SXM4-40GB": 400.0, "H100-SXM5-80GB": 700.0, "A10G": 300.0, "T4": 70.0}
_DRIVER_MIB = 430.0  # what a context without a model holds
_LOST_SHARE = 0.002  # single samples that never arrive
_STATES = ("busy", "idle", "idle_memory_held", "never_used")
_BUSY, _IDLE, _HELD, _NEVER = range(4)


def write(out: Path, fleet: Fleet, line: Timeline, seed: int) -> tuple[int, int]:
    """Writes `out/gpu/samples-YYYY-MM-DD.parquet`, a file a day; the number of samples and of files.

    Columns are those of gpu-samples. GPU_UTIL is everywhere; SM_ACTIVE and power on AWS, GR_ENGINE_ACTIVE in
    place of SM_ACTIVE on H100. Agents fail for hours while a GPU works, single samples are lost anywhere, and
    an idle GPU shows lone samples of 5 to 20 % now and then: none of this ends or begins an idle spell.
    """
    folder = out / "gpu"
    folder.mkdir(parents=True, exist_ok=True)
    frames = [_samples(i, k, line, seed) for i in fleet.instances if i.spec.telemetry for k in range(i.gpu_count)]
    samples = pl.concat([f for f in frames if f.height]).sort("timestamp", "gpu_id", maintain_order=True)
    days = samples.group_by(pl.col("timestamp").dt.date().alias("day"), maintain_order=True).len()
    offset = 0
    for day, count in days.iter_rows():
        part = samples.slice(offset, count)
        part.write_parquet(folder / f"samples-{day.isoformat()}.parquet", compression="snappy")
        offset += count
    return samples.height, days.height


def _samples(machine: Instance, gpu: int, line: Timeline, seed: int) -> pl.DataFrame:
    """One GPU's samples in order of time, with what was lost left out."""
    spells = [s for s in machine.activity[gpu] if s.end > line.telemetry_start]
    lengths = np.array([_minutes(s.start, s.end) for s in spells], dtype=np.int64)
    owner = np.repeat(np.arange(len(spells)), lengths)
    begins = np.array([_naive(s.start) for s in spells], dtype="datetime64[us]")
    within = np.arange(len(owner)) - np.repeat(np.cumsum(lengths) - lengths, lengths)
    times = begins[owner] + within.astype("timedelta64[m]")
    rng = stream(seed, "telemetry", machine.id, gpu)
    state = np.array([_STATES.index(s.state) for s in spells], dtype=np.int64)
    level = np.array([s.level for s in spells], dtype=np.float64)[owner]
    left = lengths[owner] - within
    signals = _signals(machine, state[owner], level, _spiked(state[owner], within, left, rng), rng)
    texts = _texts(machine, gpu, spells, owner, seed)
    kept = rng.random(len(owner)) >= _LOST_SHARE
    for start, end in outages(machine, seed):
        kept &= (times < _naive(start)) | (times >= _naive(end))
    frame = pl.DataFrame({"timestamp": times, **texts, **signals})
    stamp = pl.col("timestamp").cast(pl.Datetime("us")).dt.replace_time_zone("UTC")
    return frame.with_columns(stamp).filter(pl.Series(kept))


def _spiked(state: Ints, within: Ints, left: Ints, rng: np.random.Generator) -> npt.NDArray[np.bool_]:
    """Lone samples of an idle GPU that look active: never side by side, never at an edge."""
    quiet = ((state == _IDLE) | (state == _HELD)) & (within > 5) & (left > 5)
    return quiet & (rng.random(len(state)) < 0.003) & (within % 7 == 3)


def _signals(
    machine: Instance, state: Ints, level: Floats, spiked: npt.NDArray[np.bool_], rng: np.random.Generator
) -> dict[str, Any]:
    """Utilisation (0 to 1), memory (MiB) and power (W); a signal that the machine lacks is null."""
    spec, count = machine.spec, len(state)
    busy = state == _BUSY
    spread = np.where(level < 0.2, 0.015, 0.05)
    engine = np.clip(level + rng.normal(0.0, 1.0, count) * spread, 0.06, 1.0)
    quiet = np.where(state == _NEVER, 0.0, np.round(rng.random(count) ** 6 * 0.02, 2))
    active = np.where(busy, engine, np.where(spiked, rng.uniform(0.06, 0.19, count), quiet))
    coarse = np.where(busy & (level >= 0.2), np.clip(active * 1.25, 0.0, 1.0), active)
    share = np.select([busy, state == _HELD], [0.55 + 0.3 * level, 0.5], 0.0)
    memory = np.select([state == _NEVER, state == _IDLE], [3.0, _DRIVER_MIB], share * spec.gpu_memory_mib)
    base, full = IDLE_POWER[spec.gpu_model], FULL_POWER[spec.gpu_model]
    power = base + (full - base) * 0.9 * active + np.where(state == _HELD, 0.05 * base, 0.0)
    on_aws, hopper = spec.service != "compute", spec.gpu_model.startswith("H100")
    nothing = pl.Series([None] * count, dtype=pl.Float64)
    return {
        "gpu_util": np.round(coarse, 2),
        "sm_active": np.round(active, 3) if on_aws and not hopper else nothing,
        "gr_engine_active": np.round(active, 3) if hopper else nothing,
        "memory_used_mib": np.round(memory),
        "power_w": np.round(power + rng.normal(0.0, 1.0, count)) if on_aws else nothing,
    }


def _texts(machine: Instance, gpu: int, spells: list[Spell], owner: Ints, seed: int) -> dict[str, pl.Series]:
    """Names: the machine's; a pod on clusters; a job in training, which a dead job's memory keeps."""
    spec = machine.spec
    holds = [s.state in ("busy", "idle_memory_held") for s in spells]
    works = [s.state == "busy" for s in spells]
    runs = np.cumsum(works)  # a dead job keeps the number of the job before it
    jobs = [f"job-{token(seed, 'job', machine.id, n, length=8)}" for n in runs]
    cluster, training = spec.kubernetes, spec.work == "training"
    pods = [f"{spec.model}-{job[4:]}" for job in jobs]
    where = pl.Series(owner)
    return {
        "gpu_id": _spread([machine.gpu_ids[gpu]] * len(spells), where),
        "instance_id": _spread([machine.id] * len(spells), where),
        "gpu_model": _spread([spec.gpu_model] * len(spells), where),
        "node": _spread([machine.name] * len(spells), where),
        "namespace": _spread([spec.team if cluster and h else None for h in holds], where),
        "pod": _spread([p if cluster and h else None for p, h in zip(pods, holds, strict=True)], where),
        "job_id": _spread([j if training and h else None for j, h in zip(jobs, holds, strict=True)], where),
    }


def _spread(values: list[str | None], where: pl.Series) -> pl.Series:
    """One value for each spell, spread over its samples."""
    return pl.Series(values=values, dtype=pl.String).gather(where)


def outages(machine: Instance, seed: int) -> list[tuple[datetime, datetime]]:
    """When the machine's agent was down: up to twice, for 100 to 300 minutes, while all of its GPUs work."""
    rng = stream(seed, "outage", machine.id)
    long = [s for s in machine.activity[0] if s.state == "busy" and _minutes(s.start, s.end) > 400]
    idle = [s for spells in machine.activity for s in spells if s.state != "busy"]
    found: list[tuple[datetime, datetime]] = []
    for _ in range(2):
        pick, place, length = rng.random(), rng.random(), int(rng.integers(100, 301))
        if long:
            spell = long[int(pick * len(long))]
            room = _minutes(spell.start, spell.end) - length - 40
            start = spell.start + timedelta(minutes=20 + int(place * room))
            end = start + timedelta(minutes=length)
            if all(s.end <= start or s.start >= end for s in idle):
                found.append((start, end))
    return found


def _minutes(start: datetime, end: datetime) -> int:
    return int((end - start).total_seconds()) // 60


def _naive(moment: datetime) -> np.datetime64:
    return np.datetime64(moment.replace(tzinfo=None), "us")
