"""Words for people: money, moments, and values of bills made harmless."""

from __future__ import annotations

from datetime import UTC, datetime
from decimal import Decimal

LONGEST_VALUE = 120
"""Characters of a name or tag that a message shows."""


def plain(value: object, longest: int = LONGEST_VALUE) -> str:
    """One line of printable characters, cut at `longest`.

    Names and tags come from bills: control and formatting characters could rewrite a terminal or fake a line.
    """
    printable = "".join(char if char.isprintable() else " " for char in str(value))
    return cut(" ".join(printable.split()), longest)


def cut(text: str, longest: int) -> str:
    """The text, or its beginning and an ellipsis: at most `longest` characters."""
    return text if len(text) <= longest else f"{text[: longest - 1]}…"


def money(amount: Decimal | None, currency: str | None, *, signed: bool = False) -> str:
    """'1,234.50 USD'; signed: '+1,234.50 USD'; 'an unknown amount' for None."""
    if amount is None:
        return "an unknown amount"
    figure = f"{amount:+,.2f}" if signed else f"{amount:,.2f}"
    return f"{figure} {currency or 'of unknown currency'}"


def moment(time: datetime) -> str:
    """'2026-10-04 13:30 UTC'."""
    return f"{time.astimezone(UTC):%Y-%m-%d %H:%M} UTC"


def counted(count: int, thing: str) -> str:
    """'1 GPU', '2 GPUs'."""
    return f"{count:,} {thing}" if count == 1 else f"{count:,} {thing}s"
