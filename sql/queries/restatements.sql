-- What providers changed after the fact: billed cost by source, billing period, service, stage and team, latest period
-- first, and the total of those shown by period.
WITH restated AS (
  SELECT *
  FROM ledger.restatements
  WHERE ($period IS NULL OR billing_period = $period)
    AND ($provider IS NULL OR provider_name = $provider)
    AND ($stage IS NULL OR ml_stage = $stage)
    AND ($team IS NULL OR team = $team)
)
SELECT
  billing_period,
  CASE WHEN GROUPING(source) = 1 THEN 'total' ELSE 'part' END AS scope_kind,
  source,
  provider_name,
  service_name,
  ml_stage,
  team,
  COUNT(*) AS changes,
  SUM(CASE WHEN delta > 0 THEN delta ELSE delta * 0 END) AS increases,
  SUM(CASE WHEN delta < 0 THEN delta ELSE delta * 0 END) AS decreases,
  SUM(delta) AS delta,
  MIN(detected_at) AS first_detected,
  MAX(detected_at) AS last_detected,
  currency
FROM restated
GROUP BY GROUPING SETS (
  (billing_period, currency, source, provider_name, service_name, ml_stage, team), (billing_period, currency)
)
ORDER BY
  billing_period DESC, currency, scope_kind, ABS(SUM(delta)) DESC, source, provider_name, service_name, ml_stage, team
