"""What the Cost and Usage Report's rows look like, in both generations.

CUR 2.0's names are the ones used; the legacy report's `lineItem/UnblendedCost` becomes
`line_item_unblended_cost`, its `product/…` and `resourceTags/…` columns become the maps of CUR 2.0.
"""

from __future__ import annotations

import re
from collections.abc import Mapping

from duckdb import DuckDBPyConnection, DuckDBPyRelation
from sqlglot import exp

from finops.focus import MAP, MONEY, TIME
from finops.sources import aws_tags
from finops.sources.base import Normaliser, Raw, quoted
from finops.sources.reading import project

_TEXT = [
    "bill_billing_entity",
    "bill_invoice_id",
    "bill_invoicing_entity",
    "bill_payer_account_id",
    "bill_payer_account_name",
    "capacity_reservation_capacity_reservation_arn",
    "capacity_reservation_capacity_reservation_status",
    "line_item_usage_account_id",
    "line_item_usage_account_name",
    "line_item_line_item_type",
    "line_item_product_code",
    "line_item_usage_type",
    "line_item_operation",
    "line_item_availability_zone",
    "line_item_resource_id",
    "line_item_currency_code",
    "line_item_line_item_description",
    "line_item_legal_entity",
    "pricing_currency",
    "pricing_term",
    "pricing_unit",
    "pricing_rate_code",
    "pricing_rate_id",
    "product_instance_type",
    "product_location",
    "product_product_family",
    "product_region",
    "product_region_code",
    "product_servicecode",
    "product_sku",
    "reservation_reservation_a_r_n",
    "savings_plan_savings_plan_a_r_n",
]

_MONEY = [
    "line_item_usage_amount",
    "line_item_normalized_usage_amount",
    "line_item_unblended_rate",
    "line_item_unblended_cost",
    "line_item_net_unblended_cost",
    "line_item_net_unblended_rate",
    "pricing_public_on_demand_cost",
    "pricing_public_on_demand_rate",
    "reservation_effective_cost",
    "reservation_net_effective_cost",
    "reservation_amortized_upfront_fee_for_billing_period",
    "reservation_net_amortized_upfront_fee_for_billing_period",
    "reservation_unused_amortized_upfront_fee_for_billing_period",
    "reservation_unused_recurring_fee",
    "reservation_net_unused_amortized_upfront_fee_for_billing_period",
    "reservation_net_unused_recurring_fee",
    "reservation_total_reserved_normalized_units",
    "reservation_total_reserved_units",
    "reservation_unused_normalized_unit_quantity",
    "reservation_unused_quantity",
    "savings_plan_savings_plan_effective_cost",
    "savings_plan_net_savings_plan_effective_cost",
    "savings_plan_total_commitment_to_date",
    "savings_plan_used_commitment",
    "savings_plan_recurring_commitment_for_billing_period",
    "savings_plan_amortized_upfront_commitment_for_billing_period",
    "savings_plan_net_recurring_commitment_for_billing_period",
    "savings_plan_net_amortized_upfront_commitment_for_billing_period",
]

_TIME = [
    "bill_billing_period_start_date",
    "bill_billing_period_end_date",
    "line_item_usage_start_date",
    "line_item_usage_end_date",
]

NORMALISER = Normaliser(
    sql="aws_cur",
    commitments="aws_commitments",
    columns={
        **dict.fromkeys(_TEXT, "VARCHAR"),
        **dict.fromkeys(_MONEY, MONEY),
        **dict.fromkeys(_TIME, TIME),
        "product": MAP,
        "tag_set": "VARCHAR",
        "tags": MAP,
    },
    required=(
        "bill_payer_account_id",
        "bill_billing_period_start_date",
        "bill_billing_period_end_date",
        "line_item_line_item_type",
        "line_item_usage_start_date",
        "line_item_usage_end_date",
        "line_item_currency_code",
        "line_item_unblended_cost",
    ),
)

_LEGACY = {
    "savings_plan_savings_plan_arn": "savings_plan_savings_plan_a_r_n",
    "reservation_reservation_arn": "reservation_reservation_a_r_n",
}
"""Spellings of the legacy report that its own rule of conversion does not give."""


def snake(name: str) -> str:
    """CUR 2.0's name of a legacy column: `lineItem/UnblendedCost` → `line_item_unblended_cost`."""
    spaced = re.sub(r"([a-z0-9])([A-Z])|([A-Z]+)([A-Z][a-z])", r"\1\3_\2\4", name.replace("/", "_"))
    plain = re.sub(r"_+", "_", spaced.lower())
    return _LEGACY.get(plain, plain)


def from_cur2(con: DuckDBPyConnection, raw: DuckDBPyRelation, where: str) -> Raw:
    """Rows of CUR 2.0 as the normaliser reads them; raises SourceError where their tags cannot be read."""
    tags = aws_tags.read(con, raw, where)
    # a row has the key of its set alone
    also = {"tag_set": tags.key, "tags": f"CAST(NULL AS {MAP})"}
    return Raw(project(raw, NORMALISER, where, also=also), NORMALISER, tags.sets)


def from_legacy(raw: DuckDBPyRelation, where: str, written: Mapping[str, str]) -> Raw:
    """Rows of a legacy report as the normaliser reads them; `written` has the columns' names in the file.

    A report in CSV has `resourceTags/user:team`; in Parquet it has `resource_tags_user_team`.
    """
    product = _below(raw, written, "product/", "product_")
    tags = _below(raw, written, "resourceTags/", "resource_tags_")
    for scheme, column in aws_tags.SCHEMES.items():
        tags |= {f"{scheme}{key}": name for key, name in _below(raw, written, scheme, column).items()}
    maps = {
        "product": _map({snake(key): name for key, name in reversed(product.items())}),
        "tags": _map(tags),
    }
    # `product/region` and `product/Region` would meet in one name: the first one counts
    chosen = {snake(name): name for name in reversed(raw.columns)}
    columns = [f"{quoted(old)} AS {quoted(new)}" for new, old in chosen.items() if new not in maps]
    columns += [f"{expression} AS {quoted(name)}" for name, expression in maps.items()]
    rows = raw.project(", ".join(columns))
    return Raw(project(rows, NORMALISER, where, also={"tag_set": "TO_JSON(tags)"}), NORMALISER)


def _below(raw: DuckDBPyRelation, written: Mapping[str, str], *prefixes: str) -> dict[str, str]:
    """Columns such as `resourceTags/user:Team`, by the key as the user wrote it."""
    names = {written.get(column, column): column for column in raw.columns}
    return {
        name.removeprefix(prefix): column
        for name, column in names.items()
        for prefix in prefixes
        if name.startswith(prefix)
    }


def _map(columns: dict[str, str]) -> str:
    """Columns as one map from key to value, without the empty ones."""
    if not columns:
        return f"CAST(NULL AS {MAP})"
    pairs = [
        f"{{'key': {exp.Literal.string(key).sql('duckdb')}, 'value': {quoted(name)}}}" for key, name in columns.items()
    ]
    return f"MAP_FROM_ENTRIES(LIST_FILTER([{', '.join(pairs)}], lambda e: e.value IS NOT NULL))"
