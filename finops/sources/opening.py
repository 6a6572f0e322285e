"""Which storage a uri means: a bucket, a folder or a file."""

from __future__ import annotations

from pathlib import Path
from urllib.parse import unquote, urlsplit

from finops.aws_session import AwsAccess
from finops.errors import ConfigError
from finops.gcp_session import GcpAccess
from finops.sources.s3 import Bucket
from finops.sources.storage import Folder, Storage


def open_storage(uri: str, base: Path, access: AwsAccess | GcpAccess | None = None) -> Storage:
    """The storage of a uri: `s3://bucket/prefix`, `file:///folder`, or a path relative to `base`.

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
        return Bucket(uri, access if isinstance(access, AwsAccess) else AwsAccess())
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
