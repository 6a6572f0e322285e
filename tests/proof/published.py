"""What the published warehouse says, in the shape of what was computed independently."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

import duckdb

from finops.config import Config

from .independent import Key, Sum, Sums
from .independent_google import Days

AWS = """SELECT strftime(BillingPeriodStart, '%Y-%m'), BillingAccountId, coalesce(SubAccountId, ''),
      coalesce(x_ServiceCode, ''),
      CASE WHEN CommitmentDiscountStatus IS NOT DISTINCT FROM 'Unused'
        THEN if(x_SourceLineType = 'RIFee', 'RIUnused', 'SavingsPlanUnused') ELSE x_SourceLineType END,
      BillingCurrency, count(*), sum(BilledCost), sum(EffectiveCost)
    FROM focus.charges WHERE x_SourceSystem IN (SELECT unnest(?)) GROUP BY ALL"""
# what a row adjusts stands behind its cost type
GOOGLE = """SELECT x_InvoiceMonth, BillingAccountId, coalesce(SubAccountId, ''), ServiceName,
      if(CommitmentDiscountStatus IS NOT DISTINCT FROM 'Unused', 'unused', split_part(x_SourceLineType, ':', 1)),
      BillingCurrency, count(*), sum(BilledCost), sum(EffectiveCost)
    FROM focus.charges WHERE x_SourceSystem IN (SELECT unnest(?)) GROUP BY ALL"""
DAYS = """SELECT CAST(ChargePeriodStart AS DATE), coalesce(x_Team, ''), count(*), sum(BilledCost), sum(EffectiveCost)
    FROM focus.charges WHERE x_SourceSystem IN (SELECT unnest(?)) GROUP BY ALL"""
DAILY = """SELECT charge_date, coalesce(team, ''), sum(billed_cost), sum(effective_cost)
    FROM spend.daily WHERE provider_name = 'Google Cloud' GROUP BY ALL"""


Ask = Callable[..., list[tuple[Any, ...]]]
"""A query with its parameters, and its rows."""


def published(config: Config) -> Ask:
    """The published warehouse."""

    def ask(text: str, *parameters: Any) -> list[tuple[Any, ...]]:
        with duckdb.connect(config.published, read_only=True) as con:
            con.execute("SET TimeZone = 'UTC'")
            return con.execute(text, list(parameters)).fetchall()

    return ask


def by_key(rows: Iterable[tuple[object, ...]]) -> Sums:
    return {tuple(map(str, row[:6])): Sum(*row[6:]) for row in rows}  # type: ignore[arg-type, misc]


def loaded(ask: Ask, sources: Iterable[str], text: str = AWS) -> Sums:
    """The charges by key."""
    return by_key(ask(text, list(sources)))


def loaded_days(ask: Ask, sources: Iterable[str]) -> Days:
    """The charges by day and team."""
    return {(day, team): Sum(*of) for day, team, *of in ask(DAYS, list(sources))}


def left_out(ask: Ask) -> dict[str, int]:
    """Rows of each source line type that are no charge, as the warehouse counts them; added rows aside."""
    text = "SELECT split_part(reason, ':', 1), sum(row_count)::BIGINT FROM ledger.left_out GROUP BY 1"
    return dict(ask(text))


def differing(expected: Sums, found: Sums) -> list[tuple[Key, Sum | None, Sum | None]]:
    """The keys of which the two say different things, at most ten."""
    keys = sorted(expected.keys() | found.keys())
    return [(key, expected.get(key), found.get(key)) for key in keys if expected.get(key) != found.get(key)][:10]
