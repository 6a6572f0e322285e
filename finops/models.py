"""`sql/<schema>/<table>.sql`: one SELECT a file; its first comment describes the table.

What a table reads comes from its syntax tree, so the graph can never disagree with the SQL.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from pathlib import Path

import sqlglot
from sqlglot import exp
from sqlglot.errors import ErrorLevel
from sqlglot.optimizer.scope import traverse_scope

from finops.errors import WarehouseError


@dataclass(frozen=True)
class Model:
    """A table's SELECT, its description, and the tables (`schema.table`) that it reads."""

    name: str
    sql: str
    description: str
    upstream: tuple[str, ...]


def sql_root() -> Path:
    """The folder `sql/`: inside an installed package, or beside it in a checkout."""
    inside = Path(__file__).parent / "sql"
    return inside if inside.is_dir() else Path(__file__).parent.parent / "sql"


@cache
def model(name: str) -> Model:
    """The model of `schema.table`; raises WarehouseError when there is no such file."""
    schema, _, table = name.partition(".")
    path = sql_root() / schema / f"{table}.sql"
    if not path.is_file():
        raise WarehouseError(f"there is no SQL for {name}", where=str(path), remedy="reinstall the package")
    sql = path.read_text(encoding="utf-8")
    return Model(name, sql, _description(sql), _upstream(sql))


@cache
def models(schema: str) -> tuple[Model, ...]:
    """All models of a schema, by name."""
    return tuple(model(f"{schema}.{path.stem}") for path in sorted((sql_root() / schema).glob("*.sql")))


def transpile(name: str, dialect: str) -> str:
    """A model's SELECT for another engine; raises sqlglot's UnsupportedError where it has no counterpart."""
    statement = sqlglot.parse_one(model(name).sql, dialect="duckdb")
    return statement.sql(dialect=dialect, unsupported_level=ErrorLevel.RAISE, pretty=True)


def _description(sql: str) -> str:
    lines: list[str] = []
    for line in sql.splitlines():
        if not line.startswith("--"):
            break
        lines.append(line.removeprefix("--").strip())
    return " ".join(lines)


def _upstream(sql: str) -> tuple[str, ...]:
    tree = sqlglot.parse_one(sql, dialect="duckdb")
    found = {
        f"{source.db}.{source.name}".lower()
        for scope in traverse_scope(tree)
        for source in scope.sources.values()
        if isinstance(source, exp.Table) and source.db
    }
    return tuple(sorted(found))
