-- Instance types that look accelerated and are not in the GPU catalogue: their GPU hours are unknown, not zero.
SELECT
  LOWER(SkuPriceDetails['InstanceType']) AS scope,
  0 AS expected,
  COUNT(*) AS actual
FROM focus.charges
WHERE x_GpuHours IS NULL
  AND ChargeCategory = 'Usage'
  AND REGEXP_MATCHES(
    LOWER(SkuPriceDetails['InstanceType']), '^(ml\.)?((p|g|gr|trn|inf|dl)[0-9][a-z0-9]*(-[a-z0-9]+)?\.|(a[234]x?|g[24])-)'
  )
  AND CommitmentDiscountStatus IS DISTINCT FROM 'Unused'
  AND NOT EXISTS (
    SELECT 1
    FROM gpu.catalogue AS k
    WHERE k.instance_type = REGEXP_REPLACE(LOWER(SkuPriceDetails['InstanceType']), '^ml\.', '')
  )
GROUP BY 1
