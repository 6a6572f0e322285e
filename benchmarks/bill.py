"""A bill of any length to measure the load with: a CUR 2.0 export of one billing period, and its exact totals.

    python benchmarks/bill.py OUT --rows 5000000

A month of the simulated company is laid down again and again, like tiles: each tile has its own resources,
tags, commitments, prices and days. Costs are integers of 1e-12 USD until they are written, so the totals in
OUT/expected.json are exact and owe nothing to the files. It loads as
`{name: bench, kind: aws-cur2, uri: OUT, export: bench}`. The same arguments give the same bytes.
"""

from __future__ import annotations

import argparse
import json
import sys
import tempfile
from collections import defaultdict
from collections.abc import Iterator
from datetime import date
from decimal import Decimal
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from finops.simulator import aws_export, aws_schema, fleet
from finops.simulator.company import nimbus
from finops.simulator.timeline import timeline

EXPORT, PERIOD = "bench", "2026-09"
_NEXT_MONTH = date(2026, 10, 1)
_FILE_ROWS, _GROUP_ROWS = 500_000, 250_000
_PER_USD = 10**12
_DAY = 86_400_000  # milliseconds
_RESOURCE_DAYS = 6  # a machine lives that long: one a tile and machine would give too few of them
_USES = ("Usage", "DiscountedUsage", "SavingsPlanCoveredUsage", "SavingsPlanNegation")
_SPLIT = ("EKSPod-EC2", "ECSTask-EC2")
_MONEY = ("_cost", "_fee_for_", "_recurring_fee", "_commitment", "upfront_value", "_discount")
_COVERED = {
    "DiscountedUsage": "reservation_effective_cost",
    "SavingsPlanCoveredUsage": "savings_plan_savings_plan_effective_cost",
}
_FEES = ("SavingsPlanRecurringFee", "SavingsPlanUpfrontFee", "RIFee", "Fee", "Refund")
_UNUSED = {
    "SavingsPlanRecurringFee": {"savings_plan_total_commitment_to_date": 1, "savings_plan_used_commitment": -1},
    "RIFee": {
        "reservation_unused_amortized_upfront_fee_for_billing_period": 1,
        "reservation_unused_recurring_fee": 1,
    },
}
_ARNS = ("reservation_reservation_a_r_n", "savings_plan_savings_plan_a_r_n")

Units = npt.NDArray[np.int64]
Table = Any


class Tile:
    """The company's month, and what is worked out once for all of its copies."""

    def __init__(self) -> None:
        self.rows = _month()
        self.count: int = self.rows.num_rows
        self.types: list[str] = self.rows["line_item_line_item_type"].to_pylist()
        self.money = {
            name: np.rint(pc.fill_null(self.rows[name], 0.0).to_numpy() * (_PER_USD // 100)).astype(np.int64)
            for name, kind in zip(self.rows.schema.names, self.rows.schema.types, strict=True)
            if pa.types.is_floating(kind) and any(part in name for part in _MONEY)
        }
        # the shortest text of a double is its decimal only up to 15 digits
        assert all(np.all((abs(units) < 10**13) | (units % 10**6 == 0)) for units in self.money.values())
        self.start, self.end = (_milliseconds(self.rows[f"line_item_usage_{edge}_date"]) for edge in ("start", "end"))
        self.first = int(self.start.min())
        self.short = self.end - self.start <= _DAY
        uses = self.short & np.isin(self.types, _USES)
        self.piece = np.where(uses, (self.start - self.first) // (_RESOURCE_DAYS * _DAY), 0)
        self.plain = np.flatnonzero(
            (np.array(self.types) == "Usage") & ~np.isin(self.rows["line_item_operation"].to_pylist(), _SPLIT)
        )

    def copy(self, number: int) -> Table:
        """The month with the resources, tags, commitments, prices and days of the `number`th copy."""
        made = self.rows
        replaced: dict[str, Any] = {
            "line_item_resource_id": _renamed(made["line_item_resource_id"], number, self.piece),
            "identity_line_item_id": _renamed(made["identity_line_item_id"], number),
            **{name: _renamed(made[name], number) for name in _ARNS},
            **{name: _tagged(made[name], number) for name in ("resource_tags", "tags")},
            **self._times(number),
            "line_item_usage_amount": pc.round(pc.multiply(made["line_item_usage_amount"], percent(number) / 100), 10),
        }
        for name, units in self.money.items():
            priced = pa.array(units * percent(number) / float(_PER_USD))
            replaced[name] = pc.if_else(pc.is_valid(made[name].combine_chunks()), priced, None)
        columns = [replaced[f.name].cast(f.type) if f.name in replaced else made[f.name] for f in made.schema]
        return pa.table(columns, schema=made.schema)

    def _times(self, number: int) -> dict[str, Any]:
        """What lasts a day at most, moved by whole days within the month."""
        days = (int(self.end.max()) - self.first) // _DAY
        moved = (self.start - self.first + number * 7 % days * _DAY) % (days * _DAY) + self.first
        start = np.where(self.short, moved, self.start)
        end = start + self.end - self.start
        pairs, of = np.unique(np.column_stack([start, end]), axis=0, return_inverse=True)
        stamps = np.datetime_as_string(pairs.astype("datetime64[ms]"), unit="s")
        intervals = pa.array([f"{a}Z/{b}Z" for a, b in stamps.tolist()])
        return {
            "line_item_usage_start_date": pa.array(start).cast(pa.timestamp("ms", tz="UTC")),
            "line_item_usage_end_date": pa.array(end).cast(pa.timestamp("ms", tz="UTC")),
            "identity_time_interval": intervals.take(pa.array(of.reshape(-1))),
        }


def percent(number: int) -> int:
    """What the `number`th copy pays and uses, in percent of the original: 37 to 100."""
    return 37 + number * 29 % 64


def copies(tile: Tile, rows: int) -> Iterator[tuple[int, npt.NDArray[np.int64] | None]]:
    """The copies that make up `rows` rows: a number, and the rows of it that are taken (None: all).

    The last one is cut, and consists of plain usage: half a commitment would not add up.
    """
    whole, rest = divmod(rows, tile.count)
    for number in range(whole):
        yield number, None
    if rest:
        yield whole, np.resize(tile.plain, rest)


def write(out: Path, rows: int) -> dict[str, Any]:
    """Writes the export, a `finops.yaml` that loads it and `expected.json`; returns what the latter says."""
    tile = Tile()
    data = out / EXPORT / "data" / f"BILLING_PERIOD={PERIOD}"
    data.mkdir(parents=True)
    paths: list[Path] = []
    pending: list[Table] = []
    for number, taken in copies(tile, rows):
        made = tile.copy(number)
        pending.append(made if taken is None else made.take(pa.array(taken)))
        if sum(each.num_rows for each in pending) >= _FILE_ROWS:
            paths.append(_file(data, len(paths) + 1, pending))
            pending = []
    if pending:
        paths.append(_file(data, len(paths) + 1, pending))
    _manifest(out, tile.rows.schema, paths)
    expected = {"rows": rows, **totals(tile, rows)}
    (out / "expected.json").write_text(json.dumps(expected, indent=1) + "\n", encoding="utf-8")
    source = f"{{name: {EXPORT}, kind: aws-cur2, uri: ., export: {EXPORT}}}"
    (out / "finops.yaml").write_text(f"reporting_currency: USD\nhome: warehouse\nsources:\n  - {source}\n")
    return expected


def _month() -> Table:
    """The first payer's closed month in no order, with a tag of the copy's own on whatever has tags.

    AWS promises no order, and rows sorted by resource would compress as those of no real bill do.
    """
    company, line = nimbus(), timeline(1, _NEXT_MONTH)
    payer = company.payers[0]
    with tempfile.TemporaryDirectory() as folder:
        aws_export.write(Path(folder), company, fleet.build(7, line), line, 7, 1.0)
        files = sorted((Path(folder) / payer.folder).rglob("*.parquet"))
        rows = pa.concat_tables([pq.ParquetFile(path).read() for path in files]).combine_chunks()
    rows = rows.cast(aws_schema.schema(payer)).take(pa.array(np.random.default_rng(7).permutation(rows.num_rows)))
    for name, key in (("resource_tags", "user_workload"), ("tags", "user:workload")):
        pairs = [[*each, (key, "workload-")] if each else each for each in rows[name].to_pylist(maps_as_pydicts=None)]
        rows = rows.set_column(
            rows.schema.get_field_index(name), rows.schema.field(name), pa.array(pairs, rows[name].type)
        )
    return rows


def _milliseconds(times: Any) -> Units:
    return times.cast(pa.timestamp("ms", tz="UTC")).cast(pa.int64()).to_numpy()


def _renamed(texts: Any, number: int, piece: Units | None = None) -> Any:
    """Names with their last four characters replaced by what tells the copy, and the piece of its month."""
    coded = pc.fill_null(texts, "").combine_chunks().dictionary_encode()
    names, pieces = coded.dictionary.to_pylist(), 8
    renamed = [f"{n[:-4]}{number * pieces + p:04x}" if n else None for n in names for p in range(pieces)]
    wanted = coded.indices.to_numpy().astype(np.int64) * pieces + (0 if piece is None else piece)
    return pa.array(renamed, pa.string()).take(pa.array(wanted))


def _tagged(maps: Any, number: int) -> Any:
    """Tags whose workload is the copy's."""
    plain = maps.combine_chunks()
    items = plain.items.dictionary_encode()
    named = [f"{value}{number:05d}" if value == "workload-" else value for value in items.dictionary.to_pylist()]
    values = pa.array(named, pa.string()).take(items.indices)
    filled = pa.MapArray.from_arrays(plain.offsets, plain.keys, values)
    return pc.if_else(plain.is_valid(), filled, pa.scalar(None, filled.type))


def _file(folder: Path, number: int, tables: list[Table]) -> Path:
    path = folder / f"{EXPORT}-{number:05d}.snappy.parquet"
    rows = pa.concat_tables(tables)
    pq.write_table(rows, path, compression="snappy", row_group_size=_GROUP_ROWS, store_schema=False)
    return path


def _manifest(out: Path, schema: Any, paths: list[Path]) -> None:
    """The manifest, younger than all of its files."""
    folder = out / EXPORT / "metadata" / f"BILLING_PERIOD={PERIOD}"
    folder.mkdir(parents=True)
    document = {
        "executionId": "00000000-0000-4000-8000-000000000001",
        "exportArn": f"arn:aws:bcm-data-exports:us-east-1:111122223333:export/{EXPORT}",
        "columns": aws_schema.manifest_columns(schema),
        "dataFiles": [f"s3://{EXPORT}-bucket/{path.relative_to(out).as_posix()}" for path in paths],
        "additionalOutputFiles": [],
    }
    (folder / f"{EXPORT}-Manifest.json").write_text(json.dumps(document, indent=1) + "\n", encoding="utf-8")


def totals(tile: Tile, rows: int) -> dict[str, Any]:
    """What the bill comes to, by the rules for a payer without net columns; amounts are decimals as text."""
    weight = [0] * tile.count  # of each row of the month: the percents of the copies that have it, added up
    times = [0] * tile.count
    for number, taken in copies(tile, rows):
        for index in range(tile.count) if taken is None else taken.tolist():
            weight[index] += percent(number)
            times[index] += 1
    groups: dict[tuple[str, ...], list[int]] = defaultdict(lambda: [0, 0, 0])
    for index, charge in _charges(tile):
        group = groups[charge.key]
        group[0] += times[index]
        group[1] += charge.billed * weight[index]
        group[2] += charge.effective * weight[index]
    parts = [
        {
            "account": key[0],
            "product": key[1],
            "line_type": key[2],
            "charges": n,
            "billed": _usd(b),
            "effective": _usd(e),
        }
        for key, (n, b, e) in sorted(groups.items())
    ]
    charges, billed, effective = (sum(group[n] for group in groups.values()) for n in range(3))
    return {"charges": charges, "billed": _usd(billed), "effective": _usd(effective), "groups": parts}


class Charge(NamedTuple):
    """What a row of the month is billed and costs, in 1e-12 USD for each percent; key: account, product, line type."""

    key: tuple[str, str, str]
    billed: int
    effective: int


def _charges(tile: Tile) -> Iterator[tuple[int, Charge]]:
    """The charges of the month, with the index of their row; what is unused of a commitment is one more."""
    units = {name: tile.money[name].tolist() for name in tile.money}
    keys = ("usage_account_id", "product_code", "operation")
    columns = [tile.rows[f"line_item_{key}"].to_pylist() for key in keys]
    committed = [any(arns) for arns in zip(*(tile.rows[name].to_pylist() for name in _ARNS), strict=True)]
    for n, (kind, account, product, operation) in enumerate(zip(tile.types, *columns, strict=True)):
        cost = units["line_item_unblended_cost"][n]
        if operation in _SPLIT or kind == "SavingsPlanNegation":
            continue
        if kind in _COVERED:
            yield n, Charge((account, product, kind), 0, units[_COVERED[kind]][n])
            continue
        fee = committed[n] and kind in _FEES
        yield n, Charge((account, product, kind), cost, 0 if fee else cost)
        unused = sum(sign * units[name][n] for name, sign in _UNUSED.get(kind, {}).items())
        if unused:
            yield n, Charge((account, product, f"{kind}, unused"), 0, unused)


def _usd(units: int) -> str:
    return format(Decimal(units).scaleb(-12), "f")


def main() -> None:
    """The command line."""
    parser = argparse.ArgumentParser(description="Writes a bill to measure the load with.")
    parser.add_argument("out", type=Path)
    parser.add_argument("--rows", type=int, default=5_000_000)
    given = parser.parse_args()
    expected = write(given.out, given.rows)
    sys.stdout.write(json.dumps({name: expected[name] for name in ("rows", "charges", "billed", "effective")}) + "\n")


if __name__ == "__main__":
    main()
