"""The published warehouse, asked: people's own SQL, and the queries of `sql/queries/`."""

from __future__ import annotations

import re
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import duckdb
from duckdb import DuckDBPyConnection

from finops.cli.output import Question, columns
from finops.errors import ConfigError, WarehouseError

READS = (duckdb.StatementType.SELECT, duckdb.StatementType.EXPLAIN)
PARAMETER = re.compile(r"\$([a-z_]+)")


@contextmanager
def published(config: Path) -> Generator[DuckDBPyConnection]:
    """The warehouse that a configuration file names, read-only; raises ConfigError, WarehouseError."""
    from finops.config import load_config
    from finops.warehouse.connection import query

    con = query(load_config(config).published)
    try:
        yield con
    finally:
        con.close()


def question(con: DuckDBPyConnection, name: str, **parameters: Any) -> Question:
    """`sql/queries/<name>.sql`; a parameter that is not given is null, which filters nothing."""
    from finops.models import sql_root

    sql = (sql_root() / "queries" / f"{name}.sql").read_text(encoding="utf-8")
    return Question(con, sql, {key: parameters.get(key) for key in PARAMETER.findall(sql)})


def ask(con: DuckDBPyConnection, name: str, **parameters: Any) -> list[dict[str, Any]]:
    """The answer to `question`, by column name; raises WarehouseError as `matching` does."""
    with matching(name):
        asked = question(con, name, **parameters).ask()
        names = [column.name for column in columns(asked)]
        return [dict(zip(names, row, strict=True)) for row in asked.fetchall()]


@contextmanager
def matching(name: str) -> Generator[None]:
    """Raise WarehouseError where the warehouse lacks what a query of ours reads: another version wrote it."""
    try:
        yield
    except (duckdb.CatalogException, duckdb.BinderException) as error:
        raise WarehouseError(
            f"the published warehouse does not have what this command reads: {_first_line(error)}",
            where=f"query {name}",
            remedy="finops run writes it anew",
        ) from None


def check_known(con: DuckDBPyConnection, period: str) -> None:
    """Raise ConfigError for a month outside the data."""
    first, last = ask(con, "periods")[0].values()
    if first is None:
        raise ConfigError("the warehouse has no charges yet", where="--period", remedy="finops run")
    if not first <= period <= last:
        raise ConfigError(
            f"there is no data for {period}", where="--period", remedy=f"name a month from {first} to {last}"
        )


def known_check(con: DuckDBPyConnection, name: str) -> None:
    """Raise ConfigError for a check that there is not."""
    from finops.files.yamlfile import nearest

    known = [check["check_name"] for check in ask(con, "checks_in_short")]
    if name not in known:
        raise ConfigError(f"there is no check {name!r}", where="finops checks", remedy=nearest(name, known))


def own_question(con: DuckDBPyConnection, statement: str) -> Question:
    """A person's own statement; raises ConfigError when it is not one statement that only reads."""
    with explained():
        found = con.extract_statements(statement)
        if not found:
            raise ConfigError("there is no statement", remedy='finops sql "SELECT …"')
        if len(found) > 1:
            raise ConfigError("there is more than one statement", remedy="send them one by one")
        if found[0].type not in READS:
            raise ConfigError(
                f"only statements that read are allowed, this one is {found[0].type.name}",
                remedy="write a SELECT: the published warehouse is never changed",
            )
        return Question(con, statement)


@contextmanager
def explained() -> Generator[None]:
    """DuckDB's errors about a query as ours: its message and hint, without the excerpt of the query."""
    try:
        yield
    except duckdb.InterruptException:
        raise KeyboardInterrupt from None
    except duckdb.Error as error:
        what, _, excerpt = str(error).partition("\nLINE ")
        line = excerpt.partition(":")[0]
        raise ConfigError(
            what,
            where=f"the query, line {line}" if line.isdigit() else None,
            remedy=_remedy(error),
        ) from None


def _remedy(error: duckdb.Error) -> str:
    if isinstance(error, duckdb.PermissionException):
        return "query the warehouse's own tables: files and the network are closed to queries"
    if isinstance(error, duckdb.OutOfMemoryException):
        return "ask for less at a time"
    return 'correct the query; finops sql "SHOW ALL TABLES" lists what there is'


def _first_line(error: duckdb.Error) -> str:
    return str(error).splitlines()[0]
