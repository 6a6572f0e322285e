"""One value as text: exact for machines (CSV, JSON), readable for people (tables)."""

from __future__ import annotations

import json
import math
from collections.abc import Iterable
from datetime import UTC, date, datetime
from datetime import time as clock
from decimal import ROUND_HALF_EVEN, Decimal
from typing import Any, cast

CENT = Decimal("0.01")
PLAN = "explain_value"
"""EXPLAIN's column: a drawing, of which every line counts."""


def exact(value: Decimal) -> str:
    """All digits, without exponent or trailing zeros."""
    text = format(value, "f")
    return text.rstrip("0").rstrip(".") if "." in text else text


def plain(value: object) -> str:
    """A value that is not null as text: ISO 8601 times in UTC with a Z, exact numbers, JSON where nested."""
    match value:
        case str():
            return value
        case bool():
            return "true" if value else "false"
        case Decimal():
            return exact(value)
        case datetime():
            # the warehouse keeps UTC: a time without a zone is UTC too
            utc = value.astimezone(UTC).replace(tzinfo=None) if value.tzinfo else value
            return f"{utc.isoformat()}Z"
        case date() | clock():
            return value.isoformat()
        case bytes():
            return value.hex()
        case dict() | list() | tuple():
            return json_text(cast("object", value))
        case _:
            return str(value)


def json_text(value: object) -> str:
    """A value as JSON: decimals as numbers with all digits; what JSON has no number for (NaN) as null."""
    match value:
        case None:
            return "null"
        case float() if not math.isfinite(value):
            return "null"
        case bool() | int() | float() | Decimal():
            return plain(value)
        case dict():
            pairs = cast("dict[Any, object]", value).items()
            return "{" + ", ".join(f"{_string(plain(k))}: {json_text(each)}" for k, each in pairs) + "}"
        case list() | tuple():
            return "[" + ", ".join(json_text(each) for each in cast("Iterable[object]", value)) + "]"
        case _:
            return _string(plain(value))


def csv_line(values: Iterable[object]) -> str:
    """A record of RFC 4180. Null is an empty field, empty text is `""`."""
    return ",".join("" if value is None else _csv_field(plain(value)) for value in values) + "\r\n"


def shown(value: object, column: str) -> str:
    """A value for a table: money with cents, shares in percent, nothing that could steer the terminal."""
    match value:
        case None:
            return "–"
        case Decimal():
            return _money(value)
        case float() if math.isfinite(value):
            share = column == "share" or column.endswith("_share") or column == "p_over"
            return f"{100 * value:.1f} %" if share else f"{value:,.6g}"
        case datetime():
            utc = value.astimezone(UTC) if value.tzinfo else value
            return f"{utc:%Y-%m-%d %H:%M:%S}".removesuffix(":00")
        case str() if column == PLAN:
            return "\n".join(map(visible, value.splitlines()))
        case _:
            return visible(plain(value))


def visible(text: str) -> str:
    """Text with control and other unprintable characters written out, as in `\\x1b`."""
    if text.isprintable():
        return text
    return "".join(c if c.isprintable() else c.encode("unicode_escape").decode() for c in text)


def money(value: Decimal | None, currency: str) -> str:
    """An amount with its currency; `unknown` where there is none."""
    return "unknown" if value is None else f"{_money(value)} {visible(currency)}"


def count(number: int, noun: str) -> str:
    """`1 unit`, `1,200 units`."""
    return f"{number:,} {noun}{'' if number == 1 else 's'}"


def _money(value: Decimal) -> str:
    rounded = value.quantize(CENT, ROUND_HALF_EVEN) if abs(value) < Decimal(10) ** 25 else value
    # a price of a thousandth of a cent is not nothing
    return exact(value) if value and not rounded else f"{rounded:,f}"


def _string(text: str) -> str:
    return json.dumps(text, ensure_ascii=False)


def _csv_field(text: str) -> str:
    special = not text or any(c in text for c in ',"\r\n')
    return '"' + text.replace('"', '""') + '"' if special else text
