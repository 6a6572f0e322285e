-- Google's SKUs of GPUs and of the machines around them, with their present list price: focus.sku_prices, classified.
-- It reads the relation `classified`, which gpu/google_skus.sql makes of them. The price is that of the first tier.
SELECT
  p.sku_id,
  p.service_id,
  p.service_name,
  p.sku_description,
  p.usage_type,
  c.gpu_model,
  c.gpu_count,
  c.purchase,
  c.machine_family,
  p.regions,
  p.pricing_unit,
  p.list_price,
  p.currency,
  p.effective_from,
  p.asked_on
FROM focus.sku_prices AS p
JOIN classified AS c
  ON c.sku_id = p.sku_id
WHERE c.gpu_model IS NOT NULL OR c.machine_family IS NOT NULL
QUALIFY ROW_NUMBER() OVER (PARTITION BY p.sku_id ORDER BY p.effective_from DESC NULLS LAST, p.tier_start) = 1
