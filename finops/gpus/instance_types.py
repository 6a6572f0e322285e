"""EC2's answer to DescribeInstanceTypes as entries of the catalogue."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from decimal import ROUND_HALF_EVEN, Decimal
from typing import TYPE_CHECKING

from finops.gpus.catalogue import Accelerator, Catalogue

if TYPE_CHECKING:
    from mypy_boto3_ec2.type_defs import GpuDeviceInfoTypeDef, InstanceTypeInfoTypeDef

_STEP = Decimal("0.0001")
"""The catalogue's finest part of an accelerator."""
_SUPERCHIPS = {"B200": "GB200", "B300": "GB300"}
"""The GPU of a superchip, and the superchip: EC2 names the first, everybody else the second."""


@dataclass(frozen=True)
class Changes:
    """What an answer adds to a catalogue and what it says otherwise: (before, now) by type."""

    new: dict[str, Accelerator]
    changed: dict[str, tuple[Accelerator, Accelerator]]


def read_types(types: Iterable[InstanceTypeInfoTypeDef]) -> tuple[dict[str, Accelerator], list[str]]:
    """The types with accelerators, and the names of those of whose accelerators not all is told.

    A type with GPUs is counted by them; one without by its Neuron devices, or else its inference
    accelerators: EC2 tells Inferentia's chips under both. FPGAs and video encoders are left aside.
    """
    found: dict[str, Accelerator] = {}
    unclear: list[str] = []
    for each in types:
        name = str(each.get("InstanceType", ""))
        parts = _parts(name, each)
        if not name or not parts:
            continue
        counts = [count for _, count, _ in parts]
        kinds = {(model, vendor) for model, _, vendor in parts}
        model, vendor = kinds.pop()
        if kinds or not model or not vendor or not all(counts):
            unclear.append(name)
            continue
        found[name] = Accelerator(model, sum(counts, Decimal(0)), vendor)
    return found, sorted(unclear)


def compare(before: Catalogue, now: Catalogue) -> Changes:
    """What `now` adds to `before`, and where it says something else."""
    return Changes(
        {name: each for name, each in sorted(now.items()) if name not in before},
        {name: (before[name], each) for name, each in sorted(now.items()) if before.get(name, each) != each},
    )


def _parts(name: str, each: InstanceTypeInfoTypeDef) -> list[tuple[str, Decimal, str]]:
    """(model, count, vendor) of each kind of accelerator; a count of 0 and an empty text are not told."""
    gpus = each.get("GpuInfo", {}).get("Gpus", [])
    if gpus:
        return [(_model(name, gpu), _gpus(gpu), gpu.get("Manufacturer", "")) for gpu in gpus]
    neuron = each.get("NeuronInfo", {}).get("NeuronDevices", [])
    if neuron:
        return [(device.get("Name", ""), Decimal(device.get("Count", 0)), "AWS") for device in neuron]
    return [
        (device.get("Name", ""), Decimal(device.get("Count", 0)), device.get("Manufacturer", ""))
        for device in each.get("InferenceAcceleratorInfo", {}).get("Accelerators", [])
    ]


def _gpus(gpu: GpuDeviceInfoTypeDef) -> Decimal:
    """Whole GPUs: their count, and where that is 0 (g6f) the logical ones by the part of a GPU that each is."""
    whole = Decimal(gpu.get("Count", 0))
    parts = Decimal(gpu.get("LogicalGpuCount", 0)) * Decimal(str(gpu.get("GpuPartitionSize", 0)))
    return whole or parts.quantize(_STEP, ROUND_HALF_EVEN)


def _model(name: str, gpu: GpuDeviceInfoTypeDef) -> str:
    """EC2's name, except where it is one for two: A100s of 40 and 80 GB, and GPUs alone or in a superchip."""
    model = gpu.get("Name", "")
    if model == "A100" and gpu.get("MemoryInfo", {}).get("SizeInMiB", 0) >= 80 << 10:
        return "A100 80GB"
    superchip = _SUPERCHIPS.get(model, "")
    return superchip if superchip and f"-{superchip.lower()}." in name else model
