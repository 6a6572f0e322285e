"""The warehouse: one DuckDB file that the job writes, and a copy of it that people read."""
