-- Invoice months of a billing account on Google Cloud that come to the same total in two sources, a table and its
-- files say: then the month's money counts twice. (An ingestion day that two sources have is refused when it is loaded.)
WITH totals AS (
  SELECT
    BillingAccountId AS account,
    x_InvoiceMonth AS invoice_month,
    BillingCurrency AS currency,
    x_SourceSystem AS source,
    SUM(BilledCost) AS billed
  FROM focus.charges
  WHERE ProviderName = 'Google Cloud'
  GROUP BY 1, 2, 3, 4
),
twice AS (
  SELECT DISTINCT account, invoice_month
  FROM totals
  WHERE billed <> 0
  GROUP BY account, invoice_month, currency, billed
  HAVING COUNT(*) > 1
)
SELECT
  m.account AS scope,
  0 AS expected,
  COUNT(DISTINCT t.invoice_month) AS actual
FROM (SELECT DISTINCT account FROM totals) AS m
LEFT JOIN twice AS t
  ON t.account = m.account
GROUP BY m.account
