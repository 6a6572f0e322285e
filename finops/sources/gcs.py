"""Files below a prefix of a bucket of Google's Cloud Storage, in the generation that was listed."""

from __future__ import annotations

import io
import os
import time
from collections.abc import Callable, Generator
from contextlib import contextmanager
from functools import cached_property
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any, cast
from urllib.parse import unquote, urlsplit

from finops.clouds import gcp_session
from finops.clouds.gcp_errors import google_errors
from finops.clouds.gcp_session import GcpAccess
from finops.errors import SourceError
from finops.sources.storage import CHUNK, Changed, RemoteFile, Tell

if TYPE_CHECKING:
    from google.api_core.retry import Retry

WAITS = (0.5, 2.0, 5.0, 10.0)
"""Seconds before a body that broke off is asked for again."""
CONNECTIONS = 32
"""Kept open at a time: more than files are fetched and folders are listed at once, else each would warn."""
LIST, GET = "storage.objects.list", "storage.objects.get"
_LISTED = "items(name,size,generation,timeCreated),nextPageToken"
_PASSING = {408, 429, 500, 502, 503, 504}
"""Answers after which a request is made again: https://cloud.google.com/storage/docs/retry-strategy."""


class Bucket:
    """Files below a prefix of a bucket; a file's tag is its generation, which every overwriting changes."""

    def __init__(self, uri: str, access: GcpAccess) -> None:
        parts = urlsplit(uri)
        self.uri = uri.rstrip("/")
        self.bucket = parts.netloc
        self.prefix = unquote(parts.path).strip("/")
        self.access = access

    @cached_property
    def client(self) -> Any:
        """Built on first use, so that reading the configuration needs no credentials."""
        from requests.adapters import HTTPAdapter

        client = gcp_session.storage(self.access)
        session = client._http
        if not session.is_mtls:  # where it has a certificate to show, that hangs on its adapter
            for scheme in ("https://", "http://"):
                session.mount(scheme, HTTPAdapter(pool_maxsize=CONNECTIONS))
        return client

    def _there(self) -> Any:
        """The bucket; where who asks pays for it, the quota project does."""
        return self.client.bucket(self.bucket, user_project=self.access.quota_project)

    def list(self, prefix: str = "") -> list[RemoteFile]:
        start = f"{self.prefix}/" if self.prefix else ""
        found: list[RemoteFile] = []
        with _errors(f"{self.uri}/{prefix}", LIST):
            for each in self.client.list_blobs(
                self._there(), prefix=start + prefix, fields=_LISTED, retry=_patience(_passing)
            ):
                if not each.name.endswith("/"):
                    # the time of this content: `updated` moves with labels and holds too
                    at = each.time_created.timestamp()
                    found.append(RemoteFile(each.name[len(start) :], each.size, at, str(each.generation)))
        return sorted(found)

    def read(self, file: RemoteFile) -> bytes:
        into = io.BytesIO()
        self._whole(file, _Sink(into))
        return into.getvalue()

    def fetch(self, file: RemoteFile, to: Path, tell: Tell = lambda _: None) -> None:
        with to.open("wb") as out:
            try:
                self._whole(file, _Sink(out, tell))
            except _Unwritten as unwritten:
                raise unwritten.error from None
            out.flush()
            os.fsync(out.fileno())

    def _whole(self, file: RemoteFile, sink: _Sink) -> None:
        """Write the file's body, of one answer that did not break off, in the listed generation."""
        where = f"{self.uri}/{file.key}"
        for wait in (*WAITS, None):
            with _errors(where, GET):
                try:
                    self._once(file, sink)
                    break
                except _broken():
                    if wait is None:
                        raise SourceError(
                            "the connection breaks off in the middle of the file, or what arrives is damaged",
                            where=where,
                            remedy="run again in a few minutes: what has been fetched is kept",
                        ) from None
            sink.seek(0)
            time.sleep(wait)
        if sink.arrived != file.size:
            raise Changed(f"{file.key} changed")

    def _once(self, file: RemoteFile, sink: _Sink) -> None:
        name = f"{self.prefix}/{file.key}" if self.prefix else file.key
        generation = int(file.etag)
        blob = self._there().blob(name, generation=generation)
        # raw: as it is stored, so that its size is the listed one. The client would go on with a body that broke
        # off where it ended, and then compares no checksum: a broken body is ours to ask for again, whole
        blob.download_to_file(
            sink, raw_download=True, if_generation_match=generation, checksum="crc32c", retry=_patience(_unanswered)
        )
        if blob.generation != generation:  # some servers ignore both
            raise Changed(f"{file.key} changed")
        sink.tell_rest()


class _Unwritten(Exception):  # noqa: N818 - carries the disk's error past those of the network
    def __init__(self, error: OSError) -> None:
        super().__init__(str(error))
        self.error = error


class _Sink:
    """What a body is written into: it counts what arrives, and goes back to its start for another body."""

    def __init__(self, out: IO[bytes], tell: Tell = lambda _: None) -> None:
        self.out = out
        self.tell = tell
        self.arrived = 0
        self._told = 0

    def write(self, chunk: bytes) -> None:
        try:
            self.out.write(chunk)
        except OSError as error:
            raise _Unwritten(error) from None
        self.arrived += len(chunk)
        if self.arrived - self._told >= CHUNK:
            self.tell_rest()

    def tell_rest(self) -> None:
        """Tell what has not been told."""
        more, self._told = self.arrived - self._told, self.arrived
        self.tell(more)

    def seek(self, start: int) -> None:
        """Go back; `start` is 0. The client does so too, before a body that a server unpacked on the way."""
        self.out.seek(start)
        self.out.truncate()
        self.arrived = start
        self.tell_rest()


def _broken() -> tuple[type[Exception], ...]:
    """How a body says that it broke off, or that it is not what its checksum says."""
    from google.cloud.storage.exceptions import DataCorruption  # pyright: ignore[reportMissingTypeStubs]
    from urllib3.exceptions import HTTPError

    return (HTTPError, DataCorruption, ConnectionError)  # ConnectionError: shorter than it is stored


def _patience(passing: Callable[[Exception], bool]) -> Retry:
    """The client's own waits, for as long as we wait for Google elsewhere."""
    from google.api_core.retry import Retry

    def close(error: Any) -> None:
        if _status(error) is not None:  # the client lets it lie: its connection would never be used again
            error.response.close()

    return Retry(predicate=passing, initial=0.2, maximum=20.0, timeout=gcp_session.PATIENCE, on_error=close)


def _passing(error: Exception) -> bool:
    """Whether a call may succeed in a while."""
    from google.api_core.exceptions import GoogleAPICallError

    return (isinstance(error, GoogleAPICallError) and error.code in _PASSING) or _unanswered(error)


def _unanswered(error: Exception) -> bool:
    """Whether a download got no body, and may get one in a while."""
    import requests
    from google.auth.exceptions import TransportError

    passing = isinstance(error, (requests.ConnectionError, requests.Timeout, TransportError))
    return passing or _status(error) in _PASSING


def _status(error: object) -> int | None:
    """The status of an answer that is not the body asked for; the client has an exception of its own for that."""
    from google.cloud.storage.exceptions import InvalidResponse  # pyright: ignore[reportMissingTypeStubs]

    return cast("Any", error).response.status_code if isinstance(error, InvalidResponse) else None


@contextmanager
def _errors(where: str, permission: str) -> Generator[None]:
    """Google's exceptions as ours: what became of the file, else what google_errors makes of them."""
    from google.api_core import exceptions as google

    with google_errors("Cloud Storage", permission, where):
        try:
            yield
        except (google.NotFound, google.PreconditionFailed) as error:
            if permission == GET:
                raise Changed(f"{where} changed, or is gone") from None
            if isinstance(error, google.NotFound):
                raise SourceError(
                    "there is no such bucket", where=where, remedy="correct the bucket's name in the uri"
                ) from None
            raise
        except google.BadRequest as error:
            if "requester pays" in str(error):
                raise SourceError(
                    "who reads this bucket pays for it", where=where, remedy="name the project that pays: quota_project"
                ) from None
            raise
        except google.RetryError as error:
            raise _last(error) from None


def _last(error: Any) -> Exception:
    """What a call that was made again and again ended with."""
    from google.api_core import exceptions as google

    status = _status(error.cause)
    return error.cause or error if status is None else cast("Any", google).from_http_status(status, "")
