"""`finops doctor`: everything that a run needs, tried one by one."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

from rich.text import Text

from finops.cli.console import console
from finops.cli.options import DEFAULT_CONFIG, ConfigOption
from finops.cli.values import visible
from finops.errors import FinopsError

if TYPE_CHECKING:
    from finops.cli.examine import Check


@dataclass(frozen=True)
class Finding:
    """One line of the doctor's: what was looked at, whether it is fine, and what was seen."""

    subject: str
    passed: bool
    text: str


def doctor(config: ConfigOption = DEFAULT_CONFIG) -> int:
    """Check all that a run needs.

    Configuration, credentials, permissions and reachability of every source: each failure with its remedy.

    \b
    Example: finops doctor
    """
    from finops.cli.examine import examinations
    from finops.config import load_config

    found = load_config(config)
    screen = console()
    failed = 0
    for finding in examine(examinations(found)):
        failed += not finding.passed
        mark = Text("ok     ", style="green") if finding.passed else Text("failed ", style="bold red")
        screen.print(mark + Text(f"{visible(finding.subject)}: {visible(finding.text)}"))
    screen.print(Text("All is well." if not failed else f"{failed} failed: see the remedies above."))
    return 1 if failed else 0


def examine(checks: Iterator[tuple[str, Check]]) -> Iterator[Finding]:
    """Run the checks one by one: one that fails leaves the others alone."""
    for subject, check in checks:
        try:
            yield Finding(subject, True, check())
        except FinopsError as error:
            yield Finding(subject, False, str(error))
        except Exception as error:  # a library's own error is a finding too
            text = " ".join(f"{type(error).__name__}: {error}".split())
            yield Finding(subject, False, f"{text}. What to do: check network, credentials and rights")
