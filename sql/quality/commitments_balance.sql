-- On FOCUS's basis what commitments' fees pay for is what their usage and their unused parts come to, by month of use:
-- billed less effective cost, to the cent. Usage comes up to a week late.
WITH months AS (
  SELECT
    x_SourceSystem AS source,
    DATE_TRUNC('month', ChargePeriodStart) AS charge_month,
    BillingCurrency AS currency,
    MAX(ChargePeriodStart) AS last_charge,
    SUM(BilledCost) - SUM(EffectiveCost) AS difference
  FROM focus.charges
  WHERE x_CostBasis = 'strict'
  GROUP BY 1, 2, 3
)
SELECT
  source || ' ' || STRFTIME(charge_month, '%Y-%m') || ' ' || currency AS scope,
  0 AS expected,
  ROUND(difference, 2) AS actual
FROM months
WHERE charge_month + INTERVAL '1' MONTH + INTERVAL '7' DAY < (SELECT MAX(last_charge) FROM months)
