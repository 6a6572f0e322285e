"""What a cloud's budget is for, as a scope of ours: exactly, or not at all.

A filter that a scope has no key for would leave a wider scope, and a wider scope a wrong number: such a
budget is left out, with the reason.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping

from finops.lifecycle import stages

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


class LeftOut(Exception):  # noqa: N818 - an answer to tell, not a failure
    """A budget that has no counterpart of ours; its text is the reason."""


def single(values: Iterable[str], what: str) -> str:
    """The one value of a filter; raises LeftOut where there are more or fewer."""
    given = list(values)
    if len(given) != 1:
        raise LeftOut(f"it is filtered by {len(given)} values of {what}: a scope has one")
    return given[0]


def narrow_by_tag(found: Scope, tag: str, value: str, kind: str = "tag") -> None:
    """Add what has this tag (or label: `kind`) to a scope; raises LeftOut where no key of a scope says that."""
    name = re.sub(r"[^a-z0-9]+", "_", re.sub(r"^(user|label)[:_/]", "", tag.lower()))
    if name not in TAGS:
        raise LeftOut(f"it is filtered by the {kind} {tag}, which a scope has no key for")
    text = value.strip()
    if not text:
        raise LeftOut(f"it is for what has no {kind} {tag}, which a scope cannot say")
    if TAGS[name] == "ml_stage":
        text = re.sub(r"[^a-z0-9]+", "_", text.lower())
        if text not in {each.stage for each in stages()}:
            raise LeftOut(f"its {kind} {tag} names no stage of ours: {text}")
    narrow(found, TAGS[name], text)


def narrow(found: Scope, key: str, value: str) -> None:
    """Add a key to a scope; raises LeftOut where it has another value already."""
    if found.setdefault(key, value) != value:
        raise LeftOut(f"it is filtered by two values of {key}: nothing has both")
