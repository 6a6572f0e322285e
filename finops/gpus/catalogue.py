"""Which instance types have accelerators, which ones and how many.

The built-in types are in `catalogue.json`, with their attribution. What EC2 itself said (`finops catalog
refresh`) lies in the home, in a file of the same shape, and counts where the two differ. A count may be a
fraction: g6f and gr6f are parts of one GPU. Vendor `AWS` marks Inferentia and Trainium, which count as
accelerators though not as GPUs, as do Habana's and Qualcomm's. FPGAs (f1, f2) and video encoders (vt1) are
in neither file: no model is trained or served on them.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal, InvalidOperation
from functools import cache
from importlib.resources import files
from pathlib import Path
from typing import Final, cast

import polars as pl

from finops.errors import WarehouseError
from finops.files.homefile import read_home_file

ACCELERATED: Final = r"^(?:p|g|gr|trn|inf|dl)[0-9][a-z0-9]*(?:-[a-z0-9]+)?\.|^u-(?:p|g|trn)[0-9]|^(?:a[2-9]x?|g[2-9])-"
"""A type of a family that has accelerators: EC2's (with a dot), its UltraServers, Compute Engine's (a hyphen)."""
FILE: Final = "catalogue.json"
"""What EC2 said, in the home."""
REMEDY: Final = "move the file away, then finops catalog refresh"
_SAGEMAKER: Final = re.compile(r"^ml\.|(?<=large)-[a-z]+$")

Row = tuple[str, str, Decimal, str]
"""instance_type, gpu_model, gpu_count, vendor; types without SageMaker's `ml.`."""


@dataclass(frozen=True)
class Accelerator:
    """What one machine of a type carries: `count` is in whole accelerators, 0.125 is an eighth of one."""

    model: str
    count: Decimal
    vendor: str

    def __str__(self) -> str:
        return f"{self.count.normalize():f} x {self.model} ({self.vendor})"


Catalogue = Mapping[str, Accelerator]
"""By instance type, in alphabetical order."""


@cache
def catalogue() -> Catalogue:
    """Every built-in instance type."""
    text = files("finops.gpus").joinpath("catalogue.json").read_text(encoding="utf-8")
    return _entries(json.loads(text), "catalogue.json")


def refreshed(home: Path) -> dict[str, Accelerator]:
    """The types that EC2 was asked about, of this home; empty before. Raises WarehouseError."""
    path = home / FILE
    return _entries(read_home_file(path, REMEDY), str(path))


def known(home: Path | None = None) -> Catalogue:
    """The built-in types, and over them what EC2 said; raises WarehouseError."""
    return dict(sorted({**catalogue(), **(refreshed(home) if home else {})}.items()))


def base_type(instance_type: str) -> str:
    """The EC2 type behind a SageMaker one: `ml.p4d.24xlarge` and `ml.p4d.24xlarge-Training` are `p4d.24xlarge`."""
    return _SAGEMAKER.sub("", instance_type.strip().lower())


def lookup(instance_type: str, among: Catalogue | None = None) -> Accelerator | None:
    """The accelerators of a type, with or without SageMaker's `ml.`; None when the catalogue has none."""
    return (among or catalogue()).get(base_type(instance_type))


def is_accelerated_looking(instance_type: str, among: Catalogue | None = None) -> bool:
    """Whether a type belongs to an accelerated family, yet the catalogue does not know it.

    Such a type's GPU-hours are unknown: to be counted and named, never taken for zero.
    """
    name = base_type(instance_type)
    return name not in (among or catalogue()) and re.match(ACCELERATED, name) is not None


def rows(among: Catalogue | None = None) -> list[Row]:
    """A catalogue as rows."""
    return [(name, each.model, each.count, each.vendor) for name, each in (among or catalogue()).items()]


def frame(among: Catalogue | None = None) -> pl.DataFrame:
    """The rows as the table gpu.catalogue: gpu_count is DECIMAL(9,4)."""
    schema = {
        "instance_type": pl.String(),
        "gpu_model": pl.String(),
        "gpu_count": pl.Decimal(9, 4),
        "vendor": pl.String(),
    }
    return pl.DataFrame(rows(among), schema=schema, orient="row")


def families() -> pl.DataFrame:
    """The table gpu.accelerated_families: the pattern of the types that must be in the catalogue."""
    return pl.DataFrame({"pattern": [ACCELERATED]})


def document(types: Catalogue) -> dict[str, dict[str, str]]:
    """Types as they stand in a file."""
    return {
        name: {"model": each.model, "count": f"{each.count.normalize():f}", "vendor": each.vendor}
        for name, each in sorted(types.items())
    }


def _entries(file: Mapping[str, object], where: str) -> dict[str, Accelerator]:
    types = file.get("instance_types", {})
    try:
        found = {
            name: Accelerator(_text(entry["model"]), _count(entry["count"]), _text(entry["vendor"]))
            for name, entry in sorted(cast("dict[str, dict[str, str]]", types).items())
        }
    except (AttributeError, InvalidOperation, KeyError, TypeError, ValueError):
        raise WarehouseError("a type is not model, count and vendor", where=where, remedy=REMEDY) from None
    return found


def _text(value: object) -> str:
    if not isinstance(value, str):
        raise TypeError(value)
    return value


def _count(text: str) -> Decimal:
    count = Decimal(text)
    if not (count.is_finite() and 0 < count < 10**5):
        raise ValueError(text)
    return count
