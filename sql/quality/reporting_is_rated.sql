-- What charges come to in the reporting currency is what their own currency's sum comes to at the month's rate, but for
-- the rounding of each charge to 18 digits; and the days hold the same to the last digit.
WITH parts AS (
  SELECT
    CAST(ChargePeriodStart AS DATE) AS charge_date,
    STRFTIME(BillingPeriodStart, '%Y-%m') AS month,
    BillingCurrency AS currency,
    x_ReportingCurrency AS reporting_currency,
    COUNT(*) AS charges,
    SUM(BilledCost) AS billed,
    SUM(EffectiveCost) AS effective,
    CASE WHEN COUNT(x_BilledCostReporting) = COUNT(*) THEN SUM(x_BilledCostReporting) END AS billed_reporting,
    CASE WHEN COUNT(x_EffectiveCostReporting) = COUNT(*) THEN SUM(x_EffectiveCostReporting) END AS effective_reporting
  FROM focus.charges
  GROUP BY 1, 2, 3, 4
),
sums AS (
  SELECT
    'billed' AS cost,
    month,
    currency,
    reporting_currency,
    SUM(charges) AS charges,
    SUM(billed) AS own,
    CASE WHEN COUNT(billed_reporting) = COUNT(*) THEN SUM(billed_reporting) END AS actual
  FROM parts
  GROUP BY month, currency, reporting_currency
  UNION ALL
  SELECT
    'effective' AS cost,
    month,
    currency,
    reporting_currency,
    SUM(charges) AS charges,
    SUM(effective) AS own,
    CASE WHEN COUNT(effective_reporting) = COUNT(*) THEN SUM(effective_reporting) END AS actual
  FROM parts
  GROUP BY month, currency, reporting_currency
),
rated AS (
  SELECT
    s.cost || ' ' || s.currency || ' ' || s.month AS scope,
    s.charges * CAST(0.000000000000000001 AS DECIMAL(18,18)) AS rounding,
    s.actual,
    CASE
      WHEN s.currency = s.reporting_currency THEN s.own
      ELSE
        CAST(TRUNC(s.own) AS DECIMAL(20,0)) * r.rate
        + CAST(s.own - TRUNC(s.own) AS DECIMAL(18,18)) * CAST(TRUNC(r.rate) AS DECIMAL(20,0))
        + CAST(
          CAST(s.own - TRUNC(s.own) AS DECIMAL(18,18)) * CAST(r.rate - TRUNC(r.rate) AS DECIMAL(18,18))
          AS DECIMAL(38,18)
        )
    END AS expected
  FROM sums AS s
  LEFT JOIN ledger.rates AS r
    ON r.currency = s.currency
      AND r.billing_period = s.month
      AND r.reporting_currency = s.reporting_currency
),
by_day AS (
  SELECT
    charge_date,
    currency,
    CASE WHEN COUNT(effective_reporting) = COUNT(*) THEN SUM(effective_reporting) END AS expected
  FROM parts
  GROUP BY 1, 2
),
daily AS (
  SELECT
    charge_date,
    currency,
    CASE WHEN COUNT(effective_cost_reporting) = COUNT(*) THEN SUM(effective_cost_reporting) END AS actual
  FROM spend.daily
  GROUP BY 1, 2
)
SELECT scope, expected, CASE WHEN ABS(actual - expected) <= rounding THEN expected ELSE actual END AS actual
FROM rated
UNION ALL
SELECT
  'daily ' || currency || ' ' || STRFTIME(charge_date, '%Y-%m') AS scope,
  SUM(expected) AS expected,
  SUM(actual) AS actual
FROM by_day
FULL JOIN daily USING (charge_date, currency)
GROUP BY 1
