-- Charges in another currency than the reporting one have no rate: budgets, forecasts and GPU money leave them out.
SELECT
  BillingCurrency AS scope,
  0 AS expected,
  COUNT(*) FILTER (WHERE x_EffectiveCostReporting IS NULL) AS actual
FROM focus.charges
GROUP BY 1
