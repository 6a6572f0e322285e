"""Month rates: read strictly, frozen with the month, never guessed; and no two currencies are ever added."""

from __future__ import annotations

from datetime import UTC, date, datetime
from decimal import ROUND_HALF_UP, Decimal, localcontext
from pathlib import Path
from typing import Any

import duckdb
import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from finops.config import Config, load_config
from finops.errors import ConfigError, WarehouseError
from finops.models import model
from finops.pipeline import Pipeline, RunReport
from finops.rates import Given, Rate, inverse, is_closed, read_rates, settled
from tests.conftest import run
from tests.sources.house import House, cur, google, legacy, write_csv, write_lines
from tests.test_recovery import ask, bill

NOW = datetime(2026, 11, 2, tzinfo=UTC)
SEPTEMBER = ("2026-09", "EUR")
rates = st.decimals(min_value=Decimal("0.000001"), max_value=Decimal(10**6), places=18)


def settle(held: list[Rate], file: dict[tuple[str, str], Given], as_of: str = "2026-10-02", **told: str) -> list[Rate]:
    """The rates after a run, into dollars; `told`: the providers' for September, by currency."""
    provider = {("2026-09", currency): Decimal(rate) for currency, rate in told.items()}
    return settled(held, file, provider, "USD", date.fromisoformat(as_of), NOW)


def told_by(rates: list[Rate]) -> list[tuple[object, ...]]:
    return [(r.billing_period, r.currency, r.rate, r.source, r.frozen_at is not None) for r in rates]


@pytest.mark.parametrize(
    ("month", "as_of", "closed"),
    [
        ("2026-09", "2026-09-30", False),
        ("2026-09", "2026-10-01", True),  # the last day with data is the 30th
        ("2026-12", "2026-12-31", False),
        ("2026-12", "2027-01-01", True),
        ("2026-11", "2026-10-20", False),
    ],
)
def test_a_month_closes_when_the_data_go_past_its_end(month: str, as_of: str, closed: bool) -> None:
    assert is_closed(month, date.fromisoformat(as_of)) is closed


def test_a_rate_may_change_until_its_month_closes_and_then_no_more() -> None:
    one, two, three = ({SEPTEMBER: Given(Decimal(each))} for each in ("1.1", "1.2", "1.3"))
    september = settle([], one, "2026-09-20")
    assert told_by(september) == [("2026-09", "EUR", Decimal("1.1"), "file", False)]
    closed = settle(settle(september, two, "2026-09-30"), two)
    assert told_by(closed) == [("2026-09", "EUR", Decimal("1.2"), "file", True)]
    changed = settle(closed, three, "2026-11-20")
    assert told_by(changed) == told_by(closed)
    assert changed[0].file_rate == Decimal("1.3")
    assert told_by(settle(changed, {}, "2026-11-20")) == told_by(closed)  # nor when the file forgets it
    assert told_by(settle(changed, three, "2026-09-15")) == told_by(closed)  # nor when a source's history comes in


def test_a_frozen_rate_changes_only_for_a_line_that_names_it() -> None:
    held = settle([], {SEPTEMBER: Given(Decimal("1.2"))})
    wrong = settle(held, {SEPTEMBER: Given(Decimal("1.3"), replaces=Decimal("1.1"))})
    assert told_by(wrong) == [("2026-09", "EUR", Decimal("1.2"), "file", True)]
    meant = settle(held, {SEPTEMBER: Given(Decimal("1.3"), replaces=Decimal("1.2"))})
    assert told_by(meant) == [("2026-09", "EUR", Decimal("1.3"), "file", True)]
    again = settle(meant, {SEPTEMBER: Given(Decimal("1.3"), replaces=Decimal("1.2"))}, "2026-12-01")
    assert told_by(again) == told_by(meant)


def test_a_rate_that_comes_late_counts_from_then_on_and_is_frozen_at_once() -> None:
    assert settle([], {}, "2026-10-20") == []
    assert told_by(settle([], {SEPTEMBER: Given(Decimal("1.2"))}, "2026-10-20")) == [
        ("2026-09", "EUR", Decimal("1.2"), "file", True)
    ]


def test_the_providers_rate_counts_where_the_file_says_nothing() -> None:
    rates = settle([], {SEPTEMBER: Given(Decimal("1.2"))}, EUR="1.1", JPY="0.0065")
    assert told_by(rates) == [
        ("2026-09", "EUR", Decimal("1.2"), "file", True),
        ("2026-09", "JPY", Decimal("0.0065"), "provider", True),
    ]
    later = settle(rates, {("2026-09", "JPY"): Given(Decimal("0.007"))}, EUR="1.1", JPY="0.0066")
    assert told_by(later) == told_by(rates)  # frozen, whoever said it


@given(held=rates, file=rates, named=st.booleans())
def test_settling_twice_changes_nothing(held: Decimal, file: Decimal, named: bool) -> None:
    before = [Rate("2026-09", "EUR", "USD", held, "file", NOW)]
    given_ = {SEPTEMBER: Given(file, held if named else None)}
    once = settle(before, given_)
    assert once == settle(once, given_)
    assert once[0].rate == (file if named else held)


def test_the_inverse_is_rounded_in_the_last_digit() -> None:
    assert inverse(Decimal("0.8")) == Decimal("1.25")
    assert inverse(Decimal("155.5")) == Decimal("0.006430868167202572")  # 0.00643086816720257234…
    assert inverse(Decimal("1.5")) == Decimal("0.666666666666666667")


DIGITS = "1.081234567890123456"
LINES = {"csv": f"month,currency,rate\n2026-09,EUR,{DIGITS}\n2026-10,EUR, 1.09 \n"}
LINES["yaml"] = (
    f"rates:\n  - {{month: 2026-09, currency: EUR, rate: {DIGITS}}}\n"
    "  - {month: 2026-10, currency: EUR, rate: 1.09}\n"
)
LINES["yml"] = LINES["yaml"].removeprefix("rates:\n").replace("  - ", "- ")


@pytest.mark.parametrize("kind", LINES)
def test_a_file_is_read_to_the_last_digit(tmp_path: Path, kind: str) -> None:
    path = tmp_path / f"rates.{kind}"
    path.write_text(LINES[kind], encoding="utf-8")
    assert read_rates(path, "USD") == {
        ("2026-09", "EUR"): Given(Decimal(DIGITS)),
        ("2026-10", "EUR"): Given(Decimal("1.09")),
    }


def test_digits_past_the_eighteenth_are_rounded(tmp_path: Path) -> None:
    path = tmp_path / "rates.csv"
    path.write_text("month,currency,rate,replaces\n2026-09,JPY,0.00643086816720257234726688,0.0065\n", encoding="utf-8")
    assert read_rates(path, "USD") == {
        ("2026-09", "JPY"): Given(Decimal("0.006430868167202572"), Decimal("0.0065")),
    }


HEAD = "month,currency,rate,replaces\n"


@pytest.mark.parametrize(
    ("name", "text", "words"),
    [
        ("r.csv", HEAD + "2026-9,EUR,1,\n", ("line 2", "column month", "'2026-9'", "YYYY-MM")),
        ("r.csv", HEAD + "2026-13,EUR,1,\n", ("line 2", "column month")),
        ("r.csv", HEAD + "2026-09,eur,1,\n", ("line 2", "column currency", "three capitals")),
        ("r.csv", HEAD + "2026-09,USD,1,\n", ("line 2", "column currency", "reporting currency")),
        ("r.csv", HEAD + "2026-09,EUR,0,\n", ("line 2", "column rate", "not a positive number")),
        ("r.csv", HEAD + "2026-09,EUR,-1,\n", ("column rate", "not a positive number")),
        ("r.csv", HEAD + "2026-09,EUR,NaN,\n", ("column rate", "not a positive number")),
        ("r.csv", HEAD + "2026-09,EUR,Infinity,\n", ("column rate", "not a positive number")),
        ("r.csv", HEAD + "2026-09,EUR,1e-19,\n", ("column rate", "not a positive number")),
        ("r.csv", HEAD + "2026-09,EUR,1e9,\n", ("column rate", "not a positive number")),
        ("r.csv", HEAD + '2026-09,EUR,"1,08",\n', ("column rate", "'1,08'", "1.0812")),
        ("r.csv", HEAD + "2026-09,EUR,,\n", ("column rate",)),
        ("r.csv", HEAD + "2026-09,EUR,1,x\n", ("column replaces",)),
        ("r.csv", HEAD + "2026-09,EUR,1,\n2026-09,EUR,2,\n", ("line 3", "EUR in 2026-09 is given twice", "line 2")),
        ("r.csv", "month,currency\n2026-09,EUR\n", ("columns are missing: rate",)),
        ("r.csv", "month,curency,rate\n", ("columns are missing: currency",)),
        ("r.csv", "month,currency,rate,replacs\n", ("unknown column 'replacs'", "'replaces'")),
        ("r.yaml", "rates:\n- {month: 2026-09, currency: EUR, rate: x}\n", ("line 2", "entry 1", "column rate")),
        ("r.yaml", "rates:\n- {month: 2026-09, currency: EUR, rate: [1]}\n", ("line 2", "column rate", "plain text")),
        ("r.yaml", "rates: 5\n", ("not a list of rates",)),
        ("r.txt", "", ("neither CSV nor YAML",)),
    ],
)
def test_a_mistake_is_named_with_file_line_and_column(
    tmp_path: Path, name: str, text: str, words: tuple[str, ...]
) -> None:
    path = tmp_path / name
    path.write_text(text, encoding="utf-8")
    with pytest.raises(ConfigError) as caught:
        read_rates(path, "USD")
    for word in (*words, str(path), "What to do:"):
        assert word in str(caught.value), (word, str(caught.value))


# from bills to tables: dollars of one provider and euros of another, in one home

EURO = "33.333333333333333333"
"""What a day of the other provider costs: times a rate it has more digits than are kept."""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "bills").mkdir()
    first, last = date(2026, 8, 1), date(2026, 10, 5)
    (tmp_path / "bills/aws.csv").write_text(bill("AWS", first, last), encoding="utf-8")
    (tmp_path / "bills/eur.csv").write_text(bill("Other", first, last, EURO, "EUR"), encoding="utf-8")
    (tmp_path / "b.yaml").write_text(
        "budgets: [{name: all, scope: {}, monthly: 50, currency: USD}]\n", encoding="utf-8"
    )
    return tmp_path


def written(folder: Path, rates: dict[str, str] | None, replaces: str = "", **more: Any) -> Config:
    """The configuration with the rates of euros by month; `replaces` is September's."""
    document = {"sources": [{"name": "bills", "kind": "focus-files", "uri": "bills"}], "budgets": "b.yaml", **more}
    if rates is not None:
        lines = [f"{m},EUR,{rate},{replaces if m == '2026-09' else ''}\n" for m, rate in rates.items()]
        (folder / "rates.csv").write_text(HEAD + "".join(lines), encoding="utf-8")
        document["rates"] = "rates.csv"
    (folder / "finops.yaml").write_text(yaml.safe_dump(document), encoding="utf-8")
    return load_config(folder / "finops.yaml")


def refresh(config: Config) -> RunReport:
    """A run without the tables that follow the charges."""
    pipeline = Pipeline(config)
    pipeline.load()
    pipeline.publish()
    return pipeline.report(0)


def failed(config: Config, check: str) -> list[tuple[object, ...]]:
    """The scopes of one check where what is is not what is expected, with both."""
    return ask(config, f"SELECT * FROM ({model(f'quality.{check}').sql}) WHERE expected IS DISTINCT FROM actual")


def times(cost: str, rate: str) -> Decimal:
    """A charge in the reporting currency, by hand."""
    with localcontext(prec=80):
        return (Decimal(cost) * Decimal(rate)).quantize(Decimal("1e-18"), ROUND_HALF_UP)


RATES = {"2026-08": "1.081234567890123456", "2026-09": "1.1", "2026-10": "0.95"}
DAYS = {"2026-08": 31, "2026-09": 30, "2026-10": 5}
FAILED = """SELECT check_name, scope, actual FROM quality.checks
  WHERE NOT passed AND check_name NOT IN ('focus_rules', 'focus_prices')  -- what these small bills lack
  ORDER BY ALL"""


def test_euros_and_dollars_meet_in_the_reporting_currency_alone(folder: Path) -> None:
    """First without September's rate: an error that names currency and month, and no number is lost or guessed."""
    config = written(folder, {month: RATES[month] for month in ("2026-08", "2026-10")})
    report = run(config)
    assert report.published
    (failure,) = report.failures
    for word in ("EUR", "USD", "2026-09", "30 charges", "rates.csv", "What to do: add a line"):
        assert word in failure
    assert ask(config, FAILED) == [("known_rates", "EUR 2026-09", "30")]
    unrated = """SELECT DISTINCT strftime(BillingPeriodStart, '%Y-%m') FROM focus.charges
      WHERE x_EffectiveCostReporting IS NULL AND x_BilledCostReporting IS NULL AND x_ReportingRate IS NULL"""
    assert ask(config, unrated) == [("2026-09",)]
    with localcontext(prec=80):
        whole = {month: DAYS[month] * (100 + times(EURO, rate)) for month, rate in RATES.items()}
    status = "SELECT billing_period, actual, state FROM budget.status ORDER BY 1"
    known = [(month, amount, "over") for month, amount in whole.items()]
    assert ask(config, status) == [known[0], ("2026-09", None, "unknown"), known[2]]
    again = run(config)
    assert (again.published, again.failures) == (False, (failure,))  # until there is one, each run says so

    rated = run(written(folder, RATES))
    assert (rated.published, rated.failures, rated.units_new) == (True, (), 0)  # no bill is read again for it
    found = ask(
        config,
        """SELECT strftime(BillingPeriodStart, '%Y-%m'), BillingCurrency, x_ReportingRate, sum(BilledCost),
          sum(x_BilledCostReporting), sum(x_EffectiveCostReporting) FROM focus.charges GROUP BY ALL ORDER BY ALL""",
    )
    with localcontext(prec=80):
        assert found == [
            row
            for month, rate in RATES.items()
            for row in (
                (month, "EUR", Decimal(rate), DAYS[month] * Decimal(EURO), *2 * [DAYS[month] * times(EURO, rate)]),
                (month, "USD", Decimal(1), *3 * [Decimal(100 * DAYS[month])]),
            )
        ]
    assert ask(config, status) == known
    gaps = "SELECT billing_period, sum(actual) FROM gap.monthly WHERE scope_kind = 'series' GROUP BY 1 ORDER BY 1"
    assert ask(config, gaps) == list(whole.items())
    own = (
        "SELECT currency, sum(effective_cost) FROM spend.daily WHERE charge_date >= '2026-10-01' GROUP BY 1 ORDER BY 1"
    )
    assert ask(config, own) == [("EUR", 5 * Decimal(EURO)), ("USD", Decimal(500))]
    assert ask(config, FAILED) == []
    frozen = "SELECT billing_period, source, frozen_at IS NOT NULL FROM ledger.rates ORDER BY 1"
    assert ask(config, frozen) == [("2026-08", "file", True), ("2026-09", "file", True), ("2026-10", "file", False)]


def charged(column: str, instead: str) -> str:
    """The charges with a column of theirs computed wrongly."""
    return f"CREATE OR REPLACE VIEW focus.charges AS SELECT * REPLACE ({instead} AS {column}) FROM kept"


EVERY = {
    f"{cost} {currency} {month}" for cost in ("effective", "daily") for currency in ("EUR", "USD") for month in DAYS
}
BILLED = {f"billed EUR {month}" for month in DAYS}
LAST, DAY = "0.000000000000000001", "currency = 'EUR' AND charge_date = '2026-09-02'"
WRONG = [
    ("SELECT 1", set[str]()),
    (f"UPDATE spend.daily SET effective_cost_reporting = effective_cost_reporting + {LAST} WHERE {DAY}",
     {"daily EUR 2026-09"}),
    (f"DELETE FROM spend.daily WHERE {DAY}", {"daily EUR 2026-09"}),
    (charged("x_BilledCostReporting", "BilledCost"), BILLED),
    (charged("x_BilledCostReporting", "CAST(round(x_BilledCostReporting, 12) AS DECIMAL(38,18))"), BILLED),
    (charged("x_EffectiveCostReporting", "x_EffectiveCostReporting + 0.00000000000000001"), EVERY),
    (charged("x_BilledCostReporting", "CASE WHEN ChargePeriodStart <> '2026-09-02' THEN x_BilledCostReporting END"),
     {"billed EUR 2026-09", "billed USD 2026-09"}),
]  # fmt: skip


def test_the_check_sees_what_is_not_the_rates_doing(folder: Path, tmp_path: Path) -> None:
    """Each mutation alone, on copies of the charges and the days."""
    config = written(folder, RATES)
    refresh(config)
    with duckdb.connect(tmp_path / "copy.duckdb") as con:
        con.execute(f"ATTACH '{config.published}' AS published (READ_ONLY); USE published")
        con.execute("CREATE TABLE copy.main.kept AS FROM focus.charges")
        con.execute("CREATE TABLE copy.main.month_rates AS FROM ledger.rates")
        con.execute(f"CREATE TABLE copy.main.days AS {model('spend.daily').sql}")
        con.execute("USE copy; CREATE SCHEMA focus; CREATE SCHEMA spend; CREATE SCHEMA ledger")
        con.execute("CREATE VIEW ledger.rates AS FROM month_rates")
        check = f"SELECT scope FROM ({model('quality.reporting_is_rated').sql}) WHERE expected IS DISTINCT FROM actual"
        for sql, scopes in WRONG:
            con.execute("CREATE OR REPLACE VIEW focus.charges AS FROM kept")
            con.execute("CREATE OR REPLACE TABLE spend.daily AS FROM days")
            con.execute(sql)
            assert {scope for (scope,) in con.execute(check).fetchall()} == scopes, sql


def test_gpu_hours_cost_what_the_rate_says(tmp_path: Path) -> None:
    row = cur(
        cost="10",
        line_item_currency_code="EUR",
        line_item_resource_id="i-1",
        line_item_usage_amount="1",
        line_item_operation="RunInstances",
        line_item_usage_type="BoxUsage:g5.xlarge",
        product_instance_type="g5.xlarge",
        pricing_unit="Hrs",
    )
    write_csv(tmp_path / "report.csv", [legacy(row)])
    house = House(tmp_path, {"name": "aws", "kind": "aws-cur1", "uri": "report.csv"})
    house.run()
    hours = f"SELECT currency, avoidable_units FROM ({model('gpu.billed_hours').sql})"
    assert house.sql(hours) == [("USD", None)]
    house.sql("INSERT INTO ledger.rates VALUES ('2026-09', 'EUR', 'USD', 1.0812, 'file', NULL, NULL)")
    assert house.sql(hours) == [("USD", 10_812_000_000_000_000_000)]


def test_without_a_rates_file_the_remedy_is_the_key(folder: Path) -> None:
    pipeline = Pipeline(written(folder, None))
    pipeline.load()
    failures = pipeline.report(0).failures
    assert [month for month in DAYS if any(month in each for each in failures)] == list(DAYS)
    assert "finops.yaml, key rates" in failures[0]


def test_a_closed_months_rate_stays_and_the_change_is_reported(folder: Path) -> None:
    config = written(folder, RATES)
    refresh(config)
    total = "SELECT sum(x_EffectiveCostReporting) FROM focus.charges WHERE BillingPeriodStart = '2026-09-01'"
    before = ask(config, total)
    report = refresh(written(folder, {**RATES, "2026-09": "1.2", "2026-10": "0.96"}))
    (failure,) = report.failures
    for word in ("EUR", "2026-09", "frozen at 1.1,", "now says 1.2", "rates.csv", "replaces: 1.1"):
        assert word in failure
    assert failed(config, "frozen_rates") == [("EUR 2026-09", Decimal("1.1"), Decimal("1.2"))]
    assert ask(config, total) == before
    # the open month's rate is the file's
    assert ask(config, "SELECT rate FROM ledger.rates WHERE billing_period = '2026-10'") == [(Decimal("0.96"),)]

    restated = refresh(written(folder, {**RATES, "2026-09": "1.2"}, replaces="1.1"))
    assert restated.failures == ()
    assert ask(config, total) == [(30 * (100 + times(EURO, "1.2")),)]
    assert refresh(written(folder, {**RATES, "2026-09": "1.2"})).failures == ()  # it is the frozen one now


def test_only_a_publication_freezes(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A run that breaks off before it publishes has reported nothing: the rate may still be corrected."""
    config = written(folder, RATES)

    def full(*_: object) -> None:
        raise WarehouseError("the home cannot be written: no space left")

    monkeypatch.setattr("finops.warehouse.database.Warehouse.publish", full)
    with pytest.raises(WarehouseError):
        refresh(config)
    monkeypatch.undo()
    assert refresh(written(folder, {**RATES, "2026-09": "1.2"})).failures == ()
    september = "SELECT rate, frozen_at IS NOT NULL FROM ledger.rates WHERE billing_period = '2026-09'"
    assert ask(config, september) == [(Decimal("1.2"), True)]

    replaced = written(folder, {**RATES, "2026-09": "1.3"}, replaces="1.2")
    monkeypatch.setattr("finops.warehouse.database.Warehouse.publish", full)
    with pytest.raises(WarehouseError):
        refresh(replaced)
    monkeypatch.undo()
    assert refresh(written(folder, {"2026-08": RATES["2026-08"], "2026-10": "1"})).failures == ()
    assert ask(config, september) == [(Decimal("1.2"), True)]  # the replacement was never published, and is gone


def test_months_to_come_need_no_rate_yet(folder: Path) -> None:
    costs = "start_date,end_date,amount,currency,category,description\n2026-10-01,2027-01-01,92,EUR,people,two\n"
    (folder / "costs.csv").write_text(costs, encoding="utf-8")
    sources = [
        {"name": "bills", "kind": "focus-files", "uri": "bills"},
        {"name": "people", "kind": "cost-ledger", "uri": "costs.csv"},
    ]
    config = written(folder, RATES, sources=sources)
    assert refresh(config).failures == ()
    assert failed(config, "known_rates") == []
    assert ask(
        config, "SELECT DISTINCT x_EffectiveCostReporting FROM focus.charges WHERE ProviderName = 'internal' ORDER BY 1"
    ) == [(Decimal("0.95"),), (None,)]


def test_a_mistake_in_the_rates_is_told_before_any_work(folder: Path) -> None:
    config = written(folder, {"2026-09": "much"})
    with pytest.raises(ConfigError, match="column rate"):
        refresh(config)
    assert not config.published.exists()


def test_rates_into_another_currency_are_others(folder: Path) -> None:
    refresh(written(folder, RATES))
    (folder / "rates.csv").write_text(HEAD + "".join(f"{month},USD,2,\n" for month in RATES), encoding="utf-8")
    document = yaml.safe_load((folder / "finops.yaml").read_text(encoding="utf-8"))
    (folder / "finops.yaml").write_text(yaml.safe_dump({**document, "reporting_currency": "EUR"}), encoding="utf-8")
    config = load_config(folder / "finops.yaml")
    assert refresh(config).failures == ()
    totals = """SELECT BillingCurrency, sum(x_BilledCostReporting) FROM focus.charges
      WHERE x_ReportingCurrency = 'EUR' GROUP BY 1 ORDER BY 1"""
    days = sum(DAYS.values())
    assert ask(config, totals) == [("EUR", days * Decimal(EURO)), ("USD", Decimal(200 * days))]


def test_googles_own_rate_counts_where_no_file_has_one(tmp_path: Path) -> None:
    """Three accounts' euros over two ingestion days; the rate of the latest usage is the month's, for each month."""

    def row(day: str, cost: str, currency: str, rate: float | None, month: str = "202609") -> dict[str, Any]:
        usage = {"usage_start_time": f"{day} 00:00:00 UTC", "usage_end_time": f"{day} 01:00:00 UTC"}
        return google(cost, currency=currency, currency_conversion_rate=rate, invoice={"month": month}, **usage)

    parts = {
        "2026-09-03": [row("2026-09-02", "9", "EUR", 0.9), row("2026-09-01", "5", "USD", 1)],
        "2026-09-20": [row("2026-09-19", "8", "EUR", 0.8), row("2026-09-01", "1", "EUR", 0.7)],
        "2026-09-21": [row("2026-09-20", "3", "EUR", None), row("2026-09-18", "155.5", "JPY", 155.5)],
        "2026-10-02": [row("2026-10-01", "2", "EUR", 0.5, "202610")],
    }
    for day, rows in parts.items():
        write_lines(tmp_path / f"bills/_PARTITIONDATE={day}/part.jsonl", rows)
    sources = [{"name": "gcp", "kind": "gcp-files", "uri": "bills"}]
    config = written(tmp_path, None, sources=sources, budgets=None)
    assert refresh(config).failures == ()
    assert ask(config, "SELECT billing_period, currency, rate, source FROM ledger.rates ORDER BY ALL") == [
        ("2026-09", "EUR", Decimal("1.25"), "provider"),
        ("2026-09", "JPY", Decimal("0.006430868167202572"), "provider"),
        ("2026-10", "EUR", Decimal(2), "provider"),
    ]
    totals = """SELECT strftime(BillingPeriodStart, '%Y-%m'), BillingCurrency, sum(x_BilledCostReporting)
      FROM focus.charges GROUP BY ALL ORDER BY ALL"""
    assert ask(config, totals) == [
        ("2026-09", "EUR", Decimal("26.25")),
        ("2026-09", "JPY", Decimal("0.999999999999999946")),  # 155.5 × 0.006430868167202572
        ("2026-09", "USD", Decimal(5)),
        ("2026-10", "EUR", Decimal(4)),
    ]


@pytest.mark.parametrize("written_as", [float, str])
def test_googles_own_rate_in_its_focus_export(tmp_path: Path, written_as: type) -> None:
    """The column x_CurrencyConversionRate: of the month's last charge that has one."""

    def row(day: str, cost: str, currency: str, rate: float | None) -> dict[str, Any]:
        return {
            **dict.fromkeys(("BilledCost", "EffectiveCost", "ListCost", "ContractedCost"), cost),
            "BillingAccountId": "010101-F0FFF0-61C528",
            "BillingCurrency": currency,
            "BillingPeriodStart": "2026-09-01 00:00:00 UTC",
            "BillingPeriodEnd": "2026-09-30 00:00:00 UTC",
            "ChargePeriodStart": f"{day} 00:00:00 UTC",
            "ChargePeriodEnd": f"{day} 01:00:00 UTC",
            "ChargeCategory": "Usage",
            "ServiceName": "BigQuery",
            "x_Labels": [],
            **({} if rate is None else {"x_CurrencyConversionRate": written_as(rate)}),
        }

    parts = {
        "2026-09-03": [row("2026-09-02", "9", "EUR", 0.9), row("2026-09-01", "5", "USD", 1)],
        "2026-09-20": [row("2026-09-19", "8", "EUR", 0.8), row("2026-09-20", "3", "EUR", None)],
    }
    for day, rows in parts.items():
        write_lines(tmp_path / f"bills/_PARTITIONDATE={day}/part.jsonl", rows)
    sources = [{"name": "gcp", "kind": "gcp-files", "uri": "bills"}]
    config = written(tmp_path, None, sources=sources, budgets=None)
    assert refresh(config).failures == ()
    rates = "SELECT billing_period, currency, rate, source FROM ledger.rates ORDER BY ALL"
    assert ask(config, rates) == [("2026-09", "EUR", Decimal("1.25"), "provider")]
    total = "SELECT sum(x_BilledCostReporting) FROM focus.charges"
    assert ask(config, total) == [(Decimal(30),)]  # (9 + 8 + 3) × 1.25 + 5


money = st.decimals(min_value=-(10**12), max_value=10**12, places=18)


@given(cost=money, rate=rates)
def test_an_amount_is_the_exact_product_rounded_once(cost: Decimal, rate: Decimal) -> None:
    """The SQL of focus.charges against Python's decimals: half away from zero, so that negations cancel."""
    found = CONVERT.execute(f"SELECT x_BilledCostReporting FROM ({CHARGE})", [cost, rate]).fetchall()
    with localcontext(prec=80):
        assert found == [((cost * rate).quantize(Decimal("1e-18"), ROUND_HALF_UP),)]


def _conversion() -> tuple[duckdb.DuckDBPyConnection, str]:
    """The expression of sql/focus/charges.sql over one amount and rate."""
    import sqlglot

    select = sqlglot.parse_one(model("focus.charges").sql, dialect="duckdb")
    (expression,) = [each for each in select.selects if each.alias == "x_BilledCostReporting"]
    sql = expression.sql(dialect="duckdb")
    charge = f"""SELECT {sql} FROM (SELECT CAST(? AS DECIMAL(38,18)) AS BilledCost, 'EUR' AS BillingCurrency) AS c,
      (SELECT CAST(? AS DECIMAL(38,18)) AS rate) AS r, (SELECT 'USD' AS reporting_currency) AS f"""
    return duckdb.connect(), charge


CONVERT, CHARGE = _conversion()
