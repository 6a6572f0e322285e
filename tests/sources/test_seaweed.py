"""Against a real S3 server with its authentication on: pages, odd keys, identities, and what it answers itself."""

from __future__ import annotations

import gzip
import json
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from botocore.exceptions import ClientError

from finops.cli.doctor import Finding, examine
from finops.cli.examine import examinations
from finops.config import AwsExport
from finops.sources import landing
from finops.sources.aws_exports import AwsDataExport
from finops.sources.opening import open_storage
from finops.sources.storage import Changed

from .house import House, cur, write_csv
from .weed import BUCKET, LISTER, READER, WRITER, Weed

As = Callable[[tuple[str, str]], None]


@pytest.fixture
def prefix(request: pytest.FixtureRequest) -> str:
    """A place in the bucket of the test's own, with a blank and an equals sign in its name."""
    return f"a b=c/{request.node.name}"


@pytest.fixture
def sign_in(weed: Weed, monkeypatch: pytest.MonkeyPatch) -> As:
    def _sign_in(who: tuple[str, str]) -> None:
        for name, value in weed.environment(who).items():
            monkeypatch.setenv(name, value)

    return _sign_in


@pytest.fixture(autouse=True)
def _as_a_reader(sign_in: As) -> None:
    sign_in(READER)


def source(prefix: str, **more: Any) -> dict[str, Any]:
    return {"name": "aws", "kind": "aws-cur2", "uri": f"s3://{BUCKET}/{prefix}", "export": "ml", **more}


def deliver(weed: Weed, tmp_path: Path, prefix: str, names: list[str], cost: str = "1") -> None:
    """A month of a file of one charge for each name."""
    content = gzip.compress(write_csv(tmp_path / "chunk.csv", [cur(cost=cost)]).read_bytes(), mtime=0)
    folder, client = f"{prefix}/ml/data/BILLING_PERIOD=2026-09", weed.client()
    with ThreadPoolExecutor(8) as pool:
        list(pool.map(lambda name: client.put_object(Bucket=BUCKET, Key=f"{folder}/{name}", Body=content), names))
    named = {"executionId": cost, "dataFiles": [f"s3://{BUCKET}/{folder}/{name}" for name in names]}
    client.put_object(Bucket=BUCKET, Key=manifest(prefix), Body=json.dumps(named).encode())


def manifest(prefix: str) -> str:
    return f"{prefix}/ml/metadata/BILLING_PERIOD=2026-09/ml-Manifest.json"


def test_an_export_of_more_than_a_thousand_keys(weed: Weed, tmp_path: Path, prefix: str) -> None:
    deliver(weed, tmp_path, prefix, [f"ml-{number:05}.csv.gz" for number in range(1501)])
    entry = AwsExport.model_validate(source(prefix))
    export = AwsDataExport(entry, open_storage(entry.uri, tmp_path, entry))
    (landed,) = landing.land(export, tmp_path / "home", None, lambda _: None).landed
    assert [key.rpartition("/")[2] for key in landed.keys] == [f"ml-{number:05}.csv.gz" for number in range(1501)]
    assert {gzip.decompress(path.read_bytes()) for path in landed.files} == {(tmp_path / "chunk.csv").read_bytes()}


def test_keys_with_blanks_equals_signs_and_letters_of_other_alphabets(weed: Weed, tmp_path: Path, prefix: str) -> None:
    names = ["a b.csv.gz", "x=1&y=2.csv.gz", "ü 数据.csv.gz", "100%+#?.csv.gz", "run=1/deep er/ml.csv.gz"]
    deliver(weed, tmp_path, prefix, names)
    assert House(tmp_path / "house", source(prefix)).ok().total() == len(names)


def test_the_reader_may_not_write(weed: Weed, prefix: str) -> None:
    with pytest.raises(ClientError, match="AccessDenied"):  # else the other tests would not show that reading suffices
        weed.client(READER).put_object(Bucket=BUCKET, Key=f"{prefix}/x", Body=b"")


@pytest.mark.parametrize(
    ("who", "words"),
    [
        ((READER[0], "wrong"), ("SignatureDoesNotMatch", "check the credentials")),
        (("AKIANOBODY", "wrong"), ("InvalidAccessKeyId", "check the credentials")),
        (LISTER, ("AccessDenied", "allow s3:GetObject")),
    ],
)
def test_credentials_that_do_not_suffice(
    weed: Weed, tmp_path: Path, prefix: str, sign_in: As, who: tuple[str, str], words: tuple[str, ...]
) -> None:
    deliver(weed, tmp_path, prefix, ["ml-1.csv.gz"])
    house = House(tmp_path / "house", source(prefix))
    assert house.ok().total() == 1
    deliver(weed, tmp_path, prefix, ["ml-1.csv.gz"], cost="2")
    sign_in(who)
    house.refused(*words, f"s3://{BUCKET}/{prefix}")
    assert house.total() == 1


def test_a_bucket_that_is_not_there(tmp_path: Path, sign_in: As) -> None:
    house = House(tmp_path / "house", {**source("x"), "uri": "s3://nowhere/x"})
    house.refused("AccessDenied", "allow s3:ListBucket")  # who may not list a bucket is not told that there is none
    sign_in(WRITER)
    house.refused("NoSuchBucket", "correct the bucket's name")


@pytest.mark.parametrize("event", ["another content", "the same size", "gone"])
def test_an_object_that_is_no_longer_what_was_listed(weed: Weed, tmp_path: Path, prefix: str, event: str) -> None:
    client, key = weed.client(), f"{prefix}/a.csv"
    client.put_object(Bucket=BUCKET, Key=key, Body=b"old")
    storage = open_storage(f"s3://{BUCKET}/{prefix}", tmp_path)
    (file,) = storage.list()
    assert storage.read(file) == b"old"
    if event == "gone":
        client.delete_object(Bucket=BUCKET, Key=key)
    else:
        client.put_object(Bucket=BUCKET, Key=key, Body=b"new" if event == "the same size" else b"longer")
    for act in (lambda: storage.read(file), lambda: storage.fetch(file, tmp_path / "copy")):
        with pytest.raises(Changed, match=r"a\.csv"):
            act()


def test_an_object_of_several_parts_whose_tag_is_no_md5(weed: Weed, tmp_path: Path, prefix: str) -> None:
    client, at = weed.client(), {"Bucket": BUCKET, "Key": f"{prefix}/a.csv"}
    parts = [b"x" * (5 << 20), b"end"]
    upload = client.create_multipart_upload(**at)["UploadId"]
    tags = [
        {
            "PartNumber": number,
            "ETag": client.upload_part(**at, UploadId=upload, PartNumber=number, Body=part)["ETag"],
        }
        for number, part in enumerate(parts, 1)
    ]
    client.complete_multipart_upload(**at, UploadId=upload, MultipartUpload={"Parts": tags})
    storage = open_storage(f"s3://{BUCKET}/{prefix}", tmp_path)
    (file,) = storage.list()
    assert "-2" in file.etag
    storage.fetch(file, tmp_path / "copy")
    assert (tmp_path / "copy").read_bytes() == b"".join(parts)


def doctor(house: House) -> Finding:
    """What the doctor says of the one source."""
    return next(each for each in examine(examinations(house.config)) if each.subject == "source aws")


def test_the_doctor_reads_the_newest_manifest(weed: Weed, tmp_path: Path, prefix: str, sign_in: As) -> None:
    deliver(weed, tmp_path, prefix, ["ml-1.csv.gz", "ml-2.csv.gz"])
    house = House(tmp_path / "house", source(prefix))
    fine = doctor(house)
    assert fine.passed
    assert fine.text.startswith("1 unit, the newest 2026-09 of 20")
    assert fine.text.endswith("UTC, 2 files")
    sign_in(LISTER)  # may list, and so see that there is a manifest
    lacking = doctor(house)
    assert not lacking.passed
    assert "allow s3:GetObject on it" in lacking.text
    assert "ml-Manifest.json" in lacking.text
    sign_in(("AKIANOBODY", "wrong"))
    assert "check the credentials" in doctor(house).text


def test_the_doctor_names_the_right_to_list(tmp_path: Path) -> None:
    finding = doctor(House(tmp_path / "house", {**source("x"), "uri": "s3://somebody-elses/x"}))
    assert not finding.passed
    assert "allow s3:ListBucket on it" in finding.text


def test_the_doctor_sees_a_delivery_under_way(weed: Weed, tmp_path: Path, prefix: str) -> None:
    deliver(weed, tmp_path, prefix, ["ml-1.csv.gz"])
    weed.client().delete_object(Bucket=BUCKET, Key=f"{prefix}/ml/data/BILLING_PERIOD=2026-09/ml-1.csv.gz")
    finding = doctor(House(tmp_path / "house", source(prefix)))
    assert finding.passed
    assert "which is being delivered: ml/data/BILLING_PERIOD=2026-09/ml-1.csv.gz is missing" in finding.text


def test_an_unchanged_manifest_is_not_followed_again(weed: Weed, tmp_path: Path, prefix: str) -> None:
    deliver(weed, tmp_path, prefix, ["ml-1.csv.gz"], cost="2.5")
    house = House(tmp_path / "house", source(prefix)).ok()
    assert house.total() == Decimal("2.5")
    weed.client().delete_object(Bucket=BUCKET, Key=f"{prefix}/ml/data/BILLING_PERIOD=2026-09/ml-1.csv.gz")
    assert house.ok().total() == Decimal("2.5")  # the manifest is the same: its files are not even looked at
