-- What Google's rows add up to, credits included, per invoice month and currency: the invoice, on either basis.
SELECT
  x_SourceFile,
  SUBSTR(invoice_month, 1, 4) || '-' || SUBSTR(invoice_month, 5, 2) AS billing_period,
  currency,
  COUNT(*) AS row_count,
  SUM(cost) + SUM(credits_total) AS billed_total,
  CAST(0 AS DECIMAL(38,18)) AS residual
FROM source_rows
GROUP BY 1, 2, 3
