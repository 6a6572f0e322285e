-- Budgets that are over, or are expected to be, latest month and largest overrun first.
SELECT
  billing_period,
  budget,
  state,
  amount,
  actual,
  forecast_total,
  overrun,
  crossing_date,
  top_driver,
  currency,
  as_of
FROM budget.overruns
WHERE $period IS NULL OR billing_period = $period
ORDER BY billing_period DESC, overrun DESC NULLS LAST, budget
