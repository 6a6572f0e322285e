"""What an AWS budget is for, as a scope of ours: exactly, or not at all."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any, cast

from finops.budgets.filters import LeftOut, Scope, narrow, narrow_by_tag, single

if TYPE_CHECKING:
    from mypy_boto3_budgets.type_defs import BudgetOutputTypeDef

_EXACT = {"EQUALS", "CASE_SENSITIVE"}


def scope_of(budget: BudgetOutputTypeDef) -> Scope:
    """What the budget's filters leave, empty where it has none; raises LeftOut."""
    expression = budget.get("FilterExpression")
    if expression:
        return _expression(cast("dict[str, Any]", expression))
    found: Scope = {}
    for key, values in sorted(budget.get("CostFilters", {}).items()):
        if key == "LinkedAccount":
            narrow(found, "account", _single(values, key))
        elif key == "TagKeyValue":
            tag, separator, value = _single(values, key).partition("$")
            narrow_by_tag(found, tag, value if separator else "")
        else:
            raise LeftOut(f"it is filtered by {key}, which a scope has no key for")
    return found


def _expression(expression: Mapping[str, Any]) -> Scope:
    """The scope of an expression of AND, accounts and tags; raises LeftOut for all else."""
    found: Scope = {}
    for kind, content in expression.items():
        if kind == "And" or (kind == "Or" and len(content) == 1):
            for part in content:
                for key, value in _expression(part).items():
                    narrow(found, key, value)
        elif kind == "Dimensions" and content.get("Key") == "LINKED_ACCOUNT":
            narrow(found, "account", _single(content.get("Values", []), "account", content.get("MatchOptions")))
        elif kind == "Tags":
            tag = str(content.get("Key", ""))
            narrow_by_tag(found, tag, _single(content.get("Values", []), f"tag {tag}", content.get("MatchOptions")))
        else:
            what = content.get("Key", kind) if kind in {"Dimensions", "CostCategories"} else kind.upper()
            raise LeftOut(f"it is filtered by {what}, which a scope has no key for")
    return found


def _single(values: Iterable[str], what: str, options: Iterable[str] | None = None) -> str:
    value = single(values, what)
    if not set(options or ()) <= _EXACT:
        raise LeftOut(f"it is filtered by a part of {what}: a scope has the whole value")
    return value
