-- Each GPU's share of its instance-hour, by state: every instance-hour's cost and GPU-hours, split without a remainder.
-- First evenly over the GPUs, then over each GPU's states by time. What is billed and not observed is
-- 'unobserved', or 'unallocated' where the bill itself says that nobody used it; where more was observed than
-- billed, the states share what is billed.
WITH seen AS (
    SELECT s.instance_id, s.hour, s.gpu_id, sum(s.seconds) * 1000 AS observed_ms
    FROM gpu.segments AS s
    JOIN gpu.billed_hours AS b USING (instance_id, hour)
    GROUP BY ALL
),

slot AS (
    SELECT
        b.instance_id,
        b.hour,
        unnest(range(1, greatest(CAST(ceil(b.gpu_count) AS BIGINT), coalesce(c.gpus, 0), 1) + 1)) AS k,
        greatest(CAST(ceil(b.gpu_count) AS BIGINT), coalesce(c.gpus, 0), 1) AS n
    FROM gpu.billed_hours AS b
    LEFT JOIN (SELECT instance_id, hour, count(*) AS gpus FROM seen GROUP BY ALL) AS c USING (instance_id, hour)
),

device AS (
    SELECT
        slot.instance_id,
        slot.hour,
        coalesce(seen.gpu_id, slot.instance_id || '#' || slot.k) AS gpu_id,
        coalesce(seen.observed_ms, 0) AS observed_ms,
        b.gpu_hour_units * k // n - b.gpu_hour_units * (k - 1) // n AS gpu_hours,
        b.avoidable_units * k // n - b.avoidable_units * (k - 1) // n AS avoidable,
        b.committed_units * k // n - b.committed_units * (k - 1) // n AS committed,
        -- how long it was billed: a part of a GPU for an hour is an hour
        CAST(gpu_hours * 3600000 // CAST(least(b.gpu_count, 1) * 10000 AS BIGINT) // 100000000000000 AS BIGINT)
            AS billed_ms
    FROM slot
    JOIN gpu.billed_hours AS b USING (instance_id, hour)
    LEFT JOIN (
        SELECT *, row_number() OVER (PARTITION BY instance_id, hour ORDER BY gpu_id) AS k FROM seen
    ) AS seen USING (instance_id, hour, k)
),

part AS (
    SELECT s.instance_id, s.hour, s.gpu_id, s.state, s.episode_id, s.signal, s.seconds * 1000 AS ms
    FROM gpu.segments AS s
    JOIN gpu.billed_hours AS b USING (instance_id, hour)
    WHERE s.seconds > 0
    UNION ALL
    SELECT
        d.instance_id, d.hour, d.gpu_id, CASE WHEN b.is_unallocated THEN 'unallocated' ELSE 'unobserved' END, NULL, NULL,
        CASE WHEN observed_ms > 0 THEN billed_ms - observed_ms ELSE greatest(billed_ms, 1) END AS ms
    FROM device AS d
    JOIN gpu.billed_hours AS b USING (instance_id, hour)
    WHERE billed_ms > observed_ms OR observed_ms = 0
),

share AS (
    SELECT
        part.*,
        sum(ms) OVER (PARTITION BY instance_id, hour, gpu_id) AS total,
        sum(ms) OVER (
            PARTITION BY instance_id, hour, gpu_id
            ORDER BY state, episode_id NULLS FIRST
            ROWS BETWEEN UNBOUNDED PRECEDING AND CURRENT ROW
        ) AS upto
    FROM part
),

split AS (
    SELECT
        share.*,
        gpu_hours * upto // total - gpu_hours * (upto - ms) // total AS gpu_hour_units,
        avoidable * upto // total - avoidable * (upto - ms) // total AS avoidable_units,
        committed * upto // total - committed * (upto - ms) // total AS committed_units
    FROM share
    JOIN device USING (instance_id, hour, gpu_id)
)

SELECT
    split.hour,
    split.gpu_id,
    split.instance_id,
    b.provider_name,
    b.gpu_model,
    b.currency,
    b.team,
    b.ml_project,
    b.ml_stage,
    split.state,
    split.episode_id,
    split.signal,
    split.state IN ('idle', 'idle_memory_held', 'never_used', 'unallocated') AS is_idle,
    CAST(CAST(split.gpu_hour_units AS DECIMAL(38, 0)) * 0.000000000000000001 AS DECIMAL(38, 18)) AS gpu_hours,
    CAST(CAST(split.avoidable_units AS DECIMAL(38, 0)) * 0.000000000000000001 AS DECIMAL(38, 18)) AS avoidable_part,
    CAST(CAST(split.committed_units AS DECIMAL(38, 0)) * 0.000000000000000001 AS DECIMAL(38, 18)) AS committed_part
FROM split
JOIN gpu.billed_hours AS b USING (instance_id, hour)
