"""Azure's cost exports: each run writes its whole month anew, into a folder of its own with a manifest.

Unless an export is told to overwrite, the copies of a month pile up: `…/20260901-20260930/<run>/part_0_0001.csv`, and
`manifest.json` beside it, which names the run's files and when it was submitted. Some exports have a folder for the
time of a run besides, `…/202609030400/<run>/…`. The newest run is the month; where no manifest tells which that is,
adding up all of them would be wrong.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Sequence
from datetime import UTC, datetime
from itertools import combinations
from typing import Any, cast

from finops.errors import SourceError
from finops.sources.storage import Changed, RemoteFile, Storage

MANIFEST = "manifest.json"
_MONTH = re.compile(r"(?:.*/)?(?P<start>\d{6})\d{2}-\d{8}")
_DAYS = len("YYYYMMDD-YYYYMMDD")
_FILE = re.compile(rf"(?P<month>{_MONTH.pattern})/(?:[^/]+/)+(?:manifest\.json|part_\d+_\d+\.[^/]+)")


def month_of(key: str) -> str | None:
    """The folder of the month whose run a file is of; None for one of no run of Azure's."""
    match = _FILE.fullmatch(key)
    return match["month"] if match else None


def period_of(month: str) -> str | None:
    """A month's folder as YYYY-MM; None for what is no such folder."""
    match = _MONTH.fullmatch(month)
    return f"{match['start'][:4]}-{match['start'][4:]}" if match else None


def overlapping(units: Iterable[str]) -> dict[str, str]:
    """Folders of one export whose days another one has too, which is named: its charges would count twice."""
    exports: dict[str, list[str]] = {}
    for unit in units:
        if _MONTH.fullmatch(unit):
            exports.setdefault(unit[:-_DAYS], []).append(unit)
    found: dict[str, str] = {}
    for folders in exports.values():
        for one, other in combinations(folders, 2):
            if one[-_DAYS:-9] <= other[-8:] and other[-_DAYS:-9] <= one[-8:]:
                found |= {one: other, other: one}
    return found


def newest(storage: Storage, files: Sequence[RemoteFile]) -> list[RemoteFile]:
    """Of a month's files, of all its runs, the data files of the run that was submitted last, whole.

    Raises SourceError where nothing tells which run that is, and Changed while a file of it is not all there.
    """
    runs: dict[str, list[RemoteFile]] = {}
    for file in files:
        runs.setdefault(file.key.rpartition("/")[0], []).append(file)
    manifests = {each.key.rpartition("/")[0]: each for each in files if each.key.endswith(f"/{MANIFEST}")}
    without = sorted(runs.keys() - manifests.keys())
    if without and len(runs) > 1:
        raise SourceError(
            f"there are {len(runs)} runs of one month, each with all of it, and {without[0]} has no {MANIFEST}",
            where=f"{storage.uri}/{without[0].rpartition('/')[0]}",
            remedy="copy the manifests too, or keep the newest run's folder alone",
        )
    if without:
        return list(files)
    read = {run: _read(storage, manifest) for run, manifest in manifests.items()}
    run = max(read, key=lambda each: (_submitted(read[each]), each))
    data = [file for file in runs[run] if file != manifests[run]]
    if not data and not read[run]["blobs"]:
        raise SourceError(
            "the newest run of the month is empty",
            where=f"{storage.uri}/{run}",
            remedy="check the export; what was loaded before stays as it is",
        )
    _check_whole(run, data, read[run]["blobs"])
    return data


def _check_whole(run: str, data: Sequence[RemoteFile], blobs: Sequence[dict[str, Any]]) -> None:
    sizes = {file.key.rpartition("/")[2]: file.size for file in data}
    for blob in blobs:
        name = str(blob["blobName"]).rpartition("/")[2]
        if name not in sizes:
            raise Changed(f"{run}/{name} is missing")
        if blob.get("byteCount") not in {None, sizes[name]}:
            raise Changed(f"{run}/{name} has {sizes[name]} bytes of {blob['byteCount']}")
    if len(sizes) > len(blobs):
        raise Changed(f"{run} has {len(sizes)} files, its manifest names {len(blobs)}")


def _read(storage: Storage, manifest: RemoteFile) -> dict[str, Any]:
    """A manifest with what is needed of it; raises SourceError where it is not what Azure writes."""
    try:
        content = cast("dict[str, Any]", json.loads(storage.read(manifest)))
        if not all(isinstance(blob["blobName"], str) for blob in content["blobs"]):
            raise TypeError
        _submitted(content)
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError):
        raise SourceError(
            "the manifest is not the JSON that Azure writes",
            where=f"{storage.uri}/{manifest.key}",
            remedy="copy it again, or remove this run's folder",
        ) from None
    return content


def _submitted(manifest: dict[str, Any]) -> datetime:
    """When a run was submitted: of two texts the later one need not be the later time."""
    time = datetime.fromisoformat(manifest["runInfo"]["submittedTime"])
    return time if time.tzinfo else time.replace(tzinfo=UTC)
