"""The terminal: results on standard output, everything else on standard error."""

from __future__ import annotations

import sys
from collections.abc import Callable, Generator
from contextlib import contextmanager
from typing import IO, NoReturn

from rich.console import Console

from finops.cli.values import visible

WIDE = 100_000
"""Columns of a console that is no terminal: a table in a pipe or a file is never cut or folded."""


class _Console(Console):
    """A console that leaves a closed pipe to its caller."""

    def on_broken_pipe(self) -> NoReturn:
        raise BrokenPipeError


def console(stream: IO[str] | None = None) -> Console:
    """A console on a stream (standard output), as wide as the terminal, or as its content elsewhere.

    Neither markup nor emoji codes in its text mean anything: they may come from bills.
    """
    target: IO[str] = stream or sys.stdout
    width = None if target.isatty() else WIDE
    return _Console(file=target, width=width, markup=False, emoji=False, highlight=False)


def say(text: str) -> None:
    """A line for people, on standard error."""
    sys.stderr.write(f"{text}\n")
    sys.stderr.flush()


@contextmanager
def progress() -> Generator[Callable[[str], None]]:
    """A function that tells the step at hand, a line each; on a terminal something moves meanwhile."""
    if not sys.stderr.isatty():
        yield lambda text: say(visible(text))
        return
    screen = _Console(stderr=True, markup=False, emoji=False, highlight=False)
    with screen.status("at work"):
        yield lambda text: screen.print(visible(text))
