"""The rows that are to blame where a check falls short: at most LIMIT of each, as JSON, in quality.failing.

They come from `sql/failing/<check>.sql`, or from the check itself. One that compares two sides row by row does so in
its CTE `compared`, with columns `differs` and `apart` (by how much). One that counts rows that break rules, in its
CTE `counted`, has its rules there: each as a column, COUNT(CASE WHEN <what is wrong> THEN 1 END) AS "<rule>", over
charges `c` and their files `f`.
"""

from __future__ import annotations

from collections.abc import Collection
from functools import cache
from typing import cast

import sqlglot
from duckdb import DuckDBPyConnection
from sqlglot import exp

from finops.models import model, models

LIMIT = 20
Row = tuple[str, str]
"""A check's name, and one of the rows that fail it."""
_SHOWN = (
    *("x_SourceLineType", "ChargePeriodStart", "ChargePeriodEnd", "BillingPeriodStart", "BillingPeriodEnd"),
    *("ChargeCategory", "ServiceName", "ResourceId", "BillingCurrency", "BilledCost", "EffectiveCost"),
)


def rows(con: DuckDBPyConnection, names: Collection[str]) -> list[Row]:
    """What fails these checks."""
    found: list[Row] = []
    for name in sorted(names):
        sql = failing_sql(name)
        if sql is not None:
            # our SQL, of no value: the name of a check is that of a file
            texts = con.execute(f"SELECT to_json(failing)::VARCHAR FROM ({sql}) AS failing LIMIT {LIMIT}").fetchall()  # noqa: S608
            found += [(name, text) for (text,) in texts]
    return found


def keep(con: DuckDBPyConnection, found: Collection[Row]) -> None:
    """Replace quality.failing by these rows."""
    con.execute("DELETE FROM quality.failing")
    if found:
        con.executemany("INSERT INTO quality.failing VALUES (?, ?)", list(found))


@cache
def failing_sql(check: str) -> str | None:
    """The SELECT of the rows that fail a check; None where its scopes are all there is to show."""
    if any(each.name == f"failing.{check}" for each in models("failing")):
        return model(f"failing.{check}").sql
    statement = cast("exp.Query", sqlglot.parse_one(model(f"quality.{check}").sql, dialect="duckdb"))
    ctes = {each.alias: each.this for each in statement.ctes}
    if "compared" in ctes:
        columns = "* EXCLUDE (scope, apart, differs)"
        differing = exp.select(columns, dialect="duckdb").from_("compared").where("differs = 1").order_by("apart DESC")
        differing.set("with_", statement.args["with_"])
        return differing.limit(LIMIT).sql(dialect="duckdb")
    return _rules(statement, cast("exp.Select", ctes["counted"])) if "counted" in ctes else None


def _rules(statement: exp.Query, counted: exp.Select) -> str:
    """The charges that break a rule, each with the first that it breaks, from what the check itself counts over."""
    first = exp.Case()
    for each in counted.selects:
        wrong = each.find(exp.If)
        if wrong is not None:
            first = first.when(wrong.this, exp.Literal.string(each.alias_or_name))
    charges = exp.select("f.source", "f.file", "c.*", first.as_("rule"))
    for clause in ("from_", "joins"):
        charges.set(clause, counted.args[clause])
    failing = exp.select("source", "file", "rule", *_SHOWN).from_(charges.subquery()).where("rule IS NOT NULL")
    for cte in statement.ctes:
        if cte.alias != "counted":
            failing = failing.with_(cte.alias, cte.this)
    return failing.limit(LIMIT).sql(dialect="duckdb")
