"""AWS's answer to DescribeBudgets as entries of our budgets file.

Only what means the same here is taken: monthly cost budgets with a fixed or a planned amount. All else is
left out with the reason, for a person to decide.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import UTC, date, datetime, timedelta
from typing import TYPE_CHECKING

from finops.budgets.aws_filters import scope_of
from finops.budgets.filters import LeftOut, Scope
from finops.budgets.imported import Imported, Seen, add, covering, currency, number

if TYPE_CHECKING:
    from mypy_boto3_budgets.type_defs import BudgetOutputTypeDef

FOREVER = 2087
"""The year in which AWS ends a budget that was given no end."""
_COUNTED = {
    "IncludeTax": "taxes",
    "IncludeSubscription": "subscriptions",
    "IncludeRefund": "refunds",
    "IncludeCredit": "credits",
    "IncludeUpfront": "upfront fees",
    "IncludeRecurring": "recurring fees",
    "IncludeOtherSubscription": "other subscriptions",
    "IncludeSupport": "support",
    "IncludeDiscount": "discounts",
}


def translate(budgets: Iterable[BudgetOutputTypeDef], account: str, seen: Seen, today: date, into: Imported) -> None:
    """Add an account's budgets to `into`. A name that another account's budget has gets the account's id."""

    def read(budget: BudgetOutputTypeDef) -> tuple[dict[str, object], list[str]]:
        amounts, scope = _amounts(budget, today), _scope(budget, seen)
        return {"scope": scope, **amounts}, _notes(budget, scope)

    add([(each["BudgetName"], each) for each in budgets], account, read, into)


def _scope(budget: BudgetOutputTypeDef, seen: Seen) -> Scope:
    view = budget.get("BillingViewArn", "")
    if view and not view.endswith("billingview/primary"):
        raise LeftOut("it is for a billing view of its own, which a scope cannot say")
    left = [what for flag, what in _COUNTED.items() if budget.get("CostTypes", {}).get(flag) is False]
    if left:
        raise LeftOut(f"it does not count {', '.join(left)}: finops does, and no scope leaves them out")
    return covering(scope_of(budget), seen)


def _amounts(budget: BudgetOutputTypeDef, today: date) -> dict[str, object]:
    """The keys `monthly` or `amount`, and `currency`; raises LeftOut."""
    if budget["BudgetType"] != "COST":
        raise LeftOut(f"it is of type {budget['BudgetType']}, not of cost")
    if budget["TimeUnit"] != "MONTHLY":
        raise LeftOut(f"it is {budget['TimeUnit'].lower()}, not monthly")
    if budget.get("AutoAdjustData"):
        raise LeftOut("AWS moves its amount with what was spent: it plans nothing")
    period = budget.get("TimePeriod", {})
    start, end = _month(period.get("Start")), _last_month(period.get("End"))
    if end is not None and end < f"{today:%Y-%m}":
        raise LeftOut(f"it ended with {end}")
    limits = budget.get("PlannedBudgetLimits", {}).items()  # by the month's first second, in seconds since 1970
    planned = {f"{datetime.fromtimestamp(int(at), UTC):%Y-%m}": each for at, each in limits}
    limit = budget.get("BudgetLimit")
    if not planned and end is not None and start is not None and limit is not None:
        planned = dict.fromkeys(_months(start, end), limit)
    if planned:
        units = {each["Unit"] for each in planned.values()}
        amount = {month: number(each["Amount"]) for month, each in sorted(planned.items())}
        return {"amount": amount, "currency": currency(units)}
    if limit is None:
        raise LeftOut("AWS tells no amount")
    return {"monthly": number(limit["Amount"]), "currency": currency({limit["Unit"]})}


def _month(at: datetime | str | None) -> str | None:
    return f"{at.astimezone(UTC):%Y-%m}" if isinstance(at, datetime) else None


def _last_month(end: datetime | str | None) -> str | None:
    """The last month of a budget; an end at a month's first midnight is the end of the month before."""
    if not isinstance(end, datetime) or end.astimezone(UTC).year >= FOREVER:
        return None
    return _month(end - timedelta(microseconds=1))


def _months(first: str, last: str) -> list[str]:
    year, month = map(int, first.split("-"))
    found: list[str] = []
    while (at := f"{year:04}-{month:02}") <= last:
        found.append(at)
        year, month = (year, month + 1) if month < 12 else (year + 1, 1)
    return found


def _notes(budget: BudgetOutputTypeDef, scope: Scope) -> list[str]:
    """Where AWS and finops measure a budget a little differently."""
    types = budget.get("CostTypes", {})
    metrics = {str(each) for each in budget.get("Metrics", [])}
    notes: list[str] = []
    if not types.get("UseAmortized") and not metrics & {"AmortizedCost", "NetAmortizedCost"}:
        notes.append("AWS measures it in billed cost, finops in effective (amortised) cost")
    if "ml_stage" in scope:
        notes.append("AWS counts what has the tag, finops also what its rules give this stage")
    return notes
