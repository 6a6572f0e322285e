"""The command `finops`: results on standard output, everything else on standard error."""

from finops.cli.app import main

__all__ = ["main"]
