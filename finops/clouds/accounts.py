"""The accounts that clouds tell of: AWS's accounts, Google's billing accounts and projects; with their names.

They are for bills that have the ids alone. What was told once stays: an account that is told of no more is still
on old bills.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass, replace
from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING, Final, cast

import polars as pl

from finops.files.homefile import days_asked, read_home_file, write_home_file

if TYPE_CHECKING:
    from mypy_boto3_organizations.type_defs import AccountTypeDef

FILE: Final = "accounts.json"
"""What the clouds said, in the home: `accounts` (by id), `refreshed` (day by the sources that asked)."""
REMEDY: Final = "move the file away, then finops catalog refresh"
AWS: Final = "AWS"
GOOGLE: Final = "Google Cloud"

Names = Mapping[str, str]
"""Account name by account id, as the bills write it."""


@dataclass(frozen=True)
class Account:
    """What a cloud says of an account, under the ids that its bills have; None is not known.

    `parent_id`: the billing account that pays for a project, or the master account of a reseller's subaccount.
    `is_open`: whether it can cost anything. `asked_on`: the day on which it was told of last.
    """

    name: str | None = None
    provider: str | None = None
    currency: str | None = None
    parent_id: str | None = None
    is_open: bool | None = None
    asked_on: date | None = None


Accounts = Mapping[str, Account]
"""By account id: twelve digits, `0X0X0X-0X0X0X-0X0X0X`, or a project's id."""

SCHEMA: Final = pl.Schema(
    {
        "account_id": pl.String(),
        "account_name": pl.String(),
        "provider": pl.String(),
        "currency": pl.String(),
        "parent_id": pl.String(),
        "is_open": pl.Boolean(),
        "asked_on": pl.Date(),
    }
)


@dataclass(frozen=True)
class Learned:
    """What asking changed: names of accounts that had none, and (old, new) of those renamed."""

    new: dict[str, str]
    renamed: dict[str, tuple[str, str]]


def read_accounts(accounts: Iterable[AccountTypeDef]) -> dict[str, str]:
    """ListAccounts' answer as names; an account without a name has none."""
    return {each.get("Id", ""): name for each in accounts if (name := each.get("Name", "").strip()) and each.get("Id")}


def known(home: Path) -> dict[str, Account]:
    """The accounts that are known in this home, sorted by id; raises WarehouseError."""
    held = read_home_file(home / FILE, REMEDY).get("accounts")
    told = cast("dict[object, object]", held).items() if isinstance(held, dict) else ()
    return dict(sorted((str(account), _account(said)) for account, said in told))


def names(accounts: Accounts) -> dict[str, str]:
    """The names of those that have one."""
    return {account: each.name for account, each in accounts.items() if each.name is not None}


def keep(home: Path, found: Accounts, sources: Iterable[str], today: date) -> Learned:
    """Write what `sources` were told into the home, over what was there; raises WarehouseError."""
    before, asked = known(home), tuple(sources)
    old, new = names(before), names(found)
    if asked:
        path = home / FILE
        merged = {**before, **{account: replace(each, asked_on=today) for account, each in found.items()}}
        write_home_file(
            path,
            {
                "refreshed": days_asked(read_home_file(path, REMEDY), asked, today.isoformat()),
                "accounts": {account: _entry(each) for account, each in sorted(merged.items())},
            },
        )
    return Learned(
        {account: name for account, name in sorted(new.items()) if account not in old},
        {a: (old[a], name) for a, name in sorted(new.items()) if old.get(a, name) != name},
    )


def frame(accounts: Accounts) -> pl.DataFrame:
    """The table focus.accounts."""
    rows = [
        (account, each.name, each.provider, each.currency, each.parent_id, each.is_open, each.asked_on)
        for account, each in accounts.items()
    ]
    return pl.DataFrame(rows, schema=SCHEMA, orient="row")


def _entry(account: Account) -> dict[str, object]:
    day = {"asked_on": account.asked_on.isoformat()} if account.asked_on else {}
    return {**{key: value for key, value in asdict(account).items() if value is not None}, **day}


def _account(said: object) -> Account:
    """An entry of the file; one of before there were other clouds is AWS's name alone."""
    if not isinstance(said, dict):
        return Account(str(said), AWS)
    entry = cast("dict[str, object]", said)
    open_ = entry.get("is_open")
    return Account(
        name=_text(entry.get("name")),
        provider=_text(entry.get("provider")),
        currency=_text(entry.get("currency")),
        parent_id=_text(entry.get("parent_id")),
        is_open=open_ if isinstance(open_, bool) else None,
        asked_on=_day(entry.get("asked_on")),
    )


def _text(value: object) -> str | None:
    return value if isinstance(value, str) else None


def _day(value: object) -> date | None:
    try:
        return date.fromisoformat(str(value))
    except ValueError:
        return None
