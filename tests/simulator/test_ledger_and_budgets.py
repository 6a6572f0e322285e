"""The simulated cost ledger, the budgets, and the truth about overruns."""

from __future__ import annotations

import csv
from collections import defaultdict
from datetime import date, timedelta
from decimal import Decimal
from itertools import accumulate
from pathlib import Path
from typing import Any

import polars as pl
import pytest
import yaml

from finops.simulator import budgets, ledger
from finops.simulator.company import nimbus
from finops.simulator.timeline import timeline

LINE = timeline(12, date(2026, 10, 21))


def read(path: Path) -> list[dict[str, str]]:
    with path.open(encoding="utf-8") as file:
        return list(csv.DictReader(file))


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("ledger")
    (out / "truth").mkdir()
    return out


@pytest.fixture(scope="module")
def charges(folder: Path) -> pl.DataFrame:
    return pl.DataFrame(ledger.write(folder, nimbus(), LINE, 7).charges)


def test_the_ledger_spreads_to_the_truth(folder: Path, charges: pl.DataFrame) -> None:
    spread: defaultdict[tuple[date, str, str | None], Decimal] = defaultdict(Decimal)
    for row in read(folder / "ledger" / "costs.csv"):
        start, end = date.fromisoformat(row["start_date"]), date.fromisoformat(row["end_date"])
        share = Decimal(row["amount"]) / (end - start).days
        assert share == round(share, 2)
        assert start < end <= LINE.until
        for n in range((end - start).days):
            spread[start + timedelta(days=n), row["category"], row["team"] or None] += share
    totals = charges.group_by("charge_date", "line_type", "team").agg(pl.col("effective_cost").sum())
    assert {(day, kind, team): cost for day, kind, team, cost in totals.iter_rows()} == dict(spread)
    assert set(charges["line_type"]) == {"people", "labelling", "licence", "compliance", "hardware", "other"}


@pytest.fixture(scope="module")
def documents(folder: Path, charges: pl.DataFrame) -> dict[str, Any]:
    """A company whose cloud costs repeat the ledger's days, in the stages that budgets are about."""
    stages = ("retraining", "evaluation", "platform", "compliance", "monitoring", "experimentation")
    parts = [
        charges.with_columns(ml_stage=pl.lit(s), evidence=pl.lit("tag"), team=pl.lit(t))
        for s in stages
        for t in nimbus().teams
    ]
    count = budgets.write(folder, pl.concat([charges, *parts]).to_arrow(), nimbus(), LINE)
    found = yaml.safe_load((folder / "budgets.yaml").read_text(encoding="utf-8"))
    assert len(found["budgets"]) == count >= 10
    return {"budgets": found["budgets"], "charges": pl.concat([charges, *parts])}


def test_overruns_are_those_of_the_budgets(folder: Path, documents: dict[str, Any]) -> None:
    expected: list[tuple[str, str, Decimal, Decimal, str]] = []
    for budget in documents["budgets"]:
        spent: defaultdict[date, Decimal] = defaultdict(Decimal)
        for row in documents["charges"].iter_rows(named=True):
            if row["team"] == budget["scope"]["team"] and row["ml_stage"] == budget["scope"].get(
                "ml_stage", row["ml_stage"]
            ):
                spent[row["charge_date"]] += row["effective_cost"]
        for month in LINE.months:
            amount = Decimal(budget["monthly"] if "monthly" in budget else budget["amount"][month.period])
            days = [d for d in sorted(spent) if month.start <= d < month.end]
            to_date = accumulate(spent[d] for d in days)
            over = [d for d, total in zip(days, to_date, strict=True) if total > amount]
            if over:
                actual = sum(spent[d] for d in days)
                expected.append((budget["name"], month.period, amount, actual, over[0].isoformat()))
    told = [
        (r["budget"], r["billing_period"], Decimal(r["amount"]), Decimal(r["actual"]), r["crossing_date"])
        for r in read(folder / "truth" / "overruns.csv")
    ]
    assert told == expected
    assert all(
        Decimal(r["overrun"]) == Decimal(r["actual"]) - Decimal(r["amount"])
        for r in read(folder / "truth" / "overruns.csv")
    )


def test_some_months_are_over_and_most_are_not(folder: Path, documents: dict[str, Any]) -> None:
    over = {(r["budget"], r["billing_period"]) for r in read(folder / "truth" / "overruns.csv")}
    assert {period == "2026-10" for _, period in over} == {True, False}
    assert len(over) < len(documents["budgets"]) * len(LINE.months) / 10


def test_planned_runs_come_after_the_data(folder: Path, documents: dict[str, Any]) -> None:
    assert documents
    runs = yaml.safe_load((folder / "planned_runs.yaml").read_text(encoding="utf-8"))["planned_runs"]
    models = {m.name: m for m in nimbus().models}
    for run in runs:
        assert LINE.until.isoformat() <= run["start"] < run["end"]
        assert Decimal(run["expected_cost"]) > 0
        assert models[run["model"]].team == run["team"]
