"""Another's idea of BigQuery: PyPI's bqemulator, in an environment of its own since it wants another DuckDB.

It knows partitions of a column, INFORMATION_SCHEMA and the Storage Read API; pages of one partition, pseudo columns
and exact NUMERIC it does not know.
"""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from finops.clouds import gcp_session
from finops.clouds.gcp_session import GcpAccess
from tests.bigquery import EXPORT, Field, record

from .house import House, google

pytestmark = pytest.mark.conformance
PACKAGES = ("bqemulator==1.4.0", "duckdb==1.5.5", "duckdb-extension-spatial==1.5.5", "numpy")
SECONDS = 60


@pytest.fixture(scope="module")
def emulator(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[str, str]]:
    """Its addresses, of REST and of gRPC; skipped where it cannot be installed."""
    folder = tmp_path_factory.mktemp("bqemulator")
    program = folder / "venv" / "bin"
    subprocess.run([sys.executable, "-m", "venv", folder / "venv"], check=True)
    pip = [program / "python", "-m", "pip", "install", "--quiet", *PACKAGES]
    installed = subprocess.run(pip, capture_output=True, text=True, timeout=600)
    if installed.returncode:
        pytest.skip(f"bqemulator cannot be installed: {installed.stderr.strip().splitlines()[-1]}")
    # it would fetch the extension from the internet: its package has it too
    (extension,) = (folder / "venv").rglob("spatial.duckdb_extension")
    home = folder / ".duckdb" / "extensions" / extension.parent.name / "linux_amd64"
    home.mkdir(parents=True)
    (home / extension.name).symlink_to(extension)
    log = folder / "log"
    command = [program / "bqemulator", "start", "--rest-port", "0", "--grpc-port", "0", "--log-format", "json"]
    with log.open("w") as out:
        server = subprocess.Popen(command, stdout=out, stderr=out, env={**os.environ, "HOME": str(folder)})
        try:
            yield _addresses(server, log)
        finally:
            server.terminate()
            server.wait(20)


def _addresses(server: subprocess.Popen[bytes], log: Path) -> tuple[str, str]:
    until = time.monotonic() + SECONDS
    while time.monotonic() < until and server.poll() is None:
        text = log.read_text()
        rest, grpc = re.search(r"running on (http://[\d.:]+)", text), re.search(r'.*"grpc.listen".*', text)
        if rest and grpc:
            return rest[1], f"127.0.0.1:{json.loads(grpc[0])['port']}"
        time.sleep(0.2)
    pytest.skip(f"bqemulator does not start: {log.read_text()[-300:]}")


def _line(field: Field, value: Any) -> Any:
    """A value as a line of JSON has it."""
    if value is None or field["type"] in {"FLOAT", "BOOLEAN"}:
        return value
    if isinstance(value, list):
        return [_line({**field, "mode": "NULLABLE"}, each) for each in value]
    if isinstance(value, dict):
        return {each["name"]: _line(each, value[each["name"]]) for each in field["fields"]}
    return str(value)


def test_partitions_of_a_column(emulator: tuple[str, str], tmp_path: Path) -> None:
    from google.cloud import bigquery

    rest, grpc = emulator
    client = gcp_session.bigquery(GcpAccess(), "p-1", rest)
    dataset = bigquery.Dataset("p-1.billing")
    dataset.location = "EU"
    client.create_dataset(dataset)
    table = bigquery.Table("p-1.billing.bills", schema=[bigquery.SchemaField.from_api_repr(each) for each in EXPORT])
    table.time_partitioning = bigquery.TimePartitioning(field="usage_start_time")
    client.create_table(table)

    def insert(day: int, *given: float) -> None:
        credit = {"name": "c", "amount": -0.25, "full_name": "c", "id": "1", "type": "DISCOUNT"}
        rows = [
            google(cost, usage_start_time=f"2026-09-0{day} 00:00:00 UTC", usage_end_time=f"2026-09-0{day} 01:00:00 UTC",
                   credits=[credit])
            for cost in given
        ]  # fmt: skip
        lines = [{each["name"]: _line(each, record(EXPORT, row)[each["name"]]) for each in EXPORT} for row in rows]
        assert client.insert_rows_json(table, lines) == []

    insert(2, 1.5, 1.5)
    insert(3, 4)
    source = {"name": "gcp", "kind": "gcp-bigquery", "table": "p-1.billing.bills"}
    house = House(tmp_path, {**source, "endpoint": rest, "storage_endpoint": grpc})
    assert house.ok().total() == 7 - 3 * 0.25
    house.ok()
    assert all(each.rows is None for each in house.loaded)
    insert(2, 8)
    assert house.ok().total() == 15 - 4 * 0.25
    assert house.sql("SELECT unit, row_count FROM ledger.loads WHERE status = 'current' ORDER BY unit") == [
        ("_PARTITIONDATE=2026-09-02", 3),
        ("_PARTITIONDATE=2026-09-03", 1),
    ]
