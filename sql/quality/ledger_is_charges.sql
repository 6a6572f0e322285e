-- What the ledger of changes adds up to is what is known now.
SELECT source || ' ' || period || ' ' || currency AS scope, expected, actual
FROM (
  SELECT
    x_SourceSystem AS source,
    STRFTIME(BillingPeriodStart, '%Y-%m') AS period,
    BillingCurrency AS currency,
    SUM(BilledCost) AS expected
  FROM focus.charges
  GROUP BY 1, 2, 3
)
LEFT JOIN (
  SELECT source, billing_period AS period, currency, SUM(billed_delta) AS actual
  FROM ledger.changes
  GROUP BY 1, 2, 3
) USING (source, period, currency)
WHERE expected <> 0 OR actual <> 0
