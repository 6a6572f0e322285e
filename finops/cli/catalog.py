"""`finops catalog`: which machines have GPUs, and how the accounts are called."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Annotated

import typer

from finops.cli.console import console, progress, say
from finops.cli.options import DEFAULT_CONFIG, ConfigOption
from finops.cli.values import count, visible

if TYPE_CHECKING:
    from finops.refreshing import Learned, Refresh

app = typer.Typer(rich_markup_mode=None)
RegionOption = Annotated[
    list[str] | None,
    typer.Option("--region", help="Ask this region; may be given several times.", metavar="REGION"),
]


@app.callback()
def family() -> None:
    """Which machines have GPUs, and how the accounts are called.

    \b
    Example: finops catalog refresh
    """


@app.command()
def refresh(config: ConfigOption = DEFAULT_CONFIG, region: RegionOption = None) -> int:
    """Ask AWS for instance types with accelerators and for account names, and keep both.

    Needs ec2:DescribeInstanceTypes and organizations:ListAccounts, and does what it can with one of them.
    Without --region: the region of each source, us-east-1 and us-west-2.

    \b
    Example: finops catalog refresh --region us-east-1 --region eu-central-1
    """
    from datetime import UTC, datetime

    from finops.aws_inventory import ways
    from finops.config import load_config
    from finops.refreshing import ask, keep

    found = load_config(config)
    with progress() as tell:
        answers = ask(ways(found), tuple(region or ()), tell)
    learned = keep(found.home_dir, answers, datetime.now(UTC).date())
    screen = console()
    for line in report(answers, learned):
        screen.print(visible(line))
    for error in answers.refused:
        say(f"Not asked: {visible(str(error))}")
    if not answers.regions and not answers.sources:
        return 1
    screen.print("Next: finops run reads the bills anew where this changes them")
    return 0


def report(answers: Refresh, learned: Learned) -> Iterator[str]:
    """What was learned, a line each."""
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
        new_names, renamed = learned.new_names, learned.renamed
        yield (
            f"Accounts: {count(len(answers.names), 'name')} from {'; '.join(answers.sources)}, "
            f"{len(new_names)} new, {len(renamed)} changed"
        )
        yield from (f"  changed  {account}: {now!r}, it was {old!r}" for account, (old, now) in renamed.items())
    else:
        yield "Accounts: no names; where a bill has none either, accounts go by their ids"
