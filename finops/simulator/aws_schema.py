"""The CUR 2.0 columns that the simulated exports have, with their Arrow types."""

from __future__ import annotations

from finops.simulator.arrow import DataType, Schema, pa
from finops.simulator.company import Payer

_S, _D = pa.string(), pa.float64()
_TEXT_MAP, _NUMBER_MAP = pa.map_(_S, _S), pa.map_(_S, _D)

_TIMES = frozenset(
    (
        "bill_billing_period_start_date",
        "bill_billing_period_end_date",
        "line_item_usage_start_date",
        "line_item_usage_end_date",
    )
)
_MAPS = {
    "product": _TEXT_MAP,
    "resource_tags": _TEXT_MAP,
    "cost_category": _TEXT_MAP,
    "tags": _TEXT_MAP,
    "discount": _NUMBER_MAP,
}
_DOUBLE_NAMES = """
    line_item_usage_amount line_item_normalization_factor line_item_normalized_usage_amount
    line_item_unblended_cost line_item_blended_cost line_item_net_unblended_cost
    pricing_public_on_demand_cost
    reservation_amortized_upfront_cost_for_usage reservation_amortized_upfront_fee_for_billing_period
    reservation_effective_cost reservation_recurring_fee_for_usage
    reservation_unused_amortized_upfront_fee_for_billing_period reservation_unused_normalized_unit_quantity
    reservation_unused_quantity reservation_unused_recurring_fee reservation_upfront_value
    reservation_net_amortized_upfront_cost_for_usage reservation_net_amortized_upfront_fee_for_billing_period
    reservation_net_effective_cost reservation_net_recurring_fee_for_usage
    reservation_net_unused_amortized_upfront_fee_for_billing_period reservation_net_unused_recurring_fee
    savings_plan_total_commitment_to_date savings_plan_used_commitment
    savings_plan_savings_plan_rate savings_plan_savings_plan_effective_cost
    savings_plan_amortized_upfront_commitment_for_billing_period
    savings_plan_recurring_commitment_for_billing_period
    savings_plan_net_savings_plan_effective_cost
    savings_plan_net_amortized_upfront_commitment_for_billing_period
    savings_plan_net_recurring_commitment_for_billing_period
    discount_total_discount discount_bundled_discount
    split_line_item_split_cost split_line_item_split_usage split_line_item_split_usage_ratio
    split_line_item_unused_cost
"""
_DOUBLES = frozenset(_DOUBLE_NAMES.split())
_ALL_NAMES = """
    bill_bill_type bill_billing_entity bill_billing_period_end_date bill_billing_period_start_date
    bill_invoice_id bill_invoicing_entity bill_payer_account_id bill_payer_account_name
    cost_category discount discount_bundled_discount discount_total_discount
    identity_line_item_id identity_time_interval
    line_item_availability_zone line_item_blended_cost line_item_blended_rate line_item_currency_code
    line_item_legal_entity line_item_line_item_description line_item_line_item_type
    line_item_net_unblended_cost line_item_net_unblended_rate line_item_normalization_factor
    line_item_normalized_usage_amount
    line_item_operation line_item_product_code line_item_resource_id line_item_tax_type
    line_item_unblended_cost line_item_unblended_rate line_item_usage_account_id
    line_item_usage_account_name line_item_usage_amount line_item_usage_end_date
    line_item_usage_start_date line_item_usage_type
    pricing_currency pricing_public_on_demand_cost pricing_public_on_demand_rate pricing_purchase_option
    pricing_rate_code pricing_rate_id pricing_term pricing_unit
    product product_fee_code product_from_location product_instance_type product_location
    product_product_family product_region_code product_servicecode product_sku product_to_location
    reservation_amortized_upfront_cost_for_usage reservation_amortized_upfront_fee_for_billing_period
    reservation_effective_cost reservation_end_time reservation_net_amortized_upfront_cost_for_usage
    reservation_net_amortized_upfront_fee_for_billing_period
    reservation_net_effective_cost reservation_net_recurring_fee_for_usage
    reservation_net_unused_amortized_upfront_fee_for_billing_period reservation_net_unused_recurring_fee
    reservation_number_of_reservations reservation_recurring_fee_for_usage
    reservation_reservation_a_r_n reservation_start_time reservation_subscription_id
    reservation_total_reserved_units
    reservation_unused_amortized_upfront_fee_for_billing_period
    reservation_unused_normalized_unit_quantity reservation_unused_quantity
    reservation_unused_recurring_fee reservation_upfront_value
    resource_tags
    savings_plan_amortized_upfront_commitment_for_billing_period savings_plan_end_time
    savings_plan_net_amortized_upfront_commitment_for_billing_period
    savings_plan_net_recurring_commitment_for_billing_period
    savings_plan_net_savings_plan_effective_cost savings_plan_offering_type
    savings_plan_payment_option savings_plan_recurring_commitment_for_billing_period
    savings_plan_savings_plan_a_r_n savings_plan_savings_plan_effective_cost
    savings_plan_savings_plan_rate savings_plan_start_time savings_plan_total_commitment_to_date
    savings_plan_used_commitment
    split_line_item_parent_resource_id split_line_item_split_cost split_line_item_split_usage
    split_line_item_split_usage_ratio split_line_item_unused_cost
    tags
"""


def schema(payer: Payer) -> Schema:
    """The export's columns in name order: with `net_` ones only where the payer has a negotiated discount.

    Times of one payer carry UTC, of the other no zone at all: both are met in practice.
    """
    time = pa.timestamp("ms") if payer.net else pa.timestamp("ms", tz="UTC")
    names = [n for n in _ALL_NAMES.split() if payer.net or "_net_" not in n]
    return pa.schema([pa.field(n, _type(n, time)) for n in names])


def manifest_columns(columns: Schema) -> list[dict[str, str]]:
    """The manifest's `columns`, in AWS's four type names."""
    return [{"name": f.name, "type": _type_name(f.type)} for f in columns]


def _type(name: str, time: DataType) -> DataType:
    if name in _TIMES:
        return time
    return _MAPS.get(name, _D if name in _DOUBLES else _S)


def _type_name(kind: DataType) -> str:
    if pa.types.is_map(kind):
        return "map"
    if pa.types.is_timestamp(kind):
        return "timestamp"
    return "double" if pa.types.is_floating(kind) else "string"
