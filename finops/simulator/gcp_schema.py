"""The detailed usage cost export's columns, as BigQuery shows them for a live table."""

from __future__ import annotations

import polars as pl

NUMERIC = pl.Decimal(38, 9)
TIMESTAMP = pl.Datetime("us", "UTC")

_PAIRS = pl.List(pl.Struct({"key": pl.String, "value": pl.String}))
SERVICE = pl.Struct({"id": pl.String, "description": pl.String})
SKU = pl.Struct({"id": pl.String, "description": pl.String})
PROJECT = pl.Struct(
    {
        "id": pl.String,
        "number": pl.String,
        "name": pl.String,
        "labels": _PAIRS,
        "ancestry_numbers": pl.String,
        "ancestors": pl.List(pl.Struct({"resource_name": pl.String, "display_name": pl.String})),
    }
)
LABELS = _PAIRS
LOCATION = pl.Struct(dict.fromkeys(("location", "country", "region", "zone"), pl.String))
RESOURCE = pl.Struct({"name": pl.String, "global_name": pl.String})
TAGS = pl.List(pl.Struct({"key": pl.String, "value": pl.String, "inherited": pl.Boolean, "namespace": pl.String}))
PRICE = pl.Struct(
    {
        "effective_price": NUMERIC,
        "tier_start_amount": NUMERIC,
        "unit": pl.String,
        "pricing_unit_quantity": NUMERIC,
        "list_price": NUMERIC,
        "effective_price_default": NUMERIC,
        "list_price_consumption_model": NUMERIC,
    }
)
SUBSCRIPTION = pl.Struct({"instance_id": pl.String})
USAGE = pl.Struct(
    {
        "amount": pl.Float64,
        "unit": pl.String,
        "amount_in_pricing_units": pl.Float64,
        "pricing_unit": pl.String,
    }
)
CREDIT = pl.Struct(
    {"name": pl.String, "amount": pl.Float64, "full_name": pl.String, "id": pl.String, "type": pl.String}
)
INVOICE = pl.Struct({"month": pl.String, "publisher_type": pl.String})
ADJUSTMENT = pl.Struct(dict.fromkeys(("id", "description", "mode", "type"), pl.String))
CONSUMPTION_MODEL = pl.Struct(
    {"id": pl.String, "description": pl.String, "applied_subscription_instance_id": pl.String}
)

EXPORT: dict[str, pl.DataType | type[pl.DataType]] = {
    "billing_account_id": pl.String,
    "service": SERVICE,
    "sku": SKU,
    "usage_start_time": TIMESTAMP,
    "usage_end_time": TIMESTAMP,
    "project": PROJECT,
    "labels": LABELS,
    "system_labels": LABELS,
    "location": LOCATION,
    "resource": RESOURCE,
    "tags": TAGS,
    "price": PRICE,
    "subscription": SUBSCRIPTION,
    "transaction_type": pl.String,
    "seller_name": pl.String,
    "export_time": TIMESTAMP,
    "cost": pl.Float64,
    "currency": pl.String,
    "currency_conversion_rate": pl.Float64,
    "usage": USAGE,
    "credits": pl.List(CREDIT),
    "invoice": INVOICE,
    "cost_type": pl.String,
    "adjustment_info": ADJUSTMENT,
    "cost_at_list": pl.Float64,
    "consumption_model": CONSUMPTION_MODEL,
    "cost_at_effective_price_default": pl.Float64,
    "cost_at_list_consumption_model": pl.Float64,
}
