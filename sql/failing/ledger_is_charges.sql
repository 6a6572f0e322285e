-- Days on which the ledger of changes does not add up to the charges, with both.
WITH both_sides AS (
  SELECT
    x_SourceSystem AS source,
    STRFTIME(BillingPeriodStart, '%Y-%m') AS billing_period,
    CAST(ChargePeriodStart AS DATE) AS charge_date,
    ProviderName AS provider_name,
    SubAccountId AS sub_account_id,
    ServiceName AS service_name,
    x_MlStage AS ml_stage,
    x_Team AS team,
    BillingCurrency AS currency,
    SUM(BilledCost) AS charged_billed,
    SUM(EffectiveCost) AS charged_effective,
    0 AS known_billed,
    0 AS known_effective
  FROM focus.charges
  GROUP BY 1, 2, 3, 4, 5, 6, 7, 8, 9
  UNION ALL
  SELECT
    source, billing_period, charge_date, provider_name, sub_account_id, service_name, ml_stage, team, currency, 0, 0,
    billed_delta, effective_delta
  FROM ledger.changes
)
SELECT
  source, billing_period, charge_date, provider_name, sub_account_id, service_name, ml_stage, team, currency,
  SUM(charged_billed) AS charged_billed, SUM(known_billed) AS known_billed,
  SUM(charged_effective) AS charged_effective, SUM(known_effective) AS known_effective
FROM both_sides
GROUP BY source, billing_period, charge_date, provider_name, sub_account_id, service_name, ml_stage, team, currency
HAVING SUM(charged_billed) <> SUM(known_billed) OR SUM(charged_effective) <> SUM(known_effective)
ORDER BY ABS(SUM(charged_billed) - SUM(known_billed)) DESC
LIMIT 20
