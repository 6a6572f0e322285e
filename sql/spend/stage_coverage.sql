-- How much of each provider's bill has a stage: what no rule explains is the rest.
SELECT
  STRFTIME(BillingPeriodStart, '%Y-%m') AS billing_period,
  ProviderName AS provider_name,
  BillingCurrency AS currency,
  SUM(EffectiveCost) AS effective_cost,
  SUM(CASE WHEN x_MlStage = 'unattributed' THEN 0 ELSE EffectiveCost END) AS attributed_cost,
  CASE
    WHEN SUM(EffectiveCost) <> 0
      THEN CAST(SUM(CASE WHEN x_MlStage = 'unattributed' THEN 0 ELSE EffectiveCost END) AS DOUBLE)
        / CAST(SUM(EffectiveCost) AS DOUBLE)
  END AS attributed_share
FROM focus.charges
GROUP BY STRFTIME(BillingPeriodStart, '%Y-%m'), ProviderName, BillingCurrency
