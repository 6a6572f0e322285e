-- Every row of the source is a charge or was left out for a reason, and every other charge was added by us: by unit,
-- the source's rows against charges - added + left out.
SELECT
  source || ' ' || unit AS scope,
  COALESCE(found, 0) AS expected,
  COALESCE(charges, 0) - COALESCE(added, 0) + COALESCE(left_out, 0) AS actual
FROM (SELECT source, unit, SUM(row_count) AS found FROM ledger.source_totals GROUP BY 1, 2)
FULL JOIN (
  SELECT x_SourceSystem AS source, x_SourceUnit AS unit, COUNT(*) AS charges FROM focus.charges GROUP BY 1, 2
) USING (source, unit)
LEFT JOIN (SELECT source, unit, SUM(row_count) AS added FROM ledger.added GROUP BY 1, 2) USING (source, unit)
LEFT JOIN (SELECT source, unit, SUM(row_count) AS left_out FROM ledger.left_out WHERE NOT added GROUP BY 1, 2)
  USING (source, unit)
