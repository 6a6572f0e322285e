-- SKUs of GPUs on Google's bills of which the model, or the hours, cannot be told: their GPU hours are not to be trusted.
SELECT
  SkuMeter AS scope,
  0 AS expected,
  COUNT(*) AS actual
FROM focus.charges
WHERE ProviderName = 'Google Cloud' AND (x_GpuModel = 'unmapped' OR (x_GpuModel IS NOT NULL AND x_GpuHours IS NULL))
GROUP BY 1
