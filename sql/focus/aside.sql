-- Normalised rows that are not one charge for one row of the source: left out for a reason, or added by the normaliser.
SELECT
  x_SourceFile,
  x_LeftOut,
  x_Added,
  BillingCurrency AS currency,
  COUNT(*) AS row_count,
  SUM(BilledCost) AS billed_total
FROM normalised
WHERE x_LeftOut IS NOT NULL OR x_Added
GROUP BY 1, 2, 3, 4
