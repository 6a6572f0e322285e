-- The first and the last month that the warehouse has data for.
WITH open AS (
  SELECT MAX_BY(as_of, published_at) AS as_of
  FROM ledger.publications
)
SELECT
  STRFTIME(MIN(ChargePeriodStart), '%Y-%m') AS first_period,
  STRFTIME(MAX(ChargePeriodStart), '%Y-%m') AS last_period
FROM focus.charges
CROSS JOIN open
WHERE as_of IS NULL OR CAST(ChargePeriodStart AS DATE) < as_of
