-- Which GPU a SKU of Google's is, and how it is bought, from its text alone: no GPU where it names none.
SELECT
  service_id,
  sku_id,
  sku_description,
  CASE
    WHEN NOT REGEXP_MATCHES(COALESCE(sku_description, ''), 'GPU|gpu slice') OR REGEXP_MATCHES(sku_description, '^(Commitment|Reserved)') THEN NULL
    WHEN REGEXP_MATCHES(sku_description, 'H100.*(Plus|Mega)') THEN 'H100 Mega'
    WHEN REGEXP_MATCHES(sku_description, 'B200') THEN 'B200'
    WHEN REGEXP_MATCHES(sku_description, 'H100') THEN 'H100'
    WHEN REGEXP_MATCHES(sku_description, 'A100') THEN 'A100'
    ELSE 'unmapped'
  END AS gpu_model,
  CASE WHEN REGEXP_MATCHES(COALESCE(sku_description, ''), 'Spot|Preemptible') THEN 'spot' ELSE 'on_demand' END AS purchase
FROM skus
