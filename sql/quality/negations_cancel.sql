-- Covered usage and its negation cancel: what a provider's rounding leaves of them is in no charge.
SELECT source || ' ' || billing_period || ' ' || currency AS scope, 0 AS expected, SUM(residual) AS actual
FROM ledger.source_totals
GROUP BY source, billing_period, currency
