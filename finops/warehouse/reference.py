"""What the home knows besides bills: the GPU catalogue, accounts, and Google's list prices."""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path

import polars as pl

from finops.clouds import accounts, sku_prices
from finops.gpus import catalogue


@dataclass(frozen=True)
class Reference:
    """Accelerators by instance type, accounts by id, list prices by SKU and tier (sku_prices.SCHEMA)."""

    accelerators: catalogue.Catalogue = field(default_factory=catalogue.known)
    known_accounts: accounts.Accounts = field(default_factory=dict[str, accounts.Account])
    prices: pl.DataFrame = field(default_factory=lambda: pl.DataFrame(schema=sku_prices.SCHEMA))

    @cached_property
    def accounts(self) -> accounts.Names:
        """The names that normalisation may join: of accounts that use is billed to, which Google does not name."""
        named = {a: each for a, each in self.known_accounts.items() if each.provider != accounts.GOOGLE}
        return accounts.names(named)


def read_reference(home: Path) -> Reference:
    """The built-in catalogue with all that was asked of the clouds; raises WarehouseError."""
    return Reference(catalogue.known(home), accounts.known(home), sku_prices.read(home))
