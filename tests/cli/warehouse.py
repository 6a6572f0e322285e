"""What the small warehouse holds: the contract's columns, and rows whose sums are easy to check.

The last day of cloud usage is 2026-10-04: as_of is 2026-10-05.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any

HOSTILE = "[red]=cmd|\x1b[31m\x07\n\u202e,\"';--"
"""A team as a hostile tag could name it: markup, escape codes, a bell, a line break, SQL."""
KINDS: dict[str, tuple[str, Callable[[str], Any]]] = {
    "": ("VARCHAR", lambda text: HOSTILE if text == "HOSTILE" else text),
    "money": ("DECIMAL(38,18)", Decimal),
    "at": ("TIMESTAMPTZ", lambda text: datetime.fromisoformat(f"2026-{text}").replace(tzinfo=UTC)),
    "day": ("DATE", lambda text: date.fromisoformat(f"2026-{text}")),
    "flag": ("BOOLEAN", lambda text: text == "true"),
}


@dataclass(frozen=True)
class Made:
    """A table's columns with their DuckDB types, and its rows."""

    columns: dict[str, str]
    rows: list[list[Any]]


def made(columns: str, rows: str) -> Made:
    """A table of `name:kind …` and of lines with a value each; `-` is null."""
    pairs = [(name, KINDS[kind]) for name, _, kind in (each.partition(":") for each in columns.split())]
    types = {name: type_ for name, (type_, _) in pairs}
    lines = [[each.strip() for each in line.split("|")] for line in rows.strip().splitlines()]
    values = [
        [None if text == "-" else parse(text) for text, (_, (_, parse)) in zip(line, pairs, strict=True)]
        for line in lines
    ]
    return Made(types, values)


TABLES = {
    "focus.charges": made(
        """BillingPeriodStart:at ChargePeriodStart:at ProviderName ChargeCategory x_MlStage x_Team
        BillingCurrency BilledCost:money EffectiveCost:money x_GpuHours:money""",
        """
        09-01 | 09-03 | AWS | Usage | training | nlp | USD | 100 | 75.250000000000000001 | 8
        09-01 | 09-04 | AWS          | Usage | training      | vision  | USD | 50    | 50    | 4
        09-01 | 09-05 | Google Cloud | Usage | inference     | nlp     | USD | 24.75 | 24.75 | -
        09-01 | 09-06 | Google Cloud | Usage | inference     | -       | EUR | 9     | 9     | -
        10-01 | 10-04 | AWS          | Usage | training      | HOSTILE | USD | 10    | 10    | 1
        10-01 | 10-01 | internal     | Usage | data_labeling | nlp     | USD | 30    | 30    | -
        10-01 | 10-05 | internal     | Usage | data_labeling | nlp     | USD | 31    | 31    | -
        12-01 | 12-05 | internal     | Usage | data_labeling | nlp     | USD | 32    | 32    | -
        """,
    ),
    "gpu.hours": made(
        """hour:at gpu_id instance_id provider_name gpu_model state gpu_hours:money cost:money
        avoidable_cost:money currency team ml_project ml_stage""",
        """
        10-01T05 | g0 | i-1 | AWS | A100 | idle        | 1   | 4 | 3 | USD | nlp     | p | training
        10-01T06 | g0 | i-1 | AWS | A100 | idle        | 0.5 | 2 | 2 | USD | nlp     | p | training
        10-01T06 | g0 | i-1 | AWS | A100 | busy        | 0.5 | 2 | 0 | USD | nlp     | p | training
        10-02T06 | g1 | i-2 | AWS | H100 | never_used  | 1   | 9 | 9 | USD | HOSTILE | - | training
        10-03T06 | g2 | i-3 | AWS | H100 | unallocated | 1   | - | - | USD | -       | - | training
        08-03T06 | g3 | i-4 | AWS | H100 | idle        | 1   | 7 | 7 | USD | old     | - | training
        """,
    ),
    "budget.overruns": made(
        """as_of:day budget billing_period amount:money actual:money forecast_total:money overrun:money
        crossing_date:day top_driver state currency""",
        """
        10-05 | nlp-training | 2026-10 | 1000 | 400 | 1500.5 | 500.5 | 10-20 | project=p: +300 | at_risk | USD
        10-05 | vision       | 2026-09 | 40   | 50  | 50     | 10    | 09-04 | -               | over    | USD
        """,
    ),
    "gap.monthly": made(
        """as_of:day billing_period scope_kind provider_name team ml_project ml_stage budget:money
        forecast:money actual:money gap_to_budget:money gap_to_forecast:money state currency""",
        """
        10-05 | 2026-10 | series | AWS | nlp     | - | training | - | 5   | 10     | - | 5     | above | USD
        10-05 | 2026-10 | series | AWS | HOSTILE | - | training | - | 20  | 10     | - | -10   | below | USD
        10-05 | 2026-10 | budget | -   | nlp     | - | -        | 9 | 5   | 10     | 1 | 5     | over  | USD
        10-05 | 2026-09 | series | AWS | nlp     | - | training | - | 100 | 150.25 | - | 50.25 | above | USD
        10-05 | 2026-09 | series | AWS | new     | - | training | - | 0   | 0.5    | - | 0.5   | above | USD
        10-05 | 2026-08 | series | AWS | nlp     | - | training | - | -   | 7      | - | -     | none  | USD
        """,
    ),
    "ledger.restatements": made(
        """detected_at:at source billing_period charge_date:day provider_name service_name ml_stage team currency
        previous_cost:money current_cost:money delta:money""",
        """
        10-02 | aws-main | 2026-09 | 09-03 | AWS | EC2 | training  | nlp | USD | 90  | 100 | 10
        10-03 | aws-main | 2026-09 | 09-03 | AWS | EC2 | training  | nlp | USD | 100 | 97  | -3
        10-03 | aws-main | 2026-09 | 09-04 | AWS | S3  | inference | -   | USD | 1   | 2   | 1
        """,
    ),
    "ledger.publications": made(
        "published_at:at fingerprint as_of:day",
        """
        10-01 | a | 10-01
        10-05 | b | 10-05
        """,
    ),
    "quality.checks": made(
        "check_name scope passed:flag expected actual difference blocking:flag checked_at:at",
        """
        daily_is_stages   | 2026-09 USD      | true  | 1 | 1 | 0  | true | 10-05
        source_is_charges | aws-main 2026-09 | false | 2 | 1 | -1 | true | 10-05
        """,
    ),
    "quality.failing": made("check_name failing", 'source_is_charges | {"unit":"2026-09"}'),
}
