"""GPU samples as readings: one row per GPU and second, with its activity and the signal that shows it."""

from __future__ import annotations

from typing import Final

import polars as pl

SIGNALS: Final = ("sm_active", "gr_engine_active", "tensor_active", "dram_active", "gpu_util")
"""Signals of activity, 0 to 1, the most telling first."""

KEYS: Final = ("instance_id", "gpu_id")
# by GPU and time: one number sorts three times as fast as two columns
_IN_ORDER: Final = pl.col("gpu") * 2**36 + pl.col("t")


def read(samples: pl.LazyFrame, *, low: float) -> tuple[pl.DataFrame, pl.DataFrame]:
    """One row per GPU and second, in order, with its activity; and the GPUs by number."""
    has = samples.collect_schema().names()
    numbers = (*SIGNALS, "memory_used_mib", "power_w")
    frame = samples.select(
        *(pl.col(key).cast(pl.Categorical) for key in KEYS),
        pl.col("timestamp").dt.epoch("s").alias("t"),
        *(_number(name) if name in has else pl.lit(None, pl.Float64).alias(name) for name in numbers),
        *([pl.col("mig_slice").cast(pl.String)] if "mig_slice" in has else []),
    ).collect()
    gpus = frame.select(KEYS).unique()
    gpus = gpus.sort(pl.col(KEYS).cast(pl.String)).select(*KEYS, gpu=pl.int_range(pl.len(), dtype=pl.Int64))
    frame = frame.join(gpus, on=KEYS).drop(KEYS)
    frame = frame.with_columns(activity=pl.max_horizontal(SIGNALS))
    frame = frame.with_columns(evidence=_evidence()).drop(SIGNALS).sort(_IN_ORDER)
    repeated = (pl.col("gpu") == pl.col("gpu").shift(1)) & (pl.col("t") == pl.col("t").shift(1))
    if frame.select(repeated.any()).item():
        frame = _one_device(frame, low)
    return frame.filter(pl.col("activity").is_not_null()), gpus


def _number(name: str) -> pl.Expr:
    return pl.col(name).cast(pl.Float64).fill_nan(None)


def _one_device(frame: pl.DataFrame, low: float) -> pl.DataFrame:
    """Samples that repeat a device's second, per pod or per MIG slice, as one.

    Pods that share a device each carry its values. Slices are parts of it: their memory adds up, and the
    device is low only if every slice is known to be.
    """
    numbers = ("activity", "evidence", "power_w")
    if "mig_slice" not in frame.columns:
        frame = frame.with_columns(mig_slice=pl.lit(None, pl.String))
    slices = frame.group_by("gpu", "t", "mig_slice").agg(pl.col(*numbers, "memory_used_mib").max())
    unsure = (pl.col("activity").null_count() > 0) & (pl.col("activity").max() < low)
    memory = pl.when(pl.col("memory_used_mib").count() > 0).then(pl.col("memory_used_mib").sum())
    merged = slices.group_by("gpu", "t").agg(pl.col(numbers).max(), memory_used_mib=memory, unsure=unsure)
    known = pl.when(~pl.col("unsure").fill_null(value=False)).then("activity")
    return merged.with_columns(activity=known).sort(_IN_ORDER)


def _evidence() -> pl.Expr:
    """A sample's activity and the signal that shows it in one number, so that a group's greatest has both.

    The activity in steps of 1e-9; the last digit is the signal, of equal ones the most telling the greatest.
    """
    rank = pl.coalesce(
        pl.when(pl.col(name) == pl.col("activity")).then(pl.lit(9 - place, pl.Int64))
        for place, name in enumerate(SIGNALS)
    )
    return (pl.col("activity") * 1e9).round().cast(pl.Int64) * 10 + rank


def deciding() -> pl.Expr:
    """The name of the signal in a group's greatest evidence."""
    names = {9 - place: name for place, name in enumerate(SIGNALS)}
    return (pl.col("evidence") % 10).replace_strict(names, return_dtype=pl.String)
