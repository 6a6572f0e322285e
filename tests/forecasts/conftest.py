"""Made-up spend with a known law."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import date, timedelta
from decimal import Decimal

import numpy as np
import polars as pl
import pytest

SCHEMA = pl.Schema(
    {
        "charge_date": pl.Date(),
        "provider_name": pl.String(),
        "team": pl.String(),
        "ml_project": pl.String(),
        "ml_stage": pl.String(),
        "cost": pl.Decimal(38, 18),
    }
)
Cost = Callable[[date], float]


def frame(costs: dict[tuple[str | None, ...], Cost], start: date, end: date) -> pl.DataFrame:
    """A row per series and day from start to end (exclusive) on which the series costs anything."""
    days = [start + timedelta(days=i) for i in range((end - start).days)]
    rows = [
        (day, *series, Decimal(repr(round(cost(day), 6))))
        for series, cost in costs.items()
        for day in days
        if cost(day) != 0
    ]
    return pl.DataFrame(rows, schema=SCHEMA, orient="row")


def noisy(seed: int, level: float, noise: float, weekend: float = 0.5) -> Cost:
    """Weekdays at `level`, weekends at a share of it, log-normal noise."""
    stream = np.random.default_rng(seed)
    factor: dict[date, float] = {}

    def cost(day: date) -> float:
        if day not in factor:
            factor[day] = float(np.exp(stream.normal(0, noise)))
        return level * (weekend if day.weekday() >= 5 else 1.0) * factor[day]

    return cost


@pytest.fixture(scope="session")
def company() -> pl.DataFrame:
    """24 series of four teams on two providers, 13 months to 20 October 2026; one series has no team."""
    series: dict[tuple[str | None, ...], Cost] = {}
    stages: Sequence[str] = ("training", "inference", "data_preparation")
    for i in range(24):
        team = None if i == 23 else ("nlp", "vision", "recsys", "platform")[i % 4]
        key = (("AWS", "Google Cloud")[i % 2], team, None if i % 5 == 0 else f"project-{i}", stages[i % 3])
        series[key] = noisy(i, 100.0 * (1 + i), 0.05 + 0.01 * (i % 10))
    return frame(series, date(2025, 9, 20), date(2026, 10, 21))
