"""Files below a prefix of an S3 bucket, of this account or another, of AWS or any that speaks its language."""

from __future__ import annotations

import re
import time
from contextlib import closing, contextmanager, suppress
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar
from urllib.parse import unquote, urlsplit

from finops.clouds import aws_session
from finops.clouds.aws_session import AwsAccess
from finops.errors import SourceError
from finops.sources.storage import Changed, RemoteFile, Tell, pour

if TYPE_CHECKING:
    from collections.abc import Callable, Generator

    from botocore.exceptions import ClientError
    from mypy_boto3_s3 import S3Client

_Result = TypeVar("_Result")
WAITS = (0.5, 2.0, 5.0, 10.0)
"""Seconds before a body that broke off is asked for again: botocore itself tries only what has no body yet."""


class Bucket:
    """Files below a prefix of a bucket; a file's tag is what S3 says it is, never taken for an MD5."""

    def __init__(self, uri: str, access: AwsAccess) -> None:
        parts = urlsplit(uri)
        self.uri = uri.rstrip("/")
        self.bucket = parts.netloc
        self.prefix = unquote(parts.path).strip("/")
        self.access = access
        self._common: dict[str, Any] = {"Bucket": self.bucket}
        if access.requester_pays:
            self._common["RequestPayer"] = "requester"
        if access.expected_bucket_owner is not None:
            self._common["ExpectedBucketOwner"] = access.expected_bucket_owner

    @cached_property
    def client(self) -> S3Client:
        """Built on first use, so that reading the configuration needs no credentials."""
        return aws_session.client("s3", self.access)

    def list(self, prefix: str = "") -> list[RemoteFile]:
        start = f"{self.prefix}/" if self.prefix else ""
        found: list[RemoteFile] = []
        with aws_errors(f"{self.uri}/{prefix}", "s3:ListBucket"):
            pages = self.client.get_paginator("list_objects_v2").paginate(**self._common, Prefix=start + prefix)
            for page in pages:
                for each in page.get("Contents", []):
                    key, size = each.get("Key", ""), each.get("Size", 0)
                    modified, etag = each.get("LastModified"), each.get("ETag", "")
                    if not key.endswith("/") and modified is not None:
                        found.append(RemoteFile(key[len(start) :], size, modified.timestamp(), etag))
        return sorted(found)

    def read(self, file: RemoteFile) -> bytes:
        return self._whole(file, lambda body: body.read())

    def fetch(self, file: RemoteFile, to: Path, tell: Tell = lambda _: None) -> None:
        arrived = 0

        def count(more: int) -> None:
            nonlocal arrived
            arrived += more
            tell(more)

        def copy(body: Any) -> int:
            if arrived:  # of a body that broke off
                count(-arrived)
            return pour(body, to, count)

        if self._whole(file, copy) != file.size:
            raise Changed(f"{file.key} changed")

    def _whole(self, file: RemoteFile, take: Callable[[Any], _Result]) -> _Result:
        """What `take` makes of the file's body, of one that did not break off, in the listed version."""
        key = f"{self.prefix}/{file.key}" if self.prefix else file.key
        where = f"{self.uri}/{file.key}"
        for wait in (*WAITS, None):
            with aws_errors(where, "s3:GetObject"):
                answer = self.client.get_object(**self._common, Key=key, IfMatch=file.etag)
                with closing(answer["Body"]) as body, suppress(*(_broken() if wait is not None else ())):
                    if answer.get("ETag", "").strip('"') != file.etag.strip('"'):  # some servers ignore If-Match
                        raise Changed(f"{file.key} changed")
                    return take(body)
            time.sleep(wait or 0)
        raise AssertionError("the last round returns or raises")


def _broken() -> tuple[type[Exception], ...]:
    """How a body says that it broke off, or that it is not what its checksum says."""
    from botocore import exceptions as aws

    return (aws.IncompleteReadError, aws.ReadTimeoutError, aws.ResponseStreamingError, aws.FlexibleChecksumError)


_SIGN_IN = "check the credentials (aws sts get-caller-identity)"
_LATER = "run again in a few minutes: what has been fetched is kept"
_REMEDIES = {
    "NoSuchBucket": "correct the bucket's name in the uri",
    "404": "correct the bucket's name in the uri",
    "InvalidAccessKeyId": _SIGN_IN,
    "SignatureDoesNotMatch": _SIGN_IN,
    "InvalidClientTokenId": _SIGN_IN,
    "InvalidToken": _SIGN_IN,
    "ExpiredToken": "sign in again: the credentials have expired",
    "RequestTimeTooSkewed": "set this machine's clock",
    "InvalidObjectState": "restore it from its archive class, and let the bucket's lifecycle spare the export",
    "SlowDown": _LATER,
    "ServiceUnavailable": _LATER,
}
_DENIED = {"AccessDenied", "403", "AllAccessDisabled"}
_ACTION = re.compile(r"not authorized to perform: ([a-z0-9-]+:[A-Za-z]+)")


@contextmanager
def aws_errors(where: str, action: str) -> Generator[None]:
    """botocore's exceptions as ours: what AWS said, and which permission it takes."""
    from botocore.exceptions import BotoCoreError, ClientError

    try:
        yield
    except ClientError as error:
        if action == "s3:GetObject" and _code(error) in {"PreconditionFailed", "NoSuchKey", "412", "404"}:
            raise Changed(f"{where} changed, or is gone") from None
        raise _refused(error, where, action) from None
    except _broken():
        raise SourceError("the connection breaks off in the middle of the file", where=where, remedy=_LATER) from None
    except (BotoCoreError, ValueError) as error:  # ValueError: an endpoint that is no URL
        raise SourceError(
            f"S3 cannot be reached: {aws_session.told(error)}",
            where=where,
            remedy="check credentials (aws sts get-caller-identity), region and network",
        ) from None


def _code(error: ClientError) -> str:
    return error.response.get("Error", {}).get("Code", "?")


def _refused(error: ClientError, where: str, action: str) -> SourceError:
    code = _code(error)
    if error.operation_name == "AssumeRole":
        action, remedy = "sts:AssumeRole", "allow {} of the role for these credentials, here and in its trust policy"
    else:
        remedy = "allow {} on it for these credentials"
    if code in _DENIED:
        # AWS names what is lacking where it can: behind a key of KMS it is another permission than S3's
        named = _ACTION.search(error.response.get("Error", {}).get("Message", ""))
        lacking = named[1] if named else action
        return SourceError(f"AWS refused {lacking}: {code}", where=where, remedy=remedy.format(lacking))
    other = _REMEDIES.get(code, "try again; if it persists, look the code up in AWS's documentation")
    return SourceError(f"AWS refused {action}: {code}", where=where, remedy=other)
