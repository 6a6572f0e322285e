"""Casts that lose nothing, and names that stay names."""

from __future__ import annotations

from decimal import ROUND_HALF_EVEN, Decimal, localcontext
from pathlib import Path

import duckdb
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from finops.focus import MAP, MONEY
from finops.sources.base import quoted
from finops.sources.csv_files import names_as_written
from finops.sources.reading import exact, unique_entries

from .house import House, cur, focus, legacy, write_csv

places = st.decimals(allow_nan=False, allow_infinity=False, min_value=-(10**15), max_value=10**15, places=18)
LAST = Decimal(1).scaleb(-18)


def cast(value: object, raw: str, wanted: str = MONEY) -> object:
    sql = f"SELECT {exact('c', raw, wanted)} FROM (SELECT CAST(? AS {raw}) AS c)"
    return duckdb.execute(sql, [value]).fetchall()[0][0]


@settings(max_examples=150)
@given(value=places)
def test_text_is_cast_to_the_last_digit_in_either_notation(value: Decimal) -> None:
    assert cast(f"{value:f}", "VARCHAR") == value
    assert cast(f"{value:E}", "VARCHAR") == value
    assert cast(f" {value:+f} ", "VARCHAR") == value


@settings(max_examples=150)
@given(value=st.floats(min_value=-1e12, max_value=1e12, allow_subnormal=False))
def test_a_double_is_the_decimal_that_is_written_for_it(value: float) -> None:
    with localcontext(prec=60):
        expected = Decimal(repr(value)).quantize(LAST, ROUND_HALF_EVEN)
    assert abs(Decimal(str(cast(value, "DOUBLE"))) - expected) <= LAST  # below the last digit it rounds its own way
    if expected == Decimal(repr(value)):
        assert cast(value, "DOUBLE") == expected


@settings(max_examples=300)
@given(
    units=st.integers(min_value=-(10**15), max_value=10**15),
    places=st.integers(min_value=0, max_value=12),
    above=st.sampled_from([0, 99_999, 100_000, 100_001]),
)
def test_a_double_of_few_digits_is_that_decimal(units: int, places: int, above: int) -> None:
    """Bills have ten digits after the point; on both sides of where the quick way ends."""
    value = float(Decimal(units).scaleb(-places) + above)
    with localcontext(prec=60):
        assert cast(value, "DOUBLE") == Decimal(repr(value))


@pytest.mark.parametrize("text", ["0.1", "-0.0", "1.2E-7", "99999.9999999999", "100000.00000000001", "0.00000000005"])
def test_a_double_at_an_edge_is_the_decimal_that_is_written_for_it(text: str) -> None:
    assert cast(float(text), "DOUBLE") == Decimal(repr(float(text)))


def test_blank_text_is_null() -> None:
    assert cast("", "VARCHAR") is None
    assert cast("  ", "VARCHAR") is None
    assert cast("", "VARCHAR", "VARCHAR") is None
    assert cast("", "VARCHAR", MAP) is None


@given(name=st.text(min_size=1, max_size=20).filter(lambda text: "\0" not in text))
def test_a_column_s_name_is_only_a_name(name: str) -> None:
    assert duckdb.execute(f"SELECT {quoted(name)} FROM (SELECT 1 AS {quoted(name)})").fetchall() == [(1,)]


def test_where_a_key_comes_twice_the_first_counts() -> None:
    entries = (
        "[{'key': 'a', 'value': 1}, {'key': NULL, 'value': 2}, {'key': 'a', 'value': 3}, {'key': 'b', 'value': NULL}]"
    )
    assert duckdb.execute(f"SELECT {unique_entries(entries)}").fetchall() == [({"a": 1, "b": None},)]


@pytest.mark.parametrize("suffix", [".csv", ".csv.gz"])
def test_columns_that_differ_by_case_keep_their_names(tmp_path: Path, suffix: str) -> None:
    path = write_csv(tmp_path / f"a{suffix}", [], columns=["x/Team", "x/team", "x/TEAM", "y"])
    assert names_as_written([path]) == {"x/Team": "x/Team", "x/team_1": "x/team", "x/TEAM_2": "x/TEAM", "y": "y"}
    assert list(names_as_written([path])) == duckdb.read_csv(str(path), header=True, all_varchar=True).columns


def test_hostile_column_names(tmp_path: Path) -> None:
    names = ["user:a'b\"c", "user:');--", "user:{x}", "user:ü"]
    row = legacy(cur(cost="2")) | {f"resourceTags/{name}": name for name in names}
    write_csv(tmp_path / "r.csv", [row])
    house = House(tmp_path, {"name": "aws", "kind": "aws-cur1", "uri": "r.csv"}).ok()
    assert house.sql("SELECT BilledCost, Tags FROM focus.charges") == [(2, {name: name for name in names})]


def test_a_line_that_begins_with_a_hash_is_no_comment(tmp_path: Path) -> None:
    rows = [{"ResourceName": name, **focus("1")} for name in ("#1 team", "plain", "#", "-- x", "// y")]
    write_csv(tmp_path / "a.csv", rows)
    assert House(tmp_path, {"name": "a", "kind": "focus-files", "uri": "a.csv"}).ok().total() == len(rows)


def test_a_column_that_is_called_filename(tmp_path: Path) -> None:
    write_csv(tmp_path / "a.csv", [focus("2", filename="/etc/passwd")])
    house = House(tmp_path, {"name": "a", "kind": "focus-files", "uri": "a.csv"})
    assert house.ok().sql("SELECT BilledCost, x_SourceFile FROM focus.charges") == [(Decimal(2), "a.csv")]
