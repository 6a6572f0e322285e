"""What is wrong now: the conditions that the warehouse's tables show, each with what it has to say."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal
from typing import Any

from duckdb import DuckDBPyConnection

from finops.alerts import messages
from finops.alerts.text import plain

KINDS = {
    "check_failed": "Check failed",
    "source_failed": "Source failed",
    "budget_over": "Budget over",
    "budget_at_risk": "Budget at risk",
    "closed_month_moved": "Closed month moved",
    "idle_gpu": "Idle GPU",
}
"""Every kind of alert and its title, the most pressing first."""
EVENTS = frozenset({"closed_month_moved"})
"""Kinds that happen at a moment; the others last as long as what is wrong."""
IDLE_WINDOW = timedelta(days=7)
IDLE_FLOOR = Decimal(50)
"""Idle cost (avoidable and sunk) of an instance that is worth a message, in the reporting currency."""
MOVED_FLOOR = Decimal(1)
"""Total change of a closed month that is worth a message, in its own currency."""
MOVED_RECENTLY = timedelta(days=1)
"""How old a restatement may be: a run that broke off is made good for, history is left alone."""


FOCUS_RULES = ("focus_rules", "focus_prices", "focus_ids")
"""Checks with a scope for each rule and source: one alert each, of a bill that lacks what its provider never writes."""


@dataclass(frozen=True)
class Condition:
    """Something wrong with a subject; `occurrence` tells one time from the next ('': there is only one)."""

    kind: str
    subject: tuple[str, ...]
    occurrence: str
    message: str

    @property
    def alert_id(self) -> str:
        """The same for the same kind, subject and occurrence, in every run."""
        # A length before each part: no two ways of cutting a text into parts are the same.
        parts = (self.kind, self.occurrence, *self.subject)
        text = "".join(f"{len(part)}:{part}" for part in parts)
        return hashlib.sha256(text.encode(errors="surrogatepass")).hexdigest()[:16]

    @property
    def subject_text(self) -> str:
        """The subject for people."""
        return " / ".join(plain(part) for part in self.subject if part)


def conditions(con: DuckDBPyConnection, as_of: date | None, now: datetime) -> Iterator[Condition]:
    """All that is wrong now. `as_of` is the first day without data: with None, nothing of money is said."""
    yield from _checks(con)
    yield from _sources(con)
    if as_of is not None:
        open_month = f"{as_of - timedelta(days=1):%Y-%m}"
        yield from _budgets(con, open_month)
        yield from _moved(con, open_month, now)
        yield from _idle(con, as_of)


def _checks(con: DuckDBPyConnection) -> Iterator[Condition]:
    failed = _rows(
        con,
        "SELECT check_name, scope, expected, actual, difference, blocking, checked_at "
        "FROM quality.checks WHERE NOT passed AND check_name NOT IN (SELECT unnest($rules))",
        {"rules": list(FOCUS_RULES)},
    )
    for row in failed:
        subject = (row["check_name"], row["scope"])
        yield Condition("check_failed", subject, "", messages.check_failed(row))
    broken = _rows(
        con,
        """SELECT check_name, count(*) AS rules, arg_max(scope, actual::BIGINT) AS worst, max(actual::BIGINT) AS found,
          max(checked_at) AS checked_at
        FROM quality.checks WHERE NOT passed AND check_name IN (SELECT unnest($rules)) GROUP BY check_name""",
        {"rules": list(FOCUS_RULES)},
    )
    for row in broken:
        yield Condition("check_failed", (row["check_name"],), "", messages.rules_broken(row))


def _sources(con: DuckDBPyConnection) -> Iterator[Condition]:
    failed = _rows(
        con,
        """SELECT source, unit, arg_max(error, failed_at) AS error, min(failed_at) AS since, (
          SELECT max(loaded_at) FROM ledger.loads AS l
          WHERE l.source = f.source AND l.unit = f.unit AND l.status = 'current'
        ) AS loaded_at
        FROM ledger.failures AS f GROUP BY source, unit""",
    )
    for row in failed:
        yield Condition("source_failed", (row["source"], row["unit"]), "", messages.source_failed(row))


def _budgets(con: DuckDBPyConnection, open_month: str) -> Iterator[Condition]:
    broken = _rows(
        con,
        """SELECT o.*, s.p_over, s.scope
        FROM budget.overruns AS o LEFT JOIN budget.status AS s USING (budget, billing_period)
        WHERE billing_period = $open AND o.state IN ('over', 'at_risk')""",
        {"open": open_month},
    )
    for row in broken:
        message = messages.budget_over(row) if row["state"] == "over" else messages.budget_at_risk(row)
        yield Condition(f"budget_{row['state']}", (row["budget"],), open_month, message)


def _moved(con: DuckDBPyConnection, open_month: str, now: datetime) -> Iterator[Condition]:
    moved = _rows(
        con,
        """WITH part AS (
          SELECT detected_at, source, billing_period, currency,
            coalesce(service_name, 'no service') AS service_name, sum(delta) AS delta
          FROM ledger.restatements
          WHERE billing_period < $open AND detected_at > $since AND detected_at <= $now
          GROUP BY ALL
        )
        SELECT detected_at, source, billing_period, currency, sum(delta) AS delta,
          arg_max(service_name, abs(delta)) AS driver, arg_max(delta, abs(delta)) AS driver_delta
        FROM part GROUP BY detected_at, source, billing_period, currency
        HAVING abs(sum(delta)) >= $floor""",
        {"open": open_month, "since": now - MOVED_RECENTLY, "now": now, "floor": MOVED_FLOOR},
    )
    for row in moved:
        subject = (row["source"], row["billing_period"], row["currency"])
        occurrence = row["detected_at"].astimezone(UTC).isoformat()
        yield Condition("closed_month_moved", subject, occurrence, messages.closed_month_moved(row))


def _idle(con: DuckDBPyConnection, as_of: date) -> Iterator[Condition]:
    until = datetime.combine(as_of, time(), UTC)
    idle = _rows(
        con,
        """SELECT instance_id, max(currency) AS currency,
          arg_max(team, ended_at) AS team, arg_max(ml_project, ended_at) AS ml_project,
          count(*) AS episodes, count(DISTINCT gpu_id) AS gpus, sum(gpu_hours) AS gpu_hours,
          min(started_at) AS since, max(ended_at) AS until, arg_max(state, gpu_hours) AS state,
          coalesce(sum(avoidable_cost), 0) AS avoidable_cost, coalesce(sum(sunk_cost), 0) AS sunk_cost,
          count(*) - count(cost) AS unpriced
        FROM gpu.idle WHERE ended_at > $since AND started_at < $until
        GROUP BY instance_id
        HAVING coalesce(sum(avoidable_cost), 0) + coalesce(sum(sunk_cost), 0) >= $floor""",
        {"since": until - IDLE_WINDOW, "until": until, "floor": IDLE_FLOOR},
    )
    for row in idle:
        yield Condition("idle_gpu", (row["instance_id"],), "", messages.idle_gpu(row))


def _rows(con: DuckDBPyConnection, sql: str, parameters: dict[str, Any] | None = None) -> list[dict[str, Any]]:
    """A query's rows as mappings from column to value."""
    found = con.execute(sql, parameters or {})
    names = [str(column[0]) for column in found.description or ()]
    return [dict(zip(names, row, strict=True)) for row in found.fetchall()]
