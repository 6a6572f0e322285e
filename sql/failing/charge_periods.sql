-- Charges that end before they start.
SELECT f.source, f.file, c.ChargePeriodStart, c.ChargePeriodEnd, c.ServiceName, c.ResourceId, c.BilledCost
FROM focus.parts AS c
JOIN ledger.files AS f
  ON f.file_id = c.file_id
WHERE c.ChargePeriodEnd < c.ChargePeriodStart
ORDER BY f.source, f.file, c.ChargePeriodStart
LIMIT 20
