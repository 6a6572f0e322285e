"""Gaps add up, to the last digit, and compare like with like."""

from __future__ import annotations

from datetime import date, timedelta
from decimal import Decimal

import polars as pl
from hypothesis import given, settings
from hypothesis import strategies as st

from finops.budgets import Budget
from finops.forecasts.daily import BACKTEST_MODEL
from finops.forecasts.daily import SCHEMA as FORECAST
from finops.gaps import gap_daily, gap_drivers, gap_monthly

AS_OF = date(2026, 10, 3)
SPEND = pl.Schema(
    {
        "charge_date": pl.Date(),
        "provider_name": pl.String(),
        "sub_account_id": pl.String(),
        "team": pl.String(),
        "ml_project": pl.String(),
        "ml_model": pl.String(),
        "ml_stage": pl.String(),
        "cost": pl.Decimal(38, 18),
    }
)
Row = tuple[date, str, str | None, str | None, str, Decimal]


def spend(rows: list[Row]) -> pl.DataFrame:
    full = [
        (day, provider, "acct", team, project, None, stage, cost) for day, provider, team, project, stage, cost in rows
    ]
    return pl.DataFrame(full, schema=SPEND, orient="row")


def forecasts(rows: list[Row], model: str = BACKTEST_MODEL) -> pl.DataFrame:
    """Forecasts made on the first of their months."""
    full = [
        (day.replace(day=1), provider, team, project, stage, day, cost, None, None, None, None, model, "USD")
        for day, provider, team, project, stage, cost in rows
    ]
    return pl.DataFrame(full, schema=FORECAST, orient="row")


def days(month: date, count: int, *series: str | None, cost: str) -> list[Row]:
    provider, team, project, stage = series
    assert provider is not None
    assert stage is not None
    return [(month + timedelta(days=i), provider, team, project, stage, Decimal(cost)) for i in range(count)]


SEARCH = ("AWS", "nlp", "search", "training")
NAMELESS = ("AWS", None, None, "unattributed")
SEPTEMBER, OCTOBER = date(2026, 9, 1), date(2026, 10, 1)
CAME = spend(
    days(date(2026, 8, 30), 2, *SEARCH, cost="9")
    + days(SEPTEMBER, 30, *SEARCH, cost="10")
    + days(SEPTEMBER, 30, *NAMELESS, cost="1.000000000000000001")
    + days(OCTOBER, 5, *SEARCH, cost="12")  # the last three lie after as_of
)
EXPECTED = forecasts(days(SEPTEMBER, 30, *SEARCH, cost="8") + days(OCTOBER, 31, *SEARCH, cost="11"))


def month(frame: pl.DataFrame, period: str, kind: str = "series") -> list[dict[str, object]]:
    return frame.filter((pl.col("billing_period") == period) & (pl.col("scope_kind") == kind)).to_dicts()


def test_a_gap_is_what_came_minus_what_was_expected() -> None:
    monthly = gap_monthly(CAME, EXPECTED, [], AS_OF, "USD")
    nameless, search = month(monthly, "2026-09")
    assert (search["forecast"], search["actual"], search["gap_to_forecast"]) == (240, 300, 60)
    assert (search["state"], search["forecast_as_of"], search["budget"]) == (
        "above_forecast",
        SEPTEMBER,
        None,
    )
    # The basis did not name this series: nothing was expected of it.
    assert (nameless["team"], nameless["forecast"]) == (None, 0)
    assert nameless["gap_to_forecast"] == Decimal("30.000000000000000030")


def test_the_open_month_compares_the_days_that_have_happened() -> None:
    (search,) = month(gap_monthly(CAME, EXPECTED, [], AS_OF, "USD"), "2026-10")
    assert (search["forecast"], search["actual"], search["gap_to_forecast"]) == (22, 24, 2)
    assert search["forecast_month"] == 341
    assert gap_daily(CAME, EXPECTED, AS_OF)["charge_date"].max() == date(2026, 10, 2)


def test_a_month_without_a_forecast_has_no_gap() -> None:
    (search,) = month(gap_monthly(CAME, EXPECTED, [], AS_OF, "USD"), "2026-08")
    assert (search["actual"], search["forecast"], search["gap_to_forecast"]) == (18, None, None)
    assert search["state"] == "no_forecast"
    assert gap_daily(CAME, EXPECTED, AS_OF)["charge_date"].min() == SEPTEMBER


def test_a_budget_has_a_row_of_its_own() -> None:
    budgets = [
        Budget("team", {"team": "nlp"}, "USD", monthly=Decimal(250)),
        Budget("account", {"account": "acct"}, "USD", amounts={"2026-09": Decimal(1000)}),
        Budget("euro", {"team": "nlp"}, "EUR", monthly=Decimal(1)),
        Budget(
            "series",
            {"provider": "aws", "team": "nlp", "project": "search", "ml_stage": "training"},
            "USD",
            monthly=Decimal(400),
        ),
    ]
    monthly = gap_monthly(CAME, EXPECTED, budgets, AS_OF, "USD")
    rows = {str(row["budget_name"]): row for row in month(monthly, "2026-09", "budget")}
    assert (rows["team"]["gap_to_budget"], rows["team"]["gap_to_forecast"]) == (50, 60)
    assert (rows["team"]["state"], rows["team"]["team"], rows["team"]["provider_name"]) == (
        "over_budget",
        "nlp",
        None,
    )
    assert rows["account"]["actual"] == Decimal("330.000000000000000030")
    assert (rows["account"]["forecast"], rows["account"]["state"]) == (None, "no_forecast")
    assert (rows["euro"]["budget"], rows["euro"]["gap_to_budget"]) == (None, None)
    _, search = month(monthly, "2026-09")
    assert (search["budget_name"], search["budget"], search["gap_to_budget"]) == ("series", 400, -100)
    assert [row["budget_name"] for row in month(monthly, "2026-10", "budget")] == ["euro", "series", "team"]


def test_a_forecast_really_made_goes_before_a_backtest() -> None:
    real = forecasts(days(SEPTEMBER, 30, *SEARCH, cost="9"), "profile")
    _, search = month(gap_monthly(CAME, pl.concat([EXPECTED, real]), [], AS_OF, "USD"), "2026-09")
    assert search["forecast"] == 270


def test_nothing_in_nothing_out() -> None:
    nothing = gap_monthly(CAME.clear(), EXPECTED.clear(), [Budget("b", {}, "USD", monthly=Decimal(1))], AS_OF, "USD")
    assert nothing.is_empty()
    assert gap_drivers(nothing).is_empty()
    assert gap_daily(CAME.clear(), EXPECTED.clear(), AS_OF).is_empty()


amounts = st.decimals("-1000000", "1000000", places=18).filter(lambda amount: amount != 0)
rows = st.lists(
    st.tuples(
        st.dates(date(2026, 8, 15), date(2026, 10, 10)),
        st.sampled_from(["AWS", "Google Cloud"]),
        st.sampled_from(["nlp", "vision", None]),
        st.sampled_from(["search", "ads", None]),
        st.sampled_from(["training", "inference"]),
        amounts,
    ),
    max_size=40,
)


@given(rows, rows)
@settings(max_examples=40, deadline=None)
def test_days_series_and_drivers_add_up_to_the_same_gap(came: list[Row], expected: list[Row]) -> None:
    known = {(row[:5]): row for row in expected}  # a forecast has one row per series and day
    actual, basis = spend(came), forecasts(list(known.values()))
    monthly = gap_monthly(actual, basis, [], AS_OF, "USD").filter(pl.col("scope_kind") == "series")
    months = {row[0].replace(day=1) for row in known.values()}
    gap = sum((row[5] for row in came if row[0] < AS_OF and row[0].replace(day=1) in months), Decimal(0))
    gap -= sum((row[5] for row in known.values() if row[0] < AS_OF), Decimal(0))
    assert gap_daily(actual, basis, AS_OF)["gap"].sum() == gap
    assert (monthly["gap_to_forecast"].sum() or 0) == gap
    drivers = gap_drivers(monthly)
    scopes = ["billing_period", "team", "ml_stage"]
    sums = drivers.group_by(scopes).agg(pl.col("amount").sum())
    compared = (
        monthly.filter(pl.col("gap_to_forecast").is_not_null())
        .group_by(scopes)
        .agg(pl.col("gap_to_forecast").sum())
        .join(sums, on=scopes, how="left", nulls_equal=True)
    )
    for row in compared.iter_rows(named=True):
        assert row["gap_to_forecast"] == (row["amount"] or 0)
    assert monthly["actual"].sum() == sum((row[5] for row in came if row[0] < AS_OF), Decimal(0))
