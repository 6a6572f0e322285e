"""A bill in memory and the GPU tables made from it."""

# ruff: noqa: N815  (the columns keep FOCUS's names)

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, fields
from datetime import datetime
from decimal import Decimal
from pathlib import Path

import duckdb
import polars as pl

from finops.gpus import states

SQL = Path(__file__).parents[2] / "sql" / "gpu"
TABLES = ("billed_hours", "priced", "unbilled", "hours", "idle")


@dataclass(frozen=True)
class Charge:
    """What the GPU tables read of a charge."""

    ResourceId: str | None
    ChargePeriodStart: datetime
    ChargePeriodEnd: datetime
    x_EffectiveCostReporting: Decimal | None
    x_GpuHours: Decimal | None = None
    x_GpuModel: str | None = None
    ProviderName: str = "AWS"
    SubAccountId: str | None = "1"
    PricingCategory: str | None = "Standard"
    CommitmentDiscountId: str | None = None
    CommitmentDiscountStatus: str | None = None
    CapacityReservationStatus: str | None = None
    namespace: str | None = None
    GpuCount: str | None = None
    x_ReportingCurrency: str = "USD"
    x_Team: str | None = None
    x_MlProject: str | None = None
    x_MlStage: str | None = None


def _type(name: str) -> str:
    if name.startswith("ChargePeriod"):
        return "TIMESTAMPTZ"
    return "DECIMAL(38,18)" if name in {"x_EffectiveCostReporting", "x_GpuHours"} else "VARCHAR"


def warehouse(charges: Sequence[Charge], segments: pl.DataFrame | None = None) -> duckdb.DuckDBPyConnection:
    """focus.charges, gpu.segments and every table of sql/gpu, in memory."""
    db = duckdb.connect(config={"threads": 1})
    db.execute("SET TimeZone = 'Asia/Kolkata'")  # half an hour off: nothing may depend on the session's zone
    db.execute("CREATE SCHEMA focus; CREATE SCHEMA gpu")
    names = [field.name for field in fields(Charge)]
    db.execute(f"CREATE TABLE bill ({', '.join(f'{name} {_type(name)}' for name in names)})")
    if charges:
        rows = [[getattr(charge, name) for name in names] for charge in charges]
        db.executemany(f"INSERT INTO bill VALUES ({', '.join('?' * len(names))})", rows)
    db.execute(
        "CREATE TABLE focus.charges AS SELECT * EXCLUDE (GpuCount, namespace), "
        "CASE WHEN namespace IS NOT NULL THEN map {'k8s-namespace': namespace} END AS Tags, "
        "CASE WHEN GpuCount IS NOT NULL THEN map {'GpuCount': GpuCount} END AS SkuPriceDetails FROM bill"
    )
    frame = pl.DataFrame(schema=states.SEGMENTS) if segments is None else segments
    db.register("frame", frame.to_arrow())
    db.execute("CREATE TABLE gpu.segments AS SELECT * FROM frame")
    for table in TABLES:
        db.execute(f"CREATE TABLE gpu.{table} AS {(SQL / f'{table}.sql').read_text()}")
    return db
