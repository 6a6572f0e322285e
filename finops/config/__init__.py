"""`finops.yaml` as one typed object."""

from finops.config.models import (
    AwsExport,
    Config,
    Environment,
    FileSource,
    FileTelemetry,
    GcpBigQuery,
    GcpFiles,
    Keep,
    PullTelemetry,
    Slack,
    Source,
    Telemetry,
)
from finops.config.reading import load_config

__all__ = [
    "AwsExport",
    "Config",
    "Environment",
    "FileSource",
    "FileTelemetry",
    "GcpBigQuery",
    "GcpFiles",
    "Keep",
    "PullTelemetry",
    "Slack",
    "Source",
    "Telemetry",
    "load_config",
]
