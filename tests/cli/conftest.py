"""A small published warehouse, and the command run in this process."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import duckdb
import pytest

from finops.cli import main
from tests.aws import Aws, serve

from .warehouse import TABLES

CONFIG = """reporting_currency: USD
home: var
sources:
  - {name: aws-main, kind: focus-files, uri: bills}
  - {name: people, kind: cost-ledger, uri: costs.csv}
"""


@dataclass(frozen=True)
class Result:
    """What a command left behind."""

    code: int
    stdout: bytes
    stderr: str

    @property
    def text(self) -> str:
        return self.stdout.decode()


Finops = Callable[..., Result]


@pytest.fixture
def finops(capsysbinary: pytest.CaptureFixture[bytes]) -> Finops:
    """Run the command with these arguments."""

    def call(*arguments: object) -> Result:
        capsysbinary.readouterr()
        code = main([str(each) for each in arguments])
        out, err = capsysbinary.readouterr()
        return Result(code, out, err.decode())

    return call


@pytest.fixture(scope="session")
def company(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The finops.yaml of a company whose warehouse is published."""
    folder = tmp_path_factory.mktemp("company")
    (folder / "var").mkdir()
    (folder / "finops.yaml").write_text(CONFIG, encoding="utf-8")
    with duckdb.connect(folder / "var" / "finops.duckdb") as con:
        con.execute("SET TimeZone = 'UTC'")
        for name, table in TABLES.items():
            con.execute(f"CREATE SCHEMA IF NOT EXISTS {name.partition('.')[0]}")
            con.execute(f"CREATE TABLE {name} ({', '.join(map(' '.join, table.columns.items()))})")
            con.executemany(f"INSERT INTO {name} VALUES ({', '.join('?' * len(table.columns))})", table.rows)
    return folder / "finops.yaml"


@pytest.fixture
def unpublished(tmp_path: Path) -> Path:
    """The finops.yaml of a company that has not run yet."""
    (tmp_path / "finops.yaml").write_text(CONFIG, encoding="utf-8")
    return tmp_path / "finops.yaml"


@pytest.fixture
def aws(monkeypatch: pytest.MonkeyPatch) -> Iterator[Aws]:
    """AWS on loopback, and credentials of no account; it refuses all that a test gives no answer to."""
    for name in ("AWS_PROFILE", "AWS_REGION", "AWS_DEFAULT_REGION", "AWS_SESSION_TOKEN"):
        monkeypatch.delenv(name, raising=False)
    for name in ("AWS_CONFIG_FILE", "AWS_SHARED_CREDENTIALS_FILE"):
        monkeypatch.setenv(name, "/nowhere")
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "AKIDEXAMPLE")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "hidden-key")
    with serve() as server:
        monkeypatch.setenv("AWS_ENDPOINT_URL", server.url)
        yield server
