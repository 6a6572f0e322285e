"""The simulated GCP export: its shape is the live table's, its money is the truth's."""

from __future__ import annotations

import hashlib
import json
from collections import Counter, defaultdict
from datetime import UTC, date, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import polars as pl
import pytest

from finops.simulator import fleet, gcp_export
from finops.simulator.company import nimbus
from finops.simulator.timeline import Timeline, timeline
from finops.simulator.truth import Written

UNTIL = date(2026, 10, 21)
SCHEMA = Path(__file__).with_name("gcp_export_schema.json")  # fields of a live table


def simulate(out: Path, months: int = 3, scale: float = 1.0, seed: int = 7) -> tuple[Written, Timeline]:
    line = timeline(months, UNTIL)
    return gcp_export.write(out, nimbus(), fleet.build(seed, line), line, seed, scale), line


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("gcp")


@pytest.fixture(scope="module")
def written(folder: Path) -> Written:
    return simulate(folder)[0]


@pytest.fixture(scope="module")
def rows(folder: Path, written: Written) -> pl.DataFrame:
    assert written.rows
    return pl.concat(pl.read_parquet(path) for path in sorted((folder / "gcp").rglob("*.parquet")))


def exact(value: float) -> Decimal:
    """A double as the decimal that it is written as."""
    return Decimal(repr(value))


def net(row: dict[str, Any]) -> Decimal:
    return exact(row["cost"]) + sum((exact(c["amount"]) for c in row["credits"] or []), Decimal(0))


def polars_type(field: dict[str, Any]) -> pl.DataType | type[pl.DataType]:
    simple = {
        "STRING": pl.String,
        "FLOAT": pl.Float64,
        "NUMERIC": pl.Decimal(38, 9),
        "TIMESTAMP": pl.Datetime("us", "UTC"),
        "BOOLEAN": pl.Boolean,
    }
    if field["type"] == "RECORD":
        inner: pl.DataType | type[pl.DataType] = pl.Struct({f["name"]: polars_type(f) for f in field["fields"]})
    else:
        inner = simple[field["type"]]
    return pl.List(inner) if field["mode"] == "REPEATED" else inner


def test_every_file_has_the_live_tables_columns_and_types(folder: Path, written: Written) -> None:
    expected = {f["name"]: polars_type(f) for f in json.loads(SCHEMA.read_text())}
    files = sorted((folder / "gcp").rglob("*.parquet"))
    assert len(files) == written.files
    assert all(dict(pl.read_parquet_schema(path)) == expected for path in files)


def test_partitions_are_the_days_of_export(folder: Path) -> None:
    for path in (folder / "gcp").rglob("*.parquet"):
        exported = pl.read_parquet(path, columns=["export_time"])["export_time"].dt.date()
        assert set(exported) <= {date.fromisoformat(path.parent.name.removeprefix("_PARTITIONDATE="))}


def test_each_row_is_a_charge_of_the_truth_and_the_invoices_agree(rows: pl.DataFrame, written: Written) -> None:
    found: defaultdict[tuple[str, str | None], Decimal] = defaultdict(Decimal)
    for row in rows.iter_rows(named=True):
        month, project = row["invoice"]["month"], row["project"]
        found[f"{month[:4]}-{month[4:]}", project["id"] if project else None] += net(row)
    charges = pl.DataFrame(written.charges)
    totals = charges.group_by("billing_period", "account").agg(pl.col("billed_cost").sum())
    assert charges.height == rows.height == written.rows
    assert {(period, account): cost for period, account, cost in totals.iter_rows()} == dict(found)
    assert charges["billed_cost"].equals(charges["effective_cost"])


def test_closed_invoices_are_whole_cents(written: Written) -> None:
    totals = pl.DataFrame(written.charges).group_by("billing_period").agg(pl.col("billed_cost").sum())
    closed = [cost for period, cost in totals.iter_rows() if period != "2026-10"]
    assert closed
    assert all(cost == round(cost, 2) for cost in closed)


def test_kinds_of_rows(rows: pl.DataFrame) -> None:
    by_type = {key[0]: part for key, part in rows.partition_by("cost_type", as_dict=True).items()}
    assert set(by_type) == {"regular", "tax", "adjustment", "rounding_error"}
    assert by_type["tax"]["project"].null_count() == by_type["tax"].height
    assert by_type["tax"]["credits"].null_count() == by_type["tax"].height
    assert by_type["rounding_error"]["sku"].null_count() == by_type["rounding_error"].height
    assert by_type["regular"]["credits"].null_count() == 0
    assert rows["credits"].list.len().max() == 2
    kinds = set(rows["credits"].explode().drop_nulls().struct.field("type"))
    assert {
        "SUSTAINED_USAGE_DISCOUNT",
        "DISCOUNT",
        "PROMOTION",
        "FREE_TIER",
        "FEE_UTILIZATION_OFFSET",
    } <= kinds
    assert rows["seller_name"].drop_nulls().len() > 0
    assert rows.height - rows.unique().height >= 2  # both are right


def test_gpu_core_and_ram_share_a_resource_and_name_it_by_number(rows: pl.DataFrame) -> None:
    names = pl.col("resource").struct.field("global_name")
    machines = rows.filter(pl.col("sku").struct.field("description").str.contains("A100 GPU|A2 Instance"))
    assert machines.select(
        names.str.contains(r"^//compute\.googleapis\.com/projects/\d+/zones/.+/instances/\d+$").all()
    ).item()
    start = datetime(2026, 9, 1, tzinfo=UTC)
    hourly = machines.filter(pl.col("usage_start_time") >= start)
    assert set(hourly.group_by(names, "usage_start_time").len()["len"]) == {3}
    assert set(hourly["usage_end_time"] - hourly["usage_start_time"]) == {
        hourly["usage_end_time"][0] - hourly["usage_start_time"][0]
    }


def test_instance_hours_are_the_sum_of_the_machines_rows(rows: pl.DataFrame, written: Written) -> None:
    found: defaultdict[tuple[str, datetime], Decimal] = defaultdict(Decimal)
    start = datetime(2026, 9, 1, tzinfo=UTC)
    text = pl.col("sku").struct.field("description")
    machines = rows.filter(text.str.contains("A100 GPU|A2 Instance"), pl.col("usage_start_time") >= start)
    for row in machines.iter_rows(named=True):
        found[row["resource"]["global_name"].rsplit("/", 1)[1], row["usage_start_time"]] += net(row)
    hours = pl.DataFrame(written.instance_hours)
    assert {(i, h): c for i, h, _, c in hours.iter_rows()} == dict(found)
    line = timeline(3, UNTIL)
    wanted = {(i.id, h) for i in fleet.build(7, line).of("gcp-main") for h in i.hours(line.telemetry_start, line.end)}
    assert set(found) == wanted


def test_a_gpu_hour_has_its_list_price(written: Written) -> None:
    """An on-demand A2 machine with one GPU: 2.933908 + 12 × 0.031611 + 85 × 0.004237 USD an hour."""
    line = timeline(3, UNTIL)
    lab = next(i for i in fleet.build(7, line).instances if i.name == "a100-shared")
    hours = pl.DataFrame(written.instance_hours).filter(pl.col("instance_id") == lab.id)
    expected = Decimal("2.933908") + 12 * Decimal("0.031611") + 85 * Decimal("0.004237")
    assert set(hours["effective_cost"]) == {expected}


def test_corrections_negate_what_was_exported_before(rows: pl.DataFrame) -> None:
    adjusted = rows.filter(pl.col("adjustment_info").struct.field("type").str.contains("CORRECTION"))
    kinds = set(adjusted["adjustment_info"].struct.field("type"))
    assert kinds == {"USAGE_CORRECTION", "PRICE_CORRECTION", "METADATA_CORRECTION"}
    key = ["sku", "usage_start_time", "cost"]
    plain = rows.filter(pl.col("adjustment_info").is_null())
    earlier: Counter[str] = Counter()
    for row in plain.select(*key).iter_rows():
        earlier[str((row[0], row[1], row[2]))] += 1
    negative = adjusted.filter(pl.col("cost") < 0)
    assert negative.height * 2 == adjusted.height
    assert all(earlier[str((sku, start, -cost))] for sku, start, cost in negative.select(*key).iter_rows())
    labels = adjusted.filter(pl.col("adjustment_info").struct.field("type") == "METADATA_CORRECTION")
    assert sum(map(exact, labels["cost"]), Decimal(0)) == 0
    later = adjusted.filter(pl.col("adjustment_info").struct.field("type") == "PRICE_CORRECTION")
    used = later["usage_start_time"].dt.strftime("%Y%m")
    assert (later["invoice"].struct.field("month") > used).all()


def test_restatements_are_what_corrections_changed(rows: pl.DataFrame, written: Written) -> None:
    first: defaultdict[str, Decimal] = defaultdict(Decimal)
    final: defaultdict[str, Decimal] = defaultdict(Decimal)
    for row in rows.iter_rows(named=True):
        month = f"{row['invoice']['month'][:4]}-{row['invoice']['month'][4:]}"
        final[month] += net(row)
        if "CORRECTION" not in ((row["adjustment_info"] or {}).get("type") or ""):
            first[month] += net(row)
    changed = {m: (first[m], final[m]) for m in final if first[m] != final[m]}
    told = pl.DataFrame(written.restatements)
    assert {m: (a, b) for _, m, a, b in told.iter_rows()} == changed
    assert changed


def test_late_usage_is_on_the_next_invoice_and_months_are_pacific(rows: pl.DataFrame) -> None:
    local = pl.col("usage_start_time").dt.convert_time_zone("America/Los_Angeles").dt.strftime("%Y%m")
    plain = rows.filter(
        pl.col("adjustment_info").is_null(), pl.col("usage_start_time") >= datetime(2026, 8, 2, tzinfo=UTC)
    )
    moved = plain.filter(pl.col("invoice").struct.field("month") != local)
    assert moved.height > 10
    assert set(moved["usage_start_time"].dt.day()) <= {1, 29, 30, 31}
    assert (moved["export_time"].dt.strftime("%Y%m") == moved["invoice"].struct.field("month")).all()


def test_evidence_is_on_the_row(rows: pl.DataFrame, written: Written) -> None:
    """A stage by tag has a label, one by service is Vertex AI, and the team is a label's."""
    labels = [{p["key"]: p["value"] for p in pairs} for pairs in rows["labels"]]
    project = [{p["key"]: p["value"] for p in (p or {}).get("labels") or []} for p in rows["project"]]
    charges = pl.DataFrame(written.charges)
    assert {"tag", "service", "none", "name"} == set(charges["evidence"])
    for own, above, (evidence, team, service) in zip(
        labels, project, charges.select("evidence", "team", "service").iter_rows(), strict=True
    ):
        assert ("ml-stage" in own) == (evidence == "tag")
        assert (service == "Vertex AI") or evidence != "service"
        assert team == own.get("team", above.get("team"))


def test_the_same_arguments_give_the_same_bytes(tmp_path: Path) -> None:
    def digests(name: str) -> dict[str, str]:
        simulate(tmp_path / name, months=1)
        files = sorted((tmp_path / name).rglob("*.parquet"))
        return {str(f.relative_to(tmp_path / name)): hashlib.sha256(f.read_bytes()).hexdigest() for f in files}

    assert digests("a") == digests("b")


def test_scale_multiplies_the_small_rows_alone(tmp_path: Path) -> None:
    once, thrice = (simulate(tmp_path / str(n), 1, n)[0] for n in (1, 3))
    other = [Counter(w.charges.column("ml_stage").to_pylist())["not_ml"] for w in (once, thrice)]
    assert other[1] > 2.8 * other[0]
    assert thrice.instance_hours.equals(once.instance_hours)
    real = [
        pl.DataFrame(w.charges).filter(~pl.col("ml_stage").is_in(["not_ml", "unattributed"])) for w in (once, thrice)
    ]
    assert real[0]["effective_cost"].sum() == real[1]["effective_cost"].sum()


@pytest.mark.parametrize("until", [date(2026, 3, 15), date(2026, 10, 2), date(2026, 11, 9)])
def test_the_data_may_end_on_any_day(until: date, tmp_path: Path) -> None:
    """Daylight saving begins and ends inside the first and the last of these."""
    line = timeline(1, until)
    written = gcp_export.write(tmp_path, nimbus(), fleet.build(7, line), line, 7, 0.2)
    usage = pl.concat(pl.read_parquet(path) for path in sorted((tmp_path / "gcp").rglob("*.parquet")))
    assert usage.height == written.rows == written.charges.num_rows
    assert (usage["usage_start_time"] < usage["usage_end_time"]).all()
    assert usage["usage_end_time"].max() == line.end
