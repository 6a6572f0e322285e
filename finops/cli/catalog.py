"""`finops catalog`: which machines have GPUs, what Google's SKUs cost, and how the accounts are called."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Annotated

import typer

from finops.cli.console import console, progress, say
from finops.cli.options import DEFAULT_CONFIG, ConfigOption
from finops.cli.values import count, visible

if TYPE_CHECKING:
    from finops.clouds import accounts, gcp_refreshing
    from finops.clouds.aws_refreshing import Learned, Refresh
    from finops.errors import SourceError

CALL = 60.0
"""Seconds that are waited for each of Google's answers."""
app = typer.Typer(rich_markup_mode=None)
RegionOption = Annotated[
    list[str] | None,
    typer.Option("--region", help="Ask this region; may be given several times.", metavar="REGION"),
]


@app.callback()
def family() -> None:
    """Which machines and SKUs have GPUs, list prices, and how the accounts are called.

    \b
    Example: finops catalog refresh
    """


@app.command()
def refresh(config: ConfigOption = DEFAULT_CONFIG, region: RegionOption = None) -> int:
    """Ask the clouds of the sources for what bills do not say, and keep it.

    AWS: instance types with accelerators and account names; needs ec2:DescribeInstanceTypes and
    organizations:ListAccounts. Without --region: the region of each source, us-east-1 and us-west-2.
    Google Cloud: billing accounts, projects and list prices; needs billing.accounts.list,
    billing.resourceAssociations.list, and the Cloud Billing API. Does what it can with one of them.

    \b
    Example: finops catalog refresh --region us-east-1 --region eu-central-1
    """
    from datetime import UTC, datetime

    from finops.clouds import aws_refreshing, gcp_refreshing
    from finops.clouds.gcp_inventory import Patience
    from finops.clouds.ways import ways
    from finops.config import load_config
    from finops.warehouse import published

    found = load_config(config)
    clouds, now = ways(found), datetime.now(UTC)
    lines: list[str] = []
    refused: list[SourceError] = []
    done = False
    with progress() as tell:
        aws = aws_refreshing.ask(clouds.aws, tuple(region or ()), tell)
        billed = published.google_services(found.published) if clouds.google else ()
        google = gcp_refreshing.ask(clouds.google, billed, now.date(), tell, Patience(CALL))
    if clouds.aws:
        lines += report(aws, aws_refreshing.keep(found.home_dir, aws, now.date()))
        refused += aws.refused
        done = bool(aws.regions or aws.sources)
    if clouds.google:
        lines += report_google(google, gcp_refreshing.keep(found.home_dir, google, now))
        refused += google.refused
        done = done or bool(google.sources or google.prices)
    screen = console()
    for line in lines:
        screen.print(visible(line))
    for error in refused:
        say(f"Not asked: {visible(str(error))}")
    if not done:
        return 1
    screen.print("Next: finops run reads the bills anew where this changes them")
    return 0


def report(answers: Refresh, learned: Learned) -> Iterator[str]:
    """What was learned of AWS, a line each."""
    if answers.regions:
        new, changed = learned.types.new, learned.types.changed
        yield (
            f"Instance types: {count(len(answers.types), 'type')} with accelerators in "
            f"{', '.join(sorted(answers.regions))}, {len(new)} new, {len(changed)} changed"
        )
        yield from (f"  new      {name}: {each}" for name, each in new.items())
        for name, (before, now) in {**changed, **learned.conflicts}.items():
            known = "built in is" if name in learned.conflicts else "it was"
            yield f"  changed  {name}: {now}, {known} {before}"
        yield from (f"  unclear  {name}: AWS does not count its accelerators" for name in sorted(answers.unclear))
    if answers.sources:
        yield from _names(count(len(answers.names), "name"), answers.sources, learned.accounts)
    else:
        yield "Accounts: no names; where a bill has none either, accounts go by their ids"


def report_google(answers: gcp_refreshing.Refresh, learned: accounts.Learned) -> Iterator[str]:
    """What was learned of Google Cloud, a line each."""
    if answers.sources:
        what = f"{count(len(answers.accounts), 'billing account')} and {count(len(answers.projects), 'project')}"
        yield from _names(what, answers.sources, learned)
    for service, prices in answers.prices.items():
        name = prices["service_name"].drop_nulls().first() or service
        yield f"List prices: {count(prices['sku_id'].n_unique(), 'SKU')} of {name}"


def _names(what: str, sources: list[str], learned: accounts.Learned) -> Iterator[str]:
    new, renamed = learned.new, learned.renamed
    yield f"Accounts: {what} from {'; '.join(sources)}, {len(new)} new, {len(renamed)} changed"
    yield from (f"  changed  {account}: {now!r}, it was {old!r}" for account, (old, now) in renamed.items())
