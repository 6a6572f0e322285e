"""What an alert says: what happened, how much, since when, whose it is, why, and the next step.

Plain text of one paragraph; a channel escapes it as it must. `row` is a condition's row.
"""

from __future__ import annotations

import json
import shlex
from collections.abc import Mapping
from typing import Any, cast

from finops.alerts.text import counted, moment, money, plain

LONGEST_ERROR = 1000
LONGEST_DRIVER = 200
Row = Mapping[str, Any]


def check_failed(row: Row) -> str:
    """quality.checks: what was expected, what came, and whether it stopped publication."""
    name = plain(row["check_name"])
    scope = f" for {plain(row['scope'])}" if row["scope"] else ""
    effect = (
        "It stops publication: the numbers published before stand"
        if row["blocking"]
        else "It does not stop publication"
    )
    expected, actual, difference = (_known(row[name]) for name in ("expected", "actual", "difference"))
    return (
        f"The check {name} failed{scope} at {moment(row['checked_at'])}: expected "
        f"{expected}, found {actual}, difference {difference}. {effect}. Next step: finops checks {name}"
    )


def rules_broken(row: Row) -> str:
    """quality.checks: how many of FOCUS's rules bills break, and the one that most rows break."""
    name, others = plain(row["check_name"]), f", and {row['rules'] - 1} more" if row["rules"] > 1 else ""
    return (
        f"Bills break rules of FOCUS, at {moment(row['checked_at'])}: {plain(row['worst'])} ({row['found']} rows)"
        f"{others}. "
        f"The charges stay as they came. Next step: finops checks {name}"
    )


def source_failed(row: Row) -> str:
    """ledger.failures: the error as it was met, and what stands meanwhile."""
    unit = f", {plain(row['unit'])}," if row["unit"] not in {None, "", "*"} else ""
    stands = f"What was loaded at {moment(row['loaded_at'])} stands" if row["loaded_at"] else "Nothing of it is loaded"
    return (
        f"The source {plain(row['source'])}{unit} could not be loaded since {moment(row['since'])}: "
        f"{_sentence(plain(row['error'], LONGEST_ERROR))} {stands}. Next step: finops doctor"
    )


def budget_over(row: Row) -> str:
    """budget.overruns: a budget whose spend has exceeded its amount."""
    crossed = f", crossed on {row['crossing_date']}" if row["crossing_date"] else ""
    return (
        f"The budget {_budget(row)} is over{crossed}: {_amount(row, 'actual')} spent of "
        f"{_amount(row, 'amount')}. {_outlook(row)}"
    )


def budget_at_risk(row: Row) -> str:
    """budget.overruns: a budget that is expected to be exceeded."""
    crossing = f", crossing it on {row['crossing_date']}" if row["crossing_date"] else ""
    chance = f" (probability {min(row['p_over'], 0.99):.0%})" if row["p_over"] is not None else ""
    return (
        f"The budget {_budget(row)} is expected to be exceeded{chance}{crossing}: "
        f"{_amount(row, 'actual')} spent of {_amount(row, 'amount')} so far. {_outlook(row)}"
    )


def closed_month_moved(row: Row) -> str:
    """ledger.restatements: what a source changed in a month that had ended, and its largest part."""
    currency = plain(row["currency"])
    return (
        f"The source {plain(row['source'])} changed its closed month {plain(row['billing_period'])} by "
        f"{money(row['delta'], currency, signed=True)}, detected at {moment(row['detected_at'])}. "
        f"Largest part: {plain(row['driver'])}, {money(row['driver_delta'], currency, signed=True)}. "
        f"Next step: finops restatements --period {shlex.quote(plain(row['billing_period']))}"
    )


def idle_gpu(row: Row) -> str:
    """gpu.idle by instance: what stopping would have saved, and apart from it what is committed anyway."""
    team, project = row["team"], row["ml_project"]
    whose = f"team {plain(team)}" if team else "no team known"
    whose += f", project {plain(project)}" if project else ""
    hours = f"{row['gpu_hours']:,.1f} GPU-hours"
    unpriced = f" {counted(row['unpriced'], 'episode')} without a known cost not counted." if row["unpriced"] else ""
    option = f" --team {shlex.quote(plain(team))}" if team else ""
    return (
        f"{counted(row['gpus'], 'GPU')} of the instance {plain(row['instance_id'])} ({whose}) idle in "
        f"{counted(row['episodes'], 'episode')} between {moment(row['since'])} and {moment(row['until'])}, "
        f"{hours}, mostly {plain(row['state'])}. {_saving(row)}{unpriced} Next step: finops idle{option}"
    )


def _saving(row: Row) -> str:
    currency = row["currency"]
    parts: list[str] = []
    if row["avoidable_cost"] > 0:
        parts.append(f"Stopping it would have saved {money(row['avoidable_cost'], currency)}.")
    if row["sunk_cost"] > 0:
        further = "A further " if parts else ""
        parts.append(
            f"{further}{money(row['sunk_cost'], currency)} is under a commitment: reassign it, stopping saves nothing."
        )
    return " ".join(parts)


def _budget(row: Row) -> str:
    owner = f"owner {plain(row['owner'])}" if row["owner"] else "no owner named"
    scope = _scope(row).items()
    of = ", ".join(f"{plain(key)} {plain(value)}" for key, value in scope) or "all spend"
    return f"{plain(row['budget'])} of {plain(row['billing_period'])} ({owner}; {of})"


def _scope(row: Row) -> dict[str, str]:
    return cast("dict[str, str]", json.loads(row["scope"])) if row["scope"] else {}


def _amount(row: Row, column: str) -> str:
    return money(row[column], plain(row["currency"]))


def _outlook(row: Row) -> str:
    return (
        f"Forecast for the whole month: {_amount(row, 'forecast_total')}, "
        f"{_amount(row, 'overrun')} too much. {_driver(row)} {_next(row)}"
    )


def _driver(row: Row) -> str:
    if row["top_driver"]:
        return f"Top driver: {_sentence(plain(row['top_driver'], LONGEST_DRIVER))}"
    return "No part of it grew against the months before."


def _next(row: Row) -> str:
    team = _scope(row).get("team")
    option = f" --team {shlex.quote(plain(team))}" if team else ""
    period = f"--period {shlex.quote(plain(row['billing_period']))}"
    return f"Next step: finops overruns {period}, then finops gaps {period}{option}"


def _known(value: object) -> str:
    return "unknown" if value is None else plain(value)


def _sentence(text: str) -> str:
    return text if text.endswith((".", "!", "?")) else f"{text}."
