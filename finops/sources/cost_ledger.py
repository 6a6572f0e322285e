"""The source of kind cost-ledger: what machine learning costs and no cloud bills.

Salaries, labelling vendors, licences, audits: a line is an amount over a span of days, and becomes a charge
a day. The days' amounts differ by the last digit at most and add up to the line's, exactly.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import date, timedelta
from decimal import ROUND_HALF_EVEN, Decimal, localcontext
from itertools import pairwise
from pathlib import Path
from typing import Any, cast

import polars as pl
from duckdb import DuckDBPyConnection

from finops.errors import ConfigError, SourceError
from finops.files.listfile import FORMATS, Columns, Line, number, read_lines
from finops.files.yamlfile import nearest
from finops.focus import MAP, MONEY
from finops.sources.base import Normaliser, Raw
from finops.sources.files import FileUnits
from finops.sources.reading import from_frame, project

COLUMNS = Columns(
    "costs",
    ("start_date", "end_date", "amount", "currency", "category", "description"),
    ("vendor", "team", "project", "model", "ml_stage"),
)
CATEGORIES = ("people", "labelling", "licence", "compliance", "hardware", "other")

_SCHEMA = {
    "charge_date": pl.Date,
    "amount": pl.Decimal(38, 18),
    **dict.fromkeys(("currency", "category", "description", "vendor"), pl.String),
    "tags": pl.List(pl.Struct({"key": pl.String, "value": pl.String})),
    "filename": pl.String,
}

LARGEST = Decimal(10) ** 20
LONGEST_DAYS = 3_660
"""A line of more than ten years is taken for a slip in a year."""

NORMALISER = Normaliser(
    sql="cost_ledger",
    columns={
        "charge_date": "TIMESTAMP",
        "amount": MONEY,
        **dict.fromkeys(("currency", "category", "description", "vendor"), "VARCHAR"),
        "tags": MAP,
    },
    required=("charge_date", "amount", "currency", "category"),
)


def spread(amount: Decimal, days: int) -> list[Decimal]:
    """An amount over days, evenly: each day's share of the running total, rounded to the amount's last digit
    (cents at the least), so that the days always add up to the amount.
    """
    last = Decimal(1).scaleb(min(-2, cast("int", amount.as_tuple().exponent)))
    with localcontext(prec=80):
        marks = [(amount * day / days).quantize(last, ROUND_HALF_EVEN) for day in range(days + 1)]
        return [after - before for before, after in pairwise(marks)]  # Python's own precision is 28 digits


class CostLedger(FileUnits):
    """The ledger's files; a unit is a file."""

    formats = FORMATS

    def read(self, con: DuckDBPyConnection, paths: list[Path]) -> Raw:
        days = [{**day, "filename": str(path)} for path in paths for line in _lines(path) for day in _days(line)]
        frame = pl.DataFrame(days, schema=_SCHEMA)
        return Raw(project(from_frame(con, frame), NORMALISER, self.storage.uri), NORMALISER)


def _lines(path: Path) -> Iterator[Line]:
    try:
        yield from read_lines(path, COLUMNS)
    except ConfigError as error:
        raise SourceError(error.what, where=error.where, remedy=error.remedy) from None


def _days(line: Line) -> Iterator[dict[str, Any]]:
    start, end = _date(line, "start_date"), _date(line, "end_date")
    if end <= start:
        raise _wrong(line, "end_date", "end_date is not after start_date", "end_date is the first day not meant")
    if (end - start).days > LONGEST_DAYS:
        raise _wrong(line, "end_date", "the line spans more than ten years", "correct a year, or split the line")
    if line["category"] not in CATEGORIES:
        known = nearest(line["category"], list(CATEGORIES))
        raise _wrong(line, "category", f"unknown category {line['category'][:40]!r}", known)
    if not re.fullmatch("[A-Z]{3}", line["currency"]):
        raise _wrong(line, "currency", "a currency is three capitals, like USD", "correct it")
    tags = [{"key": key, "value": line[key]} for key in ("team", "project", "model", "ml_stage") if line[key]]
    for offset, amount in enumerate(spread(_amount(line), (end - start).days)):
        yield {
            "charge_date": start + timedelta(days=offset),
            "amount": amount,
            "currency": line["currency"],
            "category": line["category"],
            "description": line["description"] or None,
            "vendor": line["vendor"] or None,
            "tags": tags,
        }


def _date(line: Line, column: str) -> date:
    try:
        return date.fromisoformat(line[column])
    except ValueError:
        what = f"{column} is not a date: {line[column][:40]!r}"
        raise _wrong(line, column, what, "write it as YYYY-MM-DD") from None


def _amount(line: Line) -> Decimal:
    amount = number(line["amount"])
    # compared, not computed with: Python's own decimals round, and give up on large exponents
    if amount is None or cast("int", amount.as_tuple().exponent) < -18 or not -LARGEST < amount < LARGEST:
        raise _wrong(line, "amount", f"amount is not a number: {line['amount'][:40]!r}", "write it like 1234.56")
    return amount


def _wrong(line: Line, column: str, what: str, remedy: str) -> SourceError:
    return SourceError(what, where=line.where(column), remedy=remedy)
