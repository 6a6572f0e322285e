"""Which storage a uri means: a bucket, a folder or a file."""

from __future__ import annotations

import re
from pathlib import Path
from urllib.parse import unquote, urlsplit

from finops.clouds.aws_session import AwsAccess
from finops.clouds.gcp_session import GcpAccess
from finops.errors import ConfigError
from finops.sources import gcs, s3
from finops.sources.storage import Folder, Storage

_GCS_BUCKET = re.compile(r"[a-z0-9][a-z0-9._-]{1,220}[a-z0-9]")
"""https://cloud.google.com/storage/docs/buckets#naming"""


def open_storage(uri: str, base: Path, access: AwsAccess | GcpAccess | None = None) -> Storage:
    """The storage of a uri: `s3://bucket/prefix`, `gs://bucket/prefix`, `file:///folder`, or a path relative to `base`.

    `access` says how a bucket is reached; without it, or with another cloud's, as the cloud's own variables say.
    """
    parts = urlsplit(uri)
    if "@" in parts.netloc:
        raise ConfigError(
            "the uri holds a name or a password",  # and so is not shown
            where="uri",
            remedy="take it out: credentials come from the environment",
        )
    if parts.scheme == "s3" and parts.netloc:
        return s3.Bucket(uri, access if isinstance(access, AwsAccess) else AwsAccess())
    if parts.scheme == "gs" and parts.netloc:
        _require_a_folder(uri)
        return gcs.Bucket(uri, access if isinstance(access, GcpAccess) else GcpAccess())
    if parts.scheme == "file" and parts.netloc in {"", "localhost"}:
        return Folder(Path(unquote(parts.path)))
    if parts.scheme in {"s3", "gs", "file"}:
        remedy = "write s3://bucket/prefix, gs://bucket/prefix, or file:///folder with three slashes"
        raise ConfigError("the uri is not complete", where=uri, remedy=remedy)
    if parts.scheme:
        raise ConfigError(f"unknown scheme {parts.scheme!r}", where=uri, remedy="use s3://, gs://, file:// or a path")
    return Folder((base / Path(uri).expanduser()).resolve())


def _require_a_folder(uri: str) -> None:
    """What Google's tools take in the place of a uri, and what would be read as another place than was meant."""
    parts = urlsplit(uri)
    if _GCS_BUCKET.fullmatch(parts.netloc) is None:
        raise ConfigError(
            f"{parts.netloc!r} is not the name of a bucket",
            where=uri,
            remedy="write gs://bucket/prefix, the bucket in lower case",
        )
    if "*" in parts.path:
        raise ConfigError(
            "the uri is a pattern",
            where=uri,
            remedy="name the folder that the shards are in: all files of the kind below it are read",
        )
    if parts.query or parts.fragment:
        raise ConfigError("the uri has a ? or a #", where=uri, remedy="write them as %3F and %23 where a name has them")
