-- Hours whose GPUs' states do not cost what the bill says, with both.
SELECT hour, instance_id, billed, by_state
FROM (
  SELECT
    hour,
    instance_id,
    CAST(CAST(SUM(avoidable_units + committed_units) AS DECIMAL(38,0)) * 0.000000000000000001 AS DECIMAL(38,18))
      AS billed
  FROM gpu.billed_hours
  GROUP BY 1, 2
)
FULL JOIN (SELECT hour, instance_id, SUM(cost) AS by_state FROM gpu.hours GROUP BY 1, 2) USING (hour, instance_id)
WHERE COALESCE(billed, 0) <> COALESCE(by_state, 0)
ORDER BY hour, instance_id
LIMIT 20
