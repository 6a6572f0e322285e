-- No charge is lost or doubled on the way into spend.daily: billed cost by provider, month and currency.
SELECT COALESCE(provider, 'no provider') || ' ' || month || ' ' || currency AS scope, expected, actual
FROM (
  SELECT
    COALESCE(ProviderName, '') AS provider,
    STRFTIME(ChargePeriodStart, '%Y-%m') AS month,
    BillingCurrency AS currency,
    SUM(BilledCost) AS expected
  FROM focus.charges
  GROUP BY 1, 2, 3
)
FULL JOIN (
  SELECT
    COALESCE(provider_name, '') AS provider,
    STRFTIME(charge_date, '%Y-%m') AS month,
    currency,
    SUM(billed_cost) AS actual
  FROM spend.daily
  GROUP BY 1, 2, 3
) USING (provider, month, currency)
