"""Budgets: what was planned, where it stands, which will break and why."""

from finops.budgets.definition import Budget, budget_lines, parse_budgets, read_budgets
from finops.budgets.status import STATES, budget_status, overruns, without_rates

__all__ = [
    "STATES",
    "Budget",
    "budget_lines",
    "budget_status",
    "overruns",
    "parse_budgets",
    "read_budgets",
    "without_rates",
]
