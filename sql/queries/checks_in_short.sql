-- Each check in one line: how many comparisons it makes, how many fell short, and the one that is furthest apart.
SELECT
  check_name,
  blocking AS stops_publication,
  COUNT(*) FILTER (WHERE scope <> 'nothing to compare') AS comparisons,
  COUNT(*) FILTER (WHERE NOT passed) AS fell_short,
  ARG_MAX(scope, ABS(COALESCE(TRY_CAST(difference AS DECIMAL(38,18)), 0))) FILTER (WHERE NOT passed) AS furthest_apart,
  ARG_MAX(difference, ABS(COALESCE(TRY_CAST(difference AS DECIMAL(38,18)), 0))) FILTER (WHERE NOT passed) AS difference,
  MAX(checked_at) AS checked_at
FROM quality.checks
GROUP BY check_name, blocking
ORDER BY fell_short > 0 DESC, check_name
