"""`finops simulate`: a simulated company to try everything on."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Annotated

import typer

from finops.cli.console import console, progress
from finops.cli.options import DEFAULT_CONFIG, ConfigOption
from finops.errors import ConfigError

MARK = "simulated: everything that this file loads lies beside it"
"""What the first line of a simulation's own finops.yaml says."""


def simulate(
    out: Annotated[Path, typer.Option("--out", help="The folder to write.", metavar="DIR")],
    seed: Annotated[int, typer.Option("--seed", help="Another seed is another company.", min=0)] = 7,
    months: Annotated[int, typer.Option("--months", help="Months of bills.", min=1, max=36)] = 12,
    scale: Annotated[float, typer.Option("--scale", help="Multiplies the small charges.")] = 1.0,
    config: ConfigOption = DEFAULT_CONFIG,  # noqa: ARG001 - every command takes it; a simulation needs none
) -> None:
    """Write a simulated company to try it all on.

    It has bills, GPU telemetry, budgets, a finops.yaml that loads them, and the truth behind them. An earlier
    simulation in the folder is replaced; its warehouse stays.

    \b
    Example: finops simulate --out company --months 6
    """
    if not scale > 0:
        raise ConfigError(f"the scale is {scale}", where="--scale", remedy="give a number above 0")
    out = out if out.name else out.resolve()
    again = _is_simulation(out)
    if not again and out.exists() and (not out.is_dir() or any(out.iterdir())):
        raise ConfigError(
            "the folder holds something that is not an earlier simulation",
            where=str(out),
            remedy="name a new or an empty folder",
        )
    from finops.simulator import simulate as write_company

    target = out.with_name(f".{out.name}.new") if again else out
    with progress() as tell:
        if again:
            shutil.rmtree(target, ignore_errors=True)
        report = write_company(target, seed=seed, months=months, scale=scale, progress=tell)
        if again:
            _replace(target, out)
    screen = console()
    rows = ", ".join(f"{count:,} rows of {source}" for source, count in report.rows.items())
    screen.print(f"Simulated: {rows}; {report.samples:,} GPU samples, {report.budgets} budgets.")
    screen.print(f"Next: finops run --config {out / 'finops.yaml'}")


def _is_simulation(out: Path) -> bool:
    try:
        with (out / "finops.yaml").open(encoding="utf-8") as file:
            return MARK in file.readline(500)
    except (OSError, UnicodeDecodeError):
        return False


def _replace(fresh: Path, out: Path) -> None:
    """Put what was written in the place of what an earlier simulation wrote, and of nothing else."""
    for entry in sorted(fresh.iterdir()):
        old = out / entry.name
        if old.is_dir() and not old.is_symlink():
            shutil.rmtree(old)
        entry.replace(old)
    fresh.rmdir()
