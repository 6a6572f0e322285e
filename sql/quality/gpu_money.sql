-- GPU hours by state cost what the bill says the GPUs' hours cost, in the reporting currency.
SELECT month AS scope, expected, actual
FROM (
  SELECT
    STRFTIME(hour, '%Y-%m') AS month,
    CAST(CAST(SUM(avoidable_units + committed_units) AS DECIMAL(38,0)) * 0.000000000000000001 AS DECIMAL(38,18))
      AS expected
  FROM gpu.billed_hours
  GROUP BY 1
)
FULL JOIN (SELECT STRFTIME(hour, '%Y-%m') AS month, SUM(cost) AS actual FROM gpu.hours GROUP BY 1) USING (month)
