"""The result of a query as a table, CSV, JSON or Parquet."""

from __future__ import annotations

import re
import sys
from collections.abc import Callable, Generator, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from enum import StrEnum
from importlib import import_module
from io import TextIOWrapper
from pathlib import Path
from typing import IO, Any, BinaryIO

from duckdb import DuckDBPyConnection
from rich import box
from rich.console import Console
from rich.measure import Measurement
from rich.table import Table
from rich.text import Text

from finops.cli import values
from finops.cli.console import WIDE, console, say
from finops.errors import ConfigError

BATCH = 10_000
TABLE_ROWS = 1_000
"""A table of more rows is no longer read by people: it ends here, and says so."""
NUMBER = re.compile(r"U?(TINY|SMALL|BIG|HUGE)INT|U?INTEGER|FLOAT|DOUBLE|DECIMAL\(\d+,\d+\)")


class Format(StrEnum):
    """How a result is written."""

    TABLE = "table"
    CSV = "csv"
    JSON = "json"
    PARQUET = "parquet"


@dataclass(frozen=True)
class Column:
    """A column of a result; numbers stand on the right of their cells."""

    name: str
    is_number: bool


@dataclass(frozen=True)
class Question:
    """A statement that reads, with its parameters, and the connection to put it to."""

    con: DuckDBPyConnection
    statement: str
    parameters: dict[str, Any] = field(default_factory=dict[str, Any])

    def ask(self) -> DuckDBPyConnection:
        """Run it: the connection holds the rows. Raises duckdb.Error."""
        return self.con.execute(self.statement, self.parameters or None)


def write(question: Question, how: Format, out: Path | None = None) -> None:
    """Ask, and write the result to a file or to standard output.

    Raises ConfigError where the file cannot be written, or the format cannot hold the result.
    """
    if how is Format.PARQUET:
        _write_parquet(question, out)
        return
    con = question.ask()
    if how is Format.JSON:
        _refuse_twins([column.name for column in columns(con)], how)
    with _sink(out) as sink:
        _WRITERS[how](con, sink)


def _refuse_twins(names: list[str], how: Format) -> None:
    """Raise ConfigError where a format would keep one of two columns of the same name."""
    twice = sorted({name for name in names if names.count(name) > 1})
    if twice:
        raise ConfigError(
            f"two columns are called {twice[0]!r}, which {how} cannot hold", remedy="name one of them with AS"
        )


def columns(con: DuckDBPyConnection) -> list[Column]:
    """The columns of the statement that `con` ran last."""
    return [Column(str(each[0]), NUMBER.fullmatch(str(each[1])) is not None) for each in con.description or []]


def table(heads: Sequence[Column], rows: Sequence[Sequence[Any]]) -> Table:
    """Rows as a table: on a narrow terminal text folds, numbers do not, and nothing is cut."""
    drawn = Table(box=box.SIMPLE_HEAD, pad_edge=False)
    for head in heads:
        name = Text(values.visible(head.name))
        justify = "right" if head.is_number else "left"
        drawn.add_column(name, justify=justify, overflow="fold", no_wrap=head.is_number)
    for row in rows:
        pairs = zip(row, heads, strict=True)
        drawn.add_row(*(Text(values.shown(value, head.name)) for value, head in pairs))
    return drawn


def show(screen: Console, drawn: Table) -> None:
    """Print a table; one that cannot be made as narrow as the terminal keeps its width, and lines run on."""
    width = screen.width
    needed = Measurement.get(screen, screen.options.update(width=WIDE), drawn)
    if needed.minimum > width:
        screen.width = needed.maximum
    screen.print(drawn)
    screen.width = width


def _batches(con: DuckDBPyConnection) -> Iterator[list[Any]]:
    while batch := con.fetchmany(BATCH):
        yield batch


def _write_table(con: DuckDBPyConnection, sink: BinaryIO) -> None:
    heads, rows = columns(con), con.fetchmany(TABLE_ROWS + 1)
    stream: IO[str] = sys.stdout if sink is _stdout() else TextIOWrapper(sink, "utf-8", write_through=True)
    target = console(stream)
    if rows:
        show(target, table(heads, rows[:TABLE_ROWS]))
    else:
        target.print("No rows.")
    if stream is not sys.stdout:
        stream.detach()  # type: ignore[attr-defined]
    if len(rows) > TABLE_ROWS:
        say(f"The first {TABLE_ROWS:,} rows are shown; --format csv writes all of them.")


def _write_csv(con: DuckDBPyConnection, sink: BinaryIO) -> None:
    sink.write(values.csv_line(column.name for column in columns(con)).encode())
    for batch in _batches(con):
        sink.write("".join(map(values.csv_line, batch)).encode())


def _write_json(con: DuckDBPyConnection, sink: BinaryIO) -> None:
    names = [column.name for column in columns(con)]
    before = b"[\n"
    for batch in _batches(con):
        for row in batch:
            sink.write(before + values.json_text(dict(zip(names, row, strict=True))).encode())
            before = b",\n"
    sink.write(b"[]\n" if before == b"[\n" else b"\n]\n")


def _write_parquet(question: Question, out: Path | None) -> None:
    """Stream the result in Arrow batches: only a relation hands them out without a copy of the whole."""
    if out is None and sys.stdout.isatty():
        raise ConfigError("Parquet is not for a terminal", remedy="add --out FILE, or redirect the output")
    relation: Any = question.con.sql(question.statement, params=question.parameters or None)
    _refuse_twins(relation.columns, Format.PARQUET)
    # loaded by name: it has no types, takes half the start-up time, and only this format needs it
    parquet: Any = import_module("pyarrow.parquet")
    reader = relation.to_arrow_reader(BATCH)
    with _sink(out) as sink, parquet.ParquetWriter(sink, reader.schema, compression="zstd") as writer:
        for batch in reader:
            writer.write_batch(batch)


_WRITERS: dict[Format, Callable[[DuckDBPyConnection, BinaryIO], None]] = {
    Format.TABLE: _write_table,
    Format.CSV: _write_csv,
    Format.JSON: _write_json,
}


def _stdout() -> BinaryIO:
    return sys.stdout.buffer


@contextmanager
def _sink(out: Path | None) -> Generator[BinaryIO]:
    """Where bytes go: a file that appears when it is whole, or standard output."""
    if out is None:
        sys.stdout.flush()
        yield _stdout()
        _stdout().flush()
        return
    partial = out.with_name(f".{out.name}.partial")
    try:
        with partial.open("wb") as file:
            yield file
        partial.replace(out)
    except OSError as error:
        raise ConfigError(
            f"the file cannot be written: {error.strerror}", where=str(out), remedy="name another with --out"
        ) from None
    finally:
        partial.unlink(missing_ok=True)
