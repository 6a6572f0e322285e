-- The first day without complete data: the day after the last usage of the provider that is furthest behind.
-- One that has been silent for a week has left, or has failed, and holds nobody up; the cost ledger does not
-- count, since it is a plan that reaches into the future.
WITH last_days AS (
  SELECT COALESCE(ProviderName, '') AS provider, MAX(CAST(ChargePeriodStart AS DATE)) AS last_day
  FROM focus.charges
  WHERE ChargeCategory = 'Usage' AND ProviderName IS DISTINCT FROM 'internal'
  GROUP BY 1
)
SELECT CAST(MIN(last_day) + INTERVAL 1 DAY AS DATE) AS as_of
FROM last_days
WHERE last_day > (SELECT MAX(last_day) FROM last_days) - INTERVAL 7 DAY
