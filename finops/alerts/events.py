"""alert.events: every alert and where it stands.

    (none) ──condition seen──▶ open ──delivered──▶ sent ──condition gone──▶ resolved
    open ──condition gone──▶ resolved ──condition back──▶ open

An alert is said once: while its condition lasts it stays `sent`. What happened at a moment (EVENTS) cannot
stop being so: it waits until it is delivered, and does not come back.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from contextlib import suppress
from dataclasses import dataclass
from datetime import date, datetime

import duckdb
from duckdb import DuckDBPyConnection

from finops.alerts.conditions import EVENTS, Condition, conditions
from finops.warehouse.connection import scalar

STATES = ("open", "sent", "resolved")


@dataclass(frozen=True)
class Standing:
    """What alert.events knows of an alert: its kind and state."""

    kind: str
    state: str


@dataclass(frozen=True)
class Changes:
    """What an evaluation does: alerts that begin (again), waiting ones with newer figures, those gone."""

    opened: tuple[Condition, ...]
    refreshed: tuple[Condition, ...]
    resolved: tuple[str, ...]


def changes(known: Mapping[str, Standing], current: Collection[Condition]) -> Changes:
    """What the conditions of now change in the alerts known so far, by alert_id."""
    by_id = {each.alert_id: each for each in current}
    opened = [each for key, each in by_id.items() if key not in known or _is_back(known[key])]
    refreshed = [each for key, each in by_id.items() if key in known and known[key].state == "open"]
    resolved = [key for key, standing in known.items() if key not in by_id and _may_resolve(standing)]
    return Changes(tuple(opened), tuple(refreshed), tuple(resolved))


def evaluate(con: DuckDBPyConnection, *, as_of: date | None, now: datetime) -> int:
    """Bring alert.events up to date in one transaction; the number of alerts that wait to be sent.

    `as_of` is the first day without data (None: an empty warehouse), `now` the time of the run. Read are
    quality.checks, ledger.failures (what fails now), ledger.loads, and, with an `as_of`, ledger.restatements,
    budget.overruns, budget.status and gpu.idle: all must exist.
    """
    con.execute("BEGIN")
    try:
        rows = con.execute("SELECT alert_id, kind, state FROM alert.events").fetchall()
        known = {str(key): Standing(str(kind), str(state)) for key, kind, state in rows}
        _apply(con, changes(known, list(conditions(con, as_of, now))), now)
        con.execute("COMMIT")
    except BaseException:
        with suppress(duckdb.Error):  # where it was the commit that failed there is nothing left to roll back
            con.execute("ROLLBACK")
        raise
    return int(scalar(con, "SELECT count(*) FROM alert.events WHERE state = 'open'"))


def _is_back(standing: Standing) -> bool:
    return standing.state == "resolved" and standing.kind not in EVENTS


def _may_resolve(standing: Standing) -> bool:
    return standing.state == "sent" or (standing.state == "open" and standing.kind not in EVENTS)


def _apply(con: DuckDBPyConnection, change: Changes, now: datetime) -> None:
    for each in change.opened:
        con.execute(
            """INSERT INTO alert.events VALUES (?, ?, ?, 'open', ?, NULL, NULL, ?)
            ON CONFLICT (alert_id) DO UPDATE
            SET state = 'open', first_seen = excluded.first_seen, message = excluded.message""",
            [each.alert_id, each.kind, each.subject_text, now, each.message],
        )
    for each in change.refreshed:
        con.execute("UPDATE alert.events SET message = ? WHERE alert_id = ?", [each.message, each.alert_id])
    for key in change.resolved:
        con.execute("UPDATE alert.events SET state = 'resolved' WHERE alert_id = ?", [key])
