"""Budgets of AWS become ours where they mean the same, and are left out with the reason where they do not."""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import UTC, date, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import boto3
import pytest
import yaml
from botocore.stub import Stubber

from finops.budgets import Budget, importing, read_budgets
from finops.budgets.aws_budgets import translate
from finops.budgets.filters import TAGS
from finops.budgets.imported import Imported, Seen, seen_by
from finops.clouds.aws_inventory import Way
from finops.clouds.aws_session import AwsAccess
from finops.errors import ConfigError
from tests.conftest import ROOT

TODAY = date(2026, 11, 26)
PAYER, MEMBER = "000011112222", "012345678901"
FOREVER = datetime(2087, 6, 15, tzinfo=UTC)
AMORTISED = {"UseAmortized": True}


def budget(name: str = "nlp", **more: Any) -> Any:
    """A monthly cost budget as DescribeBudgets tells it; `…` takes a key out."""
    whole = {
        "BudgetName": name,
        "BudgetType": "COST",
        "TimeUnit": "MONTHLY",
        "BudgetLimit": {"Amount": "120000.0", "Unit": "USD"},
        "TimePeriod": {"Start": datetime(2026, 1, 1, tzinfo=UTC), "End": FOREVER},
        "CostTypes": AMORTISED,
        **more,
    }
    return {key: value for key, value in whole.items() if value is not ...}


def imported(*budgets: Any, account: str = PAYER, seen: Seen | None = None) -> Imported:
    into = Imported()
    translate(budgets, account, seen or Seen({"provider": "AWS"}), TODAY, into)
    return into


def read(found: Imported, folder: Path) -> list[Budget]:
    """What our own reader makes of the written file."""
    path = folder / "budgets-aws.yaml"
    importing.write_budgets(path, importing.budgets_file(found, [PAYER], TODAY), force=True)
    return read_budgets(path)


def one(given: Any, folder: Path, **seen: Any) -> Budget:
    found = imported(given, **seen)
    assert found.left_out == []
    (entry,) = read(found, folder)
    return entry


def tags(key: str, *values: str, **more: Any) -> dict[str, Any]:
    return {"Tags": {"Key": key, "Values": list(values), **more}}


def dimension(key: str, *values: str, **more: Any) -> dict[str, Any]:
    return {"Dimensions": {"Key": key, "Values": list(values), **more}}


@pytest.mark.parametrize(
    "amount", ["120000.0", "120000", "0.1", "99.95", "1234567.123456789012345678", "1E+3", "100.000000000000000000"]
)
def test_an_amount_is_kept_to_the_last_digit(tmp_path: Path, amount: str) -> None:
    read_back = one(budget(BudgetLimit={"Amount": amount, "Unit": "EUR"}), tmp_path)
    assert (read_back.monthly, read_back.currency, read_back.amounts) == (Decimal(amount), "EUR", {})


def test_a_plan_has_an_amount_for_each_month(tmp_path: Path) -> None:
    at = {month: str(int(datetime(2026, month, 1, tzinfo=UTC).timestamp())) for month in (9, 10, 12)}
    limits = {
        at[9]: {"Amount": "120000", "Unit": "USD"},
        at[12]: {"Amount": "140000.5", "Unit": "USD"},
        at[10]: {"Amount": "130000", "Unit": "USD"},
    }
    read_back = one(budget(PlannedBudgetLimits=limits), tmp_path)
    assert read_back.monthly is None
    assert read_back.amounts == {
        "2026-09": Decimal(120000),
        "2026-10": Decimal(130000),
        "2026-12": Decimal("140000.5"),
    }


@pytest.mark.parametrize(
    ("end", "last"),
    [
        (datetime(2027, 2, 1, tzinfo=UTC), "2027-01"),  # a month's first midnight ends the month before
        (datetime(2027, 1, 31, tzinfo=UTC), "2027-01"),
        (datetime(2026, 12, 31, 23, 59, tzinfo=UTC), "2026-12"),
    ],
)
def test_a_budget_with_an_end_has_its_months_alone(tmp_path: Path, end: datetime, last: str) -> None:
    period = {"Start": datetime(2026, 11, 1, tzinfo=UTC), "End": end}
    read_back = one(budget(TimePeriod=period), tmp_path)
    assert read_back.monthly is None
    assert list(read_back.amounts) == [each for each in ("2026-11", "2026-12", "2027-01") if each <= last]


@pytest.mark.parametrize(
    ("filters", "scope"),
    [
        ({}, {"provider": "AWS"}),
        ({"CostFilters": {}}, {"provider": "AWS"}),
        ({"CostFilters": {"LinkedAccount": [MEMBER]}}, {"account": MEMBER}),
        ({"CostFilters": {"TagKeyValue": ["user:team$nlp"]}}, {"provider": "AWS", "team": "nlp"}),
        ({"CostFilters": {"TagKeyValue": ["user:Team$N$LP "]}}, {"provider": "AWS", "team": "N$LP"}),
        ({"CostFilters": {"TagKeyValue": ["user:ML-Project$search"]}}, {"provider": "AWS", "project": "search"}),
        ({"CostFilters": {"TagKeyValue": ["ml_model$ranker"]}}, {"provider": "AWS", "model": "ranker"}),
        ({"CostFilters": {"TagKeyValue": ["user:ml_stage$Training"]}}, {"provider": "AWS", "ml_stage": "training"}),
        (
            {"CostFilters": {"TagKeyValue": ["user:team$nlp"], "LinkedAccount": [MEMBER]}},
            {"account": MEMBER, "team": "nlp"},
        ),
        ({"FilterExpression": dimension("LINKED_ACCOUNT", MEMBER)}, {"account": MEMBER}),
        ({"FilterExpression": tags("team", "nlp")}, {"provider": "AWS", "team": "nlp"}),
        (
            {"FilterExpression": tags("team", "nlp", MatchOptions=["EQUALS", "CASE_SENSITIVE"])},
            {"provider": "AWS", "team": "nlp"},
        ),
        ({"FilterExpression": {"Or": [tags("team", "nlp")]}}, {"provider": "AWS", "team": "nlp"}),
        (
            {"FilterExpression": {"And": [tags("team", "nlp"), {"And": [tags("project", "x"), tags("team", "nlp")]}]}},
            {"provider": "AWS", "team": "nlp", "project": "x"},
        ),
        # the older key says less: it is not asked where there is an expression
        (
            {"FilterExpression": tags("team", "nlp"), "CostFilters": {"Service": ["EC2"]}},
            {"provider": "AWS", "team": "nlp"},
        ),
    ],
)
def test_filters_that_mean_the_same_are_a_scope(tmp_path: Path, filters: dict[str, Any], scope: dict[str, str]) -> None:
    assert one(budget(**filters), tmp_path).scope == scope


@pytest.mark.parametrize(
    ("given", "reason"),
    [
        (budget(BudgetType="USAGE"), "of type USAGE"),
        (budget(BudgetType="RI_UTILIZATION", BudgetLimit={"Amount": "90", "Unit": "PERCENTAGE"}), "RI_UTILIZATION"),
        (budget(BudgetType="SAVINGS_PLANS_UTILIZATION"), "of type SAVINGS_PLANS_UTILIZATION"),
        (budget(BudgetType="SAVINGS_PLANS_COVERAGE"), "of type SAVINGS_PLANS_COVERAGE"),
        (budget(TimeUnit="QUARTERLY"), "quarterly, not monthly"),
        (budget(TimeUnit="ANNUALLY"), "annually, not monthly"),
        (budget(TimeUnit="DAILY"), "daily, not monthly"),
        (budget(AutoAdjustData={"AutoAdjustType": "HISTORICAL"}), "AWS moves its amount"),
        (budget(BudgetLimit=...), "no amount"),
        (budget(BudgetLimit={"Amount": "0.0", "Unit": "USD"}), "above zero"),
        (budget(BudgetLimit={"Amount": "lots", "Unit": "USD"}), "no number"),
        (budget(BudgetLimit={"Amount": "10", "Unit": "Hrs"}), "in Hrs"),
        (budget(TimePeriod={"Start": FOREVER, "End": datetime(2026, 11, 1, tzinfo=UTC)}), "ended with 2026-10"),
        (budget(BillingViewArn=f"arn:aws:billing::{PAYER}:billingview/custom-1"), "billing view"),
        (budget(CostTypes={**AMORTISED, "IncludeCredit": False, "IncludeTax": False}), "count taxes, credits"),
        (budget(CostFilters={"Service": ["Amazon EC2"]}), "by Service,"),
        (budget(CostFilters={"Region": ["us-east-1"], "LinkedAccount": [MEMBER]}), "by Region,"),
        (budget(CostFilters={"LinkedAccount": [MEMBER, PAYER]}), "2 values of LinkedAccount"),
        (budget(CostFilters={"TagKeyValue": ["user:team$nlp", "user:team$vision"]}), "2 values of TagKeyValue"),
        (budget(CostFilters={"TagKeyValue": ["user:cost-centre$7"]}), "the tag user:cost-centre,"),
        (budget(CostFilters={"TagKeyValue": ["user:team$"]}), "has no tag user:team"),
        (budget(CostFilters={"TagKeyValue": ["user:ml_stage$blue"]}), "no stage of ours: blue"),
        (budget(FilterExpression=dimension("SERVICE", "Amazon EC2")), "by SERVICE,"),
        (budget(FilterExpression={"Not": dimension("RECORD_TYPE", "Credit")}), "by NOT,"),
        (budget(FilterExpression={"Or": [tags("team", "a"), tags("team", "b")]}), "by OR,"),
        (budget(FilterExpression={"And": [tags("team", "a"), tags("team", "b")]}), "two values of team"),
        (budget(FilterExpression=tags("team", "nl", MatchOptions=["STARTS_WITH"])), "a part of tag team"),
        (budget(FilterExpression=tags("team", MatchOptions=["ABSENT"])), "0 values of tag team"),
        (budget(FilterExpression={"CostCategories": {"Key": "Unit", "Values": ["ML"]}}), "by Unit,"),
    ],
)
def test_what_a_scope_or_a_month_cannot_say_is_left_out_with_the_reason(given: Any, reason: str) -> None:
    found = imported(given, budget("good"))
    assert [entry["name"] for entry in found.entries] == ["good"]
    ((name, told),) = found.left_out
    assert name == "nlp"
    assert reason in told


def test_the_tags_are_those_that_charges_are_attributed_by() -> None:
    """The names that sql/focus/tag_sets.sql looks tags up by, and the column that each fills."""
    sql = (ROOT / "sql/focus/tag_sets.sql").read_text(encoding="utf-8")
    columns = {"x_Team": "team", "x_MlProject": "project", "x_MlModelName": "model", "stage_tag": "ml_stage"}
    found: dict[str, str] = {}
    block: list[str] = []
    for line in sql.splitlines():
        block += re.findall(r"e\.name (?:= |IN \()([^)\]]+)", line)
        alias = re.search(r"\) AS (\w+)|\[1\]\.value AS (\w+)", line)
        if alias:
            column = columns.get(alias[1] or alias[2])
            if column:
                found |= dict.fromkeys(re.findall(r"'(\w+)'", " ".join(block)), column)
            block = []
    assert len(found) > 10
    assert found == dict(TAGS)


def test_an_account_s_budgets_cover_what_it_sees() -> None:
    assert seen_by(MEMBER, PAYER, {PAYER}) == Seen({"account": MEMBER})
    assert seen_by(MEMBER, None, {PAYER}) == Seen({"account": MEMBER})
    assert seen_by(PAYER, PAYER, {PAYER}) == seen_by(PAYER, PAYER, set()) == Seen({"provider": "AWS"})
    two = seen_by(PAYER, PAYER, {PAYER, "9" * 12})
    assert two.scope is None
    assert "9" * 12 in two.reason


def test_a_payer_among_several_has_only_budgets_of_accounts_taken() -> None:
    two = seen_by(PAYER, PAYER, {PAYER, "9" * 12})
    found = imported(
        budget("all"),
        budget("tag", CostFilters={"TagKeyValue": ["user:team$nlp"]}),
        budget("account", CostFilters={"LinkedAccount": [MEMBER]}),
        seen=two,
    )
    assert [entry["name"] for entry in found.entries] == ["account"]
    assert found.left_out == [("all", two.reason), ("tag", two.reason)]


def test_budgets_of_the_same_name_are_told_apart_by_their_account(tmp_path: Path) -> None:
    found = imported(budget("nlp"), budget("b"))
    translate([budget("nlp")], MEMBER, seen_by(MEMBER, PAYER, {PAYER}), TODAY, found)
    read_back = {each.name: each.scope for each in read(found, tmp_path)}
    assert read_back == {"b": {"provider": "AWS"}, "nlp": {"provider": "AWS"}, f"nlp ({MEMBER})": {"account": MEMBER}}


def test_where_the_two_measure_differently_is_noted() -> None:
    billed = budget("billed", CostTypes={"UseAmortized": False})
    new = budget("new", CostTypes=..., Metrics=["AmortizedCost"])
    stage = budget("stage", CostFilters={"TagKeyValue": ["user:ml_stage$training"]})
    notes = dict(imported(billed, new, stage, budget("plain")).notes)
    assert set(notes) == {"billed", "stage"}
    assert "billed cost" in notes["billed"]
    assert "what its rules give" in notes["stage"]


@pytest.mark.parametrize(
    "name", ["a: b # c", "- {x: y}", "'\"", "ünïcode", "yes", "012", "\u202eevil", "a\nb: c", "*anchor", "\x1b[31m"]
)
def test_a_hostile_name_or_value_stays_what_it_is(tmp_path: Path, name: str) -> None:
    filters = {"TagKeyValue": [f"user:team${name}"]}
    found = imported(budget(name, CostFilters=filters))
    text = importing.budgets_file(found, [PAYER], TODAY)
    assert all(line.isprintable() for line in text.splitlines())
    (read_back,) = read(found, tmp_path)
    assert (read_back.name, read_back.scope["team"]) == (name, name)
    assert list(yaml.safe_load(text)) == ["budgets"]


def test_a_file_that_is_there_is_not_replaced_unasked(tmp_path: Path) -> None:
    path = tmp_path / "budgets.yaml"
    path.write_text("budgets: []\n", encoding="utf-8")
    with pytest.raises(ConfigError, match="--force"):
        importing.write_budgets(path, "other", force=False)
    assert path.read_text(encoding="utf-8") == "budgets: []\n"
    importing.write_budgets(path, "other", force=True)
    assert path.read_text(encoding="utf-8") == "other"
    assert list(tmp_path.iterdir()) == [path]


@pytest.fixture
def clients(monkeypatch: pytest.MonkeyPatch) -> Iterator[dict[str, Stubber]]:
    """Stubbed clients by service, for the one way to AWS."""
    made: dict[str, Any] = {}
    stubs: dict[str, Stubber] = {}
    for service in ("sts", "organizations", "budgets"):
        made[service] = boto3.client(  # type: ignore[call-overload]
            service, region_name="us-east-1", aws_access_key_id="k", aws_secret_access_key="s"
        )
        stubs[service] = Stubber(made[service])
        stubs[service].activate()
    monkeypatch.setattr("finops.clouds.aws_session.client", lambda service, _: made[service])
    stubs["sts"].add_response("get_caller_identity", {"Account": PAYER}, {})
    yield stubs
    for service, stubber in stubs.items():
        stubber.assert_no_pending_responses()
        made[service].close()


def told(given: Any) -> Any:
    """A budget that botocore accepts as an answer."""
    return {**given, "TimePeriod": {"Start": datetime(2026, 1, 1, tzinfo=UTC), "End": FOREVER}}


WAY = Way(AwsAccess(region="us-east-1"), "aws-main")


def test_all_pages_are_asked_with_their_filters(clients: dict[str, Stubber]) -> None:
    asked = {"AccountId": PAYER, "ShowFilterExpression": True}
    clients["organizations"].add_response("describe_organization", {"Organization": {"MasterAccountId": PAYER}}, {})
    page = {"Budgets": [told(budget("a"))], "NextToken": "more"}
    clients["budgets"].add_response("describe_budgets", page, asked)
    clients["budgets"].add_response(
        "describe_budgets", {"Budgets": [told(budget("b"))]}, {**asked, "NextToken": "more"}
    )
    found = importing.ask([WAY], set(), TODAY, lambda _: None)
    assert [(each["name"], each["scope"]) for each in found.imported.entries] == [
        ("a", {"provider": "AWS"}),
        ("b", {"provider": "AWS"}),
    ]
    assert (found.accounts, found.refused) == ([PAYER], [])


def test_without_the_right_to_see_the_organisation_nothing_is_guessed(clients: dict[str, Stubber]) -> None:
    clients["organizations"].add_client_error("describe_organization", "AccessDeniedException")
    given = [told(budget("all")), told(budget("one", CostFilters={"LinkedAccount": [MEMBER]}))]
    clients["budgets"].add_response("describe_budgets", {"Budgets": given})
    found = importing.ask([WAY], set(), TODAY, lambda _: None)
    assert [each["name"] for each in found.imported.entries] == ["one"]
    ((name, reason),) = found.imported.left_out
    assert name == "all"
    assert "allow organizations:DescribeOrganization" in reason


def test_an_account_in_no_organisation_has_its_own_spend(clients: dict[str, Stubber]) -> None:
    clients["organizations"].add_client_error("describe_organization", "AWSOrganizationsNotInUseException")
    clients["budgets"].add_response("describe_budgets", {"Budgets": [told(budget("all"))]})
    found = importing.ask([WAY], set(), TODAY, lambda _: None)
    assert [each["scope"] for each in found.imported.entries] == [{"account": PAYER}]


def test_budgets_that_may_not_be_seen_are_told(clients: dict[str, Stubber]) -> None:
    clients["organizations"].add_response("describe_organization", {"Organization": {"MasterAccountId": PAYER}}, {})
    clients["budgets"].add_client_error("describe_budgets", "AccessDeniedException")
    found = importing.ask([WAY], set(), TODAY, lambda _: None)
    assert found.accounts == []
    (error,) = found.refused
    assert f"account {PAYER}" in str(error)
    assert "allow budgets:ViewBudget" in str(error)
