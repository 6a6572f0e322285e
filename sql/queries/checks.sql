-- The last result of every check, or of one, by scope; those that fell short first.
SELECT check_name, scope, passed, expected, actual, difference, checked_at
FROM quality.checks
WHERE $check_name IS NULL OR check_name = $check_name
ORDER BY passed, check_name, scope
