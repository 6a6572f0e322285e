"""The cost ledger: an amount over days, spread evenly and to the last digit."""

from __future__ import annotations

from datetime import date
from decimal import Decimal
from fractions import Fraction
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from finops.sources.cost_ledger import spread

from .house import House, write_csv
from .test_aws_focus_rules import RULES

amounts = st.decimals(allow_nan=False, allow_infinity=False, min_value=-(10**12), max_value=10**12, places=2) | (
    st.decimals(allow_nan=False, allow_infinity=False, min_value=-(10**20) + 1, max_value=10**20 - 1, places=18)
)


@given(amount=amounts, days=st.integers(min_value=1, max_value=800))
def test_days_add_up_and_differ_by_one_unit_of_the_last_digit(amount: Decimal, days: int) -> None:
    parts = spread(amount, days)
    unit = Decimal(1).scaleb(min(-2, int(amount.as_tuple().exponent)))
    assert len(parts) == days
    # in fractions, which round nothing
    assert sum(map(Fraction, parts)) == Fraction(amount)
    assert all((Fraction(part) / Fraction(unit)).denominator == 1 for part in parts)
    assert Fraction(max(parts)) - Fraction(min(parts)) <= Fraction(unit)


def line(**more: Any) -> dict[str, Any]:
    return {
        "start_date": "2026-09-28",
        "end_date": "2026-10-02",
        "amount": "100.01",
        "currency": "USD",
        "category": "people",
        "description": "two engineers",
        **more,
    }


@pytest.fixture
def house(tmp_path: Path) -> House:
    return House(tmp_path, {"name": "people", "kind": "cost-ledger", "uri": "costs"})


def test_a_line_becomes_a_charge_a_day(tmp_path: Path, house: House) -> None:
    write_csv(tmp_path / "costs" / "a.csv", [line(team="nlp", project="p", model="m", ml_stage="training", vendor="V")])
    assert house.ok().total() == Decimal("100.01")
    assert house.sql("SELECT billing_period, row_count FROM ledger.loads ORDER BY 1") == [
        ("2026-09", 3),
        ("2026-10", 1),
    ]
    assert house.sql(
        "SELECT DISTINCT ProviderName, x_Team, x_MlProject, x_MlModelName, x_MlStage, PublisherName FROM focus.charges"
    ) == [("internal", "nlp", "p", "m", "training", "V")]
    assert house.sql(
        "SELECT CAST(min(ChargePeriodStart) AS DATE), CAST(max(ChargePeriodEnd) AS DATE) FROM focus.charges"
    ) == [(date(2026, 9, 28), date(2026, 10, 2))]


def test_yaml_says_the_same(tmp_path: Path, house: House) -> None:
    (tmp_path / "costs").mkdir()
    entry = ", ".join(f"{name}: {value}" for name, value in line().items())
    text = f"costs:\n  - {{{entry}}}\n"
    (tmp_path / "costs" / "a.yaml").write_text(text)
    (tmp_path / "costs" / "b.yml").write_text(text.replace("costs:\n", ""))  # a bare list is accepted too
    assert house.ok().total() == Decimal("200.02")


def test_future_days_are_kept_on_their_days(tmp_path: Path, house: House) -> None:
    year = line(start_date="2099-01-01", end_date="2100-01-01", amount="365", category="licence")
    write_csv(tmp_path / "costs" / "a.csv", [year])
    assert house.ok().total() == 365
    assert house.sql("SELECT DISTINCT BilledCost FROM focus.charges") == [(Decimal(1),)]
    assert house.sql("SELECT count(DISTINCT billing_period), min(billing_period) FROM ledger.loads") == [
        (12, "2099-01")
    ]


def test_labelling_and_compliance_are_stages_by_themselves(tmp_path: Path, house: House) -> None:
    write_csv(tmp_path / "costs" / "a.csv", [line(category="labelling"), line(category="compliance"), line()])
    house.ok()
    assert house.sql("SELECT DISTINCT x_ServiceCode, x_MlStage FROM focus.charges ORDER BY 1") == [
        ("compliance", "compliance"),
        ("labelling", "data_labeling"),
        ("people", "unattributed"),
    ]


def test_two_entries_on_the_same_days_both_count(tmp_path: Path, house: House) -> None:
    """A rise in the middle of a month: one entry ends where the next begins; a bonus lies over both."""
    rows = [
        line(start_date="2026-09-01", end_date="2026-09-16", amount="1500"),
        line(start_date="2026-09-16", end_date="2026-10-01", amount="1800"),
        line(start_date="2026-09-10", end_date="2026-09-20", amount="10"),
    ]
    write_csv(tmp_path / "costs" / "a.csv", rows)
    assert house.ok().total() == 3310
    days = "SELECT CAST(ChargePeriodStart AS DATE), sum(BilledCost) FROM focus.charges GROUP BY 1 ORDER BY 1"
    assert house.sql(days) == [
        (date(2026, 9, day), (100 if day < 16 else 120) + (10 <= day < 20)) for day in range(1, 31)
    ]


def test_hardware_is_worth_less_by_the_day(tmp_path: Path, house: House) -> None:
    """Straight-line depreciation: what it cost less what it will fetch, over its years; sold early, it ends there."""
    machine = line(start_date="2026-03-15", end_date="2029-03-15", amount="328800.00", category="hardware")
    write_csv(tmp_path / "costs" / "a.csv", [machine])
    assert house.ok().total() == 328_800
    assert house.sql("SELECT count(*), min(BilledCost), max(BilledCost) FROM focus.charges") == [(1096, 300, 300)]
    per_month = "SELECT billing_period, billed_total FROM ledger.loads ORDER BY 1 LIMIT 2"
    assert house.sql(per_month) == [("2026-03", 17 * 300), ("2026-04", 30 * 300)]


FOCUS_RULES = [rule for rule in RULES if rule[0] != "what no row lacks"]
NEVER_NULL = (
    *("BilledCost", "EffectiveCost", "ListCost", "ContractedCost", "BillingAccountId", "BillingAccountName"),
    *("BillingAccountType", "BillingCurrency", "BillingPeriodStart", "BillingPeriodEnd", "ChargeCategory"),
    *("ChargeFrequency", "InvoiceIssuerName", "PricingCurrency", "ProviderName", "PublisherName", "ServiceCategory"),
    *("ServiceName", "ServiceSubcategory", "x_InvoiceMonth", "x_MlStage", "x_LoadId"),
)


def test_ledger_charges_are_focus_charges(tmp_path: Path, house: House) -> None:
    """FOCUS's rules on which columns a charge has, for every category, with and without a vendor, paid and back."""
    categories = ("people", "labelling", "licence", "compliance", "hardware", "other")
    rows = [line(category=each, vendor=name, amount=a) for each in categories for name in ("", "V") for a in (1, -1)]
    write_csv(tmp_path / "costs" / "a.csv", rows)
    house.ok()
    found = house.sql("SELECT * FROM focus.charges")
    names = [name for (name,) in house.sql("SELECT column_name FROM (DESCRIBE focus.charges)")]
    charges = [dict(zip(names, row, strict=True)) for row in found]
    assert len(charges) == 4 * len(rows)
    broken = [(name, row) for name, when, must in FOCUS_RULES for row in charges if when(row) and not must(row)]
    assert broken == []
    assert {name for row in charges for name in NEVER_NULL if row[name] is None} == set()
    assert {row["ProviderName"] for row in charges} == {"internal"}
    kinds = {(row["BilledCost"] < 0, row["ChargeCategory"]) for row in charges}
    assert kinds == {(False, "Purchase"), (True, "Adjustment")}
    assert {(row["PublisherName"], row["InvoiceIssuerName"]) for row in charges} == {("V", "V"), ("internal",) * 2}
    stages = {row["x_MlStage"] for row in charges if row["ServiceName"] in {"labelling", "compliance"}}
    assert stages == {"data_labeling", "compliance"}  # what comes back too


LISTED = {
    "a.csv": "start_date,end_date,amount,currency,category,description\n2026-09-01,2026-09-02,{},USD,other,\n",
    "a.yaml": "costs:\n- start_date: 2026-09-01\n  end_date: 2026-09-02\n  amount: {}\n  currency: USD\n"
    "  category: other\n  description:\n",
}


@pytest.mark.parametrize("name", LISTED)
def test_every_digit_of_an_amount_is_kept(tmp_path: Path, house: House, name: str) -> None:
    (tmp_path / "costs").mkdir()
    (tmp_path / "costs" / name).write_text(LISTED[name].format("12345678901234567.123456789012345678"))
    assert house.ok().total() == Decimal("12345678901234567.123456789012345678")


def test_a_mistake_in_yaml_is_named_with_line_and_column(tmp_path: Path, house: House) -> None:
    (tmp_path / "costs").mkdir()
    entries = [line(), line(category="peple")]
    text = "costs:\n" + "".join(f"- {{{', '.join(f'{k}: {v}' for k, v in each.items())}}}\n" for each in entries)
    (tmp_path / "costs" / "a.yaml").write_text(text)
    house.refused("a.yaml, line 3, entry 2, column category", "unknown category 'peple'", "'people'")


@pytest.mark.parametrize(
    ("wrong", "words"),
    [
        pytest.param({"start_date": "01.09.2026"}, ("start_date is not a date", "YYYY-MM-DD"), id="other order"),
        pytest.param({"start_date": ""}, ("start_date is not a date",), id="no date"),
        pytest.param({"start_date": "2026-02-30"}, ("start_date is not a date",), id="no such day"),
        pytest.param({"start_date": "2026-09-28junk"}, ("start_date is not a date",), id="junk behind"),
        pytest.param({"end_date": "2026-09-28"}, ("not after start_date",), id="no days"),
        pytest.param({"end_date": "2026-09-01"}, ("not after start_date",), id="ends before it starts"),
        pytest.param({"end_date": "2206-10-01"}, ("more than ten years",), id="slip in the century"),
        pytest.param({"amount": "1,000.00"}, ("amount is not a number", "1234.56"), id="thousands"),
        pytest.param({"amount": "NaN"}, ("amount is not a number",), id="NaN"),
        pytest.param({"amount": "Infinity"}, ("amount is not a number",), id="infinite"),
        pytest.param({"amount": ""}, ("amount is not a number",), id="no amount"),
        pytest.param({"amount": "1e-19"}, ("amount is not a number",), id="too fine"),
        pytest.param({"amount": "1e21"}, ("amount is not a number",), id="too large"),
        pytest.param({"amount": "1e999999999"}, ("amount is not a number",), id="far too large"),
        pytest.param({"category": "peple"}, ("unknown category 'peple'", "did you mean 'people'"), id="category"),
        pytest.param({"currency": "usd"}, ("three capitals",), id="currency"),
        pytest.param({"currency": "US1"}, ("three capitals",), id="currency with a digit"),
        pytest.param({"amount": "1_000"}, ("amount is not a number",), id="underscore"),
    ],
)
def test_a_bad_line_is_named_and_leaves_the_old_charges(
    tmp_path: Path, house: House, wrong: dict[str, str], words: tuple[str, ...]
) -> None:
    path = write_csv(tmp_path / "costs" / "a.csv", [line(amount="7")])
    house.ok()
    write_csv(path, [line(), line(**wrong)])
    house.refused(*words, f"a.csv, line 3, column {next(iter(wrong))}")
    assert house.total() == 7


@pytest.mark.parametrize(
    ("name", "content", "words"),
    [
        ("a.csv", b"", ("columns are missing", "start_date")),
        (
            "a.csv",
            b"start_date,end_date,amount,currency,category,description,tem\n",
            ("unknown column 'tem'", "'team'"),
        ),
        ("a.csv", b"start_date,end_date,amount,amount,currency,category,description\n", ("given twice",)),
        (
            "a.csv",
            b"start_date,end_date,amount,currency,category,description\n1,2,3,4,5,6,7\n",
            ("more values", "line 2"),
        ),
        ("a.csv", "start_date,end_date,amount,currency,category,description,größe\n".encode("latin-1"), ("UTF-8",)),
        ("a.csv", b'start_date,end_date,amount,currency,category,description\n"x\n', ("CSV",)),
        ("a.csv", b"start_date,end_date,amount,currency,category,description\n", ("empty",)),
        ("a.yaml", b"costs: 5\n", ("not a list",)),
        ("a.yaml", b"", ("not a list",)),
        ("a.yaml", b"text\n", ("not a list",)),
        ("a.yaml", b"- 5\n", ("not a mapping", "entry 1")),
        ("a.yaml", b"- {start_date: 2026-09-01}\n", ("columns are missing", "entry 1")),
        ("a.yaml", b"- [\n", ("malformed", "line 2")),
        ("a.yaml", b"- {a: 1, a: 2}\n", ("given twice", "line 1")),
        ("a.yaml", b"\xff\xfe", ("UTF-8",)),
    ],
)
def test_a_bad_file_is_named(tmp_path: Path, house: House, name: str, content: bytes, words: tuple[str, ...]) -> None:
    (tmp_path / "costs").mkdir()
    (tmp_path / "costs" / name).write_bytes(content)
    house.refused(*words, name)
