"""What an AWS budget is for, as a scope of ours: exactly, or not at all.

A filter that a scope has no key for would leave a wider scope, and a wider scope a wrong number: such a
budget is left out, with the reason.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any, cast

from finops.lifecycle import stages

if TYPE_CHECKING:
    from mypy_boto3_budgets.type_defs import BudgetOutputTypeDef

Scope = dict[str, str]

TAGS: Mapping[str, str] = {
    "team": "team",
    "owner_team": "team",
    "squad": "team",
    "ml_project": "project",
    "project": "project",
    "ml_model": "model",
    "ml_model_name": "model",
    "model": "model",
    "model_name": "model",
    "ml_stage": "ml_stage",
    "mlstage": "ml_stage",
    "lifecycle_stage": "ml_stage",
    "stage": "ml_stage",
}
"""The scope's key of each tag that sql/focus/tag_sets.sql reads, under the name that it makes of the tag's key."""
_EXACT = {"EQUALS", "CASE_SENSITIVE"}


class LeftOut(Exception):  # noqa: N818 - an answer to tell, not a failure
    """A budget that has no counterpart of ours; its text is the reason."""


def scope_of(budget: BudgetOutputTypeDef) -> Scope:
    """What the budget's filters leave, empty where it has none; raises LeftOut."""
    expression = budget.get("FilterExpression")
    if expression:
        return _expression(cast("dict[str, Any]", expression))
    found: Scope = {}
    for key, values in sorted(budget.get("CostFilters", {}).items()):
        if key == "LinkedAccount":
            _narrow(found, "account", _single(values, key))
        elif key == "TagKeyValue":
            tag, separator, value = _single(values, key).partition("$")
            _tag(found, tag, value if separator else "")
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
                    _narrow(found, key, value)
        elif kind == "Dimensions" and content.get("Key") == "LINKED_ACCOUNT":
            _narrow(found, "account", _single(content.get("Values", []), "account", content.get("MatchOptions")))
        elif kind == "Tags":
            tag = str(content.get("Key", ""))
            _tag(found, tag, _single(content.get("Values", []), f"tag {tag}", content.get("MatchOptions")))
        else:
            what = content.get("Key", kind) if kind in {"Dimensions", "CostCategories"} else kind.upper()
            raise LeftOut(f"it is filtered by {what}, which a scope has no key for")
    return found


def _single(values: Iterable[str], what: str, options: Iterable[str] | None = None) -> str:
    given = list(values)
    if len(given) != 1:
        raise LeftOut(f"it is filtered by {len(given)} values of {what}: a scope has one")
    if not set(options or ()) <= _EXACT:
        raise LeftOut(f"it is filtered by a part of {what}: a scope has the whole value")
    return given[0]


def _tag(found: Scope, tag: str, value: str) -> None:
    name = re.sub(r"[^a-z0-9]+", "_", re.sub(r"^(user|label)[:_/]", "", tag.lower()))
    if name not in TAGS:
        raise LeftOut(f"it is filtered by the tag {tag}, which a scope has no key for")
    text = value.strip()
    if not text:
        raise LeftOut(f"it is for what has no tag {tag}, which a scope cannot say")
    if TAGS[name] == "ml_stage":
        text = re.sub(r"[^a-z0-9]+", "_", text.lower())
        if text not in {each.stage for each in stages()}:
            raise LeftOut(f"its tag {tag} names no stage of ours: {text}")
    _narrow(found, TAGS[name], text)


def _narrow(found: Scope, key: str, value: str) -> None:
    if found.setdefault(key, value) != value:
        raise LeftOut(f"it is filtered by two values of {key}: nothing has both")
