"""YAML with line numbers: so that every complaint can name the place."""

from __future__ import annotations

import difflib
from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast

import yaml

from finops.errors import ConfigError

Path_ = tuple[str | int, ...]
"""The way to a value: keys of mappings and positions in lists."""

MOST_VALUES = 100_000
DEEPEST = 50
"""What a file may unfold to: aliases can make a few lines of YAML endless."""


@dataclass(frozen=True)
class Document:
    """A parsed file: its value, and the line of every key."""

    path: Path
    value: object
    lines: dict[Path_, int]

    def at(self, path: Path_) -> object:
        """The value at a place, None when there is none."""
        value = self.value
        for step in path:
            try:
                value = cast("Any", value)[step]
            except (KeyError, IndexError, TypeError):
                return None
        return value

    def existing(self, path: Path_) -> Path_:
        """The path without the steps that the file does not have."""
        kept: Path_ = ()
        for step in path:
            if (*kept, step) in self.lines:
                kept = (*kept, step)
        return kept

    def where(self, path: Path_) -> str:
        """File, line and key of a place, for an error."""
        line = self.lines.get(self.existing(path))
        key = "".join(f"[{step}]" if isinstance(step, int) else f".{step}" for step in path).lstrip(".")
        return ", ".join(
            part for part in (str(self.path), f"line {line}" if line else "", f"key {key}" if key else "") if part
        )


class _AsWritten(yaml.SafeLoader):
    """Every value as the text that it was written as: a number keeps all of its digits, a day stays one."""


cast("Any", _AsWritten).yaml_implicit_resolvers = {
    first: [(tag, pattern) for tag, pattern in each if tag.rpartition(":")[2] in {"null", "merge"}]
    for first, each in cast("Any", yaml.SafeLoader).yaml_implicit_resolvers.items()
}


def read_yaml(
    path: Path, missing: str = "correct its path in finops.yaml, or take the key out", *, as_written: bool = False
) -> Document:
    """Parse a YAML file; raises ConfigError when it is missing, unreadable, malformed or names a key twice.

    `missing` is what to do when there is no such file. `as_written`: numbers, days and truth values stay text.
    """
    try:
        text = path.read_text(encoding="utf-8")
    except FileNotFoundError:
        raise ConfigError("there is no such file", where=str(path), remedy=missing) from None
    except (OSError, UnicodeDecodeError) as error:
        reason = "it is not UTF-8 text" if isinstance(error, UnicodeDecodeError) else error.strerror
        raise ConfigError(
            f"the file cannot be read: {reason}", where=str(path), remedy="check the path and its rights"
        ) from None
    lines: dict[Path_, int] = {}
    value = None
    try:
        loader = (_AsWritten if as_written else yaml.SafeLoader)(text)
        node = loader.get_single_node()
        if node is not None:
            _collect(path, node, (), lines)
            value = cast("Any", loader).construct_document(node)  # last: it works merged keys into the nodes
    except (yaml.YAMLError, ValueError, RecursionError) as error:
        mark = getattr(error, "problem_mark", None)
        line = f", line {mark.line + 1}" if mark else ""
        problem = getattr(error, "problem", None) or "it is not YAML"
        raise ConfigError(
            f"the file is malformed: {problem}", where=f"{path}{line}", remedy="correct the YAML at this line"
        ) from None
    return Document(path, value, lines)


def _collect(path: Path, node: yaml.Node, at: Path_, lines: dict[Path_, int]) -> None:
    lines.setdefault(at, node.start_mark.line + 1)
    if len(at) > DEEPEST or len(lines) > MOST_VALUES:
        raise ConfigError(
            "the file nests without end, or unfolds to too many values",
            where=f"{path}, line {node.start_mark.line + 1}",
            remedy="write the values out instead of using aliases (*name)",
        )
    if isinstance(node, yaml.MappingNode):
        for key_node, value_node in node.value:
            here = (*at, str(key_node.value))
            if here in lines:
                raise ConfigError(
                    f"the key {key_node.value!r} is given twice",
                    where=f"{path}, line {key_node.start_mark.line + 1}",
                    remedy="keep one of the two",
                )
            lines[here] = key_node.start_mark.line + 1
            _collect(path, value_node, here, lines)
    elif isinstance(node, yaml.SequenceNode):
        for index, each in enumerate(node.value):
            _collect(path, each, (*at, index), lines)


def nearest(given: str, known: list[str]) -> str:
    """A remedy that names the nearest known word, and else all of them."""
    close = difflib.get_close_matches(given, known, n=1, cutoff=0.6)
    return f"did you mean {close[0]!r}?" if close else f"known are: {', '.join(known)}"
