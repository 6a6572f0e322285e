"""An S3 server on loopback: ListObjectsV2 in pages, GET with If-Match, and the ways in which S3 says no."""

from __future__ import annotations

import hashlib
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from email.utils import format_datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import parse_qs, quote, unquote, urlsplit
from xml.sax.saxutils import escape

PAGE = 3


class Bucket:
    """The objects of one bucket, and what went over the wire. `hook` runs before a GET is answered."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.objects: dict[str, tuple[bytes, datetime]] = {}
        self.requests: list[str] = []
        self.hook: Callable[[str], int | None] = lambda _: None
        self.url = ""
        self.stalled = threading.Event()
        self.careless = False  # about If-Match, as some servers are

    def environment(self) -> dict[str, str]:
        """The variables with which our own code finds the server, and nothing of this machine's AWS settings."""
        return {
            "AWS_ENDPOINT_URL": self.url,
            "AWS_ACCESS_KEY_ID": "test",
            "AWS_SECRET_ACCESS_KEY": "test",
            "AWS_REGION": "us-east-1",
            "AWS_DEFAULT_REGION": "us-east-1",
            "AWS_EC2_METADATA_DISABLED": "true",
            "AWS_CONFIG_FILE": "/nowhere",
            "AWS_SHARED_CREDENTIALS_FILE": "/nowhere",
        }

    def put(self, key: str, content: bytes, seconds: float) -> None:
        self.objects[key] = (content, datetime.fromtimestamp(int(seconds), UTC))


def etag(content: bytes) -> str:
    return f'"{hashlib.md5(content).hexdigest()}"'


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    bucket: Bucket

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002
        pass

    def do_GET(self) -> None:
        parts = urlsplit(self.path)
        name, _, key = unquote(parts.path).lstrip("/").partition("/")
        query = {each: values[0] for each, values in parse_qs(parts.query, keep_blank_values=True).items()}
        self.bucket.requests.append(f"GET {key or 'list'}")
        if "AWS4-HMAC-SHA256" not in self.headers.get("Authorization", ""):
            return self.refuse(403, "AccessDenied")
        if name != self.bucket.name:
            return self.refuse(404, "NoSuchBucket")
        return self.list(query) if query.get("list-type") == "2" else self.get(key)

    def list(self, query: dict[str, str]) -> None:
        status = self.bucket.hook("list")
        if status is not None:
            return self.refuse(status, "AccessDenied" if status == 403 else "InternalError")
        after = unquote(query.get("continuation-token", ""))
        keys = sorted(key for key in self.bucket.objects if key.startswith(query.get("prefix", "")) and key > after)
        page, more = keys[:PAGE], len(keys) > PAGE
        contents = "".join(self.entry(key) for key in page)
        token = f"<NextContinuationToken>{escape(quote(page[-1]))}</NextContinuationToken>" if more else ""
        text = (
            f"<ListBucketResult><EncodingType>url</EncodingType><KeyCount>{len(page)}</KeyCount>"
            f"<IsTruncated>{str(more).lower()}</IsTruncated>{token}{contents}</ListBucketResult>"
        )
        return self.answer(200, text.encode(), {"Content-Type": "application/xml"})

    def entry(self, key: str) -> str:
        content, modified = self.bucket.objects[key]
        return (
            f"<Contents><Key>{escape(quote(key, safe='/'))}</Key><Size>{len(content)}</Size>"
            f"<LastModified>{modified:%Y-%m-%dT%H:%M:%S.000Z}</LastModified><ETag>{escape(etag(content))}</ETag></Contents>"
        )

    def get(self, key: str) -> None:
        status = self.bucket.hook(key)
        if status in {-1, -2}:  # the connection breaks in the middle of the body, at once or after a long silence
            self.send_response(200)
            self.send_header("Content-Length", str(len(self.bucket.objects[key][0])))
            self.send_header("ETag", etag(self.bucket.objects[key][0]))
            self.end_headers()
            self.wfile.write(self.bucket.objects[key][0][:5])
            if status == -2:
                self.bucket.stalled.wait(60)
            self.close_connection = True
            return None
        if status is not None:
            return self.refuse(status, "AccessDenied" if status == 403 else "SlowDown")
        if key not in self.bucket.objects:
            return self.refuse(404, "NoSuchKey")
        content, modified = self.bucket.objects[key]
        if self.headers.get("If-Match", etag(content)) != etag(content) and not self.bucket.careless:
            return self.refuse(412, "PreconditionFailed")
        return self.answer(
            200, content, {"ETag": etag(content), "Last-Modified": format_datetime(modified, usegmt=True)}
        )

    def refuse(self, status: int, code: str) -> None:
        self.answer(status, f"<Error><Code>{code}</Code><Message>no</Message></Error>".encode(), {})

    def answer(self, status: int, body: bytes, headers: dict[str, str]) -> None:
        self.send_response(status)
        for name, value in {**headers, "Content-Length": str(len(body))}.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(body)


@contextmanager
def serve(name: str) -> Iterator[Bucket]:
    """A bucket behind a server of its own, at `url`."""
    bucket = Bucket(name)
    handler = type("Handler", (_Handler,), {"bucket": bucket})
    with ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        server.daemon_threads = True
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
        thread.start()
        bucket.url = f"http://127.0.0.1:{server.server_address[1]}"
        try:
            yield bucket
        finally:
            server.shutdown()
            thread.join()
