-- Charges in another currency than the reporting one, by currency and month, that have no rate into it: budgets,
-- forecasts and GPU money leave them out. A month that has not begun needs none: the cost ledger reaches into the future.
SELECT
  BillingCurrency || ' ' || STRFTIME(BillingPeriodStart, '%Y-%m') AS scope,
  0 AS expected,
  COUNT(*) FILTER (WHERE x_EffectiveCostReporting IS NULL) AS actual
FROM focus.charges
WHERE BillingCurrency <> x_ReportingCurrency
  AND BillingPeriodStart < COALESCE((SELECT as_of FROM ledger.as_of), CURRENT_DATE)
GROUP BY 1
