"""Daily forecasts, backtests, outlooks and accuracy over a small company."""

from __future__ import annotations

from datetime import date, timedelta
from decimal import Decimal
from itertools import pairwise

import polars as pl
import pytest

from finops.forecasts import accuracy, backtests, basis_forecasts, forecast, month_outlook
from finops.forecasts.panel import SERIES

from .conftest import frame, noisy

AS_OF = date(2026, 10, 21)
BOUNDS = ["low95", "low80", "forecast", "high80", "high95"]


def test_every_series_is_forecast_to_the_end_of_next_month(company: pl.DataFrame) -> None:
    found = forecast(company, AS_OF, currency="USD")
    assert found.height == company.select(SERIES).unique().height * (11 + 30)
    assert (found["charge_date"].min(), found["charge_date"].max()) == (AS_OF, date(2026, 11, 30))
    assert set(found["model"]) == {"profile"}
    assert set(found["currency"]) == {"USD"}
    assert found.null_count().select("forecast", "low80", "high95").sum_horizontal().item() == 0
    for low, high in pairwise(BOUNDS):
        assert found.filter(pl.col(low) > pl.col(high)).is_empty()
    assert found.filter(pl.col("low95") < 0).is_empty()


def test_what_comes_later_changes_nothing(company: pl.DataFrame) -> None:
    as_of = date(2026, 7, 10)
    doubled = company.with_columns(
        pl.when(pl.col("charge_date") >= as_of)
        .then(pl.col("cost") * 2)
        .otherwise("cost")
        .cast(pl.Decimal(38, 18))
        .alias("cost")
    )
    history = company.filter(pl.col("charge_date") < as_of)
    expected = forecast(history, as_of, currency="USD")
    assert forecast(company, as_of, currency="USD").equals(expected)
    assert forecast(doubled, as_of, currency="USD").equals(expected)
    assert backtests(doubled, as_of, "USD").equals(backtests(history, as_of, "USD"))
    ours, theirs = (month_outlook(spend, as_of, {"all": {}})["all"] for spend in (company, history))
    assert ours.forecast_total == theirs.forecast_total
    assert ours.bounds() == theirs.bounds()


def test_a_backtest_is_the_forecast_of_that_day(company: pl.DataFrame) -> None:
    month = date(2026, 9, 1)
    backtest = backtests(company, AS_OF, "USD").filter(pl.col("as_of") == month)
    real = forecast(company, month, currency="USD").filter(pl.col("charge_date") < date(2026, 10, 1))
    keys = [*SERIES, "charge_date"]
    columns = ["as_of", *keys, "forecast"]
    assert backtest.sort(keys).select(columns).equals(real.sort(keys).select(columns))
    months = backtests(company, AS_OF, "USD")["as_of"].unique().sort().to_list()
    assert months[0] == date(2025, 11, 1)  # 20 September + 28 days: October has too little before it
    assert months[-1] == date(2026, 10, 1)


def test_a_short_history_says_so_and_has_no_bounds() -> None:
    daily = frame({("AWS", "nlp", None, "training"): noisy(1, 100, 0.1)}, date(2026, 10, 1), AS_OF)
    found = forecast(daily, AS_OF, currency="USD")
    assert set(found["model"]) == {"profile-short"}
    assert found["low80"].null_count() == found["high95"].null_count() == found.height
    outlook = month_outlook(daily, AS_OF, {"nlp": {"team": "nlp"}})["nlp"]
    assert outlook.bounds() is None
    assert outlook.p_over(Decimal(10**9)) is None
    assert outlook.p_over(Decimal(1)) == 1.0  # already spent


def test_no_history_is_no_forecast(company: pl.DataFrame) -> None:
    nothing = company.clear()
    assert forecast(nothing, AS_OF, currency="USD").is_empty()
    assert backtests(nothing, AS_OF, "USD").is_empty()
    assert month_outlook(nothing, AS_OF, {"all": {}}) == {}
    assert accuracy(backtests(nothing, AS_OF, "USD"), nothing, AS_OF).is_empty()


def test_an_outlook_adds_up_to_the_days_forecast(company: pl.DataFrame) -> None:
    outlook = month_outlook(company, AS_OF, {"nlp": {"team": "nlp"}, "all": {}})
    by_day = forecast(company, AS_OF, currency="USD").filter(pl.col("charge_date") < date(2026, 11, 1))
    october = company.filter(pl.col("charge_date") >= date(2026, 10, 1))
    for name, rows in (("nlp", pl.col("team") == "nlp"), ("all", pl.lit(True))):
        found = outlook[name]
        assert found.actual == sum(october.filter(rows)["cost"].to_list())
        expected = sum(by_day.filter(rows)["forecast"].to_list())
        assert found.forecast_total - found.actual == pytest.approx(expected, abs=Decimal("0.001"))
        low, high = found.bounds() or (None, None)
        assert low is not None
        assert high is not None
        assert low < found.forecast_total < high


def test_the_crossing_date_is_the_first_day_over_the_amount() -> None:
    daily = frame({("AWS", "nlp", None, "training"): lambda _: 10.0}, date(2026, 1, 1), AS_OF)
    outlook = month_outlook(daily, AS_OF, {"nlp": {"team": "nlp"}})["nlp"]
    assert outlook.actual == 200
    assert outlook.crossing_date(Decimal(95)) == date(2026, 10, 10)
    assert outlook.crossing_date(Decimal("199.99")) == date(2026, 10, 20)
    assert outlook.crossing_date(Decimal(255)) == date(2026, 10, 26)
    assert outlook.crossing_date(Decimal(320)) is None


def test_the_basis_is_the_latest_forecast_before_the_month_and_a_real_one_first(
    company: pl.DataFrame,
) -> None:
    september, october = date(2026, 9, 1), date(2026, 10, 1)
    backtest = backtests(company, AS_OF, "USD")
    early = forecast(company, september - timedelta(days=5), currency="USD")
    real = forecast(company, september, currency="USD")
    late = forecast(company, AS_OF, currency="USD")
    basis = basis_forecasts(pl.concat([backtest, late, real, early]))
    made = {
        month: (as_of, model) for month, as_of, model in basis.select("month", "as_of", "model").unique().iter_rows()
    }
    assert made[september] == (september, "profile")
    assert made[october] == (october, "profile (backtest)")
    assert made[date(2026, 8, 1)] == (date(2026, 8, 1), "profile (backtest)")
    assert made[date(2026, 11, 1)] == (AS_OF, "profile")
    alone = basis_forecasts(early)
    assert alone["month"].unique().to_list() == [september]


def test_accuracy_scores_closed_months_against_what_came(company: pl.DataFrame) -> None:
    scored = accuracy(backtests(company, AS_OF, "USD"), company, AS_OF)
    assert scored["billing_period"].unique().sort().to_list() == ["2025-11", "2025-12"] + [
        f"2026-{month:02}" for month in range(1, 10)
    ]
    september = company.filter(pl.col("charge_date").dt.strftime("%Y-%m") == "2026-09")
    rows = {row["scope"]: row for row in scored.filter(pl.col("billing_period") == "2026-09").iter_rows(named=True)}
    assert rows["total"]["actual"] == sum(september["cost"].to_list())
    assert rows["team=nlp"]["actual"] == sum(september.filter(pl.col("team") == "nlp")["cost"].to_list())
    assert rows["team is null"]["actual"] == sum(september.filter(pl.col("team").is_null())["cost"].to_list())
    for row in scored.iter_rows(named=True):
        assert row["error"] == row["actual"] - row["forecast"]
    assert rows["total"]["within80"] is not None
    assert scored.filter(pl.col("billing_period") == "2026-01")["within80"].null_count() > 0
    for period in ("2026-08", "2026-09"):
        of_month = scored.filter(pl.col("billing_period") == period)
        teams = of_month.filter(pl.col("scope").str.starts_with("team"))
        total = of_month.filter(pl.col("scope") == "total")
        assert teams["forecast"].sum() == total["forecast"].item()
    assert abs(float(rows["total"]["error"])) < 0.05 * float(rows["total"]["actual"])
