"""The benchmark's bill is what it says that it is: else the benchmark would measure something else."""

from __future__ import annotations

from decimal import Decimal
from pathlib import Path

import pyarrow.parquet as pq

from benchmarks import bill

from .independent import charges, exported, parquet_lines

UNUSED = {"RIFee, unused": "RIUnused", "SavingsPlanRecurringFee, unused": "SavingsPlanUnused"}
ROWS = 30_000  # two copies of the month and a part of a third


def test_the_bill_comes_to_what_it_expects(tmp_path: Path) -> None:
    said = bill.write(tmp_path, ROWS)
    files = exported(tmp_path, bill.EXPORT)
    assert sum(pq.read_metadata(path).num_rows for path in files) == ROWS
    found, _ = charges(parquet_lines(files))
    assert {(key[0], key[1], key[5]) for key in found} == {(bill.PERIOD, "111122223333", "USD")}
    assert {key[2:5]: (each.rows, each.billed, each.effective) for key, each in found.items()} == {
        (group["account"], group["product"], UNUSED.get(group["line_type"], group["line_type"])): (
            group["charges"],
            Decimal(group["billed"]),
            Decimal(group["effective"]),
        )
        for group in said["groups"]
    }
    assert set(UNUSED.values()) <= {key[4] for key in found}


def test_the_same_bill_has_the_same_bytes(tmp_path: Path) -> None:
    for name in ("a", "b"):
        bill.write(tmp_path / name, ROWS)
    first, second = (sorted((tmp_path / name).rglob("*.*")) for name in ("a", "b"))
    assert [path.name for path in first] == [path.name for path in second]
    assert all(a.read_bytes() == b.read_bytes() for a, b in zip(first, second, strict=True) if a.is_file())


def test_copies_of_the_month_share_no_resource(tmp_path: Path) -> None:
    bill.write(tmp_path, ROWS)
    (path,) = exported(tmp_path, bill.EXPORT)
    ids = pq.read_table(path, columns=["line_item_resource_id"]).column(0).to_pylist()
    month = bill.Tile().count
    first, second = set(ids[:month]), set(ids[month : 2 * month])
    assert len(first) == len(second) > 100
    assert first & second <= {"", None}
