-- What FOCUS lets no charge lack, and the kinds of charges that it knows: rows that break a rule, by source and rule.
-- One scan counts for all rules.
WITH counted AS (
  SELECT
    f.source,
    COUNT(CASE WHEN c.BilledCost IS NULL THEN 1 END) AS "BilledCost is missing",
    COUNT(CASE WHEN c.EffectiveCost IS NULL THEN 1 END) AS "EffectiveCost is missing",
    COUNT(CASE WHEN c.BillingAccountId IS NULL THEN 1 END) AS "BillingAccountId is missing",
    COUNT(CASE WHEN c.BillingCurrency IS NULL THEN 1 END) AS "BillingCurrency is missing",
    COUNT(CASE WHEN c.BillingPeriodStart IS NULL OR c.BillingPeriodEnd IS NULL THEN 1 END)
      AS "the billing period is missing",
    COUNT(CASE WHEN c.ChargePeriodStart IS NULL OR c.ChargePeriodEnd IS NULL THEN 1 END)
      AS "the charge period is missing",
    COUNT(CASE WHEN c.ServiceName IS NULL THEN 1 END) AS "ServiceName is missing",
    COUNT(CASE WHEN c.ServiceCategory IS NULL THEN 1 END) AS "ServiceCategory is missing",
    COUNT(
      CASE WHEN COALESCE(c.ChargeCategory, '') NOT IN ('Usage', 'Purchase', 'Tax', 'Credit', 'Adjustment') THEN 1 END
    ) AS "ChargeCategory is none of FOCUS's"
  FROM focus.parts AS c
  JOIN ledger.files AS f
    ON f.file_id = c.file_id
  GROUP BY f.source
)
SELECT source || ': ' || rule AS scope, 0 AS expected, found AS actual
FROM counted
UNPIVOT (found FOR rule IN (COLUMNS(* EXCLUDE (source))))
