-- Charges of a billing period that their unit has none of by the source's own totals, or ten years away from it.
SELECT f.source, f.unit, f.file, c.BillingPeriodStart, c.ChargePeriodStart, c.ServiceName, c.ResourceId, c.BilledCost
FROM focus.parts AS c
JOIN ledger.files AS f
  ON f.file_id = c.file_id
LEFT JOIN (SELECT DISTINCT source, unit, billing_period FROM ledger.source_totals) AS t
  ON t.source = f.source AND t.unit = f.unit AND t.billing_period = STRFTIME(c.BillingPeriodStart, '%Y-%m')
WHERE t.unit IS NULL
  OR LEAST(c.ChargePeriodStart, c.ChargePeriodEnd) <= c.BillingPeriodStart - INTERVAL '10' YEAR
  OR GREATEST(c.ChargePeriodStart, c.ChargePeriodEnd) >= c.BillingPeriodStart + INTERVAL '10' YEAR
ORDER BY f.source, f.file, c.ChargePeriodStart
LIMIT 20
