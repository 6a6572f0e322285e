"""Past forecasts, scored against what came."""

from __future__ import annotations

from datetime import date

import numpy as np
import polars as pl

from finops.forecasts.basis import basis_forecasts
from finops.forecasts.intervals import Surprises
from finops.forecasts.outlook import scope_surprises
from finops.forecasts.panel import MONEY, Floats, Panel, build_panel
from finops.forecasts.profile import Walk, walk

SCOPES = {"provider": "provider_name", "team": "team", "project": "ml_project", "ml_stage": "ml_stage"}
SCHEMA = pl.Schema(
    {
        "as_of": pl.Date(),
        "billing_period": pl.String(),
        "scope": pl.String(),
        "forecast": MONEY,
        "actual": MONEY,
        "error": MONEY,
        "within80": pl.Boolean(),
        "within95": pl.Boolean(),
        "model": pl.String(),
        "currency": pl.String(),
    }
)


def accuracy(forecasts: pl.DataFrame, daily: pl.DataFrame, as_of: date) -> pl.DataFrame:
    """Each closed month's basis forecast (see `basis_forecasts`), scored at month totals.

    A scope is 'total', or 'team=nlp' and the like for provider, team, project and ml_stage ('team is null'
    for spend without one); scopes that the forecast did not name have no row. error = actual − forecast.
    within80 and within95: whether the total fell into the conformal bounds that the history before the month
    gives; null where it was too short for bounds, or where the forecast was not made on the month's first
    day. A month is closed when it ends no later than `as_of`. `as_of` of a row is the forecast's.
    """
    month_end = pl.col("month").dt.offset_by("1mo")
    basis = basis_forecasts(forecasts).filter(month_end <= as_of)
    if basis.is_empty():
        return SCHEMA.to_frame()
    actuals = daily.filter(pl.col("charge_date") < as_of).with_columns(
        pl.col("charge_date").dt.month_start().alias("month")
    )
    expected = _by_scope(basis, "forecast").join(
        basis.group_by("month").agg(
            pl.col("as_of").first(),
            pl.col("model").min(),
            pl.col("currency").first(),
        ),
        on="month",
    )
    came = _by_scope(actuals.rename({"cost": "actual"}), "actual")
    scored = (
        expected.join(came, on=["month", "scope"], how="left")
        .with_columns(pl.col("actual").fill_null(0).cast(MONEY))
        .with_columns((pl.col("actual") - pl.col("forecast")).cast(MONEY).alias("error"))
        .sort("month", "scope")
    )
    within = _within(scored, build_panel(daily, as_of))
    return scored.with_columns(
        pl.col("month").dt.strftime("%Y-%m").alias("billing_period"),
        *(pl.Series(name, hits, dtype=pl.Boolean) for name, hits in within.items()),
    ).select(SCHEMA.names())


def _label(key: str, name: str) -> pl.Expr:
    named = pl.concat_str(pl.lit(f"{key}="), pl.col(name))  # null where the value is
    return named.fill_null(f"{key} is null")


def _by_scope(rows: pl.DataFrame, amount: str) -> pl.DataFrame:
    """month, scope, and the sum of the amount."""
    labels = {"total": pl.lit("total"), **{key: _label(key, name) for key, name in SCOPES.items()}}
    return pl.concat(
        rows.group_by("month", label.alias("scope")).agg(pl.col(amount).sum().cast(MONEY)) for label in labels.values()
    )


def _within(scored: pl.DataFrame, panel: Panel) -> dict[str, list[bool | None]]:
    """Per scored row whether its error lay within the bounds known on its month's first morning."""
    names, member = _membership(panel.keys)
    walked = walk(panel.values, panel.start, ())
    known = {
        month: _known(panel, walked, names, member, month)
        for month, as_of in scored.select("month", "as_of").unique().iter_rows()
        if month == as_of
    }
    hits: dict[str, list[bool | None]] = {"within80": [], "within95": []}
    for month, scope, error in scored.select("month", "scope", "error").iter_rows():
        surprises = known.get(month, {}).get(scope)
        for share, column in ((0.80, "within80"), (0.95, "within95")):
            bounds = surprises.bounds(share) if surprises else None
            hits[column].append(bounds[0] <= float(error) <= bounds[1] if bounds else None)
    return hits


def _known(panel: Panel, walked: Walk, names: list[str], member: Floats, month: date) -> dict[str, Surprises]:
    morning = panel.index(month)
    if not 0 <= morning <= panel.days or not names:
        return {}
    return dict(zip(names, scope_surprises(panel, walked, member, morning), strict=True))


def _membership(keys: pl.DataFrame) -> tuple[list[str], Floats]:
    """The scopes' labels, and a scopes × series matrix of 0 and 1."""
    labels = keys.select(pl.lit("total").alias("total"), *(_label(k, n).alias(k) for k, n in SCOPES.items()))
    found: dict[str, Floats] = {}
    for values in labels.iter_columns():
        for label in values.unique().sort().to_list():
            found[str(label)] = (values == label).to_numpy().astype(np.float64)
    return list(found), np.array(list(found.values())) if found else np.empty((0, 0))
