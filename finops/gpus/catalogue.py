"""Which instance types have accelerators, which ones and how many.

The data are in `catalogue.json`, with their attribution. A count may be a fraction: g6f and gr6f are parts
of one GPU. Vendor `AWS` marks Inferentia and Trainium, which count as accelerators though not as GPUs.
"""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from decimal import Decimal
from functools import cache
from importlib.resources import files
from typing import Final, TypedDict, cast

import polars as pl

ACCELERATED: Final = r"^(?:p|g|gr|trn|inf|dl)[0-9][a-z0-9]*(?:-[a-z0-9]+)?\.|^(?:a[234]x?|g[24])-"
"""A type of a family that has accelerators: EC2's (with a dot) and Compute Engine's (with a hyphen)."""


class _Entry(TypedDict):
    model: str
    count: str
    vendor: str


@dataclass(frozen=True)
class Accelerator:
    """What one machine of a type carries: `count` is in whole accelerators, 0.125 is an eighth of one."""

    model: str
    count: Decimal
    vendor: str


@cache
def catalogue() -> dict[str, Accelerator]:
    """Every known instance type, in alphabetical order."""
    text = files("finops.gpus").joinpath("catalogue.json").read_text(encoding="utf-8")
    entries = cast("dict[str, _Entry]", json.loads(text)["instance_types"])
    return {
        name: Accelerator(entry["model"], Decimal(entry["count"]), entry["vendor"])
        for name, entry in sorted(entries.items())
    }


def base_type(instance_type: str) -> str:
    """The EC2 type behind a SageMaker one: `ml.p4d.24xlarge` is a `p4d.24xlarge`."""
    return instance_type.strip().lower().removeprefix("ml.")


def lookup(instance_type: str) -> Accelerator | None:
    """The accelerators of a type, with or without SageMaker's `ml.`; None when the catalogue has none."""
    return catalogue().get(base_type(instance_type))


def is_accelerated_looking(instance_type: str) -> bool:
    """Whether a type belongs to an accelerated family, yet the catalogue does not know it.

    Such a type's GPU-hours are unknown: to be counted and named, never taken for zero.
    """
    name = base_type(instance_type)
    return name not in catalogue() and re.match(ACCELERATED, name) is not None


def rows() -> list[tuple[str, str, Decimal, str]]:
    """The catalogue as (instance_type, gpu_model, gpu_count, vendor); types without SageMaker's `ml.`."""
    return [(name, each.model, each.count, each.vendor) for name, each in catalogue().items()]


def frame() -> pl.DataFrame:
    """The rows as the table gpu.catalogue: gpu_count is DECIMAL(9,4)."""
    schema = {
        "instance_type": pl.String(),
        "gpu_model": pl.String(),
        "gpu_count": pl.Decimal(9, 4),
        "vendor": pl.String(),
    }
    return pl.DataFrame(rows(), schema=schema, orient="row")
