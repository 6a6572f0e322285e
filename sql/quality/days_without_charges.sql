-- Days without any charge between a billing account's first and last day of usage on Google Cloud: an export that was
-- switched off leaves such a gap for good, and its days look like no spend.
WITH days AS (
  SELECT
    BillingAccountId AS account,
    CAST(ChargePeriodStart AS DATE) AS first_day,
    MAX(CAST(ChargePeriodEnd - INTERVAL '1' SECOND AS DATE)) AS last_day
  FROM focus.charges
  WHERE ProviderName = 'Google Cloud' AND ChargeCategory = 'Usage'
  GROUP BY 1, 2
),
covered AS (
  SELECT
    account,
    first_day,
    MAX(last_day) OVER (PARTITION BY account ORDER BY first_day ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING)
      AS known_until
  FROM days
)
SELECT
  account || ' ' || CAST(known_until + INTERVAL '1' DAY AS DATE) || ' to ' || CAST(first_day - INTERVAL '1' DAY AS DATE)
    AS scope,
  0 AS expected,
  DATE_DIFF('day', known_until, first_day) - 1 AS actual
FROM covered
WHERE DATE_DIFF('day', known_until, first_day) > 1
