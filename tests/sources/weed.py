"""SeaweedFS on loopback: a real S3 server, with its own authentication, pages, conditions and clock."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import boto3
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError

BUCKET = "billing"
WRITER = ("AKIAWRITER", "writes")
READER = ("AKIAREADER", "reads")
"""May read and list the bucket, and nothing else."""
LISTER = ("AKIALISTER", "lists")
"""May list the bucket, and not read it."""
READY_WITHIN = 60.0
_GRPC = 10_000
"""SeaweedFS also takes each of its ports plus this."""


@dataclass(frozen=True)
class Weed:
    """A running server."""

    url: str

    def client(self, who: tuple[str, str] = WRITER, retries: int = 4) -> Any:
        """An S3 client of one of the identities."""
        return boto3.client(
            "s3",
            endpoint_url=self.url,
            region_name="us-east-1",
            aws_access_key_id=who[0],
            aws_secret_access_key=who[1],
            config=Config(retries={"max_attempts": retries}, max_pool_connections=30, read_timeout=10),
        )

    def environment(self, who: tuple[str, str] = READER) -> dict[str, str]:
        """The variables with which our own code finds the server, and nothing of this machine's AWS settings."""
        return {
            "AWS_ENDPOINT_URL": self.url,
            "AWS_ACCESS_KEY_ID": who[0],
            "AWS_SECRET_ACCESS_KEY": who[1],
            "AWS_REGION": "us-east-1",
            "AWS_DEFAULT_REGION": "us-east-1",
            "AWS_EC2_METADATA_DISABLED": "true",
            "AWS_CONFIG_FILE": "/nowhere",
            "AWS_SHARED_CREDENTIALS_FILE": "/nowhere",
        }


def _identities() -> dict[str, Any]:
    def identity(name: str, keys: tuple[str, str], *actions: str) -> dict[str, Any]:
        return {"name": name, "credentials": [{"accessKey": keys[0], "secretKey": keys[1]}], "actions": actions}

    return {
        "identities": [
            identity("writer", WRITER, "Admin", "Read", "List", "Tagging", "Write"),
            identity("reader", READER, f"Read:{BUCKET}", f"List:{BUCKET}"),
            identity("lister", LISTER, f"List:{BUCKET}"),
        ]
    }


def _ports(count: int) -> list[int]:
    """Free ports whose gRPC partners are free too; held together, so that they differ."""
    held: list[socket.socket] = []
    found: list[int] = []
    try:
        while len(found) < count:
            first, second = socket.socket(), socket.socket()
            held += [first, second]
            first.bind(("127.0.0.1", 0))
            port = first.getsockname()[1]
            base = port if port + _GRPC < 65536 else port - _GRPC
            with suppress(OSError):
                second.bind(("127.0.0.1", base + _GRPC if base == port else base))
                found.append(base)
    finally:
        for each in held:
            each.close()
    return found


@contextmanager
def serve(folder: Path) -> Iterator[Weed]:
    """A server over an empty folder, ready to be written to; it dies with its process group."""
    data = folder / "data"
    data.mkdir(parents=True)
    (folder / "s3.json").write_text(json.dumps(_identities()))
    master, volume, filer, s3 = ports = _ports(4)
    options = {
        "ip": "127.0.0.1",
        "dir": data,
        "volume.max": 200,
        "master.volumeSizeLimitMB": 1024,
        "master.port": master,
        "volume.port": volume,
        "filer.port": filer,
        "s3.port": s3,
        "s3.config": folder / "s3.json",
        "s3.port.iceberg": 0,
        "s3.port.lance": 0,
        "filer.localSocket": folder / "f.sock",
        "s3.localSocket": folder / "s.sock",
        "master.telemetry": "false",
    }
    command = [Path(sys.executable).with_name("weed"), "server", "-s3", *(f"-{k}={v}" for k, v in options.items())]
    with (folder / "log").open("w") as log:
        process = subprocess.Popen(command, stdout=log, stderr=log, cwd=folder, start_new_session=True)
    try:
        weed = Weed(f"http://127.0.0.1:{s3}")
        _wait(weed, process, folder / "log")
        yield weed
    finally:
        os.killpg(process.pid, signal.SIGKILL)  # asked to end, it takes its time
        process.wait()
        for path in (path for port in ports for path in Path("/tmp").glob(f"seaweedfs-*-{port + _GRPC}.sock")):
            path.unlink(missing_ok=True)


def _wait(weed: Weed, process: subprocess.Popen[bytes], log: Path) -> None:
    """Until an object can be written and read."""
    client, until = weed.client(retries=1), time.monotonic() + READY_WITHIN
    while True:
        try:
            with suppress(client.exceptions.BucketAlreadyExists, client.exceptions.BucketAlreadyOwnedByYou):
                client.create_bucket(Bucket=BUCKET)
            client.put_object(Bucket=BUCKET, Key="ready", Body=b"1")
            assert client.get_object(Bucket=BUCKET, Key="ready")["Body"].read() == b"1"
            client.delete_object(Bucket=BUCKET, Key="ready")
            return
        except (BotoCoreError, ClientError):
            if process.poll() is not None or time.monotonic() > until:
                raise AssertionError(f"SeaweedFS did not start:\n{log.read_text()[-2000:]}") from None
            time.sleep(0.1)
