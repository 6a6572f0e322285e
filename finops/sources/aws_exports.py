"""AWS Data Exports: CUR 2.0 and FOCUS, in both delivery modes, from a bucket or a folder.

`EXPORT/metadata/BILLING_PERIOD=YYYY-MM/EXPORT-Manifest.json` names the data files that make up the period
now. AWS writes it last, and overwrites data files in place: so a period is taken only when no data file is
younger than its manifest, and again what it was after the last one was copied.
"""

from __future__ import annotations

import json
import re
from dataclasses import replace
from pathlib import Path
from typing import Any, cast

from duckdb import DuckDBPyConnection

from finops.config import AwsExport
from finops.errors import SourceError
from finops.sources import aws_cur, focus_rows
from finops.sources.base import Raw, Unit
from finops.sources.reading import read_files
from finops.sources.storage import Changed, RemoteFile, Storage, Tell, newest

_PERIOD = re.compile(r"billing_period=(\d{4}-\d{2})", re.IGNORECASE)


class AwsDataExport:
    """The sources of kind aws-cur2 and aws-focus: a unit is a billing period."""

    reading = ""

    def __init__(self, source: AwsExport, storage: Storage) -> None:
        self.name = source.name
        self.kind = source.kind
        self.export = source.export or ""
        self.storage = storage

    def discover(self) -> list[Unit]:
        found: dict[str, Unit] = {}
        names = {f"{self.export}-Manifest.json", "Manifest.json"}
        for file in self.storage.list(f"{self.export}/metadata/"):
            folder, _, name = file.key.removeprefix(f"{self.export}/metadata/").rpartition("/")
            period = _PERIOD.fullmatch(folder)  # a run's own copy of the manifest lies one folder deeper
            if period is None or name not in names:
                continue
            if period[1] in found:
                raise SourceError(
                    f"the period {period[1]} has two manifests",
                    where=f"{self.storage.uri}/{file.key}",
                    remedy="remove the one that AWS does not write any more",
                )
            found[period[1]] = Unit(self.name, period[1], period[1], file.etag, manifest=file)
        if not found:
            raise SourceError(
                f"there is no manifest of an export named {self.export!r}",
                where=f"{self.storage.uri}/{self.export}/metadata/",
                remedy="compare uri and export with AWS's Data Exports page: the uri is bucket and prefix",
            )
        return [found[period] for period in sorted(found)]

    def files(self, unit: Unit) -> list[RemoteFile]:
        manifest = cast("RemoteFile", unit.manifest)
        keys = self._data_keys(manifest)
        folders = {key.rpartition("/")[0] + "/" for key in keys}
        listed = {file.key: file for folder in sorted(folders) for file in self.storage.list(folder)}
        missing = [key for key in keys if key not in listed]
        if missing:
            raise Changed(f"{missing[0]} is missing")
        files = [listed[key] for key in keys]
        younger = [file.key for file in files if file.modified > manifest.modified]
        if younger:
            raise Changed(f"{younger[0]} is newer than its manifest")
        return files

    def _data_keys(self, manifest: RemoteFile) -> list[str]:
        where = f"{self.storage.uri}/{manifest.key}"
        try:
            content = cast("dict[str, Any]", json.loads(self.storage.read(manifest)))
            uris = [str(each) for each in dict.fromkeys(content["dataFiles"])]
        except (ValueError, KeyError, TypeError, RecursionError):
            raise SourceError(
                "the manifest is not the JSON that AWS writes",
                where=where,
                remedy="wait for the next delivery",
            ) from None
        if not uris:
            raise SourceError("the manifest names no data files", where=where, remedy="wait for the next delivery")
        # a replica's manifest names the original bucket: what counts is the place below the export
        tails = [uri.rpartition(f"/{self.export}/data/")[2] for uri in uris]
        if any(tail == uri or ".." in tail.split("/") for tail, uri in zip(tails, uris, strict=True)):
            raise SourceError(
                f"the manifest names files outside of {self.export}/data/",
                where=where,
                remedy="check the export's name",
            )
        # named twice, counted once: also under two buckets
        return [f"{self.export}/data/{tail}" for tail in dict.fromkeys(tails)]

    def current(self, unit: Unit) -> Unit:
        manifest = newest(self.storage, cast("RemoteFile", unit.manifest))
        return replace(unit, version=manifest.etag, manifest=manifest)

    def fetch(self, file: RemoteFile, to: Path, tell: Tell) -> None:
        self.storage.fetch(file, to, tell)

    def read(self, con: DuckDBPyConnection, paths: list[Path]) -> Raw:
        raw = read_files(con, paths, self.storage.uri)
        if self.kind == "aws-focus":
            return focus_rows.from_files(raw, self.storage.uri)
        return aws_cur.from_cur2(con, raw, self.storage.uri)
