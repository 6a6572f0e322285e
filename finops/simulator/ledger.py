"""The cost ledger: what machine learning costs besides the cloud, as a spreadsheet that people keep."""

from __future__ import annotations

import csv
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Literal

from finops.simulator import truth
from finops.simulator.company import CURRENCY, STAGE_VARIANTS, Company
from finops.simulator.timeline import Month, Timeline, stream
from finops.simulator.truth import Written

SOURCE = "people"
SERVICE = "ledger"
COLUMNS = (
    "start_date", "end_date", "amount", "currency", "category", "description",
    "vendor", "team", "project", "model", "ml_stage",
)  # fmt: skip
_STAGE_OF = {variant: stage for stage, variants in STAGE_VARIANTS.items() for variant in variants}


@dataclass(frozen=True)
class Post:
    """A kind of cost. `cents` a day in the first month; `varies` is the share by which it moves each month.

    `since`: the number of months before the last one in which it begins (None: it was always there).
    """

    category: str
    description: str
    cents: int
    every: Literal["month", "quarter"] = "month"
    varies: float = 0.0
    vendor: str = ""
    team: str = ""
    model: str = ""
    stage: str = ""
    since: int | None = None


@dataclass(frozen=True)
class Entry:
    """A row of the ledger: `cents` a day from `start` to `end` (exclusive)."""

    post: Post
    start: date
    end: date
    cents: int


_POSTS = (
    Post("people", "Research engineers, NLP", 92_000, team="nlp", stage="experimentation"),
    Post("people", "Training operations, NLP", 31_000, team="nlp", stage="training"),
    Post("people", "Research engineers, vision", 74_000, team="vision", stage="experimentation"),
    Post("people", "Robot test evaluation", 18_500, team="vision", stage="eval"),
    Post("people", "Recommendation engineers", 66_000, team="recsys", stage="experimentation"),
    Post("people", "Second recommendation squad", 21_000, team="recsys", stage="experimentation", since=4),
    Post("people", "ML platform engineers", 58_000, team="platform", stage="platform"),
    Post("people", "On-call for served models", 12_400, team="platform", stage="monitoring"),
    Post("people", "Head of ML", 24_000),
    Post("labelling", "Boxes", 41_000, "month", 0.3, "Taggery", "vision", "grasp-net", "labeling"),
    Post("labelling", "Answers", 26_000, "month", 0.4, "Ratewell", "nlp", "assistant-xl", "data_labeling"),
    Post("labelling", "Catalogue", 9_300, "month", 0.2, "Taggery", "recsys", "ranker", "data-prep"),
    Post("licence", "Tracker", 4_150, "quarter", vendor="Curve", team="platform", stage="experimentation"),
    Post("licence", "Annotator", 2_780, "quarter", vendor="Boxwise", team="vision", stage="data_labeling"),
    Post("compliance", "Risk audit", 15_200, "quarter", 0.1, "Harbour", "platform", "", "compliance"),
    Post("compliance", "Privacy review", 6_100, vendor="Harbour", team="nlp", stage="compliance"),
    Post("hardware", "Workstations", 3_300, team="vision", stage="experimentation"),
    Post("other", "Conference travel", 1_900, "month", 0.8),
)  # fmt: skip


def write(out: Path, company: Company, line: Timeline, seed: int) -> Written:
    """Writes `out/ledger/costs.csv`. Each amount is whole cents a day times days, so that it spreads exactly.

    One truth row for each ledger row and day, charged on that day; nothing is booked past the data's end.
    """
    entries = list(_entries(line, seed))
    path = out / "ledger" / "costs.csv"
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(COLUMNS)
        writer.writerows(_row(entry, company) for entry in entries)
    return Written(
        rows=len(entries),
        files=1,
        charges=truth.table(_truth(entries), truth.CHARGES),
        instance_hours=truth.INSTANCE_HOURS.empty_table(),
        restatements=truth.RESTATEMENTS.empty_table(),
    )


def _entries(line: Timeline, seed: int) -> Iterator[Entry]:
    """The rows, month by month; a quarter's stands at its first simulated month."""
    for position, month in enumerate(line.months):
        for post in _POSTS:
            begins = line.months_ago(post.since) if post.since is not None else line.start
            opens = position == 0 or month.start.month % 3 == 1
            if month.start >= begins and (post.every == "month" or opens):
                end = _end(post, position, line)
                yield Entry(post, month.start, end, _cents(post, month, seed))


def _end(post: Post, position: int, line: Timeline) -> date:
    """The end of the month or quarter, at most the end of the data."""
    later = line.months[position:]
    if post.every == "quarter":
        later = later[: 3 - (later[0].start.month - 1) % 3]
        return later[-1].data_end
    return later[0].data_end


def _cents(post: Post, month: Month, seed: int) -> int:
    """What a day costs: salaries stay, deliveries move."""
    swing = stream(seed, SOURCE, post.description, month.period).uniform(-1.0, 1.0)
    return round(post.cents * (1.0 + post.varies * swing))


def _row(entry: Entry, company: Company) -> tuple[str, ...]:
    post = entry.post
    project = next((m.project for m in company.models if m.name == post.model), "")
    amount = Decimal(entry.cents * (entry.end - entry.start).days).scaleb(-2)
    return (
        entry.start.isoformat(), entry.end.isoformat(), f"{amount:.2f}", CURRENCY, post.category,
        post.description, post.vendor, post.team, project, post.model, post.stage,
    )  # fmt: skip


def _truth(entries: list[Entry]) -> dict[str, list[object]]:
    """One row for each entry and day."""
    columns: dict[str, list[object]] = {name: [] for name in truth.CHARGES.names}
    for entry in entries:
        post, cost = entry.post, Decimal(entry.cents).scaleb(-2)
        for n in range((entry.end - entry.start).days):
            day = entry.start + timedelta(days=n)
            values = {
                "source": SOURCE, "payer_or_billing_account": SOURCE, "account": None,
                "billing_period": f"{day:%Y-%m}", "charge_date": day, "line_type": post.category,
                "service": SERVICE, "billed_cost": cost, "effective_cost": cost,
                "ml_stage": _STAGE_OF.get(post.stage, post.stage) or "unattributed",
                "evidence": "tag" if post.stage else "none", "team": post.team or None,
                "model": post.model or None, "currency": CURRENCY,
            }  # fmt: skip
            for name, value in values.items():
                columns[name].append(value)
    return columns
