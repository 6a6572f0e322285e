"""Google's answer to ListBudgets as entries of our budgets file.

Only what means the same here is taken: budgets of calendar months with an amount of their own, over costs with
all credits. All else is left out with the reason, for a person to decide.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any, cast

from finops.budgets.filters import LeftOut, Scope, narrow_by_tag, single
from finops.budgets.imported import Imported, Seen, add, covering, currency, number
from finops.clouds.gcp_inventory import exact

if TYPE_CHECKING:
    from google.cloud.billing.budgets_v1 import Budget

_NO_KEY = {
    "resource_ancestors": "folders or organisations",
    "subaccounts": "subaccounts",
    "services": "services",
}
_PROJECT = "projects/"


def numbers(budgets: Iterable[Budget]) -> set[str]:
    """The numbers of the projects that budgets are filtered by: Google tells them in place of the ids."""
    named = [each.removeprefix(_PROJECT) for budget in budgets for each in budget.budget_filter.projects]
    return {each for each in named if each.isdecimal()}


def translate(budgets: Iterable[Budget], account: str, seen: Seen, projects: Mapping[str, str], into: Imported) -> None:
    """Add a billing account's budgets to `into`; `projects` are the ids of its projects by number.

    A name that another budget has gets the account's id; a budget without a name has its id.
    """

    def read(budget: Budget) -> tuple[dict[str, object], list[str]]:
        amounts, scope = _amounts(budget), _scope(budget, seen, projects)
        return {"scope": scope, **amounts}, _notes(scope)

    add([(each.display_name or each.name.rpartition("/")[2], each) for each in budgets], account, read, into)


def _amounts(budget: Budget) -> dict[str, object]:
    """The keys `monthly` and `currency`; raises LeftOut."""
    period = budget.budget_filter.calendar_period.name
    if "custom_period" in budget.budget_filter:
        raise LeftOut("it is for a period of its own, not monthly")
    if period not in {"MONTH", "CALENDAR_PERIOD_UNSPECIFIED"}:
        raise LeftOut(f"it is for a {period.lower()}, not monthly")
    if "last_period_amount" in budget.amount:
        raise LeftOut("Google moves its amount with what was spent: it plans nothing")
    if "specified_amount" not in budget.amount:
        raise LeftOut("Google tells no amount")
    amount = budget.amount.specified_amount
    return {"monthly": number(f"{exact(amount):f}"), "currency": currency({amount.currency_code})}


def _scope(budget: Budget, seen: Seen, projects: Mapping[str, str]) -> Scope:
    asked = cast("Any", budget.budget_filter)
    for field, what in _NO_KEY.items():
        if getattr(asked, field):
            raise LeftOut(f"it is filtered by {what}, which a scope has no key for")
    treatment = asked.credit_types_treatment.name
    if treatment == "EXCLUDE_ALL_CREDITS":
        raise LeftOut("it does not count credits: finops does, and no scope leaves them out")
    if treatment == "INCLUDE_SPECIFIED_CREDITS":
        named = ", ".join(sorted(asked.credit_types)) or "none"
        raise LeftOut(f"it counts some credits alone ({named}): finops counts all, and no scope leaves any out")
    scope: Scope = {}
    for key, values in sorted(asked.labels.items()):
        narrow_by_tag(scope, key, single([str(each) for each in values], f"label {key}"), "label")
    if asked.projects:
        scope["account"] = _project(single(asked.projects, "project"), projects)
    return covering(scope, seen)


def _project(name: str, projects: Mapping[str, str]) -> str:
    known = name.removeprefix(_PROJECT)
    if not known.isdecimal():
        return known
    if known not in projects:
        raise LeftOut(
            f"it is for the project with the number {known}, whose id is not known: load its bills first (finops run), "
            "or allow resourcemanager.projects.get on it"
        )
    return projects[known]


def _notes(scope: Scope) -> list[str]:
    """Where Google and finops measure a budget a little differently."""
    return (
        ["Google counts what has the label, finops also what its rules give this stage"] if "ml_stage" in scope else []
    )
