-- GPU hours by state cost what the bill says the GPUs' hours cost, in the reporting currency.
SELECT month AS scope, expected, actual
FROM (
  SELECT
    STRFTIME(hour, '%Y-%m') AS month,
    SUM(avoidable_units + committed_units) AS expected
  FROM gpu.billed_hours
  GROUP BY 1
)
FULL JOIN (
  SELECT STRFTIME(hour, '%Y-%m') AS month, CAST(REPLACE(CAST(SUM(cost) AS VARCHAR), '.', '') AS HUGEINT) AS actual
  FROM gpu.hours
  GROUP BY 1
) USING (month)
