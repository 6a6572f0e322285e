-- Files whose charges are not as many as their loads counted: the files of each such load, with their charges.
SELECT f.source, f.unit, f.file, f.load, COUNT(c.file_id) AS charges
FROM ledger.files AS f
LEFT JOIN focus.parts AS c
  ON c.file_id = f.file_id
WHERE (f.source, f.unit) IN (
  SELECT (source, unit)
  FROM ledger.loads AS l
  FULL JOIN (SELECT x_LoadId AS load_id, COUNT(*) AS charges FROM focus.charges GROUP BY 1) AS n
    ON n.load_id = l.load_id
  WHERE l.status = 'current' AND l.row_count IS DISTINCT FROM n.charges
)
GROUP BY 1, 2, 3, 4
ORDER BY 1, 2, 3, 4
LIMIT 20
