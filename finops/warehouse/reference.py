"""What the home knows besides bills, and normalisation joins: the GPU catalogue and the accounts' names."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

from finops import accounts
from finops.gpus import catalogue


@dataclass(frozen=True)
class Reference:
    """Accelerators by instance type, account names by id."""

    accelerators: catalogue.Catalogue = field(default_factory=catalogue.known)
    accounts: accounts.Names = field(default_factory=dict[str, str])


def read_reference(home: Path) -> Reference:
    """The built-in catalogue with what `finops catalog refresh` has learned; raises WarehouseError."""
    return Reference(catalogue.known(home), accounts.account_names(home))
