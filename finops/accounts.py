"""The names of AWS accounts, as Organizations tells them: for bills that have the ids alone."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Final, cast

import polars as pl

from finops.homefile import read_home_file

if TYPE_CHECKING:
    from mypy_boto3_organizations.type_defs import AccountTypeDef

FILE: Final = "accounts.json"
"""What Organizations said, in the home: `accounts` (name by id), `refreshed` (day by the account that asked)."""
REMEDY: Final = "move the file away, then finops catalog refresh"

Names = Mapping[str, str]
"""Account name by account id (twelve digits, as text)."""


def read_accounts(accounts: Iterable[AccountTypeDef]) -> dict[str, str]:
    """ListAccounts' answer as names; an account without a name has none."""
    return {each.get("Id", ""): name for each in accounts if (name := each.get("Name", "").strip()) and each.get("Id")}


def account_names(home: Path) -> Names:
    """The names that are known in this home, sorted by id; raises WarehouseError."""
    held = read_home_file(home / FILE, REMEDY).get("accounts")
    named = cast("dict[object, object]", held).items() if isinstance(held, dict) else ()
    return dict(sorted((str(account), str(name)) for account, name in named))


def frame(names: Names) -> pl.DataFrame:
    """The table focus.accounts: account_id, account_name."""
    return pl.DataFrame(
        list(names.items()), schema={"account_id": pl.String(), "account_name": pl.String()}, orient="row"
    )
