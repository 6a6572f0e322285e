"""What really happened: the tables under `truth/`, against which a tool is judged."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import polars as pl

from finops.simulator.arrow import Schema, Table, pa, pq
from finops.simulator.money import MONEY

CHARGES = pa.schema(
    [
        pa.field("source", pa.string(), nullable=False),
        pa.field("payer_or_billing_account", pa.string(), nullable=False),
        pa.field("account", pa.string()),
        pa.field("billing_period", pa.string(), nullable=False),
        pa.field("charge_date", pa.date32(), nullable=False),
        pa.field("line_type", pa.string(), nullable=False),
        pa.field("service", pa.string()),
        pa.field("billed_cost", MONEY, nullable=False),
        pa.field("effective_cost", MONEY, nullable=False),
        pa.field("ml_stage", pa.string(), nullable=False),
        pa.field("evidence", pa.string(), nullable=False),
        pa.field("team", pa.string()),
        pa.field("model", pa.string()),
        pa.field("currency", pa.string(), nullable=False),
    ]
)
INSTANCE_HOURS = pa.schema(
    [
        pa.field("instance_id", pa.string(), nullable=False),
        pa.field("hour", pa.timestamp("us", tz="UTC"), nullable=False),
        pa.field("gpu_count", pa.int32(), nullable=False),
        pa.field("effective_cost", MONEY, nullable=False),
    ]
)
RESTATEMENTS = pa.schema(
    [
        pa.field("source", pa.string(), nullable=False),
        pa.field("billing_period", pa.string(), nullable=False),
        pa.field("first_billed", MONEY, nullable=False),
        pa.field("final_billed", MONEY, nullable=False),
    ]
)


@dataclass(frozen=True)
class Written:
    """What a source wrote: rows and files of the export, and the truth behind them.

    `instance_hours` has one row per GPU instance and billed hour of the telemetry months, with the
    EffectiveCost of all that instance's charges in the hour.
    """

    rows: int
    files: int
    charges: Table
    instance_hours: Table
    restatements: Table


def table(columns: dict[str, Any], schema: Schema) -> Table:
    """Columns (arrays or lists) as a table of exactly `schema`."""
    return pa.table({f.name: columns[f.name] for f in schema}, schema=schema)


def write(folder: Path, charges: Table, restatements: Table) -> None:
    """`charges.parquet`, `month_totals.csv` and `restatements.csv`."""
    pq.write_table(charges, folder / "charges.parquet", compression="snappy")
    month_totals(pl.DataFrame(charges)).write_csv(folder / "month_totals.csv")
    pl.DataFrame(restatements).write_csv(folder / "restatements.csv")


def month_totals(charges: pl.DataFrame) -> pl.DataFrame:
    """Totals by source and month: one row a member account (or project), and one for the payer as a whole.

    `level` tells them apart ('payer' or 'account'); charges without an account stand under a null one.
    `rows` counts rows of the export, so the unused parts of commitments, which have none, are not in it.
    """
    keys = ["source", "billing_period", "payer_or_billing_account"]
    by_account = _totals(charges, [*keys, "account"]).with_columns(level=pl.lit("account"))
    by_payer = _totals(charges, keys).with_columns(level=pl.lit("payer"), account=pl.col(keys[-1]))
    columns = [*keys[:2], "level", keys[2], "account", "rows", "billed_cost", "effective_cost"]
    both = pl.concat([by_payer.select(columns), by_account.select(columns)])
    return both.sort(["source", "billing_period", "level", "account"], descending=[False, False, True, False])


def _totals(charges: pl.DataFrame, keys: list[str]) -> pl.DataFrame:
    real = ~pl.col("line_type").is_in(["SavingsPlanUnused", "RIUnused"])
    return charges.group_by(keys).agg(
        rows=real.sum(),
        billed_cost=pl.col("billed_cost").sum(),
        effective_cost=pl.col("effective_cost").sum(),
    )
