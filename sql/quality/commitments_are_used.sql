-- What a commitment cost in a month by its fees (on AWS's report: what was billed, and the month's part of what was paid
-- upfront) is what its usage and its unused part come to, by source and month, and for how many commitments it is not.
-- A member account's report may have the fee of what others used, so it does not block. What has its fee on another's
-- bill is not compared, nor what the fees do not tell all of, nor a month that is still open.
WITH fees AS (
  SELECT
    source,
    billing_period,
    commitment_id,
    currency,
    SUM(fee_rows) AS fee_rows,
    CASE WHEN COUNT(cost) = COUNT(*) THEN SUM(cost) END AS cost
  FROM ledger.commitments
  GROUP BY 1, 2, 3, 4
),
charged AS (
  SELECT
    x_SourceSystem AS source,
    STRFTIME(BillingPeriodStart, '%Y-%m') AS billing_period,
    CommitmentDiscountId AS commitment_id,
    BillingCurrency AS currency,
    MAX(CommitmentDiscountType) AS commitment_type,
    COUNT(*) AS charges,
    SUM(EffectiveCost) AS effective_cost
  FROM focus.charges
  -- used or unused, there is no third
  WHERE CommitmentDiscountStatus IS NOT NULL
  GROUP BY 1, 2, 3, 4
),
months AS (
  SELECT
    x_SourceSystem AS source,
    STRFTIME(BillingPeriodStart, '%Y-%m') AS billing_period,
    MAX(BillingPeriodEnd) AS period_end,
    MAX(InvoiceId) AS invoice,
    MAX(ChargePeriodStart) AS last_usage
  FROM focus.charges
  WHERE x_SourceSystem IN (SELECT source FROM ledger.commitments)
    AND ChargeCategory = 'Usage'
    AND CommitmentDiscountStatus IS DISTINCT FROM 'Unused'
  GROUP BY 1, 2
),
closed AS (
  -- A reservation's fee is for all hours of the month from its first day. Closed is a month that is invoiced (AWS: until
  -- the report is final, the InvoiceId is blank), or that usage has gone two weeks beyond: until then AWS restates it.
  SELECT m.source, m.billing_period
  FROM months AS m
  JOIN (SELECT source, MAX(last_usage) AS last_usage FROM months GROUP BY 1) AS s
    ON s.source = m.source
  WHERE m.invoice IS NOT NULL OR s.last_usage >= m.period_end + INTERVAL '14' DAY
),
joined AS (
  SELECT
    f.*,
    c.charges,
    COALESCE(c.effective_cost, 0) AS effective_cost,
    -- Each amount is rounded by AWS: a plan's to 1e-10, like every cost on the report; of a reservation's unused parts
    -- its documentation shows eight digits. So a row of usage may be off by half such a step, and a fee by four: half
    -- each for what was billed and for the upfront part, up to two and a half for what is unused, which on the net basis
    -- is a product of amounts that are rounded, and is rounded itself.
    CASE
      WHEN c.commitment_type = 'Savings Plan' THEN CAST(0.0000000001 AS DECIMAL(18,10))
      ELSE CAST(0.00000001 AS DECIMAL(18,10))
    END * (8 * f.fee_rows + COALESCE(c.charges, 0)) AS twice_the_rounding
  FROM fees AS f
  JOIN closed
    ON closed.source = f.source AND closed.billing_period = f.billing_period
  LEFT JOIN charged AS c
    ON c.source = f.source
      AND c.billing_period = f.billing_period
      AND c.commitment_id = f.commitment_id
      AND c.currency = f.currency
  WHERE f.cost IS NOT NULL
),
compared AS (
  SELECT
    source || ' ' || billing_period || ' ' || currency AS scope,
    source,
    billing_period,
    currency,
    commitment_id,
    cost,
    effective_cost,
    ABS(cost - effective_cost) AS apart,
    CASE WHEN 2 * ABS(cost - effective_cost) > twice_the_rounding THEN 1 ELSE 0 END AS differs
  FROM joined
)
SELECT scope, SUM(cost) AS expected, SUM(CASE WHEN differs = 1 THEN effective_cost ELSE cost END) AS actual
FROM compared
GROUP BY scope
UNION ALL
SELECT scope || ', commitments that differ', 0, SUM(differs) FROM compared GROUP BY scope
