"""What a FOCUS file's rows look like, in any version from 1.0 to 1.4."""

from __future__ import annotations

from duckdb import DuckDBPyRelation

from finops.focus import CREDITS, FOCUS_1_2, FOCUS_1_3_ADDED, MANDATORY
from finops.sources.base import Normaliser, Raw
from finops.sources.reading import project

NORMALISER = Normaliser(
    sql="focus",
    columns={
        **FOCUS_1_2,
        **FOCUS_1_3_ADDED,
        **dict.fromkeys(("x_ServiceCode", "x_ServiceId", "x_UsageType", "x_Operation"), "VARCHAR"),
        "x_Credits": CREDITS,
    },
    required=tuple(name for name in MANDATORY if name != "ServiceCategory"),
)


def from_files(raw: DuckDBPyRelation, where: str) -> Raw:
    """Rows of FOCUS files as the normaliser reads them; what a file calls `x_Credits` may be of any shape."""
    return Raw(project(raw, NORMALISER, where, also={"x_Credits": f"CAST(NULL AS {CREDITS})"}), NORMALISER)
