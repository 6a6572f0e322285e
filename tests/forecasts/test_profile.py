"""The profile finds what a series is made of, and never looks ahead."""

from __future__ import annotations

from datetime import date, timedelta

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from finops.forecasts.panel import calendar, month_starts, next_month
from finops.forecasts.profile import project, walk

START = date(2025, 1, 1)


def days(count: int) -> list[date]:
    return [START + timedelta(days=i) for i in range(count)]


def test_calendar_agrees_with_python() -> None:
    dates = days(800)
    known = calendar(START, 800)
    assert known.weekday.tolist() == [day.weekday() for day in dates]
    assert known.day.tolist() == [day.day for day in dates]
    assert known.left.tolist() == [(next_month(day) - day).days for day in dates]
    assert [day for day, slot in zip(dates, known.slot, strict=True) if slot == 30] == [
        next_month(day) - timedelta(days=1) for day in month_starts(START, dates[-1]) if next_month(day) <= dates[-1]
    ]


def test_a_week_that_repeats_is_forecast_nearly_exactly() -> None:
    week = np.array([100.0, 110.0, 105.0, 95.0, 90.0, 20.0, 0.0])
    spend = np.array([week[day.weekday()] for day in days(400)])[None, :]
    path = project(walk(spend, START, {400}).origins[400], START + timedelta(days=400), 14)
    truth = np.array([week[(START + timedelta(days=400 + i)).weekday()] for i in range(14)])
    assert path[0] == pytest.approx(truth, rel=0.03, abs=5)  # an even week is mixed in
    assert path.sum() == pytest.approx(truth.sum(), rel=0.005)


@pytest.mark.parametrize(("fee_day", "fee_on"), [(1, (1,)), (15, (15,)), (31, (28, 30, 31))])
def test_a_monthly_fee_is_taken_out_of_the_level_and_put_back_on_its_day(fee_day: int, fee_on: tuple[int, ...]) -> None:
    def is_fee(day: date) -> bool:
        return (day + timedelta(days=1)).day == 1 if fee_day == 31 else day.day == fee_day

    spend = np.array([[10.0 + (900.0 if is_fee(day) else 0.0) for day in days(365)]])
    path = project(walk(spend, START, {365}).origins[365], date(2026, 1, 1), 59)[0]
    ahead = [date(2026, 1, 1) + timedelta(days=i) for i in range(59)]
    for day, cost in zip(ahead, path, strict=True):
        assert cost == pytest.approx(910.0 if is_fee(day) else 10.0, rel=0.05), day
        assert not is_fee(day) or day.day in fee_on


def test_one_wild_day_hardly_moves_the_level_but_a_step_does() -> None:
    rng = np.random.default_rng(1)
    calm = 100 + rng.normal(0, 3, 200)
    spike, step = calm.copy(), calm.copy()
    spike[195] = 5_000
    step[180:] += 300
    spend = np.vstack([calm, spike, step])
    level = walk(spend, START, {200}).origins[200].level
    assert level[1] == pytest.approx(level[0], rel=0.05)
    assert level[2] > 300


def test_the_rest_of_the_month_is_the_sum_of_the_days_forecast() -> None:
    spend = np.random.default_rng(2).gamma(2, 50, (3, 150))
    walked = walk(spend, START, set(range(60, 151)))
    for t in range(60, 151):
        day = START + timedelta(days=t)
        path = project(walked.origins[t], day, (next_month(day) - day).days)
        assert walked.remaining[t] == pytest.approx(path.sum(axis=1))


spends = arrays(np.float64, (3, 90), elements=st.floats(0, 1e6).map(lambda v: round(v, 2)))


@given(spends, st.integers(30, 89), st.floats(0, 1e7))
@settings(max_examples=25, deadline=None)
def test_no_morning_sees_its_day_or_a_later_one(spend: np.ndarray, t: int, other: float) -> None:
    changed = spend.copy()
    changed[:, t:] = other
    before, after = walk(spend, START, {t}), walk(changed, START, {t})
    assert np.array_equal(before.remaining[: t + 1], after.remaining[: t + 1])
    assert np.array_equal(project(before.origins[t], START, 62), project(after.origins[t], START, 62))


@given(spends, st.sampled_from([0.5, 2.0, 1024.0]))
@settings(max_examples=25, deadline=None)
def test_the_unit_of_money_does_not_matter(spend: np.ndarray, factor: float) -> None:
    one, other = walk(spend, START, {90}), walk(spend * factor, START, {90})
    assert np.allclose(one.remaining * factor, other.remaining, rtol=1e-9)


@given(spends)
@settings(max_examples=15, deadline=None)
def test_each_series_is_forecast_on_its_own(spend: np.ndarray) -> None:
    together = walk(spend, START, set()).remaining
    alone = np.hstack([walk(spend[i : i + 1], START, set()).remaining for i in range(3)])
    assert np.allclose(together, alone, rtol=1e-12, atol=1e-9)
