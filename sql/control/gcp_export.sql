-- What Google's rows add up to, credits included, per invoice month, day and currency: the invoice, on either basis.
SELECT
  x_SourceFile,
  SUBSTR(invoice_month, 1, 4) || '-' || SUBSTR(invoice_month, 5, 2) AS billing_period,
  CAST(usage_start_time AS DATE) AS charge_date,
  currency,
  COUNT(*) AS row_count,
  SUM(cost) + SUM(credits_total) AS billed_total,
  CAST(0 AS DECIMAL(38,18)) AS residual,
  -- what Google reckons a dollar at: of the month's last usage, and where that has several the highest
  MAX_BY(currency_conversion_rate, {'at': usage_start_time, 'rate': currency_conversion_rate}) AS conversion_rate,
  MAX(CASE WHEN currency_conversion_rate IS NOT NULL THEN usage_start_time END) AS rated_at
FROM source_rows
GROUP BY 1, 2, 3, 4
