"""What the rows of Google's native FOCUS export (preview) look like.

Its columns are FOCUS 1.2's as far as they go; labels, tags and credits stand in `x_` columns, and some columns are
missing. What can be told from others is filled in by sql/normalise/gcp_focus.sql.
"""

from __future__ import annotations

from functools import partial

from duckdb import DuckDBPyConnection, DuckDBPyRelation

from finops.focus import CREDITS, FOCUS_1_2, MAP, MONEY
from finops.sources import tag_sets
from finops.sources.base import Normaliser, Raw, quoted
from finops.sources.gcp_nested import Fields, merged
from finops.sources.gcp_rows import BEFORE
from finops.sources.reading import exact, project

_LABELS = ("x_Labels", "x_Tags", "x_ProjectLabels", "x_SystemLabels")
"""Where a row has labels, in the order in which they count."""
_CREDIT = {"name": "Name", "type": "Type", "id": "Id", "amount": "Amount"}
_OURS = {
    "x_CostType": "cost_type",
    "x_ServiceId": "service_id",
    "x_SubscriptionInstanceId": "subscription_id",
    "x_ConsumptionModelDescription": "consumption_model",
}
"""Google's additions that are read, and what sql/google's SELECTs call them, with two of FOCUS's own."""

NORMALISER = Normaliser(
    sql="gcp_focus",
    columns={
        **FOCUS_1_2,
        **dict.fromkeys((*_OURS.values(), "sku_id", "sku_description", "service_description"), "VARCHAR"),
        "tag_set": "VARCHAR",
        "currency_conversion_rate": MONEY,
        "x_Credits": CREDITS,
    },
    required=(
        "BilledCost",
        "EffectiveCost",
        "BillingAccountId",
        "BillingCurrency",
        "BillingPeriodStart",
        "ChargePeriodStart",
        "ChargePeriodEnd",
        "ChargeCategory",
        "ServiceName",
    ),
    before=BEFORE,
)


def from_native(con: DuckDBPyConnection, raw: DuckDBPyRelation, where: str) -> Raw:
    """Rows of the native FOCUS export as the normaliser reads them; raises SourceError."""
    fields = Fields(raw, where)
    listed = [path for path in _LABELS if fields.entries(path, "Key", "Value") is not None]
    tags = tag_sets.find(
        con, raw, [quoted(fields.types[path.lower()][0]) for path in listed], partial(_united, where), where
    )
    also = {"Tags": f"CAST(NULL AS {MAP})", "tag_set": tags.key}
    texts = {**_OURS, "SkuId": "sku_id", "ChargeDescription": "sku_description", "ServiceName": "service_description"}
    for given, name in texts.items():
        found = fields.find(given)
        if found is not None:
            also[name] = f"NULLIF(CAST({found[0]} AS VARCHAR), '')"
    rate = fields.find("x_CurrencyConversionRate")
    if rate is not None:
        also["currency_conversion_rate"] = exact(rate[0], str(rate[1]), MONEY)
    items = fields.credits("x_Credits", _CREDIT)
    if items is not None:
        also["x_Credits"] = items
    return Raw(project(raw, NORMALISER, where, also), NORMALISER, tags.sets)


def _united(where: str, sets: DuckDBPyRelation) -> str:
    fields = Fields(sets, where)
    return merged([fields.entries(path, "Key", "Value") for path in _LABELS])
