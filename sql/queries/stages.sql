-- What each lifecycle stage cost, by billing period: billed and effective cost, share of the period, GPU hours.
-- Days that are still to come do not count: the cost ledger plans ahead. Share is of what the team and
-- provider filters leave of the period, whatever stage is asked for.
WITH open AS (
  SELECT MAX_BY(as_of, published_at) AS as_of
  FROM ledger.publications
),
stage AS (
  SELECT
    STRFTIME(BillingPeriodStart, '%Y-%m') AS billing_period,
    x_MlStage AS ml_stage,
    BillingCurrency AS currency,
    SUM(BilledCost) AS billed_cost,
    SUM(EffectiveCost) AS effective_cost,
    SUM(x_GpuHours) AS gpu_hours
  FROM focus.charges
  CROSS JOIN open
  WHERE (as_of IS NULL OR CAST(ChargePeriodStart AS DATE) < as_of)
    AND ($period IS NULL OR STRFTIME(BillingPeriodStart, '%Y-%m') = $period)
    AND ($team IS NULL OR x_Team = $team)
    AND ($provider IS NULL OR ProviderName = $provider)
  GROUP BY ALL
),
shared AS (
  SELECT
    billing_period,
    ml_stage,
    billed_cost,
    effective_cost,
    CAST(effective_cost AS DOUBLE)
      / NULLIF(CAST(SUM(effective_cost) OVER (PARTITION BY billing_period, currency) AS DOUBLE), 0) AS share,
    gpu_hours,
    currency
  FROM stage
)
SELECT *
FROM shared
WHERE $stage IS NULL OR ml_stage = $stage
ORDER BY billing_period DESC, currency, effective_cost DESC, ml_stage
