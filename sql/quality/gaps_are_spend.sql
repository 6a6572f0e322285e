-- The gap table's series add up to what was spent, month by month, in the reporting currency.
SELECT month AS scope, expected, actual
FROM (
  SELECT STRFTIME(charge_date, '%Y-%m') AS month, SUM(effective_cost_reporting) AS expected
  FROM spend.daily
  WHERE charge_date < (SELECT MAX(as_of) FROM gap.monthly)
  GROUP BY 1
)
FULL JOIN (
  SELECT billing_period AS month, SUM(actual) AS actual
  FROM gap.monthly
  WHERE scope_kind = 'series'
  GROUP BY 1
) USING (month)
WHERE expected <> 0 OR actual <> 0
