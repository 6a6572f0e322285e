"""The legacy Cost and Usage Report: its folders with manifests, or one bare file."""

from __future__ import annotations

import json
import re
from dataclasses import replace
from pathlib import Path
from typing import Any, cast

from duckdb import DuckDBPyConnection

from finops.config import AwsExport
from finops.errors import SourceError
from finops.sources import aws_cur
from finops.sources.base import Raw, Unit, version_of
from finops.sources.csv_files import names_as_written
from finops.sources.reading import format_of, read_files
from finops.sources.storage import Changed, RemoteFile, Storage, Tell, newest

_RANGE = re.compile(r"(?:^|/)((\d{4})(\d{2})\d{2}-\d{8})/([^/]+)-Manifest\.json$")


class AwsLegacyReport:
    """The source of kind aws-cur1: a unit is a billing period, or a file where no manifest is expected."""

    reading = ""

    def __init__(self, source: AwsExport, storage: Storage) -> None:
        self.name = source.name
        self.report = source.export
        self.storage = storage

    def discover(self) -> list[Unit]:
        listed = self.storage.list()
        found: dict[str, Unit] = {}
        for file in listed:
            match = _RANGE.search(file.key)
            if match and (self.report is None or match[4] == self.report):
                period = f"{match[2]}-{match[3]}"
                if period in found:
                    raise SourceError(
                        f"the period {period} has two manifests",
                        where=f"{self.storage.uri}/{file.key}",
                        remedy="name one report with the key 'export', and its own prefix in the uri",
                    )
                found[period] = Unit(self.name, period, period, file.etag, manifest=file)
        units = list(found.values())
        if not units and self.report is None:
            units = [
                Unit(self.name, file.key, None, version_of([file]), files=(file,))
                for file in listed
                if format_of(file.key) in {"csv", "parquet"}
            ]
        if not units:
            raise SourceError(
                f"there is no manifest of a report named {self.report!r}" if self.report else "there is no report",
                where=self.storage.uri,
                remedy="compare uri and export with AWS's Cost and Usage Reports page, or name one .csv, .csv.gz or "
                ".parquet file",
            )
        return units

    def files(self, unit: Unit) -> list[RemoteFile]:
        if unit.manifest is None:
            if self.current(unit).version != unit.version:
                raise Changed(f"{unit.name} changed")
            return list(unit.files)
        where = f"{self.storage.uri}/{unit.manifest.key}"
        root = unit.manifest.key.rpartition("/")[0]
        folder = root.rpartition("/")[2]
        try:
            content = cast("dict[str, Any]", json.loads(self.storage.read(unit.manifest)))
            tails = list(dict.fromkeys(str(key).partition(f"{folder}/")[2] for key in content["reportKeys"]))
        except (ValueError, KeyError, TypeError, RecursionError):
            raise SourceError(
                "the manifest is not the JSON that AWS writes",
                where=where,
                remedy="wait for the next delivery",
            ) from None
        if not tails or not all(tails) or any(".." in tail.split("/") for tail in tails):
            raise SourceError(
                "the manifest names no files of its period", where=where, remedy="wait for the next delivery"
            )
        listed = {file.key: file for file in self.storage.list(f"{root}/")}
        wanted = [f"{root}/{tail}" for tail in tails]
        for key in wanted:
            if key not in listed:
                raise Changed(f"{key} is missing")
            if listed[key].modified > unit.manifest.modified:
                raise Changed(f"{key} is newer than its manifest")
        return [listed[key] for key in wanted]

    def current(self, unit: Unit) -> Unit:
        if unit.manifest is None:
            file = newest(self.storage, unit.files[0])
            return replace(unit, version=version_of([file]), files=(file,))
        manifest = newest(self.storage, unit.manifest)
        return replace(unit, version=manifest.etag, manifest=manifest)

    def fetch(self, file: RemoteFile, to: Path, tell: Tell) -> None:
        self.storage.fetch(file, to, tell)

    def read(self, con: DuckDBPyConnection, paths: list[Path]) -> Raw:
        raw = read_files(con, paths, self.storage.uri)
        return aws_cur.from_legacy(raw, self.storage.uri, names_as_written(paths))
