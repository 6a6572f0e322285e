"""Each report says what the rows of the small warehouse add up to, in every format, to the last digit."""

from __future__ import annotations

import csv
import io
import json
from decimal import Decimal
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest

from .conftest import Finops
from .warehouse import HOSTILE, TABLES

REPORTS = ("stages", "idle", "overruns", "gaps", "restatements", "checks")


def rows(finops: Finops, company: Path, *arguments: str) -> list[dict[str, Any]]:
    result = finops(*arguments, "--config", company, "--format", "json")
    assert (result.code, result.stderr) == (0, "")
    return json.loads(result.stdout, parse_float=Decimal, parse_int=Decimal)


def pick(found: list[dict[str, Any]], *keys: str) -> list[tuple[Any, ...]]:
    return [tuple(row[key] for key in keys) for row in found]


@pytest.mark.parametrize("report", REPORTS)
def test_every_format_holds_the_same_values(report: str, finops: Finops, company: Path, tmp_path: Path) -> None:
    wanted = rows(finops, company, report)
    assert wanted
    table = finops(report, "--config", company)
    assert table.code == 0
    text = finops(report, "--config", company, "--format", "csv").text
    read = list(csv.DictReader(io.StringIO(text, newline="")))
    as_text = {True: "true", False: "false", None: ""}
    assert read == [
        {
            key: as_text.get(value, str(value)) if not isinstance(value, Decimal) else str(value)
            for key, value in row.items()
        }
        for row in wanted
    ]
    assert finops(report, "--config", company, "--format", "parquet", "--out", tmp_path / "x.parquet").code == 0
    found = pq.read_table(tmp_path / "x.parquet").to_pylist()
    for ours, theirs in zip(found, wanted, strict=True):
        for key, value in theirs.items():
            if isinstance(value, Decimal):
                assert ours[key] == (value if isinstance(ours[key], Decimal) else float(value))
            elif isinstance(value, bool) or value is None or key in {"team", "currency", "ml_stage"}:
                assert ours[key] == value
    assert [path.name for path in tmp_path.iterdir()] == ["x.parquet"]


def test_stages_counts_only_days_that_have_happened(finops: Finops, company: Path) -> None:
    found = rows(finops, company, "stages")
    assert pick(found, "billing_period", "ml_stage", "currency", "billed_cost", "effective_cost", "gpu_hours") == [
        ("2026-10", "data_labeling", "USD", 30, 30, None),
        ("2026-10", "training", "USD", 10, 10, 1),
        ("2026-09", "inference", "EUR", 9, 9, None),
        ("2026-09", "training", "USD", 150, Decimal("125.250000000000000001"), 12),
        ("2026-09", "inference", "USD", Decimal("24.75"), Decimal("24.75"), None),
    ]
    assert [float(row["share"]) for row in found] == pytest.approx([0.75, 0.25, 1, 0.835, 0.165])


def test_stages_shares_are_of_what_team_and_provider_leave(finops: Finops, company: Path) -> None:
    (found,) = rows(finops, company, "stages", "--period", "2026-09", "--team", "nlp", "--stage", "inference")
    assert (found["effective_cost"], float(found["share"])) == (Decimal("24.75"), pytest.approx(0.2475))
    assert pick(rows(finops, company, "stages", "--provider", "Google Cloud"), "currency", "effective_cost") == [
        ("EUR", 9),
        ("USD", Decimal("24.75")),
    ]


def test_idle_is_by_instance_dearest_first_and_unknown_cost_is_not_zero(finops: Finops, company: Path) -> None:
    found = rows(finops, company, "idle")
    keys = ("team", "instance_id", "gpu_hours", "cost", "avoidable_cost", "sunk_cost", "last_seen")
    assert pick(found, *keys) == [
        (HOSTILE, "i-2", 1, 9, 9, 0, "2026-10-02T07:00:00Z"),
        ("old", "i-4", 1, 7, 7, 0, "2026-08-03T07:00:00Z"),
        ("nlp", "i-1", Decimal("1.5"), 6, 5, 1, "2026-10-01T07:00:00Z"),
        (None, "i-3", 1, None, None, None, "2026-10-03T07:00:00Z"),
    ]
    assert pick(rows(finops, company, "idle", "--period", "2026-10", "--team", "nlp"), "cost") == [(6,)]


def test_overruns_and_checks_come_worst_first(finops: Finops, company: Path) -> None:
    assert pick(rows(finops, company, "overruns"), "budget", "overrun") == [
        ("nlp-training", Decimal("500.5")),
        ("vision", 10),
    ]
    assert pick(rows(finops, company, "overruns", "--period", "2026-09"), "crossing_date") == [("2026-09-04",)]
    assert pick(rows(finops, company, "checks"), "check_name", "passed") == [
        ("source_is_charges", False),
        ("daily_is_stages", True),
    ]


def test_gaps_put_the_largest_first_and_total_each_month_once(finops: Finops, company: Path) -> None:
    found = rows(finops, company, "gaps")
    assert pick(found, "billing_period", "scope_kind", "team", "forecast", "actual", "gap_to_forecast") == [
        ("2026-10", "series", HOSTILE, 20, 10, -10),
        ("2026-10", "series", "nlp", 5, 10, 5),
        ("2026-10", "total", None, 25, 20, -5),
        ("2026-09", "series", "nlp", 100, Decimal("150.25"), Decimal("50.25")),
        ("2026-09", "series", "new", 0, Decimal("0.5"), Decimal("0.5")),
        ("2026-09", "total", None, 100, Decimal("150.75"), Decimal("50.75")),
        ("2026-08", "series", "nlp", None, 7, None),
        ("2026-08", "total", None, None, 7, None),
    ]


def test_restatements_add_up_what_changed(finops: Finops, company: Path) -> None:
    keys = ("billing_period", "scope_kind", "service_name", "ml_stage", "team", "changes", "increases", "decreases")
    keys += ("delta", "last_detected")
    assert pick(rows(finops, company, "restatements"), *keys) == [
        ("2026-09", "part", "EC2", "training", "nlp", 2, 10, -3, 7, "2026-10-03T00:00:00Z"),
        ("2026-09", "part", "S3", "inference", None, 1, 1, 0, 1, "2026-10-03T00:00:00Z"),
        ("2026-09", "total", None, None, None, 3, 11, -3, 8, "2026-10-03T00:00:00Z"),
    ]
    assert pick(rows(finops, company, "restatements", "--stage", "inference"), "delta") == [(1,), (1,)]
    assert pick(rows(finops, company, "restatements", "--team", "nlp"), "scope_kind", "delta") == [
        ("part", 7),
        ("total", 7),
    ]


def test_the_rows_that_fail_a_check_are_shown(finops: Finops, company: Path) -> None:
    for which in ((), ("source_is_charges",)):
        found = rows(finops, company, "checks", *which, "--failed")
        assert pick(found, "check_name", "failing") == [("source_is_charges", '{"unit":"2026-09"}')]
    assert rows(finops, company, "checks", "daily_is_stages", "--failed") == []


def test_checks_are_a_line_each_for_people_and_every_comparison_for_programs(finops: Finops, company: Path) -> None:
    read = finops("checks", "--config", company).text
    assert "comparisons" in read
    assert [line.split()[0] for line in read.splitlines() if "_is_" in line] == ["source_is_charges", "daily_is_stages"]
    of_one = finops("checks", "daily_is_stages", "--config", company).text
    assert "expected" in of_one
    assert "source_is_charges" not in of_one
    result = finops("checks", "daily_stages", "--config", company)
    assert (result.code, result.stdout) == (2, b"")
    assert "there is no check 'daily_stages'" in result.stderr
    assert "daily_is_stages" in result.stderr


@pytest.mark.parametrize(
    ("period", "complaint"),
    [
        ("2026-13", "'2026-13' is no month"),
        ("September", "is no month"),
        ("2025-01", "name a month from 2026-09 to 2026-10"),
        ("2026-12", "name a month from 2026-09 to 2026-10"),  # planned, not yet spent
    ],
)
def test_a_period_outside_the_data_names_the_range(period: str, complaint: str, finops: Finops, company: Path) -> None:
    result = finops("stages", "--period", period, "--config", company)
    assert (result.code, result.stdout) == (2, b"")
    assert complaint in result.stderr


def test_filters_are_values_not_sql(finops: Finops, company: Path) -> None:
    assert rows(finops, company, "stages", "--team", "nlp' OR '1'='1") == []
    assert pick(rows(finops, company, "stages", "--team", HOSTILE), "effective_cost") == [(10,)]


def test_a_table_shows_hostile_values_and_cannot_be_steered(finops: Finops, company: Path) -> None:
    text = finops("idle", "--config", company).text
    assert "[red]=cmd|\\x1b[31m\\x07\\n\\u202e,\"';--" in text
    assert "\x1b" not in text
    assert all(line.isprintable() for line in text.splitlines())


def test_a_narrow_terminal_breaks_no_number(finops: Finops, company: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "40")
    monkeypatch.setattr("finops.cli.console.sys.stdout.isatty", lambda: True)
    text = finops("overruns", "--config", company).text
    for number in ("1,000.00", "400.00", "1,500.50", "500.50"):
        assert number in text
    assert "nlp-training" in text
    assert "…" not in text


def test_a_piped_table_cuts_nothing(finops: Finops, company: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "20")
    text = finops("overruns", "--config", company).text
    assert "project=p: +300" in text
    assert "1,500.50" in text
    assert "…" not in text


def test_nothing_to_show_is_said(finops: Finops, company: Path) -> None:
    nobody = ("idle", "--team", "nobody", "--config", company)
    assert finops(*nobody).text == "No rows.\n"
    assert finops(*nobody, "--format", "json").text == "[]\n"
    assert finops(*nobody, "--format", "csv").text.count("\r\n") == 1


def test_the_warehouse_of_another_version_is_explained(finops: Finops, unpublished: Path) -> None:
    import duckdb

    (unpublished.parent / "var").mkdir()
    duckdb.connect(unpublished.parent / "var" / "finops.duckdb").close()
    result = finops("gaps", "--config", unpublished)
    assert result.code == 1
    assert "does not have what this command reads" in result.stderr


def test_the_small_warehouse_is_what_these_tests_read() -> None:
    assert set(TABLES) >= {"focus.charges", "gpu.hours", "budget.overruns", "gap.monthly", "quality.checks"}
