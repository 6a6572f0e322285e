"""Which code reads which kind: a new cloud is a module, an SQL file and a line here."""

from __future__ import annotations

from finops import config as entries
from finops.config import Config
from finops.sources.aws_cur1 import AwsLegacyReport
from finops.sources.aws_exports import AwsDataExport
from finops.sources.base import Source
from finops.sources.cost_ledger import CostLedger
from finops.sources.focus_files import FocusFiles
from finops.sources.gcp_bigquery import BigQueryExport
from finops.sources.gcp_files import GcpFiles
from finops.sources.opening import open_storage

_FILES = {"focus-files": FocusFiles, "cost-ledger": CostLedger}


def open_source(config: Config, entry: entries.Source) -> Source:
    """The source that a configuration entry describes; raises ConfigError."""
    base = config.path.parent
    if isinstance(entry, entries.GcpBigQuery):
        return BigQueryExport(entry)
    if isinstance(entry, entries.GcpFiles):
        return GcpFiles(entry.name, open_storage(entry.uri, base, entry), entry.basis)
    if isinstance(entry, entries.FileSource):
        return _FILES[entry.kind](entry.name, open_storage(entry.uri, base))
    storage = open_storage(entry.uri, base, entry)
    return AwsLegacyReport(entry, storage) if entry.kind == "aws-cur1" else AwsDataExport(entry, storage)


def open_sources(config: Config) -> dict[str, Source]:
    """All configured sources by name."""
    return {source.name: open_source(config, source) for source in config.sources}
