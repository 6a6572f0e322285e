"""`finops budgets import` against AWS on loopback: the file it writes, and all that it says of the rest."""

from __future__ import annotations

from decimal import Decimal
from pathlib import Path
from typing import Any

import duckdb
import pytest
import yaml
from google.cloud.billing.budgets_v1 import Budget as GoogleBudget

from finops.budgets import parse_budgets, read_budgets
from finops.clouds import gcp_session
from tests import cloudbilling
from tests.aws import Answer, Aws

from .conftest import Finops

CONFIG = """home: var
sources:
  - {name: aws-main, kind: aws-cur2, uri: "s3://b/p", export: e}
"""
GOOGLE = """home: var
sources:
  - {name: gcp-main, kind: gcp-bigquery, table: p-1.bills.gcp_billing_export_resource_v1_X}
"""
PAYER, MEMBER = "000011112222", "012345678901"
FOREVER = 3706473600
"""2087-06-15, in seconds since 1970."""


def budget(name: str, **more: Any) -> dict[str, Any]:
    return {
        "BudgetName": name,
        "BudgetType": "COST",
        "TimeUnit": "MONTHLY",
        "BudgetLimit": {"Amount": "1200.50", "Unit": "USD"},
        "TimePeriod": {"Start": 1767225600, "End": FOREVER},
        **more,
    }


PAGES: dict[str | None, dict[str, Any]] = {
    None: {
        "Budgets": [
            budget("nlp", CostFilters={"TagKeyValue": ["user:team$nlp"]}),
            budget("ec2\x1b[31m", CostFilters={"Service": ["Amazon EC2"]}),
        ],
        "NextToken": "more",
    },
    "more": {
        "Budgets": [
            budget("research", FilterExpression={"Dimensions": {"Key": "LINKED_ACCOUNT", "Values": [MEMBER]}}),
            budget("yearly", TimeUnit="ANNUALLY"),
        ]
    },
}


@pytest.fixture
def company(tmp_path: Path, aws: Aws, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The finops.yaml of a company with budgets in AWS, in the working directory."""

    def budgets(given: dict[str, Any]) -> Answer:
        assert (given["AccountId"], given["ShowFilterExpression"]) == (PAYER, True)
        return 200, PAGES[given.get("NextToken")]

    aws.answers["GetCallerIdentity"] = lambda _: (200, {"Account": PAYER})
    aws.answers["DescribeOrganization"] = lambda _: (200, {"Organization": {"MasterAccountId": PAYER}})
    aws.answers["DescribeBudgets"] = budgets
    monkeypatch.chdir(tmp_path)
    path = tmp_path / "finops.yaml"
    path.write_text(CONFIG, encoding="utf-8")
    (tmp_path / "var").mkdir()
    with duckdb.connect(tmp_path / "var/finops.duckdb") as con:  # bills of one payer have been loaded
        con.execute("CREATE SCHEMA focus")
        con.execute("CREATE TABLE focus.charges (ProviderName VARCHAR, BillingAccountId VARCHAR)")
        con.execute("INSERT INTO focus.charges VALUES ('AWS', ?)", [PAYER])
    return path


def test_a_payer_s_own_budgets_wait_until_it_is_known_who_else_pays(finops: Finops, company: Path) -> None:
    """Its budget is for all that it pays; with another payer's bills in the warehouse no scope says that."""
    (company.parent / "var/finops.duckdb").unlink()
    result = finops("budgets", "import")
    assert [each.name for each in parse_budgets(yaml.safe_load(result.text), "here")] == ["research"]
    assert f"Left out: nlp: it is for all that {PAYER} pays, and which other payers there are is not known" in (
        result.stderr
    )


def test_budgets_are_written_as_our_own_reader_wants_them(finops: Finops, company: Path) -> None:
    result = finops("budgets", "import", "--out", "budgets-aws.yaml")
    assert result.code == 0
    assert result.text == "2 budgets of AWS written to budgets-aws.yaml\n"
    found = {each.name: each for each in read_budgets(company.parent / "budgets-aws.yaml")}
    assert {name: (each.scope, each.monthly, each.currency) for name, each in found.items()} == {
        "nlp": ({"provider": "AWS", "team": "nlp"}, Decimal("1200.5"), "USD"),
        "research": ({"account": MEMBER}, Decimal("1200.5"), "USD"),
    }
    assert "Left out: ec2\\x1b[31m: it is filtered by Service, which a scope has no key for" in result.stderr
    assert "Left out: yearly: it is annually, not monthly" in result.stderr
    assert "Note: nlp: AWS measures it in billed cost" in result.stderr
    assert "name it in finops.yaml (budgets: budgets-aws.yaml), then finops run" in result.stderr


def test_without_a_file_they_are_printed_alone(finops: Finops, company: Path) -> None:
    result = finops("budgets", "import")
    assert result.code == 0
    assert [each.name for each in parse_budgets(yaml.safe_load(result.text), "here")] == ["nlp", "research"]


def test_a_file_that_is_there_is_refused_before_aws_is_asked(finops: Finops, company: Path, aws: Aws) -> None:
    out = company.parent / "mine.yaml"
    out.write_text("budgets: []\n", encoding="utf-8")
    result = finops("budgets", "import", "--out", out)
    assert (result.code, result.stdout, aws.calls) == (2, b"", [])
    assert "add --force" in result.stderr
    assert out.read_text(encoding="utf-8") == "budgets: []\n"
    assert finops("budgets", "import", "--out", out, "--force").code == 0
    assert len(read_budgets(out)) == 2


def test_budgets_that_are_configured_are_left_alone(finops: Finops, company: Path) -> None:
    own = company.parent / "budgets.yaml"
    own.write_text("budgets:\n  - {name: all, scope: {}, monthly: 10, currency: USD}\n", encoding="utf-8")
    company.write_text(CONFIG + "budgets: budgets.yaml\n", encoding="utf-8")
    before = own.read_bytes()
    result = finops("budgets", "import", "--out", "budgets-aws.yaml")
    assert f"Next: copy what you want of it into {own}, then finops run" in result.stderr
    assert own.read_bytes() == before


def test_nothing_to_import_writes_nothing(finops: Finops, company: Path, aws: Aws) -> None:
    aws.answers["DescribeBudgets"] = lambda _: (200, {"Budgets": [budget("yearly", TimeUnit="ANNUALLY")]})
    result = finops("budgets", "import", "--out", "budgets-aws.yaml")
    assert (result.code, result.stdout) == (0, b"")
    assert f"No budget to import from {PAYER}." in result.stderr
    assert not (company.parent / "budgets-aws.yaml").exists()


def test_budgets_that_may_not_be_read_are_exit_1(finops: Finops, company: Path, aws: Aws) -> None:
    del aws.answers["DescribeBudgets"]
    result = finops("budgets", "import", "--out", "budgets-aws.yaml")
    assert (result.code, result.stdout) == (1, b"")
    assert "Budgets refused budgets:ViewBudget: AccessDeniedException." in result.stderr
    assert "What to do: allow budgets:ViewBudget" in result.stderr
    assert "hidden-key" not in result.stderr


def test_a_payer_that_only_the_bills_tell_of_is_another_payer(finops: Finops, company: Path, aws: Aws) -> None:
    with duckdb.connect(company.parent / "var/finops.duckdb") as con:
        con.execute("INSERT INTO focus.charges VALUES ('AWS', '999999999999')")
    result = finops("budgets", "import")
    assert [each.name for each in parse_budgets(yaml.safe_load(result.text), "here")] == ["research"]
    assert "Left out: nlp: it is for all that 000011112222 pays" in result.stderr
    assert "999999999999" in result.stderr


def test_budgets_of_google_are_written_without_any_source_of_aws(
    finops: Finops, company: Path, aws: Aws, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("BIGQUERY_EMULATOR_HOST", "STORAGE_EMULATOR_HOST"):
        monkeypatch.delenv(name, raising=False)
    company.write_text(GOOGLE, encoding="utf-8")
    with duckdb.connect(company.parent / "var/finops.duckdb") as con:
        con.execute("INSERT INTO focus.charges VALUES ('Google Cloud', ?)", [cloudbilling.MAIN])
    with cloudbilling.serve() as google:
        monkeypatch.setattr(gcp_session, "channel", google.channel)
        google.accounts = [cloudbilling.account(cloudbilling.MAIN, "ML")]
        amount = {"specified_amount": {"currency_code": "USD", "units": 7, "nanos": 250_000_000}}
        google.budgets[cloudbilling.MAIN] = [
            GoogleBudget(display_name="all", amount=amount),
            GoogleBudget(display_name="gpus\x1b[31m", amount=amount, budget_filter={"services": ["services/X"]}),
        ]
        result = finops("budgets", "import", "--out", "budgets-google.yaml")
    assert (result.code, aws.calls) == (0, [])
    assert result.text == "1 budget of Google Cloud written to budgets-google.yaml\n"
    (found,) = read_budgets(company.parent / "budgets-google.yaml")
    assert (found.name, found.scope, found.monthly) == ("all", {"provider": "Google Cloud"}, Decimal("7.25"))
    assert "Left out: gpus\\x1b[31m: it is filtered by services, which a scope has no key for" in result.stderr
