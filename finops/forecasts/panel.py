"""Daily spend as a matrix, and the calendar that goes with it.

The statistics run on a float matrix (series × days); money enters from Decimal and leaves as Decimal.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date, timedelta
from decimal import Context, Decimal
from functools import reduce
from typing import Any

import numpy as np
import numpy.typing as npt
import polars as pl

SERIES = ("provider_name", "team", "ml_project", "ml_stage")
MONEY = pl.Decimal(38, 18)
EXACT = Context(prec=76)
SLOTS = 31
"""A month's fee days: slot 0 is the 1st, …, slot 29 the 30th, slot 30 the last day, whatever its number."""

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]
Bools = npt.NDArray[np.bool_]


@dataclass(frozen=True)
class Panel:
    """Spend of n series on consecutive days.

    keys: one row per series, in the order of the matrix's rows; start: the first column's day;
    values: n × days; NaN before a series' first spend, 0 on a later day without any.
    """

    keys: pl.DataFrame
    start: date
    values: Floats

    @property
    def days(self) -> int:
        return self.values.shape[1]

    def index(self, day: date) -> int:
        """The column of a day (may lie outside of the matrix)."""
        return (day - self.start).days


@dataclass(frozen=True)
class Calendar:
    """Per day from `start`: weekday (0 = Monday), fee slot, day of month, and days left in its month."""

    start: date
    weekday: Ints
    slot: Ints
    day: Ints
    left: Ints


def build_panel(daily: pl.DataFrame, until: date, keys: tuple[str, ...] = SERIES) -> Panel:
    """The panel of all days before `until`, one row per distinct value of `keys` (null is a value)."""
    history = daily.filter(pl.col("charge_date") < until)
    by_day = history.group_by(*keys, "charge_date").agg(pl.col("cost").sum().cast(pl.Float64))
    names = by_day.select(keys).unique().sort(keys).with_row_index("row")
    placed = by_day.join(names, on=list(keys), how="inner", nulls_equal=True)
    first = scalar(placed, pl.col("charge_date").min())
    start = first if isinstance(first, date) else until
    days = (until - start).days
    rows: Ints = placed["row"].to_numpy().astype(np.int64)
    columns = column(placed, (pl.col("charge_date") - pl.lit(start)).dt.total_days()).astype(np.int64)
    values = np.zeros((names.height, days))
    values[rows, columns] = placed["cost"].to_numpy()
    born = np.full(names.height, days)
    np.minimum.at(born, rows, columns)
    values[np.arange(days)[None, :] < born[:, None]] = np.nan
    return Panel(names.drop("row"), start, values)


def calendar(start: date, days: int) -> Calendar:
    """The calendar of `days` days from `start`."""
    dates = np.datetime64(start, "D") + np.arange(days).astype("timedelta64[D]")
    months = dates.astype("datetime64[M]")
    day = (dates - months.astype("datetime64[D]")).astype(np.int64) + 1
    left = ((months + np.timedelta64(1, "M")).astype("datetime64[D]") - dates).astype(np.int64)
    weekday = (dates.astype(np.int64) + 3) % 7  # 1970-01-01 was a Thursday
    return Calendar(start, weekday, np.where(left == 1, SLOTS - 1, day - 1), day, left)


def month_of(day: date) -> date:
    """The first day of the day's month."""
    return day.replace(day=1)


def next_month(day: date) -> date:
    """The first day of the month after the day's."""
    return (day.replace(day=28) + timedelta(days=4)).replace(day=1)


def month_starts(first: date, last: date) -> list[date]:
    """The first days of all months from that of `first` to that of `last`, both included."""
    months: list[date] = []
    month = month_of(first)
    while month <= last:
        months.append(month)
        month = next_month(month)
    return months


def total(amounts: Iterable[Decimal]) -> Decimal:
    """The exact sum: Python's own keeps 28 digits, a DECIMAL(38,18) may have more."""
    return reduce(EXACT.add, amounts, Decimal(0))


def scalar(frame: pl.DataFrame, expression: pl.Expr) -> Any:
    """One value of a frame, as Python holds it."""
    return frame.select(expression).item()


def column(frame: pl.DataFrame, expression: pl.Expr) -> npt.NDArray[Any]:
    """One computed column as a numpy array."""
    return frame.select(expression).to_series().to_numpy()


def money(values: Floats) -> pl.Series:
    """Floats as DECIMAL(38,18), rounded to six decimals; NaN becomes null."""
    return pl.Series(values).fill_nan(None).round(6).cast(pl.Decimal(38, 6)).cast(MONEY)
