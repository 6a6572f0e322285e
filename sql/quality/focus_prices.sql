-- FOCUS's rules on SKUs, prices and quantities: rows that break one, by source and rule. They stay as they came.
-- A column that FOCUS asks for only of providers that have what it tells (price lists) is asked for where the source
-- fills it at all. One scan counts for all rules.
WITH counted AS (
  SELECT
    f.source,
    -- pricing
    COUNT(CASE WHEN c.PricingCategory NOT IN ('Standard', 'Dynamic', 'Committed', 'Other') THEN 1 END)
      AS "PricingCategory is none of FOCUS's",
    COUNT(CASE WHEN c.ChargeCategory = 'Tax' AND c.PricingCategory IS NOT NULL THEN 1 END)
      AS "a tax has a PricingCategory",
    COUNT(
      CASE
        WHEN c.PricingCategory IS NULL AND c.ChargeCategory IN ('Usage', 'Purchase') AND c.ChargeClass IS NULL
          AND c.x_SourceLineType NOT LIKE '%Discount' THEN 1
      END
    ) AS "usage or a purchase has no PricingCategory",
    COUNT(
      CASE
        WHEN c.PricingCategory = 'Committed' AND (c.ChargeCategory <> 'Usage' OR c.CommitmentDiscountId IS NULL)
          OR c.PricingCategory <> 'Committed' AND c.CommitmentDiscountStatus IS NOT NULL THEN 1
      END
    ) AS "Committed without a commitment, or a commitment's usage at another price",
    -- quantities; some discounts AWS writes as rows of their own, which FOCUS advises against: they are no use of a
    -- SKU, and so have neither a quantity nor a price
    COUNT(CASE WHEN c.ChargeCategory = 'Tax' AND c.PricingQuantity IS NOT NULL THEN 1 END)
      AS "a tax has a PricingQuantity",
    COUNT(
      CASE
        WHEN c.PricingQuantity IS NULL AND c.ChargeCategory IN ('Usage', 'Purchase') AND c.ChargeClass IS NULL
          AND c.x_SourceLineType NOT LIKE '%Discount' THEN 1
      END
    ) AS "usage or a purchase has no PricingQuantity",
    COUNT(CASE WHEN c.PricingQuantity IS NOT NULL AND c.PricingUnit IS NULL THEN 1 END)
      AS "a priced quantity without its unit",
    COUNT(CASE WHEN c.PricingQuantity IS NULL AND c.PricingUnit IS NOT NULL THEN 1 END)
      AS "a unit of prices without a quantity",
    COUNT(
      CASE
        WHEN c.ChargeCategory = 'Usage' AND c.ChargeClass IS NULL AND c.x_SourceLineType NOT LIKE '%Discount'
          AND c.ConsumedQuantity IS NULL
          AND COALESCE(c.CommitmentDiscountStatus, '') <> 'Unused'
          AND c.file_id IN (SELECT file_id FROM focus.parts WHERE ConsumedQuantity IS NOT NULL) THEN 1
      END
    ) AS "usage has no ConsumedQuantity",
    COUNT(
      CASE
        WHEN c.ConsumedQuantity IS NOT NULL AND (c.ChargeCategory <> 'Usage' OR c.CommitmentDiscountStatus = 'Unused')
          THEN 1
      END
    ) AS "a ConsumedQuantity where nothing was used",
    COUNT(CASE WHEN c.ConsumedQuantity IS NOT NULL AND c.ConsumedUnit IS NULL THEN 1 END)
      AS "a consumed quantity without its unit",
    COUNT(CASE WHEN c.ConsumedQuantity IS NULL AND c.ConsumedUnit IS NOT NULL THEN 1 END)
      AS "a unit of consumption without a quantity",
    -- unit prices
    COUNT(
      CASE
        WHEN c.ChargeCategory = 'Tax' AND (
          c.ListUnitPrice IS NOT NULL OR c.ContractedUnitPrice IS NOT NULL
          OR c.PricingCurrencyListUnitPrice IS NOT NULL OR c.PricingCurrencyContractedUnitPrice IS NOT NULL
        ) THEN 1
      END
    ) AS "a tax has a unit price",
    COUNT(
      CASE
        WHEN c.ListUnitPrice IS NULL AND c.ChargeCategory IN ('Usage', 'Purchase') AND c.ChargeClass IS NULL
          AND c.x_SourceLineType NOT LIKE '%Discount'
          AND c.file_id IN (SELECT file_id FROM focus.parts WHERE ListUnitPrice IS NOT NULL) THEN 1
      END
    ) AS "usage or a purchase has no ListUnitPrice",
    COUNT(
      CASE
        WHEN c.ContractedUnitPrice IS NULL AND c.ChargeCategory IN ('Usage', 'Purchase') AND c.ChargeClass IS NULL
          AND c.x_SourceLineType NOT LIKE '%Discount'
          AND c.file_id IN (SELECT file_id FROM focus.parts WHERE ContractedUnitPrice IS NOT NULL) THEN 1
      END
    ) AS "usage or a purchase has no ContractedUnitPrice",
    COUNT(
      CASE
        WHEN c.ListUnitPrice < 0 OR c.ContractedUnitPrice < 0
          OR c.PricingCurrencyListUnitPrice < 0 OR c.PricingCurrencyContractedUnitPrice < 0 THEN 1
      END
    ) AS "a unit price is negative",
    -- Price × quantity is the cost, but for the places to which each of the three is rounded: half a step of the sixth
    -- after the point in a cost or a quantity (Google), and of the tenth in a price (AWS). More is no rounding.
    COUNT(
      CASE
        WHEN c.ChargeClass IS NULL AND ABS(
          CAST(c.ListUnitPrice AS DOUBLE) * CAST(c.PricingQuantity AS DOUBLE) - CAST(c.ListCost AS DOUBLE)
        ) > 5e-7 + 5e-7 * ABS(CAST(c.ListUnitPrice AS DOUBLE)) + 5e-11 * ABS(CAST(c.PricingQuantity AS DOUBLE)) THEN 1
      END
    ) AS "ListUnitPrice × PricingQuantity is not ListCost",
    COUNT(
      CASE
        WHEN c.ChargeClass IS NULL AND ABS(
          CAST(c.ContractedUnitPrice AS DOUBLE) * CAST(c.PricingQuantity AS DOUBLE) - CAST(c.ContractedCost AS DOUBLE)
        ) > 5e-7 + 5e-7 * ABS(CAST(c.ContractedUnitPrice AS DOUBLE)) + 5e-11 * ABS(CAST(c.PricingQuantity AS DOUBLE))
          THEN 1
      END
    ) AS "ContractedUnitPrice × PricingQuantity is not ContractedCost",
    COUNT(
      CASE
        WHEN c.ChargeCategory = 'Credit' AND (
          c.ListUnitPrice IS NULL AND c.ListCost <> c.BilledCost
          OR c.ContractedUnitPrice IS NULL AND c.ContractedCost <> c.BilledCost
        ) THEN 1
      END
    ) AS "a credit's ListCost or ContractedCost is not its BilledCost",
    -- the currency of prices: in the bill's, focus.charges has the same amounts
    COUNT(
      CASE
        WHEN c.PricingCurrency IS NULL
          AND c.file_id IN (SELECT file_id FROM focus.parts WHERE PricingCurrency IS NOT NULL) THEN 1
      END
    ) AS "PricingCurrency is missing",
    COUNT(
      CASE
        WHEN c.PricingCurrencyEffectiveCost IS NULL AND c.PricingCurrency <> c.BillingCurrency
          AND c.file_id IN (SELECT file_id FROM focus.parts WHERE PricingCurrencyEffectiveCost IS NOT NULL) THEN 1
      END
    ) AS "PricingCurrencyEffectiveCost is missing",
    COUNT(
      CASE
        WHEN c.PricingCurrencyListUnitPrice IS NULL AND c.PricingCurrency <> c.BillingCurrency
          AND c.ChargeCategory IN ('Usage', 'Purchase') AND c.ChargeClass IS NULL
          AND c.x_SourceLineType NOT LIKE '%Discount'
          AND c.file_id IN (SELECT file_id FROM focus.parts WHERE PricingCurrencyListUnitPrice IS NOT NULL) THEN 1
      END
    ) AS "usage or a purchase has no PricingCurrencyListUnitPrice",
    COUNT(
      CASE
        WHEN c.PricingCurrencyContractedUnitPrice IS NULL AND c.PricingCurrency <> c.BillingCurrency
          AND c.ChargeCategory IN ('Usage', 'Purchase') AND c.ChargeClass IS NULL
          AND c.x_SourceLineType NOT LIKE '%Discount'
          AND c.file_id IN (SELECT file_id FROM focus.parts WHERE PricingCurrencyContractedUnitPrice IS NOT NULL) THEN 1
      END
    ) AS "usage or a purchase has no PricingCurrencyContractedUnitPrice",
    -- SKUs
    COUNT(CASE WHEN c.ChargeCategory = 'Tax' AND (c.SkuId IS NOT NULL OR c.SkuPriceId IS NOT NULL) THEN 1 END)
      AS "a tax has a SKU",
    COUNT(
      CASE
        WHEN c.SkuId IS NULL AND c.ChargeCategory IN ('Usage', 'Purchase') AND c.ChargeClass IS NULL
          AND c.x_SourceLineType NOT LIKE '%Discount'
          AND c.file_id IN (SELECT file_id FROM focus.parts WHERE SkuId IS NOT NULL) THEN 1
      END
    ) AS "usage or a purchase has no SkuId",
    COUNT(
      CASE
        WHEN c.SkuPriceId IS NULL AND c.ChargeCategory IN ('Usage', 'Purchase') AND c.ChargeClass IS NULL
          AND c.x_SourceLineType NOT LIKE '%Discount'
          AND c.file_id IN (SELECT file_id FROM focus.parts WHERE SkuPriceId IS NOT NULL) THEN 1
      END
    ) AS "usage or a purchase has no SkuPriceId",
    COUNT(CASE WHEN c.SkuMeter IS NOT NULL AND c.SkuId IS NULL THEN 1 END) AS "a SKU's meter without its id",
    COUNT(
      CASE
        WHEN c.SkuMeter IS NULL AND c.SkuId IS NOT NULL
          AND c.file_id IN (SELECT file_id FROM focus.parts WHERE SkuMeter IS NOT NULL) THEN 1
      END
    ) AS "a SKU has no meter",
    COUNT(CASE WHEN c.SkuPriceDetails IS NOT NULL AND c.SkuPriceId IS NULL THEN 1 END)
      AS "a SKU price's details without its id",
    COUNT(
      CASE
        WHEN NOT REGEXP_MATCHES(
          ARRAY_TO_STRING(MAP_KEYS(c.SkuPriceDetails), ','),
          '^((x_[^,]*|CoreCount|DiskMaxIops|DiskSpace|DiskType|GpuCount|InstanceSeries|InstanceType|MemorySize'
          || '|NetworkMaxIops|NetworkMaxThroughput|OperatingSystem|Redundancy|StorageClass)(,|$))*$'
        ) THEN 1
      END
    ) AS "a SKU price's details have a key of their own without x_"
  FROM focus.parts AS c
  JOIN ledger.files AS f
    ON f.file_id = c.file_id
  GROUP BY f.source
)
SELECT source || ': ' || rule AS scope, 0 AS expected, found AS actual
FROM counted
UNPIVOT (found FOR rule IN (COLUMNS(* EXCLUDE (source))))
