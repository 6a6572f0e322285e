"""Checks: each `sql/quality/*.sql` names scopes with what is expected and what is.

A check passes where the two are equal, to the last digit. One that blocks and falls short stops publication.
Of one that falls short some of the rows that are to blame are kept, where there are such: see `failing`.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Any

from duckdb import DuckDBPyConnection

from finops.errors import CheckError
from finops.models import model, models
from finops.warehouse import failing

ADVISORY = frozenset(
    {
        "known_rates",
        "frozen_rates",
        "known_accelerators",
        "known_gpus",
        "charge_periods",
        "negations_cancel",
        "providers_are_current",
        "commitments_are_used",
        "commitments_balance",
        "billing_currencies",
        "days_without_charges",
        "months_in_two_sources",
        "units_alike",
        "focus_rules",
        "focus_prices",
        "focus_ids",
    }
)
"""Checks of what the data lack, rather than of what we did with them: they are shown and do not block."""
NOTHING = "nothing to compare"
"""The scope of a check that the data give nothing to."""


@dataclass(frozen=True)
class Check:
    """One check in one scope."""

    name: str
    scope: str
    passed: bool
    expected: str | None
    actual: str | None
    difference: str | None
    blocking: bool


def run_checks(con: DuckDBPyConnection, now: datetime) -> list[Check]:
    """Run every check on an open work file and keep the results as quality.checks."""
    found = [check for each in models("quality") for check in run_check(con, each.name.partition(".")[2])]
    con.execute("BEGIN")
    con.execute("DELETE FROM quality.checks")
    _insert(con, found, now)
    failing.keep(con, failing.rows(con, {check.name for check in found if not check.passed}))
    con.execute("COMMIT")
    return found


def record(con: DuckDBPyConnection, failed: list[Check], rows: list[failing.Row], now: datetime) -> None:
    """Put failed checks into quality.checks of a file whose numbers stand: what stopped the newer, with its rows."""
    con.execute("BEGIN")
    for check in failed:
        con.execute("DELETE FROM quality.checks WHERE check_name = ? AND scope = ?", [check.name, check.scope])
    _insert(con, failed, now)
    failing.keep(con, rows)
    con.execute("COMMIT")


def failures(checks: list[Check]) -> CheckError | None:
    """The error that the blocking checks which fell short amount to; None when all passed."""
    failed = [check for check in checks if check.blocking and not check.passed]
    if not failed:
        return None
    first = failed[0]
    others = f", and {len(failed) - 1} more" if len(failed) > 1 else ""
    return CheckError(
        f"the numbers do not add up, so nothing was published: {first.name} for {first.scope} expects "
        f"{first.expected} and has {first.actual}{others}",
        where="finops checks --failed",
        remedy="the numbers published before still stand; report this with the output of finops checks --failed",
    )


def _insert(con: DuckDBPyConnection, checks: list[Check], now: datetime) -> None:
    """As one insert: a company has a thousand units, and each is a scope of some check."""
    columns = {name: [getattr(check, name) for check in checks] for name in Check.__dataclass_fields__}
    con.execute(
        "INSERT INTO quality.checks SELECT unnest($name), unnest($scope), unnest($passed)::BOOLEAN, "
        "unnest($expected)::VARCHAR, unnest($actual)::VARCHAR, unnest($difference)::VARCHAR, "
        "unnest($blocking)::BOOLEAN, $now",
        {**columns, "now": now},
    )


def run_check(con: DuckDBPyConnection, name: str) -> list[Check]:
    """What one check finds, by scope."""
    rows = con.execute(model(f"quality.{name}").sql).fetchall() or [(NOTHING, 0, 0)]
    return [_check(name, *row) for row in sorted(rows, key=lambda row: str(row[0]))]


def _check(name: str, scope: Any, expected: Any, actual: Any) -> Check:
    return Check(
        name=name,
        scope=str(scope),
        passed=expected == actual,
        expected=_text(expected),
        actual=_text(actual),
        difference=None if expected is None or actual is None else _text(actual - expected),
        blocking=name not in ADVISORY,
    )


def _text(value: Any) -> str | None:
    """Every digit, and none in scientific notation."""
    if isinstance(value, Decimal):
        return format(value, "f")
    return None if value is None else str(value)
