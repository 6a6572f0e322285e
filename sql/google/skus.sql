-- The services and SKUs of the rows in hand, each once: what follows from their texts is worked out once for each.
SELECT
  service_id,
  sku_id,
  sku_description,
  ANY_VALUE(service_description) AS service_description,
  CAST(NULL AS VARCHAR) AS usage_type
FROM source_rows
GROUP BY 1, 2, 3
