"""Where exports lie: a folder or a bucket, behind the same three calls.

A file is fetched whole and only in the version that was listed: what changed in between is an error that
the caller answers by listing again, never a mixture.
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol, cast
from urllib.parse import unquote, urlsplit

from finops.errors import ConfigError, SourceError

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client


ATTEMPTS = 6
"""How often a request to S3 is made before its failure counts."""


@dataclass(frozen=True, order=True)
class RemoteFile:
    """A file in the version that was listed; `key` is relative to the storage's root.

    `modified` is seconds since the epoch; `etag` changes whenever the content does.
    """

    key: str
    size: int
    modified: float
    etag: str


class Changed(Exception):  # noqa: N818 - an event for the caller to act on, not a failure
    """A file is no longer what was listed."""


class Storage(Protocol):
    """A place with files."""

    uri: str

    def list(self, prefix: str = "") -> list[RemoteFile]:
        """All files whose key begins with the prefix, sorted by key; raises SourceError."""
        ...

    def read(self, file: RemoteFile) -> bytes:
        """A small file, whole; raises Changed or SourceError."""
        ...

    def fetch(self, file: RemoteFile, to: Path) -> None:
        """Copy a file, whole, in the listed version; raises Changed or SourceError."""
        ...


class Folder:
    """Files on this machine. The root may be a file: then it is the only one."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.uri = str(root)

    def _path(self, key: str) -> Path:
        return self.root if self.root.is_file() else self.root / key

    def _stat(self, path: Path, key: str) -> RemoteFile:
        stat = path.stat()
        return RemoteFile(key, stat.st_size, stat.st_mtime, f"{stat.st_size:x}-{stat.st_mtime_ns:x}")

    def _walk(self, below: str) -> Iterator[RemoteFile]:
        if self.root.is_file():
            yield self._stat(self.root, self.root.name)
            return
        for parent, folders, names in os.walk(self.root / below, onerror=_refuse):
            folders[:] = [name for name in folders if not name.startswith(".")]
            for name in names:
                path = Path(parent, name)
                if not name.startswith(".") and path.is_file():
                    yield self._stat(path, path.relative_to(self.root).as_posix())

    def list(self, prefix: str = "") -> list[RemoteFile]:
        try:
            if not self.root.exists():
                raise SourceError("there is no such file or folder", where=self.uri, remedy="correct the uri")
            return sorted(file for file in self._walk(prefix.rpartition("/")[0]) if file.key.startswith(prefix))
        except OSError as error:
            raise _unreadable(error, self.uri) from None

    def read(self, file: RemoteFile) -> bytes:
        path = self._path(file.key)
        try:
            content = path.read_bytes()
            now = self._stat(path, file.key)
        except FileNotFoundError:
            raise Changed(file.key) from None
        except OSError as error:
            raise _unreadable(error, str(path)) from None
        if now != file:
            raise Changed(file.key)
        return content

    def fetch(self, file: RemoteFile, to: Path) -> None:
        path = self._path(file.key)
        try:
            shutil.copyfile(path, to)
            now = self._stat(path, file.key)
        except FileNotFoundError:
            raise Changed(file.key) from None
        except OSError as error:
            raise _unreadable(error, str(path)) from None
        if now != file or to.stat().st_size != file.size:
            raise Changed(file.key)


class Bucket:
    """Files below a prefix of an S3 bucket; AWS's own variables choose endpoint, region and credentials."""

    def __init__(self, uri: str, client: S3Client | None = None) -> None:
        parts = urlsplit(uri)
        self.uri = uri.rstrip("/")
        self.bucket = parts.netloc
        self.prefix = unquote(parts.path).strip("/")
        self._client = client

    @property
    def client(self) -> S3Client:
        """Built on first use, so that reading the configuration needs no credentials."""
        if self._client is None:
            import boto3
            from botocore.config import Config

            retries = Config(retries={"mode": "standard", "max_attempts": ATTEMPTS})
            self._client = cast("Any", boto3.Session()).client("s3", config=retries)
        return cast("S3Client", self._client)

    def _name(self, key: str) -> str:
        return f"{self.prefix}/{key}" if self.prefix else key

    def list(self, prefix: str = "") -> list[RemoteFile]:
        start = f"{self.prefix}/" if self.prefix else ""
        found: list[RemoteFile] = []
        with _aws_errors(f"{self.uri}/{prefix}", "s3:ListBucket"):
            for page in self.client.get_paginator("list_objects_v2").paginate(
                Bucket=self.bucket, Prefix=start + prefix
            ):
                for each in page.get("Contents", []):
                    key, size = each.get("Key", ""), each.get("Size", 0)
                    modified, etag = each.get("LastModified"), each.get("ETag", "")
                    if not key.endswith("/") and modified is not None:
                        found.append(RemoteFile(key[len(start) :], size, modified.timestamp(), etag))
        return sorted(found)

    def _get(self, file: RemoteFile) -> Any:
        return self.client.get_object(Bucket=self.bucket, Key=self._name(file.key), IfMatch=file.etag)["Body"]

    def read(self, file: RemoteFile) -> bytes:
        with _aws_errors(f"{self.uri}/{file.key}", "s3:GetObject"):
            return self._get(file).read()

    def fetch(self, file: RemoteFile, to: Path) -> None:
        with _aws_errors(f"{self.uri}/{file.key}", "s3:GetObject"), to.open("wb") as out:
            shutil.copyfileobj(self._get(file), out, 1 << 20)
        if to.stat().st_size != file.size:
            raise Changed(file.key)


_REMEDIES = {
    "NoSuchBucket": "correct the bucket's name in the uri",
    "404": "correct the bucket's name in the uri",
    "AccessDenied": "allow {} on it for these credentials",
    "403": "allow {} on it for these credentials",
    "InvalidAccessKeyId": "check the credentials (aws sts get-caller-identity)",
    "SignatureDoesNotMatch": "check the credentials (aws sts get-caller-identity)",
    "ExpiredToken": "sign in again: the credentials have expired",
}


class _aws_errors:  # noqa: N801 - a context manager reads as a verb
    """botocore's exceptions as ours: what AWS said, and which permission it takes."""

    def __init__(self, where: str, action: str) -> None:
        self.where, self.action = where, action

    def __enter__(self) -> None:
        return None

    def __exit__(self, _kind: object, error: BaseException | None, _trace: object) -> None:
        from botocore.exceptions import (
            BotoCoreError,
            ClientError,
            IncompleteReadError,
            ReadTimeoutError,
            ResponseStreamingError,
        )

        if isinstance(error, ClientError):
            code = error.response.get("Error", {}).get("Code", "?")
            if self.action == "s3:GetObject" and code in {"PreconditionFailed", "NoSuchKey", "404", "412"}:
                raise Changed(self.where) from None
            remedy = _REMEDIES.get(code, "try again; if it persists, look the code up in AWS's documentation")
            raise SourceError(
                f"S3 refused {self.action}: {code}", where=self.where, remedy=remedy.format(self.action)
            ) from None
        if isinstance(error, (IncompleteReadError, ReadTimeoutError, ResponseStreamingError)):
            raise Changed(f"{self.where} broke off") from None
        if isinstance(error, (BotoCoreError, ValueError)):  # ValueError: an endpoint that is no URL
            raise SourceError(
                f"S3 cannot be reached: {error}",
                where=self.where,
                remedy="check credentials (aws sts get-caller-identity), region and network",
            ) from None


def _refuse(error: OSError) -> None:
    # a folder that cannot be listed must not look like one whose files were withdrawn
    if not isinstance(error, FileNotFoundError):
        raise error


def _unreadable(error: OSError, where: str) -> SourceError:
    return SourceError(f"it cannot be read: {error.strerror}", where=where, remedy="check its rights")


def open_storage(uri: str, base: Path) -> Storage:
    """The storage of a uri: `s3://bucket/prefix`, `file:///folder`, or a path relative to `base`."""
    parts = urlsplit(uri)
    if "@" in parts.netloc:
        raise ConfigError(
            "the uri holds a name or a password",  # and so is not shown
            where="uri",
            remedy="take it out: credentials come from the environment",
        )
    if parts.scheme == "s3" and parts.netloc:
        return Bucket(uri)
    if parts.scheme == "gs":
        raise ConfigError(
            "reading gs:// is not supported by this version",
            where=uri,
            remedy="copy the export into a folder (gcloud storage rsync -r gs://… folder) and name that",
        )
    if parts.scheme == "file" and parts.netloc in {"", "localhost"}:
        return Folder(Path(unquote(parts.path)))
    if parts.scheme in {"s3", "file"}:
        remedy = "write s3://bucket/prefix, or file:///folder with three slashes"
        raise ConfigError("the uri is not complete", where=uri, remedy=remedy)
    if parts.scheme:
        raise ConfigError(f"unknown scheme {parts.scheme!r}", where=uri, remedy="use s3://, file:// or a path")
    return Folder((base / Path(uri).expanduser()).resolve())
