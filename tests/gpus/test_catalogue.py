"""The catalogue of accelerated types; counts are those of the providers' own documentation.

AWS: docs.aws.amazon.com/ec2/latest/instancetypes/ac.html and pg.html; Google: docs.cloud.google.com/compute/docs/gpus.
"""

from __future__ import annotations

import json
import re
from decimal import Decimal
from pathlib import Path

import polars as pl
import pytest

from finops.errors import WarehouseError
from finops.gpus import catalogue
from tests.conftest import ROOT

SAMPLE = json.loads((ROOT / "fixtures/real/aws/gpu_instance_types.json").read_text(encoding="utf-8"))


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
        ("g4-standard-6", "RTX PRO 6000", "0.125"),
        ("a4x-maxgpu-4g-metal", "GB300", 4),
        ("trn1.32xlarge", "Trainium", 16),
        ("trn1n.32xlarge", "Trainium", 16),
        ("trn2u.48xlarge", "Trainium2", 16),
        ("inf2.48xlarge", "Inferentia2", 12),
        ("dl1.24xlarge", "Gaudi HL-205", 8),
        ("dl2q.24xlarge", "Qualcomm AI100", 8),
        ("ml.p4d.24xlarge", "A100", 8),
        ("ml.g5.xlarge", "A10G", 1),
        ("ml.p5en.48xlarge-trainingplaninuse", "H200", 8),
        ("ml.g5.12xlarge-Hosting", "A10G", 4),
        ("ml.p6-b200.48xlarge-Cluster", "B200", 8),
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
        assert each.vendor in {"NVIDIA", "AMD", "AWS", "Habana", "Qualcomm"}, name


@pytest.mark.parametrize("instance_type", SAMPLE)
def test_a_type_of_the_sample_is_counted_as_ec2_counts_it(instance_type: str) -> None:
    """From what EC2 says: whole accelerators, or parts of one times the size of a part."""
    told = SAMPLE[instance_type]
    count = told["count"] or Decimal(told["logical"]) * Decimal(str(told["partition"]))
    a100_80gb = told["model"] == "A100" and told["mem_mib_per"] == 80 * 1024
    found = catalogue.lookup(instance_type)
    assert found is not None
    assert (found.model, found.count, found.vendor) == (
        "A100 80GB" if a100_80gb else told["model"],
        Decimal(count),
        told["vendor"] if told["kind"] == "gpu" else "AWS",
    )


def test_the_sample_has_whole_and_fractional_gpus_and_chips_of_aws() -> None:
    parts = {name for name, told in SAMPLE.items() if not told["count"]}
    assert len(SAMPLE) == 78
    assert parts == {"g6f.large", "g6f.xlarge", "g6f.2xlarge", "g6f.4xlarge", "gr6f.4xlarge"}
    assert {told["kind"] for told in SAMPLE.values()} == {"gpu", "neuron"}


@pytest.mark.parametrize(
    ("instance_type", "looks"),
    [
        ("p7.48xlarge", True),
        ("ml.g9e.xlarge", True),
        ("trn3.48xlarge", True),
        ("inf3.xlarge", True),
        ("dl3.24xlarge", True),
        ("trn2n.48xlarge", True),
        ("p7e-gb400.36xlarge", True),
        ("ml.p7.48xlarge-Training", True),
        ("u-p6e-gb200x72", True),
        ("a5-ultragpu-8g", True),
        ("dl1.24xlarge", False),  # known
        ("p4d.24xlarge", False),  # known
        ("m5.large", False),
        ("a1.medium", False),
        ("t4g.small", False),
        ("i4g.large", False),
        ("vt1.24xlarge", False),  # video encoders
        ("f1.2xlarge", False),  # FPGAs
        ("f2.48xlarge", False),
        ("u-6tb1.metal", False),  # memory
        ("u7i-12tb.224xlarge", False),
        ("ml.m5.large-Notebook", False),
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


def test_what_ec2_said_counts_over_what_is_built_in(tmp_path: Path) -> None:
    ours = {"p5.48xlarge": ("H100 NVL", "8", "NVIDIA"), "p9.large": ("X100", "0.25", "NVIDIA")}
    types = {name: dict(zip(("model", "count", "vendor"), each, strict=True)) for name, each in ours.items()}
    (tmp_path / "catalogue.json").write_text(json.dumps({"instance_types": types}), encoding="utf-8")
    known = catalogue.known(tmp_path)
    assert len(known) == len(catalogue.catalogue()) + 1
    assert catalogue.lookup("ml.p9.large", known) == catalogue.Accelerator("X100", Decimal("0.25"), "NVIDIA")
    assert catalogue.lookup("p5.48xlarge", known) == catalogue.Accelerator("H100 NVL", Decimal(8), "NVIDIA")
    assert catalogue.lookup("p5.4xlarge", known) == catalogue.lookup("p5.4xlarge")
    assert catalogue.is_accelerated_looking("p9.large")
    assert not catalogue.is_accelerated_looking("p9.large", known)
    assert list(known) == sorted(known)


@pytest.mark.parametrize(
    "text",
    [
        "{",
        "[]",
        '{"instance_types": []}',
        '{"instance_types": {"p9.large": 8}}',
        '{"instance_types": {"p9.large": {"model": "X"}}}',
        '{"instance_types": {"p9.large": {"model": ["X"], "count": "1", "vendor": "V"}}}',
        '{"instance_types": {"p9.large": {"model": "X", "count": "1", "vendor": null}}}',
        *(
            f'{{"instance_types": {{"p9.large": {{"model": "X", "count": "{count}", "vendor": "V"}}}}}}'
            for count in ("0", "-1", "NaN", "many")
        ),
    ],
)
def test_a_damaged_file_is_named_with_its_remedy(tmp_path: Path, text: str) -> None:
    (tmp_path / "catalogue.json").write_text(text, encoding="utf-8")
    with pytest.raises(WarehouseError, match="finops catalog refresh") as caught:
        catalogue.known(tmp_path)
    assert str(tmp_path / "catalogue.json") in str(caught.value)
