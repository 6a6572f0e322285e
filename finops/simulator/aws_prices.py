"""Rates and SKUs on the AWS bill."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

import numpy as np

from finops.simulator.arrow import Array, pa
from finops.simulator.timeline import token

_OFFER_AND_RATE = "JRTCKXETXF.6YS6EN2CT7"  # AWS's codes for on demand, and for its rate by the hour
# What is no sale of anything
_WITHOUT_SKU = frozenset(
    ("Tax", "Credit", "Refund", "Discount", "EdpDiscount", "PrivateRateDiscount", "BundledDiscount")
)


def priced(line_type: str, product: str, columns: Mapping[str, Any], net_share: float) -> dict[str, Any]:
    """The SKU that lines are of, and their rate after the negotiated discount.

    AWS's price list has a SKU for the fees of commitments and of support too.
    """
    usage_type, rate = columns.get("line_item_usage_type"), columns.get("line_item_unblended_rate")
    found: dict[str, Any] = {}
    if isinstance(usage_type, str) and line_type not in _WITHOUT_SKU:
        found |= sku(f"{product} {usage_type}")
    if rate is not None:
        listed = [rate] if isinstance(rate, str) else rate.to_pylist()
        found["line_item_net_unblended_rate"] = rates(net_share * float(each) for each in listed)
    return found


def sku(what: str) -> dict[str, Any]:
    """The columns of a SKU and its price."""
    name = sku_of(what)
    return {"product_sku": name, "pricing_rate_code": rate_code(name)}


def sku_of(what: str) -> str:
    """AWS's name of a SKU: sixteen letters and digits."""
    return token(0, "sku", what, length=16).upper()


def rate_code(name: str) -> str:
    """AWS's name of the price of a SKU."""
    return f"{name}.{_OFFER_AND_RATE}"


def rates(amounts: Iterable[float]) -> Array:
    """USD as text, as AWS writes its rates."""
    return pa.array([decimal(each) for each in amounts], type=pa.string())


def decimal(amount: float) -> str:
    """With at most ten digits after the point."""
    return np.format_float_positional(round(amount, 10), trim="-")
