"""Usage rows, as columns of numbers: which line, which window, how much, what it costs, what is credited."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Any

import numpy as np
import numpy.typing as npt
import polars as pl

from finops.simulator.gcp_lines import Line
from finops.simulator.gcp_schema import TIMESTAMP
from finops.simulator.gcp_services import Demand
from finops.simulator.money import PER_UNIT, Units, units
from finops.simulator.timeline import Month, Timeline, stream

Floats = npt.NDArray[np.float64]
Times = npt.NDArray[np.datetime64]

PACIFIC = "America/Los_Angeles"
CREDIT_COLUMNS = ("credit_0", "credit_1", "credit_2")
# Money in units of 1e-10; `invoice` as 202610; `adjustment` is an index into the adjustments, if any.
SCHEMA: dict[str, pl.DataType | type[pl.DataType]] = {
    "line": pl.Int32,
    "start": TIMESTAMP,
    "end": TIMESTAMP,
    "export": TIMESTAMP,
    "quantity": pl.Float64,
    "listed": pl.Int64,
    "cost": pl.Int64,
    **dict.fromkeys(CREDIT_COLUMNS, pl.Int64),
    "invoice": pl.Int32,
    "late": pl.Boolean,
    "cost_type": pl.String,
    "adjustment": pl.Int32,
}
_WEEK = {"office": (1.12, 1.15, 1.14, 1.12, 1.07, 0.74, 0.66), "steady": (1.0,) * 7}
_LATE_SHARE = 0.2  # of the usage of a month's last two days


Chunk = dict[str, npt.NDArray[Any]]


@dataclass(frozen=True)
class Usage:
    """Windows of one line: start and end (UTC), and the quantity in pricing units."""

    start: Times
    end: Times
    quantity: Floats


@dataclass(frozen=True)
class Days:
    """A month's Pacific days, and the instants (UTC) at which each begins and ends (or the data do)."""

    month: Month
    days: Times
    start: Times
    end: Times


def pacific_days(month: Month, line: Timeline) -> Days:
    """The days of a month that have data."""
    days = np.array(month.days, dtype="datetime64[D]")
    local = (
        pl.Series(np.append(days, days[-1] + np.timedelta64(1, "D")))
        .cast(pl.Datetime("us"))
        .dt.replace_time_zone(PACIFIC)
    )
    edges = local.dt.convert_time_zone("UTC").dt.replace_time_zone(None).to_numpy()
    return Days(month, days, edges[:-1], np.minimum(edges[1:], np.datetime64(line.until, "us")))


def daily(demand: Demand, index: int, days: Days, line: Timeline, seed: int) -> Chunk:
    """The month's rows of one line, a row for each Pacific day on which there was demand."""
    month = days.month
    rng = stream(seed, "gcp", demand.line.name, month.period)
    wanted = _wanted(demand, days, line, rng)
    if demand.rhythm == "bursts":
        wanted *= _burst(len(wanted), month, stream(seed, "gcp", "burst", demand.line.model, month.period))
    kept = wanted > 0
    usage = Usage(days.start[kept], days.end[kept], np.round(wanted[kept] / demand.line.sku.price, 6))
    return rows(demand.line, index, usage, rng)


def rows(line: Line, index: int, usage: Usage, rng: np.random.Generator) -> Chunk:
    """Usage priced, credited, and exported some hours after its window; the invoice is not set yet."""
    count = len(usage.quantity)
    cost = micros(usage.quantity * line.sku.price * (1.0 - line.discount))
    earned = [micros(-share * (cost / PER_UNIT)) for _, share in line.credits]
    none = [np.zeros(count, dtype=np.int64)] * (len(CREDIT_COLUMNS) - len(earned))
    lag = rng.integers(3, 30, count) * 60 + rng.integers(0, 60, count)
    return {
        "line": np.full(count, index, dtype=np.int32),
        "start": usage.start,
        "end": usage.end,
        "export": usage.end + lag.astype("timedelta64[m]"),
        "quantity": usage.quantity,
        "listed": micros(usage.quantity * line.sku.price),
        "cost": cost,
        **dict(zip(CREDIT_COLUMNS, (*earned, *none), strict=True)),
        "late": rng.random(count) < _LATE_SHARE,
    }


def gather(chunks: Sequence[Chunk]) -> pl.DataFrame:
    """All chunks as one frame with the columns of SCHEMA."""
    joined = {name: np.concatenate([chunk[name] for chunk in chunks]) for name in chunks[0]}
    return finish(pl.DataFrame(joined))


def finish(frame: pl.DataFrame) -> pl.DataFrame:
    """The frame with every column of SCHEMA, in its order; naive instants are UTC."""
    given = {"cost_type": pl.lit("regular"), "late": pl.lit(value=False)}
    extra = [given.get(name, pl.lit(None)).alias(name) for name in SCHEMA if name not in frame.columns]
    instants = [pl.col(n).cast(pl.Datetime("us")).dt.replace_time_zone("UTC") for n in ("start", "end", "export")]
    return frame.with_columns(*instants, *extra).select(pl.col(n).cast(t) for n, t in SCHEMA.items())


def micros(amounts: Floats) -> Units:
    """Money rounded to 1e-6, as the export has it, in units of 1e-10."""
    return units(np.round(amounts, 6))


def invoiced(frame: pl.DataFrame, line: Timeline) -> pl.DataFrame:
    """Invoice months set: the Pacific month of the usage, or the next one for what came in late.

    Late rows are exported on the third to fifth day of the next month. The first month's invoice also takes
    the first hours, which are the month before's in Pacific time.
    """
    day = pl.col("start").dt.convert_time_zone(PACIFIC).dt.date()
    following = day.dt.month_start().dt.offset_by("1mo")
    is_last = (day + timedelta(days=2)).dt.month_start() == following
    moved = pl.col("late") & is_last & (following < line.months[-1].data_end) & pl.col("adjustment").is_null()
    shift = (pl.col("start").dt.day() % 3 + 2) * timedelta(days=1) + timedelta(hours=11)
    first, last = _number(line.start), _number(line.months[-1].start)
    month = pl.when("late").then(following).otherwise(day)
    open_rows = frame.filter(pl.col("invoice").is_null()).with_columns(late=moved)
    done = open_rows.with_columns(
        invoice=(month.dt.year().cast(pl.Int32) * 100 + month.dt.month()).clip(first, last).cast(pl.Int32),
        export=pl.when("late")
        .then(following.cast(pl.Datetime("us")).dt.replace_time_zone("UTC") + shift)
        .otherwise("export"),
    )
    return pl.concat([done, frame.filter(pl.col("invoice").is_not_null())])


def _number(day: date) -> int:
    return day.year * 100 + day.month


def _wanted(demand: Demand, days: Days, line: Timeline, rng: np.random.Generator) -> Floats:
    """List cost in USD for each day: trend, step, weekday and noise; a monthly fee falls on the first."""
    month = days.month
    if demand.rhythm == "monthly":
        return np.where(days.days == days.days[0], demand.daily, 0.0)
    last = line.months[-1].start
    age = (last.year - month.start.year) * 12 + last.month - month.start.month
    level = demand.daily * demand.growth**-age * (1.0 if age <= demand.step_age else 1.0 / demand.step)
    weekday = (days.days.astype(np.int64) + 3) % 7  # 1970-01-01 was a Thursday
    week = np.array(_WEEK.get(demand.rhythm, _WEEK["steady"]))[weekday]
    noise = np.exp(rng.normal(0.0, 0.06, len(weekday)))
    return level * week * noise


def _burst(count: int, month: Month, rng: np.random.Generator) -> Floats:
    """1 on the days of the month's one or two training runs, else 0."""
    on = np.zeros(31)
    for _ in range(int(rng.integers(1, 3))):
        first, length = int(rng.integers(0, len(month.days))), int(rng.integers(4, 12))
        on[first : first + length] = 1.0
    return on[:count]
