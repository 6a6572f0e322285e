-- An idle episode: when, on which GPU, by which signal, and what it cost; cost = avoidable_cost + sunk_cost.
-- Figures are of the billed hours; an episode without any has null, as has one with an hour of unknown cost.
-- unbilled_seconds is how much of it no bill covers yet.
WITH episode AS (
    SELECT
        episode_id,
        gpu_id,
        instance_id,
        state,
        signal,
        min(started_at) AS started_at,
        max(ended_at) AS ended_at
    FROM gpu.segments
    WHERE episode_id IS NOT NULL
    GROUP BY ALL
),

priced AS (
    SELECT
        episode_id,
        sum(gpu_hours) AS gpu_hours,
        CASE WHEN count(avoidable_part) = count(*) THEN sum(avoidable_part) END AS avoidable_cost,
        CASE WHEN count(committed_part) = count(*) THEN sum(committed_part) END AS sunk_cost,
        max(provider_name) AS provider_name,
        max(gpu_model) AS gpu_model,
        max(currency) AS currency,
        -- the owner at its end
        max({'hour': hour, 'team': coalesce(team, ''), 'project': coalesce(ml_project, ''),
             'stage': coalesce(ml_stage, '')}) AS owner
    FROM gpu.priced
    WHERE episode_id IS NOT NULL
    GROUP BY episode_id
),

unbilled AS (
    SELECT episode_id, sum(seconds) AS seconds
    FROM gpu.unbilled
    WHERE episode_id IS NOT NULL
    GROUP BY episode_id
)

SELECT
    episode.episode_id,
    episode.gpu_id,
    episode.instance_id,
    priced.provider_name,
    priced.gpu_model,
    episode.started_at,
    episode.ended_at,
    CAST(priced.gpu_hours AS DECIMAL(38, 18)) AS gpu_hours,
    episode.state,
    episode.signal,
    CAST(priced.avoidable_cost + priced.sunk_cost AS DECIMAL(38, 18)) AS cost,
    CAST(priced.avoidable_cost AS DECIMAL(38, 18)) AS avoidable_cost,
    CAST(priced.sunk_cost AS DECIMAL(38, 18)) AS sunk_cost,
    CAST(coalesce(unbilled.seconds, 0) AS BIGINT) AS unbilled_seconds,
    priced.currency,
    nullif(priced.owner.team, '') AS team,
    nullif(priced.owner.project, '') AS ml_project,
    nullif(priced.owner.stage, '') AS ml_stage
FROM episode
LEFT JOIN priced USING (episode_id)
LEFT JOIN unbilled USING (episode_id)
