"""Reading one partition: streams that break off, pages, refusals, and what the file holds."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator
from decimal import Decimal
from pathlib import Path
from typing import Any

import grpc
import pyarrow.parquet as pq
import pytest
from google.api_core.exceptions import Unauthenticated, Unauthorized
from google.auth.exceptions import RefreshError

from finops.clouds.gcp_errors import google_errors
from finops.config import Config
from finops.errors import SourceError
from finops.sources import bigquery_reading, gcp_bigquery
from finops.sources.base import Unit
from finops.sources.gcp_bigquery import BigQueryExport
from finops.sources.registry import open_source
from finops.sources.storage import Changed
from tests.bigquery import BigQuery, Refusal, serve

from .house import House, google

DAY = "20260901"
ROWS = 7
WAITS = gcp_bigquery.WAITS


@pytest.fixture(autouse=True)
def _at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(gcp_bigquery, "WAITS", (0,) * 3)
    monkeypatch.delenv("BIGQUERY_EMULATOR_HOST", raising=False)


@pytest.fixture(scope="module")
def server() -> Iterator[BigQuery]:
    with serve() as found:
        yield found


@pytest.fixture
def bq(server: BigQuery) -> BigQuery:
    """The server as it was when it started: a test may set what it likes."""
    fresh = BigQuery()
    for name in vars(fresh).keys() - {"url", "target", "_lock"}:
        setattr(server, name, getattr(fresh, name))
    for name in ("refuse", "fault", "deny"):
        vars(server).pop(name, None)
        setattr(server, name, getattr(fresh, name))
    server.put(DAY, [google(number) for number in range(ROWS)])
    return server


def export(bq: BigQuery, **more: Any) -> BigQueryExport:
    config = Config.model_validate({"sources": [bq.source(**more)]})
    found = open_source(config, config.sources[0])
    assert isinstance(found, BigQueryExport)
    return found


def fetch(source: BigQueryExport, to: Path, tell: Callable[[int], None] = lambda _: None) -> list[float]:
    """The first unit, fetched; the cost of each of its rows, sorted."""
    (file,) = source.files(source.discover()[0])
    source.fetch(file, to, tell)
    return costs(to)


def costs(path: Path) -> list[float]:
    return sorted(pq.read_table(path)["cost"].to_pylist())


EVERY = [float(number) for number in range(ROWS)]
CODES = ("UNAVAILABLE", "INTERNAL", "RESOURCE_EXHAUSTED", "DEADLINE_EXCEEDED")


@pytest.mark.parametrize("code", CODES)
def test_a_stream_that_dies_at_any_offset_gives_each_row_once(bq: BigQuery, tmp_path: Path, code: str) -> None:
    bq.message = 1
    bq.streams = 2
    offsets = range(-(-ROWS // 2) + 1)  # before the first row, before each other, and after the last
    broken = 0
    source = export(bq)
    unit = source.discover()[0]
    (file,) = source.files(unit)
    for stream, offset in itertools.product(range(2), offsets):
        left = [grpc.StatusCode[code]]

        def fault(
            at: int, row: int, left: list[grpc.StatusCode] = left, die: tuple[int, int] = (stream, offset)
        ) -> Any:
            return left.pop() if left and (at, row) == die else None

        bq.fault = fault
        told: list[int] = []
        source.fetch(file, tmp_path / "rows.parquet", told.append)
        assert costs(tmp_path / "rows.parquet") == EVERY, (code, stream, offset)
        assert sum(told) == file.size
        assert max(itertools.accumulate(told)) <= file.size
        broken += not left
    assert broken == 2 * len(offsets) - 1  # the second stream is one row shorter: there is nothing at its last offset


def test_streams_that_die_again_and_again(bq: BigQuery, tmp_path: Path) -> None:
    dying = ["INTERNAL", "RESOURCE_EXHAUSTED", "DEADLINE_EXCEEDED"]
    bq.fault = lambda stream, offset: grpc.StatusCode[dying.pop()] if (stream, offset) == (1, 2) and dying else None
    assert fetch(export(bq), tmp_path / "rows.parquet") == EVERY
    assert dying == []


@pytest.mark.parametrize("code", CODES)
def test_a_stream_that_never_recovers_is_an_error_and_leaves_no_file(
    bq: BigQuery, tmp_path: Path, code: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(gcp_bigquery, "WAITS", (0,))
    monkeypatch.setattr(bigquery_reading, "PATIENCE", 0.3)
    bq.fault = lambda stream, offset: grpc.StatusCode[code] if stream == 1 else None
    with pytest.raises(SourceError, match="BigQuery could not answer") as caught:
        fetch(export(bq), tmp_path / "rows.parquet")
    assert "run again" in str(caught.value)
    assert bq.table in str(caught.value)


def test_the_waits_are_patient() -> None:
    assert 10 < sum(WAITS) < 60


def test_columns_are_kept_as_they_are_in_row_groups(
    bq: BigQuery, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(bigquery_reading, "GROUP_ROWS", 3)
    bq.put(DAY, [google(0.1, price={"list_price": "1.000000001"})] * 10)
    fetch(export(bq), tmp_path / "rows.parquet")
    found = pq.ParquetFile(tmp_path / "rows.parquet")
    assert found.schema_arrow.remove_metadata() == bq.schema.remove_metadata()
    assert found.metadata.num_row_groups >= 3
    assert found.metadata.row_group(0).column(0).compression == "ZSTD"
    assert found.read()["price"][0]["list_price"].as_py() == Decimal("1.000000001")


def test_an_empty_partition_is_a_file_with_columns(bq: BigQuery, tmp_path: Path) -> None:
    bq.put(DAY, [])
    for more in ({}, {"storage_endpoint": None}):
        assert fetch(export(bq, **more), tmp_path / "rows.parquet") == []
        assert pq.read_schema(tmp_path / "rows.parquet").names == [each["name"] for each in bq.fields]


def test_a_disk_that_is_full_is_no_fault_of_google(bq: BigQuery, tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        fetch(export(bq), tmp_path / "nowhere" / "rows.parquet")
    with pytest.raises(OSError, match="No space left"):
        fetch(export(bq), Path("/dev/full"))


def test_a_copy_that_nobody_waits_for_ends(bq: BigQuery, tmp_path: Path) -> None:
    class EnoughError(Exception):
        pass

    def tell(size: int) -> None:
        raise EnoughError

    with pytest.raises(EnoughError):
        fetch(export(bq), tmp_path / "rows.parquet", tell)


# --- page by page


LACKING = "the user does not have 'bigquery.readsessions.create' permission for 'projects/p-1'"


def test_where_the_storage_api_is_not_allowed_pages_give_the_same_charges(bq: BigQuery, tmp_path: Path) -> None:
    credit = {"name": "c", "amount": -0.7, "full_name": "c", "id": "1", "type": "DISCOUNT"}
    label = {"key": "team", "value": "vision"}
    bq.put("20260902", [google(0.1, credits=[credit], labels=[label], price={"list_price": "1.000000001"})] * 5)
    streams = House(tmp_path / "streams", bq.source()).ok()
    bq.deny = lambda: (grpc.StatusCode.PERMISSION_DENIED, LACKING)
    bq.calls.clear()
    pages = House(tmp_path / "pages", bq.source()).ok()
    charges = "SELECT * EXCLUDE (x_LoadId, x_SourceFile) FROM focus.charges ORDER BY ALL"
    assert pages.sql(charges) == streams.sql(charges)
    assert len(pages.sql(charges)) == ROWS + 5
    assert bq.asked("tabledata.list 20260901") == 3
    assert sum("page by page" in each for each in pages.messages) == 1
    assert pages.ok().total() == streams.total()
    assert all(each.rows is None for each in pages.loaded)


def test_where_streams_are_not_allowed_pages_are_read(bq: BigQuery, tmp_path: Path) -> None:
    bq.message = 1
    bq.fault = lambda stream, offset: grpc.StatusCode.PERMISSION_DENIED if offset == 1 else None
    told: list[int] = []
    assert fetch(export(bq), tmp_path / "rows.parquet", told.append) == EVERY
    assert sum(told) == 100 * ROWS


@pytest.mark.parametrize(
    "denied",
    [
        (grpc.StatusCode.PERMISSION_DENIED, "BigQuery Storage API has not been used in project 1 before"),
        (grpc.StatusCode.UNIMPLEMENTED, "unknown service"),
    ],
)
def test_where_the_storage_api_is_off_pages_are_read(
    bq: BigQuery, tmp_path: Path, denied: tuple[grpc.StatusCode, str]
) -> None:
    bq.deny = lambda: denied
    source = export(bq)
    assert fetch(source, tmp_path / "rows.parquet") == EVERY
    assert fetch(source, tmp_path / "rows.parquet") == EVERY
    assert bq.asked("CreateReadSession") == 1  # not asked for each partition again


def test_without_a_storage_endpoint_google_itself_is_not_asked(
    bq: BigQuery, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert fetch(export(bq, storage_endpoint=None), tmp_path / "rows.parquet") == EVERY
    monkeypatch.setenv("BIGQUERY_EMULATOR_HOST", bq.url)
    assert fetch(export(bq, endpoint=None, storage_endpoint=None), tmp_path / "rows.parquet") == EVERY
    assert bq.asked("CreateReadSession") == 0


def test_a_partition_that_changes_while_its_pages_are_read(bq: BigQuery, tmp_path: Path) -> None:
    def grow(name: str) -> None:
        if bq.asked("tabledata.list") == 2:
            bq.put(DAY, [google(number) for number in range(ROWS + 1)])

    bq.refuse = grow
    source = export(bq, storage_endpoint=None)
    with pytest.raises(Changed, match="changed while it was read"):
        fetch(source, tmp_path / "rows.parquet")
    bq.refuse = lambda _: None
    assert fetch(source, tmp_path / "rows.parquet") == [*EVERY, float(ROWS)]


def test_a_table_without_partitions_that_changes_while_its_pages_are_read(bq: BigQuery, tmp_path: Path) -> None:
    bq.partitioning = None

    def grow(name: str) -> None:
        if name.startswith("tabledata") and bq.asked("tabledata.list") == 2:
            bq.put("20260902", [google(5)])

    bq.refuse = grow
    house = House(tmp_path, bq.source(storage_endpoint=None)).ok()
    assert house.total() == sum(range(ROWS)) + 5
    assert any("changed while it was read" in each for each in house.messages)


@pytest.mark.parametrize("status", [400, 404, 410])
def test_a_page_token_that_expires_starts_the_partition_anew(bq: BigQuery, tmp_path: Path, status: int) -> None:
    def expire(name: str) -> Refusal | None:
        third = name.startswith("tabledata") and bq.asked("tabledata") == 3
        return (status, "invalid", "Invalid page token: it has expired") if third else None

    bq.refuse = expire
    told: list[int] = []
    assert fetch(export(bq, storage_endpoint=None), tmp_path / "rows.parquet", told.append) == EVERY
    assert bq.asked("tabledata.list") == 3 + 3
    assert sum(told) == 100 * ROWS
    assert min(told) < 0


@pytest.mark.parametrize(
    ("status", "reason"),
    [(429, "rateLimitExceeded"), (403, "rateLimitExceeded"), (503, "backendError"), (500, "internalError")],
)
def test_what_passes_is_tried_again(bq: BigQuery, tmp_path: Path, status: int, reason: str) -> None:
    """429 and its like, on every call of REST once."""
    refused: set[str] = set()

    def once(name: str) -> Refusal | None:
        again = name in refused
        refused.add(name)
        return None if again else (status, reason, "not now")

    bq.refuse = once
    assert fetch(export(bq, storage_endpoint=None), tmp_path / "rows.parquet") == EVERY
    assert refused == {"tables.get", "jobs.query", f"tabledata.list {DAY}"}


def test_a_session_that_is_refused_for_a_while_is_asked_for_again(bq: BigQuery, tmp_path: Path) -> None:
    codes = ["RESOURCE_EXHAUSTED", "UNAVAILABLE", "INTERNAL"]
    bq.deny = lambda: (grpc.StatusCode[codes.pop()], "not now") if codes else None
    assert fetch(export(bq), tmp_path / "rows.parquet") == EVERY
    assert codes == []


# --- what is refused


@pytest.mark.parametrize(
    ("call", "refusal", "words"),
    [
        ("tables.get", (404, "notFound", "Not found: Table p-1:billing.t"), ("knows nothing of this name",)),
        ("tables.get", (403, "accessDenied", "Access Denied: Table t: User does not have permission to get it"),
         ("refused bigquery.tables.get", "allow bigquery.tables.get")),
        ("tables.get", (403, "accessDenied", "The bigquery.googleapis.com API requires a quota project, which is not"),
         ("needs a project", "quota_project")),
        ("tables.get", (403, "accessDenied", "BigQuery API has not been used in project 1 before or it is disabled."),
         ("is off", "switch the API of BigQuery on")),
        ("tables.get", (403, "accessDenied", "USER_PROJECT_DENIED: grant roles/serviceusage.serviceUsageConsumer"),
         ("serviceusage.services.use", "quota_project")),
        ("jobs.query", (403, "accessDenied", "Project p-1: User does not have bigquery.jobs.create permission"),
         ("bigquery.jobs.create",)),
        ("jobs.query", (403, "quotaExceeded", "Quota exceeded: Your project exceeded quota for queries"),
         ("more often than its quota allows", "run again")),
        ("tabledata", (403, "accessDenied", "Permission bigquery.tables.getData denied on table p-1:billing.t"),
         ("bigquery.tables.getData", "allow bigquery.tables.getData")),
    ],
)  # fmt: skip
def test_a_refusal_names_what_is_lacking(
    bq: BigQuery, tmp_path: Path, call: str, refusal: Refusal, words: tuple[str, ...]
) -> None:
    bq.refuse = lambda name: refusal if name.startswith(call) else None
    with pytest.raises(SourceError) as caught:
        fetch(export(bq, storage_endpoint=None), tmp_path / "rows.parquet")
    for word in (*words, f"BigQuery table p-1.billing.{bq.table}"):
        assert word in str(caught.value)


@pytest.mark.parametrize(
    "refusal", [RefreshError("ya29.hidden"), Unauthorized("ya29.hidden"), Unauthenticated("ya29.hidden")]
)
def test_credentials_that_are_refused_are_not_shown(refusal: Exception) -> None:
    with pytest.raises(SourceError, match="sign in") as caught, google_errors("BigQuery", "any", "here"):
        raise refusal
    assert "hidden" not in str(caught.value)


def test_a_table_that_may_not_be_read_is_not_tried_by_pages(bq: BigQuery, tmp_path: Path) -> None:
    bq.deny = lambda: (grpc.StatusCode.PERMISSION_DENIED, "Permission bigquery.tables.getData denied on table p-1:b.t")
    with pytest.raises(SourceError, match=r"allow bigquery\.tables\.getData"):
        fetch(export(bq), tmp_path / "rows.parquet")
    assert bq.asked("tabledata") == 0


def test_a_dataset_in_another_location_is_asked_there(bq: BigQuery, tmp_path: Path) -> None:
    for location in ("asia-northeast1", "US"):
        bq.location = location
        assert fetch(export(bq), tmp_path / "rows.parquet") == EVERY


def test_a_dataset_that_is_not_where_it_is_asked_for(bq: BigQuery) -> None:
    text = "Not found: Dataset p-1:billing was not found in location US"
    bq.refuse = lambda name: (404, "notFound", text) if name.startswith("jobs") else None
    with pytest.raises(SourceError, match="in US: a dataset is only found in its own location"):
        export(bq).discover()


@pytest.mark.parametrize("status", [404, 501])
def test_a_server_that_knows_jobs_alone(bq: BigQuery, status: int) -> None:
    bq.jobs_alone = status
    assert [unit.name for unit in export(bq).discover()] == ["_PARTITIONDATE=2026-09-01"]
    assert bq.asked("jobs.insert") == 1


def test_a_server_without_sizes(bq: BigQuery, tmp_path: Path) -> None:
    bq.sizes = False
    told: list[int] = []
    assert fetch(export(bq), tmp_path / "rows.parquet", told.append) == EVERY
    assert sum(told) == 0


def test_the_doctor_sees_whether_rows_may_be_read(bq: BigQuery) -> None:
    source = export(bq)
    (unit,) = source.discover()
    assert source.probe(unit) == "read as Arrow streams"
    bq.deny = lambda: (grpc.StatusCode.PERMISSION_DENIED, LACKING)
    assert source.probe(unit) == "read page by page"
    assert bq.asked("ReadRows") == 0
    text = "Permission bigquery.tables.getData denied on table p-1:billing.t"
    bq.refuse = lambda name: (403, "accessDenied", text) if name.startswith("tabledata") else None
    with pytest.raises(SourceError, match=r"allow bigquery\.tables\.getData"):
        source.probe(unit)


def test_a_service_that_is_down_is_not_waited_for_again_and_again(
    bq: BigQuery, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(bigquery_reading, "PATIENCE", 0.3)
    bq.deny = lambda: (grpc.StatusCode.UNAVAILABLE, "down")
    source = export(bq)
    with pytest.raises(SourceError, match="BigQuery could not answer: SERVICE_UNAVAILABLE"):
        fetch(source, tmp_path / "rows.parquet")
    assert not source.notes


def test_queries_run_in_the_quota_project(bq: BigQuery) -> None:
    source = export(bq, quota_project="payer")
    assert source.client.project == "payer"
    assert isinstance(source.discover()[0], Unit)
