"""Real bills: Σ BilledCost is what adding up the file's own text gives, to the last digit."""

from __future__ import annotations

import csv
import json
from collections import defaultdict
from decimal import Decimal
from pathlib import Path

import pytest

from finops.sources.aws_cur import snake

from .house import House

REAL = Path(__file__).parents[2] / "fixtures" / "real"
Sums = dict[tuple[str, str], Decimal]


@pytest.fixture(scope="module")
def house(tmp_path_factory: pytest.TempPathFactory) -> House:
    return House(
        tmp_path_factory.mktemp("real"),
        {"name": "cur", "kind": "aws-cur1", "uri": str(REAL / "cur1_anonymous_2023-11.csv")},
        {"name": "focus", "kind": "focus-files", "uri": str(REAL / "focus_1.0_finops_sample_1000.csv")},
        {"name": "gcp", "kind": "gcp-files", "uri": str(REAL / "gcp_focus")},
    ).ok()


def loaded(house: House, source: str) -> Sums:
    rows = house.sql(
        "SELECT ProviderName, BillingCurrency, sum(BilledCost) FROM focus.charges "
        "WHERE x_SourceSystem = ? GROUP BY ALL",
        source,
    )
    return {(provider, currency): total for provider, currency, total in rows}


def added(rows: list[tuple[str, str, str]]) -> Sums:
    sums: Sums = defaultdict(Decimal)
    for provider, currency, cost in rows:
        sums[provider, currency] += Decimal(cost or 0)
    return dict(sums)


def csv_rows(name: str) -> list[dict[str, str]]:
    with (REAL / name).open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def test_the_cost_and_usage_report(house: House) -> None:
    rows = csv_rows("cur1_anonymous_2023-11.csv")
    expected = added([("AWS", row["lineItem/CurrencyCode"], row["lineItem/UnblendedCost"]) for row in rows])
    assert loaded(house, "cur") == expected
    assert house.sql("SELECT count(*) FROM focus.charges WHERE x_SourceSystem = 'cur'") == [(1281,)]


def test_the_focus_sample(house: House) -> None:
    rows = csv_rows("focus_1.0_finops_sample_1000.csv")
    expected = added([(row["ProviderName"], row["BillingCurrency"], row["BilledCost"]) for row in rows])
    assert len(expected) >= 3  # AWS, Microsoft, Oracle
    assert loaded(house, "focus") == expected


@pytest.mark.parametrize("column", ["EffectiveCost", "ListCost", "ConsumedQuantity"])
def test_the_focus_sample_s_other_amounts(house: House, column: str) -> None:
    expected = sum(
        (
            Decimal(row[column])
            for row in csv_rows("focus_1.0_finops_sample_1000.csv")
            if row[column] not in {"NULL", ""}
        ),
        Decimal(0),
    )
    assert house.sql(f"SELECT sum({column}) FROM focus.charges WHERE x_SourceSystem = 'focus'") == [(expected,)]


def test_google_s_native_export(house: House) -> None:
    costs: list[tuple[str, str, str]] = []
    for path in sorted((REAL / "gcp_focus").glob("*.json")):
        page = json.loads(path.read_text())
        names = [field["name"] for field in page["schema"]["fields"]]
        for row in page["rows"]:
            cells = dict(zip(names, (cell["v"] for cell in row["f"]), strict=True))
            costs.append(("Google Cloud", cells["BillingCurrency"], cells["BilledCost"]))
    assert loaded(house, "gcp") == added(costs)


def test_the_real_report_s_columns_are_those_that_the_mapping_reads() -> None:
    # a column whose name the conversion missed would silently be null
    given = {snake(name) for name in csv_rows("cur1_anonymous_2023-11.csv")[0]}
    assert {
        *("bill_invoicing_entity", "line_item_usage_account_id", "line_item_legal_entity", "pricing_rate_id"),
        *("savings_plan_savings_plan_a_r_n", "savings_plan_used_commitment", "reservation_unused_recurring_fee"),
        *("reservation_effective_cost", "product_region_code", "product_servicecode", "pricing_public_on_demand_cost"),
    } <= given


def test_no_row_of_a_real_bill_is_left_out_or_added(house: House) -> None:
    assert house.sql("SELECT count(*) FROM ledger.left_out") == [(0,)]
    counts = house.sql("SELECT source, sum(row_count) FROM ledger.loads GROUP BY 1 ORDER BY 1")
    assert counts == [("cur", 1281), ("focus", 1000), ("gcp", 5)]
