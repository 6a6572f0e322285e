"""People's own SQL: every answer exact, nothing written, nothing read but the warehouse."""

from __future__ import annotations

import io
import json
import subprocess
import sys
from decimal import Decimal
from pathlib import Path

import pyarrow.parquet as pq
import pytest

from finops.cli.output import TABLE_ROWS

from .conftest import Finops

EXACT = "SELECT sum(EffectiveCost) AS cost FROM focus.charges WHERE BillingCurrency = 'USD'"


def test_decimals_keep_every_digit(finops: Finops, company: Path) -> None:
    wanted = Decimal("253.000000000000000001")
    as_json = finops("sql", EXACT, "--config", company, "--format", "json")
    assert json.loads(as_json.stdout, parse_float=Decimal) == [{"cost": wanted}]
    assert finops("sql", EXACT, "--config", company, "--format", "csv").text == f"cost\r\n{wanted}\r\n"
    as_parquet = finops("sql", EXACT, "--config", company, "--format", "parquet")
    assert pq.read_table(io.BytesIO(as_parquet.stdout)).to_pylist() == [{"cost": wanted}]
    assert "253.00" in finops("sql", EXACT, "--config", company).text


def test_small_and_large_decimals_have_no_exponent(finops: Finops, company: Path) -> None:
    query = "SELECT 1e-18::DECIMAL(38,18) AS small, 12345678901234567890::DECIMAL(38,0) AS large"
    text = finops("sql", query, "--config", company, "--format", "csv").text
    assert text == "small,large\r\n0.000000000000000001,12345678901234567890\r\n"


def test_a_statement_comes_from_standard_input(finops: Finops, company: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sys.stdin", io.StringIO("SELECT 42 AS answer;\n"))
    assert finops("sql", "-", "--config", company, "--format", "json").text == '[\n{"answer": 42}\n]\n'


@pytest.mark.parametrize("how", ["table", "csv", "json", "parquet"])
def test_out_appears_whole_or_not_at_all(how: str, finops: Finops, company: Path, tmp_path: Path) -> None:
    out = tmp_path / "result"
    assert finops("sql", EXACT, "--config", company, "--format", how, "--out", out).code == 0
    assert out.stat().st_size > 0
    before = out.read_bytes()
    # a table reads its first thousand rows only: its error must come among them
    late = 500 if how == "table" else 20000
    failing = f"SELECT CASE WHEN range > {late} THEN error('late') END AS a FROM range(30000)"
    assert finops("sql", failing, "--config", company, "--format", how, "--out", out).code == 2
    assert [path.name for path in tmp_path.iterdir()] == ["result"]
    assert out.read_bytes() == before


def test_out_that_cannot_be_written_is_an_error(finops: Finops, company: Path, tmp_path: Path) -> None:
    result = finops("sql", EXACT, "--config", company, "--format", "csv", "--out", tmp_path / "no" / "x.csv")
    assert result.code == 2
    assert "cannot be written" in result.stderr


def test_parquet_is_not_for_a_terminal(finops: Finops, company: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys.stdout, "isatty", lambda: True)
    result = finops("sql", EXACT, "--config", company, "--format", "parquet")
    assert (result.code, result.stdout) == (2, b"")


@pytest.mark.parametrize(
    ("statement", "complaint"),
    [
        ("CREATE TABLE x (i INT)", "only statements that read are allowed, this one is CREATE"),
        ("CREATE TEMP TABLE x (i INT)", "only statements that read"),
        ("DELETE FROM focus.charges", "only statements that read"),
        ("DROP TABLE focus.charges", "only statements that read"),
        ("COPY focus.charges TO '/tmp/stolen.csv'", "only statements that read"),
        ("ATTACH '/tmp/other.duckdb'", "only statements that read"),
        ("SET enable_external_access = true", "only statements that read"),
        ("INSTALL httpfs", "only statements that read"),
        ("SELECT 1; DROP TABLE focus.charges", "more than one statement"),
        ("SELECT * FROM read_csv('/etc/passwd')", "disabled by configuration"),
        ("SELECT * FROM read_text('/proc/self/environ')", "disabled by configuration"),
        ("SELECT * FROM glob('/*')", "disabled by configuration"),
        ("SELECT * FROM '/etc/passwd'", "does not exist"),
        ("SELECT * FROM con", "does not exist"),
        ("", "there is no statement"),
        ("/* only a comment */", "there is no statement"),
        ("SELEC 1", 'syntax error at or near "SELEC"'),
        ("SELECT\nBiledCost FROM focus.charges", 'Candidate bindings: "BilledCost"'),
        ("SELECT * FROM focus.charge", 'Did you mean "charges"'),
        ("SELECT $team", "Values were not provided"),
        ("SELECT 'x'::INT", "Could not convert"),
    ],
)
def test_what_is_no_reading_query_is_refused(statement: str, complaint: str, finops: Finops, company: Path) -> None:
    before = (company.parent / "var" / "finops.duckdb").read_bytes()
    for how in ("table", "parquet"):
        result = finops("sql", statement, "--config", company, "--format", how)
        assert (result.code, result.stdout) == (2, b"")
        assert complaint in result.stderr
        assert result.stderr.startswith("Error: ")
        assert result.stderr.count("\n") == 1
    assert (company.parent / "var" / "finops.duckdb").read_bytes() == before


def test_a_mistake_in_a_query_is_shown_by_its_line(finops: Finops, company: Path) -> None:
    result = finops("sql", "SELECT\nBiledCost\nFROM focus.charges", "--config", company)
    assert "Where: the query, line 2." in result.stderr


@pytest.mark.parametrize(
    "statement", ["SHOW ALL TABLES", "DESCRIBE focus.charges", "EXPLAIN SELECT 1 AS a", "FROM gap.monthly"]
)
def test_all_that_reads_is_allowed(statement: str, finops: Finops, company: Path) -> None:
    for how in ("table", "csv", "json", "parquet"):
        assert finops("sql", statement, "--config", company, "--format", how).code == 0


def test_two_columns_of_one_name_lose_nothing(finops: Finops, company: Path) -> None:
    query = "SELECT 1 AS a, 2 AS a"
    assert finops("sql", query, "--config", company, "--format", "csv").text == "a,a\r\n1,2\r\n"
    for how in ("json", "parquet"):
        result = finops("sql", query, "--config", company, "--format", how)
        assert result.code == 2
        assert "two columns are called 'a'" in result.stderr


def test_a_long_table_says_what_it_leaves_out(finops: Finops, company: Path) -> None:
    result = finops("sql", "SELECT range AS n FROM range(5000)", "--config", company)
    assert f" {TABLE_ROWS - 1} " in result.text
    assert f" {TABLE_ROWS} " not in result.text
    assert "The first 1,000 rows are shown" in result.stderr
    whole = finops("sql", "SELECT range AS n FROM range(25000)", "--config", company, "--format", "csv")
    assert whole.text.split() == ["n", *map(str, range(25000))]


def test_a_reader_that_leaves_is_no_error(company: Path) -> None:
    code = "import sys; from finops.cli import main; sys.exit(main())"
    query = "SELECT range FROM range(300000)"
    call = [sys.executable, "-c", code, "sql", query, "--config", str(company), "--format", "csv"]
    with subprocess.Popen(call, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as process:
        assert process.stdout is not None
        assert process.stderr is not None
        assert process.stdout.readline() == b"range\r\n"
        process.stdout.close()
        assert process.stderr.read() == b""
        assert process.wait() == 0


def test_a_statement_may_begin_with_a_comment(finops: Finops, company: Path) -> None:
    text = finops("sql", "-- how much?\nSELECT 1 AS one", "--config", company, "--format", "csv").text
    assert text == "one\r\n1\r\n"
