"""Errors are one paragraph: what, where, what to do; and nothing in them steers a terminal."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from finops import errors
from finops.errors import ConfigError, FinopsError, SourceError


def test_an_error_says_what_where_and_what_to_do() -> None:
    error = SourceError("it is damaged", where="a.csv, line 3", remedy="fetch it again")
    assert str(error) == "it is damaged. Where: a.csv, line 3. What to do: fetch it again."


def test_parts_that_are_not_given_are_left_out() -> None:
    assert str(FinopsError("gone!")) == "gone!"


@pytest.mark.parametrize(
    ("name", "code"),
    [
        ("ConfigError", 2),
        ("SourceError", 1),
        ("TelemetryError", 1),
        ("CheckError", 1),
        ("WarehouseError", 1),
        ("AlertError", 1),
    ],
)
def test_exit_codes_are_the_contract_s(name: str, code: int) -> None:
    kind = getattr(errors, name)
    assert issubclass(kind, FinopsError)
    assert kind("what").exit_code == code


@given(what=st.text(), where=st.text(), remedy=st.text())
def test_an_error_is_one_printable_line_whatever_it_quotes(what: str, where: str, remedy: str) -> None:
    assert str(ConfigError(what, where=where, remedy=remedy)).isprintable()


def test_what_would_steer_a_terminal_is_shown_instead() -> None:
    assert "\\x1b[2J" in str(SourceError("unknown column '\x1b[2J'"))
