-- Units whose charges are not what the source's own rows add up to, with both.
SELECT source, unit, billing_period, currency, source_total, charged
FROM (
  SELECT source, unit, billing_period, currency, SUM(billed_total) AS source_total
  FROM ledger.source_totals
  GROUP BY 1, 2, 3, 4
)
FULL JOIN (
  SELECT
    x_SourceSystem AS source,
    x_SourceUnit AS unit,
    STRFTIME(BillingPeriodStart, '%Y-%m') AS billing_period,
    BillingCurrency AS currency,
    SUM(CASE WHEN x_CostBasis = 'strict' THEN EffectiveCost ELSE BilledCost END) AS charged
  FROM focus.charges
  GROUP BY 1, 2, 3, 4
) USING (source, unit, billing_period, currency)
WHERE source_total IS DISTINCT FROM charged
ORDER BY ABS(COALESCE(source_total, 0) - COALESCE(charged, 0)) DESC
LIMIT 20
