"""What EC2 says of a type becomes an entry of the catalogue, or is named as unclear."""

from __future__ import annotations

import json
from decimal import Decimal
from typing import Any

import pytest

from finops.gpus.catalogue import Accelerator, catalogue
from finops.gpus.instance_types import compare, read_types
from tests.conftest import ROOT

SAMPLE = json.loads((ROOT / "fixtures/real/aws/gpu_instance_types.json").read_text(encoding="utf-8"))


def gpus(**told: Any) -> dict[str, Any]:
    return {"GpuInfo": {"Gpus": [{"Name": "T4", "Manufacturer": "NVIDIA", "Count": 1, **told}]}}


def ec2(name: str) -> dict[str, Any]:
    """A type of the sample as DescribeInstanceTypes tells it."""
    told = SAMPLE[name]
    if told["kind"] == "neuron":
        device = {"Name": told["model"], "Count": told["count"]}
        return {"InstanceType": name, "NeuronInfo": {"NeuronDevices": [device]}}
    gpu = {
        "Name": told["model"],
        "Manufacturer": told["vendor"],
        "Count": told["count"],
        "LogicalGpuCount": told["logical"],
        "GpuPartitionSize": told["partition"],
        "MemoryInfo": {"SizeInMiB": told["mem_mib_per"]},
    }
    return {"InstanceType": name, "GpuInfo": {"Gpus": [gpu], "TotalGpuMemoryInMiB": 1}}


def read(name: str, **told: Any) -> Accelerator | None:
    found, unclear = read_types([{"InstanceType": name, **told}])  # type: ignore[list-item]
    assert not (found and unclear)
    return found.get(name)


def test_ec2_s_answer_for_the_whole_sample_is_what_is_built_in() -> None:
    found, unclear = read_types([ec2(name) for name in SAMPLE])  # type: ignore[misc]
    assert (len(found), unclear) == (78, [])
    changes = compare(catalogue(), found)
    assert (changes.new, changes.changed) == ({}, {})


@pytest.mark.parametrize(
    ("name", "told", "expected"),
    [
        ("g4dn.xlarge", gpus(), Accelerator("T4", Decimal(1), "NVIDIA")),
        (
            "g6f.large",
            gpus(Name="L4", Count=0, LogicalGpuCount=1, GpuPartitionSize=0.125),
            Accelerator("L4", Decimal("0.125"), "NVIDIA"),
        ),
        (
            "g9f.large",
            gpus(Name="X", Count=0, LogicalGpuCount=3, GpuPartitionSize=0.1),
            Accelerator("X", Decimal("0.3"), "NVIDIA"),
        ),
        # whole GPUs count whole, however many logical ones they are cut into
        ("g9.large", gpus(Count=2, LogicalGpuCount=8, GpuPartitionSize=0.25), Accelerator("T4", Decimal(2), "NVIDIA")),
        (
            "p4de.24xlarge",
            gpus(Name="A100", Count=8, MemoryInfo={"SizeInMiB": 81920}),
            Accelerator("A100 80GB", Decimal(8), "NVIDIA"),
        ),
        (
            "p4d.24xlarge",
            gpus(Name="A100", Count=8, MemoryInfo={"SizeInMiB": 40960}),
            Accelerator("A100", Decimal(8), "NVIDIA"),
        ),
        ("p6e-gb200.36xlarge", gpus(Name="B200", Count=4), Accelerator("GB200", Decimal(4), "NVIDIA")),
        ("p6-b200.48xlarge", gpus(Name="B200", Count=8), Accelerator("B200", Decimal(8), "NVIDIA")),
    ],
)
def test_gpus_are_counted_whole_and_in_parts(name: str, told: dict[str, Any], expected: Accelerator) -> None:
    assert read(name, **told) == expected


def test_chips_that_ec2_tells_twice_count_once() -> None:
    chips = {"Name": "Inferentia2", "Count": 6}
    both = {
        "NeuronInfo": {"NeuronDevices": [chips]},
        "InferenceAcceleratorInfo": {"Accelerators": [{**chips, "Manufacturer": "AWS"}]},
    }
    expected = Accelerator("Inferentia2", Decimal(6), "AWS")
    assert read("inf2.24xlarge", **both) == expected
    assert read("inf2.24xlarge", NeuronInfo=both["NeuronInfo"]) == expected
    assert read("inf2.24xlarge", InferenceAcceleratorInfo=both["InferenceAcceleratorInfo"]) == expected


@pytest.mark.parametrize(
    "told",
    [
        {},
        {"GpuInfo": {}},
        {"GpuInfo": {"Gpus": []}},
        {"FpgaInfo": {"Fpgas": [{"Name": "Virtex", "Manufacturer": "Xilinx", "Count": 1}]}},
        {"MediaAcceleratorInfo": {"Accelerators": [{"Name": "U30", "Manufacturer": "Xilinx", "Count": 1}]}},
    ],
)
def test_what_has_no_accelerator_of_ours_is_left_aside(told: dict[str, Any]) -> None:
    assert read_types([{"InstanceType": "x1.large", **told}]) == ({}, [])  # type: ignore[list-item]


@pytest.mark.parametrize(
    "told",
    [
        gpus(Count=0),
        gpus(Count=0, LogicalGpuCount=1),
        gpus(Name=""),
        gpus(Manufacturer=""),
        {"GpuInfo": {"Gpus": [*gpus()["GpuInfo"]["Gpus"], *gpus(Name="A10G")["GpuInfo"]["Gpus"]]}},
    ],
)
def test_a_type_whose_accelerators_are_not_told_in_full_is_unclear(told: dict[str, Any]) -> None:
    assert read_types([{"InstanceType": "p9.large", **told}]) == ({}, ["p9.large"])  # type: ignore[list-item]
