-- What the fees of a Cost and Usage Report say that a commitment cost in the month, on the report's own reading of them:
-- what was billed for it, and the month's part of what was paid upfront. Null where the report does not tell all of it.
SELECT
  x_SourceFile,
  STRFTIME(period, '%Y-%m') AS billing_period,
  commitment_id,
  currency,
  COUNT(*) AS fee_rows,
  CASE WHEN COUNT(cost) = COUNT(*) THEN SUM(cost) END AS cost
FROM (
  SELECT
    x_SourceFile,
    bill_billing_period_start_date AS period,
    -- an export without ARNs has none on the usage either
    COALESCE(savings_plan_savings_plan_a_r_n, reservation_reservation_a_r_n) AS commitment_id,
    line_item_currency_code AS currency,
    -- a fee has a net cost where the report is a net one, and nowhere else
    CASE
      WHEN line_item_net_unblended_cost IS NULL AND line_item_line_item_type = 'RIFee' THEN
        CASE
          WHEN COALESCE(reservation_unused_recurring_fee, reservation_unused_amortized_upfront_fee_for_billing_period)
            IS NOT NULL THEN line_item_unblended_cost + reservation_amortized_upfront_fee_for_billing_period
        END
      WHEN line_item_net_unblended_cost IS NULL THEN COALESCE(
        line_item_unblended_cost + savings_plan_amortized_upfront_commitment_for_billing_period,
        savings_plan_total_commitment_to_date
      )
      -- without its net columns a net report's unused parts are gross: they add up to nothing else in it. Of an upfront
      -- fee that there was none of there is no net amount either.
      WHEN line_item_line_item_type = 'RIFee' THEN
        CASE
          WHEN COALESCE(
            reservation_net_unused_recurring_fee,
            reservation_net_unused_amortized_upfront_fee_for_billing_period
          ) IS NOT NULL THEN line_item_net_unblended_cost + COALESCE(
            reservation_net_amortized_upfront_fee_for_billing_period,
            CASE WHEN reservation_amortized_upfront_fee_for_billing_period = 0 THEN 0 END
          )
        END
      WHEN savings_plan_net_recurring_commitment_for_billing_period IS NOT NULL
        THEN line_item_net_unblended_cost + COALESCE(
          savings_plan_net_amortized_upfront_commitment_for_billing_period,
          CASE WHEN savings_plan_amortized_upfront_commitment_for_billing_period = 0 THEN 0 END
        )
    END AS cost
  FROM source_rows
  WHERE line_item_line_item_type IN ('SavingsPlanRecurringFee', 'RIFee')
    AND COALESCE(savings_plan_savings_plan_a_r_n, reservation_reservation_a_r_n) IS NOT NULL
)
GROUP BY 1, 2, 3, 4
