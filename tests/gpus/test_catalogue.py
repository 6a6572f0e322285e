"""The catalogue of accelerated types; counts are those of the providers' own documentation."""

from __future__ import annotations

import re
from decimal import Decimal

import polars as pl
import pytest

from finops.gpus import catalogue


@pytest.mark.parametrize(
    ("instance_type", "model", "count"),
    [
        ("p2.16xlarge", "K80", 16),
        ("p3.8xlarge", "V100", 4),
        ("p4d.24xlarge", "A100", 8),
        ("p4de.24xlarge", "A100 80GB", 8),
        ("p5.4xlarge", "H100", 1),
        ("p5en.48xlarge", "H200", 8),
        ("p6e-gb200.36xlarge", "GB200", 4),
        ("g2.8xlarge", "K520", 4),
        ("g3s.xlarge", "M60", 1),
        ("g4ad.16xlarge", "Radeon Pro V520", 4),
        ("g4dn.metal", "T4", 8),
        ("g6f.large", "L4", "0.125"),
        ("gr6f.4xlarge", "L4", "0.5"),
        ("ml.g5.12xlarge", "A10G", 4),
        (" ML.P5.48XLARGE ", "H100", 8),
        ("a2-megagpu-16g", "A100", 16),
        ("a2-ultragpu-2g", "A100 80GB", 2),
        ("a3-megagpu-8g", "H100 Mega", 8),
        ("a3-ultragpu-8g", "H200", 8),
        ("a4-highgpu-8g", "B200", 8),
        ("g2-standard-24", "L4", 2),
        ("g2-standard-32", "L4", 1),
        ("trn1.32xlarge", "Trainium", 16),
    ],
)
def test_what_a_type_carries(instance_type: str, model: str, count: int | str) -> None:
    found = catalogue.lookup(instance_type)
    assert found is not None
    assert (found.model, found.count) == (model, Decimal(count))


def test_every_type_is_of_an_accelerated_family() -> None:
    for name, each in catalogue.catalogue().items():
        assert re.match(catalogue.ACCELERATED, name), name
        assert each.count > 0, name
        assert each.vendor in {"NVIDIA", "AMD", "AWS"}, name


@pytest.mark.parametrize(
    ("instance_type", "looks"),
    [
        ("p7.48xlarge", True),
        ("ml.g9e.xlarge", True),
        ("trn3.48xlarge", True),
        ("inf3.xlarge", True),
        ("dl1.24xlarge", True),
        ("a4x-maxgpu-4g-metal", True),
        ("p4d.24xlarge", False),  # known
        ("m5.large", False),
        ("a1.medium", False),
        ("t4g.small", False),
        ("i4g.large", False),
        ("n2-standard-8", False),
        ("", False),
    ],
)
def test_a_type_never_seen_is_told_from_one_without_gpus(instance_type: str, looks: bool) -> None:
    assert catalogue.is_accelerated_looking(instance_type) is looks


def test_the_frame_has_the_rows_exactly() -> None:
    frame = catalogue.frame()
    assert frame.schema["gpu_count"] == pl.Decimal(9, 4)
    assert frame.rows() == [(name, model, count, vendor) for name, model, count, vendor in catalogue.rows()]
