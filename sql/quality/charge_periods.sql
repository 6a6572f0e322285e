-- No charge ends before it starts.
SELECT x_SourceSystem AS scope, 0 AS expected, COUNT(*) FILTER (WHERE ChargePeriodEnd < ChargePeriodStart) AS actual
FROM focus.charges
GROUP BY 1
