-- The last result of every check, those that fell short first.
SELECT check_name, scope, passed, expected, actual, difference, checked_at
FROM quality.checks
ORDER BY passed, check_name, scope
