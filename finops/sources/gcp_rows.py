"""What the rows of Google's exports look like: detailed or standard, and the native FOCUS export.

Nested columns have been put into the export's own shape before (see `gcp_nested`).
"""

from __future__ import annotations

from typing import cast

from duckdb import DuckDBPyRelation
from duckdb.sqltypes import DuckDBPyType

from finops.focus import CREDITS, MAP, MONEY, TIME
from finops.sources import focus_rows
from finops.sources.base import Normaliser, Raw, quoted
from finops.sources.reading import exact, project, unique_entries

_FLAT = {
    **dict.fromkeys(
        [
            "billing_account_id",
            "service_id",
            "service_description",
            "sku_id",
            "sku_description",
            "project_id",
            "project_name",
            "location_location",
            "location_region",
            "location_zone",
            "resource_name",
            "resource_global_name",
            "seller_name",
            "currency",
            "usage_unit",
            "usage_pricing_unit",
            "invoice_month",
            "cost_type",
            "adjustment_type",
            "adjustment_description",
            "consumption_model",
            "machine_type",
            "subscription_id",
            "applied_subscription_id",
            "commitment_credit_id",
        ],
        "VARCHAR",
    ),
    **dict.fromkeys(
        [
            "cost",
            "credits_total",
            "cost_at_list",
            "cost_at_effective_price_default",
            "price_list_price",
            "usage_amount",
            "usage_amount_in_pricing_units",
        ],
        MONEY,
    ),
    "usage_start_time": TIME,
    "usage_end_time": TIME,
    "labels": MAP,
    "credits": CREDITS,
}

NORMALISER = Normaliser(
    sql="gcp_export",
    columns=_FLAT,
    required=(
        "billing_account_id",
        "usage_start_time",
        "usage_end_time",
        "cost",
        "currency",
        "invoice_month",
        "cost_type",
    ),
)

_PATHS = {
    "billing_account_id": "billing_account_id",
    "service_id": "service.id",
    "service_description": "service.description",
    "sku_id": "sku.id",
    "sku_description": "sku.description",
    "project_id": "project.id",
    "project_name": "project.name",
    "location_location": "location.location",
    "location_region": "location.region",
    "location_zone": "location.zone",
    "resource_name": "resource.name",
    "resource_global_name": "resource.global_name",
    "seller_name": "seller_name",
    "currency": "currency",
    "usage_unit": "usage.unit",
    "usage_pricing_unit": "usage.pricing_unit",
    "invoice_month": "invoice.month",
    "cost_type": "cost_type",
    "adjustment_type": "adjustment_info.type",
    "adjustment_description": "adjustment_info.description",
    "consumption_model": "consumption_model.description",
    "subscription_id": "subscription.instance_id",
    "applied_subscription_id": "consumption_model.applied_subscription_instance_id",
    "cost": "cost",
    "cost_at_list": "cost_at_list",
    "cost_at_effective_price_default": "cost_at_effective_price_default",
    "price_list_price": "price.list_price",
    "usage_amount": "usage.amount",
    "usage_amount_in_pricing_units": "usage.amount_in_pricing_units",
    "usage_start_time": "usage_start_time",
    "usage_end_time": "usage_end_time",
}


def _children(kind: DuckDBPyType) -> dict[str, DuckDBPyType]:
    return dict(cast("list[tuple[str, DuckDBPyType]]", kind.children))


class _Fields:
    """A relation's columns and the fields inside them, present or not."""

    def __init__(self, raw: DuckDBPyRelation) -> None:
        self.types = {name.lower(): (name, kind) for name, kind in zip(raw.columns, raw.types, strict=True)}

    def find(self, path: str) -> tuple[str, DuckDBPyType] | None:
        """The expression and type of `column` or `column.field`; None when the file has no such thing."""
        top, _, field = path.partition(".")
        found = self.types.get(top.lower())
        if found is None or not field:
            return (quoted(found[0]), found[1]) if found else None
        if found[1].id != "struct" or field not in _children(found[1]):
            return None
        return f"{quoted(found[0])}.{quoted(field)}", _children(found[1])[field]

    def entries(self, path: str, key: str = "key", value: str = "value") -> str | None:
        """A repeated field of keys and values as a list of {key, value}, empty when null."""
        found = self.find(path)
        if found is None or found[1].id != "list":
            return None
        pairs = f"LIST_TRANSFORM({found[0]}, lambda e: {{'key': e.{quoted(key)}, 'value': e.{quoted(value)}}})"
        return f"COALESCE({pairs}, [])"


def _merged(lists: list[str | None]) -> str:
    """Lists of {key, value} as one map: where a key comes twice, the first list counts."""
    present = [each for each in lists if each is not None]
    if not present:
        return f"CAST(NULL AS {MAP})"
    joined = present[0]
    for each in present[1:]:
        joined = f"LIST_CONCAT({joined}, {each})"
    return unique_entries(joined)


def _credits(raw: _Fields, path: str, names: dict[str, str]) -> tuple[str, str]:
    """The credits as FOCUS rows keep them, and their exact sum (zero when there are none)."""
    found = raw.find(path)
    if found is None:
        return f"CAST(NULL AS {CREDITS})", f"CAST(0 AS {MONEY})"
    amount = f"CAST(CAST(c.{quoted(names['amount'])} AS VARCHAR) AS {MONEY})"
    fields = ", ".join(f"'{name}': c.{quoted(given)}" for name, given in names.items() if name != "amount")
    items = f"LIST_TRANSFORM({found[0]}, lambda c: {{{fields}, 'amount': {amount}}})"
    amounts = f"LIST_TRANSFORM({found[0]}, lambda c: {amount})"
    return items, f"CAST(COALESCE(LIST_SUM({amounts}), 0) AS {MONEY})"


def from_export(raw: DuckDBPyRelation, where: str) -> Raw:
    """Rows of the standard or detailed export as the normaliser reads them."""
    fields = _Fields(raw)
    also: dict[str, str] = {}
    for name, path in _PATHS.items():
        found = fields.find(path)
        if found is not None:
            also[name] = _cast(found, _FLAT[name])
    items, total = _credits(fields, "credits", {"name": "name", "type": "type", "id": "id", "amount": "amount"})
    system = fields.entries("system_labels")
    labels = [fields.entries(path) for path in ("labels", "tags", "project.labels")]
    also |= {"credits": items, "credits_total": total, "labels": _merged([*labels, system])}
    if fields.find("credits") is not None:
        committed = "LIST_FILTER(credits, lambda c: STARTS_WITH(c.type, 'COMMITTED_USAGE_DISCOUNT'))"
        also["commitment_credit_id"] = f"{committed}[1].id"
    if system is not None:
        machine = f"LIST_FILTER({system}, lambda e: e.key = 'compute.googleapis.com/machine_spec')[1].value"
        also["machine_type"] = machine
    return Raw(project(raw, NORMALISER, where, also), NORMALISER)


def _cast(found: tuple[str, DuckDBPyType], wanted: str) -> str:
    """The exact cast of an expression (not a bare column) to the type wanted."""
    expression, kind = found
    return exact("\0", str(kind), wanted).replace(quoted("\0"), expression)


def from_native_focus(raw: DuckDBPyRelation, where: str) -> Raw:
    """Rows of the native FOCUS export (preview), with its known gaps filled from what the export is.

    Google writes the period's end as its last day and categories in lower case at times; the provider of
    every row of this export is Google Cloud. Labels, tags and credits stand in `x_` columns.
    """
    fields = _Fields(raw)
    names = {"name": "Name", "type": "Type", "id": "Id", "amount": "Amount"}
    labels = [
        fields.entries(path, "Key", "Value") for path in ("x_Labels", "x_Tags", "x_ProjectLabels", "x_SystemLabels")
    ]
    also = {"Tags": _merged(labels), "x_Credits": _credits(fields, "x_Credits", names)[0]}
    if fields.find("BillingPeriodStart"):
        also["BillingPeriodEnd"] = f"CAST(BillingPeriodStart AS {TIME}) + INTERVAL 1 MONTH"
    if fields.find("ChargeCategory"):
        also["ChargeCategory"] = "UPPER(LEFT(ChargeCategory, 1)) || LOWER(SUBSTR(ChargeCategory, 2))"
    if fields.find("ProviderName"):
        also["ProviderName"] = "COALESCE(NULLIF(ProviderName, ''), 'Google Cloud')"
    return focus_rows.from_files(raw, where, also)
