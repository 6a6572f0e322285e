"""The tags of a CUR 2.0 row, which stand in up to three columns, as one map.

`resource_tags` and `cost_category` have one scheme each. The newer `tags` has all of them, told apart by a
prefix, the resource's own among them under another spelling (`user:team` beside `user_team`): those are
taken from it only where there is no other column that has them. In the one map the resource's tags keep
their keys, as FOCUS wants of one scheme, and the others carry their scheme's prefix.

Source: AWS's Data Exports user guide, the tags columns of CUR 2.0.
"""

from __future__ import annotations

import duckdb
from duckdb import DuckDBPyRelation

from finops.focus import MAP
from finops.sources.reading import exact, quoted, unique_entries, unreadable

RESOURCE, CATEGORY = "resourceTags/", "costCategory/"

SCHEMES = {
    "userAttribute/": "user_attribute_",
    "accountTag/": "account_tag_",
    "iamPrincipal/": "iam_principal_",
    CATEGORY: "cost_category_",
}
"""The prefixes of the schemes besides the resource's own tags, and what a legacy report in Parquet makes of them."""

_COLUMNS = ("resource_tags", "tags", "cost_category")


def maps_of(raw: DuckDBPyRelation) -> dict[str, str]:
    """The columns of tags that the export has, each as the SQL expression of a map."""
    found = {name.lower(): (name, str(kind).upper()) for name, kind in zip(raw.columns, raw.types, strict=True)}
    return {name: _map_of(*found[name]) for name in _COLUMNS if name in found}


def tag_set(maps: dict[str, str]) -> str:
    """What tells a row's set of tags from others, as SQL: its columns of tags, as they are."""
    return f"TO_JSON([{', '.join(maps.values())}])" if maps else "CAST(NULL AS VARCHAR)"


def sets(raw: DuckDBPyRelation, maps: dict[str, str], tags: str) -> DuckDBPyRelation | None:
    """The distinct sets, each put together once; `tags` is the expression of `united`."""
    if not maps:
        return None
    columns = ", ".join(f"ANY_VALUE({quoted(name)}) AS {quoted(name)}" for name in maps)
    kept = raw.project(f"{tag_set(maps)} AS tag_set, {', '.join(quoted(name) for name in maps)}")
    return kept.aggregate(f"tag_set, {columns}", "tag_set").project(f"tag_set, {tags} AS Tags")


def united(raw: DuckDBPyRelation, where: str) -> str:
    """The SQL expression of a row's tags, over the columns that the export has; raises SourceError.

    To put a map together, or to look for a key that it has twice (which cannot be shown), costs more in each
    row than the rest of it. So the different lists of keys, which are few, are looked at once, and tags that
    have all in one column already are left as they are.
    """
    maps = maps_of(raw)
    if not maps:
        return f"CAST(NULL AS {MAP})"
    repeats, own_alone = _looked_at(raw, maps, where)
    if own_alone and not repeats:
        return maps["resource_tags"]
    entries = _entries({name: f"MAP_ENTRIES({each})" for name, each in maps.items()})
    every = unique_entries(entries) if repeats else f"MAP_FROM_ENTRIES({entries})"
    nothing = " AND ".join(f"({each}) IS NULL" for each in maps.values())
    return f"CASE WHEN {nothing} THEN NULL ELSE {every} END"


def _map_of(column: str, raw: str) -> str:
    """A map out of whatever the column holds. Of a key that comes twice in an object of JSON the first counts."""
    if raw not in {"VARCHAR", "JSON"}:
        return exact(column, raw, MAP)
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


def _looked_at(raw: DuckDBPyRelation, maps: dict[str, str], where: str) -> tuple[bool, bool]:
    """Whether a key comes twice in any row's one list, and whether all lists are those of `resource_tags`."""
    keys = ", ".join(f"MAP_KEYS({each}) AS {quoted(name)}" for name, each in maps.items())
    lists = {name: f"LIST_TRANSFORM({quoted(name)}, lambda k: {{'key': k, 'value': ''}})" for name in maps}
    listed = f"LIST_TRANSFORM({_entries(lists)}, lambda e: e.key)"
    own = "COALESCE(LEN(resource_tags), 0)" if "resource_tags" in maps else "-1"
    seen = f"BOOL_OR(LEN({listed}) <> LIST_UNIQUE({listed})), BOOL_AND(COALESCE(LEN({listed}), 0) = {own})"
    try:
        found = raw.project(keys).distinct().aggregate(seen).fetchall()
    except duckdb.Error as error:
        raise unreadable(error, where) from None
    repeats, own_alone = found[0]
    return bool(repeats), bool(own_alone)
