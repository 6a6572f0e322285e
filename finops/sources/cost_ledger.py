"""The source of kind cost-ledger: what machine learning costs and no cloud bills.

Salaries, labelling vendors, licences, audits: a line is an amount over a span of days, and becomes a charge
a day. The days' amounts differ by the last digit at most and add up to the line's, exactly.
"""

from __future__ import annotations

import csv
import re
from collections.abc import Iterator
from datetime import date, timedelta
from decimal import ROUND_HALF_EVEN, Decimal, InvalidOperation, localcontext
from itertools import pairwise
from pathlib import Path
from typing import Any, cast

import polars as pl
from duckdb import DuckDBPyConnection

from finops.errors import ConfigError, SourceError
from finops.focus import MAP, MONEY
from finops.sources.base import Normaliser, Raw
from finops.sources.files import FileUnits
from finops.sources.reading import from_frame, project
from finops.yamlfile import nearest, read_yaml

MANDATORY = ("start_date", "end_date", "amount", "currency", "category", "description")
OPTIONAL = ("vendor", "team", "project", "model", "ml_stage")
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
    return [after - before for before, after in pairwise(marks)]


class CostLedger(FileUnits):
    """The ledger's files; a unit is a file."""

    formats = (".csv", ".yaml", ".yml")

    def read(self, con: DuckDBPyConnection, paths: list[Path]) -> Raw:
        days = [
            {**day, "filename": str(path)}
            for path in paths
            for where, line in _lines(path)
            for day in _days(line, where)
        ]
        frame = pl.DataFrame(days, schema=_SCHEMA)
        return Raw(project(from_frame(con, frame), NORMALISER, self.storage.uri), NORMALISER)


def _lines(path: Path) -> Iterator[tuple[str, dict[str, str]]]:
    """The ledger's lines, each with the place it stands at."""
    try:
        yield from _csv_lines(path) if path.suffix == ".csv" else _yaml_lines(path)
    except (UnicodeDecodeError, csv.Error) as error:
        raise SourceError(
            f"the ledger is not CSV in UTF-8: {error}", where=str(path), remedy="save it as such"
        ) from None
    except ConfigError as error:
        raise SourceError(error.what, where=error.where, remedy=error.remedy) from None


def _csv_lines(path: Path) -> Iterator[tuple[str, dict[str, str]]]:
    with path.open(encoding="utf-8-sig", newline="") as file:
        reader = csv.DictReader(file, restkey="", restval="", strict=True)
        _known(str(path), list(reader.fieldnames or []))
        for row in reader:
            where = f"{path}, line {reader.line_num}"
            if "" in row:
                raise SourceError(
                    "the line has more values than columns", where=where, remedy="quote values with commas"
                )
            yield where, {name: value.strip() for name, value in row.items()}


def _yaml_lines(path: Path) -> Iterator[tuple[str, dict[str, str]]]:
    top = read_yaml(path).value
    lines = cast("dict[str, Any]", top).get("costs") if isinstance(top, dict) else top
    if not isinstance(lines, list):
        raise SourceError("the ledger is not a list of costs", where=str(path), remedy="start it with 'costs:'")
    for index, line in enumerate(cast("list[object]", lines)):
        where = f"{path}, entry {index + 1}"
        if not isinstance(line, dict):
            raise SourceError("an entry is not a mapping", where=where, remedy="write key: value for each column")
        entry = {str(name): value for name, value in cast("dict[Any, Any]", line).items()}
        _known(where, list(entry))
        yield where, {name: "" if value is None else str(value) for name, value in entry.items()}


def _known(where: str, given: list[str]) -> None:
    missing = [name for name in MANDATORY if name not in given]
    unknown = [name for name in given if name not in (*MANDATORY, *OPTIONAL)]
    twice = [name for name in given if given.count(name) > 1]
    if missing:
        raise SourceError(f"columns are missing: {', '.join(missing)}", where=where, remedy="add them to the ledger")
    if unknown:
        known = nearest(unknown[0], [*MANDATORY, *OPTIONAL])
        raise SourceError(f"unknown column {unknown[0]!r}", where=where, remedy=known)
    if twice:
        raise SourceError(f"the column {twice[0]!r} is given twice", where=where, remedy="keep one of the two")


def _days(line: dict[str, str], where: str) -> Iterator[dict[str, Any]]:
    start, end = _date(line, "start_date", where), _date(line, "end_date", where)
    if end <= start:
        raise SourceError("end_date is not after start_date", where=where, remedy="end_date is the first day not meant")
    if (end - start).days > LONGEST_DAYS:
        raise SourceError("the line spans more than ten years", where=where, remedy="correct a year, or split the line")
    if line["category"] not in CATEGORIES:
        raise SourceError(
            f"unknown category {line['category']!r}",
            where=where,
            remedy=nearest(line["category"], list(CATEGORIES)),
        )
    if not re.fullmatch("[A-Z]{3}", line["currency"]):
        raise SourceError("a currency is three capitals, like USD", where=where, remedy="correct it")
    tags = [{"key": key, "value": line[key]} for key in ("team", "project", "model", "ml_stage") if line.get(key)]
    for offset, amount in enumerate(spread(_amount(line, where), (end - start).days)):
        yield {
            "charge_date": start + timedelta(days=offset),
            "amount": amount,
            "currency": line["currency"],
            "category": line["category"],
            "description": line["description"] or None,
            "vendor": line.get("vendor") or None,
            "tags": tags,
        }


def _date(line: dict[str, str], key: str, where: str) -> date:
    try:
        return date.fromisoformat(line[key])
    except ValueError:
        raise SourceError(
            f"{key} is not a date: {line[key][:40]!r}", where=where, remedy="write it as YYYY-MM-DD"
        ) from None


def _amount(line: dict[str, str], where: str) -> Decimal:
    try:
        amount = Decimal(line["amount"])
    except InvalidOperation:
        amount = Decimal("NaN")
    if not amount.is_finite() or cast("int", amount.as_tuple().exponent) < -18 or abs(amount) >= LARGEST:
        raise SourceError(
            f"amount is not a number: {line['amount'][:40]!r}", where=where, remedy="write it like 1234.56"
        )
    return amount
