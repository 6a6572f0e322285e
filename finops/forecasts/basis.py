"""Which forecast a month is measured against."""

from __future__ import annotations

import polars as pl

from finops.forecasts.daily import BACKTEST_MODEL


def basis_forecasts(forecasts: pl.DataFrame) -> pl.DataFrame:
    """The rows of each month's basis, with that month's first day as `month`.

    A month's basis is the latest forecast made (as_of) no later than its first day; one that was really made
    goes before a backtest of the same as_of. It holds for all series: one that the basis does not name was
    not expected to spend.
    """
    backtest = pl.col("model") == BACKTEST_MODEL
    month = pl.col("charge_date").dt.month_start()
    early = forecasts.with_columns(month.alias("month"), backtest.alias("is_backtest")).filter(
        pl.col("as_of") <= pl.col("month")
    )
    latest = early.filter(pl.col("as_of") == pl.col("as_of").max().over("month"))
    chosen = latest.filter(pl.col("is_backtest") == pl.col("is_backtest").min().over("month"))
    return chosen.drop("is_backtest")
