-- Units of a source that come to the same, in charges, money and the time from the first to the last: a file that lies
-- there twice counts twice. Days of even use cost the same and are of another time. A single charge says nothing: a
-- licence may be there twice.
WITH units AS (
  SELECT
    f.source,
    f.unit,
    c.BillingCurrency AS currency,
    COUNT(*) AS charges,
    SUM(c.BilledCost) AS billed,
    MIN(c.ChargePeriodStart) AS first_start,
    MAX(c.ChargePeriodEnd) AS last_end
  FROM focus.parts AS c
  JOIN ledger.files AS f
    ON f.file_id = c.file_id
  GROUP BY f.source, f.unit, c.BillingCurrency
  HAVING COUNT(*) > 1 AND SUM(ABS(c.BilledCost)) > 0
),
matched AS (
  SELECT
    *,
    COUNT(*) OVER (PARTITION BY source, currency, charges, billed, first_start, last_end) AS alike
  FROM units
),
compared AS (
  SELECT
    source AS scope,
    source,
    unit,
    currency,
    charges,
    billed,
    first_start,
    last_end,
    alike AS apart,
    CASE WHEN alike > 1 THEN 1 ELSE 0 END AS differs
  FROM matched
)
SELECT scope, 0 AS expected, SUM(differs) AS actual FROM compared GROUP BY scope
