"""What the fleet is made of: one specification per machine.

Hourly prices are those of the public price lists (us-east-1, us-central1) in USD, good to the magnitude.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

Purchase = Literal["on_demand", "spot", "savings_plan", "reserved", "capacity_block", "cud"]
Work = Literal["training", "inference", "notebook", "unused"]
Schedule = Literal["always", "runs", "office_hours", "blocks"]


@dataclass(frozen=True)
class Spec:
    """A machine: where it is billed, what it is, how it is bought, what it is really for, what its tags say.

    `home` is the AWS account's name or the GCP project's id. `hourly` is the on-demand list price of the
    whole machine in USD. `since` is the number of months before the last month at whose start it appeared
    (None: it was always there) and `since_day` the day of that month. `recreated`: a new id for each run.
    """

    name: str
    source: str
    home: str
    service: Literal["ec2", "sagemaker", "compute"]
    instance_type: str
    gpu_model: str
    gpu_count: int
    gpu_memory_mib: int
    hourly: float
    purchase: Purchase
    work: Work
    schedule: Schedule
    stage: str
    team: str
    model: str
    tags: tuple[tuple[str, str], ...]
    since: int | None = None
    since_day: int = 1
    recreated: bool = False
    telemetry: bool = True
    kubernetes: bool = False
    cold_gpu: bool = False


def _tags(team: str, stage: str, project: str, model: str, run: str = "") -> tuple[tuple[str, str], ...]:
    pairs = (("team", team), ("ml_stage", stage), ("project", project), ("model", model), ("run_id", run))
    return tuple((key, value) for key, value in pairs if value)


_A100 = ("A100-SXM4-40GB", 8, 40960, 32.7726)
_A10G = ("A10G", 1, 23028, 1.006)
_GCP1 = ("A100-SXM4-40GB", 1, 40960, 3.673385)

# fmt: off
_AWS = (
    Spec("nlp-train-01", "aws-main", "nlp-training", "ec2", "p4d.24xlarge", *_A100,
         "savings_plan", "training", "always", "training", "nlp", "assistant-xl",
         _tags("nlp", "training", "assistant", "assistant-xl"), cold_gpu=True),
    Spec("nlp-block-01", "aws-main", "nlp-training", "ec2", "p5.48xlarge", "H100-SXM5-80GB", 8, 81559, 98.32,
         "capacity_block", "training", "blocks", "training", "nlp", "assistant-xl",
         _tags("nlp", "train", "assistant", "assistant-xl"), since=8),
    Spec("recsys-serve-01", "aws-main", "recsys-serving", "ec2", "g5.xlarge", *_A10G,
         "reserved", "inference", "always", "inference", "recsys", "ranker",
         _tags("recsys", "inference", "storefront", "ranker"), kubernetes=True),
    Spec("recsys-serve-02", "aws-main", "recsys-serving", "ec2", "g5.xlarge", *_A10G,
         "on_demand", "inference", "always", "inference", "recsys", "basket",
         _tags("recsys", "serving", "storefront", "basket"), since=6, kubernetes=True),
    Spec("vision-notebook", "aws-main", "vision-training", "ec2", "g5.xlarge", *_A10G,
         "on_demand", "notebook", "always", "experimentation", "vision", "grasp-net",
         _tags("vision", "experimentation", "pick-and-place", "grasp-net")),
    Spec("nlp-batch-spot", "aws-main", "nlp-serving", "ec2", "g5.xlarge", *_A10G,
         "spot", "training", "runs", "evaluation", "nlp", "doc-search",
         _tags("nlp", "eval", "search", "doc-search", "eval-nightly"), recreated=True, telemetry=False),
    Spec("gpu-box-7", "aws-main", "sandbox", "ec2", "g5.12xlarge", "A10G", 4, 23028, 5.672,
         "on_demand", "notebook", "always", "experimentation", "vision", "depth-pro", ()),
    Spec("platform-spare", "aws-main", "ml-platform", "ec2", "g4dn.12xlarge", "T4", 4, 15360, 3.912,
         "on_demand", "unused", "always", "platform", "platform", "feature-hub",
         _tags("platform", "platform", "ml-platform", ""), since=1, since_day=12),
    Spec("ranker-prod", "aws-main", "recsys-serving", "sagemaker", "ml.g5.2xlarge", "A10G", 1, 23028, 1.515,
         "on_demand", "inference", "always", "inference", "recsys", "ranker",
         _tags("recsys", "", "storefront", "ranker")),
    Spec("vision-train-01", "aws-research", "research-vision", "ec2", "p4d.24xlarge", *_A100,
         "on_demand", "training", "runs", "training", "vision", "grasp-net",
         _tags("vision", "training", "pick-and-place", "grasp-net", "grasp-weekly")),
    Spec("vision-lab-01", "aws-research", "research-vision", "ec2", "g5.2xlarge", "A10G", 1, 23028, 1.212,
         "reserved", "notebook", "always", "experimentation", "vision", "pose-track",
         _tags("vision", "experimentation", "navigation", "pose-track")),
)
_GCP = (
    Spec("nlp-train-g1", "gcp-main", "nimbus-nlp-train", "compute", "a2-highgpu-8g", "A100-SXM4-40GB",
         8, 40960, 29.387081, "on_demand", "training", "runs", "training", "nlp", "assistant-mini",
         _tags("nlp", "training", "assistant", "assistant-mini", "mini-sft"), since=10, recreated=True),
    Spec("vision-serve-g1", "gcp-main", "nimbus-ml-gke", "compute", "a2-highgpu-1g", *_GCP1,
         "cud", "inference", "always", "inference", "vision", "defect-scan",
         _tags("vision", "inference", "quality-line", "defect-scan"), kubernetes=True),
    Spec("recsys-retrain-g1", "gcp-main", "nimbus-recsys", "compute", "a2-highgpu-1g", *_GCP1,
         "spot", "training", "runs", "retraining", "recsys", "churn",
         _tags("recsys", "retraining", "retention", "churn", "churn-weekly"), recreated=True),
    Spec("recsys-lab-g1", "gcp-main", "nimbus-recsys-lab", "compute", "a2-highgpu-1g", *_GCP1,
         "on_demand", "notebook", "office_hours", "experimentation", "recsys", "basket",
         _tags("recsys", "experimentation", "storefront", "basket")),
    Spec("a100-shared", "gcp-main", "nimbus-sandbox", "compute", "a2-highgpu-1g", *_GCP1,
         "on_demand", "notebook", "always", "experimentation", "nlp", "translate-2", ()),
)
# fmt: on

SPECS: tuple[Spec, ...] = _AWS + _GCP
