"""Google's accounts and list prices, kept in the home: asked by `finops catalog refresh`, and once a day by a run.

What one account or service refuses is told, and the others are asked all the same. A run never waits long for
Google and never fails for it: it goes on with what is kept, and says of what day that is.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Generator, Iterable, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Final

import polars as pl

from finops.clouds import accounts, gcp_inventory, sku_prices
from finops.clouds.accounts import GOOGLE, Account, Learned
from finops.clouds.gcp_inventory import COMPUTE, VERTEX, Asking, Patience, Unreachable, Way, asking
from finops.config import Config, GcpBigQuery
from finops.errors import FinopsError, SourceError, WarehouseError
from finops.files.homefile import read_home_file, write_home_file
from finops.warehouse import published

if TYPE_CHECKING:
    from google.cloud.billing_v1 import BillingAccount, ProjectBillingInfo

FILE: Final = "google.json"
"""When Google was last asked, in the home: `tried` (UTC), and `refused`, what came of it where not all was told."""
CALL, RUN = 6.0, 20.0
"""Seconds that a run waits for one call, and for all of them."""
OLD: Final = timedelta(days=1)


@dataclass
class Refresh:
    """What came of asking: billing accounts and projects by id, prices by service, and what could not be asked.

    `sources`: the ways that accounts were told by.
    """

    accounts: dict[str, Account] = field(default_factory=dict[str, Account])
    projects: dict[str, Account] = field(default_factory=dict[str, Account])
    sources: list[str] = field(default_factory=list[str])
    prices: dict[str, pl.DataFrame] = field(default_factory=dict[str, pl.DataFrame])
    refused: list[SourceError] = field(default_factory=list[SourceError])


def ask(
    ways: Sequence[Way], billed: Collection[str], today: date, progress: Callable[[str], None], patience: Patience
) -> Refresh:
    """Ask every way for its accounts, and the first that may for the prices of Compute Engine, Vertex AI and `billed`.

    `billed`: the ids of the services that are on the bills.
    """
    found = Refresh()
    for way in ways:
        try:
            with asking(way, patience) as google:
                google.sign_in()
                _ask_accounts(google, found, progress)
                _ask_prices(google, {COMPUTE, VERTEX, *billed}, found, today, progress)
        except SourceError as error:  # whoever cannot sign in or does not answer is not asked for more
            found.refused.append(error)
    return found


def _ask_accounts(google: Asking, found: Refresh, progress: Callable[[str], None]) -> None:
    progress(f"{google.way.sources}: billing accounts and projects")
    with _noting(found):
        told = {_id(each.name): billing_account(each) for each in google.accounts()}
        new = sorted(told.keys() - found.accounts.keys())  # another way may have told of them, and of their projects
        found.accounts |= told
        found.sources.append(google.way.sources)
        for account in new:
            with _noting(found):
                found.projects |= {each.project_id: project(each) for each in google.projects(account)}


def _ask_prices(google: Asking, wanted: set[str], found: Refresh, today: date, progress: Callable[[str], None]) -> None:
    if wanted <= found.prices.keys():
        return
    with _noting(found):
        names = google.services()  # ids come from bills: what the catalogue does not have is not asked for
        for service in sorted((wanted & names.keys()) - found.prices.keys()):
            progress(f"{google.way.sources}: list prices of {names[service]}")
            with _noting(found):
                found.prices[service] = sku_prices.frame(google.skus(service), service, today)


@contextmanager
def _noting(found: Refresh) -> Generator[None]:
    """Note what is refused, and go on; one that does not answer at all would not answer the next question either."""
    try:
        yield
    except Unreachable:
        raise
    except SourceError as error:
        found.refused.append(error)


def billing_account(told: BillingAccount) -> Account:
    """A billing account as Google tells it."""
    return Account(
        name=told.display_name.strip() or None,
        provider=GOOGLE,
        currency=told.currency_code or None,
        parent_id=_id(told.master_billing_account) or None,
        is_open=told.open_,
    )


def project(told: ProjectBillingInfo) -> Account:
    """A project, with the account that pays for it; its name is on the bills alone."""
    return Account(provider=GOOGLE, parent_id=_id(told.billing_account_name) or None, is_open=told.billing_enabled)


def _id(name: str) -> str:
    """`0X0X0X-0X0X0X-0X0X0X`, as the bills write it, of `billingAccounts/0X0X0X-0X0X0X-0X0X0X`."""
    return name.removeprefix("billingAccounts/")


def keep(home: Path, found: Refresh, now: datetime) -> Learned:
    """Write what was found into the home, over what was there, and that it was asked; raises WarehouseError."""
    learned = accounts.keep(home, {**found.accounts, **found.projects}, found.sources, now.date())
    sku_prices.keep(home, found.prices)
    refused = {"refused": _refused(found.refused)} if found.refused else {}
    write_home_file(home / FILE, {"tried": now.isoformat(timespec="seconds"), **refused})
    return learned


def renew(config: Config, chosen: Iterable[str], progress: Callable[[str], None]) -> None:
    """Bring what is kept up to date for a run over the `chosen` sources, where it was not tried within a day.

    Only where one of them is a table in BigQuery. What goes wrong is told in one line, with the day of what is
    kept, and never raised.
    """
    named = set(chosen)
    ways = gcp_inventory.ways(config, lambda each: isinstance(each, GcpBigQuery) and each.name in named)
    if not ways:
        return
    home, now = config.home_dir, datetime.now(UTC)
    try:
        refused = _tried(home, now)
        if refused is None:
            patience = Patience(CALL, RUN)  # credentials are looked for in it too
            billed = published.google_services(config.published)
            found = ask(ways, billed, now.date(), progress, patience)
            keep(home, found, now)
            refused = _refused(found.refused)
    except FinopsError as error:
        refused = str(error)
    except Exception as error:  # a library's own: bills do not wait for names and prices
        refused = f"{type(error).__name__}, which finops did not expect."
    if refused:
        with suppress(WarehouseError):  # a damaged file is told by who reads it next
            progress(f"Google: {_kept(home)}: {refused} To ask again before tomorrow: finops catalog refresh")


def _tried(home: Path, now: datetime) -> str | None:
    """What came of a try within the last day, empty where all was told; None where there was none."""
    try:
        held = read_home_file(home / FILE, "")
        tried = datetime.fromisoformat(str(held.get("tried")))
        if not now - OLD < tried <= now:
            return None
    except (WarehouseError, TypeError, ValueError):  # it is written anew
        return None
    return str(held.get("refused", ""))


def _refused(errors: Sequence[SourceError]) -> str:
    if not errors:
        return ""
    return f"{errors[0]} And {len(errors) - 1} more." if errors[1:] else str(errors[0])


def _kept(home: Path) -> str:
    """What a run goes on with, in words."""
    days = [each.asked_on for each in accounts.known(home).values() if each.provider == GOOGLE and each.asked_on]
    prices = sku_prices.asked_on(sku_prices.read(home))
    named = f"account names of {max(days)}" if days else "no account names"
    priced = f"list prices of {prices}" if prices else "no list prices"
    return f"the run goes on with {named} and {priced}"
