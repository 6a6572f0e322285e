-- What a FOCUS file's rows add up to, per billing period, day and currency.
SELECT
  x_SourceFile,
  STRFTIME(BillingPeriodStart, '%Y-%m') AS billing_period,
  CAST(ChargePeriodStart AS DATE) AS charge_date,
  BillingCurrency AS currency,
  COUNT(*) AS row_count,
  SUM(BilledCost) AS billed_total,
  CAST(0 AS DECIMAL(38,18)) AS residual
FROM source_rows
GROUP BY 1, 2, 3, 4
