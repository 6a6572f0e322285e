-- GPU × hour × state: every billed GPU-hour and its cost, by what the GPU did.
-- avoidable_cost is what stopping an idle GPU would have saved; sunk_cost is idle and committed. A cost is
-- null where a charge's currency has no rate.
SELECT
    hour,
    gpu_id,
    instance_id,
    provider_name,
    gpu_model,
    state,
    CAST(sum(gpu_hours) AS DECIMAL(38, 18)) AS gpu_hours,
    CAST(sum(avoidable_part + committed_part) AS DECIMAL(38, 18)) AS cost,
    CAST(sum(CASE WHEN is_idle THEN avoidable_part ELSE avoidable_part * 0 END) AS DECIMAL(38, 18)) AS avoidable_cost,
    CAST(sum(CASE WHEN is_idle THEN committed_part ELSE committed_part * 0 END) AS DECIMAL(38, 18)) AS sunk_cost,
    currency,
    team,
    ml_project,
    ml_stage
FROM gpu.priced
GROUP BY ALL
