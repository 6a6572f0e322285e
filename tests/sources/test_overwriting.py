"""Reading an export while it is being overwritten, over a real S3 server: whole versions, never a mixture.

Two writers deliver the same month again and again, each in one of AWS's modes: chunks first, the manifest last;
more chunks and fewer, of other sizes and of the same, and what a shrunken delivery leaves behind stays. Every
row names the version that it belongs to. Readers load it through our own code; a reader of each mode that takes
what lies in the data folder is the control: it must see mixtures, or the writers would prove nothing.
"""

from __future__ import annotations

import csv
import gzip
import io
import itertools
import json
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from concurrent.futures import FIRST_EXCEPTION, ThreadPoolExecutor, wait
from contextlib import suppress
from functools import partial
from pathlib import Path
from random import Random
from typing import Any

import pytest
from botocore.exceptions import ClientError

from finops.config import AwsExport
from finops.sources import landing
from finops.sources.aws_exports import AwsDataExport
from finops.sources.landed import remove_old
from finops.sources.opening import open_storage

from .house import House, cur
from .weed import BUCKET, Weed

SECONDS = 40
WAITS = (0.2, 0.5, *[1.0] * 40)
"""As patient as our own, in shorter steps: more is read in the time."""
BETWEEN = 1.1
"""Seconds from a manifest to the next delivery: S3 tells times to the second, so that closer ones look like one."""
MODES = ("OVERWRITE_REPORT", "CREATE_NEW_REPORT")
Tally = Counter[tuple[str, str, str]]
"""How often something happened: by mode, by who met it, and by what it was."""


def shape(version: int) -> tuple[int, int]:
    """Chunks of a version and rows of each: the count changes, and half of the overwrites keep the size."""
    return (3, 4, 4, 2)[version % 4], 20 + 5 * (version // 2 % 2)


def chunk(version: int) -> bytes:
    """Rows that name their version; stored uncompressed, so that the same rows have the same size."""
    text = io.StringIO()
    row = cur(cost="1", line_item_line_item_description=f"v{version:06}")
    writer = csv.DictWriter(text, row)
    writer.writeheader()
    writer.writerows([row] * shape(version)[1])
    return gzip.compress(text.getvalue().encode(), compresslevel=0, mtime=0)


def is_whole(versions: list[str]) -> bool:
    """Whether rows are all the rows of one version."""
    chunks, rows = shape(int(versions[0][1:])) if versions else (0, 0)
    return len(set(versions)) == 1 and len(versions) == chunks * rows


def versions_of(contents: list[bytes]) -> list[str]:
    texts = (gzip.decompress(each).decode() for each in contents)
    return [row["line_item_line_item_description"] for text in texts for row in csv.DictReader(io.StringIO(text))]


def deliver(client: Any, mode: str, version: int, pause: float) -> str:
    """One delivery as AWS makes it, below a prefix named like the mode; returns the folder of its data."""
    where = f"{mode}/ml/data/BILLING_PERIOD=2026-09"
    own = f"2026-09-01T00:00:00.{version:06}Z-run" if mode == "CREATE_NEW_REPORT" else ""
    folder = f"{where}/{own}" if own else where
    keys = [f"{folder}/ml-{number:05}.csv.gz" for number in range(1, shape(version)[0] + 1)]
    for key in keys:
        client.put_object(Bucket=BUCKET, Key=key, Body=chunk(version))
        time.sleep(pause)
    manifest = {"executionId": f"run-{version}", "dataFiles": [f"s3://{BUCKET}/{key}" for key in keys]}
    metadata = f"{mode}/ml/metadata/BILLING_PERIOD=2026-09"
    for name in ([f"{own}/ml-Manifest.json"] if own else []) + ["ml-Manifest.json"]:
        client.put_object(Bucket=BUCKET, Key=f"{metadata}/{name}", Body=json.dumps(manifest).encode())
    return folder


def write(weed: Weed, mode: str, tally: Tally, stop: threading.Event) -> None:
    """Deliver until told to stop."""
    client, random = weed.client(), Random(mode)
    copies: list[str] = []
    for version in itertools.count(1):
        if stop.wait(BETWEEN + random.random()):
            return
        copies.append(deliver(client, mode, version, random.uniform(0.02, 0.25)))
        tally[mode, "writer", "deliveries"] += 1
        if mode == "CREATE_NEW_REPORT" and len(copies) > 3:  # a lifecycle rule takes the old copies away
            for each in client.list_objects_v2(Bucket=BUCKET, Prefix=f"{copies.pop(0)}/")["Contents"]:
                client.delete_object(Bucket=BUCKET, Key=each["Key"])


def source(mode: str) -> dict[str, Any]:
    return {"name": "aws", "kind": "aws-cur2", "uri": f"s3://{BUCKET}/{mode}", "export": "ml"}


def note(tally: Tally, mode: str, reader: str, versions: list[str]) -> None:
    tally[mode, reader, "consistent" if is_whole(versions) else "MIXED"] += 1


def opened(mode: str) -> AwsDataExport:
    entry = AwsExport.model_validate(source(mode))
    return AwsDataExport(entry, open_storage(entry.uri, Path(), entry))


def land(export: AwsDataExport, mode: str, reader: str, home: Path, tally: Tally) -> None:
    """Land the month, and see what lies in the landing area then."""
    messages: list[str] = []
    report = landing.land(export, home, None, messages.append)
    tally[mode, reader, "retried"] += sum("trying again" in text for text in messages)
    tally[mode, reader, "gave up"] += len(report.failures)
    if report.fetched:
        note(tally, mode, reader, versions_of([file.read_bytes() for file in report.landed[0].files]))
    remove_old(report.landed)


def land_afresh(export: AwsDataExport, mode: str, homes: Iterator[Path], tally: Tally) -> None:
    land(export, mode, "fresh homes", next(homes), tally)


def load(mode: str, house: House, tally: Tally) -> None:
    """Run the pipeline, and see what the warehouse holds then."""
    before = set(house.sql("SELECT version FROM ledger.units")) if house.messages else set()
    house.messages.clear()
    failures = house.run()
    house.messages.append("has run")
    tally[mode, "pipeline", "retried"] += sum("trying again" in text for text in house.messages)
    tally[mode, "pipeline", "gave up"] += len(failures)
    if set(house.sql("SELECT version FROM ledger.units")) != before:
        note(tally, mode, "pipeline", [text for (text,) in house.sql("SELECT ChargeDescription FROM focus.charges")])


def glob(client: Any, mode: str, tally: Tally) -> None:
    """The control: whatever lies in the data folder."""
    listed = client.list_objects_v2(Bucket=BUCKET, Prefix=f"{mode}/ml/data/").get("Contents", [])
    with suppress(ClientError):  # a copy was taken away meanwhile
        contents = [client.get_object(Bucket=BUCKET, Key=each["Key"])["Body"].read() for each in listed]
        note(tally, mode, "glob", versions_of(contents))


def again(stop: threading.Event, act: Callable[[], None]) -> None:
    while not stop.wait(0.1):
        act()


def table(tally: Tally) -> str:
    """A line for each reader: what it met."""
    lines = [f"{mode:18} {who:12} {what:10} {count:5}" for (mode, who, what), count in sorted(tally.items())]
    return "\n".join(lines)


def test_while_an_export_is_overwritten_only_whole_versions_are_read(
    weed: Weed, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, record_property: Callable[[str, object], None]
) -> None:
    monkeypatch.setattr(landing, "WAITS", WAITS)
    for name, value in weed.environment().items():
        monkeypatch.setenv(name, value)
    tally: Tally = Counter()
    stop = threading.Event()
    house = House(tmp_path / "house", source("OVERWRITE_REPORT"))
    fresh = map(tmp_path.joinpath, map("fresh-{}".format, itertools.count()))
    for mode in MODES:
        deliver(weed.client(), mode, 0, 0)
    with ThreadPoolExecutor(16) as pool:
        started = [pool.submit(again, stop, lambda: load("OVERWRITE_REPORT", house, tally))]
        for mode in MODES:
            started += [
                pool.submit(write, weed, mode, tally, stop),
                pool.submit(again, stop, partial(land, opened(mode), mode, "one home", tmp_path / mode, tally)),
                pool.submit(again, stop, partial(land_afresh, opened(mode), mode, fresh, tally)),
                pool.submit(again, stop, partial(glob, weed.client(), mode, tally)),
            ]
        wait(started, timeout=SECONDS, return_when=FIRST_EXCEPTION)
        stop.set()
        for each in started:
            each.result()
    record_property("shown", table(tally))
    read = {(mode, who): tally[mode, who, "consistent"] for mode, who, _ in tally if who not in {"writer", "glob"}}
    assert len(read) == 5
    assert all(count >= 2 for count in read.values()), table(tally)
    assert sum(read.values()) >= 25, table(tally)
    assert not [each for each in tally if each[1] != "glob" and each[2] == "MIXED"], table(tally)
    assert all(tally[mode, "glob", "MIXED"] > 0 for mode in MODES), table(tally)
    assert all(tally[mode, "writer", "deliveries"] >= 10 for mode in MODES), table(tally)
    assert sum(tally[mode, who, "retried"] for mode, who in read) > 0, table(tally)
