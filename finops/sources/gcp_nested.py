"""The nested columns of Google's exports, in whatever way a file format holds them.

The schema is always given, never inferred: inference turned tags into null lists and exact numbers into
doubles. Source of `gcp_export_schema.json`: a live detailed export table, November 2026.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any, cast

import duckdb
from duckdb import DuckDBPyRelation
from duckdb.sqltypes import DuckDBPyType
from sqlglot import exp

from finops.errors import SourceError
from finops.focus import MAP, MONEY, TIME
from finops.sources.base import quoted
from finops.sources.reading import exact, unique_entries, unreadable

_TYPES = {"STRING": "VARCHAR", "TIMESTAMP": TIME, "FLOAT": "DOUBLE", "NUMERIC": MONEY, "BOOLEAN": "BOOLEAN"}

NATIVE: list[dict[str, Any]] = [
    *(
        {"name": name, "type": "RECORD", "mode": "REPEATED", "fields": [{"name": "Key"}, {"name": "Value"}]}
        for name in ("x_Labels", "x_Tags", "x_ProjectLabels", "x_SystemLabels")
    ),
    {
        "name": "x_Credits",
        "type": "RECORD",
        "mode": "REPEATED",
        "fields": [{"name": name} for name in ("Name", "Type", "Id", "Amount")],
    },
]
"""The nested fields of the native FOCUS export that are read; its other columns are flat."""


def fields() -> list[dict[str, Any]]:
    """The detailed export's fields as BigQuery describes them."""
    return json.loads((Path(__file__).parent / "gcp_export_schema.json").read_text(encoding="utf-8"))


def schema() -> dict[str, str]:
    """The export's columns with their DuckDB types."""
    return {field["name"]: _type(field) for field in fields()}


def nested(raw: DuckDBPyRelation, where: str, known: list[dict[str, Any]]) -> DuckDBPyRelation:
    """The relation with nested columns as such, where a file holds them as JSON text or as dotted columns.

    Raises SourceError for text that is no JSON list or object, and for a list in dotted columns: its rows
    would be counted once for each of its items.
    """
    kinds = dict(zip(raw.columns, map(str, raw.types), strict=True))
    composed = {field["name"]: _composed(kinds, field["name"], field, where) for field in known if _is_nested(field)}
    columns = [quoted(name) for name in raw.columns if composed.get(name) is None]
    columns += [f"{expression} AS {quoted(name)}" for name, expression in composed.items() if expression is not None]
    try:
        return raw.project(", ".join(columns))
    except duckdb.Error as error:
        raise unreadable(error, where) from None


def _is_nested(field: dict[str, Any]) -> bool:
    return field.get("type") == "RECORD"


def _composed(kinds: dict[str, str], path: str, field: dict[str, Any], where: str) -> str | None:
    """The expression of a field that a file holds in one column or in several; None where it has none."""
    if path in kinds:
        return _parsed(quoted(path), field) if _is_nested(field) and "STRUCT" not in kinds[path] else quoted(path)
    if not _is_nested(field) or not any(name.startswith(f"{path}.") for name in kinds):
        return None
    if field["mode"] == "REPEATED":
        raise SourceError(
            f"the list {path!r} is spread over columns",
            where=where,
            remedy=f"write it as JSON into one column {path!r}, one row for each row of the export",
        )
    parts = {each["name"]: _composed(kinds, f"{path}.{each['name']}", each, where) for each in field["fields"]}
    packed = ", ".join(f"{quoted(name)} := {part}" for name, part in parts.items() if part is not None)
    return f"STRUCT_PACK({packed})" if packed else None


def _parsed(column: str, field: dict[str, Any]) -> str:
    """JSON text as a struct or a list of them: values stay text until they are cast exactly."""
    shape = exp.Literal.string(json.dumps(_shape(field["fields"]))).sql("duckdb")
    text = f"CAST(NULLIF(CAST({column} AS VARCHAR), '') AS JSON)"
    if field["mode"] == "REPEATED":
        return f"LIST_TRANSFORM(CAST({text} AS JSON[]), lambda e: FROM_JSON(e, {shape}))"
    return f"FROM_JSON({text}, {shape})"


def _shape(known: list[dict[str, Any]]) -> dict[str, Any]:
    shape: dict[str, Any] = {}
    for field in known:
        inner = _shape(field["fields"]) if _is_nested(field) else "VARCHAR"
        shape[field["name"]] = [inner] if field.get("mode") == "REPEATED" else inner
    return shape


def _type(field: dict[str, Any]) -> str:
    if field["type"] == "RECORD":
        inner = ", ".join(f"{quoted(each['name'])} {_type(each)}" for each in field["fields"])
        kind = f"STRUCT({inner})"
    else:
        kind = _TYPES[field["type"]]
    return f"{kind}[]" if field["mode"] == "REPEATED" else kind


class Fields:
    """A relation's columns and the fields inside them, present or not."""

    def __init__(self, raw: DuckDBPyRelation) -> None:
        self.types = {name.lower(): (name, kind) for name, kind in zip(raw.columns, raw.types, strict=True)}

    def find(self, path: str) -> tuple[str, DuckDBPyType] | None:
        """The expression and type of `column` or `column.field`; None when the file has no such thing."""
        top, _, field = path.partition(".")
        found = self.types.get(top.lower())
        if found is None or not field:
            return (quoted(found[0]), found[1]) if found else None
        if found[1].id != "struct" or field not in _children(found[1]):
            return None
        return f"{quoted(found[0])}.{quoted(field)}", _children(found[1])[field]

    def entries(self, path: str, key: str = "key", value: str = "value") -> str | None:
        """A repeated field of keys and values as a list of {key, value}, empty when null.

        What was set directly comes before what is inherited from a folder or the organisation.
        """
        found = self.find(path)
        if found is None or found[1].id != "list":
            return None
        pairs = "LIST_TRANSFORM({}, lambda e: {{'key': e." + quoted(key) + ", 'value': e." + quoted(value) + "}})"
        lists = [found[0]]
        inherited = next((name for name in _items(found[1]) if name.lower() == "inherited"), None)
        if inherited is not None:
            is_inherited = f"LOWER(CAST(e.{quoted(inherited)} AS VARCHAR)) = 'true'"
            lists = [
                f"LIST_FILTER({found[0]}, lambda e: {test} COALESCE({is_inherited}, FALSE))" for test in ("NOT", "")
            ]
        each = [f"COALESCE({pairs.format(one)}, [])" for one in lists]
        return each[0] if len(each) == 1 else f"LIST_CONCAT({', '.join(each)})"

    def credits(self, path: str, names: dict[str, str]) -> str | None:
        """The credits of a repeated field as charges keep them, amounts exact; `names` are the fields' there."""
        found = self.find(path)
        if found is None or found[1].id != "list":
            return None
        kind = str(_items(found[1])[names["amount"]])
        amount = exact(f"c.{quoted(names['amount'])}", kind, MONEY)
        fields = ", ".join(f"'{name}': c.{quoted(given)}" for name, given in names.items() if name != "amount")
        return f"LIST_TRANSFORM({found[0]}, lambda c: {{{fields}, 'amount': {amount}}})"


def merged(lists: list[str | None]) -> str:
    """Lists of {key, value} as one map: where a key comes twice, the first list counts."""
    present = [each for each in lists if each is not None]
    if not present:
        return f"CAST(NULL AS {MAP})"
    joined = present[0]
    for each in present[1:]:
        joined = f"LIST_CONCAT({joined}, {each})"
    return unique_entries(joined)


def _children(kind: DuckDBPyType) -> dict[str, DuckDBPyType]:
    return dict(cast("list[tuple[str, DuckDBPyType]]", kind.children))


def _items(kind: DuckDBPyType) -> dict[str, DuckDBPyType]:
    """The fields of a list's records."""
    return _children(_children(kind)["child"])
