"""What the rows of Google's standard and detailed export look like.

Nested columns have been put into the export's own shape before (see `gcp_nested`). Here they are flattened: a
record's fields become columns, a list stays one value of its row, so that nothing is counted once for each item.
"""

from __future__ import annotations

from functools import partial

from duckdb import DuckDBPyConnection, DuckDBPyRelation

from finops.focus import CREDITS, MAP, MONEY, TIME
from finops.sources import tag_sets
from finops.sources.base import Normaliser, Raw, quoted
from finops.sources.gcp_nested import Fields, merged
from finops.sources.reading import exact, project

_TEXT = {
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
}
_MONEY = {
    "cost": "cost",
    "currency_conversion_rate": "currency_conversion_rate",
    "cost_at_list": "cost_at_list",
    "cost_at_effective_price_default": "cost_at_effective_price_default",
    "price_list_price": "price.list_price",
    "price_effective_price": "price.effective_price",
    "price_effective_price_default": "price.effective_price_default",
    "price_pricing_unit_quantity": "price.pricing_unit_quantity",
    "usage_amount": "usage.amount",
    "usage_amount_in_pricing_units": "usage.amount_in_pricing_units",
}
_TIME = {"usage_start_time": "usage_start_time", "usage_end_time": "usage_end_time"}
_PATHS = {**_TEXT, **_MONEY, **_TIME}
_LABELS = ("labels", "tags", "project_labels", "system_labels")
"""Where a row has labels, in the order in which they count: a key may stand on several levels."""

READ = frozenset(path.partition(".")[0] for path in (*_PATHS.values(), *_LABELS, "credits")) - {"project_labels"}
"""The export's own columns that are read, records and lists whole."""

BEFORE = ("google.skus", "google.services", "gpu.google_skus", "google.sku_facts", "google.label_facts")
"""What is worked out once for each SKU and each set of labels."""

NORMALISER = Normaliser(
    sql="gcp_export",
    columns={
        **dict.fromkeys(_TEXT, "VARCHAR"),
        **dict.fromkeys(_MONEY, MONEY),
        **dict.fromkeys(_TIME, TIME),
        "basis": "VARCHAR",
        "labels": MAP,
        "tag_set": "VARCHAR",
        "credits": CREDITS,
        "credits_total": MONEY,
        "offset_total": MONEY,
        "has_offset": "BOOLEAN",
        "commitment_credit_id": "VARCHAR",
        "commitment_credit_type": "VARCHAR",
    },
    required=(
        "billing_account_id",
        "usage_start_time",
        "usage_end_time",
        "cost",
        "currency",
        "invoice_month",
        "cost_type",
    ),
    before=(*BEFORE, "google.adjustments"),
)


def from_export(con: DuckDBPyConnection, raw: DuckDBPyRelation, where: str, basis: str) -> Raw:
    """Rows of the standard or detailed export as the normaliser reads them; `basis` is `provider` or `focus`.

    Raises SourceError where labels cannot be read.
    """
    raw = _with_project_labels(raw, where)
    fields = Fields(raw, where)
    also: dict[str, str] = {"basis": f"'{basis}'", "labels": f"CAST(NULL AS {MAP})"}
    for name, path in _PATHS.items():
        found = fields.find(path)
        if found is not None:
            also[name] = exact(found[0], str(found[1]), NORMALISER.columns[name])
    amount = fields.find("usage.amount")
    if amount is not None and str(amount[1]) == "DOUBLE":
        # a pebibyte for a day, in byte-seconds, has more digits than a quantity can: that quantity is unknown then
        also["usage_amount"] = f"CASE WHEN ABS({amount[0]}) < 1e20 THEN {also['usage_amount']} END"
    listed = [quoted(path) for path in _LABELS if fields.entries(path) is not None]
    tags = tag_sets.find(con, raw, listed, partial(_united, where), where)
    also |= {"tag_set": tags.key, **_credits(fields)}
    return Raw(project(raw, NORMALISER, where, also), NORMALISER, tags.sets)


def _with_project_labels(raw: DuckDBPyRelation, where: str) -> DuckDBPyRelation:
    """The labels of the project as a column of their own: a set of tags is told apart by whole columns."""
    found = Fields(raw, where).records("project.labels")
    return raw if found is None else raw.project(f"*, {found[0]} AS project_labels")


def _united(where: str, sets: DuckDBPyRelation) -> str:
    """A set's labels as one map."""
    fields = Fields(sets, where)
    return merged([fields.entries(path) for path in _LABELS])


def _credits(fields: Fields) -> dict[str, str]:
    """The credits as charges keep them, and what is asked of them: their exact sum (zero when there are none)."""
    items = fields.credits("credits", {"name": "name", "type": "type", "id": "id", "amount": "amount"})
    found = fields.records("credits")
    if items is None or found is None or "type" not in found[1]:
        none = {"offset_total": f"CAST(0 AS {MONEY})", "has_offset": "FALSE"}
        return {"credits_total": _total(items), **none, **({"credits": items} if items else {})}
    offsets = f"LIST_FILTER({items}, lambda c: c.type = 'FEE_UTILIZATION_OFFSET')"
    committed = f"LIST_FILTER({found[0]}, lambda c: STARTS_WITH(c.type, 'COMMITTED_USAGE_DISCOUNT'))[1]"
    return {
        "credits": items,
        "credits_total": _total(items),
        "offset_total": _total(offsets),
        "has_offset": f"COALESCE(LEN({offsets}) > 0, FALSE)",
        "commitment_credit_type": f"{committed}.type",
        **({"commitment_credit_id": f"{committed}.id"} if "id" in found[1] else {}),
    }


def _total(items: str | None) -> str:
    """The sum of credits: unknown where the amount of one is, so that the row is refused."""
    if items is None:
        return f"CAST(0 AS {MONEY})"
    amounts = f"LIST_TRANSFORM({items}, lambda c: c.amount)"
    known = f"COALESCE(LIST_COUNT({amounts}) = LEN({amounts}), TRUE)"
    return f"CASE WHEN {known} THEN CAST(COALESCE(LIST_SUM({amounts}), 0) AS {MONEY}) END"
