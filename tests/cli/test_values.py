"""Values keep every digit on the way to machines, and cannot steer a terminal on the way to people."""

from __future__ import annotations

import csv
import io
import json
from datetime import UTC, date, datetime, timedelta, timezone
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from finops.cli import values

AMOUNTS = st.decimals(min_value=Decimal("-99999999999999999999"), max_value=Decimal("99999999999999999999"), places=18)
TEXTS = st.text(st.characters(exclude_categories=["Cs"]))


@given(AMOUNTS)
def test_a_decimal_is_written_with_all_its_digits(amount: Decimal) -> None:
    assert Decimal(values.plain(amount)) == amount
    assert "e" not in values.plain(amount).lower()
    assert json.loads(values.json_text([amount]), parse_float=Decimal, parse_int=Decimal) == [amount]


@given(st.lists(st.one_of(TEXTS, st.none()), min_size=2))
def test_csv_is_read_back_and_empty_text_is_not_null(row: list[str | None]) -> None:
    line = values.csv_line(row)
    (back,) = csv.reader(io.StringIO(line, newline=""))
    assert back == [each or "" for each in row]
    assert line.endswith("\r\n")
    assert values.csv_line([None, ""]) == ',""\r\n'


@given(
    st.recursive(
        TEXTS | st.none() | st.booleans() | AMOUNTS,
        lambda each: st.lists(each) | st.dictionaries(TEXTS, each),
    )
)
def test_json_is_read_back(value: object) -> None:
    assert json.loads(values.json_text(value), parse_float=Decimal, parse_int=Decimal) == value


@given(TEXTS)
def test_what_a_table_shows_has_no_control_characters(text: str) -> None:
    assert values.shown(text, "team").isprintable()


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (datetime(2026, 10, 1, 2, 30, tzinfo=timezone(timedelta(hours=2))), "2026-10-01T00:30:00Z"),
        (datetime(2026, 10, 1, 0, 30), "2026-10-01T00:30:00Z"),  # noqa: DTZ001 - TIMESTAMP has no zone
        (date(2026, 10, 1), "2026-10-01"),
        (True, "true"),
        (b"\x00\xff", "00ff"),
        ({"a": [Decimal("1.50"), None]}, '{"a": [1.5, null]}'),
        (1e-10, "1e-10"),
        (10**30, str(10**30)),
    ],
)
def test_values_are_plain_text(value: object, text: str) -> None:
    assert values.plain(value) == text


def test_json_has_no_number_that_is_none() -> None:
    assert json.loads(values.json_text([float("nan"), float("inf"), 0.1])) == [None, None, 0.1]


@pytest.mark.parametrize(
    ("value", "column", "text"),
    [
        (Decimal("1234567.891"), "cost", "1,234,567.89"),
        (Decimal("-0.5"), "cost", "-0.50"),
        (Decimal("0.000000000000000001"), "price", "0.000000000000000001"),
        (Decimal("0E-18"), "cost", "0.00"),
        (Decimal(10) ** 37, "cost", f"{10**37:,}"),
        (0.1234, "share", "12.3 %"),
        (0.9, "p_over", "90.0 %"),
        (1234.5, "seconds", "1,234.5"),
        (2026, "year", "2026"),
        (None, "cost", "–"),
        (datetime(2026, 10, 1, 2, 30, tzinfo=UTC), "at", "2026-10-01 02:30"),
        (datetime(2026, 10, 1, 0, 0, tzinfo=UTC), "at", "2026-10-01 00:00"),
        ("a\nb", "explain_value", "a\nb"),
    ],
)
def test_tables_are_for_people(value: object, column: str, text: str) -> None:
    assert values.shown(value, column) == text


def test_an_unknown_amount_is_not_zero() -> None:
    assert values.money(None, "USD") == "unknown"
    assert values.money(Decimal("1000"), "USD") == "1,000.00 USD"
