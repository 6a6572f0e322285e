"""The kinds of telemetry, and what reads each."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Final

import polars as pl

from finops.errors import ConfigError
from finops.telemetry import gpu_samples

Reader = Callable[[Path, str], pl.LazyFrame]
"""(where the samples lie, the telemetry's name) → GPU samples as gpu_samples.SHAPE."""

READERS: Final[dict[str, Reader]] = {"gpu-samples": gpu_samples.read}
PLANNED: Final = ("prometheus", "victoriametrics", "cloudwatch", "cloud-monitoring", "nvidia-smi")


def reader(kind: str, name: str) -> Reader:
    """The reader of a kind of telemetry; raises ConfigError for one that this version cannot read."""
    found = READERS.get(kind)
    if found is not None:
        return found
    known = f"telemetry of kind {kind!r} is not supported by this version yet"
    raise ConfigError(
        known if kind in PLANNED else f"unknown kind of telemetry {kind!r}",
        where=f"telemetry {name!r}, key kind",
        remedy=f"write its samples as Parquet files and give them as kind {', '.join(READERS)}, or take the entry out",
    )
