-- What Google's rows add up to, credits included, per invoice month, day and currency. On FOCUS's basis what a commitment
-- covered is billed with its fee, and the offset that Google credits there is no part of the bill.
SELECT
  x_SourceFile,
  SUBSTR(invoice_month, 1, 4) || '-' || SUBSTR(invoice_month, 5, 2) AS billing_period,
  CAST(usage_start_time AS DATE) AS charge_date,
  currency,
  COUNT(*) AS row_count,
  SUM(cost) + SUM(credits_total)
    - SUM(CASE
      WHEN basis = 'provider' OR cost_type <> 'regular' THEN 0
      WHEN adjustment_type IN (
        'GOODWILL', 'SLA_VIOLATION', 'BALANCE_TRANSFER', 'ACCOUNT_CLOSURE', 'GENERAL_ADJUSTMENT'
      ) THEN 0
      WHEN sku_description LIKE 'Commitment%' THEN offset_total
      WHEN applied_subscription_id IS NOT NULL THEN cost + credits_total
      ELSE 0
    END) AS billed_total,
  CAST(0 AS DECIMAL(38,18)) AS residual
FROM source_rows
GROUP BY 1, 2, 3, 4
