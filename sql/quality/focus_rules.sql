-- FOCUS's rules on charges, accounts, periods, commitments, regions and resources: rows that break one, by source and
-- rule. What is missing or contradicts itself came so from the provider, and stays as it came. A column that FOCUS asks
-- for only of providers that have what it tells (names, types) is asked for where the source fills it at all.
-- One scan counts for all rules.
WITH filled AS (
  SELECT
    file_id,
    COUNT(ChargeFrequency) > 0 AS has_charge_frequency,
    COUNT(BillingAccountName) > 0 AS has_billing_account_name,
    COUNT(BillingAccountType) > 0 AS has_billing_account_type,
    COUNT(SubAccountName) > 0 AS has_sub_account_name,
    COUNT(SubAccountType) > 0 AS has_sub_account_type,
    COUNT(CommitmentDiscountQuantity) > 0 AS has_commitment_discount_quantity,
    COUNT(RegionName) > 0 AS has_region_name,
    COUNT(ResourceType) > 0 AS has_resource_type
  FROM focus.parts
  GROUP BY file_id
),
counted AS (
  SELECT
    f.source,
    -- charges
    COUNT(CASE WHEN c.ListCost IS NULL THEN 1 END) AS "ListCost is missing",
    COUNT(CASE WHEN c.ContractedCost IS NULL THEN 1 END) AS "ContractedCost is missing",
    COUNT(CASE WHEN c.ProviderName IS NULL OR c.PublisherName IS NULL OR c.InvoiceIssuerName IS NULL THEN 1 END)
      AS "the provider, publisher or invoice issuer is missing",
    COUNT(
      CASE
        WHEN TRIM(c.BillingAccountId) = '' OR TRIM(c.ServiceName) = '' OR TRIM(c.ProviderName) = ''
          OR TRIM(c.PublisherName) = '' OR TRIM(c.InvoiceIssuerName) = '' THEN 1
      END
    ) AS "a mandatory text is blank",
    COUNT(CASE WHEN c.ChargeDescription IS NULL THEN 1 END) AS "ChargeDescription is missing",
    COUNT(CASE WHEN NOT REGEXP_MATCHES(c.BillingCurrency, '^[A-Z]{3}$') THEN 1 END)
      AS "BillingCurrency is no code of ISO 4217",
    COUNT(
      CASE
        WHEN c.ServiceCategory NOT IN (
          'AI and Machine Learning', 'Analytics', 'Business Applications', 'Compute', 'Databases', 'Developer Tools',
          'Multicloud', 'Identity', 'Integration', 'Internet of Things', 'Management and Governance', 'Media',
          'Migration', 'Mobile', 'Networking', 'Security', 'Storage', 'Web', 'Other'
        ) THEN 1
      END
    ) AS "ServiceCategory is none of FOCUS's",
    COUNT(CASE WHEN c.ChargeClass <> 'Correction' THEN 1 END) AS "ChargeClass is none of FOCUS's",
    COUNT(CASE WHEN c.ChargeFrequency NOT IN ('One-Time', 'Recurring', 'Usage-Based') THEN 1 END)
      AS "ChargeFrequency is none of FOCUS's",
    COUNT(CASE WHEN c.ChargeFrequency IS NULL AND h.has_charge_frequency THEN 1 END) AS "ChargeFrequency is missing",
    COUNT(CASE WHEN c.ChargeCategory = 'Purchase' AND c.ChargeFrequency = 'Usage-Based' THEN 1 END)
      AS "a purchase is Usage-Based",
    COUNT(CASE WHEN c.ChargeCategory = 'Credit' AND c.EffectiveCost <> c.BilledCost THEN 1 END)
      AS "a credit's EffectiveCost is not its BilledCost",
    -- periods
    COUNT(CASE WHEN c.BillingPeriodEnd <= c.BillingPeriodStart THEN 1 END)
      AS "the billing period ends before it starts",
    COUNT(
      CASE
        WHEN CAST(EPOCH(c.ChargePeriodEnd) AS BIGINT) % 60 = 59
          OR CAST(EPOCH(c.BillingPeriodEnd) AS BIGINT) % 60 = 59 THEN 1
      END
    ) AS "a period's end is its last second",
    -- a provider's month is not UTC's: Google's ends eight hours later
    COUNT(
      CASE WHEN c.ChargeCategory = 'Usage' AND c.ChargePeriodStart >= c.BillingPeriodEnd + INTERVAL '1' DAY THEN 1 END
    ) AS "usage after the end of its billing period",
    -- accounts
    COUNT(
      CASE
        WHEN c.BillingAccountName IS NULL
          AND c.BillingAccountId NOT IN (SELECT account_id FROM focus.accounts WHERE account_name IS NOT NULL)
          AND h.has_billing_account_name THEN 1
      END
    ) AS "a billing account has no name",
    COUNT(CASE WHEN c.BillingAccountType IS NULL AND h.has_billing_account_type THEN 1 END)
      AS "a billing account has no type",
    COUNT(CASE WHEN c.SubAccountName IS NOT NULL AND c.SubAccountId IS NULL THEN 1 END)
      AS "a sub-account's name without its id",
    COUNT(
      CASE
        WHEN c.SubAccountName IS NULL AND c.SubAccountId IS NOT NULL
          AND c.SubAccountId NOT IN (SELECT account_id FROM focus.accounts WHERE account_name IS NOT NULL)
          AND h.has_sub_account_name THEN 1
      END
    ) AS "a sub-account has no name",
    COUNT(CASE WHEN c.SubAccountType IS NULL AND c.SubAccountId IS NOT NULL AND h.has_sub_account_type THEN 1 END)
      AS "a sub-account has no type",
    -- commitments
    COUNT(CASE WHEN c.CommitmentDiscountCategory NOT IN ('Spend', 'Usage') THEN 1 END)
      AS "CommitmentDiscountCategory is none of FOCUS's",
    COUNT(CASE WHEN c.CommitmentDiscountStatus NOT IN ('Used', 'Unused') THEN 1 END)
      AS "CommitmentDiscountStatus is none of FOCUS's",
    COUNT(
      CASE
        WHEN c.CommitmentDiscountId IS NULL AND (
          c.CommitmentDiscountName IS NOT NULL OR c.CommitmentDiscountCategory IS NOT NULL
          OR c.CommitmentDiscountType IS NOT NULL
        ) THEN 1
      END
    ) AS "a commitment's name, category or type without its id",
    COUNT(
      CASE
        WHEN c.CommitmentDiscountId IS NOT NULL
          AND (c.CommitmentDiscountCategory IS NULL OR c.CommitmentDiscountType IS NULL) THEN 1
      END
    ) AS "a commitment without its category or type",
    COUNT(CASE WHEN c.CommitmentDiscountStatus IS NOT NULL AND c.CommitmentDiscountId IS NULL THEN 1 END)
      AS "a commitment's status without its id",
    COUNT(CASE WHEN c.CommitmentDiscountStatus IS NOT NULL AND c.ChargeCategory <> 'Usage' THEN 1 END)
      AS "a commitment's status, and no usage",
    COUNT(
      CASE
        WHEN c.CommitmentDiscountStatus IS NULL AND c.CommitmentDiscountId IS NOT NULL AND c.ChargeCategory = 'Usage'
          THEN 1
      END
    ) AS "usage of a commitment without its status",
    COUNT(
      CASE
        WHEN c.CommitmentDiscountQuantity IS NULL AND c.CommitmentDiscountId IS NOT NULL
          AND c.ChargeCategory IN ('Usage', 'Purchase') AND c.ChargeClass IS NULL
          AND h.has_commitment_discount_quantity THEN 1
      END
    ) AS "a commitment's quantity is missing",
    COUNT(
      CASE
        WHEN c.CommitmentDiscountQuantity IS NOT NULL
          AND (c.CommitmentDiscountId IS NULL OR c.ChargeCategory NOT IN ('Usage', 'Purchase')) THEN 1
      END
    ) AS "a commitment's quantity where there is none",
    COUNT(CASE WHEN (c.CommitmentDiscountQuantity IS NULL) <> (c.CommitmentDiscountUnit IS NULL) THEN 1 END)
      AS "a commitment's quantity without its unit, or a unit alone",
    COUNT(
      CASE
        WHEN (c.ChargeCategory = 'Purchase' OR c.CommitmentDiscountStatus = 'Unused')
          AND c.ResourceId <> c.CommitmentDiscountId THEN 1
      END
    )
      AS "a commitment's purchase or unused part is of another resource",
    -- Google's own amounts: usage under a commitment is billed at its price, so that the fee covers itself alone
    COUNT(
      CASE
        WHEN c.CommitmentDiscountStatus IS NOT NULL AND c.BilledCost <> 0
          AND c.x_CostBasis NOT IN ('provider', 'native') THEN 1
      END
    ) AS "what a commitment covers is billed",
    COUNT(
      CASE
        WHEN c.ChargeCategory = 'Purchase' AND c.CommitmentDiscountId IS NOT NULL AND (
          c.EffectiveCost <> 0 OR c.PricingCurrencyEffectiveCost <> 0
        ) AND c.x_CostBasis NOT IN ('provider', 'native') THEN 1
      END
    ) AS "a commitment's purchase has an EffectiveCost",
    -- capacity reservations
    COUNT(CASE WHEN c.CapacityReservationStatus NOT IN ('Used', 'Unused') THEN 1 END)
      AS "CapacityReservationStatus is none of FOCUS's",
    COUNT(CASE WHEN c.CapacityReservationStatus IS NOT NULL AND c.CapacityReservationId IS NULL THEN 1 END)
      AS "a capacity reservation's status without its id",
    COUNT(
      CASE
        WHEN c.CapacityReservationStatus IS NULL AND c.CapacityReservationId IS NOT NULL AND c.ChargeCategory = 'Usage'
          THEN 1
      END
    ) AS "usage of a capacity reservation without its status",
    -- regions and resources
    COUNT(CASE WHEN c.RegionName IS NOT NULL AND c.RegionId IS NULL THEN 1 END) AS "a region's name without its id",
    COUNT(CASE WHEN c.RegionName IS NULL AND c.RegionId IS NOT NULL AND h.has_region_name THEN 1 END)
      AS "a region has no name",
    COUNT(CASE WHEN c.ResourceId IS NULL AND (c.ResourceName IS NOT NULL OR c.ResourceType IS NOT NULL) THEN 1 END)
      AS "a resource's name or type without its id",
    COUNT(CASE WHEN c.ResourceType IS NULL AND c.ResourceId IS NOT NULL AND h.has_resource_type THEN 1 END)
      AS "a resource has no type"
  FROM focus.parts AS c
  JOIN ledger.files AS f
    ON f.file_id = c.file_id
  JOIN filled AS h
    ON h.file_id = c.file_id
  GROUP BY f.source
)
SELECT source || ': ' || rule AS scope, 0 AS expected, found AS actual
FROM counted
UNPIVOT (found FOR rule IN (COLUMNS(* EXCLUDE (source))))
