-- Every charge of every source in FOCUS 1.2, with its machine-learning stage, team, model and GPU hours.
-- What is the same for all charges of a file stands with the file, what their tags say with the set of tags: here
-- they meet.
SELECT
  c.* EXCLUDE (
    file_id, tag_set_id, BillingAccountName, SubAccountName, PricingCurrencyContractedUnitPrice, PricingCurrencyEffectiveCost, PricingCurrencyListUnitPrice,
    SkuPriceDetails, SubAccountType, x_InvoiceMonth, x_InstanceType, x_GpuCount
  ),
  COALESCE(c.BillingAccountName, b.account_name) AS BillingAccountName,
  COALESCE(c.SubAccountName, s.account_name) AS SubAccountName,
  -- priced in the currency of the bill: the same amounts; in another one they are known only if the source says so
  COALESCE(
    c.PricingCurrencyContractedUnitPrice,
    CASE WHEN c.PricingCurrency = c.BillingCurrency THEN c.ContractedUnitPrice END
  ) AS PricingCurrencyContractedUnitPrice,
  COALESCE(
    c.PricingCurrencyEffectiveCost,
    CASE WHEN c.PricingCurrency = c.BillingCurrency THEN c.EffectiveCost END
  ) AS PricingCurrencyEffectiveCost,
  COALESCE(
    c.PricingCurrencyListUnitPrice,
    CASE WHEN c.PricingCurrency = c.BillingCurrency THEN c.ListUnitPrice END
  ) AS PricingCurrencyListUnitPrice,
  CASE WHEN c.SubAccountId IS NOT NULL THEN c.SubAccountType END AS SubAccountType,
  COALESCE(c.x_InvoiceMonth, STRFTIME(c.BillingPeriodStart, '%Y-%m')) AS x_InvoiceMonth,
  COALESCE(
    c.SkuPriceDetails,
    CASE
      WHEN c.x_GpuCount IS NOT NULL
        THEN MAP(['InstanceType', 'GpuCount'], [c.x_InstanceType, CAST(c.x_GpuCount AS VARCHAR)])
      WHEN c.x_InstanceType IS NOT NULL THEN MAP(['InstanceType'], [c.x_InstanceType])
    END
  ) AS SkuPriceDetails,
  t.Tags,
  t.x_Team,
  t.x_MlProject,
  t.x_MlModelName,
  t.x_MlRunId,
  f.source AS x_SourceSystem,
  f.unit AS x_SourceUnit,
  f.file AS x_SourceFile,
  f.load || ':' || STRFTIME(c.BillingPeriodStart, '%Y-%m') || ':' || c.BillingCurrency AS x_LoadId,
  f.reporting_currency AS x_ReportingCurrency,
  CASE WHEN c.BillingCurrency = f.reporting_currency THEN CAST(1 AS DECIMAL(38,18)) ELSE r.rate END
    AS x_ReportingRate,
  -- cost × rate, whole parts and fractions apart, so that all of its 36 digits after the point are there when it is
  -- rounded to 18, once, half away from zero: a charge and its negation still cancel
  CASE
    WHEN c.BillingCurrency = f.reporting_currency THEN c.BilledCost
    ELSE
      CAST(TRUNC(c.BilledCost) AS DECIMAL(20,0)) * r.rate
      + CAST(c.BilledCost - TRUNC(c.BilledCost) AS DECIMAL(18,18)) * CAST(TRUNC(r.rate) AS DECIMAL(20,0))
      + CAST(
        CAST(c.BilledCost - TRUNC(c.BilledCost) AS DECIMAL(18,18)) * CAST(r.rate - TRUNC(r.rate) AS DECIMAL(18,18))
        AS DECIMAL(38,18)
      )
  END AS x_BilledCostReporting,
  CASE
    WHEN c.BillingCurrency = f.reporting_currency THEN c.EffectiveCost
    ELSE
      CAST(TRUNC(c.EffectiveCost) AS DECIMAL(20,0)) * r.rate
      + CAST(c.EffectiveCost - TRUNC(c.EffectiveCost) AS DECIMAL(18,18)) * CAST(TRUNC(r.rate) AS DECIMAL(20,0))
      + CAST(
        CAST(c.EffectiveCost - TRUNC(c.EffectiveCost) AS DECIMAL(18,18)) * CAST(r.rate - TRUNC(r.rate) AS DECIMAL(18,18))
        AS DECIMAL(38,18)
      )
  END AS x_EffectiveCostReporting
FROM focus.parts AS c
JOIN ledger.files AS f
  ON f.file_id = c.file_id
LEFT JOIN part.tag_sets AS t
  ON t.tag_set_id = c.tag_set_id
LEFT JOIN ledger.rates AS r
  ON r.currency = c.BillingCurrency
    AND r.reporting_currency = f.reporting_currency
    -- most charges are in the reporting currency: they are not looked for
    AND r.billing_period = CASE
      WHEN c.BillingCurrency <> f.reporting_currency THEN STRFTIME(c.BillingPeriodStart, '%Y-%m')
    END
LEFT JOIN focus.accounts AS b
  ON b.account_id = c.BillingAccountId
LEFT JOIN focus.accounts AS s
  ON s.account_id = c.SubAccountId
