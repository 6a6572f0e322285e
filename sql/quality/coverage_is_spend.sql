-- What the coverage of stages says was spent, and was attributed to a stage, is what was spent: by provider and currency.
WITH spent AS (
  SELECT
    COALESCE(provider_name, 'no provider') || ' ' || currency AS scope,
    SUM(effective_cost) AS effective,
    SUM(CASE WHEN ml_stage = 'unattributed' THEN 0 ELSE effective_cost END) AS attributed
  FROM spend.daily
  GROUP BY 1
),
covered AS (
  SELECT
    COALESCE(provider_name, 'no provider') || ' ' || currency AS scope,
    SUM(effective_cost) AS effective,
    SUM(attributed_cost) AS attributed
  FROM spend.stage_coverage
  GROUP BY 1
)
SELECT scope, s.effective AS expected, c.effective AS actual FROM spent AS s FULL JOIN covered AS c USING (scope)
UNION ALL
SELECT scope || ', attributed', s.attributed, c.attributed FROM spent AS s FULL JOIN covered AS c USING (scope)
