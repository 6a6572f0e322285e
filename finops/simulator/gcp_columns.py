"""Rows and lines put together into the export's nested columns."""

from __future__ import annotations

from datetime import UTC, datetime

import polars as pl

from finops.simulator import gcp_schema
from finops.simulator.gcp_adjustments import ADJUSTMENTS
from finops.simulator.gcp_lines import CREDITS
from finops.simulator.gcp_rows import CREDIT_COLUMNS
from finops.simulator.money import doubles

# Rows of usage before it have nulls in the price fields that came with it.
NEW_PRICE_FIELDS = datetime(2025, 7, 15, tzinfo=UTC)


def export(rows: pl.DataFrame, lines: pl.DataFrame) -> pl.DataFrame:
    """The export's columns, in the schema's order and types: one row for each of `rows`."""
    # numpy divides to the nearest double; polars may multiply by the reciprocal, which is not the same.
    money = {f"{name}_usd": doubles(rows[name].to_numpy()) for name in ("listed", "cost", *CREDIT_COLUMNS)}
    together = pl.concat([rows, lines[rows["line"].to_list()], pl.DataFrame(money)], how="horizontal")
    built = together.with_columns(
        usage_start_time=pl.col("start"),
        usage_end_time=pl.col("end"),
        export_time=pl.col("export"),
        price=_price(),
        cost=pl.col("cost_usd"),
        currency_conversion_rate=pl.lit(1.0),
        usage=_usage(),
        credits=_credits(),
        invoice=pl.struct(month=pl.col("invoice").cast(pl.String), publisher_type=pl.col("publisher")),
        adjustment_info=_adjustment(),
        cost_at_list=pl.col("listed_usd"),
        consumption_model=_recent(pl.col("consumption_model")),
        cost_at_effective_price_default=_recent(_default()),
        cost_at_list_consumption_model=_recent(_at_list()),
    )
    return built.select(pl.col(name).cast(dtype) for name, dtype in gcp_schema.EXPORT.items())


def _recent(value: pl.Expr) -> pl.Expr:
    return pl.when(pl.col("start") >= NEW_PRICE_FIELDS).then(value)


def _default() -> pl.Expr:
    """The cost without commitments: where one gives the price, the list cost."""
    return pl.when(pl.col("subscription").is_not_null()).then("listed_usd").otherwise("cost_usd")


def _at_list() -> pl.Expr:
    """The cost at the list price of the row's consumption model: the commitment's, where one applied."""
    return pl.when(pl.col("discount") > 0).then("cost_usd").otherwise("listed_usd")


def _price() -> pl.Expr:
    """The price of one pricing unit; rounding, tax and adjustments have none."""
    listed = pl.col("list_price").round(9).cast(gcp_schema.NUMERIC)
    effective = (pl.col("list_price") * (1.0 - pl.col("discount"))).round(9).cast(gcp_schema.NUMERIC)
    price = pl.struct(
        effective_price=effective,
        tier_start_amount=pl.lit(0).cast(gcp_schema.NUMERIC),
        unit=pl.col("unit"),
        pricing_unit_quantity=pl.lit(1).cast(gcp_schema.NUMERIC),
        list_price=listed,
        effective_price_default=_recent(listed),
        list_price_consumption_model=_recent(effective),
    )
    return pl.when(pl.col("cost_type") == "regular").then(price)


def _usage() -> pl.Expr:
    return pl.struct(
        amount=pl.col("quantity") * pl.col("base"),
        unit=pl.col("base_unit"),
        amount_in_pricing_units=pl.col("quantity"),
        pricing_unit=pl.col("unit"),
    )


def _credits() -> pl.Expr:
    """The row's credits; none is an empty list, but a null on tax rows."""
    found = [_credit(k, name) for k, name in enumerate(CREDIT_COLUMNS)]
    return pl.when(pl.col("cost_type") != "tax").then(pl.concat_list(found).list.drop_nulls())


def _credit(position: int, column: str) -> pl.Expr:
    """The row's credit of that position, or null when nothing was credited."""
    kind = pl.col("kinds").list.get(position, null_on_oob=True)
    name, full_name, identity, type_ = (
        kind.replace_strict({key: texts[n] for key, texts in CREDITS.items()}, default=None, return_dtype=pl.String)
        for n in range(4)
    )
    credit = pl.struct(name=name, amount=pl.col(f"{column}_usd"), full_name=full_name, id=identity, type=type_)
    return pl.when(pl.col(column) != 0).then(credit)


def _adjustment() -> pl.Expr:
    """What the row adjusts, or null."""
    fields = [
        pl.col("adjustment")
        .replace_strict({n: texts[k] for n, texts in enumerate(ADJUSTMENTS)}, default=None, return_dtype=pl.String)
        .alias(name)
        for k, name in enumerate(("id", "description", "mode", "type"))
    ]
    return pl.when(pl.col("adjustment").is_not_null()).then(pl.struct(fields))
