-- What the cost ledger's days add up to, per month, day and currency.
SELECT
  x_SourceFile,
  STRFTIME(charge_date, '%Y-%m') AS billing_period,
  charge_date,
  currency,
  COUNT(*) AS row_count,
  SUM(amount) AS billed_total,
  CAST(0 AS DECIMAL(38,18)) AS residual
FROM source_rows
GROUP BY 1, 2, 3, 4
