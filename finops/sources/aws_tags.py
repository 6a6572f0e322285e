"""The tags of a CUR 2.0 row, which stand in up to three columns, as one map.

`resource_tags` and `cost_category` have one scheme each. The newer `tags` has all of them, told apart by a
prefix, the resource's own among them under another spelling (`user:team` beside `user_team`): those are
taken from it only where there is no other column that has them. In the one map the resource's tags keep
their keys, as FOCUS wants of one scheme, and the others carry their scheme's prefix.

Source: AWS's Data Exports user guide, the tags columns of CUR 2.0.
"""

from __future__ import annotations

from duckdb import DuckDBPyConnection, DuckDBPyRelation

from finops.focus import MAP
from finops.sources import tag_sets
from finops.sources.base import quoted
from finops.sources.reading import exact, unique_entries
from finops.sources.tag_sets import TagSets

RESOURCE, CATEGORY = "resourceTags/", "costCategory/"

SCHEMES = {
    "userAttribute/": "user_attribute_",
    "accountTag/": "account_tag_",
    "iamPrincipal/": "iam_principal_",
    CATEGORY: "cost_category_",
}
"""The prefixes of the schemes besides the resource's own tags, and what a legacy report in Parquet makes of them."""

_COLUMNS = ("resource_tags", "tags", "cost_category")


def read(con: DuckDBPyConnection, raw: DuckDBPyRelation, where: str) -> TagSets:
    """Find the sets of tags that an export's rows have; raises SourceError where they cannot be read."""
    found = {name.lower(): name for name in raw.columns}
    columns = [quoted(found[name]) for name in _COLUMNS if name in found]
    return tag_sets.find(con, raw, columns, _united, where)


def _maps_of(raw: DuckDBPyRelation) -> dict[str, str]:
    """The columns of tags that the export has, each as the SQL expression of a map."""
    found = {name.lower(): (name, str(kind).upper()) for name, kind in zip(raw.columns, raw.types, strict=True)}
    return {name: _map_of(*found[name]) for name in _COLUMNS if name in found}


def _united(sets: DuckDBPyRelation) -> str:
    """The SQL expression of a set's tags. A key that comes twice cannot be shown: the first counts then."""
    maps = _maps_of(sets)
    entries = _entries({name: f"MAP_ENTRIES({each})" for name, each in maps.items()})
    every = unique_entries(entries) if _repeats(sets, maps) else f"MAP_FROM_ENTRIES({entries})"
    nothing = " AND ".join(f"({each}) IS NULL" for each in maps.values())
    return f"CASE WHEN {nothing} THEN NULL ELSE {every} END"


def _map_of(column: str, raw: str) -> str:
    """A map out of whatever the column holds. Of a key that comes twice in an object of JSON the first counts."""
    if raw not in {"VARCHAR", "JSON"}:
        return exact(quoted(column), raw, MAP)
    text = f"CAST(NULLIF({quoted(column)}, '') AS JSON)"
    pointer = "'/' || REPLACE(REPLACE(k, '~', '~0'), '/', '~1')"
    entry = f"{{'key': k, 'value': JSON_EXTRACT_STRING({text}, {pointer})}}"
    sifted = f"MAP_FROM_ENTRIES(LIST_TRANSFORM(LIST_DISTINCT(JSON_KEYS({text})), lambda k: {entry}))"
    anything_else = f"CAST({text} AS {MAP})"  # fails, and says why
    return (
        f"COALESCE(TRY_CAST({text} AS {MAP}), "
        f"CASE WHEN JSON_TYPE({text}) = 'OBJECT' THEN {sifted} ELSE {anything_else} END)"
    )


def _entries(lists: dict[str, str]) -> str:
    """The one list of {key, value} out of the columns' own lists of them."""
    parts: list[str] = []
    own, categories = lists.get("resource_tags"), lists.get("cost_category")
    if own:
        parts.append(own)
    if "tags" in lists:
        is_own = (
            f"(STARTS_WITH(e.key, '{RESOURCE}') OR STARTS_WITH(e.key, 'user:') OR STARTS_WITH(e.key, 'aws:')"
            " OR NOT CONTAINS(e.key, '/'))"
        )
        taken = [f"NOT ({is_own} AND LEN({own}) > 0)"] if own else []
        if categories:
            taken.append(f"NOT (STARTS_WITH(e.key, '{CATEGORY}') AND LEN({categories}) > 0)")
        rest = lists["tags"]
        if taken:
            rest = f"LIST_FILTER({rest}, lambda e: {' AND '.join(f'COALESCE({each}, TRUE)' for each in taken)})"
        key = f"CASE WHEN STARTS_WITH(e.key, '{RESOURCE}') THEN SUBSTRING(e.key, {len(RESOURCE) + 1}) ELSE e.key END"
        parts.append(f"LIST_TRANSFORM({rest}, lambda e: {{'key': {key}, 'value': e.value}})")
    if categories:
        parts.append(f"LIST_TRANSFORM({categories}, lambda e: {{'key': '{CATEGORY}' || e.key, 'value': e.value}})")
    return parts[0] if len(parts) == 1 else f"LIST_CONCAT({', '.join(parts)})"


def _repeats(sets: DuckDBPyRelation, maps: dict[str, str]) -> bool:
    """Whether a key comes twice in any set."""
    keys = ", ".join(f"MAP_KEYS({each}) AS {quoted(name)}" for name, each in maps.items())
    lists = {name: f"LIST_TRANSFORM({quoted(name)}, lambda k: {{'key': k, 'value': ''}})" for name in maps}
    listed = f"LIST_TRANSFORM({_entries(lists)}, lambda e: e.key)"
    found = sets.project(keys).distinct().aggregate(f"BOOL_OR(LEN({listed}) <> LIST_UNIQUE({listed}))").fetchall()
    return bool(found[0][0])
