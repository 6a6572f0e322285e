-- Instance types that look accelerated and are not in the GPU catalogue: their GPU hours are unknown, not zero.
-- What looks accelerated is told by one pattern, gpu.accelerated_families; it is asked once a type, not once a charge.
WITH billed AS (
  SELECT
    LOWER(SkuPriceDetails['InstanceType']) AS instance_type,
    COUNT(*) AS charges
  FROM focus.charges
  WHERE x_GpuHours IS NULL
    AND ChargeCategory = 'Usage'
    AND CommitmentDiscountStatus IS DISTINCT FROM 'Unused'
    AND SkuPriceDetails['InstanceType'] IS NOT NULL
  GROUP BY 1
),
based AS (
  -- as sql/focus/attributed.sql looks a type up
  SELECT
    *,
    REGEXP_REPLACE(REGEXP_REPLACE(instance_type, '^ml\.', ''), 'large-[a-z]+$', 'large') AS base_type
  FROM billed
)
SELECT
  b.instance_type AS scope,
  0 AS expected,
  b.charges AS actual
FROM based AS b
JOIN gpu.accelerated_families AS f
  ON REGEXP_MATCHES(b.base_type, f.pattern)
WHERE b.base_type NOT IN (SELECT instance_type FROM gpu.catalogue)
