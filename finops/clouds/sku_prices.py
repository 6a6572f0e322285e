"""Google's list prices by SKU, as its catalogue tells them: kept in the home, shown as focus.sku_prices."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import UTC, date, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any, Final

import polars as pl
from polars.exceptions import PolarsError

from finops.clouds.gcp_inventory import exact
from finops.errors import WarehouseError
from finops.files.durable import replacing

FILE: Final = "google_skus.parquet"
"""What the catalogue said, in the home."""
REMEDY: Final = "move the file away, then finops catalog refresh"
MONEY: Final = pl.Decimal(38, 18)
SCHEMA: Final = pl.Schema(
    {
        "sku_id": pl.String(),
        "service_id": pl.String(),
        "service_name": pl.String(),
        "sku_description": pl.String(),
        "resource_group": pl.String(),
        "usage_type": pl.String(),
        "regions": pl.List(pl.String()),
        "pricing_unit": pl.String(),
        "tier_start": MONEY,
        "list_price": MONEY,
        "currency": pl.String(),
        "effective_from": pl.Datetime("us", "UTC"),
        "asked_on": pl.Date(),
    }
)
"""A row is a tier of a SKU's price: from `tier_start` units on, each costs `list_price`; null where none is told."""


def frame(skus: Iterable[Any], service: str, today: date) -> pl.DataFrame:
    """The SKUs of a service (google.cloud.billing.v1.Sku messages) as rows of SCHEMA, one a tier."""
    rows: list[tuple[Any, ...]] = []
    for sku in skus:
        what = (
            sku.sku_id,
            service,
            sku.category.service_display_name or None,
            sku.description,
            sku.category.resource_group or None,
            sku.category.usage_type or None,
            list(sku.service_regions),
        )
        tiers = [tier for pricing in sku.pricing_info for tier in _tiers(pricing)]
        rows += [(*what, *tier, today) for tier in tiers or [(None,) * 5]]
    return pl.DataFrame(rows, schema=SCHEMA, orient="row")


def _tiers(pricing: Any) -> list[tuple[Any, ...]]:
    """pricing_unit, tier_start, list_price, currency, effective_from."""
    expression = pricing.pricing_expression
    since = pricing.effective_time.ToDatetime(tzinfo=UTC) if pricing.HasField("effective_time") else None
    return [
        (
            expression.usage_unit or None,
            Decimal(repr(rate.start_usage_amount)),  # a double: in its shortest form it is what Google wrote
            exact(rate.unit_price),
            rate.unit_price.currency_code or None,
            since,
        )
        for rate in expression.tiered_rates
    ]


def read(home: Path) -> pl.DataFrame:
    """The prices that are known in this home, empty before; raises WarehouseError where the file is damaged."""
    path = home / FILE
    if not path.exists():
        return pl.DataFrame(schema=SCHEMA)
    try:
        return pl.read_parquet(path).select(*SCHEMA).cast(SCHEMA)  # pyright: ignore[reportArgumentType]
    except (OSError, PolarsError) as error:
        what = error.strerror if isinstance(error, OSError) and error.strerror else "it is no table of prices"
        raise WarehouseError(f"the file cannot be read: {what}", where=str(path), remedy=REMEDY) from None


def keep(home: Path, found: Mapping[str, pl.DataFrame]) -> None:
    """Replace the prices of the services that were asked for, and leave the others; raises WarehouseError.

    The file appears whole: written beside its place, made durable, and renamed.
    """
    if not found:
        return
    others = read(home).filter(~pl.col("service_id").is_in(list(found)))
    merged = pl.concat([others, *found.values()]).sort("service_id", "sku_id", "effective_from", "tier_start")
    with replacing(home / FILE) as fresh:
        merged.write_parquet(fresh)


def asked_on(prices: pl.DataFrame) -> date | None:
    """The day of the newest of them."""
    day = prices["asked_on"].max()
    return day if isinstance(day, date) and not isinstance(day, datetime) else None
