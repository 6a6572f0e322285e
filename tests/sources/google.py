"""Rows of Google's export, and partitions as a bucket or a folder holds them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from .house import House, Row, google, write_lines

SOURCE = {"name": "gcp", "kind": "gcp-files", "uri": "export"}
DAYS = tuple(f"2026-09-{day:02d}" for day in range(1, 31))


def credit(amount: Any, kind: str = "DISCOUNT", **more: Any) -> dict[str, Any]:
    return {"name": "c", "amount": amount, "full_name": "credit", "id": "1", "type": kind, **more}


def labels(**pairs: str) -> list[dict[str, str]]:
    return [{"key": key, "value": value} for key, value in pairs.items()]


def adjusted(kind: str, row: Row, **more: Any) -> dict[str, Any]:
    """The row as one that an adjustment of that kind appends."""
    info = {"id": "a", "description": "appended", "mode": "COMPLETE_NEGATION_WITH_REMONETIZATION", "type": kind}
    return {**row, "adjustment_info": info, **more}


def negated(kind: str, row: Row, **more: Any) -> dict[str, Any]:
    """The row taken back, credits and all."""
    back = [{**each, "amount": -each["amount"]} for each in row["credits"] or []]
    return adjusted(kind, row, cost=-row["cost"], credits=back, **more)


def deliver(house: House, partitions: Mapping[str, Sequence[Row]], part: str = "part-0.jsonl") -> House:
    """The partitions by day as they are now, each in one file, and loaded."""
    for day, rows in partitions.items():
        write_lines(partition(house, day) / part, rows)
    return house.ok()


def partition(house: House, day: str) -> Path:
    return house.folder / "export" / f"_PARTITIONDATE={day}"


__all__ = ["DAYS", "SOURCE", "adjusted", "credit", "deliver", "google", "labels", "negated", "partition"]
