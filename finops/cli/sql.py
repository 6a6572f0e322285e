"""`finops sql`: a query over the published warehouse."""

from __future__ import annotations

import sys
from typing import Annotated

import typer

from finops.cli.options import DEFAULT_CONFIG, ConfigOption, FormatOption, OutOption
from finops.cli.output import Format, write


def sql(
    statement: Annotated[str, typer.Argument(help="One SELECT; - reads it from standard input.")],
    config: ConfigOption = DEFAULT_CONFIG,
    how: FormatOption = Format.TABLE,
    out: OutOption = None,
) -> None:
    """Query the warehouse in SQL, read-only.

    Decimals are exact in csv and json, times are UTC; null is an empty field in csv, empty text is "".

    \b
    Example: finops sql "SELECT ml_stage, sum(effective_cost), currency FROM spend.daily GROUP BY ALL"
    """
    from finops.cli.queries import explained, own_question, published

    text = sys.stdin.read() if statement == "-" else statement
    with published(config) as con, explained():
        write(own_question(con, text), how, out)
