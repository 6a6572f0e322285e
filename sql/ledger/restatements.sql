-- What providers changed after the fact: a day's cost that an earlier run knew otherwise. Changes of our own
-- rules and configuration are no restatements.
-- A day is known once a run has brought it or a later one of the same source and billing period.
WITH runs AS (
  SELECT
    source, billing_period, known_at,
    MAX(MAX(charge_date)) OVER (
      PARTITION BY source, billing_period ORDER BY known_at ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING
    ) AS known_until
  FROM ledger.changes
  GROUP BY source, billing_period, known_at
),
steps AS (
  SELECT
    known_at, source, billing_period, charge_date, provider_name, service_name, ml_stage, team, currency,
    SUM(billed_delta) AS delta,
    SUM(CASE WHEN cause = 'delivery' THEN billed_delta ELSE 0 END) AS delivered
  FROM ledger.changes
  GROUP BY known_at, source, billing_period, charge_date, provider_name, service_name, ml_stage, team, currency
),
walked AS (
  SELECT
    *,
    SUM(delta) OVER (
      PARTITION BY source, billing_period, charge_date, provider_name, service_name, ml_stage, team, currency
      ORDER BY known_at ROWS BETWEEN UNBOUNDED PRECEDING AND CURRENT ROW
    ) AS current_cost
  FROM steps
)
SELECT
  w.known_at AS detected_at,
  w.source,
  w.billing_period,
  w.charge_date,
  w.provider_name,
  w.service_name,
  w.ml_stage,
  w.team,
  w.currency,
  w.current_cost - w.delivered AS previous_cost,
  w.current_cost,
  w.delivered AS delta
FROM walked AS w
JOIN runs AS r
  ON r.source = w.source AND r.billing_period = w.billing_period AND r.known_at = w.known_at
WHERE w.charge_date <= r.known_until AND w.delivered <> 0
