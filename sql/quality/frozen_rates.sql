-- The rate of a closed month is what it was when the month closed: what the rates file says otherwise changes nothing.
SELECT r.currency || ' ' || r.billing_period AS scope, r.rate AS expected, COALESCE(r.file_rate, r.rate) AS actual
FROM ledger.rates AS r
WHERE r.frozen_at IS NOT NULL
  AND r.reporting_currency IN (SELECT reporting_currency FROM ledger.files)
