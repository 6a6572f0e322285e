"""Which code reads which kind: a new cloud is a module, an SQL file and a line here."""

from __future__ import annotations

from finops import config as entries
from finops.config import Config
from finops.errors import ConfigError
from finops.sources.aws_cur1 import AwsLegacyReport
from finops.sources.aws_exports import AwsDataExport
from finops.sources.base import Source
from finops.sources.cost_ledger import CostLedger
from finops.sources.focus_files import FocusFiles
from finops.sources.gcp_files import GcpFiles
from finops.sources.opening import open_storage

_FILES = {"focus-files": FocusFiles, "cost-ledger": CostLedger}


def open_source(config: Config, entry: entries.Source) -> Source:
    """The source that a configuration entry describes; raises ConfigError for a kind that is still to come."""
    base = config.path.parent
    if isinstance(entry, entries.GcpBigQuery):
        raise ConfigError(
            "reading BigQuery directly is not supported by this version",
            where=f"{config.path}, source {entry.name}",
            remedy="export the table to files (bq extract, or EXPORT DATA to Parquet) and use kind gcp-files",
        )
    if isinstance(entry, entries.GcpFiles):
        return GcpFiles(entry.name, open_storage(entry.uri, base, entry), entry.basis)
    if isinstance(entry, entries.FileSource):
        return _FILES[entry.kind](entry.name, open_storage(entry.uri, base))
    storage = open_storage(entry.uri, base, entry)
    return AwsLegacyReport(entry, storage) if entry.kind == "aws-cur1" else AwsDataExport(entry, storage)


def open_sources(config: Config) -> dict[str, Source]:
    """All configured sources by name."""
    return {source.name: open_source(config, source) for source in config.sources}
