"""Bills: one module per kind of source, all with the same small interface, found in one registry."""
