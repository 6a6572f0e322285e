"""Which clouds a configuration can ask for more than bills, and by which ways."""

from __future__ import annotations

from dataclasses import dataclass

from finops.clouds import aws_inventory, gcp_inventory
from finops.config import Config
from finops.errors import ConfigError


@dataclass(frozen=True)
class Ways:
    """Each way to each cloud once, in the order of the sources."""

    aws: list[aws_inventory.Way]
    google: list[gcp_inventory.Way]


def ways(config: Config) -> Ways:
    """The ways to AWS and to Google Cloud; raises ConfigError where there is none."""
    found = Ways(aws_inventory.ways(config), gcp_inventory.ways(config))
    if not found.aws and not found.google:
        raise ConfigError(
            "no source is of AWS or of Google Cloud",
            where=str(config.path),
            remedy="add one of kind aws-cur2, aws-cur1, aws-focus or gcp-bigquery, or of files in a gs:// bucket, as "
            "the README shows; a server on this machine is not asked for this",
        )
    return found
