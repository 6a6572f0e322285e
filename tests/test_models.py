"""The SQL files: one SELECT each, described, acyclic, and carried to Spark where rows are many."""

from __future__ import annotations

import ast

import pytest
import sqlglot
from sqlglot import exp

from finops import models
from finops.lifecycle import compile_rules, load_rules
from finops.tables import TABLES
from tests.conftest import ROOT

FILES = sorted(ROOT.glob("sql/*/*.sql"))
HEAVY = [path for path in FILES if path.parent.name in {"normalise", "control", "google", "focus", "spend"}]

SAME_IN_SPARK = {"MAP_ENTRIES"}
"""Functions that sqlglot passes on as they are, and that Spark has under the same name and meaning."""


def name(path: object) -> str:
    return ".".join(str(path).removesuffix(".sql").split("/")[-2:])


@pytest.mark.parametrize("path", FILES, ids=name)
def test_each_file_is_one_described_select(path: object) -> None:
    found = models.model(name(path))
    assert found.description.endswith((".", ")")), "the first comment describes the table"
    statements = sqlglot.parse(found.sql, dialect="duckdb")
    assert len(statements) == 1
    assert isinstance(statements[0], exp.Query)


@pytest.mark.parametrize("path", HEAVY, ids=name)
def test_what_touches_every_row_is_carried_to_spark(path: object) -> None:
    """Normalising, tagging and rolling up must run on a cluster when one machine is not enough."""
    spark = models.transpile(name(path), "spark")
    again = sqlglot.parse_one(spark, dialect="spark")
    unknown = {call.name.upper() for call in again.find_all(exp.Anonymous)} - SAME_IN_SPARK - {"STAGE_RULE"}
    assert unknown == set(), "functions that sqlglot does not know, and so cannot carry over"


def test_the_compiled_stage_rules_are_carried_to_spark() -> None:
    case = compile_rules(load_rules())
    assert "RLIKE" in case.sql("spark")
    assert sqlglot.parse_one(case.sql("spark"), dialect="spark").find(exp.Case) is not None


def test_tables_are_built_after_what_they_read() -> None:
    built: set[str] = set()
    names = {each for table in TABLES for each in (table.name, *table.also)}
    for table in TABLES:
        assert set(table.upstream) & names <= built, f"{table.name} is built too early"
        built |= {table.name, *table.also}


def test_the_library_knows_nothing_of_the_orchestrator() -> None:
    for path in ROOT.glob("finops/**/*.py"):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            imported = [alias.name for alias in node.names] if isinstance(node, ast.Import) else []
            imported += [node.module or ""] if isinstance(node, ast.ImportFrom) else []
            assert not [each for each in imported if each.split(".")[0] in {"dagster", "dagster_project"}], path
