"""`finops catalog refresh`: what AWS says about instance types and accounts, kept in the home.

Each way to AWS is asked for itself, and each region; what one refuses is told, and the others are asked all
the same. What was learned before stays: a type or an account that AWS no longer tells is still on old bills.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import date
from pathlib import Path

from finops.clouds import accounts, aws_inventory
from finops.clouds.accounts import AWS, Account
from finops.clouds.aws_inventory import Way
from finops.errors import SourceError
from finops.files.homefile import days_asked, read_home_file, write_home_file
from finops.gpus import catalogue
from finops.gpus.catalogue import Accelerator
from finops.gpus.instance_types import Changes, compare, read_types

REGIONS = ("us-east-1", "us-west-2")
"""Asked besides the source's own: between them they have nearly all types."""


@dataclass
class Refresh:
    """What came of asking: accelerated types and account names, and what could not be asked.

    `unclear`: types whose accelerators AWS names but does not count. `regions` and `sources` answered.
    """

    types: dict[str, Accelerator] = field(default_factory=dict[str, Accelerator])
    unclear: set[str] = field(default_factory=set[str])
    regions: set[str] = field(default_factory=set[str])
    names: dict[str, str] = field(default_factory=dict[str, str])
    sources: list[str] = field(default_factory=list[str])
    refused: list[SourceError] = field(default_factory=list[SourceError])


@dataclass(frozen=True)
class Learned:
    """What a refresh changed: types against what was known here, `conflicts` against what is built in."""

    types: Changes
    conflicts: dict[str, tuple[Accelerator, Accelerator]]
    accounts: accounts.Learned


def ask(ways: Sequence[Way], regions: Sequence[str], progress: Callable[[str], None]) -> Refresh:
    """Ask every way for the types of each region (none named: its own and REGIONS) and for the accounts."""
    found = Refresh()
    for way in ways:
        for region in regions or _regions(way, found):
            progress(f"{way.sources}: instance types of {region}")
            try:
                types, unclear = read_types(aws_inventory.instance_types(way, region))
            except SourceError as error:
                found.refused.append(error)
                continue
            found.types |= types
            found.unclear |= set(unclear)
            found.regions.add(region)
        progress(f"{way.sources}: accounts")
        try:
            found.names |= accounts.read_accounts(aws_inventory.accounts(way))
        except SourceError as error:
            found.refused.append(error)
            continue
        found.sources.append(way.sources)
    return found


def keep(home: Path, found: Refresh, today: date) -> Learned:
    """Write what was found into the home, over what was there; raises WarehouseError."""
    learned = Learned(
        compare(catalogue.known(home), found.types),
        compare(catalogue.catalogue(), found.types).changed,
        accounts.keep(home, {a: Account(name, AWS) for a, name in found.names.items()}, found.sources, today),
    )
    if found.regions:
        path = home / catalogue.FILE
        held = read_home_file(path, catalogue.REMEDY)
        write_home_file(
            path,
            {
                "attribution": "EC2's DescribeInstanceTypes, asked by finops catalog refresh",
                "refreshed": days_asked(held, found.regions, today.isoformat()),
                "instance_types": catalogue.document({**catalogue.refreshed(home), **found.types}),
            },
        )
    return learned


def _regions(way: Way, found: Refresh) -> list[str]:
    """The way's own region first. One in another partition (China) stands alone: its credentials end there."""
    try:
        with aws_inventory.asked("AWS", "the region", f"source {way.sources}"):
            own = way.region
    except SourceError as error:
        found.refused.append(error)
        return []
    if own is None:
        return list(REGIONS)
    elsewhere = own.startswith(("cn-", "us-gov-", "us-iso", "eu-iso"))
    return [own] if elsewhere else list(dict.fromkeys([own, *REGIONS]))
