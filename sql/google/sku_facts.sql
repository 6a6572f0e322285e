-- What the text of a service and a SKU says about a row: its category, the commitment that it sells, its GPU.
SELECT
  k.service_id,
  k.sku_id,
  k.sku_description,
  COALESCE(c.category, 'Other') AS category,
  COALESCE(
    c.subcategory,
    'Other (' || COALESCE(c.category, 'Other') || ')'
  ) AS subcategory,
  COALESCE(k.sku_description, '') LIKE 'Commitment%' AS is_commitment,
  -- a commitment to spend money, not to use machines of a kind: `Commitment - dollar based v1: …`, `… Flexible CUD …`
  COALESCE(k.sku_description, '') LIKE '%dollar based%' OR COALESCE(k.sku_description, '') LIKE '%Flexible%'
    AS is_spend_based,
  -- a commitment or a licence names a GPU, and is no time of one
  CASE WHEN g.gpu_count IS NOT NULL THEN g.gpu_model END AS gpu_model,
  g.gpu_count,
  g.purchase
FROM skus AS k
JOIN google_skus AS g
  ON g.service_id IS NOT DISTINCT FROM k.service_id
    AND g.sku_id IS NOT DISTINCT FROM k.sku_id
    AND g.sku_description IS NOT DISTINCT FROM k.sku_description
LEFT JOIN services AS c
  ON c.service_description = k.service_description
