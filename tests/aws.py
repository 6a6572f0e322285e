"""AWS on loopback, as far as the catalogue, account names and budgets ask it; and clients with botocore's Stubber."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs

Answer = tuple[int, dict[str, Any]]
"""A status and the answer; an error is {"code": …}."""


class Aws:
    """Answers by action; `calls` are the actions asked for, with their parameters, in order."""

    def __init__(self) -> None:
        self.answers: dict[str, Callable[[dict[str, Any]], Answer]] = {}
        self.calls: list[tuple[str, dict[str, Any]]] = []
        self.url = ""


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    aws: Aws

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002
        pass

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers.get("Content-Length", 0))).decode()
        target = self.headers.get("X-Amz-Target")
        if target:
            given = json.loads(body)
            action = target.rpartition(".")[2]
        else:
            given = {key: values[0] for key, values in parse_qs(body).items()}
            action = given["Action"]
        # credential scope: AKID/day/region/service
        given["region"] = self.headers["Authorization"].split("/")[2]
        given["key"] = self.headers["Authorization"].split("Credential=")[1].split("/")[0]
        self.aws.calls.append((action, given))
        status, answer = self.aws.answers.get(action, denied)(given)
        text = _json(answer) if target else _xml(action, status, answer)
        self.send_response(status)
        self.send_header("Content-Type", "application/x-amz-json-1.1" if target else "text/xml")
        self.send_header("Content-Length", str(len(text)))
        self.end_headers()
        self.wfile.write(text)


def denied(_: dict[str, Any]) -> Answer:
    return 400, {"code": "AccessDeniedException"}


def _json(answer: dict[str, Any]) -> bytes:
    body = {"__type": answer["code"], "message": "no"} if "code" in answer else answer
    return json.dumps(body).encode()


def _xml(action: str, status: int, answer: dict[str, Any]) -> bytes:
    """EC2's lists are <item>s under names that begin in lower case; STS has a result inside its response."""
    if status != 200:
        error = f"<Error><Code>{answer['code']}</Code><Message>no</Message></Error>"
        return f"<Response><Errors>{error}</Errors>{error}</Response>".encode()
    if action == "GetCallerIdentity":
        inner = "".join(f"<{key}>{value}</{key}>" for key, value in answer.items())
        return f"<{action}Response><{action}Result>{inner}</{action}Result></{action}Response>".encode()
    return f"<{action}Response>{_elements(answer)}</{action}Response>".encode()


def _elements(value: Any) -> str:
    if isinstance(value, dict):
        return "".join(f"<{key}>{_elements(each)}</{key}>" for key, each in value.items())
    if isinstance(value, list):
        return "".join(f"<item>{_elements(each)}</item>" for each in value)
    return str(value)


@contextmanager
def serve() -> Iterator[Aws]:
    """The server, until the block ends."""
    aws = Aws()
    handler = type("Handler", (_Handler,), {"aws": aws})
    server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
    server.daemon_threads = True
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    aws.url = f"http://127.0.0.1:{server.server_address[1]}"
    try:
        yield aws
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
