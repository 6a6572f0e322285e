"""Google's export as files: formats, partitions, credits, labels, and the native FOCUS export."""

from __future__ import annotations

import json
import shutil
from datetime import UTC, date, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import polars as pl
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from .house import House, google, write_csv, write_lines

SAMPLES = Path(__file__).parent / "samples"
NATIVE = Path(__file__).parents[2] / "fixtures" / "real" / "gcp_focus"


@pytest.fixture
def house(tmp_path: Path) -> House:
    return House(tmp_path, {"name": "gcp", "kind": "gcp-files", "uri": "export"})


def day(tmp_path: Path, number: int, name: str = "part-0.jsonl") -> Path:
    return tmp_path / "export" / f"_PARTITIONDATE=2026-09-0{number}" / name


def credit(amount: Any, kind: str = "DISCOUNT", **more: Any) -> dict[str, Any]:
    return {"name": "c", "amount": amount, "full_name": "credit", "id": "1", "type": kind, **more}


def test_partitions_are_replaced_whole(tmp_path: Path, house: House) -> None:
    write_lines(day(tmp_path, 1), [google(1), google(1)])  # identical rows are legitimate
    write_lines(day(tmp_path, 2), [google(5)])
    write_lines(day(tmp_path, 2, "part-1.jsonl"), [google(5)])
    assert house.ok().total() == 12
    day(tmp_path, 2, "part-1.jsonl").unlink()
    write_lines(day(tmp_path, 2), [google(6)])
    assert house.ok().total() == 8
    assert sum(each.rows is not None for each in house.loaded) == 1  # the other partition was no work
    assert house.sql("SELECT unit, billed_total FROM ledger.loads WHERE status = 'current' ORDER BY unit") == [
        ("_PARTITIONDATE=2026-09-01", Decimal(2)),
        ("_PARTITIONDATE=2026-09-02", Decimal(6)),
    ]


def test_an_old_partition_that_grows_by_a_shard(tmp_path: Path, house: House) -> None:
    write_lines(day(tmp_path, 1), [google(1)])
    house.ok()
    write_lines(day(tmp_path, 1, "part-1.jsonl"), [google(2)])
    assert house.ok().total() == 3


def test_a_removed_file_is_withdrawn_and_a_changed_one_is_a_new_version(tmp_path: Path, house: House) -> None:
    root = tmp_path / "export"
    write_lines(root / "a.jsonl", [google(1)])
    write_lines(root / "b.jsonl", [google(2)])
    assert house.ok().total() == 3
    (root / "b.jsonl").unlink()
    write_lines(root / "a.jsonl", [google(1), google(7)])
    assert house.ok().total() == 8
    assert house.sql("SELECT unit FROM ledger.units") == [("a.jsonl",)]


def test_a_folder_that_is_emptied_is_an_error_and_withdraws_nothing(tmp_path: Path, house: House) -> None:
    path = write_lines(tmp_path / "export" / "a.jsonl", [google(1)])
    house.ok()
    path.unlink()
    house.refused("no file that ends in")
    assert house.total() == 1


def test_an_empty_shard_and_an_empty_day(tmp_path: Path, house: House) -> None:
    write_lines(day(tmp_path, 1), [google(4)])
    write_lines(day(tmp_path, 1, "part-1.jsonl"), [])
    write_lines(day(tmp_path, 2), [])
    assert house.ok().total() == 4


def test_a_file_without_rows_is_an_error(tmp_path: Path, house: House) -> None:
    write_lines(tmp_path / "export" / "a.jsonl", [])
    house.refused("the export is empty", "a.jsonl")


def test_numbers_as_text_and_times_with_a_zone(tmp_path: Path, house: House) -> None:
    rows = [google("1.2E-7"), google("0.1", price={"list_price": "0.123456789012345678"}), google(0.2), google(-0.3)]
    write_lines(tmp_path / "export" / "a.jsonl", rows)
    assert house.ok().total() == Decimal("0.00000012")
    ((start, end),) = house.sql("SELECT DISTINCT ChargePeriodStart, ChargePeriodEnd FROM focus.charges")
    assert start.astimezone(UTC) == datetime(2026, 9, 2, tzinfo=UTC)
    assert end.astimezone(UTC) == datetime(2026, 9, 2, 1, tzinfo=UTC)


def test_several_credits_do_not_multiply_a_row(tmp_path: Path, house: House) -> None:
    given = [credit(-0.1), credit(-0.2, "PROMOTION"), credit("-1.5E-7", "FREE_TIER")]
    rows = [google(10, credits=given), google(1, credits=[]), google(2, credits=None)]
    write_lines(tmp_path / "export" / "a.jsonl", rows)
    house.ok()
    assert house.sql("SELECT BilledCost, EffectiveCost, ListCost, len(x_Credits) FROM focus.charges ORDER BY 1") == [
        (Decimal(1), Decimal(1), Decimal(1), 0),
        (Decimal(2), Decimal(2), Decimal(2), None),
        (Decimal("9.69999985"), Decimal("9.69999985"), Decimal(10), 3),
    ]


def test_a_key_on_project_resource_and_system_is_one_tag(tmp_path: Path, house: House) -> None:
    def pair(value: str) -> dict[str, str]:
        return {"key": "team", "value": value}

    tags = [
        {**pair("direct"), "inherited": False, "namespace": "1"},
        {**pair("inherited"), "inherited": True, "namespace": "1"},
    ]
    rows = [
        google(1, labels=[pair("resource")], tags=tags, project={"id": "p", "labels": [pair("project")]}),
        google(2, tags=tags, project={"id": "p", "labels": [pair("project")]}),
        google(3, project={"id": "p", "labels": [pair("project"), {"key": "a'b\"c", "value": "'); DROP TABLE x"}]}),
    ]
    write_lines(tmp_path / "export" / "a.jsonl", rows)
    house.ok()
    assert house.sql("SELECT Tags, x_Team FROM focus.charges ORDER BY BilledCost") == [
        ({"team": "resource"}, "resource"),
        ({"team": "direct"}, "direct"),
        ({"team": "project", "a'b\"c": "'); DROP TABLE x"}, "project"),
    ]


def test_a_pod_s_labels_name_its_team_after_the_resource_s_own(tmp_path: Path, house: House) -> None:
    def pod(*labels: tuple[str, str]) -> list[dict[str, str]]:
        return [{"key": key, "value": value} for key, value in labels]

    rows = [
        google(1, labels=pod(("k8s-label/team", "nlp"), ("k8s-label/ml-stage", "training"))),
        google(2, labels=pod(("k8s-label/team", "nlp"), ("team", "platform"))),
    ]
    write_lines(tmp_path / "export" / "a.jsonl", rows)
    house.ok()
    assert house.sql("SELECT x_Team, x_MlStage FROM focus.charges ORDER BY BilledCost") == [
        ("nlp", "training"),
        ("platform", "unattributed"),
    ]


@pytest.mark.parametrize(
    ("text", "unit", "quantity", "hours"),
    [
        ("Nvidia H100 80GB GPU running in Americas", "hour", 2, 2),
        ("A4 Nvidia B200 (8 gpu slices) running in Americas", "hour", 2, 16),
        ("Nvidia H100 80GB GPU running in Americas", "gibibyte month", 2, None),
        ("Commitment v1: Nvidia H100 80GB GPU in Americas for 1 Year", "hour", 2, None),
    ],
)
def test_gpu_hours_are_hours(
    tmp_path: Path, house: House, text: str, unit: str, quantity: int, hours: int | None
) -> None:
    usage = {"amount": 7200, "unit": "seconds", "amount_in_pricing_units": quantity, "pricing_unit": unit}
    write_lines(tmp_path / "export" / "a.jsonl", [google(1, sku={"id": "G", "description": text}, usage=usage)])
    house.ok()
    assert house.sql("SELECT x_GpuHours FROM focus.charges") == [(hours,)]


def test_more_byte_seconds_than_a_quantity_has_digits_are_unknown_and_stop_nothing(
    tmp_path: Path, house: House
) -> None:
    usage = {"amount": 1.5e20, "unit": "byte-seconds", "amount_in_pricing_units": 50, "pricing_unit": "gibibyte month"}
    write_lines(tmp_path / "export" / "a.jsonl", [google(1, usage=usage)])
    house.ok()
    columns = "ConsumedQuantity, ConsumedUnit, PricingQuantity, PricingUnit"
    assert house.sql(f"SELECT {columns} FROM focus.charges") == [(None, None, 50, "GiB-Months")]


def test_tax_without_a_project_and_rounding_without_a_sku(tmp_path: Path, house: House) -> None:
    rows = [
        google("0.7", cost_type="tax", project=None, sku=None),
        google("-0.000001", cost_type="rounding_error", project=None, service=None, sku=None),
    ]
    write_lines(tmp_path / "export" / "a.jsonl", rows)
    assert house.ok().total() == Decimal("0.699999")
    assert house.sql("SELECT ChargeCategory, ChargeClass FROM focus.charges ORDER BY BilledCost") == [
        ("Adjustment", None),
        ("Tax", None),
    ]


def test_only_what_corrects_an_earlier_invoice_is_a_correction(tmp_path: Path, house: House) -> None:
    def corrected(cost: int, kind: str, start: str, invoice: str) -> dict[str, Any]:
        given = {"usage_start_time": f"{start}:00:00 UTC", "invoice": {"month": invoice}}
        return google(cost, adjustment_info={"type": kind, "description": "late"}, **given)

    rows = [
        corrected(1, "USAGE_CORRECTION", "2026-09-02 00", "202609"),
        corrected(2, "PRICE_CORRECTION", "2026-09-02 00", "202610"),
        corrected(3, "METADATA_CORRECTION", "2026-10-01 06", "202610"),  # in California it is still September
        corrected(4, "USAGE_CORRECTION", "2026-10-01 07", "202610"),
        corrected(5, "USAGE_CORRECTION", "2026-12-01 07", "202612"),  # and in winter for an hour longer
        corrected(6, "USAGE_CORRECTION", "2026-12-01 08", "202612"),
        corrected(7, "GOODWILL", "2026-09-02 00", "202610"),
    ]
    write_lines(tmp_path / "export" / "a.jsonl", rows)
    house.ok()
    found = house.sql("SELECT BilledCost::INT, ChargeCategory, ChargeClass FROM focus.charges ORDER BY 1")
    assert [cost for cost, _, kind in found if kind == "Correction"] == [2, 3, 5]
    assert found[-1] == (7, "Credit", None)


def test_late_usage_belongs_to_the_invoice_that_bills_it(tmp_path: Path, house: House) -> None:
    write_lines(tmp_path / "export" / "a.jsonl", [google(1, invoice={"month": "202610"})])
    house.ok()
    assert house.sql("SELECT strftime(BillingPeriodStart, '%Y-%m-%d'), x_InvoiceMonth FROM focus.charges") == [
        ("2026-10-01", "2026-10")
    ]


def test_a_new_field_is_passed_over_and_an_old_row_lacks_some(tmp_path: Path, house: House) -> None:
    old = {name: value for name, value in google(1).items() if name not in {"tags", "system_labels", "credits"}}
    new = google(2, brand_new={"x": 1}, service={"id": "1", "description": "S", "new": 3})
    write_lines(tmp_path / "export" / "a.jsonl", [old, new])
    assert house.ok().total() == 3


@pytest.mark.parametrize(
    ("row", "word"),
    [
        (google("x"), "a.jsonl"),
        (google(1, usage_start_time="soon"), "a.jsonl"),
        (google(1, credits="none"), "a.jsonl"),
        (google(1, invoice={"month": "2026-09"}), "a.jsonl"),
        (google(1, invoice=None), "a.jsonl"),
        (google(None), "BilledCost in 1 rows"),
        (google(1, cost_type="surprise"), "'surprise': 1 rows, sum 1"),
        (google(1, currency=None), "BillingCurrency in 1 rows"),
    ],
)
def test_a_bad_row_leaves_the_old_charges(tmp_path: Path, house: House, row: dict[str, Any], word: str) -> None:
    path = write_lines(tmp_path / "export" / "a.jsonl", [google(7)])
    house.ok()
    write_lines(path, [google(1), row])
    house.refused(word)
    assert house.total() == 7


@pytest.mark.parametrize("text", ['{"cost": 1', "not json", "[1, 2]", "\0\0"])
def test_lines_that_are_no_json(tmp_path: Path, house: House, text: str) -> None:
    path = tmp_path / "export" / "a.jsonl"
    path.parent.mkdir()
    path.write_text(json.dumps(google(1)) + "\n" + text + "\n")
    house.refused("damaged", "a.jsonl")


def flat(row: dict[str, Any], *, dotted: bool) -> dict[str, Any]:
    """A row as CSV has it: nested values as JSON, or records as dotted columns."""
    out: dict[str, Any] = {}
    for name, value in row.items():
        if isinstance(value, dict) and dotted:
            out |= {
                f"{name}.{key}": json.dumps(each) if isinstance(each, list) else each for key, each in value.items()
            }
        else:
            out[name] = json.dumps(value) if isinstance(value, (dict, list)) else value
    return out


RICH = [
    google(
        "10.1",
        credits=[credit(-0.1), credit(-2)],
        labels=[{"key": "team", "value": 'q"uote, comma'}],
        project={"id": "p-1", "name": "one", "labels": [{"key": "env", "value": "prod"}]},
    ),
    google("1.2E-7"),
]
FIELDS = "BilledCost, Tags, ServiceName, SubAccountId, x_InvoiceMonth, len(x_Credits)"
EXPECTED = [
    (Decimal("0.00000012"), {}, "Compute Engine", "p-1", "2026-09", 0),
    (Decimal(8), {"team": 'q"uote, comma', "env": "prod"}, "Compute Engine", "p-1", "2026-09", 2),
]


@pytest.mark.parametrize("how", ["jsonl", "csv json", "csv dotted", "parquet", "parquet json", "avro"])
def test_one_bill_in_every_format(tmp_path: Path, house: House, how: str) -> None:
    root = tmp_path / "export"
    root.mkdir()
    kind = how.partition(" ")[0]
    if kind == "csv":
        write_csv(root / "a.csv", [flat(row, dotted=how == "csv dotted") for row in RICH])
    elif kind == "jsonl":
        write_lines(root / "a.jsonl", RICH)
    else:
        rows = [{**row, "cost": float(row["cost"])} for row in RICH]
        for row in rows:
            row["credits"] = [{**each, "amount": float(each["amount"])} for each in row["credits"]]
            del row["tags"], row["system_labels"]
        if how == "avro":
            pl.DataFrame(rows).write_avro(root / "a.avro")
        else:
            table = pa.Table.from_pylist([flat(row, dotted=False) for row in rows] if "json" in how else rows)
            pq.write_table(table, root / "a.parquet")
    house.ok()
    assert house.sql(f"SELECT {FIELDS} FROM focus.charges ORDER BY 1") == EXPECTED


def test_credits_that_are_spread_over_columns_are_refused(tmp_path: Path, house: House) -> None:
    row = flat(google(1), dotted=True)
    del row["credits"]
    write_csv(tmp_path / "export" / "a.csv", [row | {"credits.amount": "-0.5"}])
    house.refused("'credits' is spread over columns", "JSON")


@pytest.mark.parametrize("cell", ["-0.5", '{"amount": -0.5}', "[{", '[{"amount": "x"}]'])
def test_credits_that_are_no_list_are_never_passed_over(tmp_path: Path, house: House, cell: str) -> None:
    write_csv(tmp_path / "export" / "a.csv", [flat(google(1), dotted=False) | {"credits": cell}])
    house.refused("damaged", "a.csv")


def test_a_damaged_avro_file(tmp_path: Path, house: House) -> None:
    (tmp_path / "export").mkdir()
    (tmp_path / "export" / "a.avro").write_bytes(b"Obj\x01 and then nothing")
    house.refused("Avro", "a.avro")


@pytest.fixture
def native(tmp_path: Path, house: House) -> House:
    """Two months of the native FOCUS export, loaded: 1.123456789012345678 + 2, and 4 + 5 + 6."""
    shutil.copytree(NATIVE, tmp_path / "export")
    assert house.ok().total() == Decimal("18.123456789012345678")
    return house


def test_native_pages_keep_every_digit_and_their_labels(native: House) -> None:
    assert native.sql("SELECT Tags, x_Team, x_Credits[1].amount FROM focus.charges WHERE BilledCost < 2") == [
        ({"env": "prod", "team": "platform"}, "platform", Decimal("-0.5"))
    ]


def test_native_rows_as_lines_of_json(tmp_path: Path, house: House) -> None:
    row = {
        "BilledCost": "1.123456789012345678",
        "EffectiveCost": 1.5,
        "BillingAccountId": "010101-F0FFF0-61C528",
        "BillingCurrency": "USD",
        "BillingPeriodStart": "2026-06-01 00:00:00 UTC",
        "BillingPeriodEnd": "2026-06-30 00:00:00 UTC",
        "ChargePeriodStart": "2026-06-02 00:00:00 UTC",
        "ChargePeriodEnd": "2026-06-02 01:00:00 UTC",
        "ChargeCategory": "usage",
        "ServiceName": "BigQuery",
        "x_Labels": [{"Key": "team", "Value": "nlp"}],
        "x_Credits": [{"Name": "c", "Type": "PROMOTION", "Id": "1", "Amount": "-0.5"}],
    }
    write_lines(tmp_path / "export" / "a.jsonl", [row])
    assert house.ok().total() == Decimal("1.123456789012345678")
    assert house.sql(
        "SELECT x_Team, ServiceCategory, x_Credits[1].amount, BillingPeriodEnd::DATE FROM focus.charges"
    ) == [("nlp", "Analytics", Decimal("-0.5"), date(2026, 7, 1))]


def test_what_focus_demands_and_the_native_export_lacks(native: House) -> None:
    assert native.sql(
        "SELECT DISTINCT ChargeCategory, ChargeFrequency, PricingCategory FROM focus.charges ORDER BY 1"
    ) == [
        ("Adjustment", "One-Time", "Standard"),
        ("Tax", "One-Time", None),
        ("Usage", "Usage-Based", "Standard"),
    ]
    types = "SELECT DISTINCT ResourceType FROM focus.charges WHERE ResourceId LIKE '%/instances/%'"
    assert native.sql(types) == [("instance",)]


def test_a_native_month_restated(tmp_path: Path, native: House) -> None:
    # its two new rows, -4 and 2, correct an earlier month on this invoice
    shutil.copy(SAMPLES / "gcp_focus_restated_2026-06.json", tmp_path / "export" / "2026-06.json")
    assert native.ok().total() == Decimal("16.123456789012345678")
    assert native.sql(
        "SELECT sum(billed_delta) FROM ledger.changes WHERE known_at = (SELECT max(known_at) FROM ledger.changes)"
    ) == [(Decimal(-2),)]


def test_a_native_month_to_reject(tmp_path: Path, native: House) -> None:
    shutil.copy(SAMPLES / "gcp_focus_reject_2026-06.json", tmp_path / "export" / "2026-06.json")
    native.refused("BilledCost in 1 rows", "2026-06.json")
    assert native.total() == Decimal("18.123456789012345678")


def page(tmp_path: Path) -> tuple[Path, dict[str, Any]]:
    path = tmp_path / "export" / "2026-06.json"
    return path, json.loads(path.read_text())


def test_a_native_page_cut_off(tmp_path: Path, native: House) -> None:
    path, _ = page(tmp_path)
    path.write_text(path.read_text()[:-50])
    native.refused("not JSON", "2026-06.json")
    assert native.total() == Decimal("18.123456789012345678")


@pytest.mark.parametrize("row", [{"f": []}, {}, [], {"f": [{"v": "x"}] * 55}])
def test_a_native_row_that_does_not_fit_its_schema(tmp_path: Path, native: House, row: Any) -> None:
    path, content = page(tmp_path)
    content["rows"].append(row)
    path.write_text(json.dumps(content))
    native.refused("2026-06.json", "fit its schema")


def test_a_native_day_without_rows(tmp_path: Path, house: House) -> None:
    content = json.loads((NATIVE / "2026-06.json").read_text())
    del content["rows"]
    path = day(tmp_path, 1, "a.json")
    path.parent.mkdir(parents=True)
    path.write_text(json.dumps(content))
    shutil.copy(NATIVE / "2026-06.json", path.with_name("b.json"))
    assert house.ok().total() == 15


def test_the_native_and_the_other_export_of_one_account_are_not_added(tmp_path: Path) -> None:
    native = {"name": "native", "kind": "gcp-files", "uri": "native"}
    detailed = {"name": "detailed", "kind": "gcp-files", "uri": "detailed"}
    shutil.copytree(NATIVE, tmp_path / "native")
    account = "010101-F0FFF0-61C528"
    write_lines(tmp_path / "detailed" / "a.jsonl", [google(7, billing_account_id=account)])
    both = House(tmp_path, native, detailed)
    both.refused("comes in twice", account, "detailed", "native")
    assert both.total() == Decimal("18.123456789012345678")
    # another account is another bill
    write_lines(tmp_path / "detailed" / "a.jsonl", [google(7, billing_account_id="0X0X0X-0X0X0X-0X0X0X")])
    assert both.ok().total() == Decimal("25.123456789012345678")


def test_one_ingestion_day_from_two_sources_is_not_added(tmp_path: Path) -> None:
    sources = [{"name": name, "kind": "gcp-files", "uri": name} for name in ("detailed", "standard")]
    for name in ("detailed", "standard"):
        write_lines(tmp_path / name / "_PARTITIONDATE=2026-09-01" / "a.jsonl", [google(7)])
    both = House(tmp_path, *sources)
    both.refused("comes in twice", "same ingestion days", "detailed", "standard")
    assert both.total() == 7
    # what one source has until a day, another may go on with
    (tmp_path / "standard" / "_PARTITIONDATE=2026-09-01").rename(tmp_path / "standard" / "_PARTITIONDATE=2026-09-02")
    assert both.ok().total() == 14


def test_a_source_that_got_another_name_is_no_second_one(tmp_path: Path) -> None:
    write_lines(day(tmp_path, 1), [google(7)])
    House(tmp_path, {"name": "before", "kind": "gcp-files", "uri": "export"}).ok()
    after = House(tmp_path, {"name": "after", "kind": "gcp-files", "uri": "export"})
    assert after.ok().total() == 7
    assert after.sql("SELECT DISTINCT x_SourceSystem FROM focus.charges") == [("after",)]


def test_lines_of_the_export_that_speak_of_the_other_one(tmp_path: Path, house: House) -> None:
    """The export is told by the columns of its rows, not by what stands in them, nor by the first line alone."""
    path = write_lines(tmp_path / "export" / "a.jsonl", [google(7, labels=[{"key": "BilledCost", "value": "x"}])])
    path.write_text("\n \n" + path.read_text())
    assert house.ok().total() == 7


@pytest.mark.parametrize("content", [b"\xff\xfe{}\n", b'{"cost": 1, "x": "\xff"}\n', b"[1, 2]\n", b'"text"\n', b"5\n"])
def test_a_first_line_that_is_no_row(tmp_path: Path, house: House, content: bytes) -> None:
    (tmp_path / "export").mkdir()
    (tmp_path / "export" / "a.jsonl").write_bytes(content)
    house.refused("a.jsonl")


def test_one_export_takes_the_place_of_the_other(tmp_path: Path) -> None:
    shutil.copytree(NATIVE, tmp_path / "native")
    account = "010101-F0FFF0-61C528"
    write_lines(tmp_path / "detailed" / "a.jsonl", [google(7, billing_account_id=account)])
    House(tmp_path, {"name": "native", "kind": "gcp-files", "uri": "native"}).ok()
    after = House(tmp_path, {"name": "detailed", "kind": "gcp-files", "uri": "detailed"})
    assert after.ok().total() == 7
