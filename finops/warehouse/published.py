"""What the published warehouse already knows of the bills, for those who ask a cloud about them."""

from __future__ import annotations

from pathlib import Path

import duckdb

from finops.clouds.accounts import GOOGLE
from finops.errors import WarehouseError
from finops.warehouse.connection import query


def payers(published: Path, provider: str) -> set[str] | None:
    """The billing accounts of a provider's bills; None where nothing is published, or it cannot be asked."""
    sql = """SELECT DISTINCT BillingAccountId FROM focus.charges
        WHERE ProviderName = ? AND BillingAccountId IS NOT NULL"""
    found = _rows(published, sql, provider)
    return None if found is None else {account for (account,) in found}


def google_services(published: Path) -> set[str]:
    """The ids of the services on Google's bills (`6F81-5844-456A`); none where nothing is published."""
    sql = "SELECT DISTINCT x_ServiceCode FROM focus.charges WHERE ProviderName = ? AND x_ServiceCode IS NOT NULL"
    return {service for (service,) in _rows(published, sql, GOOGLE) or ()}


def google_projects(published: Path) -> dict[str, str]:
    """The ids of Google's projects by their numbers, as far as resources on the bills name both."""
    sql = r"""SELECT regexp_extract(ResourceId, '^//compute\.googleapis\.com/projects/([0-9]+)/', 1), min(SubAccountId)
        FROM focus.charges
        WHERE ProviderName = ? AND SubAccountId IS NOT NULL
          AND regexp_matches(ResourceId, '^//compute\.googleapis\.com/projects/[0-9]+/')
        GROUP BY 1 HAVING count(DISTINCT SubAccountId) = 1"""
    return {row[0]: row[1] for row in _rows(published, sql, GOOGLE) or ()}


def _rows(published: Path, sql: str, provider: str) -> list[tuple[str, ...]] | None:
    if not published.exists():
        return None
    try:
        with query(published) as con:
            return con.execute(sql, [provider]).fetchall()
    except (duckdb.Error, WarehouseError):
        return None
