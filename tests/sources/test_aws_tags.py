"""The tags of AWS's rows: up to three columns, several spellings and schemes, one map, nothing lost."""

from __future__ import annotations

import json
from decimal import Decimal
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from .house import House, cur, legacy, manifest, write_csv

MAPS = pa.map_(pa.string(), pa.string())
Tags = dict[str, str] | list[tuple[str, str]] | None

CASES: dict[str, tuple[dict[str, Tags], dict[str, str] | None]] = {
    "resource tags alone are left as they are": (
        {"resource_tags": {"user_team": "nlp", "aws_created_by": "root"}},
        {"user_team": "nlp", "aws_created_by": "root"},
    ),
    "a resource's tag in a second spelling comes once": (
        {"resource_tags": {"user_team": "nlp"}, "tags": {"user:team": "nlp"}},
        {"user_team": "nlp"},
    ),
    "so it does with AWS's prefix": (
        {"resource_tags": {"user_team": "nlp"}, "tags": {"resourceTags/team": "nlp"}},
        {"user_team": "nlp"},
    ),
    "and bare": ({"resource_tags": {"user_team": "nlp"}, "tags": {"team": "nlp"}}, {"user_team": "nlp"}),
    "without the older column the resource's tags come from the newer": (
        {"tags": {"resourceTags/user:team": "nlp", "user:owner": "ann", "plain": "x"}},
        {"user:team": "nlp", "user:owner": "ann", "plain": "x"},
    ),
    "where the older column is empty in a row too": (
        {"resource_tags": {}, "tags": {"user:team": "nlp"}},
        {"user:team": "nlp"},
    ),
    "and where it is null": ({"resource_tags": None, "tags": {"user:team": "nlp"}}, {"user:team": "nlp"}),
    "other schemes keep their prefix": (
        {
            "resource_tags": {"user_team": "nlp"},
            "tags": {
                "user:team": "nlp",
                "accountTag/team": "core",
                "userAttribute/costCenter": "42",
                "costCategory/Project": "P",
                "iamPrincipal/role": "r",
                "newScheme/key": "v",
            },
        },
        {
            "user_team": "nlp",
            "accountTag/team": "core",
            "userAttribute/costCenter": "42",
            "costCategory/Project": "P",
            "iamPrincipal/role": "r",
            "newScheme/key": "v",
        },
    ),
    "cost categories get theirs": (
        {"resource_tags": {"user_team": "nlp"}, "cost_category": {"Project": "P"}},
        {"user_team": "nlp", "costCategory/Project": "P"},
    ),
    "a cost category in both columns comes once": (
        {"tags": {"costCategory/Project": "P", "user:team": "a"}, "cost_category": {"Project": "P"}},
        {"user:team": "a", "costCategory/Project": "P"},
    ),
    "in two spellings too": (
        {"tags": {"costCategory/My Project": "P", "user:team": "a"}, "cost_category": {"my_project": "P"}},
        {"user:team": "a", "costCategory/my_project": "P"},
    ),
    "nothing anywhere is null": ({"resource_tags": None, "tags": None, "cost_category": None}, None),
    "empty is empty": ({"resource_tags": {}, "tags": {}, "cost_category": {}}, {}),
    "keys that differ by case are two": (
        {"resource_tags": {"user:Team": "A", "user:team": "b"}},
        {"user:Team": "A", "user:team": "b"},
    ),
    "a tag named like a scheme does no harm": (
        {"tags": {"resourceTags/costCategory/Project": "mine", "costCategory/Project": "theirs"}},
        {"costCategory/Project": "mine"},
    ),
}


CLASH = "a tag named like a scheme does no harm"
EXPORTS = sorted({(tuple(columns), CLASH if case == CLASH else "") for case, (columns, _) in CASES.items()})
"""Which columns an export has; the clash comes alone, for it changes how all rows of its export are read."""


def load(folder: Path, rows: list[dict[str, Any]], form: str) -> House:
    """An export as CSV (maps in JSON) or Parquet."""
    root = folder / "bucket"
    file = root / "ml" / "data" / "BILLING_PERIOD=2026-09" / f"ml-1.{'csv.gz' if form == 'csv' else 'parquet'}"
    if form == "csv":
        write_csv(
            file, [{n: each if isinstance(each, str) else _json(each) for n, each in row.items()} for row in rows]
        )
    else:
        file.parent.mkdir(parents=True)
        maps = {"resource_tags", "tags", "cost_category"}
        schema = pa.schema([(name, MAPS if name in maps else pa.string()) for name in rows[0]])
        pq.write_table(pa.Table.from_pylist(rows, schema=schema), file)
    manifest(root, [file])
    return House(folder, {"name": "aws", "kind": "aws-cur2", "uri": "bucket", "export": "ml"}).ok()


def _json(value: Tags) -> str:
    if isinstance(value, list):  # pairs, to say a key twice
        return "{" + ", ".join(f"{json.dumps(key)}: {json.dumps(each)}" for key, each in value) + "}"
    return "" if value is None else json.dumps(value)


@pytest.mark.parametrize("form", ["csv", "parquet"])
@pytest.mark.parametrize(("columns", "alone"), EXPORTS, ids=lambda each: "+".join(each) if each else "")
def test_the_columns_of_tags_are_one_map(tmp_path: Path, columns: tuple[str, ...], alone: str, form: str) -> None:
    cases = {
        case: given
        for case, given in CASES.items()
        if tuple(given[0]) == columns and (case == CLASH) == (alone == CLASH)
    }
    rows = [cur(line_item_line_item_description=case, **given) for case, (given, _) in cases.items()]
    home = load(tmp_path, rows, form)
    found = dict(home.sql("SELECT ChargeDescription, Tags FROM focus.charges"))
    assert found == {case: expected for case, (_, expected) in cases.items()}


@pytest.mark.parametrize("form", ["csv", "parquet"])
@pytest.mark.parametrize(
    "columns",
    [
        {"resource_tags": [("user_a/b~c", "first"), ("x", "y"), ("user_a/b~c", "second")]},
        {"resource_tags": [("user_a/b~c", "first"), ("x", "y"), ("user_a/b~c", "second")], "cost_category": {}},
        {"tags": [("user_a/b~c", "first"), ("x", "y"), ("user_a/b~c", "second")]},
    ],
    ids=["alone", "with others", "in tags"],
)
def test_of_a_key_that_comes_twice_the_first_counts(tmp_path: Path, columns: dict[str, Tags], form: str) -> None:
    home = load(tmp_path, [cur(cost="3", **columns)], form)
    # to read the map is the test: DuckDB refuses to show one with a key twice
    assert home.sql("SELECT Tags, BilledCost FROM focus.charges") == [({"user_a/b~c": "first", "x": "y"}, Decimal(3))]


@pytest.mark.parametrize("tags", ["{", "[1]", "text"])
def test_tags_that_are_no_mapping(tmp_path: Path, tags: str) -> None:
    root = tmp_path / "bucket"
    file = write_csv(root / "ml" / "data" / "BILLING_PERIOD=2026-09" / "ml-1.csv.gz", [cur(resource_tags=tags)])
    manifest(root, [file])
    source = {"name": "aws", "kind": "aws-cur2", "uri": "bucket", "export": "ml"}
    House(tmp_path, source).refused("damaged", "2026-09")


def test_a_legacy_report_has_its_schemes_too(tmp_path: Path) -> None:
    columns = {
        "resourceTags/user:team": "nlp",
        "resourceTags/aws:createdBy": "",
        "accountTag/team": "core",
        "userAttribute/costCenter": "42",
        "costCategory/Project": "P",
    }
    write_csv(tmp_path / "report.csv", [legacy(cur()) | columns])
    home = House(tmp_path, {"name": "aws", "kind": "aws-cur1", "uri": "report.csv"}).ok()
    assert home.sql("SELECT Tags FROM focus.charges") == [
        (
            {
                "user:team": "nlp",
                "accountTag/team": "core",
                "userAttribute/costCenter": "42",
                "costCategory/Project": "P",
            },
        )
    ]


def test_a_legacy_report_in_parquet_has_them_in_its_own_spelling(tmp_path: Path) -> None:
    row = cur() | {"resource_tags_user_team": "nlp", "account_tag_team": "core", "cost_category_project": "P"}
    pq.write_table(pa.Table.from_pylist([row]), tmp_path / "r.parquet")
    home = House(tmp_path, {"name": "aws", "kind": "aws-cur1", "uri": "r.parquet"}).ok()
    assert home.sql("SELECT Tags FROM focus.charges") == [
        ({"user_team": "nlp", "accountTag/team": "core", "costCategory/project": "P"},)
    ]
