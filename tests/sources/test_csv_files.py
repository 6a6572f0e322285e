"""CSV files: as many as AWS writes, each with the columns it has."""

from __future__ import annotations

from decimal import Decimal
from pathlib import Path

import duckdb
import pytest

from finops.sources.csv_files import names_as_written, read_csv

from .house import House, cur, legacy, manifest, write_csv


def rows(paths: list[Path]) -> list[dict[str, str | None]]:
    with duckdb.connect() as con:
        found = read_csv(con, paths)
        return [dict(zip(found.columns, row, strict=True)) for row in found.fetchall()]


def test_columns_are_united_by_name_wherever_they_stand(tmp_path: Path) -> None:
    first = write_csv(tmp_path / "1.csv", [{"a": "1", "b": "2"}])
    second = write_csv(tmp_path / "2.csv.gz", [{"c": "x", "a": "3"}])
    assert rows([first, second]) == [
        {"a": "1", "b": "2", "c": None, "filename": str(first)},
        {"a": "3", "b": None, "c": "x", "filename": str(second)},
    ]


def test_names_that_differ_by_case_are_two_in_every_file(tmp_path: Path) -> None:
    """The first file has both, the second only the one that comes second in the first."""
    first = write_csv(tmp_path / "1.csv", [{"user:Team": "A", "user:team": "a"}])
    second = write_csv(tmp_path / "2.csv", [{"user:team": "b", "filename": "mine"}])
    written = names_as_written([first, second])
    found = [{written.get(name, name): value for name, value in row.items() if value} for row in rows([first, second])]
    assert [{k: v for k, v in row.items() if k != "filename"} for row in found] == [
        {"user:Team": "A", "user:team": "a"},
        {"user:team": "b"},
    ]
    assert "mine" in rows([first, second])[1].values()


def test_a_tag_is_not_mistaken_for_another_s_in_a_report_of_two_files(tmp_path: Path) -> None:
    one = legacy(cur(cost="1")) | {"resourceTags/user:Team": "A", "resourceTags/user:team": "a"}
    write_csv(tmp_path / "bills" / "1.csv", [one])
    write_csv(tmp_path / "bills" / "2.csv", [legacy(cur(cost="2")) | {"resourceTags/user:team": "b"}])
    house = House(tmp_path, {"name": "aws", "kind": "aws-cur1", "uri": "bills"}).ok()
    assert house.sql("SELECT Tags FROM focus.charges ORDER BY BilledCost") == [
        ({"user:Team": "A", "user:team": "a"},),
        ({"user:team": "b"},),
    ]


@pytest.mark.parametrize("text", ["", "\n"])
def test_a_file_without_a_header_is_named(tmp_path: Path, text: str) -> None:
    path = tmp_path / "bill.csv"
    path.write_text(text)
    House(tmp_path, {"name": "aws", "kind": "aws-cur1", "uri": "bill.csv"}).refused("bill.csv")


def test_more_than_a_thousand_files_of_one_month_load(tmp_path: Path) -> None:
    folder = tmp_path / "bucket/ml/data/BILLING_PERIOD=2026-09"
    files = [write_csv(folder / f"ml-{number:05}.csv.gz", [cur(cost="0.25")]) for number in range(1501)]
    manifest(tmp_path / "bucket", files)
    house = House(tmp_path, {"name": "aws", "kind": "aws-cur2", "uri": "bucket", "export": "ml"}).ok()
    assert house.total() == Decimal("375.25")
