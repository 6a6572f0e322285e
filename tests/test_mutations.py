"""Every step broken on purpose, each time in one way: a check that was named beforehand catches it.

A mutation is made behind the back of what it breaks: to the rows of a load before they are compared with their
source, or to the tables of a work file whose checks all pass.
"""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from decimal import Decimal
from pathlib import Path
from typing import Any

import duckdb
import pytest

from finops import pipeline
from finops.lifecycle import load_rules
from finops.models import model, models
from finops.warehouse import accepting, checks, failing, staging
from finops.warehouse.loading import Loaded, Loader
from tests.sources.house import House, cur, focus, google, write_csv, write_lines

IN_A_LOAD = {
    "a row is dropped": ("DELETE FROM rows WHERE BilledCost = 9", "adds_up"),
    "a free row is dropped": ("DELETE FROM rows WHERE BilledCost = 0", "adds_up"),
    "a row is doubled": ("INSERT INTO rows FROM rows WHERE BilledCost = 9", "adds_up"),
    "a free row is doubled": ("INSERT INTO rows FROM rows WHERE BilledCost = 0", "adds_up"),
    "a credit is lost": ("UPDATE rows SET BilledCost = ListCost WHERE len(x_Credits) > 0", "adds_up"),
    "the last digit is off": ("UPDATE rows SET BilledCost = BilledCost + 1e-18::DECIMAL(38,18)", "adds_up"),
    "a row moves a day": (
        "UPDATE rows SET ChargePeriodStart = ChargePeriodStart + INTERVAL 1 DAY WHERE BilledCost = 9",
        "adds_up",
    ),
    "a row moves a billing period": (
        "UPDATE rows SET BillingPeriodStart = BillingPeriodStart - INTERVAL 1 MONTH WHERE BilledCost = 9",
        "adds_up",
    ),
    "rows are of another currency": ("UPDATE rows SET BillingCurrency = 'EUR'", "adds_up"),
    "billed and list cost are swapped": ("UPDATE rows SET BilledCost = ListCost, ListCost = BilledCost", "adds_up"),
    "a row is left out without being counted": ("UPDATE rows SET x_LeftOut = '' WHERE BilledCost = 9", "adds_up"),
    "a row's meaning is lost": ("UPDATE rows SET ChargeCategory = NULL WHERE BilledCost = 9", "understood"),
    "a row's service is lost": ("UPDATE rows SET ServiceName = NULL WHERE BilledCost = 9", "understood"),
    "a row is of another century": (
        "UPDATE rows SET ChargePeriodEnd = ChargePeriodEnd + INTERVAL 100 YEAR WHERE BilledCost = 9",
        "in_our_time",
    ),
}
"""By what is done to the normalised rows: the statement, and which of finops.warehouse.accepting refuses it."""
EVERYWHERE = (
    "a row is dropped",
    "a free row is doubled",
    "the last digit is off",
    "a row moves a day",
    "a row moves a billing period",
)
"""Those that are made to the other kinds of bills too: what they add up to is an SQL of its own for each."""

COVERED = """FROM part.aws_cur WHERE CommitmentDiscountStatus = 'Used' AND EffectiveCost > 0
  AND BillingPeriodStart = (SELECT min(BillingPeriodStart) FROM part.aws_cur)"""
AFTERWARDS = {
    # the charges
    "a charge is dropped": (
        "DELETE FROM part.aws_cur WHERE rowid = (SELECT min(rowid) FROM part.aws_cur WHERE BilledCost > 0)",
        "source_is_charges",
    ),
    "a free charge is dropped": (
        "DELETE FROM part.gcp_export WHERE rowid = (SELECT min(rowid) FROM part.gcp_export WHERE BilledCost = 0)",
        "rows_are_accounted",
    ),
    "a charge is doubled": (
        "INSERT INTO part.gcp_export SELECT * FROM part.gcp_export WHERE BilledCost <> 0 LIMIT 1",
        "source_is_charges",
    ),
    "a free charge is doubled": (
        "INSERT INTO part.aws_cur SELECT * FROM part.aws_cur WHERE BilledCost = 0 LIMIT 1",
        "loads_are_charges",
    ),
    "one charge is dropped and another doubled, both free": (
        """DELETE FROM part.gcp_export WHERE rowid = (SELECT min(rowid) FROM part.gcp_export WHERE BilledCost = 0);
        INSERT INTO part.gcp_export SELECT * FROM part.gcp_export WHERE BilledCost = 0 AND file_id <> (
          SELECT min_by(file_id, rowid) FROM part.gcp_export WHERE BilledCost = 0) LIMIT 1""",
        "loads_are_charges",
    ),
    "a credit is lost": (
        """UPDATE part.gcp_export SET BilledCost = BilledCost - list_sum(list_transform(x_Credits, lambda c: c.amount))
        WHERE rowid = (SELECT min(rowid) FROM part.gcp_export WHERE len(x_Credits) > 0)""",
        "source_is_charges",
    ),
    "the last digit of an effective cost is off": (
        "UPDATE part.aws_cur SET EffectiveCost = EffectiveCost + 1e-18::DECIMAL(38,18) WHERE rowid = 1",
        "ledger_is_charges",
    ),
    "money moves from one day to another": (
        """UPDATE part.gcp_export SET ChargePeriodStart = ChargePeriodStart + INTERVAL 1 DAY
        WHERE rowid = (SELECT min(rowid) FROM part.gcp_export WHERE BilledCost > 0 AND day(ChargePeriodStart) = 9)""",
        "ledger_is_charges",
    ),
    "a charge moves to another billing period": (
        """UPDATE part.aws_cur SET BillingPeriodStart = BillingPeriodStart + INTERVAL 4 MONTH
        WHERE rowid = (SELECT min(rowid) FROM part.aws_cur WHERE BilledCost = 0)""",
        "charges_in_period",
    ),
    "billed and effective cost are swapped": (
        "UPDATE part.aws_cur SET BilledCost = EffectiveCost, EffectiveCost = BilledCost",
        "source_is_charges",
    ),
    "an unused part of a commitment is dropped": (
        """DELETE FROM part.aws_cur
        WHERE rowid = (SELECT min(rowid) FROM part.aws_cur WHERE CommitmentDiscountStatus = 'Unused')""",
        "rows_are_accounted",
    ),
    # commitments, in the months that are closed: the first
    "all unused parts of commitments are lost": (
        "DELETE FROM part.aws_cur WHERE CommitmentDiscountStatus = 'Unused'",
        "commitments_are_used",
    ),
    "usage that a plan covers is dropped": (
        f"DELETE FROM part.aws_cur WHERE rowid = (SELECT min(rowid) {COVERED} AND CommitmentDiscountId LIKE '%:sav%')",
        "commitments_are_used",
    ),
    "usage of a reservation is dropped": (
        f"DELETE FROM part.aws_cur WHERE rowid = (SELECT min(rowid) {COVERED} AND CommitmentDiscountId LIKE '%:res%')",
        "commitments_are_used",
    ),
    "covered usage is doubled": (
        f"INSERT INTO part.aws_cur SELECT * {COVERED} LIMIT 1",
        "commitments_are_used",
    ),
    "covered usage moves to another commitment": (
        f"""UPDATE part.aws_cur SET CommitmentDiscountId = (SELECT max(CommitmentDiscountId) {COVERED})
        WHERE rowid = (SELECT min(rowid) {COVERED}
          AND CommitmentDiscountId < (SELECT max(CommitmentDiscountId) {COVERED}))""",
        "commitments_are_used",
    ),
    "covered usage costs what it is listed at": (
        "UPDATE part.aws_cur SET EffectiveCost = ListCost WHERE CommitmentDiscountStatus = 'Used'",
        "commitments_are_used",
    ),
    "a commitment's fees say another cost": (
        """UPDATE ledger.commitments SET cost = cost + 0.01 WHERE rowid = (
          SELECT min_by(rowid, billing_period) FROM ledger.commitments WHERE cost IS NOT NULL)""",
        "commitments_are_used",
    ),
    "team and project are swapped": (
        "UPDATE part.tag_sets SET x_Team = x_MlProject, x_MlProject = x_Team",
        "ledger_is_charges",
    ),
    "a stage is unknown": ("UPDATE part.gcp_export SET x_MlStage = 'thinking'", "daily_is_stages"),
    "a stage is gone": ("DELETE FROM lifecycle.stages WHERE stage = 'training'", "daily_is_stages"),
    # what charges are joined with
    "an account is listed twice": ("INSERT INTO focus.accounts (account_id) VALUES ('1'), ('1')", "no_fan_out"),
    "a set of tags is there twice": (
        "INSERT INTO part.tag_sets SELECT * FROM part.tag_sets LIMIT 1",
        "no_fan_out",
    ),
    "an instance type is there twice": ("INSERT INTO gpu.catalogue SELECT * FROM gpu.catalogue LIMIT 1", "no_fan_out"),
    "a file is there twice": ("INSERT INTO ledger.files SELECT * FROM ledger.files LIMIT 1", "no_fan_out"),
    "a file is lost": (
        "DELETE FROM ledger.files WHERE file_id = (SELECT min(file_id) FROM ledger.files)",
        "no_fan_out",
    ),
    # FOCUS's rules
    "a charge has no account": ("UPDATE part.aws_cur SET BillingAccountId = NULL WHERE rowid = 1", "focus_mandatory"),
    "a charge is a gift": ("UPDATE part.aws_cur SET ChargeCategory = 'Gift' WHERE rowid = 1", "focus_mandatory"),
    "a service is of a category of its own": (
        "UPDATE part.gcp_export SET ServiceCategory = 'Machines' WHERE rowid = 1",
        "focus_rules",
    ),
    "a commitment has no status": (
        "UPDATE part.aws_cur SET CommitmentDiscountStatus = NULL WHERE CommitmentDiscountStatus = 'Used'",
        "focus_rules",
    ),
    "a price is another": (
        """UPDATE part.gcp_export SET ListUnitPrice = ListUnitPrice * 1.01
        WHERE rowid = (SELECT min(rowid) FROM part.gcp_export WHERE ListCost > 1 AND ChargeClass IS NULL)""",
        "focus_prices",
    ),
    "a fee has no quantity": (
        """UPDATE part.aws_cur SET PricingQuantity = NULL
        WHERE rowid = (SELECT min(rowid) FROM part.aws_cur WHERE ChargeCategory = 'Purchase')""",
        "focus_prices",
    ),
    "an invoice is another account's": (
        """UPDATE part.aws_cur SET BillingAccountId = '1'
        WHERE rowid = (SELECT min(rowid) FROM part.aws_cur WHERE InvoiceId IS NOT NULL)""",
        "focus_ids",
    ),
    "a charge ends before it starts": (
        "UPDATE part.aws_cur SET ChargePeriodEnd = ChargePeriodStart - INTERVAL 1 HOUR WHERE rowid = 1",
        "charge_periods",
    ),
    # the ledger
    "a change is lost": (
        "DELETE FROM ledger.changes WHERE rowid = (SELECT min(rowid) FROM ledger.changes WHERE effective_delta <> 0)",
        "ledger_is_charges",
    ),
    "a change moves a day": (
        "UPDATE ledger.changes SET charge_date = charge_date + 1 WHERE rowid = 7",
        "ledger_is_charges",
    ),
    "a source's total is another": (
        "UPDATE ledger.source_totals SET billed_total = billed_total + 0.01 WHERE rowid = 0",
        "source_is_charges",
    ),
    "a reason for a row that was left out is lost": (
        "DELETE FROM ledger.left_out WHERE NOT added",
        "rows_are_accounted",
    ),
    "what was added is not counted": ("DELETE FROM ledger.added", "rows_are_accounted"),
    "a load counts one more": (
        "UPDATE ledger.loads SET row_count = row_count + 1 WHERE load_id = (SELECT min(load_id) FROM ledger.loads)",
        "loads_are_charges",
    ),
    # the tables that are made of charges
    "a day's row is dropped": ("DELETE FROM spend.daily WHERE rowid = 3", "charges_are_daily"),
    "a day's row is doubled": ("INSERT INTO spend.daily SELECT * FROM spend.daily LIMIT 1", "charges_are_daily"),
    "a day's row moves a day": (
        "UPDATE spend.daily SET charge_date = charge_date + 1 WHERE rowid = 3",
        "charges_are_daily",
    ),
    "a day's billed and effective cost are swapped": (
        "UPDATE spend.daily SET billed_cost = effective_cost, effective_cost = billed_cost",
        "charges_are_daily",
    ),
    "a day's list cost is null": ("UPDATE spend.daily SET list_cost = NULL", "charges_are_daily"),
    "a day's project is another's": (
        "UPDATE spend.daily SET ml_project = 'other' WHERE ml_project IS NOT NULL AND effective_cost <> 0",
        "charges_are_daily",
    ),
    "the coverage of stages says more": (
        "UPDATE spend.stage_coverage SET attributed_cost = effective_cost + 1",
        "coverage_is_spend",
    ),
    "a GPU's share of an hour weighs nothing": (
        "UPDATE gpu.hours SET cost = 0 WHERE rowid = (SELECT min(rowid) FROM gpu.hours WHERE cost <> 0)",
        "gpu_money",
    ),
    "a GPU's billed hour is dropped": (
        """DELETE FROM gpu.billed_hours WHERE rowid = (
          SELECT min(rowid) FROM gpu.billed_hours WHERE avoidable_units + committed_units <> 0)""",
        "gpu_money",
    ),
    "a gap's actual is another": (
        """UPDATE gap.monthly SET actual = actual + 1
        WHERE rowid = (SELECT min(rowid) FROM gap.monthly WHERE scope_kind = 'series' AND actual <> 0)""",
        "gaps_are_spend",
    ),
}
"""By what is done to the work file: the statement, and the check that catches it."""

BUILT_WRONG = {
    "spend.daily leaves out credits": (
        "spend.daily",
        ("FROM focus.charges", "FROM focus.charges WHERE BilledCost >= 0"),
        "charges_are_daily",
    ),
    "spend.daily rolls up by UTC's next hour": (
        "spend.daily",
        ("CAST(ChargePeriodStart AS DATE)", "CAST(ChargePeriodStart + INTERVAL 1 HOUR AS DATE)"),
        "charges_are_daily",
    ),
    "spend.daily joins its accounts by provider": (
        "spend.daily",
        ("FROM focus.charges", "FROM focus.charges JOIN (VALUES ('AWS'), ('AWS')) AS a (name) ON name = ProviderName"),
        "charges_are_daily",
    ),
    "spend.stage_coverage takes the billed cost": (
        "spend.stage_coverage",
        ("SUM(EffectiveCost) AS effective_cost", "SUM(BilledCost) AS effective_cost"),
        "coverage_is_spend",
    ),
    "gpu.hours forgets what is committed": (
        "gpu.hours",
        ("avoidable_part + committed_part", "avoidable_part"),
        "gpu_money",
    ),
}
"""By what is wrong in a table's SELECT: the table, what is there and what instead, and the check that catches it."""


@pytest.fixture(scope="module")
def work(small_original: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[duckdb.DuckDBPyConnection]:
    """A work file whose checks all pass."""
    file = tmp_path_factory.mktemp("mutations") / "finops.duckdb"
    shutil.copy(next(small_original.rglob("work/finops.duckdb")), file)
    with duckdb.connect(file) as con:
        con.execute("SET TimeZone = 'UTC'")
        for each in models("quality"):
            found = checks.run_check(con, each.name.partition(".")[2])
            assert [check for check in found if not check.passed] == []
        yield con


def caught(work: duckdb.DuckDBPyConnection, sql: str, check: str) -> bool:
    """Whether the check falls short once this was done; it is undone again."""
    work.execute("BEGIN")
    try:
        work.execute(sql)
        return not all(each.passed for each in checks.run_check(work, check))
    finally:
        work.execute("ROLLBACK")


Recorder = Callable[[str, object], None]


def shown(record: Recorder, what: str, results: dict[str, tuple[str, bool]]) -> None:
    """Print the score at the end of the run, and fail over what got through."""
    lines = [f"  {name}: {check}{'' if was else ' did NOT catch it'}" for name, (check, was) in results.items()]
    record("shown", "\n".join([f"{sum(was for _, was in results.values())} of {len(results)} {what} caught", *lines]))
    assert {name: check for name, (check, was) in results.items() if not was} == {}


def test_every_mutation_of_a_work_file_is_caught(work: duckdb.DuckDBPyConnection, record_property: Recorder) -> None:
    results = {name: (check, caught(work, sql, check)) for name, (sql, check) in AFTERWARDS.items()}
    assert len(results) >= 35
    shown(record_property, "mutations of tables", results)


@pytest.mark.parametrize("check", ["charges_are_daily", "ledger_is_charges"])
def test_the_rows_where_two_sides_differ_are_shown_the_furthest_apart_first(
    work: duckdb.DuckDBPyConnection, check: str
) -> None:
    table, column, known = {
        "charges_are_daily": ("spend.daily", "billed_cost", "daily_billed"),
        "ledger_is_charges": ("ledger.changes", "billed_delta", "known_billed"),
    }[check]
    work.execute("BEGIN")
    try:
        work.execute(f"UPDATE {table} SET {column} = {column} + rowid WHERE rowid IN (1, 2, 3)")
        found = [json.loads(row, parse_float=Decimal) for _, row in failing.rows(work, [check])]
    finally:
        work.execute("ROLLBACK")
    assert [abs(each["charged_billed"] - each[known]) for each in found] == [3, 2, 1]


def test_every_mutation_of_a_table_s_sql_is_caught(work: duckdb.DuckDBPyConnection, record_property: Recorder) -> None:
    results: dict[str, tuple[str, bool]] = {}
    for name, (table, (right, wrong), check) in BUILT_WRONG.items():
        sql = model(table).sql
        assert right in sql, f"{table} has changed: {name} must be written anew"
        results[name] = (check, caught(work, f"CREATE OR REPLACE TABLE {table} AS {sql.replace(right, wrong)}", check))
    shown(record_property, "mutations of SQL", results)


def test_every_check_that_blocks_is_put_to_the_test() -> None:
    blocking = {each.name.partition(".")[2] for each in models("quality")} - checks.ADVISORY
    blocking.remove("reporting_is_rated")  # this company has one currency: tests/test_rates.py breaks that check
    assert blocking == {check for *_, check in (*AFTERWARDS.values(), *BUILT_WRONG.values())} - checks.ADVISORY


@contextmanager
def refusing(monkeypatch: pytest.MonkeyPatch) -> Iterator[list[str]]:
    """The names of the conditions that refuse a load meanwhile."""
    names: list[str] = []
    with monkeypatch.context() as patch:
        for name in ("understood", "tags_found", "not_empty", "in_its_period", "in_our_time", "adds_up"):
            real: Callable[..., None] = getattr(accepting, name)

            def told(*given: Any, real: Callable[..., None] = real, name: str = name) -> None:
                try:
                    real(*given)
                except Exception:
                    names.append(name)
                    raise

            patch.setattr(accepting, name, told)
        yield names


def native(cost: str, **more: Any) -> dict[str, Any]:
    """A row of Google's FOCUS export, which tells itself by its labels."""
    lacking = ("ServiceCategory", "ProviderName")
    row = {name: value for name, value in focus(cost, ChargeCategory="usage").items() if name not in lacking}
    return {**row, "x_Labels": [], "x_Credits": [], **more}


def test_every_mutation_of_a_load_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, record_property: Recorder
) -> None:
    """A bill of each kind; the same bill is loaded once nobody damages it."""
    credit = {"credits": [{"name": "c", "type": "DISCOUNT", "amount": -2, "id": ""}], "cost_at_list": 11}
    write_lines(tmp_path / "google/a.jsonl", [google("11", **credit), google("0"), google("3")])
    write_csv(tmp_path / "aws.csv", [cur("Usage", "9", pricing_public_on_demand_cost="11"), cur("Usage", "0"), cur()])
    write_csv(tmp_path / "focus/a.csv", [focus("9", ListCost="11"), focus("0"), focus("3")])
    write_lines(tmp_path / "native/a.jsonl", [native("9", ListCost="11"), native("0"), native("3")])
    days = {"start_date": "2026-09-02", "end_date": "2026-09-03", "currency": "USD", "category": "other"}
    write_csv(tmp_path / "people.csv", [{**days, "amount": each, "description": each} for each in ("9", "0", "3")])
    kinds = {
        "gcp_export": {"kind": "gcp-files", "uri": "google"},
        "aws_cur": {"kind": "aws-cur1", "uri": "aws.csv"},
        "focus": {"kind": "focus-files", "uri": "focus"},
        "gcp_focus": {"kind": "gcp-files", "uri": "native"},
        "cost_ledger": {"kind": "cost-ledger", "uri": "people.csv"},
    }
    normalise, rules = staging.normalise, load_rules()
    monkeypatch.setattr(pipeline, "load_rules", lambda _: rules)
    monkeypatch.setattr(os, "cpu_count", lambda: 1)  # a handful of rows: DuckDB's threads would only wait
    results: dict[str, tuple[str, bool]] = {}
    for name, entry in kinds.items():
        house = House(tmp_path / "houses" / name, {"name": "bills", **entry, "uri": str(tmp_path / entry["uri"])})
        run = pipeline.Pipeline(house.config)
        landed = run.land("bills").landed
        with run.warehouse.open() as con:
            loader = Loader(con, rules, "USD", run.warehouse.now)
            for what, (sql, condition) in IN_A_LOAD.items():
                if what not in EVERYWHERE and name != "gcp_export":
                    continue

                def damaged(con: duckdb.DuckDBPyConnection, *given: Any, sql: str = sql) -> str:
                    name = normalise(con, *given)
                    con.execute("CREATE OR REPLACE TEMP TABLE rows AS FROM normalised")
                    assert con.execute(sql).fetchall()[0][0], "it found nothing to do"
                    con.execute("CREATE OR REPLACE TEMP VIEW normalised AS FROM rows")
                    return name

                monkeypatch.setattr(staging, "normalise", damaged)
                with refusing(monkeypatch) as names:
                    done = list(loader.load(run.sources["bills"], landed))
                refused = [isinstance(each, tuple) for each in done] == [True]
                results[f"{name}: {what}"] = (condition, refused and names == [condition])
            monkeypatch.setattr(staging, "normalise", normalise)
            assert [each.rows for each in loader.load(run.sources["bills"], landed) if isinstance(each, Loaded)] == [3]
    assert len(results) == len(IN_A_LOAD) + (len(kinds) - 1) * len(EVERYWHERE)
    shown(record_property, "mutations of loads", results)


def test_a_row_more_in_one_unit_and_one_less_in_another_do_not_cancel(work: duckdb.DuckDBPyConnection) -> None:
    moved = """UPDATE ledger.source_totals SET row_count = row_count
        + CASE WHEN rowid = (SELECT min(rowid) FROM ledger.source_totals WHERE source = 'gcp-main') THEN 1
          WHEN rowid = (SELECT max(rowid) FROM ledger.source_totals WHERE source = 'gcp-main') THEN -1 ELSE 0 END"""
    assert caught(work, moved, "rows_are_accounted")
    work.execute("BEGIN")
    try:
        work.execute(moved)
        found = [json.loads(row) for _, row in failing.rows(work, ["rows_are_accounted"])]
    finally:
        work.execute("ROLLBACK")
    assert sorted(each["source_rows"] - each["charges"] for each in found) == [-1, 1]
    assert len({each["unit"] for each in found}) == 2
