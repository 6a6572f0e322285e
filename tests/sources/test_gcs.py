"""Google's export in a bucket: the real client against a real server, and through a proxy that makes it fail."""

from __future__ import annotations

import base64
import gzip
import json
import socket
import threading
import uuid
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from decimal import Decimal
from pathlib import Path
from typing import Any

import google_crc32c
import pytest
from google.auth.credentials import AnonymousCredentials

from finops.cli.doctor import examine
from finops.cli.examine import examinations
from finops.clouds import gcp_session
from finops.clouds.gcp_session import GcpAccess
from finops.errors import SourceError
from finops.sources import gcs as storage
from finops.sources.opening import open_storage
from finops.sources.storage import CHUNK, Changed
from tests import gcs

from .house import House, Row, focus, google, write_csv

DAY = "export/_PARTITIONDATE=2026-09-0{}/part-{:05}.jsonl.gz"


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    with gcs.serve(tmp_path_factory.mktemp("gcs")) as url:
        yield url


@pytest.fixture(autouse=True)
def _here(server: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("STORAGE_EMULATOR_HOST", server)
    monkeypatch.setattr(storage, "WAITS", (0,) * 2)
    monkeypatch.setattr(gcp_session, "PATIENCE", 0.5)


@pytest.fixture
def bucket(server: str) -> Any:
    """A bucket of the test's own, to write to; by way of no proxy."""
    return gcs.client().create_bucket(f"bills-{uuid.uuid4().hex[:12]}")


@pytest.fixture
def faults(server: str, bucket: Any, monkeypatch: pytest.MonkeyPatch) -> Iterator[gcs.Faults]:
    """What goes over the wire from here on, and what goes wrong there."""
    with gcs.faulty(server) as proxy:
        monkeypatch.setenv("STORAGE_EMULATOR_HOST", proxy.url)
        yield proxy


@pytest.fixture
def house(bucket: Any, tmp_path: Path) -> House:
    return House(tmp_path / "house", {"name": "gcp", "kind": "gcp-files", "uri": f"gs://{bucket.name}/export"})


def put(bucket: Any, key: str, content: bytes | str, **more: Any) -> None:
    blob = bucket.blob(key)
    for name, value in more.items():
        setattr(blob, name, value)
    blob.upload_from_string(content)


def shard(bucket: Any, key: str, rows: Sequence[Row]) -> None:
    """Lines of JSON, compressed, as `bq extract` writes them."""
    lines = "".join(json.dumps(row) + "\n" for row in rows)
    put(bucket, key, gzip.compress(lines.encode(), mtime=0), content_type="application/octet-stream")


def two_days(bucket: Any) -> None:
    """Two partitions: two shards and an empty one, and one shard. 1 + 2 + 4 in four rows."""
    shard(bucket, DAY.format(1, 0), [google(1)])
    shard(bucket, DAY.format(1, 1), [google(1), google(1)])
    shard(bucket, DAY.format(1, 2), [])
    shard(bucket, DAY.format(2, 0), [google(4)])


def test_partitions_of_shards_become_charges(bucket: Any, house: House) -> None:
    two_days(bucket)
    assert house.ok().total() == 7
    assert house.sql("SELECT unit, row_count, billed_total FROM ledger.loads ORDER BY 1") == [
        ("_PARTITIONDATE=2026-09-01", 3, Decimal(3)),
        ("_PARTITIONDATE=2026-09-02", 1, Decimal(4)),
    ]


def test_the_same_generations_are_no_work(bucket: Any, faults: gcs.Faults, house: House) -> None:
    two_days(bucket)
    house.ok()
    faults.requests.clear()
    assert house.ok().total() == 7
    assert set(faults.requests) == {"list"}


def test_an_overwritten_generation_replaces_its_partition(bucket: Any, house: House) -> None:
    two_days(bucket)
    house.ok()
    shard(bucket, DAY.format(1, 0), [google(1)])  # the same bytes, and another generation
    assert house.ok().total() == 7
    assert [each.unit for each in house.loaded if each.rows is not None] == ["_PARTITIONDATE=2026-09-01"]
    shard(bucket, DAY.format(1, 0), [google(5), google(5)])
    assert house.ok().total() == 16


def test_a_removed_shard_and_a_removed_partition(bucket: Any, house: House) -> None:
    two_days(bucket)
    house.ok()
    bucket.blob(DAY.format(1, 1)).delete()
    assert house.ok().total() == 5
    bucket.blob(DAY.format(2, 0)).delete()
    assert house.ok().total() == 1
    assert house.sql("SELECT unit FROM ledger.units") == [("_PARTITIONDATE=2026-09-01",)]


def test_a_generation_overwritten_between_listing_and_fetch(bucket: Any, faults: gcs.Faults, house: House) -> None:
    two_days(bucket)
    seen: list[str] = []

    def overwrite(subject: str) -> None:
        if subject == DAY.format(1, 1) and not seen:
            seen.append(subject)
            for number in range(2):
                shard(bucket, DAY.format(1, number), [google(10)])

    faults.hook = overwrite
    assert house.ok().total() == 24  # whole in the new version: never 10 of it beside 1 of the old one
    assert seen


def test_a_shard_removed_between_listing_and_fetch(bucket: Any, faults: gcs.Faults, house: House) -> None:
    two_days(bucket)

    def remove(subject: str) -> None:
        if subject == DAY.format(1, 1) and bucket.blob(subject).exists():
            bucket.blob(subject).delete()

    faults.hook = remove
    assert house.ok().total() == 5


def test_a_condition_that_no_longer_holds_is_a_change(bucket: Any, faults: gcs.Faults, tmp_path: Path) -> None:
    put(bucket, "p/a.csv", "old")
    found = open_storage(f"gs://{bucket.name}/p", tmp_path)
    (file,) = found.list()
    faults.hook = lambda subject: None if subject == "list" else 412
    for act in (lambda: found.read(file), lambda: found.fetch(file, tmp_path / "copy")):
        with pytest.raises(Changed, match=r"a\.csv"):
            act()
    assert faults.parameters[-1]["ifGenerationMatch"] == file.etag


def test_only_the_listed_generation_is_read(bucket: Any, tmp_path: Path) -> None:
    put(bucket, "p/a.csv", "old")
    found = open_storage(f"gs://{bucket.name}/p", tmp_path)
    (file,) = found.list()
    put(bucket, "p/a.csv", "new")
    for act in (lambda: found.read(file), lambda: found.fetch(file, tmp_path / "copy")):
        with pytest.raises(Changed):
            act()
    (now,) = found.list()
    assert (now.key, now.size, now.etag != file.etag, now.modified > file.modified) == ("a.csv", 3, True, True)
    assert found.read(now) == b"new"
    with pytest.raises(Changed):
        found.read(replace(now, size=4))
    bucket.blob("p/a.csv").delete()
    with pytest.raises(Changed):
        found.read(now)


def test_odd_names_and_names_that_are_no_files(bucket: Any, tmp_path: Path) -> None:
    names = ["a b=c.csv", "x/ü+&%25 数据#?.csv", "x/*.csv", "y=1/deep er/ml.csv"]
    for name in names:
        put(bucket, f"pre fix=50%/{name}", name)
    for name in ("pre fix=50%/", "pre fix=50%/x/", "pre fix=50%x/no.csv", "no.csv"):
        put(bucket, name, "")
    found = open_storage(f"gs://{bucket.name}/pre fix=50%25/", tmp_path)
    assert [file.key for file in found.list()] == sorted(names)
    assert [found.read(file).decode() for file in found.list()] == sorted(names)
    assert [file.key for file in found.list("x/ü")] == ["x/ü+&%25 数据#?.csv"]
    everything = open_storage(f"gs://{bucket.name}", tmp_path)
    assert [file.key for file in everything.list()] == sorted(
        [*(f"pre fix=50%/{name}" for name in names), "pre fix=50%x/no.csv", "no.csv"]
    )


def test_more_than_one_page(bucket: Any, faults: gcs.Faults, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for number in range(7):
        put(bucket, f"p/{number}.csv", str(number))
    found = open_storage(f"gs://{bucket.name}/p", tmp_path)
    assert isinstance(found, storage.Bucket)
    whole = found.client.list_blobs
    monkeypatch.setattr(found.client, "list_blobs", lambda *args, **more: whole(*args, page_size=3, **more))
    assert [file.key for file in found.list()] == [f"{number}.csv" for number in range(7)]
    assert faults.requests == ["list"] * 3


def test_many_files_at_a_time(bucket: Any, faults: gcs.Faults, caplog: pytest.LogCaptureFixture) -> None:
    put(bucket, "p/a.csv", "1")
    found = open_storage(f"gs://{bucket.name}/p", Path())
    (file,) = found.list()
    together = threading.Barrier(12)

    def meet(_: str) -> None:
        together.wait(30)

    faults.hook = meet
    with ThreadPoolExecutor(12) as pool:
        assert list(pool.map(found.read, [file] * 12)) == [b"1"] * 12
    assert "pool is full" not in caplog.text


def test_a_file_that_the_server_would_unpack_arrives_as_it_is_stored(bucket: Any, tmp_path: Path) -> None:
    packed = gzip.compress(b"a,b\n" * 1000, mtime=0)
    put(bucket, "p/a.csv.gz", packed, content_encoding="gzip")
    found = open_storage(f"gs://{bucket.name}/p", tmp_path)
    (file,) = found.list()
    assert file.size == len(packed)
    found.fetch(file, tmp_path / "copy")
    assert (tmp_path / "copy").read_bytes() == packed == found.read(file)


def test_progress_adds_up_to_the_size_and_goes_back_for_a_body_that_broke_off(
    bucket: Any, faults: gcs.Faults, tmp_path: Path
) -> None:
    content = bytes(range(256)) * (3 * CHUNK // 256) + b"end"
    put(bucket, "p/big.csv", content)
    found = open_storage(f"gs://{bucket.name}/p", tmp_path)
    (file,) = found.list()
    faults.hook = lambda subject: gcs.CUT if faults.requests.count(subject) == 1 else None
    told: list[int] = []
    found.fetch(file, tmp_path / "copy", told.append)
    assert (tmp_path / "copy").read_bytes() == content
    assert sum(told) == len(content)
    assert min(told) < 0
    assert all(size <= CHUNK + (1 << 16) for size in told)
    assert faults.requests == ["list", "p/big.csv", "p/big.csv"]  # whole again: a part would not be verified


def test_what_progress_raises_ends_the_copy(bucket: Any, tmp_path: Path) -> None:
    class Enough(Exception):  # noqa: N818
        pass

    def stop(_: int) -> None:
        raise Enough

    put(bucket, "p/a.csv", "content")
    found = open_storage(f"gs://{bucket.name}/p", tmp_path)
    with pytest.raises(Enough):
        found.fetch(found.list()[0], tmp_path / "copy", stop)


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="this system has no full disk to offer")
def test_a_disk_that_is_full_is_not_the_networks_fault(bucket: Any) -> None:
    put(bucket, "p/a.csv", "x" * (1 << 20))
    found = open_storage(f"gs://{bucket.name}/p", Path())
    with pytest.raises(OSError, match="No space left"):
        found.fetch(found.list()[0], Path("/dev/full"))


def test_a_body_that_breaks_off_is_fetched_again(bucket: Any, faults: gcs.Faults, house: House) -> None:
    two_days(bucket)
    faults.hook = lambda subject: gcs.CUT if subject != "list" and faults.requests.count(subject) == 1 else None
    assert house.ok().total() == 7
    assert faults.requests.count(DAY.format(2, 0)) == 2


@pytest.mark.parametrize("fault", [gcs.CUT, gcs.BENT])
def test_a_body_that_is_never_whole_is_an_error_and_leaves_the_other_partition_alone(
    bucket: Any, faults: gcs.Faults, house: House, fault: int
) -> None:
    two_days(bucket)
    faults.hook = lambda subject: fault if subject == DAY.format(2, 0) else None
    house.refused("breaks off in the middle", "damaged", DAY.format(2, 0).removeprefix("export/"), "run again")
    assert faults.requests.count(DAY.format(2, 0)) == 1 + len(storage.WAITS)
    assert house.total() == 3
    faults.hook = lambda _: None
    assert house.ok().total() == 7


def test_a_byte_that_arrived_as_another_is_fetched_again(bucket: Any, faults: gcs.Faults, tmp_path: Path) -> None:
    put(bucket, "p/a.csv", "content")
    found = open_storage(f"gs://{bucket.name}/p", tmp_path)
    (file,) = found.list()
    faults.hook = lambda subject: gcs.BENT if faults.requests.count(subject) == 1 else None
    assert found.read(file) == b"content"
    sums = base64.b64encode(google_crc32c.Checksum(b"content").digest()).decode()
    assert bucket.get_blob("p/a.csv").crc32c == sums  # the server says what it should be


def everything(bucket: Any) -> list[bytes]:
    found = open_storage(f"gs://{bucket.name}/p", Path())
    return [found.read(file) for file in found.list()]


@pytest.mark.parametrize("status", [429, 503])
@pytest.mark.parametrize("subject", ["list", "p/a.csv"])
def test_a_server_that_is_busy_for_a_while(
    bucket: Any, faults: gcs.Faults, monkeypatch: pytest.MonkeyPatch, status: int, subject: str
) -> None:
    monkeypatch.setattr(gcp_session, "PATIENCE", 20.0)
    put(bucket, "p/a.csv", "1")
    faults.hook = lambda asked: status if asked == subject and faults.requests.count(asked) == 1 else None
    assert everything(bucket) == [b"1"]
    assert faults.requests.count(subject) == 2


@pytest.mark.parametrize(("status", "name"), [(429, "TOO_MANY_REQUESTS"), (503, "SERVICE_UNAVAILABLE")])
@pytest.mark.parametrize("subject", ["list", "p/a.csv"])
def test_a_server_that_stays_busy(bucket: Any, faults: gcs.Faults, status: int, name: str, subject: str) -> None:
    put(bucket, "p/a.csv", "1")
    faults.hook = lambda asked: status if asked == subject else None
    with pytest.raises(SourceError) as caught:
        everything(bucket)
    for words in ("Cloud Storage could not answer", name, "run again in a few minutes", f"gs://{bucket.name}/p"):
        assert words in str(caught.value)
    assert faults.requests.count(subject) >= 2


@pytest.mark.parametrize(
    ("subject", "permission"), [("list", "storage.objects.list"), (DAY.format(2, 0), "storage.objects.get")]
)
def test_who_is_refused_is_told_the_permission(
    bucket: Any, faults: gcs.Faults, house: House, subject: str, permission: str
) -> None:
    two_days(bucket)
    faults.message = f"me@p.iam.gserviceaccount.com does not have {permission} access to it."
    faults.hook = lambda asked: 403 if asked == subject else None
    house.refused(f"Cloud Storage refused {permission}", f"allow {permission}", f"gs://{bucket.name}/export")
    assert faults.requests.count(subject) == 1  # a refusal is not asked again


def test_another_permission_that_google_names(bucket: Any, faults: gcs.Faults, house: House) -> None:
    faults.message = "Permission 'serviceusage.services.use' denied on resource (or it may not exist)."
    faults.hook = lambda _: 403
    house.refused("refused serviceusage.services.use")


class _Fresh(AnonymousCredentials):
    """Credentials that can be asked for anew, and are no better then."""

    def refresh(self, request: object) -> None:
        pass


def test_credentials_that_google_refuses(
    bucket: Any, faults: gcs.Faults, house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(gcp_session, "anonymous", _Fresh)
    faults.hook = lambda _: 401
    house.refused("credentials", "of no use", "gcloud auth application-default login")


def test_no_credentials(bucket: Any, house: House, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("STORAGE_EMULATOR_HOST")
    monkeypatch.setenv("GOOGLE_APPLICATION_CREDENTIALS", str(tmp_path / "none.json"))
    house.refused("no credentials for Google Cloud", "gcloud auth application-default login")


def test_no_such_bucket(tmp_path: Path) -> None:
    house = House(tmp_path, {"name": "gcp", "kind": "gcp-files", "uri": "gs://nobodys-bucket/export"})
    house.refused("there is no such bucket", "gs://nobodys-bucket/export", "bucket's name")


def test_a_prefix_without_files_withdraws_nothing(bucket: Any, house: House) -> None:
    two_days(bucket)
    house.ok()
    bucket.delete_blobs(list(bucket.list_blobs()))
    house.refused("there is no file that ends in", f"gs://{bucket.name}/export")
    assert house.total() == 7


def test_who_reads_pays(bucket: Any, faults: gcs.Faults, tmp_path: Path) -> None:
    put(bucket, "p/a.csv", "1")
    found = open_storage(f"gs://{bucket.name}/p", tmp_path, GcpAccess(quota_project="ours"))
    assert [found.read(file) for file in found.list()] == [b"1"]
    assert [asked["userProject"] for asked in faults.parameters] == ["ours", "ours"]
    faults.hook, faults.message = lambda _: 400, "Bucket is a requester pays bucket but no user project provided."
    with pytest.raises(SourceError, match=r"pays for it.*quota_project"):
        open_storage(f"gs://{bucket.name}/p", tmp_path).list()


def test_nobody_answers(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        monkeypatch.setenv("STORAGE_EMULATOR_HOST", f"127.0.0.1:{free.getsockname()[1]}")
    with pytest.raises(SourceError, match=r"Cloud Storage could not be asked.*network"):
        open_storage("gs://bills/p", tmp_path).list()


@pytest.mark.parametrize("host", ["http://storage.example:80", "https://127.0.0.1:9", "me:s3cret@127.0.0.1:9"])
def test_plain_text_is_spoken_on_this_machine_alone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, host: str) -> None:
    monkeypatch.setenv("STORAGE_EMULATOR_HOST", host)
    with pytest.raises(SourceError, match="check endpoint") as caught:
        open_storage("gs://bills/p", tmp_path).list()
    assert "s3cret" not in str(caught.value)


def test_a_host_without_a_scheme(server: str, bucket: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    put(bucket, "p/a.csv", "1")
    monkeypatch.setenv("STORAGE_EMULATOR_HOST", server.removeprefix("http://"))
    found = open_storage(f"gs://{bucket.name}/p", tmp_path)
    assert [found.read(file) for file in found.list()] == [b"1"]


def test_other_kinds_read_buckets_too(bucket: Any, tmp_path: Path) -> None:
    put(bucket, "azure/a.csv", write_csv(tmp_path / "a.csv", [focus("2.5")]).read_bytes())
    ledger = [{"start_date": "2026-09-01", "end_date": "2026-09-02", "amount": "4", "currency": "USD"}]
    rows = [{**row, "category": "people", "description": "d"} for row in ledger]
    put(bucket, "people/costs.csv", write_csv(tmp_path / "costs.csv", rows).read_bytes())
    house = House(
        tmp_path / "house",
        {"name": "azure", "kind": "focus-files", "uri": f"gs://{bucket.name}/azure"},
        {"name": "people", "kind": "cost-ledger", "uri": f"gs://{bucket.name}/people"},
    )
    assert house.ok().total() == Decimal("6.5")


def test_the_doctor_looks_into_the_bucket(bucket: Any, house: House) -> None:
    two_days(bucket)
    (finding,) = (each for each in examine(examinations(house.config)) if each.subject == "source gcp")
    assert finding.passed, finding.text
    assert "2 units" in finding.text
