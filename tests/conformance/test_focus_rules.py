"""Every rule of FOCUS 1.2's model is checked, held or left for a reason: focus_1_2_rules.yaml says which is which."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Any, cast

import pytest
import sqlglot
import yaml
from sqlglot import exp

from finops.models import model
from tests.proof.outside import installed, python

from .validator import PACKAGES

STANDS: dict[str, dict[str, Any]] = yaml.safe_load(
    Path(__file__).with_name("focus_1_2_rules.yaml").read_text(encoding="utf-8")
)
NAMED = [
    (how, where, rule) for how in ("checked", "held", "left") for where, rules in STANDS[how].items() for rule in rules
]
OURS = ("focus_mandatory", "focus_rules", "focus_prices", "focus_ids")


def counted(check: str) -> set[str]:
    """The rules that a check counts: the names of its columns, and the texts that name a pair of ids."""
    statement = cast("exp.Query", sqlglot.parse_one(model(f"quality.{check}").sql, dialect="duckdb"))
    ctes = {each.alias: each.this for each in statement.ctes}
    names = {each.alias for cte in ("counted", "services") if cte in ctes for each in ctes[cte].selects}
    texts = {each.this for each in ctes["pairs"].find_all(exp.Literal)} if "pairs" in ctes else set[str]()
    return (names | texts) - {"", "source"}


@pytest.fixture(scope="module")
def rules(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """The model's rules by id."""
    folder = tmp_path_factory.mktemp("model") / "venv"
    installed(folder, "focus-validator", *PACKAGES, python=python(3, 12))
    (path,) = (folder / "lib").glob("python3*/site-packages/focus_validator/rules/model-1.2*.json")
    return json.loads(path.read_text(encoding="utf-8"))["ModelRules"]


def test_what_is_checked_is_in_a_check_and_the_other_way_round() -> None:
    named = {*STANDS["checked"], *STANDS["ours"]}
    assert {each for each in named if ": " in each} == {f"{check}: {rule}" for check in OURS for rule in counted(check)}
    for other in named:
        assert model(f"quality.{other.partition(':')[0]}").sql, "there is no such check"


def stands(rule: str, function: str, keyword: str) -> tuple[str, str]:
    """How a rule stands, and by which line of the list."""
    exact = [(how, name) for how, _, name in NAMED if name == rule]
    if not exact and function in STANDS["functions"]:
        return function.lower(), function
    if not exact and keyword in STANDS["keywords"]:
        return "allowed", keyword
    found = exact or [(how, name) for how, _, name in NAMED if fnmatchcase(rule, name)]
    assert len(found) == 1, (rule, found)
    return found[0]


@pytest.mark.conformance
def test_every_rule_stands_somewhere(rules: dict[str, Any], record_property: Callable[[str, object], None]) -> None:
    found = {
        rule: stands(rule, each["Function"], each["ValidationCriteria"]["Keyword"]) for rule, each in rules.items()
    }
    unused = {name for _, _, name in NAMED} - {name for _, name in found.values()}
    assert unused == set(), "rules that the model does not have"
    counts = Counter(how for how, _ in found.values())
    listed = ", ".join(f"{count} {how}" for how, count in counts.most_common())
    record_property("shown", f"FOCUS 1.2's {len(found)} rules: {listed}")
    # docs/guarantees.md has these figures
    assert (len(found), counts["checked"], counts["left"], counts["composite"]) == (621, 129, 73, 143)
