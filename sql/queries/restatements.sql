-- What providers changed after the fact: billed cost by source, billing period and stage, latest period first.
SELECT
  source,
  billing_period,
  provider_name,
  ml_stage,
  COUNT(*) AS changes,
  SUM(CASE WHEN delta > 0 THEN delta ELSE delta * 0 END) AS increases,
  SUM(CASE WHEN delta < 0 THEN delta ELSE delta * 0 END) AS decreases,
  SUM(delta) AS delta,
  MIN(detected_at) AS first_detected,
  MAX(detected_at) AS last_detected,
  currency
FROM ledger.restatements
WHERE ($period IS NULL OR billing_period = $period)
  AND ($provider IS NULL OR provider_name = $provider)
  AND ($stage IS NULL OR ml_stage = $stage)
GROUP BY source, billing_period, provider_name, ml_stage, currency
ORDER BY billing_period DESC, ABS(SUM(delta)) DESC, source, provider_name, ml_stage, currency
