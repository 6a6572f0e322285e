-- What a Cost and Usage Report's rows add up to, per period, day and currency, on its own reading of the rows:
-- covered usage and its negation cancel (what they leave is the residual), discounts are in net costs already.
SELECT x_SourceFile, STRFTIME(period, '%Y-%m') AS billing_period, charge_date, currency, row_count, billed_total, residual
FROM (
  SELECT
    s.x_SourceFile,
    s.bill_billing_period_start_date AS period,
    CAST(s.line_item_usage_start_date AS DATE) AS charge_date,
    s.line_item_currency_code AS currency,
    COUNT(*) AS row_count,
    SUM(
      CASE
        WHEN s.line_item_operation IN ('EKSPod-EC2', 'ECSTask-EC2') THEN 0
        WHEN s.line_item_line_item_type IN ('DiscountedUsage', 'SavingsPlanCoveredUsage', 'SavingsPlanNegation') THEN 0
        WHEN NOT b.is_net THEN s.line_item_unblended_cost
        WHEN s.line_item_line_item_type LIKE '%Discount' THEN 0
        ELSE s.line_item_net_unblended_cost
      END
    ) AS billed_total,
    SUM(
      CASE
        WHEN s.line_item_operation IN ('EKSPod-EC2', 'ECSTask-EC2') THEN 0
        WHEN s.line_item_line_item_type NOT IN ('DiscountedUsage', 'SavingsPlanCoveredUsage', 'SavingsPlanNegation') THEN 0
        WHEN b.is_net THEN s.line_item_net_unblended_cost
        ELSE s.line_item_unblended_cost
      END
    ) AS residual
  FROM source_rows AS s
  JOIN (
    SELECT
      bill_payer_account_id AS payer,
      bill_billing_period_start_date AS period,
      COUNT(line_item_net_unblended_cost) > 0 AS is_net
    FROM source_rows
    GROUP BY 1, 2
  ) AS b
    ON b.payer IS NOT DISTINCT FROM s.bill_payer_account_id
      AND b.period IS NOT DISTINCT FROM s.bill_billing_period_start_date
  GROUP BY 1, 2, 3, 4
)
