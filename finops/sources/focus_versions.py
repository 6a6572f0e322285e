"""The versions of FOCUS, told by the columns that a file has, and what each of them wants of every row."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Final

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
    "1.0": {**_ALL, **_NAMED},
    "1.1": {**_ALL, **_NAMED},
    "1.2": {**_ALL, **_NAMED},
    "1.3": {**_ALL, **_NAMED, **_RENAMED},
    "1.4": {**_ALL, **_RENAMED},
}
"""By version: the columns that its specification calls mandatory, and whether they may be null."""


def version_of(columns: Iterable[str]) -> str:
    """The version that a file with these columns is of: of those that it has a column of, the newest."""
    there = {name.lower() for name in columns}
    return next((version for version, since in _SINCE.items() if since & there), "1.0")
