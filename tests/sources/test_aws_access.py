"""How a bucket is reached: the parameters that S3 gets, and roles that are assumed and assumed again."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs

import pytest
from botocore.stub import Stubber
from pydantic import ValidationError

from finops.clouds import aws_session
from finops.clouds.aws_session import AwsAccess
from finops.errors import SourceError
from finops.sources.opening import open_storage
from finops.sources.s3 import Bucket
from finops.sources.storage import RemoteFile

ROLE = "arn:aws:iam::123456789012:role/billing/reader"
FILE = RemoteFile("a.csv", 1, 1_790_000_000.0, '"tag"')
LISTED = {
    "Contents": [{"Key": "p/a.csv", "Size": 1, "LastModified": datetime.fromtimestamp(1.79e9, UTC), "ETag": '"tag"'}]
}


@pytest.fixture(autouse=True)
def own_credentials(monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in {
        "AWS_ACCESS_KEY_ID": "OWN",
        "AWS_SECRET_ACCESS_KEY": "secret",
        "AWS_REGION": "us-east-1",
        "AWS_DEFAULT_REGION": "us-east-1",
        "AWS_EC2_METADATA_DISABLED": "true",
        "AWS_CONFIG_FILE": "/nowhere",
        "AWS_SHARED_CREDENTIALS_FILE": "/nowhere",
    }.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setattr(aws_session, "ATTEMPTS", 1)


@pytest.mark.parametrize(
    ("access", "more"),
    [
        ({}, {}),
        ({"requester_pays": True}, {"RequestPayer": "requester"}),
        ({"expected_bucket_owner": "012345678901"}, {"ExpectedBucketOwner": "012345678901"}),
        (
            {"requester_pays": True, "expected_bucket_owner": "012345678901"},
            {"RequestPayer": "requester", "ExpectedBucketOwner": "012345678901"},
        ),
    ],
)
def test_every_request_says_who_pays_and_who_must_own_the_bucket(
    tmp_path: Path, access: dict[str, Any], more: dict[str, str]
) -> None:
    bucket = open_storage("s3://bills/p", tmp_path, AwsAccess.model_validate(access))
    assert isinstance(bucket, Bucket)
    with Stubber(bucket.client) as stub:
        stub.add_response("list_objects_v2", LISTED, {"Bucket": "bills", "Prefix": "p/", **more})
        assert bucket.list() == [FILE]
        wanted = {"Bucket": "bills", "Key": "p/a.csv", "IfMatch": '"tag"', **more}
        stub.add_client_error("get_object", "AccessDenied", "Access Denied", 403, expected_params=wanted)
        with pytest.raises(SourceError, match="refused s3:GetObject: AccessDenied"):
            bucket.read(FILE)
        stub.assert_no_pending_responses()


@pytest.mark.parametrize(
    ("code", "message", "words"),
    [
        (
            "AccessDenied",
            f"User: {ROLE} is not authorized to perform: kms:Decrypt on the resource",
            "allow kms:Decrypt on it",
        ),
        ("AccessDenied", "Access Denied", "allow s3:GetObject on it"),
        ("InvalidObjectState", "The operation is not valid for the object's storage class", "archive class"),
        ("ExpiredToken", "The provided token has expired.", "sign in again"),
        ("RequestTimeTooSkewed", "The difference is too large", "clock"),
    ],
)
def test_a_refusal_names_what_is_lacking(code: str, message: str, words: str) -> None:
    bucket = Bucket("s3://bills/p", AwsAccess())
    with Stubber(bucket.client) as stub:
        stub.add_client_error("get_object", code, message)
        with pytest.raises(SourceError) as caught:
            bucket.read(FILE)
    assert words in str(caught.value)
    assert "s3://bills/p/a.csv" in str(caught.value)


def test_the_way_to_aws_is_what_the_source_says() -> None:
    client = aws_session.client("s3", AwsAccess(region="eu-central-1", endpoint="http://127.0.0.1:9"))
    assert (client.meta.region_name, client.meta.endpoint_url) == ("eu-central-1", "http://127.0.0.1:9")
    assert aws_session.client("sts", AwsAccess(endpoint="http://127.0.0.1:9")).meta.endpoint_url.endswith("aws.com")


def test_a_profile_brings_its_own_credentials(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "credentials"
    path.write_text("[books]\naws_access_key_id = BOOKS\naws_secret_access_key = x\n")
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", str(path))
    found = aws_session.session(AwsAccess(profile="books")).get_credentials()
    assert found is not None
    assert found.access_key == "BOOKS"
    with pytest.raises(SourceError, match=r"profile \(nobody\)"):
        Bucket("s3://bills", AwsAccess(profile="nobody")).list()


class Aws:
    """STS and S3 on loopback: each assumed role gets credentials of its own, for `lifetime`."""

    def __init__(self) -> None:
        self.url = ""
        self.lifetime = timedelta(hours=1)
        self.refuses = False
        self.assumed: list[dict[str, str]] = []
        self.signed_by: list[str] = []


class _Handler(BaseHTTPRequestHandler):
    aws: Aws

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002
        pass

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"])).decode()
        self.aws.assumed.append({name: values[0] for name, values in parse_qs(body).items()})
        assert "Credential=OWN/" in self.headers["Authorization"]
        if self.aws.refuses:
            return self.answer(403, "<ErrorResponse><Error><Code>AccessDenied</Code></Error></ErrorResponse>")
        key, until = f"ROLE{len(self.aws.assumed)}", datetime.now(UTC) + self.aws.lifetime
        return self.answer(
            200,
            f"<AssumeRoleResponse><AssumeRoleResult><Credentials><AccessKeyId>{key}</AccessKeyId>"
            f"<SecretAccessKey>s</SecretAccessKey><SessionToken>token-{key}</SessionToken>"
            f"<Expiration>{until.isoformat()}</Expiration></Credentials></AssumeRoleResult></AssumeRoleResponse>",
        )

    def do_GET(self) -> None:
        key = self.headers["Authorization"].partition("Credential=")[2].partition("/")[0]
        assert self.headers["x-amz-security-token"] == f"token-{key}"
        self.aws.signed_by.append(key)
        self.answer(200, "<ListBucketResult><KeyCount>0</KeyCount></ListBucketResult>")

    def answer(self, status: int, text: str) -> None:
        self.send_response(status)
        self.send_header("Content-Length", str(len(text)))
        self.end_headers()
        self.wfile.write(text.encode())


@pytest.fixture
def aws(monkeypatch: pytest.MonkeyPatch) -> Iterator[Aws]:
    found = Aws()
    with ThreadingHTTPServer(("127.0.0.1", 0), type("Handler", (_Handler,), {"aws": found})) as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
        thread.start()
        found.url = f"http://127.0.0.1:{server.server_address[1]}"
        monkeypatch.setenv("AWS_ENDPOINT_URL", found.url)
        try:
            yield found
        finally:
            server.shutdown()
            thread.join()


def test_a_role_is_assumed_with_its_external_id_and_signs_what_follows(aws: Aws) -> None:
    bucket = Bucket("s3://bills", AwsAccess(role_arn=ROLE, external_id="id-of-ours"))
    for _ in range(3):
        assert bucket.list() == []
    (asked,) = aws.assumed  # once for all of them
    assert (asked["RoleArn"], asked["ExternalId"], asked["RoleSessionName"]) == (ROLE, "id-of-ours", "finops")
    assert aws.signed_by == ["ROLE1"] * 3


def test_a_role_is_assumed_again_before_it_expires(aws: Aws) -> None:
    aws.lifetime = timedelta(minutes=5)
    bucket = Bucket("s3://bills", AwsAccess(role_arn=ROLE))
    bucket.list()
    aws.lifetime = timedelta(hours=1)
    bucket.list()
    bucket.list()
    assert len(aws.signed_by) == 3
    assert aws.signed_by[0] != aws.signed_by[1] == aws.signed_by[2] == f"ROLE{len(aws.assumed)}"
    assert all("ExternalId" not in each for each in aws.assumed)


def test_a_role_that_may_not_be_assumed_names_that_permission(aws: Aws) -> None:
    aws.refuses = True
    with pytest.raises(SourceError, match=r"AWS refused sts:AssumeRole: AccessDenied.*trust policy"):
        Bucket("s3://bills", AwsAccess(role_arn=ROLE)).list()


def test_a_role_without_credentials_to_assume_it(aws: Aws, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("AWS_ACCESS_KEY_ID")
    monkeypatch.delenv("AWS_SECRET_ACCESS_KEY")
    with pytest.raises(SourceError, match="locate credentials"):
        Bucket("s3://bills", AwsAccess(role_arn=ROLE)).list()
    assert aws.assumed == []


@pytest.mark.parametrize(
    ("access", "word"),
    [
        ({"external_id": "abc"}, "goes with the key 'role_arn'"),
        ({"role_arn": "reader"}, "arn:aws:iam::ACCOUNT:role/NAME"),
        ({"role_arn": "arn:aws:iam::12345:role/x"}, "twelve digits"),
        ({"role_arn": f"{ROLE}\n"}, "arn:aws:iam::ACCOUNT:role/NAME"),
        ({"expected_bucket_owner": "1234"}, "twelve digits"),
        ({"expected_bucket_owner": 123456789012}, "in quotes"),
        ({"endpoint": "127.0.0.1:9000"}, "https://host"),
        ({"endpoint": "ftp://host"}, "https://host"),
        ({"profile": ""}, "at least 1"),
        ({"requester_pays": "perhaps"}, "boolean"),
        ({"rolearn": ROLE}, "not permitted"),
    ],
)
def test_a_key_that_is_not_what_it_should_be(access: dict[str, Any], word: str) -> None:
    with pytest.raises(ValidationError, match=word):
        AwsAccess.model_validate(access)


@pytest.mark.parametrize("role", ["arn:aws-cn:iam::123456789012:role/x", "arn:aws-us-gov:iam::123456789012:role/a/b@c"])
def test_roles_of_other_partitions(role: str) -> None:
    assert AwsAccess(role_arn=role).role_arn == role
