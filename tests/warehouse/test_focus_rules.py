"""FOCUS's rules as checks: a charge that breaks one is counted under that rule and no other."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import duckdb
import pytest

from finops.focus import CHARGES
from finops.warehouse import failing
from finops.warehouse.checks import run_check

from .focus_cases import CASES, GOOD, GOOD_ONES, OPTIONAL, SEVERAL, USED

CHECKS = ("focus_mandatory", "focus_rules", "focus_prices", "focus_ids")


@pytest.fixture(scope="module")
def con() -> Iterator[duckdb.DuckDBPyConnection]:
    """The tables that the checks read, with the good charges in `bills`, and one file of `none` that fills nothing."""
    columns = {**CHARGES, "file_id": "INTEGER"}
    with duckdb.connect() as con:
        con.execute("SET TimeZone = 'UTC'")
        con.execute("CREATE SCHEMA focus; CREATE SCHEMA ledger")
        con.execute(f"CREATE TABLE focus.parts ({', '.join(f'{name} {kind}' for name, kind in columns.items())})")
        con.execute("CREATE TABLE focus.accounts (account_id VARCHAR, account_name VARCHAR)")
        con.execute("CREATE TABLE ledger.files (file_id INTEGER, source VARCHAR, file VARCHAR)")
        con.execute("INSERT INTO ledger.files VALUES (1, 'bills', 'a.parquet'), (2, 'bare', 'b.parquet')")
        for row in GOOD_ONES.values():
            insert(con, row)
        yield con


def insert(con: duckdb.DuckDBPyConnection, row: dict[str, Any], file_id: int = 1) -> None:
    values = {**row, "file_id": file_id}
    marks = ", ".join("?" for _ in values)
    con.execute(f"INSERT INTO focus.parts ({', '.join(values)}) VALUES ({marks})", list(values.values()))


def broken(con: duckdb.DuckDBPyConnection) -> dict[str, tuple[str, int]]:
    """The rules that something breaks, with the check and how often."""
    found = [(name, check) for name in CHECKS for check in run_check(con, name) if not check.passed]
    return {check.scope.partition(": ")[2]: (name, int(check.actual or 0)) for name, check in found}


def test_the_good_charges_break_no_rule(con: duckdb.DuckDBPyConnection) -> None:
    assert broken(con) == {}


def test_every_rule_is_broken_by_a_case(con: duckdb.DuckDBPyConnection) -> None:
    for name in CHECKS:
        rules = {check.scope.partition(": ")[2] for check in run_check(con, name)}
        assert rules - {SEVERAL} == {rule for check, *_, rule in CASES if check == name}


def test_a_service_in_several_categories(con: duckdb.DuckDBPyConnection) -> None:
    """It breaks another rule as well: its subcategories differ too, or one of them is of another category."""
    con.execute("BEGIN")
    try:
        insert(con, {**GOOD, "ServiceCategory": "Storage", "ServiceSubcategory": "Object Storage"})
        assert broken(con) == dict.fromkeys((SEVERAL, "a service is in several subcategories"), ("focus_ids", 1))
    finally:
        con.execute("ROLLBACK")


def test_a_column_that_a_file_fills_nowhere_is_not_asked_for(con: duckdb.DuckDBPyConnection) -> None:
    """FOCUS 1.0 lacks some, a provider others; in a file that fills them elsewhere they are missing."""
    lacking = {**USED, **dict.fromkeys(OPTIONAL)}
    con.execute("BEGIN")
    try:
        insert(con, lacking, file_id=2)
        assert broken(con) == {}
        insert(con, USED, file_id=2)
        assert len(broken(con)) > 10
    finally:
        con.execute("ROLLBACK")


@pytest.mark.parametrize(("missing", "account"), [("BillingAccountName", "1"), ("SubAccountName", "2")])
def test_a_name_that_the_cloud_was_asked_for_is_not_missing(
    con: duckdb.DuckDBPyConnection, missing: str, account: str
) -> None:
    con.execute("BEGIN")
    try:
        insert(con, {**GOOD, missing: None})
        assert len(broken(con)) == 1
        con.execute("INSERT INTO focus.accounts VALUES (?, 'told')", [account])
        assert broken(con) == {}
    finally:
        con.execute("ROLLBACK")


@pytest.mark.parametrize(("check", "row", "change", "rule"), CASES, ids=[f"{c[0]}-{c[3]}" for c in CASES])
def test_a_charge_that_breaks_a_rule_is_counted_under_it_alone(
    con: duckdb.DuckDBPyConnection, check: str, row: dict[str, Any], change: dict[str, Any], rule: str
) -> None:
    con.execute("BEGIN")
    try:
        insert(con, {**row, **change})
        assert broken(con) == {rule: (check, 1)}
        if check != "focus_ids":
            assert [f'"rule":"{rule}"' in text for _, text in failing.rows(con, [check])] == [True], "it is shown"
    finally:
        con.execute("ROLLBACK")
