"""Files that people write, and files that the home keeps: read with places, written whole, removed in time."""
