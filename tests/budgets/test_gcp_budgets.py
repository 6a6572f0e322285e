"""Budgets of Google Cloud become ours where they mean the same, and are left out with the reason where they do not."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date
from decimal import Decimal
from pathlib import Path
from typing import Any

import duckdb
import grpc
import pytest
from google.cloud.billing.budgets_v1 import Budget as GoogleBudget

from finops.budgets import Budget, importing, read_budgets
from finops.budgets.gcp_budgets import translate
from finops.budgets.imported import Imported, Seen
from finops.clouds import gcp_session
from finops.clouds.gcp_inventory import Patience, Way
from finops.clouds.gcp_session import GcpAccess
from finops.warehouse import published
from tests.cloudbilling import MAIN, OTHER, SUB, Google, account, serve

TODAY = date(2026, 11, 26)
ALL = Seen({"provider": "Google Cloud"})


def budget(name: str = "nlp", amount: Any = ..., **filters: Any) -> Any:
    """A budget as ListBudgets tells it."""
    given = {"specified_amount": {"currency_code": "USD", "units": 1200, "nanos": 500_000_000}}
    return GoogleBudget(
        name=f"billingAccounts/{MAIN}/budgets/b-1",
        display_name=name,
        amount=given if amount is ... else amount,
        budget_filter={"calendar_period": "MONTH", "credit_types_treatment": "INCLUDE_ALL_CREDITS", **filters},
        threshold_rules=[{"threshold_percent": 0.9, "spend_basis": "CURRENT_SPEND"}],
    )


def money(units: int, nanos: int = 0, currency: str = "USD") -> dict[str, Any]:
    return {"specified_amount": {"currency_code": currency, "units": units, "nanos": nanos}}


def imported(*budgets: Any, seen: Seen = ALL, projects: dict[str, str] | None = None) -> Imported:
    into = Imported()
    translate(budgets, MAIN, seen, projects or {}, into)
    return into


def one(given: Any, folder: Path, **more: Any) -> Budget:
    """What our own reader makes of the written file."""
    found = imported(given, **more)
    assert found.left_out == []
    path = folder / "budgets.yaml"
    importing.write_budgets(path, importing.budgets_file(found, [MAIN], TODAY), force=True)
    (read,) = read_budgets(path)
    return read


@pytest.mark.parametrize(
    ("amount", "exact"),
    [
        (money(1000), "1000"),
        (money(0, 1), "0.000000001"),
        (money(1_234_567, 123_456_789, "EUR"), "1234567.123456789"),
        (money(99, 950_000_000, "IDR"), "99.95"),
    ],
)
def test_an_amount_is_kept_to_the_last_digit(tmp_path: Path, amount: dict[str, Any], exact: str) -> None:
    read = one(budget(amount=amount), tmp_path)
    assert (read.monthly, read.currency) == (Decimal(exact), amount["specified_amount"]["currency_code"])
    assert (read.amounts, read.name) == ({}, "nlp")


@pytest.mark.parametrize(
    ("filters", "scope"),
    [
        ({}, {"provider": "Google Cloud"}),
        ({"calendar_period": "CALENDAR_PERIOD_UNSPECIFIED"}, {"provider": "Google Cloud"}),
        ({"credit_types_treatment": "CREDIT_TYPES_TREATMENT_UNSPECIFIED"}, {"provider": "Google Cloud"}),
        ({"projects": ["projects/123"]}, {"account": "nlp-prod"}),
        ({"projects": ["projects/lab-7"]}, {"account": "lab-7"}),
        ({"labels": {"team": ["nlp"]}}, {"provider": "Google Cloud", "team": "nlp"}),
        ({"labels": {"ml-stage": ["Training"]}}, {"provider": "Google Cloud", "ml_stage": "training"}),
        (
            {"labels": {"ml_model": ["ranker"]}, "projects": ["projects/123"]},
            {"account": "nlp-prod", "model": "ranker"},
        ),
    ],
)
def test_filters_that_mean_the_same_are_a_scope(tmp_path: Path, filters: dict[str, Any], scope: dict[str, str]) -> None:
    assert one(budget(**filters), tmp_path, projects={"123": "nlp-prod"}).scope == scope


@pytest.mark.parametrize(
    ("given", "reason"),
    [
        (budget(calendar_period="QUARTER"), "it is for a quarter, not monthly"),
        (budget(calendar_period="YEAR"), "it is for a year, not monthly"),
        (
            GoogleBudget(
                display_name="nlp",
                amount=money(1),
                budget_filter={"custom_period": {"start_date": {"year": 2026, "month": 11, "day": 1}}},
            ),
            "a period of its own, not monthly",
        ),
        (budget(amount={"last_period_amount": {}}), "Google moves its amount with what was spent"),
        (budget(amount={}), "Google tells no amount"),
        (budget(amount=money(0)), "above zero"),
        (budget(amount=money(-5, -500_000_000)), "its amount is -5.500000000"),
        (budget(amount=money(5, currency="")), "one currency"),
        (budget(credit_types_treatment="EXCLUDE_ALL_CREDITS"), "does not count credits"),
        (
            budget(credit_types_treatment="INCLUDE_SPECIFIED_CREDITS", credit_types=["PROMOTION", "DISCOUNT"]),
            "some credits alone (DISCOUNT, PROMOTION)",
        ),
        (budget(services=["services/6F81-5844-456A"]), "by services,"),
        (budget(subaccounts=[f"billingAccounts/{SUB}"]), "by subaccounts,"),
        (budget(resource_ancestors=["folders/7"]), "by folders or organisations,"),
        (budget(projects=["projects/123", "projects/124"]), "2 values of project"),
        (budget(projects=["projects/999"]), "the number 999, whose id is not known"),
        (budget(labels={"cost-centre": ["7"]}), "the label cost-centre,"),
        (budget(labels={"team": ["a", "b"]}), "2 values of label team"),
        (budget(labels={"stage": ["blue"]}), "its label stage names no stage of ours: blue"),
    ],
)
def test_what_a_scope_or_a_month_cannot_say_is_left_out_with_the_reason(given: Any, reason: str) -> None:
    found = imported(given, budget("good"), projects={"123": "nlp-prod", "124": "x"})
    assert [entry["name"] for entry in found.entries] == ["good"]
    ((name, told),) = found.left_out
    assert name == "nlp"
    assert reason in told


def test_names_that_are_not_unique_and_none_at_all() -> None:
    found = imported(budget("a"), budget("a"), budget("a"), budget(""))
    assert [entry["name"] for entry in found.entries] == ["a", f"a ({MAIN})", f"a ({MAIN}, 2)", "b-1"]


def test_where_the_two_measure_differently_is_noted() -> None:
    found = imported(budget("plain"), budget("stage", labels={"ml_stage": ["training"]}))
    ((name, note),) = found.notes
    assert name == "stage"
    assert "what its rules give" in note


@pytest.fixture
def google(monkeypatch: pytest.MonkeyPatch) -> Iterator[Google]:
    with serve() as server:
        server.accounts = [account(MAIN, "ML"), account(SUB, "Old", open_=False)]
        server.size = 1
        server.budgets = {
            MAIN: [budget("all"), budget("lab", projects=["projects/77"]), budget("web", projects=["projects/88"])],
            SUB: [budget("gone", projects=["projects/lab-7"])],
        }
        server.numbers = {"77": "lab-7"}
        monkeypatch.setattr(gcp_session, "channel", server.channel)
        yield server


def asked(payers: set[str] | None, *sources: str, projects: dict[str, str] | None = None) -> importing.Answers:
    found = importing.Answers()
    given = [Way(GcpAccess(quota_project=name), name) for name in sources or ("gcp-main",)]
    importing.ask_google(given, payers, projects or {}, lambda _: None, Patience(10), found)
    return found


def test_all_pages_of_all_accounts_are_asked_once(google: Google) -> None:
    found = asked({MAIN}, "a", "b")
    assert (found.accounts, found.refused) == ([MAIN, SUB], [])
    assert [(each["name"], each["scope"]) for each in found.imported.entries] == [
        ("all", {"provider": "Google Cloud"}),  # the other account is closed, and no bill is of it
        ("lab", {"account": "lab-7"}),
        ("gone", {"account": "lab-7"}),
    ]
    ((name, reason),) = found.imported.left_out
    assert (name, "allow resourcemanager.projects.get" in reason) == ("web", True)
    assert google.count("ListBudgets") == 3 + 1


def test_what_the_bills_know_of_projects_is_not_asked(google: Google) -> None:
    found = asked({MAIN}, projects={"77": "lab-seven", "88": "web-1"})
    assert [each["scope"] for each in found.imported.entries[1:3]] == [{"account": "lab-seven"}, {"account": "web-1"}]
    assert google.count("GetProjectBillingInfo") == 0


@pytest.mark.parametrize(
    ("payers", "reason"), [({MAIN, OTHER}, f"there are other payers ({OTHER})"), (None, "is not known")]
)
def test_a_budget_for_all_waits_until_it_is_known_who_else_pays(
    google: Google, payers: set[str] | None, reason: str
) -> None:
    found = asked(payers)
    left = dict(found.imported.left_out)
    assert reason in left["all"]
    assert "lab" in {each["name"] for each in found.imported.entries}


def test_another_open_account_is_another_payer(google: Google) -> None:
    google.accounts[1] = account(SUB, "Sub", master_billing_account=f"billingAccounts/{MAIN}")
    assert f"other payers ({SUB})" in dict(asked({MAIN}).imported.left_out)["all"]


def test_budgets_that_may_not_be_seen_are_told(google: Google) -> None:
    google.denied = {MAIN}
    found = asked({MAIN})
    assert found.accounts == [SUB]
    (error,) = found.refused
    assert f"billing account {MAIN}" in str(error)
    assert "allow billing.budgets.list" in str(error)


@pytest.mark.parametrize("code", [grpc.StatusCode.UNAVAILABLE, grpc.StatusCode.RESOURCE_EXHAUSTED])
def test_what_passes_is_asked_again(google: Google, code: grpc.StatusCode) -> None:
    google.failures["ListBudgets"] = [code]
    found = asked({MAIN})
    assert (found.refused, len(found.imported.entries)) == ([], 3)


def test_numbers_of_projects_are_read_off_the_bills(tmp_path: Path) -> None:
    path = tmp_path / "finops.duckdb"
    assert published.google_projects(path) == {}
    vm = "//compute.googleapis.com/projects/{}/zones/us-central1-a/instances/1"
    rows = [
        ("Google Cloud", MAIN, "nlp-prod", vm.format(77), "6F81-5844-456A"),
        ("Google Cloud", MAIN, "nlp-prod", vm.format(77), "6F81-5844-456A"),
        ("Google Cloud", OTHER, "shared", vm.format(88), "24E6-581D-38E5"),
        ("Google Cloud", OTHER, "other", vm.format(88), None),  # two projects say that it is theirs
        ("Google Cloud", OTHER, "named", vm.format("named"), None),
        ("Google Cloud", OTHER, None, vm.format(99), None),
        ("AWS", "000011112222", "012345678901", vm.format(66), "AmazonEC2"),
    ]
    with duckdb.connect(path) as con:
        con.execute("CREATE SCHEMA focus")
        con.execute(
            """CREATE TABLE focus.charges (ProviderName VARCHAR, BillingAccountId VARCHAR, SubAccountId VARCHAR,
              ResourceId VARCHAR, x_ServiceCode VARCHAR)"""
        )
        con.executemany("INSERT INTO focus.charges VALUES (?, ?, ?, ?, ?)", rows)
    assert published.google_projects(path) == {"77": "nlp-prod"}
    assert published.google_services(path) == {"6F81-5844-456A", "24E6-581D-38E5"}
    assert published.payers(path, "Google Cloud") == {MAIN, OTHER}
    assert published.payers(path, "AWS") == {"000011112222"}
