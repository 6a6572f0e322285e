"""Google's export read from BigQuery: partitions, their versions, and what reaches the warehouse."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from datetime import timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest

from finops.config import Config, Keep
from finops.sources import gcp_bigquery
from tests.bigquery import EXPORT, T0, BigQuery, Partition, serve

from .house import House, google

DAYS = [f"2026090{number}" for number in range(1, 9)]


@pytest.fixture(autouse=True)
def _at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(gcp_bigquery, "WAITS", (0,) * 3)
    monkeypatch.delenv("BIGQUERY_EMULATOR_HOST", raising=False)


@pytest.fixture
def bq() -> Iterator[BigQuery]:
    with serve() as server:
        yield server


@pytest.fixture
def house(tmp_path: Path, bq: BigQuery) -> House:
    return House(tmp_path, bq.source())


def loaded(house: House) -> list[str]:
    """The units whose charges the last run replaced."""
    return [each.unit for each in house.loaded if each.rows is not None]


def unit(day: str) -> str:
    return f"_PARTITIONDATE={day[:4]}-{day[4:6]}-{day[6:]}"


def read(bq: BigQuery) -> list[str]:
    """The partitions that were read since the last time that this was asked, in order."""
    found = sorted(call[-11:-1] for call in bq.calls if call.startswith("CreateReadSession"))
    bq.calls.clear()
    return found


def test_each_partition_is_a_unit(bq: BigQuery, house: House) -> None:
    bq.put("20260901", [google(1), google(1)])  # identical rows are legitimate
    bq.put("20260902", [google(5)])
    assert house.ok().total() == 7
    assert house.sql("SELECT unit, billed_total FROM ledger.loads ORDER BY unit") == [
        ("_PARTITIONDATE=2026-09-01", Decimal(2)),
        ("_PARTITIONDATE=2026-09-02", Decimal(5)),
    ]
    assert bq.asked("CreateReadSession") == 2
    assert bq.asked("tabledata") == 0


def test_an_unchanged_refresh_reads_no_settled_partition_and_loads_nothing(bq: BigQuery, house: House) -> None:
    for number, day in enumerate(DAYS):
        bq.put(day, [google(number)])
    house.ok()
    assert read(bq) == [unit(day)[-10:] for day in DAYS]
    assert house.ok().total() == 28
    assert loaded(house) == []
    assert bq.asked("tables.get", "jobs.query") == 2
    assert read(bq) == [unit(day)[-10:] for day in DAYS[-5:]]


def test_an_old_partition_that_grows_is_replaced_whole(bq: BigQuery, house: House) -> None:
    for day in DAYS:
        bq.put(day, [google(1)])
    house.ok()
    bq.put(DAYS[0], [google(1), google(2)])
    assert house.ok().total() == 10
    assert loaded(house) == [unit(DAYS[0])]
    assert house.sql("SELECT count(*) FROM focus.charges") == [(9,)]


def test_other_content_under_an_unchanged_version_is_reloaded(bq: BigQuery, house: House) -> None:
    for day in DAYS:
        bq.put(day, [google(1), google(2)])
    house.ok()
    bq.put(DAYS[-1], [google(2), google(1)], bq.partitions[DAYS[-1]].modified)  # another order is nothing new
    house.ok()
    assert loaded(house) == []
    bq.put(DAYS[-1], [google(2), google(9)], bq.partitions[DAYS[-1]].modified)
    assert house.ok().total() == 32
    assert loaded(house) == [unit(DAYS[-1])]
    assert house.ok().total() == 32
    assert loaded(house) == []


def test_a_partition_that_settles_is_neither_read_nor_loaded_again(bq: BigQuery, house: House) -> None:
    bq.put(DAYS[0], [google(1)])
    house.ok()
    for day in DAYS[1:6]:
        bq.put(day, [google(1)])
    read(bq)
    house.ok()
    assert loaded(house) == [unit(day) for day in DAYS[1:6]]
    assert unit(DAYS[0])[-10:] not in read(bq)


def test_rows_that_come_while_a_partition_is_read_are_there_once(bq: BigQuery, house: House) -> None:
    bq.put(DAYS[0], [google(1)])

    def grow() -> None:
        if len(bq.partitions[DAYS[0]].rows) == 1:
            bq.put(DAYS[0], [google(1), google(2)])

    bq.deny = grow
    assert house.ok().total() == 3  # a snapshot of a moment later than the listing
    assert house.ok().total() == 3
    assert house.sql("SELECT count(*) FROM focus.charges") == [(2,)]


def test_a_partition_that_shrinks_while_it_is_read_is_read_again(bq: BigQuery, house: House) -> None:
    bq.put(DAYS[0], [google(1), google(2), google(3)])

    def shrink() -> None:
        if len(bq.partitions[DAYS[0]].rows) == 3:
            bq.put(DAYS[0], [google(4)])

    bq.deny = shrink
    assert house.ok().total() == 4
    assert any("0 rows" not in each and "1 of 3 rows" in each for each in house.messages)
    house.ok()
    assert loaded(house) == []


def test_rows_that_stay_away_are_an_error_and_the_old_charges_stand(bq: BigQuery, house: House) -> None:
    bq.put(DAYS[0], [google(1)])
    house.ok()
    bq.put(DAYS[0], [google(1), google(2)])
    bq.selected = lambda _: []  # a row-level policy filters without a word
    house.refused("0 of 2 rows", "not complete")
    assert house.total() == 1


def test_a_partition_without_rows(bq: BigQuery, house: House) -> None:
    bq.put(DAYS[0], [google(1)])
    bq.put(DAYS[1], [])
    assert house.ok().total() == 1
    bq.put(DAYS[0], [])
    assert house.ok().total() is None


def test_rows_in_the_streaming_buffer_are_told(bq: BigQuery, house: House) -> None:
    bq.put(DAYS[0], [google(1)])
    bq.streamed = 12
    bq.put("__NULL__", [google(2)])  # of a table by ingestion days: it should have none such
    assert house.ok().total() == 1
    assert sum("13 rows are in no partition" in each for each in house.messages) == 1


def test_a_new_column_in_later_partitions(bq: BigQuery, house: House) -> None:
    bq.put(DAYS[0], [google(1)])
    house.ok()
    bq.fields = [*bq.fields, {"name": "brand_new", "type": "STRING", "mode": "NULLABLE"}]
    bq.put(DAYS[1], [google(2, brand_new="x")])
    assert house.ok().total() == 3
    assert unit(DAYS[1]) in loaded(house)


def test_the_standard_export_lacks_columns(bq: BigQuery, house: House) -> None:
    lacking = {"resource", "subscription", "consumption_model", "cost_at_effective_price_default", "price"}
    bq.fields = [each for each in EXPORT if each["name"] not in lacking]
    bq.put(DAYS[0], [google(1)])
    assert house.ok().total() == 1


def test_the_export_switched_off_for_days_is_a_gap_and_no_zero(bq: BigQuery, house: House) -> None:
    bq.put("20260901", [google(1)])
    bq.put("20260920", [google(2)])
    assert house.ok().total() == 3
    assert house.sql("SELECT count(*) FROM ledger.units") == [(2,)]
    assert house.sql("SELECT count(*) FROM focus.charges WHERE BilledCost = 0") == [(0,)]


def test_partitions_that_expire_leave_their_charges(bq: BigQuery, house: House) -> None:
    bq.put(DAYS[0], [google(1)])
    bq.put(DAYS[1], [google(2)])
    house.ok()
    del bq.partitions[DAYS[0]]
    assert house.ok().total() == 3
    bq.partitions.clear()
    house.refused("no partition yet", "wait for the first delivery")
    assert house.total() == 3


def test_of_a_partition_that_expired_the_version_that_counted_is_read_anew(bq: BigQuery, tmp_path: Path) -> None:
    """Landed files of replaced versions may be kept for a time: they lie beside the one that counts."""

    def home(**more: Any) -> House:
        house = House(tmp_path, bq.source(**more))
        house.config = house.config.model_copy(update={"keep": Keep(landing_days=30)})
        return house.ok()

    bq.put(DAYS[1], [google(2)])
    for cost, hours in ((1, 1), (5, 9), (3, 5)):  # the last one is of an earlier time: a table was restored
        bq.put(DAYS[0], [google(cost)], T0 + timedelta(hours=hours))
        assert home().total() == cost + 2
    del bq.partitions[DAYS[0]]
    after = home(basis="focus")
    assert after.total() == 5
    assert sorted(loaded(after)) == [unit(DAYS[0]), unit(DAYS[1])]  # each once
    assert after.sql(
        "SELECT count(*) FROM ledger.changes WHERE known_at = (SELECT max(loaded_at) FROM ledger.loads)"
    ) == [(0,)]


def test_partitions_that_expired_are_read_anew_when_rules_change(bq: BigQuery, tmp_path: Path) -> None:
    bq.put(DAYS[0], [google(1)])
    bq.put(DAYS[1], [google(2)])
    before = House(tmp_path, bq.source()).ok()
    del bq.partitions[DAYS[0]]
    after = House(before.folder, bq.source(basis="focus")).ok()
    assert after.sql("SELECT x_CostBasis, sum(BilledCost) FROM focus.charges GROUP BY 1") == [("strict", 3)]
    assert after.sql("SELECT sum(billed_delta) FROM ledger.changes WHERE cause <> 'delivery'") in ([(0,)], [(None,)])


@pytest.mark.parametrize("pages", [False, True])
def test_the_sum_is_exact(bq: BigQuery, tmp_path: Path, pages: bool) -> None:
    doubles = ["0.1", "0.2", "1.2e-07", "1234567.891", "-0.30000000000000004", "2.3E-10"]
    price = {"list_price": "0.000000001", "effective_price": "12345.678901234"}
    credit = {"name": "c", "amount": -0.7, "full_name": "c", "id": "1", "type": "DISCOUNT"}
    bq.put(DAYS[0], [google(each, price=price, credits=[credit, credit]) for each in doubles])
    house = House(tmp_path, bq.source(storage_endpoint=None) if pages else bq.source()).ok()
    assert house.total() == sum(map(Decimal, doubles)) - 12 * Decimal("0.7")
    assert house.sql("SELECT sum(ListUnitPrice) FROM focus.charges")[0][0] == 6 * Decimal("0.000000001")


def test_days_of_a_column(bq: BigQuery, house: House) -> None:
    bq.partitioning = {"type": "DAY", "field": "usage_start_time"}
    bq.put("20260902", [google(1)])
    bq.put("20260903", [google(2)])
    bq.put("__NULL__", [google(4)])
    assert house.ok().total() == 7
    assert [name for (name,) in house.sql("SELECT unit FROM ledger.units ORDER BY 1")] == [
        *("_PARTITIONDATE=2026-09-02", "_PARTITIONDATE=2026-09-03", "_PARTITIONDATE=__NULL__")
    ]


def test_a_table_without_partitions_is_one_unit(bq: BigQuery, house: House) -> None:
    bq.partitioning = None
    bq.partitions["rows"] = Partition([google(1), google(2)], T0)
    assert house.ok().total() == 3
    house.ok()
    assert loaded(house) == []
    bq.partitions["rows"] = Partition([google(1)], T0 + timedelta(days=1))
    assert house.ok().total() == 1
    assert house.sql("SELECT unit FROM ledger.units") == [(bq.table,)]


def test_a_table_that_has_partitions_now_is_no_longer_one_unit_as_well(bq: BigQuery, house: House) -> None:
    bq.partitioning = None
    bq.partitions["rows"] = Partition([google(1), google(2)], T0)
    assert house.ok().total() == 3
    del bq.partitions["rows"]
    bq.partitioning = {"type": "DAY"}
    bq.put(DAYS[0], [google(1)])
    bq.put(DAYS[1], [google(2)])
    assert house.ok().total() == 3


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"partitioning": {"type": "HOUR"}}, ("partitioned by the hour", "writes into")),
        ({"partitioning": {"type": "MONTH", "field": "usage_start_time"}}, ("partitioned by the month",)),
        ({"kind": "VIEW"}, ("of the kind view", "not what is made from it")),
        ({"kind": "MATERIALIZED_VIEW"}, ("of the kind materialized view",)),
        ({"kind": "EXTERNAL"}, ("of the kind external",)),
    ],
)
def test_a_table_that_cannot_be_read_by_days(
    bq: BigQuery, house: House, change: dict[str, Any], words: tuple[str, ...]
) -> None:
    for name, value in change.items():
        setattr(bq, name, value)
    bq.put("2026090112", [google(1)])
    house.refused(*words, bq.table)


def test_only_the_periods_that_are_asked_for_are_read(bq: BigQuery, house: House) -> None:
    from finops.pipeline import Pipeline

    bq.put("20260831", [google(1)])
    bq.put("20260901", [google(2)])
    pipeline = Pipeline(house.config)
    assert pipeline.periods() == ("2026-08", "2026-09")
    pipeline.load(["2026-09"])
    assert house.total() == 2
    Pipeline(house.config).load(["2026-08"])  # what came in later may be of that month too
    assert house.total() == 3


def test_both_exports_of_one_account_are_refused() -> None:
    tables = [f"p.d.gcp_billing_export_{kind}_AAAAAA_BBBBBB_CCCCCC" for kind in ("resource_v1", "v1")]
    tables.append("p.d.gcp_billing_export_focus_AAAAAA-BBBBBB-CCCCCC")
    for first, second in [(0, 1), (0, 2), (1, 2)]:
        sources = [{"name": f"s{n}", "kind": "gcp-bigquery", "table": tables[n]} for n in (first, second)]
        with pytest.raises(ValueError, match="its money would count twice; keep the detailed one"):
            Config.model_validate({"sources": sources})


def test_one_account_that_refuses_leaves_the_others_alone(bq: BigQuery, tmp_path: Path) -> None:
    bq.put(DAYS[0], [google(1)])
    with serve(BigQuery(project="p-2", table="gcp_billing_export_v1_DDDDDD")) as other:
        other.put(DAYS[0], [google(2)])
        other.refuse = lambda _: (403, "accessDenied", "Permission bigquery.tables.get denied on table p-2:billing.t")
        house = House(tmp_path, bq.source(), other.source(name="other"))
        failure = house.refused("bigquery.tables.get", "p-2.billing")
        assert "allow bigquery.tables.get for these credentials" in failure
        assert house.total() == 1


def test_the_whole_way_twice(bq: BigQuery, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """`finops run`, `doctor`, and a second run that finds nothing new and leaves the published file alone."""
    from finops.cli import main

    for day in DAYS:
        bq.put(day, [google("1.25"), google("0.1", cost_type="tax")])
    lines = "".join(f"    {key}: {value}\n" for key, value in bq.source().items() if key != "name")
    config = tmp_path / "finops.yaml"
    config.write_text(f"home: var\nsources:\n  - name: gcp\n{lines}", encoding="utf-8")

    def finops(*arguments: str) -> str:
        code = main([*arguments, "--config", str(config)])
        out, err = capsys.readouterr()
        assert code == 0, out + err
        return out + err

    found = "8 units, the newest _PARTITIONDATE=2026-09-08 of 2026-09-10 06:00 UTC, read as Arrow streams"
    assert found in " ".join(finops("doctor").split())
    finops("run")
    published = tmp_path / "var" / "finops.duckdb"
    before, stat = published.read_bytes(), published.stat()
    assert "Nothing new" in finops("run")
    assert published.read_bytes() == before
    assert published.stat().st_mtime_ns == stat.st_mtime_ns
    total = finops("sql", "SELECT sum(BilledCost) AS total FROM focus.charges", "--format", "csv")
    assert total.split()[-1].startswith("10.8")


def test_the_simulated_company_s_export_is_the_same_from_a_table_and_from_files(
    bq: BigQuery, tmp_path: Path, small_original: Path
) -> None:
    for folder in sorted((small_original / "gcp").glob("_PARTITIONDATE=*"))[:7]:
        shutil.copytree(folder, tmp_path / "export" / folder.name)
        rows = [row for file in sorted(folder.iterdir()) for row in pq.read_table(file).to_pylist()]
        bq.put(folder.name.partition("=")[2].replace("-", ""), rows)
    bq.message, bq.page = 500, 500
    files = House(tmp_path, {"name": "gcp", "kind": "gcp-files", "uri": str(tmp_path / "export")}).ok()
    charges = "SELECT * EXCLUDE (x_LoadId, x_SourceFile) FROM focus.charges ORDER BY ALL"
    expected = files.sql(charges)
    assert len(expected) > 1000
    table = House(tmp_path / "table", bq.source()).ok()
    assert table.sql(charges) == expected
