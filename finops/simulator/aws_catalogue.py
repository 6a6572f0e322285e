"""The AWS services that the company uses besides its GPU fleet, as templates of resources."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from finops.simulator.aws_lines import Purpose

# What an account is for, by name; the other ML accounts are named after nothing in particular.
ACCOUNT_STAGE = {
    "nlp-training": "training",
    "vision-training": "training",
    "recsys-training": "training",
    "nlp-serving": "inference",
    "vision-serving": "inference",
    "recsys-serving": "inference",
    "ml-platform": "platform",
    "ml-labelling": "data_labeling",
    "feature-store": "data_preparation",
    "research-nlp": "experimentation",
    "research-vision": "experimentation",
    "research-recsys": "experimentation",
    "research-data": "data_preparation",
}
_TELLING_NAMES = ("-training", "-serving", "-labelling", "feature-store")
ML_ACCOUNTS = tuple(ACCOUNT_STAGE)
OTHER_ACCOUNTS = (
    *(
        "website",
        "erp",
        "data-lake",
        "shop",
        "mobile-backend",
        "security",
        "logging",
        "networking",
        "sandbox",
    ),
    *("research-web", "partner-lab", "research-it"),
)


def account_purpose(name: str) -> Purpose:
    """What an untagged resource of the account is for: what the account is for, told by its name at best."""
    telling = any(part in name for part in _TELLING_NAMES)
    return Purpose(ACCOUNT_STAGE.get(name, "not_ml"), "name" if telling else "none")


Tagging = Literal["mixed", "always"]


@dataclass(frozen=True)
class Template:
    """A kind of resource: one (or `each`) in every account of `homes`, with a line item a day.

    `usage_type` has `{p}` where the region's billing prefix stands, `{r}` where EC2's own does. `rate` is USD
    a unit, `daily` the median USD a resource and day, `duty` the share of days with usage, `weekend` the
    demand on Saturday and Sunday. `stage`: what the service itself tells (None: it tells nothing). Tagged
    `always`: the stage is never left to be inferred.
    """

    product: str
    usage_type: str
    operation: str
    family: str
    unit: str
    rate: float
    daily: float
    homes: tuple[str, ...]
    each: int = 1
    stage: str | None = None
    tagging: Tagging = "mixed"
    duty: float = 1.0
    weekend: float = 0.9
    instance_type: str | None = None
    seller: str | None = None


_TRAIN = ("nlp-training", "vision-training", "recsys-training")
_SERVE = ("nlp-serving", "recsys-serving", "vision-serving")


def _sagemaker(
    usage_type: str,
    rate: float,
    daily: float,
    home: str,
    stage: str,
    duty: float = 0.8,
    *,
    tagged: bool = False,
    unit: str = "Hrs",
) -> Template:
    """A SageMaker template; what follows `ml.` in the usage type is the instance type."""
    kind = "ml." + usage_type.rsplit("ml.", 1)[1] if "ml." in usage_type else None
    return Template(
        product="AmazonSageMaker",
        usage_type="{p}-" + usage_type,
        operation="RunInstance" if kind else "None",
        family="ML Instance" if kind else "Machine Learning",
        unit=unit,
        rate=rate,
        daily=daily,
        homes=(home,),
        stage=stage,
        tagging="always" if tagged else "mixed",
        duty=duty,
        weekend=0.55,
        instance_type=kind,
    )


# fmt: off
SAGEMAKER = (
    _sagemaker("RStudio:RSessionGateway-ml.t3.medium", 0.05, 1.2, "recsys-training", "experimentation",
               tagged=True),
    _sagemaker("Studio:JupyterLab-ml.g5.xlarge", 1.408, 14, "vision-training", "experimentation"),
    _sagemaker("Studio:KernelGateway-ml.m5.large", 0.115, 2.1, "nlp-training", "experimentation"),
    _sagemaker("Notebk:ml.g4dn.xlarge", 0.7364, 9, "recsys-training", "experimentation"),
    _sagemaker("LabeledObject", 0.08, 55, "ml-labelling", "data_labeling", unit="Objects"),
    _sagemaker("Host:ml.g4dn.xlarge", 0.7364, 52, "recsys-serving", "inference", 1.0),
    _sagemaker("Host:ml.c6i.2xlarge", 0.408, 21, "vision-serving", "inference", 1.0),
    _sagemaker("Canvas:Session-Hrs", 1.9, 11, "ml-platform", "experimentation", 0.5, tagged=True),
    _sagemaker("Processing:ml.m5.4xlarge", 0.922, 48, "feature-store", "data_preparation"),
    _sagemaker("TrainWarmPool:ml.g5.2xlarge", 1.515, 17, "vision-training", "training", 0.6),
    _sagemaker("Train:ml.g5.12xlarge", 7.09, 150, "recsys-training", "training", 0.7),
    _sagemaker("Train:ml.p3.2xlarge", 3.825, 75, "nlp-training", "training", 0.6),
    _sagemaker("TrSpt:ml.g4dn.12xlarge", 1.9, 32, "vision-training", "training", 0.5),
    _sagemaker("Tsform:ml.m5.4xlarge", 0.922, 19, "recsys-serving", "inference", 0.7),
    _sagemaker("AsyncInf:ml.g5.xlarge", 1.408, 26, "nlp-serving", "inference", 0.9),
    _sagemaker("Host:Data-Bytes-Out", 0.016, 0.9, "nlp-serving", "inference", 1.0, tagged=True, unit="GB"),
    _sagemaker("Cluster:ml.g5.8xlarge", 3.06, 88, "nlp-training", "training", 0.75),
    _sagemaker("Autopilot:ml.m5.4xlarge", 0.922, 12, "recsys-training", "training", 0.3, tagged=True),
    _sagemaker("MLflow:Small", 0.642, 15.4, "ml-platform", "experimentation", 1.0, tagged=True),
    _sagemaker("Train:VolumeUsage.gp2", 0.14, 1.7, "recsys-training", "training", 0.7,
               tagged=True, unit="GB-Mo"),
    _sagemaker("FeatureStore:WriteRequestUnits", 0.00000125, 8, "feature-store", "data_preparation", 1.0,
               unit="Units"),
    _sagemaker("DataWrangler:ml.m5.4xlarge", 0.922, 16, "feature-store", "data_preparation", 0.6),
    _sagemaker("FreeMonitor:ml.m5.xlarge", 0.0000001, 0.00000015, "recsys-serving", "monitoring", 1.0),
    _sagemaker("Processing:ml.p3.2xlarge", 3.825, 33, "research-vision", "data_preparation", 0.5),
    _sagemaker("Train:ml.p3.8xlarge", 14.688, 130, "research-nlp", "training", 0.4),
)
# fmt: on


def _bedrock(kind: str, rate: float, daily: float) -> Template:
    return Template(
        "AmazonBedrock", "{p}-Claude3.5Sonnet-" + kind, "InvokeModelInference", "Amazon Bedrock", "1K tokens",
        rate, daily, ("nlp-serving", "recsys-serving"), stage="inference", weekend=0.6,
    )  # fmt: skip


BEDROCK = (
    _bedrock("input-tokens", 0.003, 34),
    _bedrock("output-tokens", 0.015, 62),
    _bedrock("cache-read-input-token-count", 0.0003, 5),
    _bedrock("cache-write-input-token-count", 0.00375, 4),
    Template(
        "6n5jg2avhsz4xk1vq0yb9r3f7", "{p}-MP:{p}_InputTokenCount-Units", "Usage", "AWS Marketplace", "Units",
        0.00025, 22, ("nlp-serving",), stage="inference", weekend=0.6,
        seller="Jurassic-2 (Amazon Bedrock Edition)",
    ),
)  # fmt: skip

# fmt: off
GENERAL = (
    Template("AmazonS3", "{p}-TimedStorage-ByteHrs", "StandardStorage", "Storage", "GB-Mo",
             0.023, 11, ML_ACCOUNTS),
    Template("AmazonS3", "{p}-TimedStorage-ByteHrs", "StandardStorage", "Storage", "GB-Mo",
             0.023, 9, OTHER_ACCOUNTS),
    Template("AmazonS3", "{p}-Requests-Tier2", "GetObject", "API Request", "Requests",
             0.0000004, 0.00001, OTHER_ACCOUNTS[:4]),
    Template("AmazonEC2", "{p}-EBS:VolumeUsage.gp3", "CreateVolume-Gp3", "Storage", "GB-Mo",
             0.08, 13, (*_TRAIN, *_SERVE, "ml-platform")),
    Template("AmazonEC2", "{p}-EBS:VolumeUsage.gp3", "CreateVolume-Gp3", "Storage", "GB-Mo",
             0.08, 7, OTHER_ACCOUNTS[:6]),
    Template("AmazonEC2", "{r}BoxUsage:m5.2xlarge", "RunInstances", "Compute Instance", "Hrs",
             0.384, 27, (*_TRAIN[:2], "ml-platform", "research-data"), instance_type="m5.2xlarge"),
    Template("AmazonEC2", "{r}BoxUsage:m5.xlarge", "RunInstances", "Compute Instance", "Hrs",
             0.192, 31, OTHER_ACCOUNTS[:8], instance_type="m5.xlarge", weekend=0.75),
    Template("AWSDataTransfer", "{p}-DataTransfer-Out-Bytes", "RunInstances", "Data Transfer", "GB",
             0.09, 8, (*_SERVE, *OTHER_ACCOUNTS[:5], "research-web"), weekend=0.7),
    Template("AmazonCloudWatch", "{p}-CW:MetricMonitorUsage", "MetricStorage", "Metric", "Metrics",
             0.3, 3.2, (*_SERVE, "ml-platform", *OTHER_ACCOUNTS[:4])),
    Template("AmazonRDS", "{p}-InstanceUsage:db.m5.large", "CreateDBInstance:0014", "Database Instance",
             "Hrs", 0.178, 18, ("website", "shop", "erp", "ml-platform"), instance_type="db.m5.large"),
    Template("AWSLambda", "{p}-Lambda-GB-Second", "Invoke", "Serverless", "Lambda-GB-Second",
             0.0000166667, 0.7, ("website", "mobile-backend", "shop", "recsys-serving", "research-web"),
             weekend=0.6),
    Template("AWSConfig", "{p}-ConfigurationItemRecorded", "None", "Management Tools",
             "ConfigurationItemRecorded", 0.003, 2.4, ("security", "ml-platform"), tagging="always"),
)
# fmt: on

TEMPLATES: tuple[Template, ...] = SAGEMAKER + BEDROCK + GENERAL
