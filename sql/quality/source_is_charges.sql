-- What the sources' own rows add up to is what focus.charges holds.
SELECT
  source || ' ' || period || ' ' || currency AS scope,
  expected,
  actual
FROM (
  SELECT source, billing_period AS period, currency, SUM(billed_total) AS expected
  FROM ledger.source_totals
  GROUP BY 1, 2, 3
)
FULL JOIN (
  SELECT
    x_SourceSystem AS source,
    STRFTIME(BillingPeriodStart, '%Y-%m') AS period,
    BillingCurrency AS currency,
    -- on FOCUS's basis Google's fees are billed in place of what they cover
    SUM(CASE WHEN x_CostBasis = 'strict' THEN EffectiveCost ELSE BilledCost END) AS actual
  FROM focus.charges
  GROUP BY 1, 2, 3
) USING (source, period, currency)
