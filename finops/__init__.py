"""ML cost warehouse: cloud bills and GPU telemetry in, what machine learning costs out."""
