"""Telling people: what is open goes to Slack in one message, or to a file when no Slack is configured."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import cast

from duckdb import DuckDBPyConnection

from finops.alerts.blocks import Alert, digest, note
from finops.alerts.conditions import KINDS
from finops.alerts.slack import post
from finops.alerts.text import plain
from finops.config import Slack
from finops.errors import AlertError

FILE = "alerts.jsonl"
LONGEST_NOTE = 2000
Say = Callable[[str], None]


def deliver(con: DuckDBPyConnection, slack: Slack | None, home: Path, *, now: datetime, say: Say) -> list[AlertError]:
    """Send every open alert, oldest first, and mark it sent; the errors of channels that failed.

    With a Slack: one message. Without: a line each in `<home>/alerts.jsonl`, and said through `say`. What
    could not be delivered stays open. A break-off in between repeats a message rather than losing it.
    """
    alerts = _open(con)
    if not alerts:
        return []
    try:
        channel = _send(slack, home, alerts, now, say)
    except AlertError as error:
        return [error]
    con.execute(
        "UPDATE alert.events SET state = 'sent', last_sent = ?, channel = ? "
        "WHERE state = 'open' AND list_contains(?, alert_id)",
        [now, channel, [alert.alert_id for alert in alerts]],
    )
    return []


def send_test(slack: Slack | None, home: Path, say: Say) -> None:
    """Send a test message through the configured channel, and say where it went; raises AlertError."""
    _note(slack, home, "test", "A test message from finops: alerts arrive here.", say)
    target = "Slack" if slack is not None else f"{home / FILE}, as no Slack is configured"
    say(f"The test message went to {target}.")


def run_failed(slack: Slack | None, home: Path, text: str, say: Say) -> None:
    """Send one short message: a run failed, and `text` is why; raises AlertError."""
    _note(slack, home, "run_failed", f"A finops run failed: {plain(text, LONGEST_NOTE)}", say)


def _open(con: DuckDBPyConnection) -> list[Alert]:
    """The open alerts, oldest first; those of one run with the most pressing first."""
    rows = con.execute(
        "SELECT alert_id, kind, message FROM alert.events WHERE state = 'open' "
        "ORDER BY first_seen, list_position(?, kind), subject, alert_id",
        [list(KINDS)],
    ).fetchall()
    return [Alert(*cast("tuple[str, str, str]", row)) for row in rows]


def _send(slack: Slack | None, home: Path, alerts: list[Alert], now: datetime, say: Say) -> str:
    """Send through the configured channel; its name. Raises AlertError."""
    if slack is not None:
        post(slack, digest(alerts))
        return "slack"
    at = _stamp(now)
    _append(
        home,
        ({"alert_id": a.alert_id, "kind": a.kind, "sent_at": at, "message": a.message} for a in alerts),
    )
    for alert in alerts:
        say(f"{KINDS.get(alert.kind, alert.kind)}: {alert.message}")
    return "file"


def _note(slack: Slack | None, home: Path, kind: str, text: str, say: Say) -> None:
    if slack is not None:
        post(slack, note(text))
        return
    _append(home, [{"kind": kind, "sent_at": _stamp(datetime.now(UTC)), "message": text}])
    say(text)


def _stamp(time: datetime) -> str:
    return time.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def _append(home: Path, records: Iterable[Mapping[str, str]]) -> None:
    """Append a line for each record, all at once; raises AlertError."""
    path = home / FILE
    lines = "".join(f"{json.dumps(record, ensure_ascii=False)}\n" for record in records)
    try:
        home.mkdir(parents=True, exist_ok=True)
        with path.open("a", encoding="utf-8", errors="replace") as file:
            file.write(lines)
    except OSError as error:
        raise AlertError(
            f"the alerts could not be written: {error.strerror}",
            where=str(path),
            remedy="free some space or correct its rights; the next run tries again",
        ) from None
