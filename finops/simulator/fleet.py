"""The GPU fleet: which instances exist, when each runs, and what each GPU does by the minute."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Literal

from finops.simulator.activity import GpuActivity, Interval, activity
from finops.simulator.company import Company, nimbus
from finops.simulator.running import running
from finops.simulator.specs import SPECS, Spec
from finops.simulator.timeline import HOUR, Timeline, token

Provider = Literal["aws", "gcp"]


@dataclass(frozen=True)
class Instance:
    """One virtual machine (or hosted endpoint) with GPUs.

    `id` is what telemetry calls it, `resource_id` what the bill calls it (AWS: instance id or ARN; GCP:
    resource.global_name). `running` are its billed intervals, in whole UTC hours, ends exclusive.
    `activity[k]` are GPU k's spells in the telemetry months, covering exactly the running time there.
    `tags` are the tags as typed, by logical key (team, ml_stage, project, model, run_id); `stage`, `team`
    and `model` are what the instance is really for.
    """

    id: str
    resource_id: str
    gpu_ids: tuple[str, ...]
    spec: Spec
    account: str
    payer: str
    region: str
    zone: str
    running: tuple[Interval, ...]
    activity: tuple[GpuActivity, ...]

    @property
    def name(self) -> str:
        """The machine's name; a recreated machine keeps it and changes its id."""
        return self.spec.name

    @property
    def tags(self) -> dict[str, str]:
        """Tags as typed, by logical key, in a fixed order."""
        return dict(self.spec.tags)

    @property
    def gpu_count(self) -> int:
        """GPUs in the instance."""
        return self.spec.gpu_count

    @property
    def evidence(self) -> str:
        """What on the bill tells the stage: 'tag', 'service' or 'none'."""
        if "ml_stage" in self.tags:
            return "tag"
        return "service" if self.spec.service == "sagemaker" else "none"

    @property
    def avoidable(self) -> bool:
        """Whether stopping it would have saved money: on demand or spot, nothing committed."""
        return self.spec.purchase in ("on_demand", "spot")

    def hours(self, start: datetime, end: datetime) -> list[datetime]:
        """The beginnings of the hours it ran in [start, end), in order."""
        found: list[datetime] = []
        for interval in self.running:
            first, last = max(interval.start, start), min(interval.end, end)
            found.extend(first + HOUR * n for n in range(max(0, int((last - first) / HOUR))))
        return found


@dataclass(frozen=True)
class Fleet:
    """All GPU instances, in a fixed order."""

    instances: tuple[Instance, ...]

    def of(self, source: str) -> tuple[Instance, ...]:
        """The instances billed by one source (aws-main, aws-research, gcp-main)."""
        return tuple(i for i in self.instances if i.spec.source == source)


def build(seed: int, line: Timeline) -> Fleet:
    """The fleet over the whole timeline; the same months look the same however many are simulated."""
    company = nimbus()
    return Fleet(tuple(i for spec in SPECS for i in _instances(spec, company, seed, line)))


def _instances(spec: Spec, company: Company, seed: int, line: Timeline) -> list[Instance]:
    """One instance, or one for each run where the machine is recreated every time."""
    intervals = running(spec, seed, line)
    if not spec.recreated:
        return [_instance(spec, company, seed, line, intervals, "")] if intervals else []
    return [_instance(spec, company, seed, line, (i,), i.launched.isoformat()) for i in intervals]


def _instance(
    spec: Spec, company: Company, seed: int, line: Timeline, intervals: tuple[Interval, ...], launch: str
) -> Instance:
    key = (spec.name, launch)
    if spec.source == company.gcp_source:
        project = company.project(spec.home)
        account, payer, region, zone = (
            project.id,
            company.billing_account,
            project.region,
            f"{project.region}-a",
        )
        number = str(10**18 + int(token(seed, "vm", *key, length=14), 16))
        identity = number
        resource = f"//compute.googleapis.com/projects/{project.number}/zones/{zone}/instances/{number}"
    else:
        member = company.account(spec.home)
        account, payer, region, zone = member.id, member.payer, member.region, f"{member.region}a"
        identity = spec.name if spec.service == "sagemaker" else f"i-{token(seed, 'ec2', *key)}"
        arn = f"arn:aws:sagemaker:{region}:{account}:endpoint/{spec.name}"
        resource = arn if spec.service == "sagemaker" else identity
    return Instance(
        id=identity,
        resource_id=resource,
        gpu_ids=tuple(_gpu_id(token(seed, "gpu", *key, k, length=32)) for k in range(spec.gpu_count)),
        spec=spec,
        account=account,
        payer=payer,
        region=region,
        zone=zone,
        running=intervals,
        activity=activity(spec, seed, line, intervals),
    )


def _gpu_id(digits: str) -> str:
    """NVIDIA's way to write a GPU's UUID."""
    return f"GPU-{digits[:8]}-{digits[8:12]}-{digits[12:16]}-{digits[16:20]}-{digits[20:]}"
