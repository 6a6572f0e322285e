-- What the rows of Google's FOCUS export add up to, per period, day and currency.
SELECT
  x_SourceFile,
  STRFTIME(BillingPeriodStart, '%Y-%m') AS billing_period,
  CAST(ChargePeriodStart AS DATE) AS charge_date,
  BillingCurrency AS currency,
  COUNT(*) AS row_count,
  SUM(BilledCost) AS billed_total,
  CAST(0 AS DECIMAL(38,18)) AS residual,
  -- what Google reckons a dollar at: of the month's last charge, and where that has several the highest
  MAX_BY(currency_conversion_rate, {'at': ChargePeriodStart, 'rate': currency_conversion_rate}) AS conversion_rate,
  MAX(CASE WHEN currency_conversion_rate IS NOT NULL THEN ChargePeriodStart END) AS rated_at
FROM source_rows
GROUP BY 1, 2, 3, 4
