-- GPUs that were paid for and idle: hours and cost by team and instance, dearest first.
-- avoidable_cost is what stopping them would have saved, sunk_cost is committed. A sum with an hour of unknown
-- cost is null. last_seen is the end of the last idle hour.
SELECT
  team,
  instance_id,
  provider_name,
  gpu_model,
  ml_stage,
  SUM(gpu_hours) AS gpu_hours,
  CASE WHEN COUNT(cost) = COUNT(*) THEN SUM(cost) END AS cost,
  CASE WHEN COUNT(avoidable_cost) = COUNT(*) THEN SUM(avoidable_cost) END AS avoidable_cost,
  CASE WHEN COUNT(cost - avoidable_cost) = COUNT(*) THEN SUM(cost - avoidable_cost) END AS sunk_cost,
  MAX(hour) + INTERVAL 1 HOUR AS last_seen,
  currency
FROM gpu.hours
WHERE state IN ('idle', 'idle_memory_held', 'never_used', 'unallocated')
  AND ($period IS NULL OR STRFTIME(hour, '%Y-%m') = $period)
  AND ($team IS NULL OR team = $team)
  AND ($provider IS NULL OR provider_name = $provider)
  AND ($stage IS NULL OR ml_stage = $stage)
  AND ($since IS NULL OR hour >= CAST($since AS TIMESTAMPTZ))
GROUP BY ALL
ORDER BY cost DESC NULLS LAST, team, instance_id, ml_stage
