"""Billing months, the open one among them."""

from __future__ import annotations

from collections.abc import Sequence

import dagster as dg

FIRST = "2018-01-01"
"""No cloud restates a bill that old, and no export of today's formats begins before."""

months = dg.MonthlyPartitionsDefinition(start_date=FIRST, end_offset=1)


def periods(keys: Sequence[str]) -> list[str]:
    """Partition keys (YYYY-MM-DD) as billing periods (YYYY-MM)."""
    return [key[:7] for key in keys]


def keys(names: Sequence[str]) -> list[str]:
    """Billing periods as partition keys."""
    return [f"{name}-01" for name in names]


def range_tags(first: str, last: str) -> dict[str, str]:
    """The tags of a run over a range of partition keys, both included."""
    return {"dagster/asset_partition_range_start": first, "dagster/asset_partition_range_end": last}
