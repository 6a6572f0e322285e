"""What a FOCUS file's rows look like, in any version from 1.0-preview to 1.4."""

from __future__ import annotations

from duckdb import DuckDBPyRelation

from finops.focus import CREDITS, FOCUS_1_2, FOCUS_1_3_ADDED, MANDATORY
from finops.sources.base import Normaliser, Raw, quoted
from finops.sources.focus_versions import PREVIEW
from finops.sources.reading import exact, project

NORMALISER = Normaliser(
    sql="focus",
    columns={
        **FOCUS_1_2,
        **FOCUS_1_3_ADDED,
        "ChargeSubcategory": "VARCHAR",
        **dict.fromkeys(("x_ServiceCode", "x_ServiceId", "x_UsageType", "x_Operation"), "VARCHAR"),
        "x_Credits": CREDITS,
    },
    required=tuple(name for name in MANDATORY if name != "ServiceCategory"),
)


def from_files(raw: DuckDBPyRelation, where: str) -> Raw:
    """Rows of FOCUS files as the normaliser reads them; what a file calls `x_Credits` may be of any shape."""
    raw = _with_names_of_1_0(raw)
    return Raw(project(raw, NORMALISER, where, also={"x_Credits": f"CAST(NULL AS {CREDITS})"}), NORMALISER)


def _with_names_of_1_0(raw: DuckDBPyRelation) -> DuckDBPyRelation:
    """The preview's columns under their later names; files of both are read side by side, so some rows have either."""
    there = {name.lower(): str(kind) for name, kind in zip(raw.columns, raw.types, strict=True)}
    pairs = [(old, new) for old, new in PREVIEW.items() if old.lower() in there]
    if not pairs:
        return raw
    both = [(old, new) for old, new in pairs if new.lower() in there]
    gone = ", ".join(quoted(name) for name in (*(old for old, _ in pairs), *(new for _, new in both)))

    def read(name: str, new: str) -> str:
        return exact(quoted(name), there[name.lower()], NORMALISER.columns[new])  # one file's text is another's number

    named = ", ".join(
        f"{f'coalesce({read(new, new)}, {read(old, new)})' if (old, new) in both else quoted(old)} AS {quoted(new)}"
        for old, new in pairs
    )
    return raw.project(f"* EXCLUDE ({gone}), {named}")
