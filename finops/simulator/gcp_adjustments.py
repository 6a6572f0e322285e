"""What is appended to the export after the usage: corrections, credits of goodwill, tax and rounding."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

import polars as pl

from finops.simulator.company import Company
from finops.simulator.gcp_lines import Line
from finops.simulator.gcp_rows import CREDIT_COLUMNS, PACIFIC, finish
from finops.simulator.gcp_skus import sku
from finops.simulator.money import PER_UNIT
from finops.simulator.timeline import Month, Timeline, instant

_CENT = PER_UNIT // 100
_TAX_PER_MILLE = 19
_NEGATED = ("quantity", "listed", "cost", *CREDIT_COLUMNS)

# id, description, mode, type
ADJUSTMENTS = (
    ("adj-usage", "Usage was measured too high", "COMPLETE_NEGATION_WITH_REMONETIZATION", "USAGE_CORRECTION"),
    ("adj-price", "Price was wrong", "COMPLETE_NEGATION_WITH_REMONETIZATION", "PRICE_CORRECTION"),
    ("adj-labels", "Labels were missing", "COMPLETE_NEGATION_WITH_REMONETIZATION", "METADATA_CORRECTION"),
    ("adj-goodwill", "Goodwill credit", "MANUAL_ADJUSTMENT", "GOODWILL"),
    ("adj-sla", "Service level missed", "MANUAL_ADJUSTMENT", "SLA_VIOLATION"),
)
_USAGE, _PRICE, _LABELS, _GOODWILL, _SLA = range(5)
CORRECTIONS = (_USAGE, _PRICE, _LABELS)
Found = tuple[int, int, int | None]  # line, units of 1e-10, adjustment


@dataclass(frozen=True)
class Targets:
    """Indexes of the lines that corrections and invoices are about."""

    measured: int
    repriced: int
    unlabelled: int
    labelled: int
    tax: int
    rounding: int
    goodwill: int
    sla: int


def invoice_lines(company: Company) -> list[Line]:
    """Lines of tax, rounding, goodwill and service-level credits, in the order of Targets."""
    tax, other = sku("tax"), sku("adjustment")
    return [
        Line("tax", tax, None, "unattributed", "none", cost_type="tax"),
        Line("rounding", other, None, "unattributed", "none", cost_type="rounding_error"),
        Line("goodwill", other, None, "unattributed", "none", cost_type="adjustment"),
        Line("sla", other, company.project("nimbus-crm"), "not_ml", "none", cost_type="adjustment"),
    ]


def corrections(usage: pl.DataFrame, targets: Targets, line: Timeline) -> pl.DataFrame:
    """Rows that negate and replace earlier ones.

    Usage of the month before is measured anew in every second month and priced anew in every third, on the
    month's own invoice; labels come late in every month, within the invoice.
    """
    parts = [usage.clear()]
    for position, month in enumerate(line.months):
        day, age = instant(month.start), len(line.months) - 1 - position
        if position and age % 2 == 0 and month.data_end > month.start + timedelta(days=9):
            wrong = _days(usage, targets.measured, line.months[position - 1], 20, 24)
            parts.extend(_negate(wrong, month, day + timedelta(days=8, hours=14), _USAGE, 0.85, targets.measured))
        if position and age % 3 == 0 and month.data_end > month.start + timedelta(days=7):
            wrong = _days(usage, targets.repriced, line.months[position - 1], 10, 25)
            parts.extend(_negate(wrong, month, day + timedelta(days=6, hours=5), _PRICE, 0.9, targets.repriced))
        if month.data_end > month.start + timedelta(days=15):
            wrong = _days(usage, targets.unlabelled, month, 3, 6)
            parts.extend(_negate(wrong, month, day + timedelta(days=14, hours=9), _LABELS, 1.0, targets.labelled))
    return pl.concat(parts)


def _days(usage: pl.DataFrame, index: int, month: Month, first: int, last: int) -> pl.DataFrame:
    """A line's rows of some Pacific days of a month."""
    day = pl.col("start").dt.convert_time_zone(PACIFIC).dt.date()
    return usage.filter(
        pl.col("line") == index,
        day >= month.start + timedelta(days=first - 1),
        day < month.start + timedelta(days=last),
    )


def _negate(wrong: pl.DataFrame, month: Month, at: datetime, kind: int, factor: float, line: int) -> list[pl.DataFrame]:
    """The negation of some rows and their replacement, on the invoice of `month`."""
    marked = wrong.with_columns(
        export=pl.lit(at).cast(pl.Datetime("us", "UTC")),
        invoice=pl.lit(int(month.period.replace("-", "")), dtype=pl.Int32),
        adjustment=pl.lit(kind, dtype=pl.Int32),
    )
    negated = marked.with_columns(-pl.col(*_NEGATED))
    money = ["cost", *CREDIT_COLUMNS] if kind == _PRICE else ["listed", "cost", *CREDIT_COLUMNS]
    scaled = [(pl.col(name) * factor / 10_000).round().cast(pl.Int64) * 10_000 for name in money]
    quantity = pl.col("quantity") if kind == _PRICE else (pl.col("quantity") * factor).round(6)
    replaced = marked.with_columns(*scaled, quantity, line=pl.lit(line, dtype=pl.Int32))
    return [negated, replaced]


def invoices(usage: pl.DataFrame, targets: Targets, line: Timeline) -> pl.DataFrame:
    """Goodwill, service-level credit, tax and rounding of each closed month; totals come to whole cents."""
    net = pl.sum_horizontal("cost", *CREDIT_COLUMNS)
    totals = dict(usage.group_by("invoice").agg(net.sum()).iter_rows())
    parts = [usage.clear()]
    for age, month in enumerate(reversed([m for m in line.months if not m.open])):
        total = int(totals.get(int(month.period.replace("-", "")), 0))
        found: list[Found] = [(targets.goodwill, -137_50 * _CENT, _GOODWILL)] if age % 4 == 0 else []
        found += [(targets.sla, -42_10 * _CENT, _SLA)] if age % 5 == 1 else []
        tax = total * _TAX_PER_MILLE // 1000 // 10_000 * 10_000
        found.append((targets.tax, tax, None))
        rest = total + sum(amount for _, amount, _ in found)
        found.append((targets.rounding, (rest + _CENT // 2) // _CENT * _CENT - rest, None))
        parts.append(_entries(found, month, targets))
    return pl.concat(parts)


def _entries(found: list[Found], month: Month, targets: Targets) -> pl.DataFrame:
    """Rows that span the month, exported on the third day after it."""
    kinds = {targets.tax: "tax", targets.rounding: "rounding_error"}
    count = len(found)
    columns = {
        "line": [line for line, _, _ in found],
        "start": [instant(month.start).replace(tzinfo=None) + timedelta(hours=8)] * count,
        "end": [instant(month.end).replace(tzinfo=None) + timedelta(hours=7)] * count,
        "export": [instant(month.end).replace(tzinfo=None) + timedelta(days=2, hours=16)] * count,
        "quantity": [0.0] * count,
        "listed": [amount for _, amount, _ in found],
        "cost": [amount for _, amount, _ in found],
        **{name: [0] * count for name in CREDIT_COLUMNS},
        "invoice": [int(month.period.replace("-", ""))] * count,
        "cost_type": [kinds.get(line, "adjustment") for line, _, _ in found],
        "adjustment": [adjustment for _, _, adjustment in found],
    }
    return finish(pl.DataFrame(columns, schema_overrides={"adjustment": pl.Int32}))
