"""The GPU machines on the GCP bill: GPU, core and RAM are rows of their own."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date

import numpy as np
import polars as pl

from finops.simulator.company import Company
from finops.simulator.fleet import Fleet, Instance
from finops.simulator.gcp_lines import Line, Pairs, label_pairs
from finops.simulator.gcp_rows import PACIFIC, Chunk, Floats, Times, Usage, rows
from finops.simulator.gcp_skus import sku
from finops.simulator.timeline import Timeline, instant, stream

CORES, MEMORY_GIB = 12, 85  # of an A2 machine, for each GPU
CUD_DISCOUNT = 0.28
SUBSCRIPTION = "cud-7f21c0de"
# From this day on a dollar-based commitment is a price and no longer a credit.
CUD_AS_PRICE = date(2026, 1, 21)
_UNUSED = 0.03  # share of the commitment that nothing used
_HOUR = np.timedelta64(3600, "s")


@dataclass(frozen=True)
class Windows:
    """When one machine ran: start and end of each window (UTC), and the whole hours in it."""

    start: Times
    end: Times
    hours: Floats


@dataclass(frozen=True)
class Metered:
    """A line, its windows, and the quantity that it used in each whole hour."""

    line: Line
    windows: Windows
    amount: float


def metered(company: Company, fleet: Fleet, line: Timeline) -> list[Metered]:
    """Every machine's lines, and the fee of the commitment behind some of them."""
    switch = np.datetime64(CUD_AS_PRICE, "us")
    made: list[Metered] = []
    for machine in fleet.of(company.gcp_source):
        ran = machine.hours(instant(line.start), line.end)
        hours = np.array([h.replace(tzinfo=None) for h in ran], dtype="datetime64[us]")
        committed = machine.spec.purchase == "cud"
        eras = (hours[hours < switch], hours[hours >= switch]) if committed else (hours,)
        for era, part in enumerate(eras):
            if len(part):
                windows = _windows(part, line)
                made.extend(_machine(machine, company, windows, era))
                made.extend([_fee(machine, company, windows, era)] if committed else [])
    return made


def priced(wanted: Metered, index: int, seed: int) -> list[Chunk]:
    """The rows of one line, one for each window; drawn month by month."""
    ran = wanted.windows
    months = ran.start.astype("datetime64[M]")
    quantity = np.round(ran.hours * wanted.amount, 6)
    chunks: list[Chunk] = []
    for month in np.unique(months):
        part = months == month
        usage = Usage(ran.start[part], ran.end[part], quantity[part])
        chunks.append(rows(wanted.line, index, usage, stream(seed, "gcp", wanted.line.name, month)))
    return chunks


def _windows(starts: Times, line: Timeline) -> Windows:
    """Hourly in the months that have GPU samples; before them the hours are gathered by Pacific day.

    The export promises no size of window. A day's hours hang together but for a restart.
    """
    fine = starts >= np.datetime64(line.telemetry_start.replace(tzinfo=None), "us")
    local = pl.Series(starts[~fine]).dt.replace_time_zone("UTC").dt.convert_time_zone(PACIFIC).dt.date()
    _, first, count = np.unique(local.to_numpy(), return_index=True, return_counts=True)
    last = starts[~fine][first + count - 1] if len(first) else starts[:0]
    return Windows(
        np.concatenate([starts[~fine][first], starts[fine]]),
        np.concatenate([last, starts[fine]]) + _HOUR,
        np.concatenate([count.astype(np.float64), np.ones(int(fine.sum()))]),
    )


def _machine(machine: Instance, company: Company, windows: Windows, era: int) -> list[Metered]:
    """GPU, core and RAM of one machine."""
    spec, suffix = machine.spec, "-spot" if machine.spec.purchase == "spot" else ""
    parts = (("a100", 1), ("a2-core", CORES), ("a2-ram", MEMORY_GIB))
    discount, earned, subscription = _commitment(machine, era)
    return [
        Metered(
            Line(
                f"{machine.id}/{key}", sku(key + suffix), company.project(machine.account), spec.stage,
                machine.evidence, _labels(machine), _system_labels(machine), region=machine.region,
                zone=machine.zone, resource=(machine.name, machine.resource_id), discount=discount,
                credits=earned, instance=machine.id, gpu_count=machine.gpu_count,
                subscription=subscription, model=spec.model,
            ),
            windows,
            float(each * machine.gpu_count),
        )
        for key, each in parts
    ]  # fmt: skip


def _commitment(machine: Instance, era: int) -> tuple[float, tuple[tuple[str, float], ...], str | None]:
    """Discount, credits, subscription: the commitment was a credit for the whole cost, and is a price now."""
    if machine.spec.purchase != "cud":
        return 0.0, (), None
    return (CUD_DISCOUNT, (), SUBSCRIPTION) if era else (0.0, (("cud", 1.0),), SUBSCRIPTION)


def _fee(machine: Instance, company: Company, windows: Windows, era: int) -> Metered:
    """The commitment's fee: charged in full while usage is credited; later set off but for what is unused."""
    earned = (("offset", 1.0 - _UNUSED),) if era else ()
    line = Line(
        f"fee/{era}", sku("cud-fee"), company.project(machine.account), "unattributed", "none",
        credits=earned, subscription=SUBSCRIPTION,
    )  # fmt: skip
    return Metered(line, windows, round(machine.spec.hourly * (1.0 - CUD_DISCOUNT) / (1.0 - _UNUSED), 6))


def _labels(machine: Instance) -> Pairs:
    """The resource's labels; on a cluster's node also those of cost allocation."""
    labels = label_pairs(machine.tags)
    if not machine.spec.kubernetes:
        return labels
    cluster = (("goog-k8s-cluster-name", "ml-prod"), ("goog-k8s-node-pool-name", "gpu-a100"))
    return (
        *labels,
        *cluster,
        ("k8s-namespace", machine.spec.team),
        ("k8s-workload-name", machine.spec.model),
    )


def _system_labels(machine: Instance) -> Pairs:
    return (
        ("compute.googleapis.com/machine_spec", machine.spec.instance_type),
        ("compute.googleapis.com/cores", str(CORES * machine.gpu_count)),
        ("compute.googleapis.com/memory", str(MEMORY_GIB * 1024 * machine.gpu_count)),
        ("compute.googleapis.com/is_unused_reservation", "false"),
    )
