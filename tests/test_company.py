"""The whole way from bills to tables, compared with the simulated company's truth: to the last digit."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterator
from decimal import Decimal
from typing import Any

import pyarrow.parquet as pq
from duckdb import DuckDBPyConnection

from finops.warehouse.failing import failing_sql
from tests.conftest import Company, run
from tests.proof.independent import exact, exported

LINE = "billing_period, charge_date, account, line_type"


def differing(con: DuckDBPyConnection, expected: str, actual: str, keys: str) -> list[tuple[object, ...]]:
    """The groups in which two queries with the same columns differ, at most ten."""
    return con.execute(
        f"""SELECT {keys}, e, a FROM
        (SELECT {keys}, {{'rows': rows, 'billed': billed, 'effective': effective}} AS e FROM ({expected})) FULL JOIN
        (SELECT {keys}, {{'rows': rows, 'billed': billed, 'effective': effective}} AS a FROM ({actual}))
        USING ({keys}) WHERE e IS DISTINCT FROM a LIMIT 10"""
    ).fetchall()


def truth_by(company: Company, keys: str) -> str:
    return f"""SELECT {keys}, count(*) AS rows, sum(billed_cost) AS billed, sum(effective_cost) AS effective
        FROM (SELECT * REPLACE (coalesce(account, '') AS account, coalesce(team, '') AS team)
              FROM {company.truth("charges.parquet")}) GROUP BY ALL"""


def charges_by(keys: str) -> str:
    return f"""SELECT {keys}, count(*) AS rows, sum(BilledCost) AS billed, sum(EffectiveCost) AS effective
        FROM (SELECT x_SourceSystem AS source, strftime(BillingPeriodStart, '%Y-%m') AS billing_period,
                BillingAccountId AS payer_or_billing_account, coalesce(SubAccountId, '') AS account,
                CAST(ChargePeriodStart AS DATE) AS charge_date, coalesce(x_Team, '') AS team,
                BillingCurrency AS currency, BilledCost, EffectiveCost,
                CASE WHEN CommitmentDiscountStatus = 'Unused'
                     THEN if(x_SourceLineType = 'RIFee', 'RIUnused', 'SavingsPlanUnused')
                     ELSE split_part(x_SourceLineType, ':', 1) END AS line_type
              FROM focus.charges WHERE x_SourceSystem <> 'people') GROUP BY ALL"""


def clouds(query: str) -> str:
    return query.replace(" GROUP BY ALL", " WHERE source <> 'people' GROUP BY ALL")


def test_every_month_payer_account_and_line_type_is_exact(company: Company, con: DuckDBPyConnection) -> None:
    keys = "source, billing_period, payer_or_billing_account, account, line_type, currency"
    assert differing(con, clouds(truth_by(company, keys)), charges_by(keys), keys) == []


def test_every_day_and_team_is_exact(company: Company, con: DuckDBPyConnection) -> None:
    keys = "source, charge_date, account, team"
    assert differing(con, clouds(truth_by(company, keys)), charges_by(keys), keys) == []


def test_the_simulators_own_month_totals_are_met(company: Company, con: DuckDBPyConnection) -> None:
    rows = con.execute(
        f"""SELECT t.source, t.billing_period, t.billed, c.billed, t.effective, c.effective FROM
        (SELECT source, billing_period, payer_or_billing_account AS payer,
           billed_cost::DECIMAL(38,18) AS billed, effective_cost::DECIMAL(38,18) AS effective
         FROM {company.truth("month_totals.csv")} WHERE level = 'payer' AND source <> 'people') AS t
        FULL JOIN (SELECT x_SourceSystem AS source, strftime(BillingPeriodStart, '%Y-%m') AS billing_period,
           BillingAccountId AS payer, sum(BilledCost) AS billed, sum(EffectiveCost) AS effective
         FROM focus.charges WHERE x_SourceSystem <> 'people' GROUP BY ALL) AS c USING (source, billing_period, payer)"""
    ).fetchall()
    assert len(rows) == 36
    assert [row for row in rows if row[2] != row[3] or row[4] != row[5]] == []


def test_the_cost_ledger_is_exact_to_the_day(company: Company, con: DuckDBPyConnection) -> None:
    keys = "charge_date, line_type, team"
    actual = """SELECT CAST(ChargePeriodStart AS DATE) AS charge_date, x_SourceLineType AS line_type,
        coalesce(x_Team, '') AS team, count(*) AS rows, sum(BilledCost) AS billed, sum(EffectiveCost) AS effective
        FROM focus.charges WHERE x_SourceSystem = 'people' GROUP BY ALL"""
    expected = truth_by(company, keys).replace(" GROUP BY ALL", " WHERE source = 'people' GROUP BY ALL")
    assert differing(con, expected, actual, keys) == []


def test_stages_are_the_true_ones_where_there_is_evidence_and_unattributed_where_there_is_none(
    company: Company, con: DuckDBPyConnection
) -> None:
    """A tag or a service that does one thing is evidence; a name or nothing is not, and is not guessed."""
    keys = "source, charge_date, account, ml_stage"
    honest = f"""(SELECT * REPLACE (CASE WHEN evidence IN ('tag', 'service') THEN ml_stage ELSE 'unattributed' END
        AS ml_stage) FROM {company.truth("charges.parquet")})"""
    expected = truth_by(company, keys).replace(company.truth("charges.parquet"), honest)
    actual = """SELECT x_SourceSystem AS source, CAST(ChargePeriodStart AS DATE) AS charge_date,
        coalesce(SubAccountId, '') AS account, x_MlStage AS ml_stage, count(*) AS rows,
        sum(BilledCost) AS billed, sum(EffectiveCost) AS effective FROM focus.charges GROUP BY ALL"""
    assert differing(con, expected, actual, keys) == []


def test_stage_parts_add_up_to_the_sources_total(company: Company, con: DuckDBPyConnection) -> None:
    """Source = charges = daily = stages, in exact decimals."""
    total = con.execute(f"SELECT sum(billed_cost) FROM {company.truth('charges.parquet')}").fetchall()
    assert con.execute("SELECT sum(BilledCost) FROM focus.charges").fetchall() == total
    assert con.execute("SELECT sum(billed_cost) FROM spend.daily").fetchall() == total
    stages = con.execute("SELECT sum(billed_cost) FROM spend.daily GROUP BY ml_stage").fetchall()
    assert sum((row[0] for row in stages), Decimal(0)) == total[0][0]


def test_gpu_hours_and_their_cost_are_the_bills(company: Company, con: DuckDBPyConnection) -> None:
    rows = con.execute(
        f"""SELECT t.instance_id, t.billing_period, t.hours, g.hours, t.cost, g.cost FROM
        (SELECT instance_id, billing_period, gpu_hours::DECIMAL(38,18) AS hours,
           effective_cost::DECIMAL(38,18) AS cost FROM {company.truth("gpu_hours.csv")}) AS t
        LEFT JOIN (SELECT instance_id, strftime(hour, '%Y-%m') AS billing_period, sum(gpu_hours) AS hours,
           sum(cost) AS cost FROM gpu.hours GROUP BY ALL) AS g USING (instance_id, billing_period)"""
    ).fetchall()
    assert len(rows) > 20
    assert [row for row in rows if row[2] != row[3] or row[4] != row[5]] == []


def test_idle_gpus_are_found_with_their_dollars(company: Company, con: DuckDBPyConnection) -> None:
    """Every true interval of an hour or more, and no other: starts and ends within two minutes, money to 0.1 %."""
    found = con.execute(
        f"""SELECT count(*), count(t.instance_id), count(f.instance_id),
          count(*) FILTER (WHERE t.state = f.state AND if(t.avoidable, f.sunk_cost, f.avoidable_cost) = 0
            AND abs(epoch(f.started_at) - epoch(t.started)) <= 120 AND abs(epoch(f.ended_at) - epoch(t.ended)) <= 120)
        FROM (SELECT * REPLACE (avoidable::BOOLEAN AS avoidable), started_at::TIMESTAMPTZ AS started,
                ended_at::TIMESTAMPTZ AS ended FROM {company.truth("idle.csv")}) AS t
        FULL JOIN gpu.idle AS f ON f.instance_id = t.instance_id AND f.gpu_id = t.gpu_id
          AND f.started_at < t.ended AND f.ended_at > t.started"""
    ).fetchall()[0]
    rows, true, detected, matched = found
    assert rows == true == detected
    assert matched >= 0.99 * true
    money = con.execute(
        f"SELECT (SELECT sum(cost) FROM gpu.idle), (SELECT sum(cost::DECIMAL(38,18)) FROM {company.truth('idle.csv')})"
    ).fetchall()[0]
    assert abs(money[0] - money[1]) <= money[1] / 1000


def test_overruns_are_the_true_ones_with_their_crossing_dates(company: Company, con: DuckDBPyConnection) -> None:
    expected = con.execute(
        f"""SELECT budget, billing_period, amount::DECIMAL(38,18), actual::DECIMAL(38,18), crossing_date::DATE
        FROM {company.truth("overruns.csv")} ORDER BY ALL"""
    ).fetchall()
    assert len(expected) >= 4
    columns = "budget, billing_period, amount, actual, crossing_date"
    found = con.execute(f"SELECT {columns} FROM budget.overruns WHERE state = 'over' ORDER BY ALL").fetchall()
    assert found == expected


def test_gap_tables_add_up(con: DuckDBPyConnection) -> None:
    """Gaps' actuals are the spend's, and a scope's drivers add up to its gap."""
    spent = con.execute(
        """SELECT strftime(charge_date, '%Y-%m') AS period, sum(effective_cost) FROM spend.daily
        WHERE charge_date < (SELECT max(as_of) FROM gap.monthly) GROUP BY ALL ORDER BY 1"""
    ).fetchall()
    monthly = "SELECT billing_period, sum(actual) FROM gap.monthly WHERE scope_kind = 'series' GROUP BY ALL ORDER BY 1"
    assert con.execute(monthly).fetchall() == spent
    uneven = con.execute(
        """SELECT * FROM (SELECT billing_period, team, ml_stage, sum(gap_to_forecast) AS gap FROM gap.monthly
          WHERE scope_kind = 'series' AND gap_to_forecast IS NOT NULL GROUP BY ALL HAVING gap <> 0)
        JOIN (SELECT billing_period, team, ml_stage, sum(amount) AS parts FROM gap.drivers GROUP BY ALL) AS d
        USING (billing_period, team, ml_stage) WHERE gap <> parts"""
    ).fetchall()
    assert uneven == []


def test_every_check_passed(con: DuckDBPyConnection) -> None:
    results = con.execute("SELECT check_name, bool_and(passed), count(*) FROM quality.checks GROUP BY 1").fetchall()
    assert {name for name, passed, _ in results if not passed} == set()
    assert len(results) >= 8
    # and where a check passes, no row is to blame
    failing_rows = {name: failing_sql(name) for name, _, _ in results}
    assert [name for name, sql in failing_rows.items() if sql and con.execute(sql).fetchall()] == []


def test_nothing_of_a_load_stays_in_the_published_file(company: Company, con: DuckDBPyConnection) -> None:
    """Its views read landed files, which are paths of one machine."""
    found = con.execute("SELECT table_name FROM information_schema.tables WHERE table_schema = 'main'").fetchall()
    assert found == [("focus_data_table",)]
    assert b"/landing/" not in company.published.read_bytes()


COMMITTED = {
    "RIFee": ("line_item_unblended_cost", "reservation_amortized_upfront_fee_for_billing_period"),
    "SavingsPlanRecurringFee": (
        "savings_plan_recurring_commitment_for_billing_period",
        "savings_plan_amortized_upfront_commitment_for_billing_period",
    ),
}
SPENT = {
    "RIFee": (
        "reservation_unused_recurring_fee",
        "reservation_unused_amortized_upfront_fee_for_billing_period",
    ),
    "DiscountedUsage": ("reservation_effective_cost",),
    "SavingsPlanCoveredUsage": ("savings_plan_savings_plan_effective_cost",),
}
"""By line type, on the basis without net columns: what a commitment costs, and what usage and its unused part do."""


def lines(company: Company) -> Iterator[dict[str, Any]]:
    """The rows of commitments of the payer without net columns, as its files have them."""
    columns = {name for named in (COMMITTED, SPENT) for names in named.values() for name in names}
    columns |= {"line_item_line_item_type", "bill_billing_period_start_date", "reservation_reservation_a_r_n"}
    columns |= {"savings_plan_total_commitment_to_date", "savings_plan_used_commitment"}
    for path in exported(company.root / "aws/main/cur2", "nimbus-main"):
        for row in pq.read_table(path, columns=[*columns, "savings_plan_savings_plan_a_r_n"]).to_pylist():
            if row["line_item_line_item_type"] in {*COMMITTED, *SPENT}:
                yield row


def test_what_commitments_cost_is_what_is_used_of_them_and_what_is_not(
    company: Company, con: DuckDBPyConnection, record_property: Callable[[str, object], None]
) -> None:
    fees: dict[tuple[str, str], Decimal] = defaultdict(Decimal)
    spent: dict[tuple[str, str], Decimal] = defaultdict(Decimal)
    for row in lines(company):
        kind = row["line_item_line_item_type"]
        arn = row["reservation_reservation_a_r_n"] or row["savings_plan_savings_plan_a_r_n"]
        key = (arn, f"{row['bill_billing_period_start_date']:%Y-%m}")
        if kind in COMMITTED:
            fees[key] += sum(exact(row[name]) for name in COMMITTED[kind])
        if kind == "SavingsPlanRecurringFee":
            total, used = (row[f"savings_plan_{name}"] for name in ("total_commitment_to_date", "used_commitment"))
            spent[key] += exact(total) - exact(used)
        spent[key] += sum(exact(row[name]) for name in SPENT.get(kind, ()))
    assert len(fees) == 38
    told = con.execute("SELECT commitment_id, billing_period, cost FROM ledger.commitments WHERE source = 'aws-main'")
    assert {(arn, month): cost for arn, month, cost in told.fetchall()} == fees
    found = con.execute(
        """SELECT CommitmentDiscountId, strftime(BillingPeriodStart, '%Y-%m'), sum(EffectiveCost) FROM focus.charges
        WHERE x_SourceSystem = 'aws-main' AND CommitmentDiscountStatus IS NOT NULL GROUP BY ALL"""
    )
    assert {(arn, month): cost for arn, month, cost in found.fetchall()} == spent
    # rounding of each of up to 744 hours to ten digits
    assert max(abs(fees[key] - spent[key]) for key in fees) < 744 * Decimal("1e-10")

    checked = con.execute(
        "SELECT scope, expected::DECIMAL(38,18), actual::DECIMAL(38,18) FROM quality.checks "
        "WHERE check_name = 'commitments_are_used' AND scope LIKE 'aws-main %USD' ORDER BY 1"
    ).fetchall()
    last = max(month for _, month in fees)  # is not invoiced yet
    closed = sorted({month for _, month in fees} - {last})
    assert len(closed) == 11
    expected = [sum(cost for (_, month), cost in fees.items() if month == each) for each in closed]
    assert checked == [(f"aws-main {month} USD", cost, cost) for month, cost in zip(closed, expected, strict=True)]
    compared = sum(month != last for _, month in fees)
    record_property("shown", f"{compared} months of {len({arn for arn, _ in fees})} commitments, {sum(expected)} USD")


def test_running_again_changes_nothing_and_does_no_ingest_work(small: Company) -> None:
    before = small.published.read_bytes()
    report = run(small.config)
    assert (report.units_new, report.rows, report.published, report.failures) == (0, 0, False, ())
    assert report.units_unchanged > 30
    assert small.published.read_bytes() == before
