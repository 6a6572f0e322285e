"""The one shape that every bill is mapped into: FOCUS 1.2, the eight columns of 1.3, and our own `x_`.

Source: the FinOps Open Cost and Usage Specification, version 1.2 (57 columns) and version 1.3's additions.
Every other list of these columns is derived from this one.
"""

from __future__ import annotations

MONEY = "DECIMAL(38,18)"
"""Twenty digits before the point, eighteen after: more than any cloud's price list has. Of a double that was written
with more (6.123456789012345e-06) the rest, below 5e-19, is rounded."""

TIME = "TIMESTAMPTZ"
MAP = "MAP(VARCHAR, VARCHAR)"
CREDITS = f"STRUCT(name VARCHAR, type VARCHAR, id VARCHAR, amount {MONEY})[]"

FOCUS_1_2: dict[str, str] = {
    "AvailabilityZone": "VARCHAR",
    "BilledCost": MONEY,
    "BillingAccountId": "VARCHAR",
    "BillingAccountName": "VARCHAR",
    "BillingAccountType": "VARCHAR",
    "BillingCurrency": "VARCHAR",
    "BillingPeriodEnd": TIME,
    "BillingPeriodStart": TIME,
    "CapacityReservationId": "VARCHAR",
    "CapacityReservationStatus": "VARCHAR",
    "ChargeCategory": "VARCHAR",
    "ChargeClass": "VARCHAR",
    "ChargeDescription": "VARCHAR",
    "ChargeFrequency": "VARCHAR",
    "ChargePeriodEnd": TIME,
    "ChargePeriodStart": TIME,
    "CommitmentDiscountCategory": "VARCHAR",
    "CommitmentDiscountId": "VARCHAR",
    "CommitmentDiscountName": "VARCHAR",
    "CommitmentDiscountQuantity": MONEY,
    "CommitmentDiscountStatus": "VARCHAR",
    "CommitmentDiscountType": "VARCHAR",
    "CommitmentDiscountUnit": "VARCHAR",
    "ConsumedQuantity": MONEY,
    "ConsumedUnit": "VARCHAR",
    "ContractedCost": MONEY,
    "ContractedUnitPrice": MONEY,
    "EffectiveCost": MONEY,
    "InvoiceId": "VARCHAR",
    "InvoiceIssuerName": "VARCHAR",
    "ListCost": MONEY,
    "ListUnitPrice": MONEY,
    "PricingCategory": "VARCHAR",
    "PricingCurrency": "VARCHAR",
    "PricingCurrencyContractedUnitPrice": MONEY,
    "PricingCurrencyEffectiveCost": MONEY,
    "PricingCurrencyListUnitPrice": MONEY,
    "PricingQuantity": MONEY,
    "PricingUnit": "VARCHAR",
    "ProviderName": "VARCHAR",
    "PublisherName": "VARCHAR",
    "RegionId": "VARCHAR",
    "RegionName": "VARCHAR",
    "ResourceId": "VARCHAR",
    "ResourceName": "VARCHAR",
    "ResourceType": "VARCHAR",
    "ServiceCategory": "VARCHAR",
    "ServiceName": "VARCHAR",
    "ServiceSubcategory": "VARCHAR",
    "SkuId": "VARCHAR",
    "SkuMeter": "VARCHAR",
    "SkuPriceDetails": MAP,
    "SkuPriceId": "VARCHAR",
    "SubAccountId": "VARCHAR",
    "SubAccountName": "VARCHAR",
    "SubAccountType": "VARCHAR",
    "Tags": MAP,
}

FOCUS_1_3_ADDED: dict[str, str] = {
    "ServiceProviderName": "VARCHAR",
    "HostProviderName": "VARCHAR",
    "ContractApplied": "VARCHAR",
    "AllocatedMethodId": "VARCHAR",
    "AllocatedMethodDetails": "VARCHAR",
    "AllocatedResourceId": "VARCHAR",
    "AllocatedResourceName": "VARCHAR",
    "AllocatedTags": MAP,
}

LINEAGE: dict[str, str] = {
    "x_SourceSystem": "VARCHAR",
    "x_SourceUnit": "VARCHAR",
    "x_SourceFile": "VARCHAR",
    "x_SourceLineType": "VARCHAR",
    "x_ServiceCode": "VARCHAR",
    "x_UsageType": "VARCHAR",
    "x_Operation": "VARCHAR",
    "x_LoadId": "VARCHAR",
    "x_InvoiceMonth": "VARCHAR",
    "x_CostBasis": "VARCHAR",
    "x_Credits": CREDITS,
}

MACHINE_LEARNING: dict[str, str] = {
    "x_MlStage": "VARCHAR",
    "x_MlStageRule": "VARCHAR",
    "x_MlStageConfidence": "DECIMAL(3,2)",
    "x_Team": "VARCHAR",
    "x_MlProject": "VARCHAR",
    "x_MlModelName": "VARCHAR",
    "x_MlRunId": "VARCHAR",
    "x_GpuModel": "VARCHAR",
    "x_GpuHours": MONEY,
    "x_ReportingCurrency": "VARCHAR",
    "x_ReportingRate": MONEY,
    "x_BilledCostReporting": MONEY,
    "x_EffectiveCostReporting": MONEY,
}

CHARGES: dict[str, str] = {**FOCUS_1_2, **FOCUS_1_3_ADDED, **LINEAGE, **MACHINE_LEARNING}
"""The columns of focus.charges, in order, with their DuckDB types."""

MANDATORY = (
    "BilledCost",
    "EffectiveCost",
    "BillingAccountId",
    "BillingCurrency",
    "BillingPeriodStart",
    "BillingPeriodEnd",
    "ChargePeriodStart",
    "ChargePeriodEnd",
    "ChargeCategory",
    "ServiceCategory",
    "ServiceName",
)
"""What no charge may lack. The specification also wants ListCost, ContractedCost, ProviderName,
PublisherName and InvoiceIssuerName, but real exports leave them out (Oracle's the contracted cost): those
stay null rather than be made up."""
