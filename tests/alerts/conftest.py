"""A warehouse with the tables that alerts read, and a stand-in for Slack on loopback."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import duckdb
import pytest
from duckdb import DuckDBPyConnection

import finops.warehouse

AS_OF = date(2026, 10, 21)
NOW = datetime(2026, 10, 21, 6, tzinfo=UTC)
TABLES = """
CREATE TABLE budget.overruns (
  as_of DATE, budget VARCHAR, billing_period VARCHAR, amount DECIMAL(38,18), actual DECIMAL(38,18),
  forecast_total DECIMAL(38,18), overrun DECIMAL(38,18), crossing_date DATE, top_driver VARCHAR,
  state VARCHAR, currency VARCHAR, owner VARCHAR);
CREATE TABLE budget.status (budget VARCHAR, billing_period VARCHAR, scope VARCHAR, p_over DOUBLE);
CREATE TABLE gpu.idle (
  episode_id VARCHAR, gpu_id VARCHAR, instance_id VARCHAR, started_at TIMESTAMPTZ, ended_at TIMESTAMPTZ,
  gpu_hours DECIMAL(38,18), state VARCHAR, signal VARCHAR, cost DECIMAL(38,18), avoidable_cost DECIMAL(38,18),
  sunk_cost DECIMAL(38,18), currency VARCHAR, team VARCHAR, ml_project VARCHAR, ml_stage VARCHAR);
CREATE TABLE ledger.restatements (
  detected_at TIMESTAMPTZ, source VARCHAR, billing_period VARCHAR, charge_date DATE, provider_name VARCHAR,
  service_name VARCHAR, ml_stage VARCHAR, currency VARCHAR, previous_cost DECIMAL(38,18),
  current_cost DECIMAL(38,18), delta DECIMAL(38,18));
"""


@dataclass(frozen=True)
class Tables:
    """Rows of the tables, by what a test cares for; the rest is usual."""

    con: DuckDBPyConnection

    def overrun(self, state: str = "over", **changes: Any) -> None:
        row = {
            "as_of": AS_OF,
            "budget": "nlp-training",
            "billing_period": "2026-10",
            "amount": Decimal(130000),
            "actual": Decimal("131234.505"),
            "forecast_total": Decimal(180000),
            "overrun": Decimal(50000),
            "crossing_date": date(2026, 10, 19),
            "top_driver": "project=search: +12,345.67 USD",
            "state": state,
            "currency": "USD",
            "owner": "nlp-leads",
            **changes,
        }
        self.insert("budget.overruns", row)
        status = {"budget": row["budget"], "billing_period": row["billing_period"], "p_over": 0.93}
        self.insert("budget.status", {**status, "scope": '{"ml_stage": "training", "team": "nlp"}'})

    def no_overruns(self) -> None:
        self.con.execute("DELETE FROM budget.overruns")
        self.con.execute("DELETE FROM budget.status")

    def idle(self, avoidable: str | None, sunk: str | None, **changes: Any) -> None:
        ended = NOW - timedelta(days=2)
        self.insert(
            "gpu.idle",
            {
                "episode_id": "e",
                "gpu_id": "GPU-0",
                "instance_id": "i-0abc",
                "started_at": ended - timedelta(hours=10),
                "ended_at": ended,
                "gpu_hours": Decimal(10),
                "state": "idle",
                "signal": "gpu_util",
                "cost": None if avoidable is None or sunk is None else Decimal(avoidable) + Decimal(sunk),
                "avoidable_cost": avoidable and Decimal(avoidable),
                "sunk_cost": sunk and Decimal(sunk),
                "currency": "USD",
                "team": "nlp",
                "ml_project": "search",
                "ml_stage": "training",
                **changes,
            },
        )

    def restated(self, delta: str, **changes: Any) -> None:
        self.insert(
            "ledger.restatements",
            {
                "detected_at": NOW,
                "source": "aws-main",
                "billing_period": "2026-08",
                "charge_date": date(2026, 8, 3),
                "provider_name": "AWS",
                "service_name": "Amazon EC2",
                "ml_stage": "training",
                "currency": "USD",
                "previous_cost": Decimal(0),
                "current_cost": Decimal(delta),
                "delta": Decimal(delta),
                **changes,
            },
        )

    def failure(self, source: str = "aws-main", error: str = "no access", unit: str = "2026-10") -> None:
        self.insert("ledger.failures", {"source": source, "unit": unit, "failed_at": NOW, "error": error})

    def rule(self, scope: str, found: int, name: str = "focus_rules") -> None:
        self.con.execute(
            "INSERT INTO quality.checks VALUES (?, ?, false, '0', ?, ?, false, ?)",
            [name, scope, str(found), str(found), NOW],
        )

    def check(self, name: str = "charges_equal_source", *, passed: bool = False) -> None:
        self.con.execute(
            "INSERT INTO quality.checks VALUES (?, 'aws-main', ?, '10.00', '9.99', '-0.01', true, ?)",
            [name, passed, NOW],
        )

    def insert(self, table: str, row: dict[str, Any]) -> None:
        names, marks = ", ".join(row), ", ".join("?" for _ in row)
        self.con.execute(f"INSERT INTO {table} ({names}) VALUES ({marks})", list(row.values()))

    def events(self) -> list[tuple[Any, ...]]:
        """Kind, subject and state of every alert."""
        return self.con.execute("SELECT kind, subject, state FROM alert.events ORDER BY 1, 2, 3").fetchall()

    def message(self, kind: str) -> str:
        (row,) = self.con.execute("SELECT message FROM alert.events WHERE kind = ?", [kind]).fetchall()
        return row[0]


@pytest.fixture
def con() -> Iterator[DuckDBPyConnection]:
    with duckdb.connect() as con:
        con.execute("SET TimeZone = 'UTC'")
        con.execute((Path(finops.warehouse.__file__).parent / "schema.sql").read_text(encoding="utf-8"))
        con.execute(TABLES)
        yield con


@pytest.fixture
def tables(con: DuckDBPyConnection) -> Tables:
    return Tables(con)


@dataclass
class Answer:
    status: int = 200
    body: str = "ok"
    headers: dict[str, str] = field(default_factory=dict)
    slow: bool = False


@dataclass
class FakeSlack:
    """Answers with `answers` in turn, the last one for ever, and keeps what it was sent."""

    url: str
    answers: list[Answer]
    requests: list[dict[str, Any]] = field(default_factory=list)
    paths: list[str] = field(default_factory=list)
    authorization: list[str | None] = field(default_factory=list)
    released: threading.Event = field(default_factory=threading.Event)

    @property
    def texts(self) -> list[str]:
        """The texts of the sections of the last message."""
        return [block["text"]["text"] for block in self.requests[-1]["blocks"] if block["type"] == "section"]


@pytest.fixture
def slack_server(monkeypatch: pytest.MonkeyPatch) -> Iterator[FakeSlack]:
    for name in ("HTTP_PROXY", "HTTPS_PROXY", "http_proxy", "https_proxy"):
        monkeypatch.delenv(name, raising=False)

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            length = int(self.headers["Content-Length"])
            fake.requests.append(json.loads(self.rfile.read(length)))
            fake.paths.append(self.path)
            fake.authorization.append(self.headers["Authorization"])
            answer = fake.answers.pop(0) if len(fake.answers) > 1 else fake.answers[0]
            if answer.slow:
                fake.released.wait(0.9)
            with suppress(ConnectionError):  # who waited too long has left
                self.reply(answer)

        def reply(self, answer: Answer) -> None:
            body = answer.body.encode()
            self.send_response(answer.status)
            for name, value in {**answer.headers, "Content-Length": str(len(body))}.items():
                self.send_header(name, value)
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, format: str, *args: object) -> None:  # noqa: A002
            """Nothing: the tests read what was sent."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    fake = FakeSlack(f"http://127.0.0.1:{server.server_port}", [Answer()])
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    try:
        yield fake
    finally:
        fake.released.set()
        server.shutdown()
        server.server_close()
        thread.join()
