"""What the page shows of a table: rows, totals, and its first rows."""

from __future__ import annotations

from typing import Any

import dagster as dg
from duckdb import DuckDBPyConnection

from finops.pipeline import Pipeline

PREVIEW_ROWS = 5
PREVIEW_COLUMNS = 10


def of_table(pipeline: Pipeline, table: str) -> dict[str, Any]:
    """Row count, totals of money columns by currency, and a small preview of one of our tables."""
    with pipeline.warehouse.open() as con:
        rows = con.table(table).aggregate("count(*)").fetchall()
        preview = con.table(table).limit(PREVIEW_ROWS)
        return {
            "dagster/row_count": rows[0][0],
            **_totals(con, table),
            "preview": dg.MetadataValue.md(_markdown(preview.columns[:PREVIEW_COLUMNS], preview.fetchall())),
        }


def _totals(con: DuckDBPyConnection, table: str) -> dict[str, str]:
    relation = con.table(table)
    currency = next((name for name in relation.columns if name.lower() in {"currency", "billingcurrency"}), None)
    money = next(
        (name for name in relation.columns if name.lower() in {"effectivecost", "effective_cost", "cost", "actual"}),
        None,
    )
    if currency is None or money is None:
        return {}
    sums = relation.aggregate(f'"{currency}", sum("{money}")', f'"{currency}"').fetchall()
    return {f"total {money} {name}": f"{amount:,.2f}" for name, amount in sums if amount is not None}


def _markdown(columns: list[str], rows: list[tuple[Any, ...]]) -> str:
    lines = ["| " + " | ".join(columns) + " |", "|" + "---|" * len(columns)]
    lines += ["| " + " | ".join(_cell(value) for value in row[: len(columns)]) + " |" for row in rows]
    return "\n".join(lines)


def _cell(value: object) -> str:
    """A value as plain text: it may come from a tag, and must not become markup."""
    text = "" if value is None else str(value)[:60]
    return "".join(f"&#{ord(char)};" if char in "|<>&[]`*_\n" else char for char in text)
