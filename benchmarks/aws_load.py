"""How fast a bill of AWS is loaded, against the floor that the engine itself sets, and against a peer.

    python -m benchmarks.aws_load OUT --rows 5000000 --runs 3

Three steps, each in a process of its own, in turn. The floor: DuckDB's copy of the columns that we read, from the
same files into a table on disk. The load: ours, of the landed files into focus.charges, checks and ledger
included; PyPI focus-converter over a slice that it can manage. OUT is made by `benchmarks/bill.py` where it is
empty. What is loaded is compared with the bill's exact totals: a fast load of wrong numbers is no result.
"""

from __future__ import annotations

from collections.abc import Collection
from pathlib import Path

from benchmarks import bill, peer
from benchmarks.measuring import Benchmark


def _copied(out: Path) -> tuple[list[str], Collection[str]]:
    from finops.sources.aws_cur import NORMALISER

    files = sorted(str(path) for path in (out / bill.EXPORT / "data").rglob("*.parquet"))
    return files, {*NORMALISER.columns, "resource_tags", "cost_category"}


AWS = Benchmark(
    module="benchmarks.aws_load",
    source=bill.EXPORT,
    provider="aws",
    rows=5_000_000,
    write=bill.write,
    copied=_copied,
    write_slice=peer.write_slice,
)

if __name__ == "__main__":
    AWS.main()
