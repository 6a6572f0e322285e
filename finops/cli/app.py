"""All commands, and what becomes of their errors."""

from __future__ import annotations

import os
import sys
import traceback
from collections.abc import Sequence
from importlib.metadata import version
from typing import Annotated

import typer

from finops.cli import alerts, budgets, catalog
from finops.cli.console import say
from finops.cli.doctor import doctor
from finops.cli.export import export
from finops.cli.reports import checks, gaps, idle, overruns, restatements, stages
from finops.cli.run import run
from finops.cli.simulate import simulate
from finops.cli.sql import sql
from finops.cli.values import visible
from finops.errors import ConfigError, FinopsError

app = typer.Typer(
    name="finops",
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
    context_settings={"help_option_names": ["-h", "--help"]},
)


def _version(wanted: bool) -> None:
    if wanted:
        typer.echo(f"finops {version('ml-finops-warehouse')}")
        raise typer.Exit


@app.callback()
def finops(
    _: Annotated[bool, typer.Option("--version", callback=_version, is_eager=True, help="Show the version.")] = False,
) -> None:
    """What a company's machine learning costs, from its cloud bills and GPU telemetry.

    \b
    Example: finops run && finops stages
    """


for _command in (run, simulate, stages, idle, overruns, gaps, restatements, checks, export, doctor):
    app.command()(_command)
# a statement may begin with a comment, which looks like an option
app.command(context_settings={"ignore_unknown_options": True})(sql)
app.add_typer(alerts.app, name="alerts")
app.add_typer(budgets.app, name="budgets")
app.add_typer(catalog.app, name="catalog")


def main(arguments: Sequence[str] | None = None) -> int:
    """Run a command; returns the exit code: 0 done, 1 the work failed, 2 wrong usage or configuration."""
    reconfigure = getattr(sys.stdout, "reconfigure", None)
    if reconfigure is not None:
        # a name that the terminal's encoding lacks must not end the command
        reconfigure(errors="backslashreplace")
    try:
        given = list(sys.argv[1:] if arguments is None else arguments)
        result = app(args=given or ["--help"], prog_name="finops", standalone_mode=False)
        sys.stdout.flush()
    except FinopsError as error:
        return _failed(str(error), error.exit_code)
    except typer.TyperException as error:
        return _misused(error)
    except (BrokenPipeError, SystemExit) as error:
        # typer makes an exit with 1 of a closed pipe
        if isinstance(error, SystemExit) and not isinstance(error.__context__, BrokenPipeError):
            raise
        return _reader_left()
    except BaseException as error:
        if _is_interrupt(error):
            return _interrupted()
        if isinstance(error, Exception):
            return _unexpected(error)
        raise
    # typer makes an exit with 130 of Ctrl-C
    return _interrupted() if result == 130 else result if isinstance(result, int) else 0


def _failed(text: str, code: int) -> int:
    say(f"Error: {visible(text)}")
    return code


def _interrupted() -> int:
    return _failed("interrupted: what was published stands.", 130)


def _is_interrupt(error: BaseException | None) -> bool:
    """Whether Ctrl-C is behind it: DuckDB and orchestrators make errors of their own of it."""
    seen: set[int] = set()  # what is raised again inside a context manager can come to be its own cause
    while error is not None and id(error) not in seen:
        seen.add(id(error))
        if "Interrupt" in type(error).__name__ or str(error) == "Query interrupted":
            return True
        error = error.__cause__ or error.__context__
    return False


def _misused(error: typer.TyperException) -> int:
    context = getattr(error, "ctx", None)
    command = context.command_path if context else "finops"
    what = error.format_message().replace("Value error, ", "")
    return _failed(str(ConfigError(what, remedy=f"{command} --help shows what it takes")), error.exit_code)


def _reader_left() -> int:
    """Whoever read our output has what it wanted (as `head` does): no error, and none at exit either."""
    nowhere = os.open(os.devnull, os.O_WRONLY)
    os.dup2(nowhere, sys.stdout.fileno())
    os.close(nowhere)
    return 0


def _unexpected(error: Exception) -> int:
    if os.environ.get("FINOPS_DEBUG") == "1":
        traceback.print_exc()
    text = " ".join(f"{type(error).__name__}: {error}".split())
    say(
        f"Unexpected error: {visible(text)}. This is a fault of finops: please report it, "
        "with what FINOPS_DEBUG=1 shows."
    )
    return 1
