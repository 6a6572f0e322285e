"""Which GPUs Google's SKUs sell: the list prices of focus.sku_prices, classified by sql/gpu/google_skus.sql."""

from __future__ import annotations

from duckdb import DuckDBPyConnection

from finops.models import model


def build(con: DuckDBPyConnection) -> None:
    """Make gpu.skus anew from focus.sku_prices."""
    con.execute("""CREATE OR REPLACE TEMP VIEW skus AS
        SELECT DISTINCT sku_id, service_id, sku_description, usage_type FROM focus.sku_prices""")
    con.execute(f"CREATE OR REPLACE TEMP VIEW classified AS {model('gpu.google_skus').sql}")
    con.execute(f"CREATE OR REPLACE TABLE gpu.skus AS {model('gpu.skus').sql}")
    con.execute("DROP VIEW classified")
    con.execute("DROP VIEW skus")
