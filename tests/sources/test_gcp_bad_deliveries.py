"""Google's export as it comes: again, late, in pieces, with other columns, or not at all for days."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import polars as pl
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from duckdb import DuckDBPyConnection

from finops.config import Config
from finops.errors import SourceError
from finops.gpus.states import SEGMENTS
from finops.models import model
from finops.warehouse import parts

from .google import SOURCE, adjusted, credit, deliver, google, labels, negated, partition
from .house import House, at, write_lines
from .test_gcp_bad_rows import GPU, UNALLOCATED, machine, span

PERIODS = "SELECT x_InvoiceMonth, sum(BilledCost) FROM focus.charges GROUP BY 1 ORDER BY 1"
TEAMS = "SELECT x_Team, sum(BilledCost) FROM focus.charges GROUP BY 1 ORDER BY 1"


@pytest.fixture
def house(tmp_path: Path) -> House:
    return House(tmp_path, SOURCE)


def write_parquet(path: Path, rows: list[dict[str, Any]]) -> Path:
    """Rows as BigQuery extracts them: costs and credits are doubles, lists are lists."""
    path.parent.mkdir(parents=True, exist_ok=True)
    pq.write_table(pa.Table.from_pylist(rows), path)
    return path


def test_the_same_partition_twice(house: House) -> None:
    deliver(house, {"2026-09-02": [google(1), google(2)]})
    before = house.sql("SELECT * EXCLUDE (x_LoadId) FROM focus.charges ORDER BY BilledCost")
    changes = house.sql("FROM ledger.changes")
    deliver(house, {"2026-09-02": [google(1), google(2)]})
    at(partition(house, "2026-09-02") / "part-0.jsonl", 1)  # and the same once more, as of another time
    house.ok()
    assert house.sql("SELECT * EXCLUDE (x_LoadId) FROM focus.charges ORDER BY BilledCost") == before
    assert house.sql("FROM ledger.changes") == changes


def test_an_old_partition_that_grows(house: House) -> None:
    old, new = google(1), google(2)
    deliver(house, {"2026-09-02": [old], "2026-09-20": [google(4)]})
    deliver(house, {"2026-09-02": [old, new]})
    assert house.total() == 7
    reloaded = [each.unit for each in house.loaded if each.rows is not None]
    assert reloaded == ["_PARTITIONDATE=2026-09-02"]


def test_a_crash_between_delete_and_insert(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    deliver(house, {"2026-09-02": [google(1), google(2)]})
    write_lines(partition(house, "2026-09-02") / "part-0.jsonl", [google(5)])
    between: list[tuple[Any, ...]] = []

    def cut(con: DuckDBPyConnection, *_: Any) -> None:
        between.extend(con.execute("SELECT count(*) FROM focus.charges").fetchall())
        raise SourceError("pulled the plug", where="here", remedy="plug it in")

    with monkeypatch.context() as patch:
        patch.setattr(parts, "insert", cut)
        house.refused("pulled the plug")
    assert between[0] == (0,)
    assert house.total() == 3
    assert house.ok().total() == 5


def test_usage_negated_and_rated_anew_over_two_months(house: House) -> None:
    """What September's invoice said stands; October's takes it back and bills it anew; the day has what is right."""
    wrong = google(10, credits=[credit(-1)], usage={"amount": 5, "unit": "seconds"})
    deliver(house, {"2026-09-02": [wrong, google(1)]})
    assert house.sql(PERIODS) == [("2026-09", 10)]
    october, kind = {"invoice": {"month": "202610"}}, "USAGE_CORRECTION"
    right = adjusted(kind, wrong, cost=6, credits=[credit(-0.6)], **october)
    deliver(house, {"2026-10-08": [negated(kind, wrong, **october), right]})
    assert house.sql(PERIODS) == [("2026-09", 10), ("2026-10", Decimal("-3.6"))]
    assert house.sql("SELECT BilledCost, ChargeClass, x_SourceLineType FROM focus.charges ORDER BY 1") == [
        (-9, "Correction", "regular: USAGE_CORRECTION"),
        (1, None, "regular"),
        (Decimal("5.4"), "Correction", "regular: USAGE_CORRECTION"),
        (9, None, "regular"),
    ]
    by_day = "SELECT CAST(ChargePeriodStart AS DATE), sum(BilledCost) FROM focus.charges GROUP BY 1"
    assert house.sql(by_day) == [(date(2026, 9, 2), Decimal("6.4"))]
    november = {"invoice": {"month": "202611"}}
    deliver(house, {"2026-11-08": [negated(kind, right, **november), adjusted(kind, right, cost=5, **november)]})
    assert house.sql(PERIODS) == [("2026-09", 10), ("2026-10", Decimal("-3.6")), ("2026-11", Decimal(-1))]
    assert house.total() == Decimal("5.4")


def test_a_metadata_correction_moves_labels_and_no_money(house: House) -> None:
    row = google(8, credits=[credit(-0.5)], labels=labels(team="nlp"))
    deliver(house, {"2026-09-02": [row, google(1, labels=labels(team="nlp"))]})
    kind = "METADATA_CORRECTION"
    deliver(house, {"2026-09-15": [negated(kind, row), adjusted(kind, row, labels=labels(team="vision"))]})
    assert house.sql(TEAMS) == [("nlp", 1), ("vision", Decimal("7.5"))]
    assert house.sql(PERIODS) == [("2026-09", Decimal("8.5"))]
    known = "SELECT team, billed_cost FROM ledger.cost_as_of(TIMESTAMPTZ '9999-01-01') ORDER BY 1"
    assert house.sql(known) == [("nlp", 1), ("vision", Decimal("7.5"))]


def test_october_usage_that_comes_in_november(house: House) -> None:
    """It restates no month that was invoiced, and its day costs what it cost."""
    usage = span("2026-10-31 20:00", "2026-10-31 21:00")
    deliver(house, {"2026-10-31": [google(2, **usage, invoice={"month": "202610"})]})
    deliver(house, {"2026-11-04": [google(3, **usage, invoice={"month": "202611"})]})
    assert house.sql(PERIODS) == [("2026-10", 2), ("2026-11", 3)]
    by_day = "SELECT CAST(ChargePeriodStart AS DATE), sum(BilledCost) FROM focus.charges GROUP BY 1"
    assert house.sql(by_day) == [(date(2026, 10, 31), 5)]


def test_a_new_column_and_a_missing_one(house: House) -> None:
    """Shards of one partition need not have the same columns, nor records the same fields."""
    folder = partition(house, "2026-09-02")
    row = {name: value for name, value in google(1.0).items() if name not in {"tags", "system_labels", "labels"}}
    old = {name: value for name, value in row.items() if name != "credits"} | {"project": {"id": "p-1"}}
    new = row | {
        "credits": [credit(-0.25)],
        "brand_new": {"x": [1]},
        "service": {"id": "6F81-5844-456A", "description": "Compute Engine", "tier": "x"},
        "cost_at_list": 3.0,
    }
    write_parquet(folder / "000000000000.parquet", [old])
    write_parquet(folder / "000000000001.parquet", [new])
    house.ok()
    columns = "BilledCost, ListCost, SubAccountId, ServiceName"
    assert house.sql(f"SELECT {columns} FROM focus.charges ORDER BY 1") == [
        (Decimal("0.75"), 3, "p-1", "Compute Engine"),
        (1, 1, "p-1", "Compute Engine"),
    ]


def test_lists_without_items_whose_type_says_nothing(house: House) -> None:
    """A writer that infers types has no type for lists that are all empty."""
    row = google(1.5)
    path = write_parquet(partition(house, "2026-09-02") / "a.parquet", [row, row])
    assert pq.read_schema(path).field("tags").type == pa.list_(pa.null())
    house.ok()
    assert house.sql("SELECT BilledCost, Tags FROM focus.charges") == [(Decimal("1.5"), {})] * 2


@pytest.mark.parametrize("field", ["name", "id", "full_name"])
def test_credits_without_a_field_that_came_later(house: House, field: str) -> None:
    given = {name: value for name, value in credit(-0.25).items() if name != field}
    row = {name: value for name, value in google(1.0, credits=[given]).items() if value != []}
    write_parquet(partition(house, "2026-09-02") / "a.parquet", [row | {"project": {"id": "p"}}])
    assert house.ok().total() == Decimal("0.75")


def test_floats_do_not_drift(house: House) -> None:
    """A thousand rows of 0.1 and a credit of -0.01 are ninety; as floats they are not."""
    row = google(0.1, credits=[credit(-0.01)], project={"id": "p"})
    for name in ("labels", "tags", "system_labels"):
        del row[name]
    count = 1000
    assert sum([0.1] * count) - sum([0.01] * count) != 90.0
    write_parquet(partition(house, "2026-09-02") / "a.parquet", [row] * count)
    house.ok()
    assert house.sql("SELECT count(*), sum(BilledCost), sum(x_Credits[1].amount) FROM focus.charges") == [
        (count, Decimal(90), Decimal(-10))
    ]


def test_wildcard_shards_and_an_empty_one(house: House) -> None:
    folder = partition(house, "2026-09-02")
    names = [f"{number:012d}.parquet" for number in range(12)]
    rows = [google(float(number), credits=[credit(-0.5)], project={"id": "p"}) for number in range(11)]
    for row in rows:
        for name in ("labels", "tags", "system_labels"):
            del row[name]
    for name, row in zip(names, rows, strict=False):
        write_parquet(folder / name, [row])
    pq.write_table(pa.Table.from_pylist(rows).slice(0, 0), folder / names[-1])
    house.ok()
    assert house.sql("SELECT count(*), sum(BilledCost) FROM focus.charges") == [(11, Decimal("49.5"))]
    (folder / names[10]).unlink()  # fewer shards the next time: the orphan's rows go with it
    assert house.ok().total() == 40


def test_an_export_that_was_switched_off_for_days_leaves_a_gap_that_is_reported(house: House) -> None:
    def on(day: int) -> dict[str, Any]:
        return google(1, **span(f"2026-09-{day:02d} 00:00", f"2026-09-{day:02d} 23:00"))

    check = model("quality.days_without_charges").sql
    deliver(house, {"2026-09-01": [on(1)], "2026-09-02": [on(2)], "2026-09-03": [on(3)]})
    assert house.sql(check) == []
    deliver(house, {"2026-09-08": [on(8)], "2026-09-09": [on(9)]})
    assert house.sql(check) == [("AAAAAA-BBBBBB-CCCCCC 2026-09-04 to 2026-09-07", 0, 4)]
    daily = house.sql(f"SELECT charge_date FROM ({model('spend.daily').sql}) ORDER BY 1")
    assert [day.day for (day,) in daily] == [1, 2, 3, 8, 9]  # no day of zero is made up
    # usage that spans the days has them covered
    deliver(house, {"2026-09-10": [google(1, **span("2026-09-03 12:00", "2026-09-08 12:00"))]})
    assert house.sql(check) == []


def test_both_exports_of_an_account_at_once(tmp_path: Path) -> None:
    def table(name: str, kind: str) -> dict[str, str]:
        dataset = "gcp_billing_immutable_01AB_us" if kind == "focus" else "billing"
        return {"name": name, "kind": "gcp-bigquery", "table": f"p.{dataset}.gcp_billing_export_{kind}_01AB"}

    for kind in ("v1", "focus"):
        sources = [table("a", "resource_v1"), table("b", kind)]
        with pytest.raises(ValueError, match="two exports of the billing account 01AB"):
            Config.model_validate({"sources": sources, "path": tmp_path / "finops.yaml"})


def test_an_adjustment_of_a_kind_never_seen_stops_the_load(house: House) -> None:
    """What it does to the bill is not known: it is neither usage nor a correction."""
    deliver(house, {"2026-09-02": [google(1)]})
    write_lines(partition(house, "2026-09-03") / "a.jsonl", [adjusted("BRAND_NEW", google(2))])
    house.refused("BRAND_NEW")
    assert house.total() == 1


def segment(instance: str, hour: datetime, seconds: int = 3600) -> tuple[Any, ...]:
    until = hour + timedelta(seconds=seconds)
    return (f"{instance}/0", instance, hour, "busy", None, "gpu_util", hour, until, seconds)


def test_cost_with_no_metric_and_metric_with_no_cost(house: House) -> None:
    """A machine that reports nothing is unobserved at its whole cost; one without a bill is counted apart."""
    second = {**GPU, **span("2026-09-02 01:00", "2026-09-02 02:00")}
    rows = [
        google(3, **GPU, resource=machine("instance", "111")),
        google(3, **second, resource=machine("instances", "111")),
        google(5, **GPU, resource=machine("instances", "222")),
        google(7, **GPU, resource=machine("instances", "444"), labels=UNALLOCATED),
    ]
    deliver(house, {"2026-09-02": rows})
    midnight = datetime(2026, 9, 2, tzinfo=UTC)
    seen = [segment("111", midnight), segment("333", midnight)]
    frame = pl.DataFrame(seen, schema=SEGMENTS, orient="row")
    house.sql(
        "CREATE OR REPLACE TABLE gpu.segments AS SELECT * FROM read_parquet(?)", str(written(house.folder, frame))
    )
    for name in ("billed_hours", "priced", "unbilled", "hours"):
        house.sql(f"CREATE OR REPLACE TABLE gpu.{name} AS {model(f'gpu.{name}').sql}")
    assert house.sql("SELECT instance_id, state, gpu_hours, cost FROM gpu.hours ORDER BY ALL") == [
        ("111", "busy", 1, 3),
        ("111", "unobserved", 1, 3),
        ("222", "unobserved", 1, 5),
        ("444", "unallocated", 1, 7),  # the bill says so itself
    ]
    assert house.sql("SELECT instance_id, sum(seconds) FROM gpu.unbilled GROUP BY 1") == [("333", 3600)]


def written(folder: Path, frame: pl.DataFrame) -> Path:
    path = folder / "segments.parquet"
    frame.write_parquet(path)
    return path


def test_a_month_that_two_sources_have_is_reported(tmp_path: Path) -> None:
    check = model("quality.months_in_two_sources").sql
    house = House(tmp_path, SOURCE, {"name": "old", "kind": "gcp-files", "uri": "old"})
    august = google(3, invoice={"month": "202608"})
    write_lines(tmp_path / "old" / "_PARTITIONDATE=2026-08-31" / "a.jsonl", [august, google(1)])
    deliver(house, {"2026-09-01": [google(2)]})  # what lies in files until a day, and in a table from it on
    assert house.sql(check) == [("AAAAAA-BBBBBB-CCCCCC", 0, 0)]
    # where no folder names a day, the totals tell it
    (tmp_path / "old" / "_PARTITIONDATE=2026-08-31" / "a.jsonl").rename(tmp_path / "old" / "all.jsonl")
    write_lines(tmp_path / "old" / "all.jsonl", [google(1)])
    assert house.ok().sql(check) == [("AAAAAA-BBBBBB-CCCCCC", 0, 0)]
    write_lines(tmp_path / "old" / "all.jsonl", [google(2)])
    assert house.ok().sql(check) == [("AAAAAA-BBBBBB-CCCCCC", 0, 1)]
