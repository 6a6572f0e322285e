"""`finops alerts`: the channels that alerts go through."""

from __future__ import annotations

import typer

from finops.cli.console import console
from finops.cli.options import DEFAULT_CONFIG, ConfigOption
from finops.cli.values import visible

app = typer.Typer(rich_markup_mode=None)


@app.callback()
def family() -> None:
    """The channels that alerts go through.

    \b
    Example: finops alerts test
    """


@app.command("test")
def send_test(config: ConfigOption = DEFAULT_CONFIG) -> None:
    """Send a test message through every channel.

    \b
    Example: finops alerts test
    """
    from finops import alerts
    from finops.config import load_config

    found = load_config(config)
    screen = console()
    alerts.send_test(found.slack, found.home_dir, lambda text: screen.print(visible(text)))
