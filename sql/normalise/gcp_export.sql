-- Google Cloud's standard and detailed billing export as FOCUS charges.
-- What a row costs is `cost` and its credits, which are negative. On the provider's basis commitments stay where
-- Google puts them. On FOCUS's, what a commitment covered is billed with its fee: the fee is a purchase without
-- effective cost, and what nothing used of it, fee and offset, is a row of its own; both bases come to the same total.
-- That is Google's model of commitments to spend since 2026-01-21: before it, and with commitments to use machines,
-- nothing tells what part of a fee was used, and it stays with the fee.
-- ChargeCategory stays null for a cost type or adjustment that is not known: the load then stops.
WITH priced AS (
  SELECT
    s.*,
    k.category AS service_category,
    k.subcategory AS service_subcategory,
    k.gpu_model,
    k.gpu_count,
    k.purchase,
    COALESCE(k.is_spend_based, FALSE) AS is_spend_based,
    l.machine_type,
    l.reservation_name,
    COALESCE(l.is_unused_reservation, FALSE) AS is_unused_reservation,
    s.cost + s.credits_total AS net,
    STRPTIME(s.invoice_month || '01', '%Y%m%d') AS period_start,
    COALESCE(s.subscription_id, s.applied_subscription_id, s.commitment_credit_id) AS commitment,
    a.is_correction,
    CASE
      WHEN s.adjustment_type IS NOT NULL AND a.adjustment_type IS NULL THEN NULL
      WHEN s.cost_type = 'tax' THEN COALESCE(a.category, 'Tax')
      WHEN s.cost_type IN ('rounding_error', 'adjustment') THEN COALESCE(a.category, 'Adjustment')
      WHEN s.cost_type = 'regular' AND (k.is_commitment OR s.has_offset) THEN COALESCE(a.category, 'Purchase')
      WHEN s.cost_type = 'regular' THEN COALESCE(a.category, 'Usage')
    END AS row_category
  FROM source_rows AS s
  LEFT JOIN sku_facts AS k
    ON k.sku_id IS NOT DISTINCT FROM s.sku_id
      AND k.sku_description IS NOT DISTINCT FROM s.sku_description
      AND k.service_id IS NOT DISTINCT FROM s.service_id
  LEFT JOIN label_facts AS l
    ON l.tag_set = s.tag_set
  LEFT JOIN adjustments AS a
    ON a.adjustment_type = s.adjustment_type
),
fees AS (
  SELECT
    *,
    -- an hour that nothing used may have no offset at all
    basis = 'focus' AND row_category = 'Purchase'
      AND (has_offset OR (is_spend_based AND usage_start_time >= TIMESTAMPTZ '2026-01-21 08:00:00+00')) AS splits
  FROM priced
),
split AS (
  SELECT
    p.*,
    FALSE AS is_unused,
    p.row_category AS category,
    p.row_category = 'Usage' AS is_usage,
    p.row_category IN ('Usage', 'Purchase') AS is_priced,
    p.splits AS is_fee,
    -- Google's price of a commitment, not its credit: the fee pays for this row
    p.basis = 'focus' AND p.row_category = 'Usage' AND p.applied_subscription_id IS NOT NULL AS is_covered
  FROM fees AS p
  UNION ALL
  SELECT
    p.*,
    TRUE AS is_unused,
    'Usage' AS category,
    FALSE AS is_usage,
    FALSE AS is_priced,
    FALSE AS is_fee,
    FALSE AS is_covered
  FROM fees AS p
  WHERE p.splits
),
kept AS (
  SELECT
    CAST(NULL AS VARCHAR) AS x_LeftOut,
    x_SourceFile,
    is_unused AS x_Added,
    CASE WHEN adjustment_type IS NULL THEN cost_type ELSE cost_type || ': ' || adjustment_type END AS x_SourceLineType,
    CASE basis WHEN 'focus' THEN 'strict' ELSE basis END AS x_CostBasis,
    location_zone AS AvailabilityZone,
    CASE
      WHEN is_unused OR is_covered THEN CAST(0 AS DECIMAL(38,18))
      WHEN is_fee THEN net - offset_total
      ELSE net
    END AS BilledCost,
    CASE WHEN is_fee THEN CAST(0 AS DECIMAL(38,18)) ELSE net END AS EffectiveCost,
    CASE WHEN is_unused THEN net ELSE COALESCE(cost_at_list, cost) END AS ListCost,
    CASE WHEN is_unused THEN net ELSE COALESCE(cost_at_effective_price_default, cost) END AS ContractedCost,
    billing_account_id AS BillingAccountId,
    currency AS BillingCurrency,
    CAST(period_start AS TIMESTAMPTZ) AS BillingPeriodStart,
    CASE WHEN is_unused_reservation AND category = 'Usage' THEN COALESCE(reservation_name, resource_global_name) END
      AS CapacityReservationId,
    usage_start_time AS ChargePeriodStart,
    usage_end_time AS ChargePeriodEnd,
    category AS ChargeCategory,
    -- on the invoice of the month itself it corrects nothing that was invoiced; that month began at midnight in
    -- California, in summer time from April to November
    CASE
      WHEN is_correction AND usage_start_time < CAST(period_start AS TIMESTAMPTZ)
          + CASE WHEN MONTH(period_start) BETWEEN 4 AND 11 THEN INTERVAL '7' HOUR ELSE INTERVAL '8' HOUR END
        THEN 'Correction'
    END AS ChargeClass,
    COALESCE(sku_description, adjustment_description, cost_type) AS ChargeDescription,
    CASE WHEN category IN ('Usage', 'Purchase') THEN commitment END AS CommitmentDiscountId,
    CASE
      WHEN commitment IS NULL OR category NOT IN ('Usage', 'Purchase') THEN NULL
      WHEN is_spend_based OR applied_subscription_id IS NOT NULL OR has_offset
        OR commitment_credit_type = 'COMMITTED_USAGE_DISCOUNT_DOLLAR_BASE' THEN 'Spend'
      ELSE 'Usage'
    END AS CommitmentDiscountCategory,
    CASE WHEN category IN ('Usage', 'Purchase') AND applied_subscription_id IS NOT NULL THEN consumption_model END
      AS CommitmentDiscountName,
    CASE
      WHEN commitment IS NULL OR category <> 'Usage' THEN NULL
      WHEN is_unused THEN 'Unused'
      ELSE 'Used'
    END AS CommitmentDiscountStatus,
    CASE WHEN is_usage THEN usage_amount END AS ConsumedQuantity,
    -- Google's units in FOCUS's Unit Format: `byte-seconds`, `gibibyte month`
    CASE
      WHEN NOT is_usage OR usage_amount IS NULL THEN NULL
      WHEN usage_unit = 'bytes' THEN 'B'
      WHEN usage_unit = 'byte-seconds' THEN 'B-Seconds'
      WHEN usage_unit = 'seconds' THEN 'Seconds'
      ELSE usage_unit
    END AS ConsumedUnit,
    CASE
      WHEN is_priced AND COALESCE(price_pricing_unit_quantity, 1) = 1
        THEN COALESCE(price_effective_price_default, price_effective_price)
    END AS ContractedUnitPrice,
    CASE WHEN is_priced AND COALESCE(price_pricing_unit_quantity, 1) = 1 THEN price_list_price END AS ListUnitPrice,
    CASE
      WHEN category NOT IN ('Usage', 'Purchase') THEN NULL
      WHEN commitment IS NOT NULL AND category = 'Usage' THEN 'Committed'
      WHEN purchase = 'spot' OR consumption_model LIKE '%Spot%' THEN 'Dynamic'
      -- also the purchase of a commitment: committed is what one covers
      ELSE 'Standard'
    END AS PricingCategory,
    CASE WHEN is_priced THEN usage_amount_in_pricing_units END AS PricingQuantity,
    CASE
      WHEN NOT is_priced THEN NULL
      WHEN usage_pricing_unit IN ('second', 'minute', 'hour', 'day', 'month', 'year')
        THEN UPPER(LEFT(usage_pricing_unit, 1)) || SUBSTRING(usage_pricing_unit, 2) || 's'
      WHEN usage_pricing_unit IN ('gibibyte', 'tebibyte') THEN UPPER(LEFT(usage_pricing_unit, 1)) || 'iB'
      WHEN usage_pricing_unit IN ('gibibyte hour', 'gibibyte month', 'tebibyte hour', 'tebibyte month')
        THEN UPPER(LEFT(usage_pricing_unit, 1)) || 'iB-'
          || UPPER(SUBSTRING(usage_pricing_unit, 10, 1)) || SUBSTRING(usage_pricing_unit, 11) || 's'
      ELSE usage_pricing_unit
    END AS PricingUnit,
    COALESCE(seller_name, 'Google Cloud') AS PublisherName,
    COALESCE(location_region, location_location) AS RegionId,
    -- of a commitment's fee, and of what nobody used of it, the resource is the commitment itself
    COALESCE(resource_global_name, CASE WHEN is_unused OR category = 'Purchase' THEN commitment END) AS ResourceId,
    resource_name AS ResourceName,
    COALESCE(service_category, 'Other') AS ServiceCategory,
    COALESCE(service_description, cost_type) AS ServiceName,
    COALESCE(seller_name, 'Google Cloud') AS ServiceProviderName,
    COALESCE(service_subcategory, 'Other (Other)') AS ServiceSubcategory,
    CASE WHEN category <> 'Tax' THEN sku_id END AS SkuId,
    project_id AS SubAccountId,
    project_name AS SubAccountName,
    labels AS Tags,
    tag_set AS x_TagSet,
    service_id AS x_ServiceCode,
    CASE WHEN is_unused THEN NULL ELSE credits END AS x_Credits,
    CASE WHEN is_usage THEN machine_type END AS x_InstanceType,
    -- of another unit than hours it is not known how many hours they are
    CASE
      WHEN is_usage AND gpu_count IS NOT NULL AND usage_pricing_unit IN ('hour', 'hours', 'h')
        THEN CAST(usage_amount_in_pricing_units * gpu_count AS DECIMAL(38,18))
    END AS x_InstanceHours,
    CASE WHEN is_usage THEN gpu_model END AS x_SkuGpuModel
  FROM split
)
-- What follows from columns that are kept is not kept itself: the view over them says it again.
SELECT
  *,
  'BillingAccount' AS BillingAccountType,
  BillingPeriodStart + INTERVAL '1' MONTH AS BillingPeriodEnd,
  CASE WHEN CapacityReservationId IS NOT NULL THEN 'Unused' END AS CapacityReservationStatus,
  CASE ChargeCategory WHEN 'Usage' THEN 'Usage-Based' WHEN 'Purchase' THEN 'Recurring' ELSE 'One-Time' END
    AS ChargeFrequency,
  CASE WHEN CommitmentDiscountId IS NOT NULL THEN 'Committed Use Discount' END AS CommitmentDiscountType,
  'Google Cloud' AS InvoiceIssuerName,
  CASE WHEN PublisherName = 'Google Cloud' THEN 'Google Cloud' END AS HostProviderName,
  'Google Cloud' AS ProviderName,
  COALESCE(
    -- Google spells `instance` and `instances`
    NULLIF(REGEXP_REPLACE(REGEXP_EXTRACT(ResourceId, '/([A-Za-z]+)/[^/]+$', 1), '^instances$', 'instance'), ''),
    CASE WHEN ResourceId = CommitmentDiscountId THEN 'Commitment' END
  ) AS ResourceType,
  CASE WHEN SkuId IS NOT NULL THEN ChargeDescription END AS SkuMeter,
  CASE WHEN BillingCurrency = 'USD' THEN BillingCurrency END AS PricingCurrency,
  RegionId AS RegionName,
  SkuId AS SkuPriceId,
  'Project' AS SubAccountType,
  CASE WHEN SkuId IS NOT NULL THEN ChargeDescription END AS x_UsageType,
  CAST(NULL AS MAP(VARCHAR, VARCHAR)) AS SkuPriceDetails
FROM kept
