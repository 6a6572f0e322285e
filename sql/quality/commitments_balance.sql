-- On FOCUS's basis what commitments' fees pay for is what their usage and their unused parts come to, month by month:
-- billed and effective cost of a closed month are equal, but for what Google itself rounds (a cent).
WITH months AS (
  SELECT
    x_SourceSystem AS source,
    STRFTIME(BillingPeriodStart, '%Y-%m') AS period,
    BillingCurrency AS currency,
    BillingPeriodStart AS period_start,
    SUM(BilledCost) AS billed,
    SUM(EffectiveCost) AS effective
  FROM focus.charges
  WHERE x_CostBasis = 'focus' AND ProviderName = 'Google Cloud'
  GROUP BY 1, 2, 3, 4
)
SELECT
  source || ' ' || period || ' ' || currency AS scope,
  effective AS expected,
  CASE WHEN ABS(billed - effective) <= 0.01 THEN effective ELSE billed END AS actual
FROM months
WHERE period_start < (SELECT MAX(period_start) FROM months)
