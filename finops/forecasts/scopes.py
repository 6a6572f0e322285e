"""Scopes: which spend a budget, or a line of a report, speaks of."""

from __future__ import annotations

from collections.abc import Mapping

import polars as pl

SCOPE_COLUMNS: Mapping[str, str] = {
    "provider": "provider_name",
    "account": "sub_account_id",
    "team": "team",
    "project": "ml_project",
    "model": "ml_model",
    "ml_stage": "ml_stage",
}
"""A scope's keys, and the columns of spend that they speak of."""


def in_scope(scope: Mapping[str, str]) -> pl.Expr:
    """Whether a row lies in the scope: all its keys equal; the empty scope holds everything.

    A provider is compared without case, as people write both "aws" and "AWS"; all else exactly.
    """
    inside = pl.lit(True)
    for key, value in scope.items():
        name = pl.col(SCOPE_COLUMNS[key])
        same = name.str.to_lowercase() == value.lower() if key == "provider" else name == value
        inside = inside & same.fill_null(False)
    return inside


def is_answerable(scope: Mapping[str, str], frame: pl.DataFrame) -> bool:
    """Whether the frame has the columns that the scope speaks of."""
    return all(SCOPE_COLUMNS[key] in frame.columns for key in scope)
