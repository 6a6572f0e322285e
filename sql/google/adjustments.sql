-- Google's adjustments, by the type that a row names: what category the row is of, and whether it corrects usage.
-- Where no category stands, the row's own cost type tells it.
SELECT *
FROM (
  VALUES
  ('USAGE_CORRECTION', NULL, TRUE),
  ('PRICE_CORRECTION', NULL, TRUE),
  ('METADATA_CORRECTION', NULL, TRUE),
  ('GOODWILL', 'Credit', FALSE),
  ('SLA_VIOLATION', 'Credit', FALSE),
  ('BALANCE_TRANSFER', 'Adjustment', FALSE),
  ('ACCOUNT_CLOSURE', 'Adjustment', FALSE),
  ('GENERAL_ADJUSTMENT', 'Adjustment', FALSE)
) AS t (adjustment_type, category, is_correction)
