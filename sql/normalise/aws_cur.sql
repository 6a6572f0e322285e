-- AWS Cost and Usage Report rows as FOCUS charges, by line type.
-- The basis (net or not) is decided once per payer and month, never per row: a report either has the net
-- columns or it has not. ChargeCategory stays null for a line type that is not known: the load then stops.
-- Where FOCUS says null (no price on a tax, no quantity on a credit), null it is; so is what the report lacks.
WITH basis AS (
  SELECT
    bill_payer_account_id AS payer,
    bill_billing_period_start_date AS period,
    COUNT(line_item_net_unblended_cost) > 0 AS is_net
  FROM source_rows
  GROUP BY 1, 2
),
services AS (
  SELECT *
  FROM (
    VALUES
    ('AmazonSageMaker', 'AI and Machine Learning', 'Machine Learning'),
    ('AmazonBedrock', 'AI and Machine Learning', 'Generative AI'),
    ('AmazonBedrockService', 'AI and Machine Learning', 'Generative AI'),
    ('AmazonBedrockFoundationModels', 'AI and Machine Learning', 'Generative AI'),
    ('AmazonBedrockAgentCore', 'AI and Machine Learning', 'Generative AI'),
    ('AmazonQ', 'AI and Machine Learning', 'Generative AI'),
    ('AmazonRekognition', 'AI and Machine Learning', 'Machine Learning'),
    ('AmazonPersonalize', 'AI and Machine Learning', 'Machine Learning'),
    ('AmazonForecast', 'AI and Machine Learning', 'Machine Learning'),
    ('AmazonTextract', 'AI and Machine Learning', 'Natural Language Processing'),
    ('AmazonComprehend', 'AI and Machine Learning', 'Natural Language Processing'),
    ('AmazonTranscribe', 'AI and Machine Learning', 'Natural Language Processing'),
    ('transcribe', 'AI and Machine Learning', 'Natural Language Processing'),
    ('translate', 'AI and Machine Learning', 'Natural Language Processing'),
    ('AmazonPolly', 'AI and Machine Learning', 'Natural Language Processing'),
    ('AmazonKendra', 'AI and Machine Learning', 'Natural Language Processing'),
    ('AmazonLex', 'AI and Machine Learning', 'Bots'),
    ('AmazonEC2', 'Compute', 'Virtual Machines'),
    ('ComputeSavingsPlans', 'Compute', 'Virtual Machines'),
    ('AmazonLightsail', 'Compute', 'Virtual Machines'),
    ('AWSLambda', 'Compute', 'Serverless Compute'),
    ('AmazonECS', 'Compute', 'Containers'),
    ('AmazonEKS', 'Compute', 'Containers'),
    ('AmazonECR', 'Compute', 'Containers'),
    ('AWSBatch', 'Compute', 'Other (Compute)'),
    ('AWSCloudShell', 'Compute', 'Other (Compute)'),
    ('AmazonS3', 'Storage', 'Object Storage'),
    ('AmazonGlacier', 'Storage', 'Object Storage'),
    ('AmazonEFS', 'Storage', 'File Storage'),
    ('AmazonFSx', 'Storage', 'File Storage'),
    ('AWSBackup', 'Storage', 'Backup Storage'),
    ('AmazonRDS', 'Databases', 'Relational Databases'),
    ('AmazonDynamoDB', 'Databases', 'NoSQL Databases'),
    ('AmazonDocDB', 'Databases', 'NoSQL Databases'),
    ('AmazonElastiCache', 'Databases', 'Caching'),
    ('AmazonRedshift', 'Databases', 'Data Warehouses'),
    ('AWSGlue', 'Analytics', 'Data Processing'),
    ('ElasticMapReduce', 'Analytics', 'Data Processing'),
    ('AmazonAthena', 'Analytics', 'Data Processing'),
    ('AmazonKinesis', 'Analytics', 'Streaming Analytics'),
    ('AmazonMSK', 'Analytics', 'Streaming Analytics'),
    ('AmazonES', 'Analytics', 'Search'),
    ('AmazonVPC', 'Networking', 'Network Infrastructure'),
    ('AWSELB', 'Networking', 'Application Networking'),
    ('AmazonCloudFront', 'Networking', 'Content Delivery'),
    ('AWSDataTransfer', 'Networking', 'Network Connectivity'),
    ('AmazonRoute53', 'Networking', 'Network Routing'),
    ('AmazonCloudWatch', 'Management and Governance', 'Observability'),
    ('AWSCloudTrail', 'Management and Governance', 'Compliance'),
    ('AWSConfig', 'Management and Governance', 'Compliance'),
    ('AWSSystemsManager', 'Management and Governance', 'Endpoint Management'),
    ('AWSSupportBusiness', 'Management and Governance', 'Support'),
    ('AWSSupportEnterprise', 'Management and Governance', 'Support'),
    ('awskms', 'Security', 'Secret Management'),
    ('AWSSecretsManager', 'Security', 'Secret Management'),
    ('awswaf', 'Security', 'Threat Detection and Response'),
    ('AmazonGuardDuty', 'Security', 'Threat Detection and Response'),
    ('AWSQueueService', 'Integration', 'Messaging'),
    ('AmazonSNS', 'Integration', 'Messaging'),
    ('AWSEvents', 'Integration', 'Messaging'),
    ('AmazonApiGateway', 'Integration', 'API Management'),
    ('AWSIoT', 'Internet of Things', 'IoT Platforms'),
    ('AWSGreengrass', 'Internet of Things', 'IoT Platforms'),
    ('AWSMigrationHubRefactorSpaces', 'Migration', 'Resource Migration'),
    ('AWSDatabaseMigrationSvc', 'Migration', 'Data Migration')
  ) AS known(code, category, subcategory)
),
-- as AWS's price list calls them: the report has a name for what lies in one place, and leaves it out elsewhere
regions AS (
  SELECT *
  FROM (
    VALUES
    ('us-east-1', 'US East (N. Virginia)'),
    ('us-east-2', 'US East (Ohio)'),
    ('us-west-1', 'US West (N. California)'),
    ('us-west-2', 'US West (Oregon)'),
    ('us-gov-east-1', 'AWS GovCloud (US-East)'),
    ('us-gov-west-1', 'AWS GovCloud (US-West)'),
    ('af-south-1', 'Africa (Cape Town)'),
    ('ap-east-1', 'Asia Pacific (Hong Kong)'),
    ('ap-northeast-1', 'Asia Pacific (Tokyo)'),
    ('ap-northeast-2', 'Asia Pacific (Seoul)'),
    ('ap-northeast-3', 'Asia Pacific (Osaka)'),
    ('ap-south-1', 'Asia Pacific (Mumbai)'),
    ('ap-south-2', 'Asia Pacific (Hyderabad)'),
    ('ap-southeast-1', 'Asia Pacific (Singapore)'),
    ('ap-southeast-2', 'Asia Pacific (Sydney)'),
    ('ap-southeast-3', 'Asia Pacific (Jakarta)'),
    ('ap-southeast-4', 'Asia Pacific (Melbourne)'),
    ('ap-southeast-5', 'Asia Pacific (Malaysia)'),
    ('ap-southeast-7', 'Asia Pacific (Thailand)'),
    ('ca-central-1', 'Canada (Central)'),
    ('ca-west-1', 'Canada West (Calgary)'),
    ('eu-central-1', 'EU (Frankfurt)'),
    ('eu-central-2', 'Europe (Zurich)'),
    ('eu-north-1', 'EU (Stockholm)'),
    ('eu-south-1', 'EU (Milan)'),
    ('eu-south-2', 'Europe (Spain)'),
    ('eu-west-1', 'EU (Ireland)'),
    ('eu-west-2', 'EU (London)'),
    ('eu-west-3', 'EU (Paris)'),
    ('il-central-1', 'Israel (Tel Aviv)'),
    ('me-central-1', 'Middle East (UAE)'),
    ('me-south-1', 'Middle East (Bahrain)'),
    ('mx-central-1', 'Mexico (Central)'),
    ('sa-east-1', 'South America (Sao Paulo)')
  ) AS known(code, name)
),
lines AS (
  SELECT
    s.*,
    b.is_net,
    s.line_item_line_item_type AS line_type,
    s.line_item_line_item_type IN ('EdpDiscount', 'PrivateRateDiscount', 'BundledDiscount', 'Discount',
      'RiVolumeDiscount') AS is_discount,
    CASE WHEN b.is_net THEN s.line_item_net_unblended_cost ELSE s.line_item_unblended_cost END AS billed,
    CASE WHEN b.is_net THEN s.line_item_net_unblended_rate ELSE s.line_item_unblended_rate END AS price,
    -- without a public price the unblended cost is the best there is; a reservation's is no price at all, but 0
    COALESCE(
      s.pricing_public_on_demand_cost,
      CASE WHEN s.line_item_line_item_type <> 'DiscountedUsage' THEN s.line_item_unblended_cost END
    ) AS list,
    CASE
      WHEN s.pricing_public_on_demand_cost IS NULL THEN s.line_item_unblended_rate
      ELSE s.pricing_public_on_demand_rate
    END AS list_price,
    -- AWS's units in FOCUS's Unit Format, which counts time in the plural
    CASE s.pricing_unit
      WHEN 'Hrs' THEN 'Hours'
      WHEN 'GB-Mo' THEN 'GB-Months'
      WHEN 'Obj-Month' THEN 'Object-Months'
      WHEN 'Lambda-GB-Second' THEN 'GB-Seconds'
      WHEN '1K tokens' THEN '1000 Tokens'
      ELSE s.pricing_unit
    END AS unit,
    -- a fee's resource is the commitment itself: it tells where the export leaves the columns of ARNs out
    COALESCE(
      s.savings_plan_savings_plan_a_r_n,
      CASE
        WHEN s.line_item_line_item_type IN ('SavingsPlanRecurringFee', 'SavingsPlanUpfrontFee', 'Refund')
          AND s.line_item_resource_id LIKE 'arn:%:savingsplan/%' THEN s.line_item_resource_id
      END
    ) AS savings_plan,
    COALESCE(
      s.reservation_reservation_a_r_n,
      CASE
        WHEN s.line_item_line_item_type IN ('Fee', 'RIFee', 'Refund')
          AND s.line_item_resource_id LIKE 'arn:%:reserved-instances/%' THEN s.line_item_resource_id
      END
    ) AS reservation,
    s.product['product_name'] AS product_name,
    s.bill_billing_entity = 'AWS Marketplace' AS is_marketplace,
    -- what runs, or is kept for nobody else, by the hour. Reservation and DedicatedRes restate the whole of a
    -- capacity reservation at no cost: its used part is BoxUsage, its paid and idle part UnusedBox, so counting
    -- them too would double. HostUsage is a whole host: the instances on it are HostBoxUsage. Other products
    -- (EMR) have a BoxUsage of their own, a fee on top of the machine's.
    CASE s.line_item_product_code
      WHEN 'AmazonEC2' THEN
        s.line_item_usage_type LIKE '%BoxUsage%' OR s.line_item_usage_type LIKE '%SpotUsage%'
        OR s.line_item_usage_type LIKE '%DedicatedUsage%' OR s.line_item_usage_type LIKE '%UnusedBox:%'
        OR s.line_item_usage_type LIKE '%UnusedDed:%'
      WHEN 'AmazonSageMaker' THEN s.line_item_usage_type LIKE '%ml.%'
      ELSE FALSE
    END AS is_instance
  FROM source_rows AS s
  JOIN basis AS b
    ON b.payer IS NOT DISTINCT FROM s.bill_payer_account_id
    AND b.period IS NOT DISTINCT FROM s.bill_billing_period_start_date
),
fees AS (
  SELECT *
  FROM (
    VALUES
    ('SavingsPlanRecurringFee', FALSE),
    ('SavingsPlanRecurringFee', TRUE),
    ('RIFee', FALSE),
    ('RIFee', TRUE)
  ) AS twice(fee, is_unused)
),
with_unused AS (
  -- the fee of a commitment makes two charges: what was bought, and what of it nobody used
  SELECT
    l.*,
    COALESCE(f.is_unused, FALSE) AS is_unused,
    CASE
      WHEN f.is_unused IS NULL OR NOT f.is_unused THEN CAST(0 AS DECIMAL(38,18))
      WHEN line_type = 'RIFee' AND is_net
        THEN COALESCE(reservation_net_unused_amortized_upfront_fee_for_billing_period,
            reservation_unused_amortized_upfront_fee_for_billing_period, 0)
          + COALESCE(reservation_net_unused_recurring_fee, reservation_unused_recurring_fee, 0)
      WHEN line_type = 'RIFee'
        THEN COALESCE(reservation_unused_amortized_upfront_fee_for_billing_period, 0)
          + COALESCE(reservation_unused_recurring_fee, 0)
      -- There is no net column for what a plan leaves unused, but there is for the whole of it: the discount
      -- falls on both parts alike. Whole numbers of 1e-10, AWS's own step, keep it exact: a plan of which all
      -- or nothing is used loses no digit, any other at most one step a row. Where the columns do not say so (a
      -- correction, or a net commitment that is none of this row's), the gross part stands.
      WHEN is_net AND savings_plan_total_commitment_to_date > 0
        AND savings_plan_used_commitment BETWEEN 0 AND savings_plan_total_commitment_to_date
        AND savings_plan_net_recurring_commitment_for_billing_period
          + COALESCE(savings_plan_net_amortized_upfront_commitment_for_billing_period, 0)
          BETWEEN 0 AND savings_plan_total_commitment_to_date
        THEN savings_plan_total_commitment_to_date - savings_plan_used_commitment - COALESCE(
          CAST(
            (
              CAST((
                savings_plan_total_commitment_to_date
                - savings_plan_net_recurring_commitment_for_billing_period
                - COALESCE(savings_plan_net_amortized_upfront_commitment_for_billing_period, 0)
              ) * 10000000000 AS BIGINT) * 10000000000000000000
              // CAST(savings_plan_total_commitment_to_date * 10000000000 AS BIGINT)
              * CAST((savings_plan_total_commitment_to_date - savings_plan_used_commitment) * 10000000000 AS BIGINT)
              + 5000000000000000000
            ) // 10000000000000000000 AS DECIMAL(20,0)
          ) * CAST(0.0000000001 AS DECIMAL(18,10)),
          0
        )
      ELSE savings_plan_total_commitment_to_date - savings_plan_used_commitment
    END AS unused
  FROM lines AS l
  LEFT JOIN fees AS f
    ON f.fee = l.line_type
),
typed AS (
  SELECT
    *,
    CASE
      WHEN line_item_operation IN ('EKSPod-EC2', 'ECSTask-EC2') THEN 'split cost: restates its parent instance'
      WHEN line_type = 'SavingsPlanNegation' THEN 'negation: cancels the covered usage row'
      WHEN is_discount AND is_net THEN 'discount: already in the net costs'
      WHEN is_unused AND line_type = 'RIFee' AND COALESCE(
        reservation_unused_recurring_fee,
        reservation_unused_amortized_upfront_fee_for_billing_period,
        reservation_net_unused_recurring_fee,
        reservation_net_unused_amortized_upfront_fee_for_billing_period
      ) IS NULL THEN 'reservation whose unused part the report does not tell'
      WHEN is_unused AND unused = 0 THEN 'commitment without an unused part'
    END AS left_out,
    CASE
      WHEN line_type IN ('Usage', 'DiscountedUsage', 'SavingsPlanCoveredUsage', 'SavingsPlanNegation') THEN 'Usage'
      WHEN is_unused OR is_discount THEN 'Usage'
      WHEN line_type IN ('SavingsPlanRecurringFee', 'SavingsPlanUpfrontFee', 'RIFee', 'Fee') THEN 'Purchase'
      WHEN line_type = 'Credit' THEN 'Credit'
      WHEN line_type = 'Tax' THEN 'Tax'
      WHEN line_type = 'Refund' THEN 'Adjustment'
    END AS category,
    line_type IN ('Usage', 'DiscountedUsage', 'SavingsPlanCoveredUsage') AS is_metered,
    line_type IN ('DiscountedUsage', 'SavingsPlanCoveredUsage') AS is_covered,
    line_type IN ('SavingsPlanRecurringFee', 'SavingsPlanUpfrontFee', 'RIFee')
      OR (line_type IN ('Fee', 'Refund') AND (reservation IS NOT NULL OR savings_plan IS NOT NULL))
      AS is_commitment_fee,
    line_item_product_code LIKE 'AmazonBedrock%' OR COALESCE(product_name LIKE '%Bedrock%', FALSE) AS is_bedrock,
    CASE
      WHEN line_item_resource_id IS NULL AND line_type LIKE '%Fee' THEN COALESCE(savings_plan, reservation)
      ELSE line_item_resource_id
    END AS resource,
    -- FOCUS wants a status for all usage of a commitment: a discount on it is neither used nor unused
    CASE WHEN line_type <> 'Usage' AND NOT is_discount THEN COALESCE(savings_plan, reservation) END AS commitment,
    -- The resource of an unused capacity reservation is the reservation, also where the export leaves its columns
    -- out. A row that only restates the reservation is neither used nor unused, so it is not put down to it.
    CASE
      WHEN capacity_reservation_capacity_reservation_arn IS NOT NULL AND (
        capacity_reservation_capacity_reservation_status = 'Reserved'
        OR line_item_usage_type LIKE '%Reservation:%' OR line_item_usage_type LIKE '%DedicatedRes:%'
      ) THEN NULL
      WHEN capacity_reservation_capacity_reservation_arn IS NOT NULL
        THEN capacity_reservation_capacity_reservation_arn
      WHEN line_item_resource_id LIKE '%:capacity-reservation/%' AND (
        line_type IN ('Fee', 'Refund') OR line_item_usage_type LIKE '%UnusedBox:%'
        OR line_item_usage_type LIKE '%UnusedDed:%'
      ) THEN line_item_resource_id
    END AS capacity_reservation,
    CASE
      WHEN NOT is_unused THEN NULL
      WHEN savings_plan IS NULL THEN reservation_unused_quantity
      ELSE savings_plan_total_commitment_to_date - savings_plan_used_commitment
    END AS unused_quantity,
    CASE
      WHEN NOT is_instance THEN product_instance_type
      -- the product's instance type has the component behind it (ml.g5.8xlarge-Cluster)
      WHEN line_item_product_code = 'AmazonSageMaker'
        THEN SUBSTRING(line_item_usage_type, STRPOS(line_item_usage_type, 'ml.'))
      ELSE COALESCE(product_instance_type, NULLIF(SPLIT_PART(line_item_usage_type, ':', 2), ''))
    END AS instance_type
  FROM with_unused
),
counted AS (
  SELECT
    *,
    -- the price of a fee that is one of itself is the fee
    COALESCE(price, CASE WHEN line_item_usage_amount = 1 THEN billed END) AS fee_price,
    -- what an hour of a reservation, or a unit of money of a plan, costs that nobody used: in steps of 1e-10
    CASE
      WHEN is_unused AND unused_quantity > 0 THEN CAST(
        (
          CAST(unused * 10000000000 AS BIGINT) * 10000000000000000000
          // CAST(unused_quantity * 10000000000 AS BIGINT)
          + 500000000
        ) // 1000000000 AS DECIMAL(20,0)
      ) * CAST(0.0000000001 AS DECIMAL(18,10))
    END AS unused_price
  FROM typed
),
priced AS (
  SELECT
    *,
    CASE
      WHEN is_unused THEN unused
      WHEN is_commitment_fee THEN CAST(0 AS DECIMAL(38,18))
      WHEN line_type = 'DiscountedUsage' AND is_net THEN reservation_net_effective_cost
      WHEN line_type = 'DiscountedUsage' THEN reservation_effective_cost
      WHEN line_type = 'SavingsPlanCoveredUsage' AND is_net THEN savings_plan_net_savings_plan_effective_cost
      WHEN line_type = 'SavingsPlanCoveredUsage' THEN savings_plan_savings_plan_effective_cost
      ELSE billed
    END AS effective,
    CASE
      WHEN is_metered THEN list_price
      WHEN is_unused THEN unused_price
      WHEN category = 'Purchase' THEN fee_price
    END AS list_unit_price,
    CASE
      WHEN line_type = 'DiscountedUsage' THEN list_price
      WHEN line_type = 'SavingsPlanCoveredUsage' THEN line_item_unblended_rate
      WHEN is_metered THEN price
      WHEN is_unused THEN unused_price
      WHEN category = 'Purchase' THEN fee_price
    END AS contracted_unit_price,
    -- money for a plan, before any discount, as it was committed; hours of use for a reservation, counted in its
    -- smallest size where AWS does so
    CASE
      WHEN commitment IS NULL OR category NOT IN ('Usage', 'Purchase') THEN NULL
      WHEN savings_plan IS NULL AND is_unused
        THEN COALESCE(reservation_unused_normalized_unit_quantity, reservation_unused_quantity)
      WHEN savings_plan IS NULL AND is_covered
        THEN COALESCE(line_item_normalized_usage_amount, line_item_usage_amount)
      WHEN savings_plan IS NULL
        THEN COALESCE(reservation_total_reserved_normalized_units, reservation_total_reserved_units)
      WHEN is_unused THEN unused_quantity
      WHEN is_covered THEN savings_plan_savings_plan_effective_cost
      WHEN line_type = 'SavingsPlanUpfrontFee' THEN line_item_unblended_cost
      ELSE COALESCE(savings_plan_recurring_commitment_for_billing_period, line_item_unblended_cost)
    END AS commitment_quantity,
    CASE
      WHEN savings_plan IS NOT NULL THEN line_item_currency_code
      WHEN CASE
        WHEN is_unused THEN reservation_unused_normalized_unit_quantity
        WHEN is_covered THEN line_item_normalized_usage_amount
        ELSE reservation_total_reserved_normalized_units
      END IS NOT NULL THEN 'Normalized Hours'
      ELSE COALESCE(unit, 'Hours')
    END AS commitment_unit
  FROM counted
),
-- `kept` is what the warehouse stores (finops/warehouse/parts.py goes by the name)
kept AS (
  SELECT
    p.left_out AS x_LeftOut,
    p.x_SourceFile,
    p.is_unused AS x_Added,
    p.line_type AS x_SourceLineType,
    CASE WHEN p.is_net THEN 'net' ELSE 'unblended' END AS x_CostBasis,
    p.line_item_availability_zone AS AvailabilityZone,
    CASE WHEN p.is_covered OR p.is_unused THEN CAST(0 AS DECIMAL(38,18)) ELSE p.billed END AS BilledCost,
    p.effective AS EffectiveCost,
    CASE
      WHEN p.is_unused THEN p.unused
      WHEN p.is_metered THEN p.list
      WHEN p.category = 'Usage' THEN CAST(0 AS DECIMAL(38,18))
      ELSE p.billed
    END AS ListCost,
    CASE
      WHEN p.is_unused THEN p.unused
      WHEN p.line_type = 'DiscountedUsage' THEN p.list
      WHEN p.line_type = 'SavingsPlanCoveredUsage' THEN p.line_item_unblended_cost
      ELSE p.billed
    END AS ContractedCost,
    p.bill_payer_account_id AS BillingAccountId,
    p.bill_payer_account_name AS BillingAccountName,
    'Payer' AS BillingAccountType,
    p.line_item_currency_code AS BillingCurrency,
    p.bill_billing_period_start_date AS BillingPeriodStart,
    p.bill_billing_period_end_date AS BillingPeriodEnd,
    p.line_item_usage_start_date AS ChargePeriodStart,
    -- fees of a month end at 23:59:59 on some bills: FOCUS's ends are exclusive
    CASE
      WHEN CAST(EPOCH(p.line_item_usage_end_date) AS BIGINT) % 60 = 59
        THEN p.line_item_usage_end_date + INTERVAL '1' SECOND
      ELSE p.line_item_usage_end_date
    END AS ChargePeriodEnd,
    p.capacity_reservation AS CapacityReservationId,
    CASE
      WHEN p.capacity_reservation IS NULL THEN NULL
      WHEN p.line_item_usage_type LIKE '%UnusedBox:%' OR p.line_item_usage_type LIKE '%UnusedDed:%' THEN 'Unused'
      WHEN p.capacity_reservation_capacity_reservation_status IN ('Used', 'Unused')
        THEN p.capacity_reservation_capacity_reservation_status
      WHEN p.category = 'Usage' THEN 'Used'
    END AS CapacityReservationStatus,
    p.category AS ChargeCategory,
    p.line_item_line_item_description AS ChargeDescription,
    p.commitment AS CommitmentDiscountId,
    p.commitment_quantity AS CommitmentDiscountQuantity,
    CASE
      WHEN p.commitment IS NULL THEN NULL
      WHEN p.is_unused THEN 'Unused'
      WHEN p.is_covered THEN 'Used'
    END AS CommitmentDiscountStatus,
    CASE
      WHEN p.commitment IS NULL THEN NULL
      WHEN p.savings_plan IS NOT NULL THEN 'Savings Plan'
      ELSE 'Reservation'
    END AS CommitmentDiscountType,
    CASE WHEN p.commitment_quantity IS NOT NULL THEN p.commitment_unit END AS CommitmentDiscountUnit,
    p.contracted_unit_price AS ContractedUnitPrice,
    CASE WHEN p.is_marketplace AND NOT p.is_bedrock THEN NULL ELSE 'AWS' END AS HostProviderName,
    p.bill_invoice_id AS InvoiceId,
    -- a Marketplace seller is the publisher: the invoice is AWS's, or its Marketplace's
    COALESCE(
      p.bill_invoicing_entity,
      CASE WHEN p.is_marketplace THEN p.bill_billing_entity ELSE p.line_item_legal_entity END
    ) AS InvoiceIssuerName,
    p.list_unit_price AS ListUnitPrice,
    CASE
      WHEN p.category NOT IN ('Usage', 'Purchase') THEN NULL
      WHEN p.is_covered OR p.is_unused THEN 'Committed'
      WHEN p.pricing_term = 'Spot' OR p.line_item_usage_type LIKE '%SpotUsage%' OR p.line_item_usage_type LIKE '%TrSpt:%'
        THEN 'Dynamic'
      -- also the purchase of a commitment: committed is what one covers
      ELSE 'Standard'
    END AS PricingCategory,
    -- rows without a price (a tax) name no currency of one: AWS's prices are in dollars, so a bill in dollars tells
    COALESCE(p.pricing_currency, CASE WHEN p.line_item_currency_code = 'USD' THEN p.line_item_currency_code END)
      AS PricingCurrency,
    CASE
      WHEN p.is_unused THEN p.unused_quantity
      WHEN p.is_metered OR p.category = 'Purchase' THEN p.line_item_usage_amount
    END AS PricingQuantity,
    CASE
      WHEN p.is_unused AND p.savings_plan IS NULL
        THEN CASE WHEN p.reservation_unused_quantity IS NOT NULL THEN COALESCE(p.unit, 'Hours') END
      WHEN p.is_unused THEN p.commitment_unit
      WHEN p.is_metered AND p.line_item_usage_amount IS NOT NULL THEN p.unit
      -- a fee without a unit is counted by itself
      WHEN p.category = 'Purchase' AND p.line_item_usage_amount IS NOT NULL THEN COALESCE(p.unit, 'Units')
    END AS PricingUnit,
    'AWS' AS ProviderName,
    COALESCE(p.line_item_legal_entity, p.bill_invoicing_entity) AS PublisherName,
    COALESCE(p.product_region_code, p.product_region, p.product['region']) AS RegionId,
    COALESCE(p.product_location, p.product['location'], g.name) AS RegionName,
    p.resource AS ResourceId,
    CASE
      WHEN p.resource IS NULL THEN NULL
      ELSE COALESCE(
        p.product_product_family,
        CASE WHEN p.is_commitment_fee OR p.is_unused THEN 'Commitment' END,
        -- arn:partition:service:region:account:type/id, or type:id
        NULLIF(REGEXP_EXTRACT(p.resource, '^arn:[^:]*:[^:]*:[^:]*:[^:]*:([a-z-]+)[:/]', 1), '')
      )
    END AS ResourceType,
    COALESCE(k.category, CASE WHEN p.is_bedrock THEN 'AI and Machine Learning' ELSE 'Other' END) AS ServiceCategory,
    COALESCE(p.product_name, p.line_item_product_code, 'AWS') AS ServiceName,
    'AWS' AS ServiceProviderName,
    COALESCE(k.subcategory, CASE WHEN p.is_bedrock THEN 'Generative AI' ELSE 'Other (Other)' END) AS ServiceSubcategory,
    CASE WHEN p.category <> 'Tax' THEN p.product_sku END AS SkuId,
    CASE WHEN p.category <> 'Tax' THEN COALESCE(p.pricing_rate_code, p.pricing_rate_id) END AS SkuPriceId,
    p.line_item_usage_account_id AS SubAccountId,
    p.line_item_usage_account_name AS SubAccountName,
    'Account' AS SubAccountType,
    p.tags AS Tags,
    p.tag_set AS x_TagSet,
    COALESCE(p.product_servicecode, p.product['servicecode'], p.line_item_product_code) AS x_ServiceCode,
    p.line_item_usage_type AS x_UsageType,
    p.line_item_operation AS x_Operation,
    CASE WHEN p.is_metered THEN p.instance_type END AS x_InstanceType,
    -- of other units than hours it is not known how many hours they are
    CASE
      WHEN p.is_metered AND p.is_instance AND (
        p.unit IN ('Hours', 'Hour', 'hours') OR (p.unit IS NULL AND p.line_item_product_code = 'AmazonEC2')
      ) THEN p.line_item_usage_amount
    END AS x_InstanceHours,
    CAST(NULL AS MAP(VARCHAR, VARCHAR)) AS SkuPriceDetails,
    CAST(NULL AS VARCHAR) AS x_SkuGpuModel
  FROM priced AS p
  LEFT JOIN services AS k
    ON k.code = p.line_item_product_code
  LEFT JOIN regions AS g
    ON g.code = COALESCE(p.product_region_code, p.product_region, p.product['region'])
)
-- What follows from columns that are kept is not kept itself: the view over them says it again.
SELECT
  *,
  CASE
    WHEN ChargeCategory = 'Usage' THEN 'Usage-Based'
    WHEN x_SourceLineType IN ('SavingsPlanRecurringFee', 'RIFee') THEN 'Recurring'
    ELSE 'One-Time'
  END AS ChargeFrequency,
  CASE CommitmentDiscountType WHEN 'Savings Plan' THEN 'Spend' WHEN 'Reservation' THEN 'Usage' END
    AS CommitmentDiscountCategory,
  -- a discount, though a usage row, is no further use: its quantity would count the discounted one twice
  CASE
    WHEN x_SourceLineType IN ('Usage', 'DiscountedUsage', 'SavingsPlanCoveredUsage') THEN PricingQuantity
  END AS ConsumedQuantity,
  CASE
    WHEN x_SourceLineType IN ('Usage', 'DiscountedUsage', 'SavingsPlanCoveredUsage') THEN PricingUnit
  END AS ConsumedUnit,
  CASE WHEN SkuId IS NOT NULL THEN x_UsageType END AS SkuMeter
FROM kept
