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
from finops.focus import FOCUS_1_2, MAP, MONEY, TIME
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


def native_schema() -> dict[str, str]:
    """The columns of the native FOCUS export that are read: values stay text until they are cast exactly."""
    own = ("x_CostType", "x_ServiceId", "x_SubscriptionInstanceId", "x_ConsumptionModelDescription")
    texts = dict.fromkeys((*FOCUS_1_2, *own, "x_CurrencyConversionRate"), "VARCHAR")
    return {**texts, **{each["name"]: _type(each) for each in NATIVE}}


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
    if "type" not in field:
        return "VARCHAR"
    if field["type"] == "RECORD":
        inner = ", ".join(f"{quoted(each['name'])} {_type(each)}" for each in field["fields"])
        kind = f"STRUCT({inner})"
    else:
        kind = _TYPES[field["type"]]
    return f"{kind}[]" if field.get("mode") == "REPEATED" else kind


class Fields:
    """A relation's columns and the fields inside them, present or not."""

    def __init__(self, raw: DuckDBPyRelation, where: str) -> None:
        self.raw = raw
        self.where = where
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

    def records(self, path: str) -> tuple[str, dict[str, DuckDBPyType]] | None:
        """The expression of a repeated record and its fields; None when the file has no such thing.

        Where it is empty in every row, a writer that infers types knows nothing of its fields: there is none.
        Raises SourceError where its items are no records.
        """
        found = self.find(path)
        if found is None or found[1].id != "list":
            return None
        item = _children(found[1])["child"]
        if item.id == "struct":
            return found[0], _children(item)
        ((items,),) = self.raw.aggregate(f"COALESCE(SUM(LIST_COUNT({found[0]})), 0)").fetchall()
        if items:
            raise SourceError(
                f"the items of the list {path!r} are {item}, not records",
                where=self.where,
                remedy="write the export's own schema",
            )
        return None

    def entries(self, path: str, key: str = "key", value: str = "value") -> str | None:
        """A repeated field of keys and values as a list of {key, value}, empty when null.

        What was set directly comes before what is inherited from a folder or the organisation.
        """
        found = self.records(path)
        if found is None:
            return None
        listed, fields = found
        pairs = "LIST_TRANSFORM({}, lambda e: {{'key': e." + quoted(key) + ", 'value': e." + quoted(value) + "}})"
        inherited = next((name for name in fields if name.lower() == "inherited"), None)
        if inherited is None:
            return f"COALESCE({pairs.format(listed)}, [])"
        is_inherited = f"COALESCE(LOWER(CAST(e.{quoted(inherited)} AS VARCHAR)) = 'true', FALSE)"
        both = [pairs.format(f"LIST_FILTER({listed}, lambda e: {test} {is_inherited})") for test in ("NOT", "")]
        return f"LIST_CONCAT(COALESCE({both[0]}, []), COALESCE({both[1]}, []))"

    def credits(self, path: str, names: dict[str, str]) -> str | None:
        """The credits of a repeated field as charges keep them, amounts exact; `names` are the fields' there.

        Raises SourceError where credits have no amount.
        """
        found = self.records(path)
        if found is None:
            return None
        listed, fields = found
        if names["amount"] not in fields:
            raise SourceError(
                f"the items of {path!r} have no {names['amount']!r}",
                where=self.where,
                remedy="export them with all of their fields",
            )
        amount = exact(f"c.{quoted(names['amount'])}", str(fields[names["amount"]]), MONEY)
        texts = {name: f"c.{quoted(given)}" if given in fields else "NULL::VARCHAR" for name, given in names.items()}
        kept = ", ".join(f"'{name}': {text}" for name, text in texts.items() if name != "amount")
        return f"LIST_TRANSFORM({listed}, lambda c: {{{kept}, 'amount': {amount}}})"


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
