"""What a budget is, and how it is read from the budgets file."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from decimal import Decimal, InvalidOperation
from pathlib import Path
from typing import cast

import polars as pl

from finops.errors import ConfigError
from finops.files.yamlfile import nearest, read_yaml
from finops.forecasts.panel import MONEY
from finops.forecasts.scopes import SCOPE_COLUMNS

KEYS = ["name", "scope", "amount", "monthly", "currency", "owner"]
MONTH = re.compile(r"\d{4}-(0[1-9]|1[0-2])")
CURRENCY = re.compile(r"[A-Z]{3}")
LINES = pl.Schema(
    {
        "budget": pl.String(),
        "billing_period": pl.String(),
        "scope": pl.String(),
        "amount": MONEY,
        "currency": pl.String(),
    }
)


@dataclass(frozen=True)
class Budget:
    """A plan for a scope's spend: an amount for each month named in `amounts`, or `monthly` for every month.

    scope: any of provider, account, team, project, model, ml_stage; empty means all spend.
    """

    name: str
    scope: dict[str, str]
    currency: str
    amounts: dict[str, Decimal] = field(default_factory=dict[str, Decimal])
    monthly: Decimal | None = None
    owner: str | None = None

    def amount(self, period: str) -> Decimal | None:
        """The amount of a month (YYYY-MM); None when the budget does not speak of it."""
        return self.amounts.get(period, self.monthly)


def parse_budgets(document: object, where: str) -> list[Budget]:
    """The budgets of a parsed budgets file; `where` names the file in errors.

    Raises ConfigError for an unknown key (naming the nearest), a missing or repeated name, an amount that is
    not positive, a month that is not YYYY-MM, a currency that is no ISO 4217 code.
    """
    if document is None:
        return []
    top = _mapping(document, where)
    _known(top, ["budgets"], where)
    entries = top.get("budgets")
    if entries is None:
        return []
    if not isinstance(entries, list):
        raise _error("budgets is not a list", where, "write one '- name: …' entry for each budget")
    found: dict[str, Budget] = {}
    for index, entry in enumerate(cast("list[object]", entries)):
        place = f"{where}, budgets[{index}]"
        budget = _budget(_mapping(entry, place), place)
        if budget.name in found:
            raise _error(f"two budgets are called {budget.name!r}", place, "rename one of them")
        found[budget.name] = budget
    return list(found.values())


def read_budgets(path: Path) -> list[Budget]:
    """The budgets of a YAML file; raises ConfigError."""
    return parse_budgets(read_yaml(path).value, str(path))


def budget_lines(budgets: Sequence[Budget], periods: Iterable[str]) -> pl.DataFrame:
    """budget.lines: a row per budget and month; scope is JSON text.

    A budget with an amount for each month has all of these, whatever `periods` (YYYY-MM) says; a monthly one
    has the periods.
    """
    months = sorted(set(periods))
    rows = [
        (budget.name, period, json.dumps(budget.scope, sort_keys=True), amount, budget.currency)
        for budget in budgets
        for period in (sorted(budget.amounts) or months)
        if (amount := budget.amount(period)) is not None
    ]
    return pl.DataFrame(rows, schema=LINES, orient="row")


def _budget(entry: dict[str, object], where: str) -> Budget:
    _known(entry, KEYS, where)
    name = _text(entry, "name", where)
    place = f"{where} ({name})"
    if "scope" not in entry:
        raise _error("the key scope is missing", place, "name what the budget is for; {} means all spend")
    if ("amount" in entry) == ("monthly" in entry):
        raise _error("a budget has either amount or monthly", place, "give one of the two")
    currency = _text(entry, "currency", place)
    if not CURRENCY.fullmatch(currency):
        raise _error(f"{currency!r} is no currency", f"{place}.currency", "write an ISO 4217 code such as USD")
    return Budget(
        name=name,
        scope=_scope(entry["scope"], f"{place}.scope"),
        currency=currency,
        amounts=_amounts(entry["amount"], f"{place}.amount") if "amount" in entry else {},
        monthly=_amount(entry["monthly"], f"{place}.monthly") if "monthly" in entry else None,
        owner=_text(entry, "owner", place) if entry.get("owner") is not None else None,
    )


def _scope(value: object, where: str) -> dict[str, str]:
    scope = _mapping(value, where)
    _known(scope, list(SCOPE_COLUMNS), where)
    return {key: _scope_value(key, each, f"{where}.{key}") for key, each in scope.items()}


def _scope_value(key: str, value: object, where: str) -> str:
    # An account written without quotes is a number to YAML, which forgets its leading zeros.
    if isinstance(value, int) and not isinstance(value, bool) and (key != "account" or value >= 10**11):
        return str(value)
    if isinstance(value, str) and value.strip():
        return value
    raise _error(f"{value!r} is not text", where, "put the value in quotes")


def _amounts(value: object, where: str) -> dict[str, Decimal]:
    by_month = _mapping(value, where)
    if not by_month:
        raise _error("there is no amount", where, "give an amount for each month, or use monthly")
    for month in by_month:
        if not MONTH.fullmatch(month):
            raise _error(f"{month!r} is no month", where, "write months as YYYY-MM")
    return {month: _amount(amount, f"{where}.{month}") for month, amount in by_month.items()}


def _amount(value: object, where: str) -> Decimal:
    remedy = "write a positive number with at most 18 decimals, without a currency or thousands separators"
    if isinstance(value, bool) or not isinstance(value, str | int | float):
        raise _error(f"{value!r} is not an amount", where, remedy)
    try:
        amount = Decimal(str(value).strip())
    except InvalidOperation:
        raise _error(f"{value!r} is not an amount", where, remedy) from None
    exponent = amount.as_tuple().exponent
    fits = amount.is_finite() and isinstance(exponent, int) and exponent >= -18 and amount < 10**20
    if not fits or amount <= 0:
        raise _error(f"{value!r} is not a positive amount", where, remedy)
    return amount


def _text(entry: dict[str, object], key: str, where: str) -> str:
    value = entry.get(key)
    if not isinstance(value, str) or not value.strip():
        raise _error(f"the key {key} is missing or not text", where, f"give {key} as text")
    return value


def _mapping(value: object, where: str) -> dict[str, object]:
    if not isinstance(value, dict):
        raise _error("this is not a mapping", where, "write it as 'key: value' lines")
    return {str(key): each for key, each in cast("dict[object, object]", value).items()}


def _known(entry: dict[str, object], known: list[str], where: str) -> None:
    for key in entry:
        if key not in known:
            raise _error(f"unknown key {key!r}", where, nearest(key, known))


def _error(what: str, where: str, remedy: str) -> ConfigError:
    return ConfigError(what, where=where, remedy=remedy)
