"""What is exported as FOCUS 1.2, before the FinOps Foundation's validator: known false alarms, and nothing else."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date
from pathlib import Path

import duckdb
import pytest

from finops.clouds import accounts
from finops.config import load_config
from finops.exporting import export
from finops.warehouse.connection import query
from tests.conftest import ROOT, Company, run

from .validator import FALSE_ALARMS, Validator, Verdict, false_alarms

pytestmark = pytest.mark.conformance
Show = Callable[[str, object], None]

NOT_IN_1_0 = {
    "BillingAccountType-C-005-C": "the column came with 1.2",
    "SubAccountType-C-005-C": "the column came with 1.2",
    "PricingCurrency-C-004-M": "the column came with 1.2",
    "PricingCurrencyEffectiveCost-C-003-M": "the column came with 1.2",
    "ServiceSubcategory-C-002-M": "the column came with 1.1",
    "ServiceName-C-008-C": "counts subcategories, of which there are none",
    "SkuMeter-C-005-C": "the column came with 1.1",
}
LACKING: dict[str, dict[str, str]] = {
    "aws_2023-11": {
        "BillingAccountName-C-003-C": "the legacy report has no names of accounts: the cloud is asked for them",
        "SubAccountName-C-005-C": "the same",
    },
    "aws_2024-09": {
        **NOT_IN_1_0,
        "ConsumedUnit-C-003-O": "AWS wrote GiB/Second-Months and Lambda-GB-Seconds",
        "PricingUnit-C-003-O": "the same",
        "ContractedUnitPrice-C-009-C": "AWS wrote prices below zero",
        "RegionName-C-005-C": "two rows name a region by its id alone, one of them `global`",
        "ResourceType-C-004-C": "rows have the type of a resource that they do not name",
        "ResourceType-C-005-C": "and others name a resource without its type",
        "ServiceName-C-005-C": "one service is in several categories",
    },
    "microsoft_2024-09": NOT_IN_1_0,
    "oracle_2024-09": {
        **NOT_IN_1_0,
        "BillingAccountName-C-003-C": "Oracle has none",
        "ChargeFrequency-C-003-M": "Oracle has values of its own",
        "ConsumedQuantity-C-004-C": "Oracle has a quantity where nothing was consumed",
        "ContractedCost-C-003-M": "Oracle has none",
        "ContractedCost-C-004-M": "and so no number either",
        "RegionName-C-004-C": "Oracle names a region without its id",
    },
}
"""What the real samples lack or say otherwise, by file: it is their writers', and stays as it is."""


@pytest.fixture(scope="module")
def validator(tmp_path_factory: pytest.TempPathFactory) -> Validator:
    return Validator(tmp_path_factory.mktemp("validator") / "venv")


def exported(published: Path, to: Path) -> dict[str, Path]:
    """The files by provider and month."""
    with query(published) as con:
        made = export(con, "1.2", to)
    return {each.path.stem.removeprefix("focus-1.2_"): each.path for each in made}


def line(name: str, verdict: Verdict, known: set[str], lacking: set[str]) -> str:
    others = verdict.failed - known - lacking
    of_source = f", {len(lacking)} of what the file lacks" if lacking else ""
    return f"{name}: {verdict.rules} rules, {len(known)} known false alarms{of_source}, {len(others)} others"


def examine(validator: Validator, files: dict[str, Path], record_property: Show) -> None:
    found: dict[str, Verdict] = {name: validator.ask(path) for name, path in files.items()}
    expected = {name: false_alarms(path) for name, path in files.items()}
    lacking = {name: set(LACKING.get(name, ())) for name in files}
    record_property("shown", "\n".join(line(name, each, expected[name], lacking[name]) for name, each in found.items()))
    assert {name: each.failed for name, each in found.items()} == {
        name: expected[name] | lacking[name] for name in files
    }
    for name, each in found.items():
        assert each.rules > 300, name
        columns = {rule.split("-")[0] for rule in each.failed} | {"CostAndUsage"}
        assert {rule.split("-")[0] for rule in each.parents} <= columns, f"{name}: a parent failed by itself"


def test_the_simulated_company_raises_the_known_false_alarms_and_no_other(
    validator: Validator, small: Company, tmp_path: Path, record_property: Show
) -> None:
    # Google's export has no name of the billing account: its Cloud Billing API tells it, as in a run with access
    with small.connect() as con:
        google = "SELECT DISTINCT BillingAccountId FROM focus.charges WHERE ProviderName = 'Google Cloud'"
        told = {account: accounts.Account("Nimbus", accounts.GOOGLE) for (account,) in con.execute(google).fetchall()}
    accounts.keep(small.config.home_dir, told, ["gcp-main"], date(2026, 10, 21))
    assert run(small.config).failures == ()
    files = exported(small.published, tmp_path / "focus")
    assert {name.split("_")[0] for name in files} == {"aws", "google-cloud", "internal"}
    examine(validator, files, record_property)


def test_real_bills_fail_what_their_writers_left_out_and_no_other_rule(
    validator: Validator, tmp_path: Path, record_property: Show
) -> None:
    config = load_config(ROOT / "fixtures/real/finops.yaml").model_copy(update={"home": tmp_path / "home"})
    assert run(config, sources=("aws-cur", "focus-sample")).failures == ()
    files = exported(config.published, tmp_path / "focus")
    files.pop("oracle_2024-10")  # a single row, which is like the others
    assert set(files) == set(LACKING)
    examine(validator, files, record_property)


def test_the_validator_sees_what_is_wrong(validator: Validator, small: Company, tmp_path: Path) -> None:
    """The control: of a file with a defect it says so, by a rule of that column."""
    path = exported(small.published, tmp_path / "focus").popitem()[1]

    wrong = tmp_path / "wrong.parquet"
    with duckdb.connect() as con:
        con.execute(f"COPY (SELECT * REPLACE ('usage' AS ChargeCategory) FROM '{path}') TO '{wrong}'")
    assert any(rule.startswith("ChargeCategory") for rule in validator.ask(wrong).failed)
    assert not any(rule.startswith("ChargeCategory") for rule in FALSE_ALARMS)
