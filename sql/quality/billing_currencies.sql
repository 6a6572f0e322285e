-- In how many currencies a billing account is charged besides the one that its cloud says it is billed in.
SELECT
  a.account_id AS scope,
  0 AS expected,
  COUNT(CASE WHEN d.currency <> a.currency THEN 1 END) AS actual
FROM focus.accounts AS a
JOIN (SELECT DISTINCT billing_account_id, currency FROM spend.daily) AS d
  ON d.billing_account_id = a.account_id
WHERE a.currency IS NOT NULL
GROUP BY a.account_id
