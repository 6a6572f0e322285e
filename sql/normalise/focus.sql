-- FOCUS 1.0 to 1.4 rows of any provider as FOCUS 1.2 charges: what a version lacks stays null. ChargeSubcategory, and
-- the categories On-Demand and Commitment-Based, are 1.0-preview's, and become what 1.0 made of them.
SELECT
  CAST(NULL AS VARCHAR) AS x_LeftOut,
  x_SourceFile,
  FALSE AS x_Added,
  ChargeCategory AS x_SourceLineType,
  'focus' AS x_CostBasis,
  AvailabilityZone,
  BilledCost,
  EffectiveCost,
  ListCost,
  ContractedCost,
  BillingAccountId,
  BillingAccountName,
  BillingAccountType,
  BillingCurrency,
  BillingPeriodStart,
  BillingPeriodEnd,
  CapacityReservationId,
  CapacityReservationStatus,
  ChargePeriodStart,
  ChargePeriodEnd,
  CASE
    WHEN ChargeCategory = 'Adjustment' AND ChargeSubcategory = 'Credit' THEN 'Credit'
    WHEN ChargeCategory IN ('Usage', 'Purchase', 'Tax', 'Credit', 'Adjustment') THEN ChargeCategory
  END AS ChargeCategory,
  ChargeClass,
  ChargeDescription,
  ChargeFrequency,
  CommitmentDiscountCategory,
  CommitmentDiscountId,
  CommitmentDiscountName,
  CommitmentDiscountQuantity,
  COALESCE(
    CommitmentDiscountStatus,
    CASE ChargeSubcategory WHEN 'Used Commitment' THEN 'Used' WHEN 'Unused Commitment' THEN 'Unused' END
  ) AS CommitmentDiscountStatus,
  CommitmentDiscountType,
  CommitmentDiscountUnit,
  ConsumedQuantity,
  ConsumedUnit,
  ContractedUnitPrice,
  InvoiceId,
  InvoiceIssuerName,
  ListUnitPrice,
  CASE PricingCategory
    WHEN 'On-Demand' THEN 'Standard'
    -- since 1.1 also the purchase of a commitment is priced as standard
    WHEN 'Commitment-Based' THEN CASE WHEN ChargeCategory = 'Purchase' THEN 'Standard' ELSE 'Committed' END
    ELSE PricingCategory
  END AS PricingCategory,
  PricingCurrency,
  PricingCurrencyContractedUnitPrice,
  PricingCurrencyEffectiveCost,
  PricingCurrencyListUnitPrice,
  PricingQuantity,
  PricingUnit,
  COALESCE(ProviderName, ServiceProviderName) AS ProviderName,
  PublisherName,
  RegionId,
  RegionName,
  ResourceId,
  ResourceName,
  ResourceType,
  COALESCE(ServiceCategory, 'Other') AS ServiceCategory,
  ServiceName,
  ServiceSubcategory,
  SkuId,
  SkuMeter,
  SkuPriceDetails,
  SkuPriceId,
  SubAccountId,
  SubAccountName,
  SubAccountType,
  Tags,
  TO_JSON(Tags) AS x_TagSet,
  ServiceProviderName,
  HostProviderName,
  ContractApplied,
  AllocatedMethodId,
  AllocatedMethodDetails,
  AllocatedResourceId,
  AllocatedResourceName,
  AllocatedTags,
  COALESCE(x_ServiceCode, x_ServiceId) AS x_ServiceCode,
  COALESCE(x_UsageType, SkuMeter) AS x_UsageType,
  x_Operation,
  STRFTIME(BillingPeriodStart, '%Y-%m') AS x_InvoiceMonth,
  x_Credits,
  CASE
    WHEN ChargeCategory = 'Usage' THEN COALESCE(
      SkuPriceDetails['InstanceType'],
      SkuPriceDetails['x_InstanceType'],
      -- AWS's export of FOCUS 1.0 has the type in its usage type alone
      CASE
        WHEN ProviderName = 'AWS' AND REGEXP_MATCHES(
          COALESCE(x_UsageType, SkuMeter), '(BoxUsage|SpotUsage|DedicatedUsage|UnusedBox|UnusedDed):|:ml\.'
        ) THEN SPLIT_PART(COALESCE(x_UsageType, SkuMeter), ':', 2)
      END
    )
  END AS x_InstanceType,
  CASE
    WHEN ChargeCategory = 'Usage' AND LOWER(COALESCE(ConsumedUnit, PricingUnit)) IN ('hours', 'hour', 'hrs', 'h')
      THEN COALESCE(ConsumedQuantity, PricingQuantity)
  END AS x_InstanceHours,
  CAST(NULL AS VARCHAR) AS x_SkuGpuModel
FROM source_rows
