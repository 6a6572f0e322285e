-- Forecast against actual by month: each series, the largest gap first, and the total of those shown.
-- gap = actual − forecast. A total with an unknown part is null.
WITH series AS (
  SELECT
    billing_period, scope_kind, provider_name, team, ml_project, ml_stage, budget, forecast, actual,
    gap_to_budget, gap_to_forecast, state, currency
  FROM gap.monthly
  WHERE scope_kind = 'series'
    AND ($period IS NULL OR billing_period = $period)
    AND ($team IS NULL OR team = $team)
    AND ($provider IS NULL OR provider_name = $provider)
    AND ($stage IS NULL OR ml_stage = $stage)
),
total AS (
  SELECT
    billing_period,
    'total' AS scope_kind,
    NULL AS provider_name,
    NULL AS team,
    NULL AS ml_project,
    NULL AS ml_stage,
    NULL AS budget,
    CASE WHEN COUNT(forecast) = COUNT(*) THEN SUM(forecast) END AS forecast,
    CASE WHEN COUNT(actual) = COUNT(*) THEN SUM(actual) END AS actual,
    NULL AS gap_to_budget,
    CASE WHEN COUNT(gap_to_forecast) = COUNT(*) THEN SUM(gap_to_forecast) END AS gap_to_forecast,
    NULL AS state,
    currency
  FROM series
  GROUP BY billing_period, currency
)
SELECT *
FROM (FROM series UNION ALL FROM total)
ORDER BY
  billing_period DESC, currency, scope_kind, ABS(gap_to_forecast) DESC NULLS LAST, provider_name, team, ml_project,
  ml_stage
