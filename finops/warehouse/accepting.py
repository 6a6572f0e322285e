"""What a delivery must fulfil before it replaces the one before; each raises SourceError, with counts.

They look at the new charges, and at the temporary tables of a load: `control` totals, rows `aside`, `files_in_hand`.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from decimal import Decimal

from duckdb import DuckDBPyConnection

from finops.errors import SourceError
from finops.focus import MANDATORY
from finops.sources.base import PARTITION
from finops.sources.landed import Landed
from finops.warehouse.connection import scalar
from finops.warehouse.parts import part

_IN_HAND = "file_id IN (SELECT file_id FROM files_in_hand)"


def understood(con: DuckDBPyConnection, where: str) -> None:
    """Every row has a known meaning, and what no charge may lack."""
    unknown = con.execute(
        "SELECT x_SourceLineType, count(*), sum(BilledCost) FROM focus.parts "  # noqa: S608
        f"WHERE ChargeCategory IS NULL AND {_IN_HAND} GROUP BY 1 ORDER BY 2 DESC"
    ).fetchall()
    if unknown:
        listed = "; ".join(f"{str(kind)[:60]!r}: {count} rows, sum {total}" for kind, count, total in unknown[:5])
        raise SourceError(
            f"line types of unknown meaning: {listed}",
            where=where,
            remedy="nothing of it was loaded; ask for support of this line type, naming it",
        )
    nulls = ", ".join(f'count(*) - count("{column}")' for column in MANDATORY)
    counts = con.execute(f"SELECT {nulls} FROM focus.parts WHERE {_IN_HAND}").fetchall()[0]  # noqa: S608
    lacking = [f"{column} in {count} rows" for column, count in zip(MANDATORY, counts, strict=True) if count]
    if lacking:
        raise SourceError(
            f"values that no charge may lack are missing: {', '.join(lacking)}",
            where=where,
            remedy="nothing of it was loaded; fetch the export again, or ask for a new delivery",
        )


def tags_found(con: DuckDBPyConnection, where: str) -> None:
    """Every charge that has tags refers to the set of them: none is lost on the way."""
    lost = scalar(con, f"SELECT count(*) FROM focus.parts WHERE tag_set_id = -1 AND {_IN_HAND}")  # noqa: S608
    if lost:
        raise SourceError(
            f"the tags of {lost} rows are in no set that was found",
            where=where,
            remedy="nothing of it was loaded; report it with these figures",
        )


def one_export_an_account(con: DuckDBPyConnection, renamed: Collection[str], where: str) -> None:
    """No billing account of Google's comes in twice: its FOCUS export has the charges of the other ones again.

    `renamed` sources are held under a name that they no longer have: theirs are the same charges.
    """
    native, other = (part(each).table for each in ("gcp_focus", "gcp_export"))
    twice = con.execute(
        f"""SELECT DISTINCT BillingAccountId, f.source FROM focus.parts AS c JOIN ledger.files AS f USING (file_id)
        WHERE BillingAccountId IN (
          SELECT BillingAccountId FROM {native} INTERSECT SELECT BillingAccountId FROM {other})
        ORDER BY ALL"""  # noqa: S608
    ).fetchall()
    if twice:
        raise _twice(twice, "as Google's FOCUS export and as its billing export, each with all of its charges", where)
    twice = con.execute(
        f"""WITH days AS (
          SELECT DISTINCT c.BillingAccountId, f.unit, f.source
          FROM focus.parts AS c JOIN ledger.files AS f USING (file_id) JOIN units_in_hand AS u USING (unit)
          WHERE c.ProviderName = 'Google Cloud' AND STARTS_WITH(f.unit, '{PARTITION}')
            AND f.source NOT IN (SELECT unnest($renamed)))
        SELECT BillingAccountId, source FROM days
        WHERE (BillingAccountId, unit) IN (SELECT (BillingAccountId, unit) FROM days GROUP BY ALL HAVING COUNT(*) > 1)
        ORDER BY ALL""",  # noqa: S608
        {"renamed": list(renamed)},
    ).fetchall()
    if twice:
        raise _twice(twice, "with the same ingestion days from two sources", where)


def _twice(found: Sequence[tuple[str, str]], how: str, where: str) -> SourceError:
    sources = ", ".join(sorted({source for _, source in found}))
    return SourceError(
        f"the billing account {found[0][0]} comes in twice: {how}",
        where=f"{where}, sources: {sources}",
        remedy="keep one of the two (the detailed export tells more) and take the other out of finops.yaml",
    )


def not_empty(con: DuckDBPyConnection, batch: Sequence[Landed], where: str) -> None:
    """Each unit has rows. Only a partition may have none: a day on which nothing was delivered."""
    filled = {
        unit
        for (unit,) in con.execute(
            "SELECT DISTINCT f.unit FROM control AS c JOIN files_in_hand AS f ON f.path = c.x_SourceFile"
        ).fetchall()
    }
    if any(each.unit not in filled and not each.unit.startswith(PARTITION) for each in batch):
        raise SourceError(
            "the export is empty",
            where=where,
            remedy="check the delivery; what was loaded before stays as it is",
        )


def in_its_period(con: DuckDBPyConnection, batch: Sequence[Landed], where: str) -> None:
    """A unit that is a billing period has no rows of another: those are in that one's own unit too."""
    periods = {each.unit: each.period for each in batch if each.unit == each.period}
    found = con.execute(
        "SELECT DISTINCT f.unit, c.billing_period FROM control AS c JOIN files_in_hand AS f ON f.path = c.x_SourceFile "
        "ORDER BY ALL"
    ).fetchall()
    others = [f"{period} in {unit}" for unit, period in found if period != periods.get(unit, period)]
    if others:
        raise SourceError(
            f"rows of another billing period: {', '.join(others[:5])}",
            where=where,
            remedy="nothing of it was loaded; check which files the manifest names, or ask for a new delivery",
        )


def in_our_time(con: DuckDBPyConnection, where: str) -> None:
    """Every charge is of a time that its bill can be of: reports go through all days up to the last, or from the first.

    A commitment ends years after it was bought, and a refund comes years after: ten are far from either.
    """
    rows = scalar(
        con,
        f"""SELECT count(*) FROM focus.parts WHERE {_IN_HAND} AND NOT (
          BillingPeriodStart >= '2000-01-01' AND BillingPeriodStart < '2100-01-01'
          AND least(BillingPeriodEnd, ChargePeriodStart, ChargePeriodEnd) > BillingPeriodStart - INTERVAL 10 YEAR
          AND greatest(BillingPeriodEnd, ChargePeriodStart, ChargePeriodEnd) < BillingPeriodStart + INTERVAL 10 YEAR)
        """,  # noqa: S608
    )
    if rows:
        raise SourceError(
            f"dates that are ten years and more from their billing period, or of no time at all: {rows} rows",
            where=where,
            remedy="nothing of it was loaded; fetch the export again, or ask for a new delivery",
        )


RESIDUAL = Decimal("0.01")
"""What covered usage and its negation may leave of each other: rounding of the provider's own last digits."""


def adds_up(con: DuckDBPyConnection, where: str) -> None:
    """What was loaded equals what the source adds up to, day by day: in rows and to the last digit of the money.

    Leaves the loaded sums, by unit, period and currency, as the temporary table `loaded`.
    """
    con.execute(
        f"""CREATE OR REPLACE TEMP TABLE loaded_days AS
        SELECT f.unit, f.load, strftime(c.BillingPeriodStart, '%Y-%m') AS period, c.ChargePeriodStart::DATE AS day,
          c.BillingCurrency AS currency, sum(c.row_count)::BIGINT AS row_count, sum(c.billed_total) AS billed_total,
          sum(c.source_total) AS source_total
        FROM (
          SELECT file_id, BillingPeriodStart, ChargePeriodStart, BillingCurrency,
            count(*) AS row_count, sum(BilledCost) AS billed_total,
            -- on FOCUS's basis Google's fees are billed in place of what they cover: what adds up row by row is
            -- the effective cost
            sum(CASE WHEN x_CostBasis = 'strict' THEN EffectiveCost ELSE BilledCost END) AS source_total
          FROM focus.parts WHERE {_IN_HAND} GROUP BY ALL) AS c
        JOIN files_in_hand AS f USING (file_id) GROUP BY ALL"""  # noqa: S608
    )
    con.execute(
        """CREATE OR REPLACE TEMP TABLE loaded AS
        SELECT unit, load, period, currency, sum(row_count)::BIGINT AS row_count, sum(billed_total) AS billed_total
        FROM loaded_days GROUP BY ALL"""
    )
    differences = con.execute(
        """WITH days AS (
          SELECT f.unit, c.billing_period AS period, c.charge_date AS day, c.currency,
            sum(c.billed_total) AS expected, 0 AS actual
          FROM control AS c JOIN files_in_hand AS f ON f.path = c.x_SourceFile GROUP BY ALL
          UNION ALL SELECT unit, period, day, currency, 0, source_total FROM loaded_days
        ), compared AS (
          SELECT unit, period, day, currency, sum(expected) AS expected, sum(actual) AS actual FROM days GROUP BY ALL
        )
        -- the period, where all of it is not what it should be; else the days
        (SELECT unit, period, currency, sum(expected) AS expected, sum(actual) AS actual
        FROM compared GROUP BY ALL HAVING sum(expected) <> sum(actual) ORDER BY 1, 2, 3)
        UNION ALL
        (SELECT unit, 'on ' || day, currency, expected, actual
        FROM compared WHERE expected <> actual ORDER BY 1, 2, 3 LIMIT 5)"""
    ).fetchall()
    # every row of the source is a charge or was left out for a reason; the rows that were added are none of its
    rows = con.execute(
        """SELECT (SELECT coalesce(sum(row_count), 0) FROM control), (SELECT coalesce(sum(row_count), 0) FROM loaded)
          - (SELECT coalesce(sum(row_count), 0) FROM aside WHERE x_Added AND x_LeftOut IS NULL)
          + (SELECT coalesce(sum(row_count), 0) FROM aside WHERE NOT x_Added)"""
    ).fetchall()[0]
    if rows[0] != rows[1]:
        differences.append(("all units", "rows", "", *rows))
    differences += con.execute(
        "SELECT f.unit, c.billing_period, c.currency || ' after negation', 0, sum(c.residual) FROM control AS c "
        "JOIN files_in_hand AS f ON f.path = c.x_SourceFile GROUP BY ALL HAVING abs(sum(c.residual)) > ?",
        [RESIDUAL],
    ).fetchall()
    if differences:
        unit, period, currency, expected, actual = differences[0]
        raise SourceError(
            f"the charges do not add up to the source: {unit} {period} {currency} should be {expected}, is {actual}",
            where=where,
            remedy="nothing of it was loaded; report it with these figures",
        )
