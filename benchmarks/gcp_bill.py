"""A bill of Google Cloud of any length to measure the load with: a detailed export, and its exact totals.

    python -m benchmarks.gcp_bill OUT --rows 2000000

A month of the simulated company is laid down again and again, like tiles: each tile has its own projects,
resources, labels, commitments, prices, quantities and days. Costs are integers of 1e-6 USD until they are
written, as Google rounds them, so the totals in OUT/expected.json are exact and owe nothing to the files. The
export lies below OUT/gcp in ingestion-day partitions; OUT/finops.yaml loads it. The same arguments give the
same bytes.
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
from typing import Any

import numpy as np
import numpy.typing as npt
import polars as pl
import pyarrow.parquet as pq

from finops.simulator import fleet, gcp_export, gcp_schema
from finops.simulator.company import nimbus
from finops.simulator.timeline import timeline

EXPORT, SOURCE = "gcp", "bench"
_NEXT_MONTH = date(2026, 10, 1)
_FILE_ROWS = 50_000  # nested rows take some 1.5 kB each while they are made
_CHUNK_ROWS = 1_000_000
_PER_USD = 10**6
_DAY = 86_400_000_000  # microseconds
_RESOURCE_DAYS = 3  # a resource lives that long: one a tile and line would give too few of them
_PRICED, _MEASURED = 100, 1000  # prices are told in percent of the month's, quantities in per mille
_COSTS = ("cost", "cost_at_list", "cost_at_effective_price_default", "cost_at_list_consumption_model")

Ints = npt.NDArray[np.int64]


class Tile:
    """The company's month in no order, and what is worked out once for all of its copies."""

    def __init__(self) -> None:
        self.rows = _month()
        self.count = self.rows.height
        self.money = {name: _micros(self.rows[name]) for name in _COSTS}
        amounts = self.rows["credits"].list.eval(pl.element().struct.field("amount"))
        self.credits = [_micros(amounts.list.get(n, null_on_oob=True)) for n in range(_most(amounts))]
        self.start, self.end, self.exported = (
            self.rows[name].dt.epoch("us").to_numpy() for name in ("usage_start_time", "usage_end_time", "export_time")
        )
        self.first = int(self.start.min())
        self.days = (int(self.end.max()) - self.first) // _DAY
        self.short = self.end - self.start <= _DAY
        self.piece = np.where(self.short, (self.start - self.first) // (_RESOURCE_DAYS * _DAY), 0)

    def moved(self, copy: Ints, index: Ints) -> Ints:
        """By how many microseconds rows of these copies are later: whole days within the month, if short."""
        start = self.start[index]
        days = (start - self.first + copy * 7 % self.days * _DAY) % (self.days * _DAY) + self.first - start
        return np.where(self.short[index], days, 0)

    def factor(self, copy: Ints, index: Ints) -> Ints:
        """What rows of these copies cost, in 1e-5 of the original."""
        return price(copy) * quantity(copy, self.piece[index])

    def amounts(self, micros: Ints, copy: Ints, index: Ints) -> Ints:
        """An amount of money of rows of these copies, in 1e-6 USD; what negates a row still does."""
        whole = micros[index] * self.factor(copy, index)
        per = _PRICED * _MEASURED
        return np.sign(whole) * ((np.abs(whole) + per // 2) // per)


def price(copy: Ints) -> Ints:
    """What the copies pay, in percent of the original: 37 to 100."""
    return 37 + copy * 29 % 64


def quantity(copy: Ints, piece: Ints) -> Ints:
    """What the copies' resources use, in per mille of the original: 400 to 1000."""
    return 400 + (copy * 293 + piece * 97) % 601


def write(out: Path, rows: int) -> dict[str, Any]:
    """Writes the export, a `finops.yaml` that loads it and `expected.json`; returns what the latter says."""
    tile = Tile()
    ingested = np.concatenate([_days(tile, copy, index) for copy, index in _chunks(tile, rows)])
    mixed = np.random.default_rng(11)
    for day in np.unique(ingested):
        folder = out / EXPORT / f"_PARTITIONDATE={np.datetime64(int(day), 'D')}"
        folder.mkdir(parents=True)
        members = mixed.permutation(np.flatnonzero(ingested == day))
        for number, first in enumerate(range(0, len(members), _FILE_ROWS), 1):
            copy, index = np.divmod(members[first : first + _FILE_ROWS], tile.count)
            _file(folder / f"part-{number:05d}.snappy.parquet", made(tile, copy, index))
    expected = {"rows": rows, **totals(tile, rows)}
    (out / "expected.json").write_text(json.dumps(expected, indent=1) + "\n", encoding="utf-8")
    source = f"{{name: {SOURCE}, kind: gcp-files, uri: {EXPORT}}}"
    (out / "finops.yaml").write_text(f"reporting_currency: USD\nhome: warehouse\nsources:\n  - {source}\n")
    return expected


def made(tile: Tile, copy: Ints, index: Ints) -> pl.DataFrame:
    """Rows of the export: the `index`th row of the month, as it is in that copy."""
    moved, priced = tile.moved(copy, index), price(copy) / _PRICED
    measured = quantity(copy, tile.piece[index]) / _MEASURED
    own = pl.DataFrame(
        {
            "c": copy,
            "p": tile.piece[index],
            "moved": moved,
            "priced": priced,
            "measured": measured,
            **{f"m_{name}": tile.amounts(micros, copy, index) / _PER_USD for name, micros in tile.money.items()},
            **{f"credit_{n}": tile.amounts(micros, copy, index) / _PER_USD for n, micros in enumerate(tile.credits)},
        }
    )
    rows = pl.concat([tile.rows[index], own], how="horizontal")
    later = pl.duration(microseconds="moved")
    changed = rows.with_columns(
        *(pl.col(name) + later for name in ("usage_start_time", "usage_end_time", "export_time")),
        *(pl.when(pl.col(name).is_not_null()).then(pl.col(f"m_{name}")).alias(name) for name in _COSTS),
        project=_project(),
        resource=_resource(),
        labels=_labels(),
        subscription=_subscription(),
        consumption_model=_model(),
        price=_price(),
        usage=_usage(),
        credits=_credits(len(tile.credits)),
    )
    return changed.select(pl.col(name).cast(dtype) for name, dtype in gcp_schema.EXPORT.items())


def totals(tile: Tile, rows: int) -> dict[str, Any]:
    """What the bill comes to on the provider's basis: cost and credits; amounts are decimals as text."""
    kinds = tile.rows.select("cost_type", pl.col("service").struct.field("description")).rows()
    names = sorted(set(kinds))
    kind = np.array([names.index(each) for each in kinds])
    charges: dict[int, int] = defaultdict(int)
    billed: dict[int, int] = defaultdict(int)
    credited: dict[int, int] = defaultdict(int)
    for copy, index in _chunks(tile, rows):
        cost = tile.amounts(tile.money["cost"], copy, index)
        credit = np.sum([tile.amounts(each, copy, index) for each in tile.credits], axis=0)
        for n in np.unique(kind[index]).tolist():
            of = kind[index] == n
            charges[n] += int(of.sum())
            billed[n] += int((cost + credit)[of].sum())
            credited[n] += int(credit[of].sum())
    groups = [
        {
            "cost_type": cost_type,
            "service": service,
            "charges": charges[n],
            "billed": _usd(billed[n]),
            "credits": _usd(credited[n]),
        }
        for n, (cost_type, service) in enumerate(names)
        if charges[n]
    ]
    total = _usd(sum(billed.values()))
    return {"charges": rows, "billed": total, "effective": total, "groups": groups}


def _month() -> pl.DataFrame:
    """The company's closed month, in no order: Google promises none."""
    company, line = nimbus(), timeline(1, _NEXT_MONTH)
    with tempfile.TemporaryDirectory() as folder:
        gcp_export.write(Path(folder), company, fleet.build(7, line), line, 7, 1.0)
        rows = pl.concat([pl.read_parquet(path) for path in sorted(Path(folder, "gcp").rglob("*.parquet"))])
    return rows[np.random.default_rng(7).permutation(rows.height)]


def _most(lists: pl.Series) -> int:
    return int(lists.list.len().max() or 0)  # type: ignore[arg-type]


def _micros(amounts: pl.Series) -> Ints:
    return np.rint(amounts.fill_null(0.0).to_numpy() * _PER_USD).astype(np.int64)


def _chunks(tile: Tile, rows: int) -> Iterator[tuple[Ints, Ints]]:
    """All rows in their order: the number of the copy, and the index in the month. The last copy may be cut."""
    for first in range(0, rows, _CHUNK_ROWS):
        copy, index = np.divmod(np.arange(first, min(first + _CHUNK_ROWS, rows)), tile.count)
        yield copy, index


def _days(tile: Tile, copy: Ints, index: Ints) -> npt.NDArray[np.int32]:
    """The ingestion day of rows, in days since 1970."""
    return ((tile.exported[index] + tile.moved(copy, index)) // _DAY).astype(np.int32)


def _file(path: Path, rows: pl.DataFrame) -> None:
    table = rows.to_arrow(compat_level=pl.CompatLevel.oldest())
    pq.write_table(table, path, compression="snappy", store_schema=False)


def _of(struct: str, changed: dict[str, pl.Expr]) -> pl.Expr:
    """A struct with some of its fields changed; null where it was."""
    column = pl.col(struct)
    return pl.when(column.is_not_null()).then(column.struct.with_fields(**changed))


def _field(path: str) -> pl.Expr:
    struct, _, field = path.partition(".")
    return pl.col(struct).struct.field(field)


def _copy(digits: int = 4) -> pl.Expr:
    return pl.col("c").cast(pl.String).str.zfill(digits)


def _project() -> pl.Expr:
    """The copy's project: its id, name and number, which the path to it begins with."""
    number = _field("project.number") + _copy()
    itself = pl.struct(resource_name="projects/" + number, display_name=_field("project.name") + " " + _copy())
    return _of(
        "project",
        {
            "id": _field("project.id") + "-" + _copy(),
            "number": number,
            "name": itself.struct.field("display_name"),
            "ancestors": pl.concat_list(itself, _field("project.ancestors").list.slice(1)),
        },
    )


def _resource() -> pl.Expr:
    """The copy's resource in that piece of the month: another one has another name and number."""
    one = _copy() + pl.col("p").cast(pl.String).str.zfill(2)
    path = _field("resource.global_name")
    for project, joint in (("[0-9]+", ""), ("[a-z-]+", "-")):  # by number or by id, as in _project
        path = path.str.replace(f"/projects/({project})/", pl.lit(f"/projects/${{1}}{joint}") + _copy() + "/")
    return _of("resource", {"name": _field("resource.name") + "-" + one, "global_name": path + one})


def _labels() -> pl.Expr:
    """Labels, where there are any, with one of the copy's own; it changes twice in the life of some resources."""
    workload = "workload-" + _copy() + "-" + (pl.col("p") // 4).cast(pl.String)
    label = pl.struct(key=pl.lit("workload"), value=workload)
    return pl.when(pl.col("labels").list.len() > 0).then(pl.concat_list("labels", label)).otherwise("labels")


def _subscription() -> pl.Expr:
    return _of("subscription", {"instance_id": _field("subscription.instance_id") + _copy()})


def _model() -> pl.Expr:
    name = "applied_subscription_instance_id"
    return _of("consumption_model", {name: _field(f"consumption_model.{name}") + _copy()})


def _price() -> pl.Expr:
    names = ("effective_price", "list_price", "effective_price_default", "list_price_consumption_model")
    priced = {
        name: (_field(f"price.{name}").cast(pl.Float64) * pl.col("priced")).round(9).cast(gcp_schema.NUMERIC)
        for name in names
    }
    return _of("price", priced)


def _usage() -> pl.Expr:
    names = ("amount", "amount_in_pricing_units")
    return _of("usage", {name: (_field(f"usage.{name}") * pl.col("measured")).round(6) for name in names})


def _credits(most: int) -> pl.Expr:
    """The month's credits with the copy's amounts; empty lists and nulls stay what they are."""
    found = [
        pl.when(pl.col("credits").list.len() > n).then(
            pl.col("credits").list.get(n, null_on_oob=True).struct.with_fields(amount=pl.col(f"credit_{n}"))
        )
        for n in range(most)
    ]
    return pl.when(pl.col("credits").is_not_null()).then(pl.concat_list(found).list.drop_nulls())


def _usd(micros: int) -> str:
    return str(Decimal(micros).scaleb(-6))


def main() -> None:
    """The command line."""
    parser = argparse.ArgumentParser(description="Writes a bill of Google Cloud to measure the load with.")
    parser.add_argument("out", type=Path)
    parser.add_argument("--rows", type=int, default=2_000_000)
    given = parser.parse_args()
    expected = write(given.out, given.rows)
    sys.stdout.write(json.dumps({name: expected[name] for name in ("rows", "charges", "billed")}) + "\n")


if __name__ == "__main__":
    main()
