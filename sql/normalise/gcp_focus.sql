-- Google Cloud's native FOCUS export as FOCUS 1.2 charges: its amounts as they are, its known gaps filled.
-- BilledCost is net of credits already. Periods end on their last day and categories are in lower case at times;
-- service categories, the invoice's issuer and the columns of commitments are missing.
WITH kept AS (
  SELECT
    CAST(NULL AS VARCHAR) AS x_LeftOut,
    s.x_SourceFile,
    FALSE AS x_Added,
    COALESCE(s.cost_type, s.ChargeCategory) AS x_SourceLineType,
    s.AvailabilityZone,
    s.BilledCost,
    s.EffectiveCost,
    s.ListCost,
    s.ContractedCost,
    s.BillingAccountId,
    s.BillingAccountName,
    s.BillingCurrency,
    s.BillingPeriodStart,
    s.ChargePeriodStart,
    s.ChargePeriodEnd,
    CASE LOWER(s.ChargeCategory)
      WHEN 'usage' THEN 'Usage'
      WHEN 'purchase' THEN 'Purchase'
      WHEN 'tax' THEN 'Tax'
      WHEN 'credit' THEN 'Credit'
      WHEN 'adjustment' THEN 'Adjustment'
    END AS ChargeCategory,
    CASE LOWER(s.ChargeClass) WHEN 'correction' THEN 'Correction' END AS ChargeClass,
    s.ChargeDescription,
    COALESCE(
      s.ChargeFrequency,
      CASE LOWER(s.ChargeCategory) WHEN 'usage' THEN 'Usage-Based' WHEN 'purchase' THEN 'Recurring' ELSE 'One-Time' END
    ) AS ChargeFrequency,
    COALESCE(s.CommitmentDiscountId, s.subscription_id) AS CommitmentDiscountId,
    COALESCE(s.CommitmentDiscountName, CASE WHEN s.subscription_id IS NOT NULL THEN s.consumption_model END)
      AS CommitmentDiscountName,
    s.ConsumedQuantity,
    s.ConsumedUnit,
    s.ContractedUnitPrice,
    s.InvoiceId,
    s.ListUnitPrice,
    CASE WHEN LOWER(s.ChargeCategory) <> 'tax' THEN s.PricingCategory END AS PricingCategory,
    s.PricingCurrency,
    s.PricingCurrencyContractedUnitPrice,
    s.PricingCurrencyEffectiveCost,
    s.PricingCurrencyListUnitPrice,
    s.PricingQuantity,
    s.PricingUnit,
    COALESCE(s.PublisherName, 'Google Cloud') AS PublisherName,
    s.RegionId,
    s.RegionName,
    s.ResourceId,
    s.ResourceName,
    COALESCE(s.ServiceCategory, k.category, 'Other') AS ServiceCategory,
    s.ServiceName,
    COALESCE(s.ServiceSubcategory, k.subcategory, 'Other (Other)') AS ServiceSubcategory,
    s.SkuId,
    s.SkuPriceId,
    s.SubAccountId,
    s.SubAccountName,
    s.Tags,
    s.tag_set AS x_TagSet,
    s.service_id AS x_ServiceCode,
    s.x_Credits,
    l.machine_type AS x_InstanceType,
    CASE
      WHEN LOWER(s.ChargeCategory) = 'usage' AND k.gpu_count IS NOT NULL AND LOWER(s.PricingUnit) IN ('hour', 'hours', 'h')
        THEN CAST(s.PricingQuantity * k.gpu_count AS DECIMAL(38,18))
    END AS x_InstanceHours,
    CASE WHEN LOWER(s.ChargeCategory) = 'usage' THEN k.gpu_model END AS x_SkuGpuModel
  FROM source_rows AS s
  LEFT JOIN sku_facts AS k
    ON k.sku_id IS NOT DISTINCT FROM s.sku_id
      AND k.sku_description IS NOT DISTINCT FROM s.sku_description
      AND k.service_id IS NOT DISTINCT FROM s.service_id
  LEFT JOIN label_facts AS l
    ON l.tag_set = s.tag_set
)
-- What follows from columns that are kept is not kept itself: the view over them says it again.
SELECT
  *,
  'native' AS x_CostBasis,
  'BillingAccount' AS BillingAccountType,
  BillingPeriodStart + INTERVAL '1' MONTH AS BillingPeriodEnd,
  CASE WHEN CommitmentDiscountId IS NOT NULL THEN 'Committed Use Discount' END AS CommitmentDiscountType,
  CASE WHEN CommitmentDiscountId IS NOT NULL AND ChargeCategory = 'Usage' THEN 'Used' END AS CommitmentDiscountStatus,
  'Google Cloud' AS InvoiceIssuerName,
  CASE WHEN PublisherName = 'Google Cloud' THEN 'Google Cloud' END AS HostProviderName,
  'Google Cloud' AS ProviderName,
  PublisherName AS ServiceProviderName,
  -- Google spells `instance` and `instances`
  NULLIF(REGEXP_REPLACE(REGEXP_EXTRACT(ResourceId, '/([A-Za-z]+)/[^/]+$', 1), '^instances$', 'instance'), '')
    AS ResourceType,
  CASE WHEN SkuId IS NOT NULL THEN ChargeDescription END AS SkuMeter,
  'Project' AS SubAccountType,
  CASE WHEN SkuId IS NOT NULL THEN ChargeDescription END AS x_UsageType,
  CAST(NULL AS MAP(VARCHAR, VARCHAR)) AS SkuPriceDetails
FROM kept
