-- FOCUS's rules on SKUs, prices and quantities: rows that break one, by source and rule. They stay as they came.
-- A column that FOCUS asks for only of providers that have what it tells (price lists) is asked for where the source
-- fills it at all. One scan counts for all rules.
WITH filled AS (
  SELECT
    file_id,
    COUNT(ConsumedQuantity) > 0 AS has_consumed_quantity,
    COUNT(ListUnitPrice) > 0 AS has_list_unit_price,
    COUNT(ContractedUnitPrice) > 0 AS has_contracted_unit_price,
    COUNT(PricingCurrency) > 0 AS has_pricing_currency,
    COUNT(PricingCurrencyEffectiveCost) > 0 AS has_pricing_currency_effective_cost,
    COUNT(PricingCurrencyListUnitPrice) > 0 AS has_pricing_currency_list_unit_price,
    COUNT(PricingCurrencyContractedUnitPrice) > 0 AS has_pricing_currency_contracted_unit_price,
    COUNT(SkuId) > 0 AS has_sku_id,
    COUNT(SkuPriceId) > 0 AS has_sku_price_id,
    COUNT(SkuMeter) > 0 AS has_sku_meter
  FROM focus.parts
  GROUP BY file_id
),
charges AS (
  SELECT
    *,
    -- some discounts AWS writes as rows of their own, which FOCUS advises against: they are no use of a SKU, and so have
    -- neither a quantity nor a price
    ChargeCategory IN ('Usage', 'Purchase') AND ChargeClass IS NULL AND x_SourceLineType NOT LIKE '%Discount'
      AS is_priced
  FROM focus.parts
),
counted AS (
  SELECT
    f.source,
    -- pricing
    COUNT(CASE WHEN c.PricingCategory NOT IN ('Standard', 'Dynamic', 'Committed', 'Other') THEN 1 END)
      AS "PricingCategory is none of FOCUS's",
    COUNT(CASE WHEN c.ChargeCategory = 'Tax' AND c.PricingCategory IS NOT NULL THEN 1 END)
      AS "a tax has a PricingCategory",
    COUNT(CASE WHEN c.PricingCategory IS NULL AND c.is_priced THEN 1 END)
      AS "usage or a purchase has no PricingCategory",
    COUNT(
      CASE
        WHEN c.PricingCategory = 'Committed' AND (c.ChargeCategory <> 'Usage' OR c.CommitmentDiscountId IS NULL)
          OR c.PricingCategory <> 'Committed' AND c.CommitmentDiscountStatus IS NOT NULL THEN 1
      END
    ) AS "Committed without a commitment, or a commitment's usage at another price",
    -- quantities
    COUNT(CASE WHEN c.ChargeCategory = 'Tax' AND c.PricingQuantity IS NOT NULL THEN 1 END)
      AS "a tax has a PricingQuantity",
    COUNT(CASE WHEN c.PricingQuantity IS NULL AND c.is_priced THEN 1 END)
      AS "usage or a purchase has no PricingQuantity",
    COUNT(CASE WHEN c.PricingQuantity IS NOT NULL AND c.PricingUnit IS NULL THEN 1 END)
      AS "a priced quantity without its unit",
    COUNT(CASE WHEN c.PricingQuantity IS NULL AND c.PricingUnit IS NOT NULL THEN 1 END)
      AS "a unit of prices without a quantity",
    COUNT(
      CASE
        WHEN c.ConsumedQuantity IS NULL AND c.ChargeCategory = 'Usage' AND c.is_priced
          AND COALESCE(c.CommitmentDiscountStatus, '') <> 'Unused' AND h.has_consumed_quantity THEN 1
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
    COUNT(CASE WHEN c.ListUnitPrice IS NULL AND c.is_priced AND h.has_list_unit_price THEN 1 END)
      AS "usage or a purchase has no ListUnitPrice",
    COUNT(CASE WHEN c.ContractedUnitPrice IS NULL AND c.is_priced AND h.has_contracted_unit_price THEN 1 END)
      AS "usage or a purchase has no ContractedUnitPrice",
    COUNT(
      CASE
        WHEN c.ListUnitPrice < 0 OR c.ContractedUnitPrice < 0
          OR c.PricingCurrencyListUnitPrice < 0 OR c.PricingCurrencyContractedUnitPrice < 0 THEN 1
      END
    ) AS "a unit price is negative",
    -- Price × quantity is the cost, but for the places to which each of the three is rounded: half a step of the sixth
    -- after the point in a cost or a quantity (Google), and of the tenth in a price (AWS). More is no rounding. In
    -- floating point, whose own rounding is far less: no DECIMAL holds the product of two amounts of 18 places.
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
    COUNT(CASE WHEN c.PricingCurrency IS NULL AND h.has_pricing_currency THEN 1 END) AS "PricingCurrency is missing",
    COUNT(
      CASE
        WHEN c.PricingCurrencyEffectiveCost IS NULL AND c.PricingCurrency <> c.BillingCurrency
          AND h.has_pricing_currency_effective_cost THEN 1
      END
    ) AS "PricingCurrencyEffectiveCost is missing",
    COUNT(
      CASE
        WHEN c.PricingCurrencyListUnitPrice IS NULL AND c.PricingCurrency <> c.BillingCurrency
          AND c.is_priced
          AND h.has_pricing_currency_list_unit_price THEN 1
      END
    ) AS "usage or a purchase has no PricingCurrencyListUnitPrice",
    COUNT(
      CASE
        WHEN c.PricingCurrencyContractedUnitPrice IS NULL AND c.PricingCurrency <> c.BillingCurrency
          AND c.is_priced
          AND h.has_pricing_currency_contracted_unit_price THEN 1
      END
    ) AS "usage or a purchase has no PricingCurrencyContractedUnitPrice",
    -- SKUs
    COUNT(CASE WHEN c.ChargeCategory = 'Tax' AND (c.SkuId IS NOT NULL OR c.SkuPriceId IS NOT NULL) THEN 1 END)
      AS "a tax has a SKU",
    COUNT(CASE WHEN c.SkuId IS NULL AND c.is_priced AND h.has_sku_id THEN 1 END) AS "usage or a purchase has no SkuId",
    COUNT(CASE WHEN c.SkuPriceId IS NULL AND c.is_priced AND h.has_sku_price_id THEN 1 END)
      AS "usage or a purchase has no SkuPriceId",
    COUNT(CASE WHEN c.SkuMeter IS NOT NULL AND c.SkuId IS NULL THEN 1 END) AS "a SKU's meter without its id",
    COUNT(CASE WHEN c.SkuMeter IS NULL AND c.SkuId IS NOT NULL AND h.has_sku_meter THEN 1 END) AS "a SKU has no meter",
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
  FROM charges AS c
  JOIN ledger.files AS f
    ON f.file_id = c.file_id
  JOIN filled AS h
    ON h.file_id = c.file_id
  GROUP BY f.source
)
SELECT source || ': ' || rule AS scope, 0 AS expected, found AS actual
FROM counted
UNPIVOT (found FOR rule IN (COLUMNS(* EXCLUDE (source))))
