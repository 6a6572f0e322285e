"""Asking AWS for budgets, and the budgets file that comes of it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import date
from pathlib import Path

import duckdb
import yaml

from finops import aws_inventory
from finops.aws_inventory import Way
from finops.budgets.aws_budgets import Imported, Seen, seen_by, translate
from finops.budgets.definition import parse_budgets
from finops.errors import ConfigError, SourceError, WarehouseError
from finops.warehouse.connection import query


@dataclass
class Answers:
    """What came of asking: budgets, the accounts that answered, and what could not be asked."""

    imported: Imported = field(default_factory=Imported)
    accounts: list[str] = field(default_factory=list[str])
    refused: list[SourceError] = field(default_factory=list[SourceError])


def ask(ways: Sequence[Way], payers: set[str] | None, today: date, progress: Callable[[str], None]) -> Answers:
    """Each account's budgets, once; `payers` are the payers that bills tell of, None while that is not known."""
    found = Answers()
    callers: dict[str, Way] = {}
    for way in ways:
        try:
            callers.setdefault(aws_inventory.caller(way), way)
        except SourceError as error:
            found.refused.append(error)
    seen = _seen(callers, None if found.refused else payers)
    for account, way in callers.items():
        progress(f"{way.sources}: budgets of account {account}")
        try:
            budgets = aws_inventory.budgets(way, account)
        except SourceError as error:
            found.refused.append(error)
            continue
        found.accounts.append(account)
        translate(budgets, account, seen[account], today, found.imported)
    return found


def _seen(callers: dict[str, Way], payers: set[str] | None) -> dict[str, Seen]:
    """What each account's budgets see; unknown where Organizations may not be asked, or other payers may be."""
    known: dict[str, str | None] = {}
    unknown: dict[str, Seen] = {}
    for account, way in callers.items():
        try:
            known[account] = aws_inventory.management_account(way)
        except SourceError as error:
            reason = f"whether {account} pays for other accounts is not known, and so not what it covers"
            unknown[account] = Seen(None, f"{reason}: {error.remedy}")
    if payers is None:
        reason = "it is for all that {} pays, and which other payers there are is not known"
        remedy = "let every source's credentials answer, and load the bills first (finops run)"
        paid = {account for account, payer in known.items() if account == payer}
        unknown |= {account: Seen(None, f"{reason.format(account)}: {remedy}") for account in paid}
        known = {account: payer for account, payer in known.items() if account not in paid}
    paying = (payers or set[str]()) | {account for account, payer in known.items() if account == payer}
    return {account: seen_by(account, payer, paying) for account, payer in known.items()} | unknown


def payers_of(published: Path) -> set[str] | None:
    """The AWS payers in the published warehouse; None where there is none, or it cannot be asked."""
    if not published.exists():
        return None
    sql = """SELECT DISTINCT BillingAccountId FROM focus.charges
        WHERE ProviderName = 'AWS' AND BillingAccountId IS NOT NULL"""
    try:
        with query(published) as con:
            return {str(payer) for (payer,) in con.execute(sql).fetchall()}
    except (duckdb.Error, WarehouseError):
        return None


def budgets_file(imported: Imported, accounts: Sequence[str], today: date) -> str:
    """The text of a budgets file, read back by our own reader before anybody else does."""
    head = (
        f"# AWS Budgets of {', '.join(accounts)}, as of {today}. Written by finops budgets import.\n"
        "# `monthly` is for every month, also for those before the budget began in AWS.\n"
    )
    text = _dump(imported.entries, readable=True)
    if not all(line.isprintable() for line in text.splitlines()):  # a name could steer the terminal
        text = _dump(imported.entries, readable=False)
    parse_budgets(yaml.safe_load(text), "the budgets of AWS")
    return head + text


def _dump(entries: Sequence[dict[str, object]], readable: bool) -> str:
    return yaml.safe_dump({"budgets": list(entries)}, sort_keys=False, allow_unicode=readable, width=120)


def write_budgets(path: Path, text: str, force: bool) -> None:
    """Write a budgets file that is whole or not there; raises ConfigError where one is and `force` is not given."""
    refuse_existing(path, force)
    fresh = path.with_name(f".{path.name}.partial")
    try:
        fresh.write_text(text, encoding="utf-8")
        fresh.replace(path)
    except OSError as error:
        raise ConfigError(
            f"the file cannot be written: {error.strerror}", where=str(path), remedy="name another with --out"
        ) from None
    finally:
        fresh.unlink(missing_ok=True)


def refuse_existing(path: Path, force: bool) -> None:
    """Raise ConfigError where a file is there that was not to be replaced."""
    if path.exists() and not force:
        raise ConfigError(
            "the file is there already", where=str(path), remedy="name another with --out, or add --force"
        )
