-- Units of a source that come to the same, month by month, in rows and money: a file that lies there twice counts twice.
-- A unit of one row says nothing: two months of a licence cost the same.
WITH months AS (
  SELECT
    source,
    unit,
    billing_period || ' ' || currency || ' ' || CAST(SUM(row_count) AS VARCHAR) || ' ' || CAST(SUM(billed_total) AS VARCHAR)
      AS month,
    SUM(row_count) AS row_count,
    SUM(billed_total) AS billed_total
  FROM ledger.source_totals
  GROUP BY source, unit, billing_period, currency
),
units AS (
  SELECT source, unit, STRING_AGG(month, '; ' ORDER BY month) AS content
  FROM months
  GROUP BY source, unit
  HAVING SUM(row_count) > 1 AND SUM(ABS(billed_total)) > 0
),
compared AS (
  SELECT
    source AS scope,
    source,
    unit,
    content,
    COUNT(*) OVER (PARTITION BY source, content) - 1 AS apart,
    CASE WHEN COUNT(*) OVER (PARTITION BY source, content) > 1 THEN 1 ELSE 0 END AS differs
  FROM units
)
SELECT scope, 0 AS expected, SUM(differs) AS actual FROM compared GROUP BY scope
