"""What Google's export comes to, by Python's Decimal, pyarrow and json alone: the warehouse has no part in it.

A row costs what it costs and what was credited on it: `cost + Σ credits.amount`. Doubles count as the decimal
that their shortest text is; each row and each credit is counted on its own. On FOCUS's basis a commitment's fee pays
for what it covered, and what nothing used of it is a charge of its own, of the kind `unused`.
"""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Iterable, Iterator
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any, NamedTuple

import pyarrow.parquet as pq

from .independent import ZERO, Sum, Sums, exact

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_READ = (
    *("billing_account_id", "invoice", "project", "service", "cost_type", "currency"),
    *("usage_start_time", "labels", "tags", "cost", "credits", "sku", "consumption_model"),
)

Days = dict[tuple[date, str], Sum]  # by charge day and team


class Row(NamedTuple):
    """A row of the export, or of the native FOCUS export."""

    period: str
    account: str
    project: str
    service: str
    kind: str
    currency: str
    day: date
    team: str
    net: Decimal
    effective: Decimal


def sums(rows: Iterable[Row]) -> Sums:
    """By invoice month, billing account, project, service, cost type and currency."""
    found: Sums = defaultdict(Sum)
    for row in rows:
        found[row[:6]].add(row.net, row.effective)
    return dict(found)


def days(rows: Iterable[Row]) -> Days:
    """By UTC day of the usage's start and team ('' where no label names one)."""
    found: Days = defaultdict(Sum)
    for row in rows:
        found[row.day, row.team].add(row.net, row.effective)
    return dict(found)


def partitions(root: Path) -> list[Path]:
    """The Parquet files of all ingestion days."""
    return sorted(root.glob("_PARTITIONDATE=*/*.parquet"))


def exported(paths: Iterable[Path]) -> Iterator[dict[str, Any]]:
    """The rows of the standard or detailed export in Parquet, as they are."""
    for path in paths:
        table = pq.read_table(path, columns=list(_READ))
        for batch in table.to_batches(max_chunksize=10_000):
            yield from batch.to_pylist()


def charges(rows: Iterable[dict[str, Any]], basis: str = "provider") -> Iterator[Row]:
    """The charges of the export's rows on one of the two bases."""
    for given in rows:
        row, offset = _export_row(given)
        yield from [row] if basis == "provider" else _on_focus_basis(given, row, offset)


def _on_focus_basis(given: dict[str, Any], row: Row, offset: Decimal) -> Iterator[Row]:
    is_commitment = ((given["sku"] or {}).get("description") or "").startswith("Commitment")
    if row.kind != "regular":
        yield row
    elif is_commitment and offset:
        yield row._replace(net=row.net - offset, effective=ZERO)
        yield row._replace(kind="unused", net=ZERO)
    elif not is_commitment and (given["consumption_model"] or {}).get("applied_subscription_instance_id"):
        yield row._replace(net=ZERO)
    else:
        yield row


def _export_row(row: dict[str, Any]) -> tuple[Row, Decimal]:
    """The row on Google's own basis, and what of it is an offset of a commitment's fee."""
    net, offset = exact(row["cost"]), ZERO
    for credit in row["credits"] or []:
        net += exact(credit["amount"])
        offset += exact(credit["amount"]) if credit["type"] == "FEE_UTILIZATION_OFFSET" else ZERO
    month = row["invoice"]["month"]
    project = row["project"] or {}
    found = Row(
        f"{month[:4]}-{month[4:]}",
        row["billing_account_id"],
        project.get("id") or "",
        row["service"]["description"],
        row["cost_type"],
        row["currency"],
        row["usage_start_time"].astimezone(UTC).date(),
        _team(row["labels"], row["tags"], project.get("labels")),
        net,
        net,
    )
    return found, offset


def _team(labels: Any, tags: Any, of_project: Any) -> str:
    """The nearest label `team`: the resource's, a tag set on it, an inherited tag, the project's."""
    near = sorted(tags or [], key=lambda tag: bool(tag["inherited"]))
    return next((each["value"] for each in [*(labels or []), *near, *(of_project or [])] if each["key"] == "team"), "")


def focus_rows(path: Path) -> Iterator[Row]:
    """The rows of a page of the native FOCUS export, whose BilledCost is net already."""
    page = json.loads(path.read_text(encoding="utf-8"))
    names = [field["name"] for field in page["schema"]["fields"]]
    for given in page["rows"]:
        row = {name: cell["v"] for name, cell in zip(names, given["f"], strict=True)}
        labels = [[field["v"] for field in pair["v"]["f"]] for pair in row["x_Labels"]]
        yield Row(
            f"{_instant(row['BillingPeriodStart']):%Y-%m}",
            row["BillingAccountId"],
            row["SubAccountId"] or "",
            row["ServiceName"],
            row["x_CostType"],
            row["BillingCurrency"],
            _instant(row["ChargePeriodStart"]).date(),
            dict(labels).get("team", ""),
            Decimal(row["BilledCost"]),
            Decimal(row["EffectiveCost"]),
        )


def _instant(microseconds: str) -> datetime:
    return _EPOCH + timedelta(microseconds=int(microseconds))


def total(found: Sums | Days) -> Decimal:
    return sum((each.billed for each in found.values()), ZERO)
