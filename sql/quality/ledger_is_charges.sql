-- What the ledger of changes adds up to is what is known now: by source, period and currency, and on how many of its
-- days (× provider, account, service, stage and team) it is not, in billed or effective cost.
WITH charged AS (
  SELECT
    x_SourceSystem AS source,
    BillingPeriodStart,
    ChargePeriodStart,
    ProviderName,
    SubAccountId,
    ServiceName,
    x_MlStage,
    x_Team,
    BillingCurrency,
    SUM(BilledCost) AS billed,
    SUM(EffectiveCost) AS effective
  FROM focus.charges
  GROUP BY 1, 2, 3, 4, 5, 6, 7, 8, 9
),
both_sides AS (
  SELECT
    source,
    STRFTIME(BillingPeriodStart, '%Y-%m') AS billing_period,
    CAST(ChargePeriodStart AS DATE) AS charge_date,
    ProviderName AS provider_name,
    SubAccountId AS sub_account_id,
    ServiceName AS service_name,
    x_MlStage AS ml_stage,
    x_Team AS team,
    BillingCurrency AS currency,
    billed,
    effective,
    0 AS known_billed,
    0 AS known_effective
  FROM charged
  UNION ALL
  SELECT
    source, billing_period, charge_date, provider_name, sub_account_id, service_name, ml_stage, team, currency, 0, 0,
    billed_delta, effective_delta
  FROM ledger.changes
),
compared AS (
  SELECT
    source || ' ' || billing_period || ' ' || currency AS scope,
    source, billing_period, charge_date, provider_name, sub_account_id, service_name, ml_stage, team, currency,
    SUM(billed) AS charged_billed,
    SUM(known_billed) AS known_billed,
    SUM(effective) AS charged_effective,
    SUM(known_effective) AS known_effective,
    ABS(SUM(billed) - SUM(known_billed)) AS apart,
    CASE WHEN SUM(billed) <> SUM(known_billed) OR SUM(effective) <> SUM(known_effective) THEN 1 ELSE 0 END AS differs
  FROM both_sides
  GROUP BY
    source, billing_period, charge_date, provider_name, sub_account_id, service_name, ml_stage, team, currency
),
periods AS (
  SELECT
    scope,
    SUM(charged_billed) AS expected,
    SUM(known_billed) AS actual,
    SUM(differs) AS differing
  FROM compared
  GROUP BY 1
)
SELECT scope, expected, actual FROM periods WHERE expected <> 0 OR actual <> 0
UNION ALL
SELECT scope || ', days that differ', 0, differing FROM periods
