"""Stage rules: data in YAML, compiled to one CASE expression.

The expression yields the id of the first rule whose conditions all hold; `lifecycle.rules` then gives its
stage and confidence, so that every charge keeps the rule that won. Built as a syntax tree, so that a rule's
text can never become SQL, and so that sqlglot carries it to other engines.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from decimal import Decimal, InvalidOperation
from functools import cache
from pathlib import Path
from typing import Any, cast

import duckdb
import yaml
from sqlglot import Expr, exp

from finops.errors import ConfigError
from finops.files.yamlfile import Document, Path_, nearest, read_yaml

FIELDS = {
    "stage_tag": "stage_tag",
    "team_tag": "x_Team",
    "provider": "ProviderName",
    "service_code": "x_ServiceCode",
    "service": "ServiceName",
    "usage_type": "x_UsageType",
    "operation": "x_Operation",
    "line_type": "x_SourceLineType",
    "category": "ChargeCategory",
    "resource": "ResourceName",
    "account": "SubAccountId",
    "account_name": "account_name",
}
"""What a condition may name, and the column it reads."""

_HERE = Path(__file__).parent
_ID = re.compile(r"^[a-z0-9][a-z0-9-]{0,62}$")


@dataclass(frozen=True)
class Stage:
    """A lifecycle stage and the phase it belongs to."""

    stage: str
    phase: str
    description: str


@dataclass(frozen=True)
class Rule:
    """If all conditions hold, the stage. A condition is a field with values, or with a pattern."""

    id: str
    stage: str
    confidence: Decimal
    when: tuple[tuple[str, tuple[str, ...] | re.Pattern[str]], ...]


@cache
def stages() -> tuple[Stage, ...]:
    """The stages in the order of a model's life."""
    return tuple(Stage(**each) for each in yaml.safe_load((_HERE / "stages.yaml").read_text(encoding="utf-8")))


@cache
def _built_in() -> tuple[Rule, ...]:
    return tuple(_parse(read_yaml(_HERE / "rules.yaml")))


def load_rules(own: Path | None = None) -> list[Rule]:
    """The user's rules, if any, and after them the built-in ones; raises ConfigError."""
    built_in = list(_built_in())
    if own is None:
        return built_in
    rules = _parse(read_yaml(own))
    taken = {rule.id for rule in built_in}
    for index, rule in enumerate(rules):
        if rule.id in taken:
            raise ConfigError(
                f"the rule id {rule.id!r} is taken",
                where=read_yaml(own).where(("rules", index, "id")),
                remedy="give the rule another id",
            )
        taken.add(rule.id)
    return rules + built_in


def compile_rules(rules: list[Rule]) -> Expr:
    """One CASE over the columns of FIELDS: the id of the first rule that holds, else null."""
    if not rules:
        return exp.cast(exp.null(), "VARCHAR")
    case = exp.Case()
    for rule in rules:
        conditions = [_condition(FIELDS[name], wanted) for name, wanted in rule.when]
        case = case.when(exp.and_(*conditions), exp.Literal.string(rule.id), copy=False)
    return case


def _condition(column: str, wanted: tuple[str, ...] | re.Pattern[str]) -> Expr:
    value = exp.column(column)
    if isinstance(wanted, re.Pattern):
        return exp.RegexpLike(this=value, expression=exp.Literal.string(wanted.pattern))
    return exp.In(this=value, expressions=[exp.Literal.string(each) for each in wanted])


def _parse(document: Document) -> list[Rule]:
    top = document.value
    if not isinstance(top, dict) or set(cast("dict[str, Any]", top)) != {"rules"}:
        raise ConfigError(
            "stage rules are a list under the key 'rules'", where=str(document.path), remedy="see the README"
        )
    rules = cast("dict[str, object]", top)["rules"] or list[object]()
    if not isinstance(rules, list):
        raise ConfigError("'rules' is not a list", where=document.where(("rules",)), remedy="begin each rule with '-'")
    parsed = [_rule(document, ("rules", i), each) for i, each in enumerate(cast("list[object]", rules))]
    ids = [rule.id for rule in parsed]
    for index, name in enumerate(ids):
        if name in ids[:index]:
            raise ConfigError(
                f"the rule id {name!r} is given twice",
                where=document.where(("rules", index, "id")),
                remedy="give one of them another id",
            )
    return parsed


def _rule(document: Document, at: Path_, value: object) -> Rule:
    keys = ["id", "stage", "confidence", "when"]
    if not isinstance(value, dict):
        raise ConfigError("a rule is a mapping", where=document.where(at), remedy=nearest("", keys))
    rule = cast("dict[str, Any]", value)
    for key in rule:
        if key not in keys:
            raise ConfigError(f"unknown key {key!r}", where=document.where((*at, key)), remedy=nearest(str(key), keys))
    for key in ("id", "stage", "when"):
        if not rule.get(key):
            raise ConfigError(f"the key {key!r} is missing", where=document.where(at), remedy="add it")
    if not _ID.match(str(rule["id"])):
        raise ConfigError(
            "a rule's id is made of a-z, 0-9 and -", where=document.where((*at, "id")), remedy="rename it"
        )
    known = [each.stage for each in stages()]
    if rule["stage"] not in known:
        raise ConfigError(
            f"unknown stage {rule['stage']!r}",
            where=document.where((*at, "stage")),
            remedy=nearest(str(rule["stage"]), known),
        )
    return Rule(
        id=str(rule["id"]),
        stage=str(rule["stage"]),
        confidence=_confidence(document, (*at, "confidence"), rule.get("confidence", 1)),
        when=_when(document, (*at, "when"), rule["when"]),
    )


def _confidence(document: Document, at: Path_, value: object) -> Decimal:
    try:
        confidence = Decimal(str(value))
    except InvalidOperation:
        confidence = Decimal(-1)
    if not confidence.is_finite() or not 0 <= confidence <= 1:
        raise ConfigError(
            f"a confidence is a number from 0 to 1, not {value!r}",
            where=document.where(at),
            remedy="correct it",
        )
    return confidence


def _when(document: Document, at: Path_, value: object) -> tuple[tuple[str, tuple[str, ...] | re.Pattern[str]], ...]:
    if not isinstance(value, dict):
        raise ConfigError("'when' is a mapping of fields", where=document.where(at), remedy=nearest("", list(FIELDS)))
    conditions: list[tuple[str, tuple[str, ...] | re.Pattern[str]]] = []
    for field, wanted in cast("dict[str, Any]", value).items():
        here = (*at, field)
        if field not in FIELDS:
            raise ConfigError(
                f"unknown field {field!r}",
                where=document.where(here),
                remedy=nearest(str(field), list(FIELDS)),
            )
        if isinstance(wanted, str) and wanted.startswith("~"):
            conditions.append((field, _pattern(document, here, wanted[1:])))
        else:
            conditions.append((field, _values(document, here, field, wanted)))
    return tuple(conditions)


def _values(document: Document, at: Path_, field: str, wanted: object) -> tuple[str, ...]:
    values = cast("list[object]", wanted) if isinstance(wanted, list) else [wanted]
    texts = [each for each in values if isinstance(each, str) and each]
    if not texts or len(texts) < len(values):
        # an account such as 012345670123 would come out of YAML as another number
        remedy = "write each value in quotes, or a pattern after '~'"
        raise ConfigError(f"the values of {field!r} are not texts", where=document.where(at), remedy=remedy)
    if field == "stage_tag":
        texts = [re.sub("[^a-z0-9]+", "_", text.lower()) for text in texts]
    return tuple(texts)


def _pattern(document: Document, at: Path_, text: str) -> re.Pattern[str]:
    try:
        pattern = re.compile(text)
        duckdb.execute("SELECT regexp_matches('', ?)", [text])
    except (re.error, duckdb.Error) as error:
        raise ConfigError(
            f"the pattern is not a regular expression of RE2: {error}",
            where=document.where(at),
            remedy="correct it; look-ahead and back-references are not supported",
        ) from None
    return pattern
