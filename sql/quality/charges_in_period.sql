-- Charges of a billing period that their unit has none of, by the source's own totals; and charges ten years and more
-- away from their billing period.
WITH charged AS (
  SELECT
    f.source,
    f.unit,
    STRFTIME(c.BillingPeriodStart, '%Y-%m') AS billing_period,
    SUM(c.charges) AS charges,
    SUM(c.far_away) AS far_away
  FROM (
    SELECT
      file_id,
      BillingPeriodStart,
      COUNT(*) AS charges,
      COUNT(
        CASE
          WHEN LEAST(ChargePeriodStart, ChargePeriodEnd) <= BillingPeriodStart - INTERVAL '10' YEAR
            OR GREATEST(ChargePeriodStart, ChargePeriodEnd) >= BillingPeriodStart + INTERVAL '10' YEAR
            THEN 1
        END
      ) AS far_away
    FROM focus.parts
    GROUP BY 1, 2
  ) AS c
  JOIN ledger.files AS f
    ON f.file_id = c.file_id
  GROUP BY 1, 2, 3
)
SELECT
  c.source AS scope,
  0 AS expected,
  SUM(CASE WHEN t.unit IS NULL THEN c.charges ELSE c.far_away END) AS actual
FROM charged AS c
LEFT JOIN (SELECT DISTINCT source, unit, billing_period FROM ledger.source_totals) AS t
  ON t.source = c.source AND t.unit = c.unit AND t.billing_period = c.billing_period
GROUP BY 1
