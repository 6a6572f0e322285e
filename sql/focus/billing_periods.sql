-- FOCUS 1.4's Billing Period: every issuer's months, and whether they are open, as far as the bills tell.
-- No bill says when a period was created, or last updated; what is not known stays null.
WITH accounts AS (
  SELECT
    InvoiceIssuerName,
    BillingPeriodStart,
    BillingPeriodEnd,
    -- AWS leaves the number of the invoice out until a month is final
    BOOL_AND(ProviderName = 'AWS' AND InvoiceId IS NOT NULL) AS is_final,
    BOOL_AND(ProviderName = 'AWS' AND InvoiceId IS NULL) AS is_estimated
  FROM focus.charges
  GROUP BY InvoiceIssuerName, BillingPeriodStart, BillingPeriodEnd, BillingAccountId
),
-- one account's month may be final before another's: the issuer's is when all are
periods AS (
  SELECT
    InvoiceIssuerName,
    BillingPeriodStart,
    BillingPeriodEnd,
    BOOL_AND(is_final) AS is_final,
    BOOL_OR(is_estimated) AS is_estimated
  FROM accounts
  GROUP BY InvoiceIssuerName, BillingPeriodStart, BillingPeriodEnd
),
publication AS (
  SELECT MAX(published_at) AS published_at
  FROM ledger.publications
)
SELECT
  CAST(NULL AS TIMESTAMPTZ) AS BillingPeriodCreated,
  p.BillingPeriodEnd,
  CAST(NULL AS TIMESTAMPTZ) AS BillingPeriodLastUpdated,
  p.BillingPeriodStart,
  CASE
    WHEN p.is_final THEN 'Closed'
    WHEN p.is_estimated OR p.BillingPeriodEnd > n.published_at THEN 'Open'
  END AS BillingPeriodStatus,
  p.InvoiceIssuerName
FROM periods AS p
CROSS JOIN publication AS n
