-- Invoice months of a billing account on Google Cloud that two sources seem to have both, a table and its files say:
-- they share an ingestion day, or come to the same total. Then the month's money counts twice.
WITH months AS (
  SELECT
    BillingAccountId AS account,
    x_InvoiceMonth AS invoice_month,
    BillingCurrency AS currency,
    x_SourceSystem AS source,
    CASE WHEN STARTS_WITH(x_SourceUnit, '_PARTITIONDATE=') THEN x_SourceUnit END AS ingestion_day,
    SUM(BilledCost) AS billed
  FROM focus.charges
  WHERE ProviderName = 'Google Cloud'
  GROUP BY 1, 2, 3, 4, 5
),
totals AS (
  SELECT account, invoice_month, currency, source, SUM(billed) AS billed
  FROM months
  GROUP BY 1, 2, 3, 4
),
twice AS (
  SELECT account, invoice_month
  FROM months
  WHERE ingestion_day IS NOT NULL
  GROUP BY account, invoice_month, ingestion_day
  HAVING COUNT(DISTINCT source) > 1
  UNION
  SELECT account, invoice_month
  FROM totals
  WHERE billed <> 0
  GROUP BY account, invoice_month, currency, billed
  HAVING COUNT(*) > 1
)
SELECT
  m.account AS scope,
  0 AS expected,
  COUNT(DISTINCT t.invoice_month) AS actual
FROM (SELECT DISTINCT account FROM months) AS m
LEFT JOIN twice AS t
  ON t.account = m.account
GROUP BY m.account
