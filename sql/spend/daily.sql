-- What was spent: a day × provider × account × service × category × stage × team × project × model.
-- A sum in the reporting currency is null where the rate of any of its charges is not known.
SELECT
  CAST(ChargePeriodStart AS DATE) AS charge_date,
  ProviderName AS provider_name,
  BillingAccountId AS billing_account_id,
  SubAccountId AS sub_account_id,
  ServiceName AS service_name,
  ChargeCategory AS charge_category,
  x_MlStage AS ml_stage,
  x_Team AS team,
  x_MlProject AS ml_project,
  x_MlModelName AS ml_model,
  BillingCurrency AS currency,
  SUM(BilledCost) AS billed_cost,
  SUM(EffectiveCost) AS effective_cost,
  SUM(ListCost) AS list_cost,
  x_ReportingCurrency AS reporting_currency,
  CASE WHEN COUNT(x_EffectiveCostReporting) = COUNT(*) THEN SUM(x_EffectiveCostReporting) END
    AS effective_cost_reporting
FROM focus.charges
GROUP BY
  CAST(ChargePeriodStart AS DATE), ProviderName, BillingAccountId, SubAccountId, ServiceName, ChargeCategory,
  x_MlStage, x_Team, x_MlProject, x_MlModelName, BillingCurrency, x_ReportingCurrency
