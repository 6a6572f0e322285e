-- Every charge belongs to exactly one current load, which counts it.
SELECT load_id AS scope, row_count AS expected, actual
FROM (SELECT load_id, row_count FROM ledger.loads WHERE status = 'current')
FULL JOIN (SELECT x_LoadId AS load_id, COUNT(*) AS actual FROM focus.charges GROUP BY 1) USING (load_id)
