"""How fast a bill of Google Cloud is loaded, against the floor that the engine itself sets, and against a peer.

    python -m benchmarks.gcp_load OUT --rows 2000000 --runs 3

The twin of `benchmarks/aws_load.py`: the same steps, over the nested rows of a detailed export in ingestion-day
partitions (`benchmarks/gcp_bill.py`). The floor copies the nested columns of which we read a field, whole.
"""

from __future__ import annotations

from collections.abc import Collection
from pathlib import Path

import polars as pl

from benchmarks import gcp_bill
from benchmarks.measuring import Benchmark


def _files(out: Path) -> list[Path]:
    return sorted((out / gcp_bill.EXPORT).rglob("*.parquet"))


def _copied(out: Path) -> tuple[list[str], Collection[str]]:
    from finops.sources.gcp_rows import READ

    return [str(path) for path in _files(out)], READ


def _write_slice(out: Path, path: Path, rows: int) -> int:
    """The first `rows` rows of the export as one file, as they are."""
    path.parent.mkdir(parents=True, exist_ok=True)
    pl.scan_parquet(_files(out), hive_partitioning=False).head(rows).sink_parquet(path, compression="snappy")
    return int(pl.scan_parquet(path).select(pl.len()).collect().item())


GCP = Benchmark(
    module="benchmarks.gcp_load",
    source=gcp_bill.SOURCE,
    provider="gcp",
    rows=2_000_000,
    write=gcp_bill.write,
    copied=_copied,
    write_slice=_write_slice,
)

if __name__ == "__main__":
    GCP.main()
