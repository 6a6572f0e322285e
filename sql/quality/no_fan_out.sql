-- What charges are joined with has each key once, so that no join makes two charges of one; and no charge lacks its file.
SELECT table_name AS scope, found AS expected, keys AS actual
FROM (
  SELECT 'ledger.files' AS table_name, COUNT(*) AS found, COUNT(DISTINCT file_id) AS keys FROM ledger.files
  UNION ALL SELECT 'part.tag_sets', COUNT(*), COUNT(DISTINCT tag_set_id) FROM part.tag_sets
  UNION ALL SELECT 'focus.accounts', COUNT(*), COUNT(DISTINCT account_id) FROM focus.accounts
  UNION ALL SELECT 'gpu.catalogue', COUNT(*), COUNT(DISTINCT instance_type) FROM gpu.catalogue
  UNION ALL SELECT 'lifecycle.rules', COUNT(*), COUNT(DISTINCT rule_id) FROM lifecycle.rules
  UNION ALL SELECT 'lifecycle.stages', COUNT(*), COUNT(DISTINCT stage) FROM lifecycle.stages
  UNION ALL SELECT 'ledger.loads', COUNT(*), COUNT(DISTINCT load_id) FROM ledger.loads
  UNION ALL
  SELECT 'focus.parts', COUNT(*), COUNT(f.file_id)
  FROM (SELECT file_id, COUNT(*) AS charges FROM focus.parts GROUP BY 1) AS c
  LEFT JOIN ledger.files AS f
    ON f.file_id = c.file_id
)
