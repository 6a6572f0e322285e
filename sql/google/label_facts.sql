-- What Google's own labels say of a resource, once for each set of labels.
SELECT
  tag_set,
  Tags['compute.googleapis.com/machine_spec'] AS machine_type,
  Tags['compute.googleapis.com/reservation_name'] AS reservation_name,
  COALESCE(Tags['compute.googleapis.com/is_unused_reservation'] = 'true', FALSE) AS is_unused_reservation
FROM source_tags
WHERE Tags['compute.googleapis.com/machine_spec'] IS NOT NULL
  OR Tags['compute.googleapis.com/is_unused_reservation'] = 'true'
