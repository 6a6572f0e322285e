"""AWS Data Exports: which files make up a period, and rows that come in odd shapes."""

from __future__ import annotations

import json
import shutil
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from .house import T0, House, at, cur, focus, manifest, write_csv

SOURCE = {"name": "aws", "kind": "aws-cur2", "uri": "bucket", "export": "ml"}


@pytest.fixture
def root(tmp_path: Path) -> Path:
    return tmp_path / "bucket"


@pytest.fixture
def house(tmp_path: Path) -> House:
    return House(tmp_path, SOURCE)


def data(root: Path, name: str, period: str = "2026-09", key: str = "BILLING_PERIOD") -> Path:
    return root / "ml" / "data" / f"{key}={period}" / name


def parquet(path: Path, rows: list[dict[str, Any]], schema: pa.Schema | None = None, **options: Any) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    pq.write_table(pa.Table.from_pylist(rows, schema=schema), path, **options)
    return path


@pytest.mark.parametrize("key", ["BILLING_PERIOD", "billing_period", "Billing_Period"])
@pytest.mark.parametrize("uri", ["bucket", "file://{root}", "{root}"])
def test_a_period_in_either_case_under_any_uri(tmp_path: Path, root: Path, key: str, uri: str) -> None:
    files = [
        write_csv(data(root, f"ml-0000{i}.csv.gz", key=key), [cur(cost=f"{i}.25"), cur(cost="-0.25")]) for i in (1, 2)
    ]
    manifest(root, files, key=key)
    house = House(tmp_path, {**SOURCE, "uri": uri.format(root=root)}).ok()
    assert house.total() == Decimal("3.00")
    assert house.sql("SELECT source, billing_period, row_count, status FROM ledger.loads") == [
        ("aws", "2026-09", 4, "current")
    ]


def test_periods_in_both_cases_of_the_partition_key_within_one_export(root: Path, house: House) -> None:
    october = {"bill_billing_period_start_date": "2026-10-01", "bill_billing_period_end_date": "2026-11-01"}
    manifest(root, [write_csv(data(root, "ml-1.csv.gz"), [cur(cost="7")])])
    file = write_csv(data(root, "ml-1.csv.gz", "2026-10", key="billing_period"), [cur(cost="5", **october)])
    manifest(root, [file], period="2026-10", key="billing_period")
    house.ok()
    assert house.sql("SELECT billing_period, billed_total FROM ledger.loads ORDER BY 1") == [
        ("2026-09", Decimal(7)),
        ("2026-10", Decimal(5)),
    ]


def test_three_full_copies_of_a_month_count_once(root: Path, house: House) -> None:
    for day in (1, 2, 3):
        run = f"2026-09-0{day}T00:00:00Z-run{day}"
        file = write_csv(data(root, f"{run}/ml-00001.csv.gz"), [cur(cost=str(day))])
        path = manifest(root, [file], when=T0 + day)
        own = path.parent / run / path.name
        own.parent.mkdir()
        shutil.copy2(path, own)  # every run keeps a copy of its manifest one folder deeper
    assert house.ok().total() == 3


def test_a_manifest_of_one_execution_is_no_period_s(root: Path, house: House) -> None:
    path = manifest(root, [write_csv(data(root, "ml-00001.csv.gz"), [cur(cost="7")])])
    own = path.parent / "2026-09-01T00:00:00Z-run1" / path.name
    own.parent.mkdir()
    own.write_text("{}")
    at(own, T0 + 600)
    assert house.ok().total() == 7


def test_a_sibling_focus_manifest_is_ignored(root: Path, house: House) -> None:
    path = manifest(root, [write_csv(data(root, "ml-00001.csv.gz"), [cur(cost="7")])])
    path.with_name("ml-Manifest-FOCUS.json").write_text("{}")
    assert house.ok().total() == 7


def test_a_plain_manifest_is_accepted(root: Path, house: House) -> None:
    path = manifest(root, [write_csv(data(root, "ml-00001.csv.gz"), [cur(cost="7")])])
    path.rename(path.with_name("Manifest.json"))
    assert house.ok().total() == 7


def test_a_replica_s_manifest_names_the_original_bucket(root: Path, house: House) -> None:
    manifest(root, [write_csv(data(root, "ml-00001.csv.gz"), [cur(cost="7")])], bucket="s3://original/other/prefix")
    assert house.ok().total() == 7


def test_an_orphan_chunk_is_not_read(root: Path, house: House) -> None:
    first, second = (write_csv(data(root, f"ml-0000{i}.csv.gz"), [cur(cost="1")]) for i in (1, 2))
    manifest(root, [first, second])
    assert house.ok().total() == 2
    manifest(root, [first], when=T0 + 90)  # the month shrank to one chunk, and the other stays behind
    assert house.ok().total() == 1


def test_a_file_that_the_manifest_names_twice_counts_once(root: Path, house: House) -> None:
    file = write_csv(data(root, "ml-00001.csv.gz"), [cur(cost="7")])
    manifest(root, [file, file])
    assert house.ok().total() == 7


def test_a_file_that_the_manifest_names_in_two_buckets_counts_once(root: Path, house: House) -> None:
    file = parquet(data(root, "ml-00001.parquet"), [cur(cost="7")])
    path = manifest(root, [file])
    names = [f"s3://{bucket}/ml/data/BILLING_PERIOD=2026-09/ml-00001.parquet" for bucket in ("original", "replica")]
    path.write_text(json.dumps({"dataFiles": names}))
    at(path, T0 + 60)
    assert house.ok().total() == 7


def test_a_file_that_two_periods_name_counts_in_its_own(root: Path, house: House) -> None:
    file = write_csv(data(root, "ml-00001.csv.gz"), [cur(cost="7")])
    manifest(root, [file])
    manifest(root, [file], period="2026-10")
    house.refused("2026-09 in 2026-10", "manifest")
    assert house.total() == 7


@pytest.mark.parametrize("column", ["line_item_usage_start_date", "line_item_usage_end_date"])
@pytest.mark.parametrize("date", ["infinity", "-infinity", "9999-12-31", "0001-01-01", "2099-01-01"])
def test_a_date_that_no_charge_of_a_bill_can_have(root: Path, house: House, column: str, date: str) -> None:
    manifest(root, [write_csv(data(root, "ml-1.csv.gz"), [cur(), cur(**{column: date})])])
    house.refused("dates", "1 rows", "2026-09")
    assert house.total() is None


def loaded(root: Path, house: House) -> Path:
    """A house that has loaded 7, of which the next delivery will be bad."""
    file = write_csv(data(root, "ml-00001.csv.gz"), [cur(cost="7")])
    manifest(root, [file])
    assert house.ok().total() == 7
    return file


def still_stands(house: House) -> None:
    assert house.total() == 7
    assert house.sql("SELECT row_count, billed_total FROM ledger.loads WHERE status = 'current'") == [(1, Decimal(7))]


@pytest.mark.parametrize(
    ("content", "word"),
    [
        pytest.param("{not json", "not the JSON", id="invalid JSON"),
        pytest.param("", "not the JSON", id="empty"),
        pytest.param("[" * 100_000, "not the JSON", id="deeper than any"),
        pytest.param("[]", "not the JSON", id="a list"),
        pytest.param("{}", "not the JSON", id="no key"),
        pytest.param('{"dataFiles": null}', "not the JSON", id="null"),
        pytest.param('{"dataFiles": [{}]}', "not the JSON", id="objects"),
        pytest.param('{"dataFiles": []}', "no data files", id="no data files"),
        pytest.param('{"dataFiles": ["s3://b/p/other/data/x.csv"]}', "outside", id="another export"),
        pytest.param('{"dataFiles": ["s3://b/p/ml/data/../../../etc/passwd"]}', "outside", id="climbs out"),
    ],
)
def test_a_bad_manifest_leaves_the_old_charges(root: Path, house: House, content: str, word: str) -> None:
    loaded(root, house)
    path = root / "ml" / "metadata" / "BILLING_PERIOD=2026-09" / "ml-Manifest.json"
    path.write_text(content)
    house.refused(word, "ml-Manifest.json")
    still_stands(house)


def test_a_listed_file_is_missing(root: Path, house: House) -> None:
    file = loaded(root, house)
    other = write_csv(data(root, "ml-00002.csv.gz"), [cur(cost="9")])  # there, but not named: no fallback to it
    manifest(root, [file, other.with_name("ml-00003.csv.gz")], when=T0 + 90)
    house.refused("not complete", "ml-00003.csv.gz", "2026-09")
    still_stands(house)


def test_data_younger_than_its_manifest(root: Path, house: House) -> None:
    file = loaded(root, house)
    manifest(root, [file], when=T0 + 90)
    at(file, T0 + 120)
    house.refused("not complete", "ml-00001.csv.gz", "newer")
    still_stands(house)


def test_two_manifests_of_one_period(root: Path, house: House) -> None:
    file = loaded(root, house)
    manifest(root, [file], key="billing_period")
    house.refused("two manifests", "2026-09")
    still_stands(house)


def test_no_manifest(root: Path, house: House) -> None:
    root.mkdir()
    house.refused("no manifest", "'ml'")


def test_no_folder(house: House) -> None:
    house.refused("no such file or folder")


def test_one_bad_period_leaves_the_others_alone(root: Path, house: House) -> None:
    manifest(root, [write_csv(data(root, "ml-1.csv.gz"), [cur(cost="7")])])
    october = {"bill_billing_period_start_date": "2026-10-01", "bill_billing_period_end_date": "2026-11-01"}
    file = write_csv(data(root, "ml-1.csv.gz", "2026-10"), [cur(kind="FlatRateSubscription", **october)])
    manifest(root, [file], period="2026-10")
    house.refused("FlatRateSubscription", "2026-10")
    still_stands(house)


def test_an_unknown_line_type_is_named_with_its_count_and_sum(root: Path, house: House) -> None:
    loaded(root, house)
    rows = [cur(), cur("FlatRateSubscription", "20.5"), cur("FlatRateSubscription", "-0.25")]
    manifest(root, [write_csv(data(root, "ml-00001.csv.gz"), rows)], when=T0 + 90)
    house.refused("'FlatRateSubscription': 2 rows", "20.25")
    still_stands(house)
    assert house.sql("SELECT count(*) FROM ledger.loads WHERE status = 'rejected' AND reason LIKE '%FlatRate%'") == [
        (1,)
    ]


def replace(root: Path, house: House, change: Any) -> None:
    """Bring a bad file as the next version of the month."""
    file = loaded(root, house)
    change(file)
    manifest(root, [file], when=T0 + 90)


def test_a_truncated_gzip(root: Path, house: House) -> None:
    def cut(file: Path) -> None:
        write_csv(file, [cur(cost=str(i)) for i in range(500)])
        file.write_bytes(file.read_bytes()[:-20])

    replace(root, house, cut)
    house.refused("cut off", "ml-00001.csv.gz")
    still_stands(house)


def test_a_gzip_that_is_none(root: Path, house: House) -> None:
    replace(root, house, lambda file: file.write_bytes(b"plain"))
    house.refused("gzip", "ml-00001.csv.gz")
    still_stands(house)


@pytest.mark.parametrize("content", [b"", b"PAR1", b"\0" * 400])
def test_a_damaged_parquet(root: Path, house: House, content: bytes) -> None:
    loaded(root, house)
    file = data(root, "ml-00001.snappy.parquet")
    file.write_bytes(content)
    manifest(root, [file], when=T0 + 90)
    house.refused("damaged", "ml-00001.snappy.parquet")
    still_stands(house)


def test_a_truncated_parquet(root: Path, house: House) -> None:
    loaded(root, house)
    file = parquet(data(root, "ml-00001.snappy.parquet"), [cur(cost=str(i)) for i in range(100)])
    file.write_bytes(file.read_bytes()[:-30])
    manifest(root, [file], when=T0 + 90)
    house.refused("damaged")
    still_stands(house)


@pytest.mark.parametrize("kind", ["csv", "parquet"])
def test_an_export_without_rows(root: Path, house: House, kind: str) -> None:
    loaded(root, house)
    if kind == "csv":
        file = write_csv(data(root, "ml-00001.csv.gz"), [], columns=cur())
    else:
        schema = pa.schema([(name, pa.string()) for name in cur()])
        file = parquet(data(root, "ml-00001.snappy.parquet"), [], schema)
    manifest(root, [file], when=T0 + 90)
    house.refused("empty", "2026-09")
    still_stands(house)


def test_other_columns(root: Path, house: House) -> None:
    replace(root, house, lambda file: write_csv(file, [{"a": "1", "b": "2"}]))
    house.refused("other columns", "line_item_unblended_cost", "kind")
    still_stands(house)


@pytest.mark.parametrize(
    ("column", "value"),
    [
        ("line_item_usage_start_date", "soon"),
        ("line_item_usage_start_date", "2026-13-45"),
        ("line_item_unblended_cost", "seven"),
        ("line_item_unblended_cost", "NaN"),
        ("line_item_unblended_cost", "1e40"),
    ],
)
def test_an_unreadable_value(root: Path, house: House, column: str, value: str) -> None:
    replace(root, house, lambda file: write_csv(file, [cur(), cur(**{column: value})]))
    house.refused("damaged" if value != "1e40" else "", "2026-09")
    still_stands(house)


@pytest.mark.parametrize("column", ["line_item_unblended_cost", "line_item_currency_code", "bill_payer_account_id"])
def test_a_missing_value_that_no_charge_may_lack(root: Path, house: House, column: str) -> None:
    replace(root, house, lambda file: write_csv(file, [cur(), {**cur(), column: ""}]))
    house.refused("2026-09")
    still_stands(house)


def test_mixed_formats_in_one_delivery(root: Path, house: House) -> None:
    loaded(root, house)
    files = [data(root, "ml-00001.csv.gz"), parquet(data(root, "ml-00002.parquet"), [cur()])]
    manifest(root, files, when=T0 + 90)
    house.refused("mixes file formats")
    still_stands(house)


def test_the_same_version_is_no_work_and_a_new_one_replaces_the_whole_period(root: Path, house: House) -> None:
    file = loaded(root, house)
    house.ok()
    assert [each.rows for each in house.loaded] == [None]
    write_csv(file, [cur(cost="3"), cur(cost="5")])
    manifest(root, [file], when=T0 + 90)
    assert house.ok().total() == 8
    assert house.sql("SELECT status, billed_total FROM ledger.loads ORDER BY loaded_at") == [
        ("superseded", Decimal(7)),
        ("current", Decimal(8)),
    ]


def test_columns_that_come_and_go_between_chunks(root: Path, house: House) -> None:
    files = [
        parquet(data(root, "ml-1.parquet"), [cur(cost="1")]),
        parquet(data(root, "ml-2.parquet"), [cur(cost="2", line_item_resource_id="i-1", new_column="x")]),
    ]
    manifest(root, files)
    house.ok()
    assert house.sql("SELECT BilledCost, ResourceId FROM focus.charges ORDER BY 1") == [
        (Decimal(1), None),
        (Decimal(2), "i-1"),
    ]


def test_a_cost_that_is_text_in_one_chunk_and_a_double_in_the_next(root: Path, house: House) -> None:
    def cost(value: Any) -> dict[str, Any]:
        return {**cur(), "line_item_unblended_cost": value}

    # 0.1 + 0.2 in binary is not 0.3; 1.2E-7 is how a double of that size is written
    files = [
        parquet(data(root, "ml-1.parquet"), [cost("0.1"), cost("1.2E-7")]),
        parquet(data(root, "ml-2.parquet"), [cost(0.2), cost(1.2e-7), cost(-3.0)]),
    ]
    manifest(root, files)
    assert house.ok().total() == Decimal("-2.69999976")


MAPS = pa.map_(pa.string(), pa.string())


def test_null_and_empty_maps_and_tags_that_differ_by_case(root: Path, house: House) -> None:
    schema = pa.schema([*((name, pa.string()) for name in cur()), ("resource_tags", MAPS), ("product", MAPS)])
    rows = [
        cur(cost="1", resource_tags=None, product=None),
        cur(cost="2", resource_tags=[], product=[]),
        cur(cost="3", resource_tags=[("user_Team", "A"), ("user_team", "b")], product=[("region", "eu-west-1")]),
    ]
    manifest(root, [parquet(data(root, "ml-1.parquet"), rows, schema)])
    house.ok()
    assert house.sql("SELECT Tags, x_Team, RegionId FROM focus.charges ORDER BY BilledCost") == [
        (None, None, None),
        ({}, None, None),
        ({"user_Team": "A", "user_team": "b"}, "b", "eu-west-1"),
    ]


def test_a_map_with_a_key_twice_multiplies_nothing(root: Path, house: House) -> None:
    schema = pa.schema([*((name, pa.string()) for name in cur()), ("resource_tags", MAPS)])
    rows = [cur(cost="3", resource_tags=[("user_team", "a"), ("user_team", "b")])]
    manifest(root, [parquet(data(root, "ml-1.parquet"), rows, schema)])
    house.ok()
    assert house.sql("SELECT count(*), sum(BilledCost), any_value(x_Team) FROM focus.charges") == [(1, Decimal(3), "a")]


def test_account_ids_keep_their_zeros(root: Path, house: House) -> None:
    manifest(root, [write_csv(data(root, "ml-1.csv.gz"), [cur()])])
    house.ok()
    assert house.sql("SELECT BillingAccountId, SubAccountId FROM focus.charges") == [("000011112222", "001122223333")]


@pytest.mark.parametrize("kind", ["text", "naive text", "naive", "utc", "int96"])
def test_times_are_utc_in_whatever_type_and_session(
    root: Path, house: House, monkeypatch: pytest.MonkeyPatch, kind: str
) -> None:
    monkeypatch.setenv("TZ", "America/Los_Angeles")
    start = datetime(2026, 9, 2, tzinfo=UTC)
    value: Any = {"text": "2026-09-02T00:00:00.000Z", "naive text": "2026-09-02 00:00:00"}.get(kind)
    if value is None:
        value = start if kind == "utc" else start.replace(tzinfo=None)
    options = {"use_deprecated_int96_timestamps": True} if kind == "int96" else {}
    rows = [{**cur(), "line_item_usage_start_date": value}]
    manifest(root, [parquet(data(root, "ml-1.parquet"), rows, **options)])
    house.ok()
    assert house.sql("SELECT ChargePeriodStart FROM focus.charges")[0][0].astimezone(UTC) == start


def test_hostile_texts_are_only_texts(root: Path, house: House) -> None:
    texts = [
        "'); DROP TABLE focus.charges; --",
        'quote " and, comma',
        "two\nlines",
        "\\N",
        "${HOME}",
        "=cmd()",
        "naïve 😀",
    ]
    rows = [cur(cost="1", line_item_line_item_description=text, line_item_resource_id=text) for text in texts]
    tags = json.dumps({text: text for text in texts})
    rows += [cur(cost="1", line_item_line_item_description="tags", resource_tags=tags)]
    manifest(root, [write_csv(data(root, "ml-1.csv.gz"), rows)])
    assert house.ok().total() == len(texts) + 1
    found = [text for (text,) in house.sql("SELECT ResourceId FROM focus.charges WHERE ResourceId IS NOT NULL")]
    assert sorted(found) == sorted(texts)
    assert house.sql("SELECT Tags FROM focus.charges WHERE Tags IS NOT NULL") == [({text: text for text in texts},)]


def test_a_hundred_tags_on_a_row_multiply_nothing(root: Path, house: House) -> None:
    tags = {f"user_tag{i}": f"value {i}" for i in range(100)}
    manifest(root, [write_csv(data(root, "ml-1.csv.gz"), [cur(cost="2.5", resource_tags=json.dumps(tags))])])
    house.ok()
    assert house.sql("SELECT BilledCost, cardinality(Tags) FROM focus.charges") == [(Decimal("2.5"), 100)]


def test_a_focus_export_in_the_same_layout(tmp_path: Path, root: Path) -> None:
    manifest(
        root, [write_csv(data(root, "ml-1.csv.gz"), [focus("1.5", ProviderName="AWS", x_ServiceCode="AmazonEC2")])]
    )
    house = House(tmp_path, {**SOURCE, "kind": "aws-focus"}).ok()
    assert house.sql("SELECT BilledCost, ProviderName, x_ServiceCode FROM focus.charges") == [
        (Decimal("1.5"), "AWS", "AmazonEC2")
    ]


def test_keys_with_spaces_and_equal_signs(tmp_path: Path) -> None:
    root = tmp_path / "my bucket=x"
    manifest(root, [write_csv(data(root, "a b=c ü.csv.gz"), [cur(cost="4")])])
    assert House(tmp_path, {**SOURCE, "uri": str(root)}).ok().total() == 4


def test_two_payers_and_two_currencies_stay_apart(root: Path, house: House) -> None:
    rows = [cur(cost="1"), cur(cost="2", bill_payer_account_id="9", line_item_currency_code="CNY")]
    manifest(root, [write_csv(data(root, "ml-1.csv.gz"), rows)])
    house.ok()
    assert house.sql(
        "SELECT BillingAccountId, BillingCurrency, BilledCost, x_BilledCostReporting FROM focus.charges ORDER BY 3"
    ) == [("000011112222", "USD", Decimal(1), Decimal(1)), ("9", "CNY", Decimal(2), None)]
