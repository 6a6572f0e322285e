-- Rows that failed a check when the checks last ran: at most twenty of each check, as JSON.
SELECT check_name, failing
FROM quality.failing
WHERE $check_name IS NULL OR check_name = $check_name
ORDER BY check_name, failing
