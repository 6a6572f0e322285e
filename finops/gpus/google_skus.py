"""Which GPUs Google's SKUs sell: the list prices of focus.sku_prices, classified by sql/gpu/google_skus.sql."""

from __future__ import annotations

from duckdb import DuckDBPyConnection

from finops.models import model

_SKUS = "SELECT DISTINCT sku_id, service_id, sku_description, usage_type FROM focus.sku_prices"


def build(con: DuckDBPyConnection) -> None:
    """Make gpu.skus anew from focus.sku_prices."""
    classified = f"WITH skus AS ({_SKUS}), classified AS ({model('gpu.google_skus').sql})"
    con.execute(f"CREATE OR REPLACE TABLE gpu.skus AS {classified} {model('gpu.skus').sql}")
