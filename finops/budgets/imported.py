"""What becomes of a cloud's budgets: entries of our budgets file, and what is told of the rest."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from decimal import Decimal, InvalidOperation
from typing import TypeVar

from finops.budgets.definition import CURRENCY
from finops.budgets.filters import LeftOut, Scope
from finops.clouds.accounts import AWS

Told = TypeVar("Told")
"""A budget as its cloud tells it."""


@dataclass(frozen=True)
class Seen:
    """What a budget without filters covers: a scope of ours, or none and why there is none."""

    scope: Scope | None
    reason: str = ""


@dataclass
class Imported:
    """Entries of a budgets file; (name, reason) of what was left out; (name, note) of what differs a little."""

    entries: list[dict[str, object]] = field(default_factory=list[dict[str, object]])
    left_out: list[tuple[str, str]] = field(default_factory=list[tuple[str, str]])
    notes: list[tuple[str, str]] = field(default_factory=list[tuple[str, str]])


def seen_by(account: str, payer: str | None, payers: Iterable[str], provider: str = AWS) -> Seen:
    """What an account's budgets see: its own spend, or as the payer its organisation's (its projects').

    `payer`: the account that pays for its organisation, None where there is none. `payers`: all payers of the
    provider that bills or credentials tell of; with several of them no scope holds one's spend alone.
    """
    if payer != account:
        return Seen({"account": account})
    others = sorted(set(payers) - {account})
    if others:
        reason = f"it is for all that {account} pays, and there are other payers ({', '.join(others)})"
        return Seen(None, f"{reason}: no scope tells them apart")
    return Seen({"provider": provider})


def unseen(account: str) -> Seen:
    """What a payer's budgets see while it is not known which other payers there are."""
    reason = f"it is for all that {account} pays, and which other payers there are is not known"
    return Seen(None, f"{reason}: let every source's credentials answer, and load the bills first (finops run)")


def add(
    budgets: Iterable[tuple[str, Told]],
    account: str,
    read: Callable[[Told], tuple[dict[str, object], list[str]]],
    into: Imported,
) -> None:
    """Add an account's (name, budget) to `into`, as `read` makes entries (without a name) and notes of them.

    What `read` raises LeftOut for is left out. A name that is taken gets the account's id, and a number after that.
    """
    for name, budget in sorted(budgets, key=lambda each: each[0]):
        try:
            entry, notes = read(budget)
        except LeftOut as reason:
            into.left_out.append((name, str(reason)))
            continue
        unique = _unique(name, account, {str(each["name"]) for each in into.entries})
        into.entries.append({"name": unique, **entry})
        into.notes += [(unique, note) for note in notes]


def _unique(name: str, account: str, taken: set[str]) -> str:
    candidate, i = name, 1
    while candidate in taken:
        candidate = f"{name} ({account})" if i == 1 else f"{name} ({account}, {i})"
        i += 1
    return candidate


def covering(scope: Scope, seen: Seen) -> Scope:
    """The scope within what the budget's account sees; raises LeftOut where that cannot be said."""
    if "account" in scope:
        return scope
    if seen.scope is None:
        raise LeftOut(seen.reason)
    return {**seen.scope, **scope}


def number(text: str) -> int | str:
    """An amount as YAML keeps it exactly: a whole number, or else text."""
    try:
        amount = Decimal(text)
    except InvalidOperation:
        raise LeftOut(f"its amount is no number: {text}") from None
    if not amount.is_finite() or amount <= 0:
        raise LeftOut(f"its amount is {text}: a budget of ours is above zero")
    return int(amount) if amount == amount.to_integral_value() else f"{amount:f}"


def currency(units: set[str]) -> str:
    unit = units.pop()
    if units or not CURRENCY.fullmatch(unit):
        raise LeftOut(f"its amounts are in {', '.join(sorted({unit, *units}))}: a budget has one currency")
    return unit
