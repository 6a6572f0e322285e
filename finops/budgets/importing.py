"""Asking the clouds for budgets, and the budgets file that comes of it."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING

import yaml

from finops.budgets import aws_budgets, gcp_budgets
from finops.budgets.definition import parse_budgets
from finops.budgets.imported import Imported, Seen, seen_by, unseen
from finops.clouds import aws_inventory, gcp_inventory
from finops.clouds.accounts import GOOGLE
from finops.clouds.gcp_inventory import Asking, Patience, Unreachable, asking
from finops.errors import ConfigError, SourceError

if TYPE_CHECKING:
    from google.cloud.billing.budgets_v1 import Budget


@dataclass
class Answers:
    """What came of asking: budgets, the accounts that answered, and what could not be asked."""

    imported: Imported = field(default_factory=Imported)
    accounts: list[str] = field(default_factory=list[str])
    refused: list[SourceError] = field(default_factory=list[SourceError])


def ask(
    ways: Sequence[aws_inventory.Way], payers: set[str] | None, today: date, progress: Callable[[str], None]
) -> Answers:
    """Each AWS account's budgets, once; `payers` are the payers that bills tell of, None while that is not known."""
    found = Answers()
    callers: dict[str, aws_inventory.Way] = {}
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
        aws_budgets.translate(budgets, account, seen[account], today, found.imported)
    return found


def ask_google(
    ways: Sequence[gcp_inventory.Way],
    payers: set[str] | None,
    projects: Mapping[str, str],
    progress: Callable[[str], None],
    patience: Patience,
    found: Answers,
) -> None:
    """Add the budgets of each of Google's billing accounts to what was `found`, once.

    `payers`: the billing accounts that bills tell of, None while that is not known. `projects`: ids by number, as
    far as bills tell; the others are asked for.
    """
    paying, known = payers, dict(projects)
    answered: dict[str, list[Budget]] = {}
    for way in ways:
        try:
            with asking(way, patience) as google:
                for told in google.accounts():
                    account = told.name.removeprefix("billingAccounts/")
                    if paying is not None and told.open_:
                        paying = paying | {account}
                    if account not in answered:
                        progress(f"{way.sources}: budgets of billing account {account}")
                        try:
                            answered[account] = google.budgets(account)
                        except Unreachable:
                            raise
                        except SourceError as error:
                            found.refused.append(error)
                            continue
                        known |= _project_ids(google, gcp_budgets.numbers(answered[account]) - known.keys())
        except SourceError as error:
            found.refused.append(error)
            paying = None
    for account, budgets in answered.items():
        found.accounts.append(account)
        seen = unseen(account) if paying is None else seen_by(account, account, paying, GOOGLE)
        gcp_budgets.translate(budgets, account, seen, known, found.imported)


def _project_ids(google: Asking, numbers: Collection[str]) -> dict[str, str]:
    """The ids of the projects that the credentials may see; a budget for another one is left out, and says so."""
    found: dict[str, str] = {}
    for number in sorted(numbers):
        with suppress(SourceError):
            found[number] = google.project_id(number)
    return {number: project for number, project in found.items() if project}


def _seen(callers: dict[str, aws_inventory.Way], payers: set[str] | None) -> dict[str, Seen]:
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
        paid = {account for account, payer in known.items() if account == payer}
        unknown |= {account: unseen(account) for account in paid}
        known = {account: payer for account, payer in known.items() if account not in paid}
    paying = (payers or set[str]()) | {account for account, payer in known.items() if account == payer}
    return {account: seen_by(account, payer, paying) for account, payer in known.items()} | unknown


def budgets_file(imported: Imported, accounts: Sequence[str], today: date) -> str:
    """The text of a budgets file, read back by our own reader before anybody else does."""
    head = (
        f"# Budgets of {', '.join(accounts)}, as of {today}. Written by finops budgets import.\n"
        "# `monthly` is for every month, also for those before the budget began in its cloud.\n"
    )
    text = _dump(imported.entries, readable=True)
    if not all(line.isprintable() for line in text.splitlines()):  # a name could steer the terminal
        text = _dump(imported.entries, readable=False)
    parse_budgets(yaml.safe_load(text), "the budgets of the clouds")
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
