"""Gaps: what came minus what was forecast or budgeted, by day, by month, and by what made them.

A month is measured against its basis: the latest forecast made no later than its first day (see
`basis_forecasts`). Days that have not happened are not compared: in the open month the forecast is that of
the days before as_of. gap = actual − forecast, everywhere, so a positive gap is more spent than expected.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date
from decimal import Decimal

import polars as pl

from finops.budgets import Budget
from finops.forecasts.basis import basis_forecasts
from finops.forecasts.panel import MONEY, SERIES, month_starts
from finops.forecasts.scopes import SCOPE_COLUMNS, in_scope, is_answerable

STATES = ("over_budget", "above_forecast", "below_forecast", "on_forecast", "no_forecast")
NEAR = Decimal("0.05")
"""A gap of at most this share of the forecast counts as on_forecast."""
MONTHLY = pl.Schema(
    {
        "as_of": pl.Date(),
        "billing_period": pl.String(),
        "scope_kind": pl.String(),
        "budget_name": pl.String(),
        **dict.fromkeys(SERIES, pl.String()),
        **dict.fromkeys(("budget", "forecast", "actual", "gap_to_budget", "gap_to_forecast"), MONEY),
        "state": pl.String(),
        "forecast_month": MONEY,
        "forecast_as_of": pl.Date(),
        "currency": pl.String(),
    }
)
ZERO = pl.lit(Decimal(0), dtype=MONEY)


def gap_daily(daily: pl.DataFrame, forecasts: pl.DataFrame, as_of: date) -> pl.DataFrame:
    """gap.daily: every series × day before `as_of` that has spend or a forecast, of months with a basis.

    A series that the basis does not name was forecast at 0, one without spend on a day came at 0: so the
    rows add up to the gap of the whole. forecast_as_of: when the basis was made; currency: the forecasts'.
    """
    paired = _paired(daily, forecasts).filter(pl.col("forecast").is_not_null() & (pl.col("charge_date") < as_of))
    return paired.select(
        pl.lit(as_of).alias("as_of"),
        "charge_date",
        *SERIES,
        "forecast",
        "actual",
        (pl.col("actual") - pl.col("forecast")).cast(MONEY).alias("gap"),
        "forecast_as_of",
        "currency",
    ).sort("charge_date", *SERIES)


def gap_monthly(
    spend: pl.DataFrame, forecasts: pl.DataFrame, budgets: Sequence[Budget], as_of: date, currency: str
) -> pl.DataFrame:
    """gap.monthly: rows of two kinds, of which one is summed at a time.

    scope_kind 'series': a series × month; 'budget': a budget × month, its scope's keys in the series'
    columns (null: not fixed), its name in budget_name. forecast: of the days before `as_of`;
    forecast_month: of the whole month. gap_to_forecast = actual − forecast; gap_to_budget = actual − budget,
    on budget rows, and on a series whose four values a budget's scope names. Both are null where there is no
    forecast (no basis, or a scope by account or model) or no budget in `currency`. state (STATES):
    over_budget goes before the others. `spend` is as for `budget_status`.
    """
    series = _series_months(spend, forecasts, as_of)
    rows = [
        series.with_columns(pl.lit("series").alias("scope_kind"), *_series_budget(budgets, currency)),
        *(_budget_months(spend, series, budget, as_of, currency) for budget in budgets),
    ]
    return (
        pl.concat(rows, how="diagonal")
        .with_columns(
            pl.lit(as_of).alias("as_of"),
            pl.lit(currency).alias("currency"),
            (pl.col("actual") - pl.col("forecast")).cast(MONEY).alias("gap_to_forecast"),
            (pl.col("actual") - pl.col("budget")).cast(MONEY).alias("gap_to_budget"),
        )
        .with_columns(_state().alias("state"))
        .select(pl.col(name).cast(kind) for name, kind in MONTHLY.items())
        .sort("billing_period", "scope_kind", "budget_name", *SERIES)
    )


def gap_drivers(monthly: pl.DataFrame) -> pl.DataFrame:
    """gap.drivers: what each provider and project contributes to the gap of a team's stage in a month.

    `monthly` is `gap_monthly`'s; amounts are gaps to the forecast and add up to the scope's, exactly. Parts
    that contribute nothing are left out.
    """
    part = pl.format("{} / {}", pl.col("provider_name"), pl.col("ml_project").fill_null("no project"))
    return (
        monthly.filter((pl.col("scope_kind") == "series") & pl.col("gap_to_forecast").is_not_null())
        .group_by("billing_period", "team", "ml_stage", part.alias("driver"), "currency")
        .agg(pl.col("gap_to_forecast").sum().cast(MONEY).alias("amount"))
        .filter(pl.col("amount") != 0)
        .select("billing_period", "team", "ml_stage", "driver", "amount", "currency")
        .sort(
            "billing_period",
            "team",
            "ml_stage",
            pl.col("amount").abs(),
            "driver",
            descending=[False] * 3 + [True, False],
        )
    )


def _paired(daily: pl.DataFrame, forecasts: pl.DataFrame) -> pl.DataFrame:
    """Every series × day with spend or a basis forecast: forecast (null: the month has no basis), actual,
    forecast_as_of, currency, month."""
    keys = [*SERIES, "charge_date"]
    basis = basis_forecasts(forecasts)
    made = basis.group_by("month").agg(pl.col("as_of").first().alias("forecast_as_of"), pl.col("currency").first())
    came = daily.group_by(keys).agg(pl.col("cost").sum().cast(MONEY).alias("actual"))
    expected = basis.select(*keys, "forecast")
    known = pl.col("forecast_as_of").is_not_null()
    return (
        came.join(expected, on=keys, how="full", coalesce=True, nulls_equal=True)
        .with_columns(pl.col("charge_date").dt.month_start().alias("month"))
        .join(made, on="month", how="left")
        .with_columns(
            pl.col("actual").fill_null(ZERO),
            pl.when(known).then(pl.col("forecast").fill_null(ZERO)).alias("forecast"),
        )
    )


def _series_months(spend: pl.DataFrame, forecasts: pl.DataFrame, as_of: date) -> pl.DataFrame:
    """A row per series × month that has begun: actual, forecast, forecast_month, forecast_as_of."""
    happened = pl.col("charge_date") < as_of
    known = pl.col("forecast_as_of").is_not_null()
    paired = _paired(spend.filter(happened), forecasts).filter(pl.col("month") < as_of)
    return (
        paired.group_by(*SERIES, "month", "forecast_as_of")
        .agg(
            pl.col("actual").sum().cast(MONEY),
            pl.col("forecast").filter(happened).sum().cast(MONEY),
            pl.col("forecast").sum().cast(MONEY).alias("forecast_month"),
        )
        .with_columns(pl.when(known).then(pl.col(name)).alias(name) for name in ("forecast", "forecast_month"))
        .with_columns(pl.col("month").dt.strftime("%Y-%m").alias("billing_period"))
    )


def _series_budget(budgets: Sequence[Budget], currency: str) -> list[pl.Expr]:
    """The amount and the name of the budget whose scope is exactly the row's series."""
    amount, name = pl.lit(None, dtype=MONEY), pl.lit(None, dtype=pl.String)
    for budget in budgets:
        if {SCOPE_COLUMNS[key] for key in budget.scope} == set(SERIES) and budget.currency == currency:
            mine = in_scope(budget.scope)
            amount = pl.when(mine).then(_amount(budget)).otherwise(amount)
            name = pl.when(mine).then(pl.lit(budget.name)).otherwise(name)
    return [amount.alias("budget"), name.alias("budget_name")]


def _budget_months(
    spend: pl.DataFrame, series: pl.DataFrame, budget: Budget, as_of: date, currency: str
) -> pl.DataFrame:
    """The rows of one budget: its months from the first with spend to the last before `as_of`."""
    months = _months(spend, as_of).with_columns(pl.col("month").dt.strftime("%Y-%m").alias("billing_period"))
    made = series.group_by("month").agg(pl.col("forecast_as_of").first())
    frame = months.join(made, on="month", how="left").filter(_amount(budget).is_not_null())
    known = pl.col("forecast_as_of").is_not_null()
    if is_answerable(budget.scope, spend):
        inside = spend.filter(in_scope(budget.scope) & (pl.col("charge_date") < as_of))
        month = pl.col("charge_date").dt.month_start().alias("month")
        came = inside.group_by(month).agg(pl.col("cost").sum().cast(MONEY).alias("actual"))
        frame = frame.join(came, on="month", how="left").with_columns(pl.col("actual").fill_null(ZERO))
    if is_answerable(budget.scope, series):
        sums = [pl.col(name).sum().cast(MONEY) for name in ("forecast", "forecast_month")]
        expected = series.filter(in_scope(budget.scope)).group_by("month").agg(sums)
        frame = frame.join(expected, on="month", how="left").with_columns(
            pl.when(known).then(pl.col(name).fill_null(ZERO)).alias(name) for name in ("forecast", "forecast_month")
        )
    fixed = {SCOPE_COLUMNS[key]: value for key, value in budget.scope.items()}
    return frame.with_columns(
        pl.lit("budget").alias("scope_kind"),
        pl.lit(budget.name).alias("budget_name"),
        (_amount(budget) if budget.currency == currency else pl.lit(None, dtype=MONEY)).alias("budget"),
        *(pl.lit(fixed.get(name), dtype=pl.String).alias(name) for name in SERIES),
        *(pl.lit(None, dtype=MONEY).alias(n) for n in ("actual", "forecast") if n not in frame.columns),
    )


def _months(spend: pl.DataFrame, as_of: date) -> pl.DataFrame:
    first = spend.select(pl.col("charge_date").min()).item()
    months = month_starts(first, as_of) if isinstance(first, date) else []
    return pl.DataFrame({"month": [m for m in months if m < as_of]}, schema={"month": pl.Date()})


def _amount(budget: Budget) -> pl.Expr:
    """The budget's amount in the row's month, null where it does not speak of it."""
    if budget.monthly is not None:
        return pl.lit(budget.monthly, dtype=MONEY)
    amount = pl.lit(None, dtype=MONEY)
    for period, value in budget.amounts.items():
        mine = pl.col("billing_period") == period
        amount = pl.when(mine).then(pl.lit(value, dtype=MONEY)).otherwise(amount)
    return amount


def _state() -> pl.Expr:
    # A share is a statistic: floats do.
    gap = pl.col("gap_to_forecast").cast(pl.Float64)
    near = pl.col("forecast").cast(pl.Float64).abs() * float(NEAR)
    return (
        pl.when(pl.col("gap_to_budget") > ZERO)
        .then(pl.lit("over_budget"))
        .when(gap.is_null())
        .then(pl.lit("no_forecast"))
        .when(gap.abs() <= near)
        .then(pl.lit("on_forecast"))
        .when(gap > 0)
        .then(pl.lit("above_forecast"))
        .otherwise(pl.lit("below_forecast"))
    )
