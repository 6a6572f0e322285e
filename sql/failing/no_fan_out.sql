-- Keys that are there twice, or not at all, in what charges are joined with.
SELECT 'ledger.files' AS table_name, CAST(file_id AS VARCHAR) AS key, COUNT(*) AS found
FROM ledger.files
GROUP BY 1, 2
HAVING COUNT(*) > 1
UNION ALL
SELECT 'part.tag_sets', CAST(tag_set_id AS VARCHAR), COUNT(*) FROM part.tag_sets GROUP BY 1, 2 HAVING COUNT(*) > 1
UNION ALL
SELECT 'focus.accounts', account_id, COUNT(*) FROM focus.accounts GROUP BY 1, 2 HAVING COUNT(*) > 1
UNION ALL
SELECT 'gpu.catalogue', instance_type, COUNT(*) FROM gpu.catalogue GROUP BY 1, 2 HAVING COUNT(*) > 1
UNION ALL
SELECT 'focus.parts', CAST(c.file_id AS VARCHAR), COUNT(*)
FROM focus.parts AS c
LEFT JOIN ledger.files AS f
  ON f.file_id = c.file_id
WHERE f.file_id IS NULL
GROUP BY 1, 2
LIMIT 20
