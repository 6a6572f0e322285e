-- No charge is lost, doubled or put elsewhere on the way into spend.daily: billed cost by provider, month and currency,
-- and how many of its rows are not what the charges say, in billed, effective or list cost.
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
    SUM(BilledCost) AS billed,
    SUM(EffectiveCost) AS effective,
    SUM(ListCost) AS list,
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
),
compared AS (
  SELECT
    COALESCE(provider_name, 'no provider') || ' ' || STRFTIME(charge_date, '%Y-%m') || ' ' || currency AS scope,
    charge_date, provider_name, billing_account_id, sub_account_id, service_name, charge_category, ml_stage, team,
    ml_project, ml_model, currency,
    SUM(billed) AS charged_billed,
    SUM(daily_billed) AS daily_billed,
    SUM(effective) AS charged_effective,
    SUM(daily_effective) AS daily_effective,
    SUM(list) AS charged_list,
    SUM(daily_list) AS daily_list,
    ABS(SUM(billed) - SUM(daily_billed)) AS apart,
    CASE
      WHEN SUM(billed) <> SUM(daily_billed) OR SUM(effective) <> SUM(daily_effective)
        OR COALESCE(SUM(list), 0) <> COALESCE(SUM(daily_list), 0)
        THEN 1
      ELSE 0
    END AS differs
  FROM both_sides
  GROUP BY
    charge_date, provider_name, billing_account_id, sub_account_id, service_name, charge_category, ml_stage, team,
    ml_project, ml_model, currency
)
SELECT scope, SUM(charged_billed) AS expected, SUM(daily_billed) AS actual FROM compared GROUP BY scope
UNION ALL
SELECT scope || ', rows that differ', 0, SUM(differs) FROM compared GROUP BY scope
