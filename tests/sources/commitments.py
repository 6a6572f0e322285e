"""What the check of commitments finds in a warehouse of a test's own."""

from __future__ import annotations

from decimal import Decimal

from finops.models import model
from finops.warehouse import failing

from .house import House

CHECK = "commitments_are_used"
DIFFER = ", commitments that differ"


def lines(home: House) -> dict[str, tuple[Decimal, Decimal]]:
    """By scope, without the source's name: what was expected and what was found."""
    found = home.sql(model(f"quality.{CHECK}").sql)
    return {scope.removeprefix("aws "): (expected, actual) for scope, expected, actual in found}


def apart(home: House) -> dict[tuple[str, str], tuple[Decimal, Decimal]]:
    """By commitment and month that differ, as many as are shown: what the fees say, and what usage comes to."""
    shown = failing.failing_sql(CHECK)
    found = home.sql(f"SELECT commitment_id, billing_period, cost, effective_cost FROM ({shown})")
    return {(commitment, month): (cost, effective) for commitment, month, cost, effective in found}
