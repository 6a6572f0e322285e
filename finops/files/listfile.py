"""Lists that people keep by hand: CSV, or YAML with the same names. Every value is text, each with its place."""

from __future__ import annotations

import csv
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal, InvalidOperation
from pathlib import Path
from typing import Any, cast

from finops.errors import ConfigError
from finops.files.yamlfile import nearest, read_yaml

FORMATS = (".csv", ".yaml", ".yml")


@dataclass(frozen=True)
class Columns:
    """The names that a list has: those that each line needs, and those that it may have.

    `top` is the key that a YAML file may have the list under.
    """

    top: str
    mandatory: tuple[str, ...]
    optional: tuple[str, ...] = ()


@dataclass(frozen=True)
class Line:
    """A line: its values by column, '' where there is none, and the place it stands at."""

    values: Mapping[str, str]
    at: str

    def __getitem__(self, column: str) -> str:
        return self.values.get(column, "")

    def where(self, column: str) -> str:
        """File, line and column, for an error."""
        return f"{self.at}, column {column}"


def read_lines(path: Path, columns: Columns) -> Iterator[Line]:
    """The lines of a list; raises ConfigError with file and line where it is not what it should be."""
    if path.suffix not in FORMATS:
        raise ConfigError("the file is neither CSV nor YAML", where=str(path), remedy="name it .csv, .yaml or .yml")
    try:
        yield from _csv_lines(path, columns) if path.suffix == ".csv" else _yaml_lines(path, columns)
    except (UnicodeDecodeError, csv.Error) as error:
        raise ConfigError(f"the file is not CSV in UTF-8: {error}", where=str(path), remedy="save it as such") from None
    except FileNotFoundError:
        raise ConfigError(
            "there is no such file", where=str(path), remedy="correct its path in finops.yaml, or take the key out"
        ) from None
    except OSError as error:
        raise ConfigError(
            f"the file cannot be read: {error.strerror}", where=str(path), remedy="check the path and its rights"
        ) from None


def number(text: str) -> Decimal | None:
    """A plain number with all of its digits, None where the text is something else."""
    try:
        found = Decimal(text)
    except InvalidOperation:
        return None
    return found if found.is_finite() and text.isascii() and "_" not in text else None


def _csv_lines(path: Path, columns: Columns) -> Iterator[Line]:
    with path.open(encoding="utf-8-sig", newline="") as file:
        reader = csv.DictReader(file, restkey="", restval="", strict=True)
        reader.fieldnames = [name.strip() for name in reader.fieldnames or ()]
        _known(f"{path}, line 1", reader.fieldnames, columns)
        for row in reader:
            at = f"{path}, line {reader.line_num}"
            if "" in row:
                raise ConfigError("the line has more values than columns", where=at, remedy="quote values with commas")
            yield Line({name: value.strip() for name, value in row.items()}, at)


def _yaml_lines(path: Path, columns: Columns) -> Iterator[Line]:
    document = read_yaml(path, as_written=True)
    top, under = document.value, ()
    if isinstance(top, dict):
        top, under = cast("dict[str, Any]", top).get(columns.top), (columns.top,)
    if not isinstance(top, list):
        raise ConfigError(
            f"the file is not a list of {columns.top}", where=str(path), remedy=f"start it with '{columns.top}:'"
        )
    for index, line in enumerate(cast("list[object]", top)):
        number = document.lines.get((*under, index))
        at = f"{path}, line {number}, entry {index + 1}" if number else f"{path}, entry {index + 1}"
        if not isinstance(line, dict):
            raise ConfigError("an entry is not a mapping", where=at, remedy="write key: value for each column")
        entry = {str(name): value for name, value in cast("dict[Any, Any]", line).items()}
        _known(at, list(entry), columns)
        nested = next((name for name, value in entry.items() if isinstance(value, (dict, list))), None)
        if nested is not None:
            raise ConfigError("the value is not plain text", where=f"{at}, column {nested}", remedy="write one value")
        yield Line({name: "" if value is None else str(value).strip() for name, value in entry.items()}, at)


def _known(at: str, given: Sequence[str], columns: Columns) -> None:
    names = [*columns.mandatory, *columns.optional]
    missing = [name for name in columns.mandatory if name not in given]
    unknown = [name for name in given if name not in names]
    twice = [name for name in given if given.count(name) > 1]
    if missing:
        raise ConfigError(f"columns are missing: {', '.join(missing)}", where=at, remedy="add them to the file")
    if unknown:
        raise ConfigError(f"unknown column {unknown[0]!r}", where=at, remedy=nearest(unknown[0], names))
    if twice:
        raise ConfigError(f"the column {twice[0]!r} is given twice", where=at, remedy="keep one of the two")
