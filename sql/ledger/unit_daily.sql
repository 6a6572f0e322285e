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
FROM focus.charges
WHERE x_SourceSystem = $source AND x_SourceUnit IN (SELECT unit FROM units_in_hand)
GROUP BY 1, 2, 3, 4, 5, 6, 7, 8
