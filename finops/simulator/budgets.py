"""Budgets and planned runs of the simulated company, and which budgets are overrun."""

from __future__ import annotations

import csv
from dataclasses import dataclass
from datetime import date, timedelta
from decimal import ROUND_CEILING, Decimal
from pathlib import Path

import polars as pl
import yaml

from finops.simulator.arrow import Table
from finops.simulator.company import CURRENCY, Company
from finops.simulator.timeline import Timeline

COLUMNS = ("budget", "billing_period", "amount", "actual", "overrun", "crossing_date")
_STEP = Decimal(500)
Daily = dict[date, Decimal]


@dataclass(frozen=True)
class Plan:
    """A budget: its scope, and its amount as a multiple of the mean month before the open one.

    `tight`: for that number of months before the last one, the multiple of that month's own actual instead;
    for the open month (0) the multiple is of what has been spent so far.
    """

    name: str
    owner: str
    scope: dict[str, str]
    room: float
    tight: dict[int, float]
    flat: bool = False


_PLANS = (
    Plan("nlp", "nlp-leads", {"team": "nlp"}, 1.4, {}),
    Plan("vision", "vision-leads", {"team": "vision"}, 1.4, {2: 0.93}),
    Plan("recsys", "recsys-leads", {"team": "recsys"}, 1.35, {}),
    Plan("platform", "platform-leads", {"team": "platform"}, 1.5, {}, flat=True),
    Plan("recsys-retraining", "recsys-leads", {"team": "recsys", "ml_stage": "retraining"}, 1.6, {1: 0.88}),
    Plan("nlp-evaluation", "nlp-leads", {"team": "nlp", "ml_stage": "evaluation"}, 1.7, {3: 0.95, 1: 0.8}),
    Plan("platform-shared", "platform-leads", {"team": "platform", "ml_stage": "platform"}, 1.4, {0: 1.12}),
    Plan("platform-compliance", "risk", {"team": "platform", "ml_stage": "compliance"}, 1.3, {}, flat=True),
    Plan("platform-monitoring", "platform-leads", {"team": "platform", "ml_stage": "monitoring"}, 1.5, {}),
    Plan("recsys-lab", "recsys-leads", {"team": "recsys", "ml_stage": "experimentation"}, 1.5, {0: 0.9}),
)  # fmt: skip

# name, team, model, days from the end of the data to the start, length in days, expected cost
_RUNS = (
    ("assistant-xl-refresh", "nlp", "assistant-xl", 3, 9, "48000.00"),
    ("grasp-net-v5", "vision", "grasp-net", 6, 5, "17500.00"),
    ("ranker-winter", "recsys", "ranker", 12, 3, "3600.00"),
    ("translate-2-distil", "nlp", "translate-2", 19, 6, "9800.00"),
)


def write(out: Path, charges: Table, company: Company, line: Timeline) -> int:
    """Writes `budgets.yaml`, `planned_runs.yaml` and `truth/overruns.csv`; the number of budgets.

    A month's actual is the EffectiveCost, in the scope, of charges dated in that calendar month; teams and
    stages count by what is on the row ('tag' evidence for stages), so a tool that infers more may see more.
    """
    frame = pl.DataFrame(charges)
    entries: list[dict[str, object]] = []
    overruns: list[tuple[str, ...]] = []
    for plan in _PLANS:
        spent = daily(frame, plan.scope)
        amounts = _amounts(plan, spent, line)
        entries.append(_entry(plan, amounts))
        for period, amount in amounts.items():
            overruns.extend(_overrun(plan.name, period, amount, spent))
    _dump(out / "budgets.yaml", {"budgets": entries})
    _dump(out / "planned_runs.yaml", {"planned_runs": _planned(company, line)})
    with (out / "truth" / "overruns.csv").open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(COLUMNS)
        writer.writerows(overruns)
    return len(entries)


def daily(charges: pl.DataFrame, scope: dict[str, str]) -> Daily:
    """EffectiveCost in the scope (team, and maybe a stage that a tag names) by charge date, in order."""
    inside = pl.col("team") == scope["team"]
    if "ml_stage" in scope:
        inside &= (pl.col("ml_stage") == scope["ml_stage"]) & (pl.col("evidence") == "tag")
    found = charges.filter(inside).group_by("charge_date").agg(pl.col("effective_cost").sum())
    return dict(found.sort("charge_date").iter_rows())


def _amounts(plan: Plan, spent: Daily, line: Timeline) -> dict[str, Decimal]:
    """The plan's amount for each month, in whole steps."""
    closed = [m.period for m in line.months if not m.open] or [line.months[0].period]
    mean = sum((_actual(spent, period) for period in closed), Decimal(0)) / len(closed)
    amounts: dict[str, Decimal] = {}
    for age, month in enumerate(reversed(line.months)):
        tight = None if plan.flat else plan.tight.get(age)
        base = mean * Decimal(str(plan.room)) if tight is None else _actual(spent, month.period) * Decimal(str(tight))
        step = _STEP if base > 20 * _STEP else Decimal(10)
        amounts[month.period] = max(step, (base / step).to_integral_value(ROUND_CEILING) * step)
    return dict(sorted(amounts.items()))


def _actual(spent: Daily, period: str) -> Decimal:
    return sum((cost for day, cost in spent.items() if f"{day:%Y-%m}" == period), Decimal(0))


def _overrun(name: str, period: str, amount: Decimal, spent: Daily) -> list[tuple[str, ...]]:
    """The overrun and the first day on which the month to date was above the amount; empty when it fits."""
    actual = _actual(spent, period)
    if actual <= amount:
        return []
    total, crossing = Decimal(0), ""
    for day, cost in spent.items():
        if f"{day:%Y-%m}" == period:
            total += cost
            if total > amount:
                crossing = day.isoformat()
                break
    return [(name, period, f"{amount:f}", f"{actual:f}", f"{actual - amount:f}", crossing)]


def _entry(plan: Plan, amounts: dict[str, Decimal]) -> dict[str, object]:
    """The budget as people write it; the same amount every month as `monthly`."""
    money: dict[str, object] = (
        {"monthly": int(next(iter(amounts.values())))}
        if plan.flat
        else {"amount": {period: int(amount) for period, amount in amounts.items()}}
    )
    return {"name": plan.name, "scope": plan.scope, **money, "currency": CURRENCY, "owner": plan.owner}


def _planned(company: Company, line: Timeline) -> list[dict[str, object]]:
    """Training runs that are planned after the end of the data."""
    made: list[dict[str, object]] = []
    for name, team, model, offset, length, cost in _RUNS:
        start = line.until + timedelta(days=offset)
        project = next(m.project for m in company.models if m.name == model)
        made.append(
            {
                "name": name,
                "team": team,
                "model": model,
                "project": project,
                "start": start.isoformat(),
                "end": (start + timedelta(days=length)).isoformat(),
                "expected_cost": cost,
                "currency": CURRENCY,
            }
        )
    return made


def _dump(path: Path, document: dict[str, object]) -> None:
    path.write_text(yaml.safe_dump(document, sort_keys=False, allow_unicode=True), encoding="utf-8")
