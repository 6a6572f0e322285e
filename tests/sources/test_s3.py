"""An export in a bucket, over the wire: pages, a refusal, and an overwrite in the middle of a read."""

from __future__ import annotations

import gzip
import json
import socket
from collections.abc import Iterator
from dataclasses import replace
from decimal import Decimal
from pathlib import Path

import pytest
from botocore.retries import standard

from finops.clouds import aws_inventory, aws_session
from finops.errors import SourceError
from finops.sources import s3 as storage
from finops.sources.opening import open_storage
from finops.sources.storage import Changed

from . import s3
from .house import T0, House, cur, write_csv

SOURCE = {"name": "aws", "kind": "aws-cur2", "uri": "s3://bills/pre fix", "export": "ml"}
DATA = "pre fix/ml/data/BILLING_PERIOD=2026-09/ml-{:05}.csv.gz"
MANIFEST = "pre fix/ml/metadata/BILLING_PERIOD=2026-09/ml-Manifest.json"


@pytest.fixture
def bucket(monkeypatch: pytest.MonkeyPatch) -> Iterator[s3.Bucket]:
    monkeypatch.setattr(aws_session, "ATTEMPTS", 1)
    with s3.serve("bills") as served:
        for name, value in served.environment().items():
            monkeypatch.setenv(name, value)
        yield served


@pytest.fixture
def house(tmp_path: Path) -> House:
    return House(tmp_path, SOURCE)


def deliver(bucket: s3.Bucket, tmp_path: Path, costs: list[str], seconds: float = T0) -> None:
    """A month of one file for each cost."""
    for number, cost in enumerate(costs):
        path = write_csv(tmp_path / "chunk.csv", [cur(cost=cost)])
        bucket.put(DATA.format(number), gzip.compress(path.read_bytes(), mtime=0), seconds)
    uris = [f"s3://bills/{DATA.format(number)}" for number in range(len(costs))]
    bucket.put(MANIFEST, json.dumps({"executionId": str(seconds), "dataFiles": uris}).encode(), seconds + 60)


def test_a_month_of_several_pages(bucket: s3.Bucket, house: House, tmp_path: Path) -> None:
    deliver(bucket, tmp_path, ["1", "2", "3", "4", "5.5"])
    bucket.put("pre fix/ml/data/BILLING_PERIOD=2026-09/", b"", T0)  # a console makes such keys for folders
    assert house.ok().total() == Decimal("15.5")
    bucket.requests.clear()
    house.ok()
    assert set(bucket.requests) == {"GET list"}  # the same version: nothing is fetched


def test_an_overwrite_in_the_middle_gives_one_whole_version(bucket: s3.Bucket, house: House, tmp_path: Path) -> None:
    deliver(bucket, tmp_path, ["1", "1", "1"])
    seen: list[str] = []

    def overwrite(key: str) -> None:
        if key == DATA.format(1) and not seen:
            seen.append(key)
            deliver(bucket, tmp_path, ["5", "5", "5"], T0 + 600)

    bucket.hook = overwrite
    assert house.ok().total() == 15  # it was discovered in its old version, and is gone on with in the new one
    assert seen


def test_a_body_that_breaks_off_is_fetched_again(bucket: s3.Bucket, house: House, tmp_path: Path) -> None:
    deliver(bucket, tmp_path, ["1", "2"])
    broken: list[str] = []

    def cut(key: str) -> int | None:
        if key == DATA.format(1) and not broken:
            broken.append(key)
            return -1
        return None

    bucket.hook = cut
    assert house.ok().total() == 3
    assert broken


def test_a_body_that_always_breaks_off_is_asked_for_alone_and_is_an_error_in_the_end(
    bucket: s3.Bucket, house: House, tmp_path: Path
) -> None:
    deliver(bucket, tmp_path, ["1", "2", "3"])
    bucket.hook = lambda key: -1 if key == DATA.format(1) else None
    house.refused("breaks off in the middle", "ml-00001.csv.gz", "run again")
    asked = [request.removeprefix("GET ") for request in bucket.requests]
    assert asked.count(DATA.format(1)) == 1 + len(storage.WAITS)
    assert asked.count(DATA.format(0)) <= 1  # it may have been given up with the other
    bucket.hook = lambda _: None
    assert house.ok().total() == 6


@pytest.mark.parametrize("times", [1, 99])
def test_slow_down(
    bucket: s3.Bucket, house: House, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, times: int
) -> None:
    monkeypatch.setattr(aws_session, "ATTEMPTS", 3)
    monkeypatch.setattr(standard.ExponentialBackoff, "delay_amount", lambda *_: 0)
    deliver(bucket, tmp_path, ["1", "2"])
    told: list[str] = []

    def busy(key: str) -> int | None:
        told.append(key)
        return 503 if key == DATA.format(1) and told.count(key) <= times else None

    bucket.hook = busy
    if times == 1:
        assert house.ok().total() == 3
        assert told.count(DATA.format(1)) == 2
    else:
        house.refused("SlowDown", "ml-00001.csv.gz", "run again in a few minutes")
        assert told.count(DATA.format(1)) == 3


def test_a_server_that_does_not_look_at_if_match_is_found_out(bucket: s3.Bucket, house: House, tmp_path: Path) -> None:
    deliver(bucket, tmp_path, ["1", "1"])
    bucket.careless = True
    held = bucket.objects[DATA.format(1)]

    def overwrite(key: str) -> None:
        if key == DATA.format(1):  # the same size, and another content, just after it was listed
            bucket.put(key, gzip.compress(gzip.decompress(held[0]).replace(b"1\r\n", b"9\r\n"), mtime=0), T0)
        if key == "list":
            bucket.objects[DATA.format(1)] = held

    bucket.hook = overwrite
    house.refused("not complete", "ml-00001.csv.gz changed")
    assert house.total() is None


def test_a_file_whose_size_is_not_the_listed_one_never_gets_in(bucket: s3.Bucket, tmp_path: Path) -> None:
    bucket.put("p/a.csv", b"12345", T0)
    found = open_storage("s3://bills/p/", tmp_path)
    (file,) = found.list()
    with pytest.raises(Changed, match=r"a\.csv changed"):
        found.fetch(replace(file, size=6), tmp_path / "copy")


def test_an_unchanged_refresh_of_twelve_periods_reads_no_file(bucket: s3.Bucket, house: House, tmp_path: Path) -> None:
    for month in range(1, 13):
        start, after = f"2026-{month:02}", f"2026-{month + 1:02}" if month < 12 else "2027-01"
        row = cur(
            cost=str(month),
            bill_billing_period_start_date=f"{start}-01T00:00:00Z",
            bill_billing_period_end_date=f"{after}-01T00:00:00Z",
            line_item_usage_start_date=f"{start}-02T00:00:00Z",
            line_item_usage_end_date=f"{start}-02T01:00:00Z",
        )
        content = gzip.compress(write_csv(tmp_path / "chunk.csv", [row]).read_bytes(), mtime=0)
        key = DATA.replace("2026-09", start).format(1)
        bucket.put(key, content, T0)
        named = json.dumps({"executionId": start, "dataFiles": [f"s3://bills/{key}"]}).encode()
        bucket.put(MANIFEST.replace("2026-09", start), named, T0)
    assert house.ok().total() == 78
    bucket.requests.clear()
    house.ok()
    assert [each.rows for each in house.loaded] == [None] * 12
    assert bucket.requests == ["GET list"] * (12 // s3.PAGE)  # the folder of the manifests, once, in its pages


def test_a_month_with_no_partition_yet_is_no_error(bucket: s3.Bucket, house: House, tmp_path: Path) -> None:
    deliver(bucket, tmp_path, ["7"])
    bucket.put(DATA.replace("2026-09", "2026-10").format(1), b"the first chunk of October, and no manifest", T0)
    assert house.ok().total() == 7
    assert house.sql("SELECT DISTINCT billing_period FROM ledger.loads") == [("2026-09",)]


def test_a_manifest_that_is_replaced_by_a_bad_one_in_the_middle_is_named(
    bucket: s3.Bucket, house: House, tmp_path: Path
) -> None:
    deliver(bucket, tmp_path, ["1", "1"])

    def replaced(key: str) -> None:
        if key == DATA.format(1):
            bucket.put(MANIFEST, b"{", T0 + 600)

    bucket.hook = replaced
    house.refused("not the JSON", "ml-Manifest.json")


def loaded(bucket: s3.Bucket, house: House, tmp_path: Path) -> None:
    deliver(bucket, tmp_path, ["7"])
    assert house.ok().total() == 7
    deliver(bucket, tmp_path, ["8"], T0 + 600)


def test_forbidden_to_list(bucket: s3.Bucket, house: House, tmp_path: Path) -> None:
    loaded(bucket, house, tmp_path)
    bucket.hook = lambda key: 403 if key == "list" else None
    house.refused("AccessDenied", "allow s3:ListBucket", "s3://bills/pre fix")
    assert house.total() == 7


def test_forbidden_to_read_a_listed_file(bucket: s3.Bucket, house: House, tmp_path: Path) -> None:
    loaded(bucket, house, tmp_path)
    bucket.put(DATA.format(7), bucket.objects[DATA.format(0)][0], T0)  # in the same folder, and in no manifest
    bucket.hook = lambda key: 403 if key == DATA.format(0) else None
    house.refused("AccessDenied", "allow s3:GetObject", "ml-00000.csv.gz")
    assert house.total() == 7
    assert f"GET {DATA.format(7)}" not in bucket.requests  # a failure, and no fallback to what else lies there


def test_a_listed_file_is_gone(bucket: s3.Bucket, house: House, tmp_path: Path) -> None:
    loaded(bucket, house, tmp_path)
    del bucket.objects[DATA.format(0)]
    house.refused("not complete", "ml-00000.csv.gz")
    assert house.total() == 7


def test_data_younger_than_its_manifest(bucket: s3.Bucket, house: House, tmp_path: Path) -> None:
    loaded(bucket, house, tmp_path)
    content, _ = bucket.objects[DATA.format(0)]
    bucket.put(DATA.format(0), content, T0 + 1000)
    house.refused("not complete", "run again")
    assert house.total() == 7


def test_no_such_bucket(bucket: s3.Bucket, tmp_path: Path) -> None:
    House(tmp_path, {**SOURCE, "uri": "s3://other"}).refused("NoSuchBucket", "bucket's name")


def test_an_error_of_the_server(bucket: s3.Bucket, house: House) -> None:
    bucket.hook = lambda _: 500
    house.refused("InternalError", "try again")


def test_a_connection_refused(bucket: s3.Bucket, house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        monkeypatch.setenv("AWS_ENDPOINT_URL", f"http://127.0.0.1:{free.getsockname()[1]}")
    house.refused("cannot be reached", "network")


def test_no_credentials(bucket: s3.Bucket, house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("AWS_ACCESS_KEY_ID")
    monkeypatch.delenv("AWS_SECRET_ACCESS_KEY")
    house.refused("credentials")


@pytest.mark.parametrize("endpoint", ["not a url", "http://"])
def test_an_endpoint_that_is_no_url(
    bucket: s3.Bucket, house: House, monkeypatch: pytest.MonkeyPatch, endpoint: str
) -> None:
    monkeypatch.setenv("AWS_ENDPOINT_URL", endpoint)
    house.refused("s3://bills/pre fix")


@pytest.mark.parametrize(
    "endpoint",
    [
        "http://me:s3cret@127.0.0.1:9",
        "http://me:s3cret@",
        "me:s3cret@host",
        "http://me:s3cret/@host",
        "http://me:s3 cret@h",
    ],
)
def test_a_password_in_the_endpoint_is_not_shown(
    bucket: s3.Bucket, house: House, monkeypatch: pytest.MonkeyPatch, endpoint: str
) -> None:
    monkeypatch.setattr(aws_session, "ATTEMPTS", 1)
    monkeypatch.setenv("AWS_ENDPOINT_URL", endpoint)
    assert "s3" not in house.refused("cannot be reached").replace("s3://bills", "").replace("S3", "")
    with pytest.raises(SourceError) as caught:
        aws_inventory.caller(aws_inventory.Way(aws_session.AwsAccess(), "aws"))
    assert "s3" not in str(caught.value)


def test_an_unknown_profile(bucket: s3.Bucket, house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_PROFILE", "nobody")
    house.refused("profile")


def test_keys_are_relative_to_the_prefix(bucket: s3.Bucket, tmp_path: Path) -> None:
    for key in ("p/a b=c.csv", "p/x/ü+&.csv", "pq/no.csv"):
        bucket.put(key, b"1", T0)
    found = open_storage("s3://bills/p/", tmp_path)
    assert [file.key for file in found.list()] == ["a b=c.csv", "x/ü+&.csv"]
    assert [found.read(file) for file in found.list()] == [b"1", b"1"]
