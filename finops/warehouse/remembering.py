"""What the ledger remembers of each unit as it is now: replaced with the unit's charges, in the same transaction."""

from __future__ import annotations

from datetime import datetime

from duckdb import DuckDBPyConnection

OF_A_UNIT = {
    "ledger.units": "SELECT $source, unit, version, load FROM units_in_hand",
    "ledger.source_totals": """
        SELECT $source, f.unit, c.billing_period, c.currency, sum(c.row_count), sum(c.billed_total), sum(c.residual),
          max_by(c.conversion_rate, {'at': c.rated_at, 'rate': c.conversion_rate}), max(c.rated_at)
        FROM control AS c JOIN files_in_hand AS f ON f.path = c.x_SourceFile GROUP BY ALL""",
    "ledger.left_out": """
        SELECT f.load, $source, f.unit, a.x_LeftOut, sum(a.row_count), sum(a.billed_total), a.currency, a.x_Added
        FROM aside AS a JOIN files_in_hand AS f ON f.path = a.x_SourceFile
        WHERE a.x_LeftOut IS NOT NULL GROUP BY ALL""",
    "ledger.added": """
        SELECT f.load, $source, f.unit, sum(a.row_count), sum(a.billed_total), a.currency
        FROM aside AS a JOIN files_in_hand AS f ON f.path = a.x_SourceFile
        WHERE a.x_LeftOut IS NULL GROUP BY ALL""",
    "ledger.commitments": """
        SELECT $source, f.unit, c.billing_period, c.commitment_id, c.currency, sum(c.fee_rows),
          CASE WHEN count(c.cost) = count(*) THEN sum(c.cost) END
        FROM commitments AS c JOIN files_in_hand AS f ON f.path = c.x_SourceFile GROUP BY ALL""",
}
"""By table: its rows of the units in hand, from what the load has of them."""
NOTED = ("focus.lacking",)
"""Tables of the same kind that are filled elsewhere (finops.warehouse.lacking)."""


def supersede(con: DuckDBPyConnection, source: str) -> None:
    """What the ledger knew of the units in hand is history."""
    in_hand = "source = ? AND unit IN (SELECT unit FROM units_in_hand)"
    con.execute(f"UPDATE ledger.loads SET status = 'superseded' WHERE status = 'current' AND {in_hand}", [source])  # noqa: S608
    for table in (*OF_A_UNIT, *NOTED):
        con.execute(f"DELETE FROM {table} WHERE {in_hand}", [source])  # noqa: S608


def remember(con: DuckDBPyConnection, source: str, now: datetime) -> None:
    """The loads, and what is known of each unit: the source's totals, what was left out and why, what was added."""
    supersede(con, source)
    con.execute(
        """INSERT INTO ledger.loads
        SELECT u.load || ':' || period || ':' || currency, $source, unit, period, version, $now, row_count,
          billed_total, currency, 'current', NULL
        FROM loaded JOIN units_in_hand AS u USING (unit)""",
        {"source": source, "now": now},
    )
    for table, rows in OF_A_UNIT.items():
        con.execute(f"INSERT INTO {table} {rows}", {"source": source})
