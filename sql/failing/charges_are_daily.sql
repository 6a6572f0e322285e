-- Rows of spend.daily that are not what the charges say, with both.
WITH both_sides AS (
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
    SUM(BilledCost) AS charged_billed,
    SUM(EffectiveCost) AS charged_effective,
    SUM(ListCost) AS charged_list,
    0 AS daily_billed,
    0 AS daily_effective,
    0 AS daily_list
  FROM focus.charges
  GROUP BY 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11
  UNION ALL
  SELECT
    charge_date, provider_name, billing_account_id, sub_account_id, service_name, charge_category, ml_stage, team,
    ml_project, ml_model, currency, 0, 0, 0, billed_cost, effective_cost, list_cost
  FROM spend.daily
)
SELECT
  charge_date, provider_name, billing_account_id, sub_account_id, service_name, charge_category, ml_stage, team,
  ml_project, ml_model, currency, SUM(charged_billed) AS charged_billed, SUM(daily_billed) AS daily_billed,
  SUM(charged_effective) AS charged_effective, SUM(daily_effective) AS daily_effective,
  SUM(charged_list) AS charged_list, SUM(daily_list) AS daily_list
FROM both_sides
GROUP BY
  charge_date, provider_name, billing_account_id, sub_account_id, service_name, charge_category, ml_stage, team,
  ml_project, ml_model, currency
HAVING SUM(charged_billed) <> SUM(daily_billed) OR SUM(charged_effective) <> SUM(daily_effective)
  OR COALESCE(SUM(charged_list), 0) <> COALESCE(SUM(daily_list), 0)
ORDER BY ABS(SUM(charged_billed) - SUM(daily_billed)) DESC
LIMIT 20
