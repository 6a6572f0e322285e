"""The bounds hold what they promise, and promise nothing they cannot know."""

from __future__ import annotations

from datetime import date, timedelta

import numpy as np
import pytest

from finops.forecasts.intervals import Surprises, conformal_quantiles, day_scale, rest_surprises, surprises_at
from finops.forecasts.panel import calendar
from finops.forecasts.profile import walk

START = date(2025, 1, 1)


def test_quantiles_are_the_order_statistics_of_split_conformal() -> None:
    # With 9 scores and 80 %, the new one is equally likely in each of 10 gaps: the outer two are left out.
    scores = np.arange(1.0, 10.0)[None, :]
    low, high = conformal_quantiles(scores, 0.80)
    assert (low[0], high[0]) == (1.0, 9.0)
    assert np.isnan(conformal_quantiles(scores[:, :8], 0.80)[0][0])
    padded = np.append(scores, [[np.nan, np.nan]], axis=1)
    assert conformal_quantiles(padded, 0.80)[1][0] == 9.0
    assert np.isnan(conformal_quantiles(np.empty((1, 0)), 0.80)[0][0])


def test_the_share_promised_is_the_share_held_when_scores_are_exchangeable() -> None:
    rng = np.random.default_rng(3)
    scores = np.sort(rng.standard_t(3, (4_000, 99)), axis=1)
    new = rng.standard_t(3, 4_000)
    for share in (0.80, 0.95):
        low, high = conformal_quantiles(scores, share)
        held = np.mean((low <= new) & (new <= high))
        assert held == pytest.approx(share, abs=0.02)


def test_day_scale_is_the_standard_deviation_of_the_56_days_before() -> None:
    spend = np.random.default_rng(4).gamma(2, 10, (2, 120))
    scale = day_scale(spend)
    for t in (56, 90, 120):
        assert scale[t] == pytest.approx(spend[:, t - 56 : t].std(axis=1))
    assert np.isnan(scale[27]).all()
    assert np.isfinite(scale[28]).all()
    assert np.isnan(day_scale(np.zeros((1, 100)))).all()
    assert day_scale(np.full((1, 100), 50.0))[100] == pytest.approx([1.0])  # 2 % of the mean, never 0


def test_a_surprise_needs_its_month_to_be_over() -> None:
    spend = np.random.default_rng(5).gamma(2, 10, (2, 100))  # to 10 April
    dates = calendar(START, 140)
    scores = rest_surprises(spend, walk(spend, START, set()).remaining, dates, day_scale(spend))
    assert np.isnan(scores[90:]).all()
    assert np.isfinite(scores[40:90]).all()


def test_less_than_six_closed_months_know_nothing() -> None:
    spend = np.random.default_rng(6).gamma(2, 10, (30, 365))
    dates = calendar(START, 400)
    scale = day_scale(spend)
    scores = rest_surprises(spend, walk(spend, START, set()).remaining, dates, scale)
    young, old = date(2025, 6, 10), date(2025, 11, 10)
    for day, known in ((young, False), (old, True)):
        found = surprises_at(scores, scale, dates, (day - START).days)
        assert {surprise.known for surprise in found} == {known}
        assert (found[0].bounds(0.8) is not None) is known
        assert (found[0].above(0.0) is not None) is known


def test_month_totals_fall_into_their_bounds_as_often_as_promised() -> None:
    rng = np.random.default_rng(7)
    n, days = 60, 600
    week = 1 - 0.4 * (calendar(START, days).weekday >= 5)
    drift = np.exp(np.cumsum(rng.normal(0, 0.02, (n, days)), axis=1))
    spend = rng.uniform(50, 500, (n, 1)) * week * drift * np.exp(rng.normal(0, 0.15, (n, days)))
    dates = calendar(START, days + 40)
    scale = day_scale(spend)
    scores = rest_surprises(spend, walk(spend, START, set()).remaining, dates, scale)
    held: dict[float, list[bool]] = {0.80: [], 0.95: []}
    for t in range(300, days):
        if dates.day[t] not in (1, 8, 15, 22) or t + dates.left[t] > days:
            continue
        unit = np.sqrt(dates.left[t]) * scale[t]
        for i, surprise in enumerate(surprises_at(scores, scale, dates, t)):
            for share, hits in held.items():
                low, high = surprise.bounds(share) or (np.nan, np.nan)
                hits.append(bool(low <= scores[t, i] * unit[i] <= high))
    assert np.mean(held[0.80]) == pytest.approx(0.80, abs=0.05)
    assert np.mean(held[0.95]) == pytest.approx(0.95, abs=0.03)


def test_probability_falls_as_the_amount_grows() -> None:
    surprise = Surprises(np.sort(np.random.default_rng(8).normal(0, 1, 99)), 10.0)
    found = [surprise.above(distance) or 0.0 for distance in range(-50, 51, 5)]
    assert found == sorted(found, reverse=True)
    assert found[0] == pytest.approx(0.995)
    assert surprise.above(0.0) == pytest.approx(0.5, abs=0.15)
    assert Surprises(np.empty(0), 10.0).above(1.0) is None
    assert Surprises(np.ones(99), float("nan")).bounds(0.8) is None


def test_origins_older_than_a_year_are_forgotten() -> None:
    dates = calendar(START, 900)
    scores = np.zeros((800, 1))
    scores[:300] = 1e9
    t = (START + timedelta(days=780) - START).days
    assert surprises_at(scores, np.ones((801, 1)), dates, t)[0].scores.max() == 0
