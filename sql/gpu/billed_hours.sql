-- GPU instance-hours on the bill, cost and GPU-hours in whole units of 1e-18, avoidable apart from committed cost.
-- A charge belongs to an instance by the last part of its ResourceId; one that is longer than an hour is
-- spread over its seconds. The differences of a running floor add up to the whole, to the last unit.
-- GPU-hours without a resource count as an instance of their own for each account, model and owner.
WITH charge AS (
    SELECT
        ProviderName AS provider_name,
        nullif(regexp_extract(ResourceId, '[^/]+$'), '') AS resource,
        -- a reservation that nobody used, a node's GPUs that no pod asked for: the bill says so itself
        CapacityReservationStatus IS NOT DISTINCT FROM 'Unused'
            OR coalesce(Tags['compute.googleapis.com/is_unused_reservation'], '') = 'true'
            OR coalesce(Tags['k8s-namespace'], '') = 'kube:unallocated' AS is_unallocated,
        CASE
            WHEN resource IS NOT NULL THEN resource
            WHEN x_GpuHours IS NOT NULL THEN
                concat_ws(
                    '/', 'no-resource', ProviderName, SubAccountId, x_GpuModel, x_Team, x_MlProject, x_MlStage,
                    CASE WHEN is_unallocated THEN 'unallocated' END
                )
        END AS instance_id,
        resource IS NOT NULL AS has_resource,
        x_GpuModel AS gpu_model,
        try_cast(to_json(SkuPriceDetails) ->> '$.GpuCount' AS DECIMAL(9, 4)) AS gpu_count,
        x_ReportingCurrency AS currency,
        x_Team AS team,
        x_MlProject AS ml_project,
        x_MlStage AS ml_stage,
        -- a charge without a category of its own (a credit, an adjustment) goes with what is on demand
        CommitmentDiscountId IS NULL
            AND coalesce(PricingCategory, 'Standard') IN ('Standard', 'Dynamic') AS is_avoidable,
        CAST(replace(CAST(x_EffectiveCostReporting AS VARCHAR), '.', '') AS HUGEINT) AS cost,
        CAST(replace(CAST(x_GpuHours AS VARCHAR), '.', '') AS HUGEINT) AS gpu_hours,
        epoch_us(ChargePeriodStart) // 1000000 AS starts,
        greatest(epoch_us(ChargePeriodEnd) // 1000000, epoch_us(ChargePeriodStart) // 1000000 + 1) AS ends
    FROM focus.charges
    WHERE CommitmentDiscountStatus IS DISTINCT FROM 'Unused'
),

instance_charge AS (
    SELECT *
    FROM charge
    WHERE instance_id IN (SELECT instance_id FROM charge WHERE gpu_hours IS NOT NULL)
),

slot AS (
    SELECT *, unnest(range(starts // 3600, (ends - 1) // 3600 + 1)) AS hour_number
    FROM instance_charge
),

spread AS (
    SELECT
        * EXCLUDE (cost, gpu_hours),
        cost IS NULL AS cost_unknown,
        cost * until // length - cost * since // length AS cost,
        gpu_hours * until // length - gpu_hours * since // length AS gpu_hours
    FROM (
        SELECT
            *,
            ends - starts AS length,
            greatest(hour_number * 3600, starts) - starts AS since,
            least((hour_number + 1) * 3600, ends) - starts AS until
        FROM slot
    )
),

-- of a node whose GPUs pods had in part, the rest is an instance of its own: no telemetry tells which GPU it was
parted AS (
    SELECT
        * EXCLUDE (instance_id),
        CASE
            WHEN is_unallocated
                AND bool_or(gpu_hours IS NOT NULL AND NOT is_unallocated) OVER (PARTITION BY instance_id, hour_number)
                THEN instance_id || '/unallocated'
            ELSE instance_id
        END AS instance_id
    FROM spread
),

instance_hour AS (
    SELECT
        instance_id,
        hour_number,
        bool_and(has_resource) AS has_resource,
        max(provider_name) AS provider_name,
        max(gpu_model) AS gpu_model,
        max(currency) AS currency,
        -- the owner is the one on the charge with the most GPU-hours, then the most money
        max({'gpu': coalesce(gpu_hours, 0), 'cost': coalesce(cost, 0),
             'team': coalesce(team, ''), 'project': coalesce(ml_project, ''), 'stage': coalesce(ml_stage, '')}) AS owner,
        max(gpu_count) AS gpu_count,
        sum(gpu_hours) AS gpu_hours,
        bool_and(is_unallocated) FILTER (WHERE gpu_hours IS NOT NULL) AS is_unallocated,
        CASE WHEN NOT bool_or(cost_unknown) THEN coalesce(sum(cost) FILTER (WHERE is_avoidable), 0) END AS avoidable,
        CASE WHEN NOT bool_or(cost_unknown) THEN coalesce(sum(cost) FILTER (WHERE NOT is_avoidable), 0) END AS committed
    FROM parted
    GROUP BY instance_id, hour_number
    HAVING count(gpu_hours) > 0
)

SELECT
    instance_id,
    to_timestamp(hour_number * 3600) AS hour,
    provider_name,
    gpu_model,
    currency,
    nullif(owner.team, '') AS team,
    nullif(owner.project, '') AS ml_project,
    nullif(owner.stage, '') AS ml_stage,
    -- the bill's count, or more where one resource is several machines: the fullest hour tells, give or take
    -- a meter's rounding
    CASE
        WHEN NOT has_resource THEN 1
        WHEN gpu_count < 1 THEN gpu_count
        ELSE greatest(coalesce(gpu_count, 1), ceil(max(gpu_hours) OVER (PARTITION BY instance_id) / 1e18 - 0.05))
    END :: DECIMAL(18, 4) AS gpu_count,
    is_unallocated,
    gpu_hours AS gpu_hour_units,
    avoidable AS avoidable_units,
    committed AS committed_units
FROM instance_hour
