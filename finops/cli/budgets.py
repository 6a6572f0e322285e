"""`finops budgets`: plans that were made elsewhere."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from finops.cli.console import console, progress, say
from finops.cli.options import DEFAULT_CONFIG, ConfigOption, OutOption
from finops.cli.values import count, visible

if TYPE_CHECKING:
    from finops.clouds.ways import Ways
    from finops.config import Config

CALL = 60.0
"""Seconds that are waited for each of Google's answers."""
app = typer.Typer(rich_markup_mode=None)
ForceOption = Annotated[bool, typer.Option("--force", help="Replace the file of --out if it is there.")]


@app.callback()
def family() -> None:
    """Plans that were made elsewhere.

    \b
    Example: finops budgets import --out budgets-aws.yaml
    """


@app.command("import")
def import_(config: ConfigOption = DEFAULT_CONFIG, out: OutOption = None, force: ForceOption = False) -> int:
    """Read the budgets of AWS and Google Cloud and write them as a budgets file.

    Monthly cost budgets whose filters are an account (a project), or tags or labels that finops reads; what else
    there is is named, with the reason why it is left out. Needs budgets:ViewBudget and
    organizations:DescribeOrganization; billing.accounts.list and billing.budgets.list.

    \b
    Example: finops budgets import --out budgets-aws.yaml
    """
    from datetime import UTC, datetime

    from finops.budgets import importing
    from finops.clouds.accounts import AWS, GOOGLE
    from finops.clouds.gcp_inventory import Patience
    from finops.clouds.ways import ways
    from finops.config import load_config
    from finops.warehouse import published

    found = load_config(config)
    if out is not None:
        importing.refuse_existing(out, force)
    today = datetime.now(UTC).date()
    clouds, bills = ways(found), found.published
    with progress() as tell:
        answers = importing.ask(clouds.aws, published.payers(bills, AWS), today, tell)
        if clouds.google:
            payers, projects = published.payers(bills, GOOGLE), published.google_projects(bills)
            importing.ask_google(clouds.google, payers, projects, tell, Patience(CALL), answers)
    imported = answers.imported
    for name, reason in imported.left_out:
        say(f"Left out: {visible(name)}: {visible(reason)}")
    for name, note in imported.notes:
        say(f"Note: {visible(name)}: {visible(note)}")
    for error in answers.refused:
        say(f"Not asked: {visible(str(error))}")
    if not answers.accounts:
        return 1
    if not imported.entries:
        say(f"No budget to import from {', '.join(answers.accounts)}.")
        return 0
    text = importing.budgets_file(imported, answers.accounts, today)
    if out is None:
        console().print(text, end="", soft_wrap=True)
    else:
        importing.write_budgets(out, text, force)
        console().print(f"{count(len(imported.entries), 'budget')} of {_clouds(clouds)} written to {visible(str(out))}")
    say(_next(found, out))
    return 0


def _clouds(clouds: Ways) -> str:
    return " and ".join(name for name, ways in (("AWS", clouds.aws), ("Google Cloud", clouds.google)) if ways)


def _next(config: Config, out: Path | None) -> str:
    """How the file comes to be used."""
    if config.budgets is not None:
        return f"Next: copy what you want of it into {visible(str(config.resolve(config.budgets)))}, then finops run"
    # paths in finops.yaml are relative to it
    name = os.path.relpath(out, config.path.parent) if out else "budgets-imported.yaml"
    kept = "name it" if out else f"keep it as {name} and name it"
    return f"Next: {kept} in finops.yaml (budgets: {visible(name)}), then finops run"
