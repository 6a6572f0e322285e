"""The legacy report: its folders, and its columns as maps."""

from __future__ import annotations

import json
from decimal import Decimal
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from finops.sources.aws_cur import snake

from .house import T0, House, at, cur, legacy, write_csv

MONTH = "20260901-20261001"


def deliver(root: Path, costs: list[str], assembly: str = "", report: str = "rep", when: float = T0) -> list[Path]:
    """A month of one file for each cost, in AWS's layout; returns the files."""
    folder = root / MONTH / assembly if assembly else root / MONTH
    files = [write_csv(folder / f"{report}-{i}.csv.gz", [legacy(cur(cost=cost))]) for i, cost in enumerate(costs, 1)]
    keys = [f"prefix/{root.name}/{file.relative_to(root).as_posix()}" for file in files]
    content = {"assemblyId": assembly, "reportKeys": keys, "bucket": "elsewhere", "reportName": report}
    for path in {root / MONTH / f"{report}-Manifest.json", folder / f"{report}-Manifest.json"}:
        path.write_text(json.dumps(content))
        at(path, when + 60)
    for file in files:
        at(file, when)
    return files


@pytest.fixture
def house(tmp_path: Path) -> House:
    return House(tmp_path, {"name": "aws", "kind": "aws-cur1", "uri": "bucket", "export": "rep"})


@pytest.mark.parametrize("assembly", ["", "0f3c-assembly"])
def test_a_month_with_and_without_assembly_folder(tmp_path: Path, house: House, assembly: str) -> None:
    deliver(tmp_path / "bucket", ["1.5", "2.5"], assembly)
    assert house.ok().total() == 4


def test_assemblies_of_one_month_count_once(tmp_path: Path, house: House) -> None:
    deliver(tmp_path / "bucket", ["1"], "first")
    assert house.ok().total() == 1
    deliver(tmp_path / "bucket", ["5"], "second", when=T0 + 100)
    assert house.ok().total() == 5
    assert house.sql("SELECT billing_period, unit FROM ledger.loads WHERE status = 'current'") == [
        ("2026-09", "2026-09")
    ]


def test_a_file_that_the_manifest_names_in_two_buckets_counts_once(tmp_path: Path, house: House) -> None:
    deliver(tmp_path / "bucket", ["7"])
    path = tmp_path / "bucket" / MONTH / "rep-Manifest.json"
    path.write_text(json.dumps({"reportKeys": [f"{each}/{MONTH}/rep-1.csv.gz" for each in ("original", "replica")]}))
    at(path, T0 + 60)
    assert house.ok().total() == 7


def test_a_listed_file_is_missing(tmp_path: Path, house: House) -> None:
    files = deliver(tmp_path / "bucket", ["1", "2"])
    house.ok()
    files[1].unlink()
    at(tmp_path / "bucket" / MONTH / "rep-Manifest.json", T0 + 200)
    house.refused("not complete", "rep-2.csv.gz")
    assert house.total() == 3


@pytest.mark.parametrize(
    "content",
    [
        "{",
        "[" * 100_000,
        "{}",
        '{"reportKeys": []}',
        '{"reportKeys": ["x/y.csv"]}',
        f'{{"reportKeys": ["a/{MONTH}/../../x"]}}',
    ],
)
def test_a_bad_manifest(tmp_path: Path, house: House, content: str) -> None:
    deliver(tmp_path / "bucket", ["1"])
    house.ok()
    path = tmp_path / "bucket" / MONTH / "rep-Manifest.json"
    path.write_text(content)
    house.refused("manifest", "rep-Manifest.json")
    assert house.total() == 1


def test_two_reports_below_one_uri_must_be_told_apart(tmp_path: Path) -> None:
    deliver(tmp_path / "bucket", ["1"])
    deliver(tmp_path / "bucket", ["2"], report="other")
    source: dict[str, Any] = {"name": "aws", "kind": "aws-cur1", "uri": "bucket"}
    House(tmp_path, source).refused("two manifests", "export")
    assert House(tmp_path / "b", {**source, "uri": str(tmp_path / "bucket"), "export": "other"}).ok().total() == 2


def test_no_report(tmp_path: Path, house: House) -> None:
    (tmp_path / "bucket").mkdir()
    house.refused("no manifest", "'rep'")


def test_a_tag_in_two_cases_is_two_tags(tmp_path: Path) -> None:
    row = legacy(cur()) | {"resourceTags/user:Team": "A", "resourceTags/user:team": "b", "resourceTags/user:TEAM": ""}
    write_csv(tmp_path / "r.csv.gz", [row])
    house = House(tmp_path, {"name": "aws", "kind": "aws-cur1", "uri": "r.csv.gz"}).ok()
    assert house.sql("SELECT Tags, x_Team FROM focus.charges") == [({"user:Team": "A", "user:team": "b"}, "b")]


def test_product_columns_in_two_spellings_give_the_first(tmp_path: Path) -> None:
    row = legacy(cur()) | {"product/region": "eu-west-1", "product/Region": "Ireland", "product/ProductName": "EC2"}
    write_csv(tmp_path / "r.csv", [row])
    house = House(tmp_path, {"name": "aws", "kind": "aws-cur1", "uri": "r.csv"}).ok()
    assert house.sql("SELECT RegionId, ServiceName FROM focus.charges") == [("eu-west-1", "EC2")]


def test_a_legacy_report_in_parquet_has_its_tags(tmp_path: Path) -> None:
    row = cur() | {"resource_tags_user_team": "nlp", "product_product_name": "EC2", "product_region": "us-east-1"}
    row["line_item_unblended_cost"] = 0.1
    pq.write_table(pa.Table.from_pylist([row]), tmp_path / "r.parquet")
    house = House(tmp_path, {"name": "aws", "kind": "aws-cur1", "uri": "r.parquet"}).ok()
    assert house.sql("SELECT Tags, x_Team, ServiceName, RegionId, BilledCost FROM focus.charges") == [
        ({"user_team": "nlp"}, "nlp", "EC2", "us-east-1", Decimal("0.1"))
    ]


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("lineItem/UnblendedCost", "line_item_unblended_cost"),
        ("identity/LineItemId", "identity_line_item_id"),
        ("savingsPlan/SavingsPlanARN", "savings_plan_savings_plan_a_r_n"),
        ("reservation/ReservationARN", "reservation_reservation_a_r_n"),
        ("pricing/publicOnDemandCost", "pricing_public_on_demand_cost"),
        ("product/instanceType", "product_instance_type"),
        ("bill/PayerAccountId", "bill_payer_account_id"),
    ],
)
def test_columns_get_their_names_of_cur_2(old: str, new: str) -> None:
    assert snake(old) == new
