-- The charges of the units in hand at day grain: what the ledger remembers of a load.
SELECT
  STRFTIME(BillingPeriodStart, '%Y-%m') AS billing_period,
  CAST(ChargePeriodStart AS DATE) AS charge_date,
  ProviderName AS provider_name,
  SubAccountId AS sub_account_id,
  ServiceName AS service_name,
  x_MlStage AS ml_stage,
  x_Team AS team,
  BillingCurrency AS currency,
  SUM(BilledCost) AS billed,
  SUM(EffectiveCost) AS effective
FROM (
  -- by the hour first: a time is rendered once for each group, not for each charge
  SELECT
    BillingPeriodStart, ChargePeriodStart, ProviderName, SubAccountId, ServiceName, x_MlStage, x_Team, BillingCurrency,
    SUM(BilledCost) AS BilledCost, SUM(EffectiveCost) AS EffectiveCost
  FROM focus.charges
  WHERE x_SourceSystem = $source AND x_SourceUnit IN (SELECT unit FROM units_in_hand)
  GROUP BY 1, 2, 3, 4, 5, 6, 7, 8
)
GROUP BY 1, 2, 3, 4, 5, 6, 7, 8
