-- Every row of the source is a charge or was left out for a reason, and every other charge was added by us: the source's
-- rows against charges - added + left out, by source, and in how many of its units they differ.
WITH compared AS (
  SELECT
    source AS scope,
    source,
    unit,
    COALESCE(found, 0) AS source_rows,
    COALESCE(charges, 0) AS charges,
    COALESCE(added, 0) AS added,
    COALESCE(left_out, 0) AS left_out,
    ABS(COALESCE(found, 0) - COALESCE(charges, 0) + COALESCE(added, 0) - COALESCE(left_out, 0)) AS apart,
    CASE
      WHEN COALESCE(found, 0) = COALESCE(charges, 0) - COALESCE(added, 0) + COALESCE(left_out, 0) THEN 0
      ELSE 1
    END AS differs
  FROM (SELECT source, unit, SUM(row_count) AS found FROM ledger.source_totals GROUP BY 1, 2)
  FULL JOIN (
    SELECT x_SourceSystem AS source, x_SourceUnit AS unit, COUNT(*) AS charges FROM focus.charges GROUP BY 1, 2
  ) USING (source, unit)
  LEFT JOIN (SELECT source, unit, SUM(row_count) AS added FROM ledger.added GROUP BY 1, 2) USING (source, unit)
  LEFT JOIN (SELECT source, unit, SUM(row_count) AS left_out FROM ledger.left_out WHERE NOT added GROUP BY 1, 2)
    USING (source, unit)
)
SELECT scope, SUM(source_rows) AS expected, SUM(charges) - SUM(added) + SUM(left_out) AS actual
FROM compared
GROUP BY scope
UNION ALL
SELECT scope || ', units that differ', 0, SUM(differs) FROM compared GROUP BY scope
