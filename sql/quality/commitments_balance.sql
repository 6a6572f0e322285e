-- On FOCUS's basis what commitments' fees pay for is what their usage and their unused parts come to, by month of use:
-- billed and effective cost are equal, but for what Google itself rounds (a cent). Usage comes up to a week late.
WITH months AS (
  SELECT
    x_SourceSystem AS source,
    DATE_TRUNC('month', ChargePeriodStart) AS charge_month,
    BillingCurrency AS currency,
    MAX(ChargePeriodStart) AS last_charge,
    SUM(BilledCost) AS billed,
    SUM(EffectiveCost) AS effective
  FROM focus.charges
  WHERE x_CostBasis = 'focus' AND ProviderName = 'Google Cloud'
  GROUP BY 1, 2, 3
)
SELECT
  source || ' ' || STRFTIME(charge_month, '%Y-%m') || ' ' || currency AS scope,
  effective AS expected,
  CASE WHEN ABS(billed - effective) <= 0.01 THEN effective ELSE billed END AS actual
FROM months
WHERE charge_month + INTERVAL '1' MONTH + INTERVAL '7' DAY < (SELECT MAX(last_charge) FROM months)
