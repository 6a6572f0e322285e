"""Budgets are read strictly, and stand where their spend says."""

from __future__ import annotations

from datetime import date, timedelta
from decimal import Decimal
from typing import Any

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from finops.budgets import Budget, budget_lines, budget_status, overruns, parse_budgets
from finops.errors import ConfigError

AS_OF = date(2026, 10, 21)
SCHEMA = pl.Schema(
    {
        "charge_date": pl.Date(),
        "provider_name": pl.String(),
        "sub_account_id": pl.String(),
        "service_name": pl.String(),
        "team": pl.String(),
        "ml_project": pl.String(),
        "ml_model": pl.String(),
        "ml_stage": pl.String(),
        "cost": pl.Decimal(38, 18),
    }
)


def entry(**changes: object) -> dict[str, object]:
    whole: dict[str, object] = {"name": "nlp", "scope": {"team": "nlp"}, "monthly": 100, "currency": "USD"}
    return {key: value for key, value in {**whole, **changes}.items() if value is not ...}


def spend(end: date = AS_OF) -> pl.DataFrame:
    """Nlp trains for 10 a day and serves for 5, from October training costs 30; vision costs 7 a day."""
    rows: list[tuple[Any, ...]] = []
    for i in range((end - date(2025, 10, 1)).days):
        day = date(2025, 10, 1) + timedelta(days=i)
        training = 30 if day >= date(2026, 10, 1) else 10
        rows += [
            (day, "AWS", "012345678901", "EC2", "nlp", "search", "ranker", "training", Decimal(training)),
            (day, "AWS", "111122223333", "SageMaker", "nlp", "search", None, "inference", Decimal(5)),
            (day, "Google Cloud", "vision-prod", "GKE", "vision", None, None, "training", Decimal(7)),
        ]
    return pl.DataFrame(rows, schema=SCHEMA, orient="row")


def standing(budget: Budget, period: str = "2026-10", as_of: date = AS_OF) -> dict[str, Any]:
    status = budget_status([budget], spend(), as_of, "USD")
    return status.filter(pl.col("billing_period") == period).row(0, named=True)


def test_a_budget_is_read_exactly() -> None:
    by_month = entry(monthly=..., amount={"2026-09": "0.1", "2026-10": 0.1, "2026-11": 120000}, owner="leads")
    (budget,) = parse_budgets({"budgets": [by_month]}, "budgets.yaml")
    assert budget.amounts == {
        "2026-09": Decimal("0.1"),
        "2026-10": Decimal("0.1"),
        "2026-11": Decimal(120000),
    }
    assert (budget.name, budget.scope, budget.owner) == ("nlp", {"team": "nlp"}, "leads")
    assert budget.amount("2026-12") is None
    assert parse_budgets(None, "budgets.yaml") == parse_budgets({"budgets": []}, "budgets.yaml") == []
    (account,) = parse_budgets({"budgets": [entry(scope={"account": 111122223333})]}, "budgets.yaml")
    assert account.scope == {"account": "111122223333"}


@pytest.mark.parametrize(
    ("document", "said"),
    [
        ({"budget": []}, "did you mean 'budgets'"),
        ({"budgets": [entry(curency="USD")]}, "did you mean 'currency'"),
        ({"budgets": [entry(scope={"mlstage": "training"})]}, "did you mean 'ml_stage'"),
        ({"budgets": [entry(scope=...)]}, "scope is missing"),
        ({"budgets": [entry(name=...)]}, "name is missing"),
        ({"budgets": [entry(), entry()]}, "two budgets are called 'nlp'"),
        ({"budgets": [entry(amount={"2026-09": 1})]}, "either amount or monthly"),
        ({"budgets": [entry(monthly=...)]}, "either amount or monthly"),
        ({"budgets": [entry(monthly=0)]}, "not a positive amount"),
        ({"budgets": [entry(monthly=-5)]}, "not a positive amount"),
        ({"budgets": [entry(monthly="1e-19")]}, "not a positive amount"),
        ({"budgets": [entry(monthly=float("nan"))]}, "not a positive amount"),
        ({"budgets": [entry(monthly="12,000")]}, "not an amount"),
        ({"budgets": [entry(monthly=True)]}, "not an amount"),
        ({"budgets": [entry(monthly=..., amount={"2026-13": 1})]}, "no month"),
        ({"budgets": [entry(monthly=..., amount={})]}, "no amount"),
        ({"budgets": [entry(currency="usd")]}, "no currency"),
        ({"budgets": [entry(scope={"account": 1234567890})]}, "quotes"),
        ({"budgets": [entry(scope={"team": None})]}, "quotes"),
        ({"budgets": entry()}, "not a list"),
        ([entry()], "not a mapping"),
    ],
)
def test_a_mistake_is_named_with_its_place_and_remedy(document: object, said: str) -> None:
    with pytest.raises(ConfigError, match=said) as caught:
        parse_budgets(document, "budgets.yaml")
    assert "budgets.yaml" in (caught.value.where or "")
    assert caught.value.remedy


def test_lines_hold_every_month_of_an_amount_and_the_periods_of_a_monthly_one() -> None:
    budgets = [
        Budget("a", {"team": "nlp"}, "USD", amounts={"2026-12": Decimal(5)}),
        Budget("b", {}, "EUR", monthly=Decimal("7.25")),
    ]
    lines = budget_lines(budgets, ["2026-10", "2026-09"])
    assert lines.select("budget", "billing_period", "scope", "amount", "currency").rows() == [
        ("a", "2026-12", '{"team": "nlp"}', Decimal(5), "USD"),
        ("b", "2026-09", "{}", Decimal("7.25"), "EUR"),
        ("b", "2026-10", "{}", Decimal("7.25"), "EUR"),
    ]


def test_a_closed_month_is_measured_by_what_was_spent() -> None:
    row = standing(Budget("nlp", {"team": "nlp"}, "USD", monthly=Decimal(449)), "2026-09")  # 30 × 15 = 450
    assert (row["actual"], row["forecast_total"], row["state"], row["p_over"]) == (450, 450, "over", 1.0)
    assert row["crossing_date"] == date(2026, 9, 30)
    row = standing(Budget("nlp", {"team": "nlp"}, "USD", monthly=Decimal(450)), "2026-09")
    assert (row["state"], row["crossing_date"], row["p_over"]) == ("ok", None, 0.0)


@pytest.mark.parametrize(
    ("amount", "state", "crossing"),
    [
        (699, "over", date(2026, 10, 20)),  # 20 days at 35
        (700, "at_risk", date(2026, 10, 21)),
        (900, "at_risk", date(2026, 10, 26)),  # 700 + 35 × 6 = 910
        (2_000, "ok", None),
    ],
)
def test_the_open_month_is_measured_by_what_it_will_come_to(amount: int, state: str, crossing: date | None) -> None:
    row = standing(Budget("nlp", {"team": "nlp"}, "USD", monthly=Decimal(amount)))
    assert row["actual"] == 700
    assert float(row["forecast_total"]) == pytest.approx(31 * 35, rel=0.03)
    assert row["state"] == state
    assert row["crossing_date"] == crossing or (state == "at_risk" and abs(row["crossing_date"] - crossing).days <= 1)


@pytest.mark.parametrize(
    ("scope", "actual"),
    [
        ({"provider": "aws"}, 700),
        ({"account": "012345678901"}, 600),
        ({"model": "ranker"}, 600),
        ({"team": "nlp", "ml_stage": "inference"}, 100),
        ({"project": "search", "provider": "AWS"}, 700),
        ({}, 840),
    ],
)
def test_a_scope_holds_exactly_its_spend(scope: dict[str, str], actual: int) -> None:
    assert standing(Budget("b", scope, "USD", monthly=Decimal(10**6)))["actual"] == actual


def test_nothing_is_said_of_another_currency_or_of_a_scope_without_spend() -> None:
    foreign = Budget("b", {"team": "nlp"}, "EUR", monthly=Decimal(1))
    typo = Budget("b", {"team": "npl"}, "USD", monthly=Decimal(1))
    for budget in (foreign, typo):
        row = standing(budget)
        assert row["state"] == "unknown"
        assert {row[name] for name in ("actual", "forecast_total", "forecast_low", "p_over", "crossing_date")} == {None}
        assert overruns(budget_status([budget], spend(), AS_OF, "USD"), spend(), [budget], AS_OF).is_empty()


def test_an_overrun_names_its_size_and_what_drove_it() -> None:
    budget = Budget("nlp", {"team": "nlp"}, "USD", monthly=Decimal(600), owner="leads")
    status = budget_status([budget], spend(), AS_OF, "USD")
    row = overruns(status, spend(), [budget], AS_OF).row(0, named=True)
    assert (row["billing_period"], row["state"], row["owner"]) == ("2026-10", "over", "leads")
    assert row["overrun"] == row["forecast_total"] - 600
    assert row["crossing_date"] == date(2026, 10, 18)  # 18 × 35 = 630
    # Account, model, service and stage all part the growth of 20 a day over 20 days in the same way.
    assert row["top_driver"] == "account=012345678901: +400.00 USD"
    fixed = Budget("x", {"team": "nlp", "account": "012345678901"}, "USD", monthly=Decimal(100))
    status = budget_status([fixed], spend(), AS_OF, "USD").filter(pl.col("billing_period") == "2026-10")
    assert overruns(status, spend(), [fixed], AS_OF)["top_driver"].to_list() == [
        "no part grew much: it usually costs 306.67 USD a month"  # 10 a day: 310, 310 and 300 in the months before
    ]


def test_days_from_as_of_on_are_not_looked_at() -> None:
    budget = Budget("nlp", {}, "USD", monthly=Decimal(500))
    later = spend(date(2026, 12, 1))
    assert budget_status([budget], later, AS_OF, "USD").equals(budget_status([budget], spend(), AS_OF, "USD"))


@given(st.lists(st.decimals("0.000000000000000001", "99999999999999999", places=18), min_size=1, max_size=20))
@settings(max_examples=20, deadline=None)
def test_actuals_are_exact_to_the_last_digit(costs: list[Decimal]) -> None:
    rows = [(date(2026, 9, 1 + i), "AWS", "a", "s", "t", None, None, "training", cost) for i, cost in enumerate(costs)]
    frame = pl.DataFrame(rows, schema=SCHEMA, orient="row")
    budget = Budget("b", {}, "USD", monthly=Decimal(1))
    found = budget_status([budget], frame, date(2026, 10, 1), "USD")["actual"][0]
    units = sum(map(_units, costs))
    assert _units(found) == units


def _units(amount: Decimal) -> int:
    """The amount in units of 10⁻¹⁸, free of the context's precision."""
    _, digits, exponent = amount.as_tuple()
    assert isinstance(exponent, int)
    return int("".join(map(str, digits))) * 10 ** (18 + exponent)
