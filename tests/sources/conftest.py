"""What the tests of loading need not wait for."""

from __future__ import annotations

import os
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import pytest
from duckdb import DuckDBPyConnection

from finops import lifecycle, pipeline
from finops.sources import landing, s3
from finops.warehouse import migrations

from .weed import Weed, serve

_rules = cache(lifecycle.load_rules)
_migrate = migrations.migrate
_migrated: set[Path] = set()


def _migrate_once(con: DuckDBPyConnection, path: Path) -> None:
    if path not in _migrated:
        _migrate(con, path)
        _migrated.add(path)


@pytest.fixture(autouse=True)
def _no_waiting(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(landing, "WAITS", (0,) * 3)
    monkeypatch.setattr(s3, "WAITS", (0,) * 2)
    monkeypatch.setattr(os, "cpu_count", lambda: 1)  # a handful of rows: DuckDB's threads would only wait
    monkeypatch.setattr(migrations, "migrate", _migrate_once)
    monkeypatch.setattr(pipeline, "load_rules", _rules)


@pytest.fixture(scope="session")
def weed(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Weed]:
    """A real S3 server, for all tests of a worker process: each has a prefix of its own in the bucket."""
    with serve(tmp_path_factory.mktemp("weed")) as server:
        yield server
