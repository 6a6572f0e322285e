-- Google Cloud's standard and detailed billing export as FOCUS charges, on the provider's basis:
-- what a row costs is `cost` and its credits, which are negative; commitments are where Google puts them.
-- ChargeCategory stays null for a cost type or adjustment that is not known: the load then stops.
WITH priced AS (
  SELECT
    *,
    cost + credits_total AS net,
    COALESCE(sku_description, '') AS sku_text,
    CAST(invoice_month || '01' AS VARCHAR) AS invoice_day
  FROM source_rows
),
typed AS (
  SELECT
    *,
    STRPTIME(invoice_day, '%Y%m%d') AS period_start,
    REGEXP_MATCHES(sku_text, '^Commitment') AS is_commitment,
    COALESCE(subscription_id, applied_subscription_id, commitment_credit_id) AS commitment,
    REGEXP_MATCHES(sku_text, 'Spot|Preemptible') OR COALESCE(consumption_model, '') LIKE '%Spot%' AS is_spot,
    CASE
      WHEN adjustment_type IN ('GOODWILL', 'SLA_VIOLATION') THEN 'Credit'
      WHEN adjustment_type IN ('BALANCE_TRANSFER', 'ACCOUNT_CLOSURE', 'GENERAL_ADJUSTMENT') THEN 'Adjustment'
      WHEN cost_type = 'tax' THEN 'Tax'
      WHEN cost_type IN ('rounding_error', 'adjustment') THEN 'Adjustment'
      WHEN cost_type = 'regular' AND REGEXP_MATCHES(sku_text, '^Commitment') THEN 'Purchase'
      WHEN cost_type = 'regular' THEN 'Usage'
    END AS category,
    CASE
      WHEN NOT REGEXP_MATCHES(sku_text, 'GPU|gpu slice') OR REGEXP_MATCHES(sku_text, '^(Commitment|Reserved)') THEN NULL
      WHEN REGEXP_MATCHES(sku_text, 'H100.*(Plus|Mega)') THEN 'H100 Mega'
      WHEN REGEXP_MATCHES(sku_text, 'GB200') THEN 'GB200'
      WHEN REGEXP_MATCHES(sku_text, 'B200') THEN 'B200'
      WHEN REGEXP_MATCHES(sku_text, 'H200') THEN 'H200'
      WHEN REGEXP_MATCHES(sku_text, 'H100') THEN 'H100'
      WHEN REGEXP_MATCHES(sku_text, 'A100 80GB') THEN 'A100 80GB'
      WHEN REGEXP_MATCHES(sku_text, 'A100') THEN 'A100'
      WHEN REGEXP_MATCHES(sku_text, '\bL4\b') THEN 'L4'
      WHEN REGEXP_MATCHES(sku_text, '\bT4\b') THEN 'T4'
      WHEN REGEXP_MATCHES(sku_text, '\bV100\b') THEN 'V100'
      WHEN REGEXP_MATCHES(sku_text, '\bP100\b') THEN 'P100'
      WHEN REGEXP_MATCHES(sku_text, '\bP4\b') THEN 'P4'
      WHEN REGEXP_MATCHES(sku_text, '\bK80\b') THEN 'K80'
      WHEN REGEXP_MATCHES(sku_text, 'RTX 6000') THEN 'RTX PRO 6000'
      ELSE 'unmapped'
    END AS gpu_model
  FROM priced
)
SELECT
  CAST(NULL AS VARCHAR) AS x_LeftOut,
  x_SourceFile,
  FALSE AS x_Added,
  CASE WHEN adjustment_type IS NULL THEN cost_type ELSE cost_type || ': ' || adjustment_type END AS x_SourceLineType,
  'provider' AS x_CostBasis,
  location_zone AS AvailabilityZone,
  net AS BilledCost,
  net AS EffectiveCost,
  COALESCE(cost_at_list, cost) AS ListCost,
  COALESCE(cost_at_effective_price_default, cost) AS ContractedCost,
  billing_account_id AS BillingAccountId,
  CAST(NULL AS VARCHAR) AS BillingAccountName,
  'BillingAccount' AS BillingAccountType,
  currency AS BillingCurrency,
  CAST(period_start AS TIMESTAMPTZ) AS BillingPeriodStart,
  CAST(period_start + INTERVAL 1 MONTH AS TIMESTAMPTZ) AS BillingPeriodEnd,
  usage_start_time AS ChargePeriodStart,
  usage_end_time AS ChargePeriodEnd,
  category AS ChargeCategory,
  CASE
    WHEN adjustment_type IN ('USAGE_CORRECTION', 'PRICE_CORRECTION', 'METADATA_CORRECTION') THEN 'Correction'
  END AS ChargeClass,
  COALESCE(sku_description, adjustment_description, cost_type) AS ChargeDescription,
  CASE WHEN category = 'Usage' THEN 'Usage-Based' WHEN category = 'Purchase' THEN 'Recurring' ELSE 'One-Time' END
    AS ChargeFrequency,
  CASE WHEN commitment IS NOT NULL AND category IN ('Usage', 'Purchase') THEN 'Spend' END
    AS CommitmentDiscountCategory,
  CASE WHEN category IN ('Usage', 'Purchase') THEN commitment END AS CommitmentDiscountId,
  CASE WHEN commitment IS NOT NULL AND category = 'Usage' THEN 'Used' END AS CommitmentDiscountStatus,
  CASE WHEN commitment IS NOT NULL AND category IN ('Usage', 'Purchase') THEN 'Committed Use Discount' END
    AS CommitmentDiscountType,
  CASE WHEN category = 'Usage' THEN usage_amount END AS ConsumedQuantity,
  CASE WHEN category = 'Usage' THEN usage_unit END AS ConsumedUnit,
  'Google Cloud' AS InvoiceIssuerName,
  price_list_price AS ListUnitPrice,
  CASE
    WHEN category NOT IN ('Usage', 'Purchase') THEN NULL
    WHEN is_commitment OR commitment IS NOT NULL THEN 'Committed'
    WHEN is_spot THEN 'Dynamic'
    ELSE 'Standard'
  END AS PricingCategory,
  usage_amount_in_pricing_units AS PricingQuantity,
  usage_pricing_unit AS PricingUnit,
  'Google Cloud' AS ProviderName,
  COALESCE(seller_name, 'Google Cloud') AS PublisherName,
  location_region AS RegionId,
  location_location AS RegionName,
  resource_global_name AS ResourceId,
  resource_name AS ResourceName,
  CASE
    WHEN service_description IN ('Vertex AI', 'Gemini API', 'Cloud Natural Language API', 'Cloud Vision API',
      'Cloud Speech API', 'Cloud Translation') OR service_id = 'C7E2-9256-1C43' THEN 'AI and Machine Learning'
    WHEN service_description IN ('Compute Engine', 'Kubernetes Engine', 'Cloud Run', 'Cloud Functions', 'App Engine')
      THEN 'Compute'
    WHEN service_description IN ('Cloud Storage', 'Filestore', 'Backup for GKE') THEN 'Storage'
    WHEN service_description IN ('BigQuery', 'BigQuery Storage API', 'Dataflow', 'Cloud Dataproc', 'Cloud Composer')
      THEN 'Analytics'
    WHEN service_description IN ('Cloud SQL', 'Cloud Spanner', 'Cloud Bigtable', 'Cloud Firestore', 'AlloyDB')
      THEN 'Databases'
    WHEN service_description IN ('Networking', 'Cloud DNS', 'Cloud CDN', 'Cloud NAT') THEN 'Networking'
    WHEN service_description IN ('Cloud Logging', 'Cloud Monitoring', 'Stackdriver Logging') THEN
      'Management and Governance'
    WHEN service_description IN ('Cloud Pub/Sub', 'Cloud Tasks') THEN 'Integration'
    WHEN service_description IN ('Secret Manager', 'Cloud Key Management Service (KMS)') THEN 'Security'
    WHEN service_description IN ('Artifact Registry', 'Cloud Build') THEN 'Developer Tools'
    ELSE 'Other'
  END AS ServiceCategory,
  COALESCE(service_description, cost_type) AS ServiceName,
  sku_id AS SkuId,
  sku_description AS SkuMeter,
  project_id AS SubAccountId,
  project_name AS SubAccountName,
  CASE WHEN project_id IS NOT NULL THEN 'Project' END AS SubAccountType,
  labels AS Tags,
  TO_JSON(labels) AS x_TagSet,
  service_id AS x_ServiceCode,
  sku_description AS x_UsageType,
  SUBSTR(invoice_month, 1, 4) || '-' || SUBSTR(invoice_month, 5, 2) AS x_InvoiceMonth,
  credits AS x_Credits,
  machine_type AS x_InstanceType,
  CASE WHEN gpu_model IS NOT NULL AND category = 'Usage' THEN usage_amount_in_pricing_units END AS x_InstanceHours,
  CAST(NULL AS MAP(VARCHAR, VARCHAR)) AS SkuPriceDetails,
  CASE WHEN category = 'Usage' THEN gpu_model END AS x_SkuGpuModel
FROM typed
