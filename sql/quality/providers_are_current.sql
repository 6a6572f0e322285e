-- How many days a provider's newest usage is behind the newest of all; its missing days look like no spend.
WITH last_days AS (
  SELECT COALESCE(ProviderName, 'no provider') AS provider, MAX(CAST(ChargePeriodStart AS DATE)) AS last_day
  FROM focus.charges
  WHERE ChargeCategory = 'Usage' AND ProviderName IS DISTINCT FROM 'internal'
  GROUP BY 1
)
SELECT
  provider AS scope,
  0 AS expected,
  GREATEST(DATE_DIFF('day', last_day, (SELECT MAX(last_day) FROM last_days)) - 3, 0) AS actual
FROM last_days
