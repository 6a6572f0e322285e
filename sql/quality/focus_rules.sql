-- FOCUS's other rules: rows that break one, by source and rule. What is missing or contradicts itself came so from the
-- provider, and stays as it came. One scan counts for all rules.
WITH counted AS (
  SELECT
    f.source,
    COUNT(CASE WHEN c.ListCost IS NULL THEN 1 END) AS "ListCost is missing",
    COUNT(CASE WHEN c.ContractedCost IS NULL THEN 1 END) AS "ContractedCost is missing",
    COUNT(CASE WHEN c.ProviderName IS NULL OR c.PublisherName IS NULL OR c.InvoiceIssuerName IS NULL THEN 1 END)
      AS "the provider, publisher or invoice issuer is missing",
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
    COUNT(CASE WHEN c.PricingCategory NOT IN ('Standard', 'Dynamic', 'Committed', 'Other') THEN 1 END)
      AS "PricingCategory is none of FOCUS's",
    COUNT(CASE WHEN c.PricingCategory IS NOT NULL AND c.ChargeCategory = 'Tax' THEN 1 END)
      AS "a tax has a PricingCategory",
    COUNT(
      CASE
        WHEN c.PricingCategory IS NULL AND c.ChargeCategory IN ('Usage', 'Purchase') AND c.ChargeClass IS NULL THEN 1
      END
    ) AS "usage or a purchase has no PricingCategory",
    COUNT(CASE WHEN c.CommitmentDiscountStatus NOT IN ('Used', 'Unused') THEN 1 END)
      AS "CommitmentDiscountStatus is none of FOCUS's",
    COUNT(CASE WHEN c.CommitmentDiscountCategory NOT IN ('Spend', 'Usage') THEN 1 END)
      AS "CommitmentDiscountCategory is none of FOCUS's",
    COUNT(CASE WHEN c.CommitmentDiscountStatus IS NOT NULL AND c.CommitmentDiscountId IS NULL THEN 1 END)
      AS "a commitment's status without its id",
    COUNT(
      CASE
        WHEN c.CommitmentDiscountStatus IS NULL AND c.CommitmentDiscountId IS NOT NULL AND c.ChargeCategory = 'Usage'
          THEN 1
      END
    ) AS "usage of a commitment without its status",
    COUNT(CASE WHEN c.SubAccountName IS NOT NULL AND c.SubAccountId IS NULL THEN 1 END)
      AS "a sub-account's name without its id",
    COUNT(CASE WHEN c.ConsumedQuantity IS NOT NULL AND c.ConsumedUnit IS NULL THEN 1 END)
      AS "a consumed quantity without its unit",
    COUNT(CASE WHEN c.BillingPeriodEnd <= c.BillingPeriodStart THEN 1 END) AS "the billing period ends before it starts",
    -- a provider's month is not UTC's: Google's ends eight hours later
    COUNT(
      CASE WHEN c.ChargeCategory = 'Usage' AND c.ChargePeriodStart >= c.BillingPeriodEnd + INTERVAL '1' DAY THEN 1 END
    ) AS "usage after the end of its billing period"
  FROM focus.parts AS c
  JOIN ledger.files AS f
    ON f.file_id = c.file_id
  GROUP BY f.source
)
SELECT source || ': ' || rule AS scope, 0 AS expected, found AS actual
FROM counted
UNPIVOT (found FOR rule IN (COLUMNS(* EXCLUDE (source))))
