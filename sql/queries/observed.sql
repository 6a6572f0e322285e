-- How much of the GPU hours on the bill telemetry has seen, since a moment.
SELECT
  SUM(gpu_hours) AS gpu_hours,
  SUM(CASE WHEN state = 'unobserved' THEN gpu_hours ELSE 0 END) AS unobserved_hours
FROM gpu.hours
WHERE $since IS NULL OR hour >= $since
