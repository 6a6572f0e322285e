"""The real samples, through the same graph: sums by an independent Decimal computation over the files."""

from __future__ import annotations

import csv
import json
from collections import defaultdict
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path

import duckdb
import pytest

from finops.config import load_config
from tests.conftest import ROOT, run

REAL = ROOT / "fixtures/real"
Totals = dict[tuple[str, ...], Decimal]


@pytest.fixture(scope="module")
def real(tmp_path_factory: pytest.TempPathFactory) -> duckdb.DuckDBPyConnection:
    config = load_config(REAL / "finops.yaml").model_copy(update={"home": tmp_path_factory.mktemp("real")})
    assert run(config).failures == ()
    return duckdb.connect(config.published, read_only=True)


def rows(name: str) -> list[dict[str, str]]:
    with (REAL / name).open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def totals(con: duckdb.DuckDBPyConnection, sql: str) -> Totals:
    return {tuple(map(str, key)): amount for *key, amount in con.execute(sql).fetchall()}


def test_the_legacy_cur_adds_up(real: duckdb.DuckDBPyConnection) -> None:
    expected = sum((Decimal(row["lineItem/UnblendedCost"]) for row in rows("cur1_anonymous_2023-11.csv")), Decimal(0))
    query = "SELECT sum(BilledCost), count(*) FROM focus.charges WHERE x_SourceSystem = 'aws-cur'"
    assert real.execute(query).fetchall() == [(expected, 1281)]


def test_the_legacy_cur_adds_up_by_line_type_and_service(real: duckdb.DuckDBPyConnection) -> None:
    expected: Totals = defaultdict(Decimal)
    for row in rows("cur1_anonymous_2023-11.csv"):
        service = row["product/servicecode"] or row["lineItem/ProductCode"]
        expected[row["lineItem/LineItemType"], service] += Decimal(row["lineItem/UnblendedCost"])
    assert len(expected) > 10
    assert expected == totals(
        real,
        "SELECT x_SourceLineType, x_ServiceCode, sum(BilledCost) FROM focus.charges "
        "WHERE x_SourceSystem = 'aws-cur' GROUP BY ALL",
    )


def test_the_focus_sample_adds_up_by_currency_and_provider(real: duckdb.DuckDBPyConnection) -> None:
    billed: Totals = defaultdict(Decimal)
    effective: Totals = defaultdict(Decimal)
    for row in rows("focus_1.0_finops_sample_1000.csv"):
        key = (row["BillingCurrency"], row["ProviderName"])
        billed[key] += Decimal(row["BilledCost"])
        effective[key] += Decimal(row["EffectiveCost"])
    query = "SELECT BillingCurrency, ProviderName, sum({}) FROM focus.charges "
    query += "WHERE x_SourceSystem = 'focus-sample' GROUP BY ALL"
    assert totals(real, query.format("BilledCost")) == billed
    assert totals(real, query.format("EffectiveCost")) == effective


def test_the_native_gcp_sample_adds_up_by_month(real: duckdb.DuckDBPyConnection) -> None:
    expected: Totals = defaultdict(Decimal)
    for path in sorted((REAL / "gcp_focus").glob("*.json")):
        page = json.loads(path.read_text(encoding="utf-8"))
        names = [field["name"] for field in page["schema"]["fields"]]
        for row in page["rows"]:
            values = dict(zip(names, (cell["v"] for cell in row["f"]), strict=True))
            month = datetime.fromtimestamp(int(values["BillingPeriodStart"]) / 1e6, UTC)
            expected[values["BillingCurrency"], f"{month:%Y-%m}"] += Decimal(values["BilledCost"])
    found = totals(
        real,
        "SELECT BillingCurrency, strftime(BillingPeriodStart, '%Y-%m'), sum(BilledCost) FROM focus.charges "
        "WHERE x_SourceSystem = 'gcp-focus' GROUP BY ALL",
    )
    assert found == expected


def test_attribution_is_kept() -> None:
    text = (REAL / "ATTRIBUTION.md").read_text(encoding="utf-8")
    shipped = {path.relative_to(REAL).parts[0] for path in REAL.rglob("*") if path.suffix in {".csv", ".json"}}
    assert all(name in text for name in shipped)
    assert Path(REAL / "finops.yaml").exists()


def test_every_text_column_can_be_asked_for_a_value(real: duckdb.DuckDBPyConnection) -> None:
    """Also where no row of a bill has one: much of a view over several bills is null, or derived from what is."""
    named = real.execute("SELECT column_name FROM (DESCRIBE focus.charges) WHERE column_type = 'VARCHAR'").fetchall()
    assert len(named) > 40
    for (name,) in named:
        for condition in ("= 'no such value'", "IN ('no such value', 'nor this')", "> '\U0010ffff'"):
            assert real.execute(f"SELECT count(*) FROM focus.charges WHERE {name} {condition}").fetchall() == [(0,)]
