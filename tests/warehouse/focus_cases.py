"""Charges that keep FOCUS's rules, and what to change in one so that it breaks one of them, by check."""

from __future__ import annotations

from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

GOOD: dict[str, Any] = {
    **dict.fromkeys(("BilledCost", "EffectiveCost", "ContractedCost"), Decimal(8)),
    "ListCost": Decimal(10),
    "BillingAccountId": "1",
    "BillingAccountName": "Nimbus",
    "BillingAccountType": "Payer",
    "BillingCurrency": "USD",
    "BillingPeriodStart": datetime(2026, 9, 1, tzinfo=UTC),
    "BillingPeriodEnd": datetime(2026, 10, 1, tzinfo=UTC),
    "ChargePeriodStart": datetime(2026, 9, 7, tzinfo=UTC),
    "ChargePeriodEnd": datetime(2026, 9, 7, 1, tzinfo=UTC),
    "ChargeCategory": "Usage",
    "ChargeDescription": "an hour",
    "ChargeFrequency": "Usage-Based",
    "ConsumedQuantity": Decimal(2),
    "ConsumedUnit": "Hours",
    "ContractedUnitPrice": Decimal(4),
    "InvoiceId": "INV-1",
    "InvoiceIssuerName": "AWS",
    "ListUnitPrice": Decimal(5),
    "PricingCategory": "Standard",
    "PricingCurrency": "USD",
    "PricingQuantity": Decimal(2),
    "PricingUnit": "Hours",
    "ProviderName": "AWS",
    "PublisherName": "AWS",
    "RegionId": "us-east-1",
    "RegionName": "US East (N. Virginia)",
    "ResourceId": "i-1",
    "ResourceName": "node",
    "ResourceType": "instance",
    "ServiceCategory": "Compute",
    "ServiceName": "EC2",
    "ServiceSubcategory": "Virtual Machines",
    "SkuId": "SKU",
    "SkuMeter": "BoxUsage",
    "SkuPriceDetails": {"InstanceType": "p5.48xlarge", "GpuCount": "8", "x_Family": "p5"},
    "SkuPriceId": "SKU.PRICE",
    "SubAccountId": "2",
    "SubAccountName": "nlp",
    "SubAccountType": "Account",
    "x_SourceLineType": "Usage",
    "x_CostBasis": "unblended",
}
COMMITMENT = {
    "CommitmentDiscountId": "sp-1",
    "CommitmentDiscountName": "plan",
    "CommitmentDiscountCategory": "Spend",
    "CommitmentDiscountType": "Savings Plan",
    "CommitmentDiscountQuantity": Decimal(6),
    "CommitmentDiscountUnit": "USD",
}
USED = {
    **GOOD,
    **COMMITMENT,
    "CommitmentDiscountStatus": "Used",
    "PricingCategory": "Committed",
    "BilledCost": Decimal(0),
}
NOT_USED = {"ConsumedQuantity": None, "ConsumedUnit": None}
UNUSED = {**USED, **NOT_USED, "CommitmentDiscountStatus": "Unused", "ResourceId": "sp-1"}
PURCHASE = {**GOOD, **NOT_USED, "ChargeCategory": "Purchase", "ChargeFrequency": "Recurring"}
BOUGHT = {**PURCHASE, **COMMITMENT, "ResourceId": "sp-1", "EffectiveCost": Decimal(0)}
UNPRICED = dict.fromkeys(
    ("ListUnitPrice", "ContractedUnitPrice", "PricingQuantity", "PricingUnit", "PricingCategory", "SkuPriceDetails")
)
NO_SKU = dict.fromkeys(("SkuId", "SkuPriceId", "SkuMeter"))
TAX = {**GOOD, **NOT_USED, **UNPRICED, **NO_SKU, "ChargeCategory": "Tax", "ChargeFrequency": "One-Time"}
CREDIT = {**TAX, "ChargeCategory": "Credit", "ListCost": Decimal(8), "BilledCost": Decimal(8)}
RESERVED = {**GOOD, "CapacityReservationId": "cr-1", "CapacityReservationStatus": "Used"}
CORRECTED = {**GOOD, **UNPRICED, **NO_SKU, **NOT_USED, "ChargeClass": "Correction"}
DISCOUNT = {**GOOD, **UNPRICED, **NO_SKU, **NOT_USED, "PricingCategory": "Standard", "x_SourceLineType": "EdpDiscount"}
FOREIGN = {
    **GOOD,
    "PricingCurrency": "EUR",
    "PricingCurrencyListUnitPrice": Decimal(5),
    "PricingCurrencyContractedUnitPrice": Decimal(4),
    "PricingCurrencyEffectiveCost": Decimal(8),
}
OF_COMMITMENT = {
    **CREDIT,
    **COMMITMENT,
    **dict.fromkeys(("CommitmentDiscountQuantity", "CommitmentDiscountUnit")),
    **dict.fromkeys(("BilledCost", "EffectiveCost", "ListCost", "ContractedCost"), Decimal(0)),
}
GOOGLES = {**USED, "BilledCost": Decimal(8), "x_CostBasis": "provider"}
GOOGLES_FEE = {**BOUGHT, "EffectiveCost": Decimal(8), "x_CostBasis": "native"}
ROUNDED = {**GOOD, "ListUnitPrice": Decimal("7.5"), "PricingQuantity": Decimal("1.333333"), "ContractedUnitPrice": 6}
OPTIONAL = (
    *("BillingAccountName", "BillingAccountType", "SubAccountName", "SubAccountType", "RegionName", "ResourceType"),
    *("CommitmentDiscountQuantity", "CommitmentDiscountUnit", "ConsumedQuantity", "ConsumedUnit", "ListUnitPrice"),
    *("ContractedUnitPrice", "PricingCurrency", "SkuId", "SkuPriceId", "SkuPriceDetails", "SkuMeter"),
    *("ChargeFrequency", "ServiceSubcategory"),
)

GOOD_ONES = {
    "usage": GOOD,
    "a commitment's used part": USED,
    "its unused part": UNUSED,
    "its purchase": BOUGHT,
    "another purchase": PURCHASE,
    "a tax": TAX,
    "a credit": CREDIT,
    "a credit on a commitment": OF_COMMITMENT,
    "usage of a capacity reservation": RESERVED,
    "a purchase of one, which has no status": {**PURCHASE, "CapacityReservationId": "cr-1"},
    "a correction, which may lack prices": CORRECTED,
    "a discount in a row of its own": DISCOUNT,
    "prices in another currency": FOREIGN,
    "a commitment's usage at Google, billed at its price": GOOGLES,
    "and its fee, which covers itself": GOOGLES_FEE,
    "a quantity that is rounded to six places": ROUNDED,
}

Case = tuple[dict[str, Any], dict[str, Any], str]
MANDATORY = [
    (GOOD, {"BilledCost": None}, "BilledCost is missing"),
    (GOOD, {"EffectiveCost": None}, "EffectiveCost is missing"),
    (GOOD, {"BillingCurrency": None}, "BillingCurrency is missing"),
    (GOOD, {"BillingPeriodStart": None}, "the billing period is missing"),
    (GOOD, {"ChargePeriodEnd": None}, "the charge period is missing"),
    (GOOD, {"ServiceName": None}, "ServiceName is missing"),
    (GOOD, {"ServiceCategory": None}, "ServiceCategory is missing"),
    (GOOD, {"BillingAccountId": None}, "BillingAccountId is missing"),
    (CREDIT, {"ChargeCategory": "Gift"}, "ChargeCategory is none of FOCUS's"),
    (CREDIT, {"ChargeCategory": None}, "ChargeCategory is none of FOCUS's"),
]
RULES: list[Case] = [
    (GOOD, {"ContractedCost": None}, "ContractedCost is missing"),
    (GOOD, {"ListCost": None}, "ListCost is missing"),
    (GOOD, {"ProviderName": None}, "the provider, publisher or invoice issuer is missing"),
    (GOOD, {"PublisherName": None}, "the provider, publisher or invoice issuer is missing"),
    (GOOD, {"InvoiceIssuerName": None}, "the provider, publisher or invoice issuer is missing"),
    (GOOD, {"PublisherName": "  "}, "a mandatory text is blank"),
    (GOOD, {"ChargeDescription": None}, "ChargeDescription is missing"),
    (FOREIGN, {"BillingCurrency": "Dollar"}, "BillingCurrency is no code of ISO 4217"),
    (
        GOOD,
        {"ServiceName": "X", "ServiceCategory": "Machines", "ServiceSubcategory": "Other (Machines)"},
        "ServiceCategory is none of FOCUS's",
    ),
    (CORRECTED, {"ChargeClass": "Correct"}, "ChargeClass is none of FOCUS's"),
    (GOOD, {"ChargeFrequency": "Often"}, "ChargeFrequency is none of FOCUS's"),
    (GOOD, {"ChargeFrequency": None}, "ChargeFrequency is missing"),
    (PURCHASE, {"ChargeFrequency": "Usage-Based"}, "a purchase is Usage-Based"),
    (CREDIT, {"EffectiveCost": Decimal(7)}, "a credit's EffectiveCost is not its BilledCost"),
    (CREDIT, {"BillingPeriodEnd": GOOD["BillingPeriodStart"]}, "the billing period ends before it starts"),
    (GOOD, {"ChargePeriodEnd": datetime(2026, 9, 7, 0, 59, 59, tzinfo=UTC)}, "a period's end is its last second"),
    (GOOD, {"BillingPeriodEnd": datetime(2026, 9, 30, 23, 59, 59, tzinfo=UTC)}, "a period's end is its last second"),
    (GOOD, {"ChargePeriodStart": datetime(2026, 10, 2, tzinfo=UTC)}, "usage after the end of its billing period"),
    (GOOD, {"BillingAccountName": None}, "a billing account has no name"),
    (GOOD, {"BillingAccountType": None}, "a billing account has no type"),
    (GOOD, {"SubAccountName": None}, "a sub-account has no name"),
    (GOOD, {"SubAccountType": None}, "a sub-account has no type"),
    (GOOD, {"SubAccountId": None}, "a sub-account's name without its id"),
    (USED, {"CommitmentDiscountCategory": "Money"}, "CommitmentDiscountCategory is none of FOCUS's"),
    (USED, {"CommitmentDiscountStatus": "Half"}, "CommitmentDiscountStatus is none of FOCUS's"),
    (GOOD, {"CommitmentDiscountName": "plan"}, "a commitment's name, category or type without its id"),
    (GOOD, {"CommitmentDiscountType": "Savings Plan"}, "a commitment's name, category or type without its id"),
    (GOOD, {"CommitmentDiscountCategory": "Spend"}, "a commitment's name, category or type without its id"),
    (USED, {"CommitmentDiscountCategory": None}, "a commitment without its category or type"),
    (USED, {"CommitmentDiscountType": None}, "a commitment without its category or type"),
    (USED, {"CommitmentDiscountQuantity": None, "CommitmentDiscountUnit": None}, "a commitment's quantity is missing"),
    (
        BOUGHT,
        {"CommitmentDiscountQuantity": None, "CommitmentDiscountUnit": None},
        "a commitment's quantity is missing",
    ),
    (
        GOOD,
        {"CommitmentDiscountQuantity": Decimal(6), "CommitmentDiscountUnit": "USD"},
        "a commitment's quantity where there is none",
    ),
    (CREDIT, COMMITMENT, "a commitment's quantity where there is none"),
    (USED, {"CommitmentDiscountUnit": None}, "a commitment's quantity without its unit, or a unit alone"),
    (GOOD, {"CommitmentDiscountUnit": "USD"}, "a commitment's quantity without its unit, or a unit alone"),
    (BOUGHT, {"ResourceId": "i-1"}, "a commitment's purchase or unused part is of another resource"),
    (UNUSED, {"ResourceId": "i-1"}, "a commitment's purchase or unused part is of another resource"),
    (USED, {"BilledCost": Decimal(8)}, "what a commitment covers is billed"),
    (BOUGHT, {"EffectiveCost": Decimal(8)}, "a commitment's purchase has an EffectiveCost"),
    (BOUGHT, {"PricingCurrencyEffectiveCost": Decimal(8)}, "a commitment's purchase has an EffectiveCost"),
    (
        USED,
        {"CommitmentDiscountStatus": None, "PricingCategory": "Committed"},
        "usage of a commitment without its status",
    ),
    (OF_COMMITMENT, {"CommitmentDiscountStatus": "Used"}, "a commitment's status, and no usage"),
    (CORRECTED, {"CommitmentDiscountStatus": "Used", "BilledCost": 0}, "a commitment's status without its id"),
    (RESERVED, {"CapacityReservationStatus": "Half"}, "CapacityReservationStatus is none of FOCUS's"),
    (RESERVED, {"CapacityReservationId": None}, "a capacity reservation's status without its id"),
    (RESERVED, {"CapacityReservationStatus": None}, "usage of a capacity reservation without its status"),
    (GOOD, {"RegionId": None}, "a region's name without its id"),
    (GOOD, {"RegionName": None}, "a region has no name"),
    (GOOD, {"ResourceId": None, "ResourceType": None}, "a resource's name or type without its id"),
    (GOOD, {"ResourceId": None, "ResourceName": None}, "a resource's name or type without its id"),
    (GOOD, {"ResourceType": None}, "a resource has no type"),
]
NO_PRICE = "usage or a purchase has no "
PRICES: list[Case] = [
    (GOOD, {"PricingCategory": "Cheap"}, "PricingCategory is none of FOCUS's"),
    (TAX, {"PricingCategory": "Standard"}, "a tax has a PricingCategory"),
    (GOOD, {"PricingCategory": None}, f"{NO_PRICE}PricingCategory"),
    (PURCHASE, {"PricingCategory": None}, f"{NO_PRICE}PricingCategory"),
    *(
        (row, change, "Committed without a commitment, or a commitment's usage at another price")
        for row, change in (
            (GOOD, {"PricingCategory": "Committed"}),
            (BOUGHT, {"PricingCategory": "Committed"}),
            (USED, {"PricingCategory": "Standard"}),
        )
    ),
    (TAX, {"PricingQuantity": Decimal(1), "PricingUnit": "Units"}, "a tax has a PricingQuantity"),
    (GOOD, {"PricingQuantity": None, "PricingUnit": None}, f"{NO_PRICE}PricingQuantity"),
    (PURCHASE, {"PricingQuantity": None, "PricingUnit": None}, f"{NO_PRICE}PricingQuantity"),
    (GOOD, {"PricingUnit": None}, "a priced quantity without its unit"),
    (CREDIT, {"PricingUnit": "Hours"}, "a unit of prices without a quantity"),
    (GOOD, NOT_USED, "usage has no ConsumedQuantity"),
    (UNUSED, {"ConsumedQuantity": Decimal(2), "ConsumedUnit": "Hours"}, "a ConsumedQuantity where nothing was used"),
    (PURCHASE, {"ConsumedQuantity": Decimal(2), "ConsumedUnit": "Hours"}, "a ConsumedQuantity where nothing was used"),
    (GOOD, {"ConsumedUnit": None}, "a consumed quantity without its unit"),
    (CREDIT, {"ConsumedUnit": "Hours"}, "a unit of consumption without a quantity"),
    (TAX, {"ListUnitPrice": Decimal(1)}, "a tax has a unit price"),
    (TAX, {"ContractedUnitPrice": Decimal(1)}, "a tax has a unit price"),
    (TAX, {"PricingCurrencyListUnitPrice": Decimal(1)}, "a tax has a unit price"),
    (TAX, {"PricingCurrencyContractedUnitPrice": Decimal(1)}, "a tax has a unit price"),
    (GOOD, {"ListUnitPrice": None}, f"{NO_PRICE}ListUnitPrice"),
    (PURCHASE, {"ContractedUnitPrice": None}, f"{NO_PRICE}ContractedUnitPrice"),
    *(
        (CORRECTED, {column: Decimal(-1)}, "a unit price is negative")
        for column in (
            *("ListUnitPrice", "ContractedUnitPrice"),
            *("PricingCurrencyListUnitPrice", "PricingCurrencyContractedUnitPrice"),
        )
    ),
    (GOOD, {"ListCost": Decimal("10.00001")}, "ListUnitPrice × PricingQuantity is not ListCost"),
    (GOOD, {"ListUnitPrice": Decimal("5.000002")}, "ListUnitPrice × PricingQuantity is not ListCost"),
    (GOOD, {"ContractedCost": Decimal("7.99999")}, "ContractedUnitPrice × PricingQuantity is not ContractedCost"),
    (CREDIT, {"ListCost": Decimal(9)}, "a credit's ListCost or ContractedCost is not its BilledCost"),
    (CREDIT, {"ContractedCost": Decimal(9)}, "a credit's ListCost or ContractedCost is not its BilledCost"),
    (GOOD, {"PricingCurrency": None}, "PricingCurrency is missing"),
    (FOREIGN, {"PricingCurrencyEffectiveCost": None}, "PricingCurrencyEffectiveCost is missing"),
    (FOREIGN, {"PricingCurrencyListUnitPrice": None}, f"{NO_PRICE}PricingCurrencyListUnitPrice"),
    (FOREIGN, {"PricingCurrencyContractedUnitPrice": None}, f"{NO_PRICE}PricingCurrencyContractedUnitPrice"),
    (TAX, {"SkuId": "SKU", "SkuMeter": "BoxUsage"}, "a tax has a SKU"),
    (TAX, {"SkuPriceId": "SKU.PRICE"}, "a tax has a SKU"),
    (PURCHASE, {"SkuId": None, "SkuMeter": None}, f"{NO_PRICE}SkuId"),
    (GOOD, {"SkuPriceId": None, "SkuPriceDetails": None}, f"{NO_PRICE}SkuPriceId"),
    (CREDIT, {"SkuMeter": "BoxUsage"}, "a SKU's meter without its id"),
    (GOOD, {"SkuMeter": None}, "a SKU has no meter"),
    (CREDIT, {"SkuPriceDetails": {"GpuCount": "8"}}, "a SKU price's details without its id"),
    *(
        (GOOD, {"SkuPriceDetails": {key: "8"}}, "a SKU price's details have a key of their own without x_")
        for key in ("Gpus", "gpuCount", "X_Family", "GpuCountMax")
    ),
]
IDS: list[Case] = [
    (
        GOOD,
        {"ServiceCategory": "Storage", "ServiceSubcategory": "Virtual Machines", "ServiceName": "S3"},
        "ServiceSubcategory is none of its category's",
    ),
    (GOOD, {"ServiceSubcategory": "Notebooks", "ServiceName": "S3"}, "ServiceSubcategory is none of its category's"),
    (GOOD, {"ServiceSubcategory": "Messaging", "ServiceName": "S3"}, "ServiceSubcategory is none of its category's"),
    (GOOD, {"ServiceSubcategory": None}, "ServiceSubcategory is missing"),
    (GOOD, {"ServiceSubcategory": "Containers"}, "a service is in several subcategories"),
    (GOOD, {"SkuId": "SKU2"}, "a SKU price is of several SKUs"),
    (GOOD, {"SkuMeter": "SpotUsage"}, "a SKU has several meters"),
    (GOOD, {"BillingAccountId": "3"}, "an invoice is of several billing accounts"),
    (USED, {"CommitmentDiscountUnit": "Hours"}, "a commitment has several units"),
]
SEVERAL = "a service is in several categories"  # and so in several subcategories, or in one of another category
NAMES = {"focus_mandatory": MANDATORY, "focus_rules": RULES, "focus_prices": PRICES, "focus_ids": IDS}
CASES = [(check, *case) for check, cases in NAMES.items() for case in cases]
