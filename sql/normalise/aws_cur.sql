-- AWS Cost and Usage Report rows as FOCUS charges, by line type.
-- The basis (net or not) is decided once per payer and month, never per row: a report either has the net
-- columns or it has not. ChargeCategory stays null for a line type that is not known: the load then stops.
WITH basis AS (
  SELECT
    bill_payer_account_id AS payer,
    bill_billing_period_start_date AS period,
    COUNT(line_item_net_unblended_cost) > 0 AS is_net
  FROM source_rows
  GROUP BY 1, 2
),
lines AS NOT MATERIALIZED (
  SELECT
    s.*,
    b.is_net,
    s.line_item_line_item_type AS line_type,
    CASE WHEN b.is_net THEN s.line_item_net_unblended_cost ELSE s.line_item_unblended_cost END AS billed,
    COALESCE(s.pricing_public_on_demand_cost, s.line_item_unblended_cost) AS list,
    COALESCE(s.reservation_reservation_a_r_n, '') AS reservation,
    COALESCE(s.savings_plan_savings_plan_a_r_n, '') AS savings_plan,
    COALESCE(
      s.product_instance_type,
      NULLIF(REGEXP_EXTRACT(s.line_item_usage_type, ':((ml\.)?[a-z][a-z0-9-]*\.[a-z0-9-]+)$', 1), '')
    ) AS instance_type
  FROM source_rows AS s
  JOIN basis AS b
    ON b.payer IS NOT DISTINCT FROM s.bill_payer_account_id
    AND b.period IS NOT DISTINCT FROM s.bill_billing_period_start_date
),
parts AS NOT MATERIALIZED (
  SELECT *, FALSE AS is_unused, CAST(0 AS DECIMAL(38,18)) AS unused FROM lines
  UNION ALL
  SELECT
    *,
    TRUE AS is_unused,
    CASE
      WHEN line_type = 'SavingsPlanRecurringFee'
        THEN savings_plan_total_commitment_to_date - savings_plan_used_commitment
      WHEN is_net
        THEN COALESCE(reservation_net_unused_amortized_upfront_fee_for_billing_period, 0)
          + COALESCE(reservation_net_unused_recurring_fee, 0)
      ELSE COALESCE(reservation_unused_amortized_upfront_fee_for_billing_period, 0)
        + COALESCE(reservation_unused_recurring_fee, 0)
    END AS unused
  FROM lines
  WHERE line_type IN ('SavingsPlanRecurringFee', 'RIFee')
),
typed AS (
  SELECT
    *,
    CASE
      WHEN line_item_operation IN ('EKSPod-EC2', 'ECSTask-EC2') THEN 'split cost: restates its parent instance'
      WHEN line_type = 'SavingsPlanNegation' THEN 'negation: cancels the covered usage row'
      WHEN line_type IN ('EdpDiscount', 'PrivateRateDiscount', 'BundledDiscount', 'Discount', 'RiVolumeDiscount')
        AND is_net THEN 'discount: already in the net costs'
      WHEN is_unused AND unused = 0 THEN 'commitment without an unused part'
    END AS left_out,
    CASE
      WHEN is_unused THEN 'Usage'
      WHEN line_type IN ('Usage', 'DiscountedUsage', 'SavingsPlanCoveredUsage', 'SavingsPlanNegation') THEN 'Usage'
      WHEN line_type IN ('EdpDiscount', 'PrivateRateDiscount', 'BundledDiscount', 'Discount', 'RiVolumeDiscount')
        THEN 'Usage'
      WHEN line_type IN ('SavingsPlanRecurringFee', 'SavingsPlanUpfrontFee', 'RIFee', 'Fee') THEN 'Purchase'
      WHEN line_type = 'Credit' THEN 'Credit'
      WHEN line_type = 'Tax' THEN 'Tax'
      WHEN line_type = 'Refund' THEN 'Adjustment'
    END AS category,
    line_type IN ('DiscountedUsage', 'SavingsPlanCoveredUsage') AS is_covered,
    line_type IN ('SavingsPlanRecurringFee', 'SavingsPlanUpfrontFee', 'RIFee')
      OR (line_type IN ('Fee', 'Refund') AND (reservation <> '' OR savings_plan <> '')) AS is_commitment_fee
  FROM parts
)
SELECT
  left_out AS x_LeftOut,
  x_SourceFile,
  is_unused AS x_Added,
  line_type AS x_SourceLineType,
  CASE WHEN is_net THEN 'net' ELSE 'unblended' END AS x_CostBasis,
  line_item_availability_zone AS AvailabilityZone,
  CASE WHEN is_covered OR is_unused THEN CAST(0 AS DECIMAL(38,18)) ELSE billed END AS BilledCost,
  CASE
    WHEN is_unused THEN unused
    WHEN is_commitment_fee THEN CAST(0 AS DECIMAL(38,18))
    WHEN line_type = 'DiscountedUsage' AND is_net THEN reservation_net_effective_cost
    WHEN line_type = 'DiscountedUsage' THEN reservation_effective_cost
    WHEN line_type = 'SavingsPlanCoveredUsage' AND is_net THEN savings_plan_net_savings_plan_effective_cost
    WHEN line_type = 'SavingsPlanCoveredUsage' THEN savings_plan_savings_plan_effective_cost
    ELSE billed
  END AS EffectiveCost,
  CASE
    WHEN is_unused THEN unused
    WHEN line_type IN ('Usage', 'DiscountedUsage', 'SavingsPlanCoveredUsage') THEN list
    WHEN line_type IN ('EdpDiscount', 'PrivateRateDiscount', 'BundledDiscount', 'Discount', 'RiVolumeDiscount')
      THEN CAST(0 AS DECIMAL(38,18))
    ELSE billed
  END AS ListCost,
  CASE
    WHEN is_unused THEN unused
    WHEN line_type = 'DiscountedUsage' THEN list
    WHEN line_type = 'SavingsPlanCoveredUsage' THEN line_item_unblended_cost
    ELSE billed
  END AS ContractedCost,
  bill_payer_account_id AS BillingAccountId,
  bill_payer_account_name AS BillingAccountName,
  'Payer' AS BillingAccountType,
  line_item_currency_code AS BillingCurrency,
  bill_billing_period_start_date AS BillingPeriodStart,
  bill_billing_period_end_date AS BillingPeriodEnd,
  line_item_usage_start_date AS ChargePeriodStart,
  line_item_usage_end_date AS ChargePeriodEnd,
  category AS ChargeCategory,
  line_item_line_item_description AS ChargeDescription,
  CASE
    WHEN line_type IN ('SavingsPlanRecurringFee', 'RIFee') AND NOT is_unused THEN 'Recurring'
    WHEN category = 'Usage' THEN 'Usage-Based'
    ELSE 'One-Time'
  END AS ChargeFrequency,
  CASE
    WHEN savings_plan <> '' THEN 'Spend'
    WHEN reservation <> '' THEN 'Usage'
  END AS CommitmentDiscountCategory,
  NULLIF(COALESCE(NULLIF(savings_plan, ''), reservation), '') AS CommitmentDiscountId,
  CASE
    WHEN savings_plan = '' AND reservation = '' THEN NULL
    WHEN is_unused THEN 'Unused'
    WHEN is_covered THEN 'Used'
  END AS CommitmentDiscountStatus,
  CASE
    WHEN savings_plan <> '' THEN 'Savings Plan'
    WHEN reservation <> '' THEN 'Reservation'
  END AS CommitmentDiscountType,
  CASE WHEN category = 'Usage' AND NOT is_unused THEN line_item_usage_amount END AS ConsumedQuantity,
  CASE WHEN category = 'Usage' AND NOT is_unused THEN pricing_unit END AS ConsumedUnit,
  bill_invoice_id AS InvoiceId,
  COALESCE(bill_invoicing_entity, line_item_legal_entity) AS InvoiceIssuerName,
  pricing_public_on_demand_rate AS ListUnitPrice,
  CASE
    WHEN category NOT IN ('Usage', 'Purchase') THEN NULL
    WHEN is_covered OR is_unused OR is_commitment_fee THEN 'Committed'
    WHEN pricing_term = 'Spot' OR line_item_usage_type LIKE '%SpotUsage%' THEN 'Dynamic'
    WHEN category = 'Usage' OR line_type = 'Fee' THEN 'Standard'
  END AS PricingCategory,
  CASE WHEN category IN ('Usage', 'Purchase') AND NOT is_unused THEN line_item_usage_amount END AS PricingQuantity,
  CASE WHEN category IN ('Usage', 'Purchase') AND NOT is_unused THEN pricing_unit END AS PricingUnit,
  'AWS' AS ProviderName,
  COALESCE(line_item_legal_entity, bill_invoicing_entity) AS PublisherName,
  COALESCE(product_region_code, product['region']) AS RegionId,
  product['location'] AS RegionName,
  line_item_resource_id AS ResourceId,
  instance_type AS ResourceType,
  CASE
    WHEN line_item_product_code IN ('AmazonSageMaker', 'AmazonRekognition', 'AmazonTextract', 'AmazonComprehend',
      'AmazonTranscribe', 'AmazonPolly', 'AmazonPersonalize', 'AmazonForecast', 'AmazonKendra')
      OR line_item_product_code LIKE 'AmazonBedrock%' OR product['product_name'] LIKE '%Bedrock%'
      THEN 'AI and Machine Learning'
    WHEN line_item_product_code IN ('AmazonEC2', 'AWSLambda', 'AmazonECS', 'AmazonEKS', 'AWSBatch', 'AmazonLightsail',
      'AWSCloudShell', 'ComputeSavingsPlans')
      THEN 'Compute'
    WHEN line_item_product_code IN ('AmazonS3', 'AmazonEFS', 'AmazonFSx', 'AmazonGlacier', 'AWSBackup')
      THEN 'Storage'
    WHEN line_item_product_code IN ('AmazonRDS', 'AmazonDynamoDB', 'AmazonElastiCache', 'AmazonRedshift', 'AmazonDocDB')
      THEN 'Databases'
    WHEN line_item_product_code IN ('AWSGlue', 'AmazonAthena', 'AmazonKinesis', 'ElasticMapReduce') THEN 'Analytics'
    WHEN line_item_product_code IN ('AmazonVPC', 'AmazonCloudFront', 'AWSDataTransfer', 'AmazonRoute53', 'AWSELB')
      THEN 'Networking'
    WHEN line_item_product_code IN ('AmazonCloudWatch', 'AWSCloudTrail', 'AWSConfig', 'AWSSystemsManager')
      THEN 'Management and Governance'
    WHEN line_item_product_code IN ('awskms', 'AWSSecretsManager', 'awswaf', 'AmazonGuardDuty') THEN 'Security'
    WHEN line_item_product_code IN ('AWSQueueService', 'AmazonSNS', 'AmazonApiGateway', 'AWSEvents') THEN 'Integration'
    WHEN line_item_product_code IN ('AWSIoT', 'AWSGreengrass') THEN 'Internet of Things'
    WHEN line_item_product_code IN ('AWSMigrationHubRefactorSpaces', 'AWSDatabaseMigrationSvc') THEN 'Migration'
    ELSE 'Other'
  END AS ServiceCategory,
  COALESCE(product['product_name'], line_item_product_code, 'AWS') AS ServiceName,
  product_sku AS SkuId,
  line_item_usage_type AS SkuMeter,
  pricing_rate_id AS SkuPriceId,
  line_item_usage_account_id AS SubAccountId,
  line_item_usage_account_name AS SubAccountName,
  CASE WHEN line_item_usage_account_id IS NOT NULL THEN 'Account' END AS SubAccountType,
  resource_tags AS Tags,
  cost_category AS x_CostCategories,
  COALESCE(product_servicecode, product['servicecode'], line_item_product_code) AS x_ServiceCode,
  line_item_usage_type AS x_UsageType,
  line_item_operation AS x_Operation,
  CASE WHEN NOT is_unused AND category = 'Usage' THEN instance_type END AS x_InstanceType,
  CASE
    WHEN is_unused OR category <> 'Usage' THEN NULL
    WHEN line_type NOT IN ('Usage', 'DiscountedUsage', 'SavingsPlanCoveredUsage') THEN NULL
    WHEN REGEXP_MATCHES(line_item_usage_type, '(BoxUsage|SpotUsage|DedicatedUsage|HostUsage)(:|$)|:ml\.')
      THEN line_item_usage_amount
  END AS x_InstanceHours,
  CAST(NULL AS MAP(VARCHAR, VARCHAR)) AS SkuPriceDetails,
  CAST(NULL AS VARCHAR) AS x_SkuGpuModel
FROM typed
