"""The versions of FOCUS, told by the columns that a file has, and what each of them wants of every row."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Final

PREVIEW: Final[Mapping[str, str]] = {
    "Provider": "ProviderName",
    "Publisher": "PublisherName",
    "InvoiceIssuer": "InvoiceIssuerName",
    "Region": "RegionId",
    "UsageQuantity": "ConsumedQuantity",
    "UsageUnit": "ConsumedUnit",
}
"""Columns of FOCUS 1.0-preview, in which Oracle still exports, by the names that 1.0 gave them (its changelog)."""
_SINCE: Final[Mapping[str, frozenset[str]]] = {
    "1.4": frozenset({"invoicedetailid", "commitmentprogrameligibilitydetails"}),
    "1.3": frozenset(
        {
            *("serviceprovidername", "hostprovidername", "contractapplied", "allocatedmethodid"),
            *("allocatedmethoddetails", "allocatedresourceid", "allocatedresourcename", "allocatedtags"),
        }
    ),
    "1.2": frozenset(
        {
            *("billingaccounttype", "subaccounttype", "invoiceid", "pricingcurrency"),
            *("pricingcurrencycontractedunitprice", "pricingcurrencyeffectivecost", "pricingcurrencylistunitprice"),
        }
    ),
    "1.1": frozenset(
        {
            *("capacityreservationid", "capacityreservationstatus", "commitmentdiscountquantity"),
            *("commitmentdiscountunit", "servicesubcategory", "skumeter", "skupricedetails"),
        }
    ),
}
"""The columns that came with a version, the newest first."""
_ALL: Final = {
    **dict.fromkeys(
        (
            *("BilledCost", "EffectiveCost", "ListCost", "ContractedCost", "BillingAccountId", "BillingCurrency"),
            *("BillingPeriodStart", "BillingPeriodEnd", "ChargePeriodStart", "ChargePeriodEnd", "ChargeCategory"),
            *("InvoiceIssuerName", "ServiceCategory", "ServiceName"),
        ),
        False,
    ),
    **dict.fromkeys(("BillingAccountName", "ChargeClass", "ChargeDescription", "PricingQuantity", "PricingUnit"), True),
}
_NAMED: Final = {"ProviderName": False, "PublisherName": False}
_RENAMED: Final = {"ServiceProviderName": False, "HostProviderName": True}
MANDATORY: Final[Mapping[str, Mapping[str, bool]]] = {
    "1.0-preview": {**_ALL, **_NAMED},
    "1.0": {**_ALL, **_NAMED},
    "1.1": {**_ALL, **_NAMED},
    "1.2": {**_ALL, **_NAMED},
    "1.3": {**_ALL, **_NAMED, **_RENAMED},
    "1.4": {**_ALL, **_RENAMED},
}
"""By version: the columns that its specification calls mandatory, and whether they may be null.

A preview is measured by what became of it: what 1.0 wants is what the charges lack.
"""


def names_of_1_0(columns: Iterable[str]) -> set[str]:
    """Columns in lower case, those of the preview under the names that 1.0 gave them."""
    later = {old.lower(): new.lower() for old, new in PREVIEW.items()}
    return {later.get(name.lower(), name.lower()) for name in columns}


def version_of(columns: Iterable[str]) -> str:
    """The version that a file with these columns is of: of those that it has a column of, the newest."""
    there = {name.lower() for name in columns}
    oldest = "1.0-preview" if "chargesubcategory" in there or there - names_of_1_0(there) else "1.0"
    return next((version for version, since in _SINCE.items() if since & there), oldest)
