"""Which code reads which kind: a new cloud is a module, an SQL file and a line here."""

from __future__ import annotations

from finops.config import AwsExport, Config, FileSource, GcpBigQuery
from finops.errors import ConfigError
from finops.sources.aws_cur1 import AwsLegacyReport
from finops.sources.aws_exports import AwsDataExport
from finops.sources.base import Source
from finops.sources.cost_ledger import CostLedger
from finops.sources.focus_files import FocusFiles
from finops.sources.gcp_files import GcpFiles
from finops.sources.opening import open_storage

_FILES = {"gcp-files": GcpFiles, "focus-files": FocusFiles, "cost-ledger": CostLedger}


def open_source(config: Config, source: AwsExport | GcpBigQuery | FileSource) -> Source:
    """The source that a configuration entry describes; raises ConfigError for a kind that is still to come."""
    if isinstance(source, GcpBigQuery):
        raise ConfigError(
            "reading BigQuery directly is not supported by this version",
            where=f"{config.path}, source {source.name}",
            remedy="export the table to files (bq extract, or EXPORT DATA to Parquet) and use kind gcp-files",
        )
    if isinstance(source, FileSource):
        return _FILES[source.kind](source.name, open_storage(source.uri, config.path.parent))
    storage = open_storage(source.uri, config.path.parent, source)
    return AwsLegacyReport(source, storage) if source.kind == "aws-cur1" else AwsDataExport(source, storage)


def open_sources(config: Config) -> dict[str, Source]:
    """All configured sources by name."""
    return {source.name: open_source(config, source) for source in config.sources}
