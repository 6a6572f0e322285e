-- The stages' parts add up to the whole: effective cost by provider and currency.
SELECT provider || ' ' || currency AS scope, expected, actual
FROM (
  SELECT COALESCE(provider_name, '') AS provider, currency, SUM(effective_cost) AS expected
  FROM spend.daily
  GROUP BY 1, 2
)
FULL JOIN (
  SELECT provider, currency, SUM(stage_cost) AS actual
  FROM (
    SELECT
      COALESCE(c.ProviderName, '') AS provider,
      c.BillingCurrency AS currency,
      SUM(c.EffectiveCost) AS stage_cost
    FROM focus.charges AS c
    JOIN lifecycle.stages AS s
      ON s.stage = c.x_MlStage
    GROUP BY c.ProviderName, c.BillingCurrency, s.stage
  )
  GROUP BY 1, 2
) USING (provider, currency)
