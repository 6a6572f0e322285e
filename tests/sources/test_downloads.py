"""Downloads: several at a time, kept through a crash, told while they last, ended when nobody waits any more."""

from __future__ import annotations

import gzip
import os
import subprocess
import sys
import threading
import time
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from finops.config import AwsExport, Config
from finops.errors import SourceError
from finops.sources import downloads, landing
from finops.sources.aws_cur1 import AwsLegacyReport
from finops.sources.aws_exports import AwsDataExport
from finops.sources.downloads import Downloads, Meter, is_whole, part
from finops.sources.focus_files import FocusFiles
from finops.sources.opening import open_storage
from finops.sources.registry import open_source
from finops.sources.storage import Changed, Folder, RemoteFile, Tell

from . import s3
from .house import T0, at, manifest
from .test_aws_cur1 import deliver as deliver_report

PATIENCE = landing.WAITS
SOURCE = {"name": "aws", "kind": "aws-cur2", "uri": "bucket", "export": "ml"}


class Watched(Folder):
    """A folder that counts what is copied, and by how many at a time; `act` runs within each copy."""

    def __init__(self, root: Path) -> None:
        super().__init__(root)
        self.copies: Counter[str] = Counter()
        self.now = self.most = 0
        self.lock = threading.Lock()

    def fetch(self, file: RemoteFile, to: Path, tell: Tell = lambda _: None) -> None:
        with self.lock:
            self.copies[file.key.rpartition("/")[2]] += 1
            self.now += 1
            self.most = max(self.most, self.now)
        try:
            self.act(file, tell)
            super().fetch(file, to, tell)
        finally:
            with self.lock:
                self.now -= 1

    def act(self, file: RemoteFile, tell: Tell) -> None:
        pass


def deliver(root: Path, contents: list[bytes], when: float = T0 + 60) -> list[Path]:
    folder = root / "ml/data/BILLING_PERIOD=2026-09"
    folder.mkdir(parents=True, exist_ok=True)
    files = [folder / f"ml-{number:05}.csv" for number in range(len(contents))]
    for file, content in zip(files, contents, strict=True):
        if not file.exists() or file.read_bytes() != content:
            file.write_bytes(content)
            at(file, when - 30)
    path = manifest(root, [], when=when)
    path.write_text(
        path.read_text().replace("[]}", f"{[f's3://b/{f.relative_to(root)}' for f in files]}}}").replace("'", '"')
    )
    at(path, when)
    return files


def export(storage: Folder) -> AwsDataExport:
    return AwsDataExport(AwsExport.model_validate(SOURCE), storage)


def land(storage: Folder, tmp_path: Path) -> landing.Report:
    return landing.land(export(storage), tmp_path / "home", None, lambda _: None)


def test_files_are_fetched_at_the_same_time_but_not_all_at_once(tmp_path: Path) -> None:
    deliver(tmp_path / "bucket", [b"%d" % number for number in range(3 * downloads.FILES)])
    meeting = threading.Barrier(downloads.FILES, timeout=20)

    class Meeting(Watched):
        def act(self, file: RemoteFile, tell: Tell) -> None:
            meeting.wait()  # so many wait for one another: one by one they never would

    storage = Meeting(tmp_path / "bucket")
    report = land(storage, tmp_path)
    assert report.failures == {}
    assert storage.most == downloads.FILES
    assert [path.read_bytes() for path in report.landed[0].files] == [b"%d" % n for n in range(3 * downloads.FILES)]


def test_files_of_several_units_are_fetched_at_the_same_time(tmp_path: Path) -> None:
    for name in "abc":
        (tmp_path / f"{name}.csv").write_text(name)
    meeting = threading.Barrier(3, timeout=20)

    class Meeting(Watched):
        def act(self, file: RemoteFile, tell: Tell) -> None:
            meeting.wait()

    config = Config.model_validate({"sources": [{"name": "s", "kind": "focus-files", "uri": str(tmp_path)}]})
    source: Any = open_source(config, config.sources[0])
    source.storage = Meeting(tmp_path)
    report = landing.land(source, tmp_path / "home", None, lambda _: None)
    assert [each.unit for each in report.landed] == ["a.csv", "b.csv", "c.csv"]


def test_what_a_delivery_leaves_as_it_was_is_not_fetched_again(tmp_path: Path) -> None:
    root = tmp_path / "bucket"
    deliver(root, [b"a", b"b", b"c"])

    class Overtaken(Watched):
        def act(self, file: RemoteFile, tell: Tell) -> None:
            if self.copies.total() == 3 and len(self.copies) == 3:  # the last of the old version: the next one comes
                while len(list((tmp_path / "home").rglob("*.csv"))) < 2:  # once the others have arrived
                    time.sleep(0.01)
                deliver(root, [b"a", b"b", b"new"], when=T0 + 600)

    storage = Overtaken(root)
    report = land(storage, tmp_path)
    assert report.failures == {}
    assert [path.read_bytes() for path in report.landed[0].files] == [b"a", b"b", b"new"]
    assert storage.copies == {"ml-00000.csv": 1, "ml-00001.csv": 1, "ml-00002.csv": 2}
    assert len(list(report.landed[0].folder.iterdir())) == 4  # three files and their note: nothing of the old one


def test_a_file_that_fails_ends_the_others_and_what_is_whole_is_kept(tmp_path: Path) -> None:
    deliver(tmp_path / "bucket", [b"a", b"b", b"c"])

    class Refusing(Watched):
        refuses = True

        def act(self, file: RemoteFile, tell: Tell) -> None:
            if not self.refuses or file.key.endswith("0.csv"):
                return
            while self.copies["ml-00000.csv"] == 0 or not list((tmp_path / "home").rglob("*.csv")):
                time.sleep(0.01)
            if file.key.endswith("2.csv"):
                raise SourceError("AWS refused s3:GetObject", where=file.key)
            while True:  # an endless body: only the other's failure ends it
                tell(1)
                time.sleep(0.01)

    storage = Refusing(tmp_path / "bucket")
    report = land(storage, tmp_path)
    assert "ml-00002.csv" in str(report.failures["2026-09"])
    storage.refuses = False
    assert land(storage, tmp_path).failures == {}
    assert storage.copies == {"ml-00000.csv": 1, "ml-00001.csv": 2, "ml-00002.csv": 2}


@pytest.mark.parametrize("damage", ["cut", "grown", "another version", "another key"])
def test_a_part_counts_only_as_what_was_listed(tmp_path: Path, damage: str) -> None:
    file = RemoteFile("x/a b=.csv.gz", 5, T0, '"tag"')
    path = tmp_path / part(file)
    path.write_bytes(b"12345")
    assert is_whole(path, file)
    other = {
        "another version": RemoteFile(file.key, 5, T0, '"tog"'),
        "another key": RemoteFile("y/a b=.csv.gz", 5, T0, '"tag"'),
    }.get(damage, file)
    path.write_bytes({"cut": b"1234", "grown": b"123456"}.get(damage, b"12345"))
    assert not is_whole(tmp_path / part(other), other)


def test_a_gzip_that_is_cut_off_is_not_kept(tmp_path: Path) -> None:
    folder = tmp_path / "bucket/ml/data/BILLING_PERIOD=2026-09"
    folder.mkdir(parents=True)
    (folder / "ml-0.csv.gz").write_bytes(gzip.compress(b"x" * 1000)[:-9])
    manifest(tmp_path / "bucket", [folder / "ml-0.csv.gz"])
    storage = Watched(tmp_path / "bucket")
    for tries in (1, 2):
        assert "cut off" in str(land(storage, tmp_path).failures["2026-09"])
        assert storage.copies["ml-0.csv.gz"] == tries


def test_an_interrupt_ends_what_is_under_way(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(downloads, "TELL_EVERY", 0)
    deliver(tmp_path / "bucket", [b"a"] * 20)

    class Endless(Watched):
        def act(self, file: RemoteFile, tell: Tell) -> None:
            while True:
                tell(1)
                time.sleep(0.01)

    def interrupt(_: str) -> None:
        raise KeyboardInterrupt

    started = time.monotonic()
    with pytest.raises(KeyboardInterrupt):
        landing.land(export(Endless(tmp_path / "bucket")), tmp_path / "home", None, interrupt)
    assert time.monotonic() - started < 10
    assert not [each for each in threading.enumerate() if each.name.startswith("download")]


def test_progress_names_files_and_bytes_but_not_all_the_time() -> None:
    now, said = [0.0], list[str]()
    meter = Meter("aws-main", said.append, clock=lambda: now[0])
    files = [RemoteFile(str(number), size, T0, "") for number, size in enumerate([1_200_000_000, 2_800_000_000, 1])]
    meter.begin("2026-09", files)
    meter.add("2026-09", 1_200_000_000, files=1)
    for now[0] in (1.0, 2.1, 3.0, 4.0):
        meter.tell()
    assert said == ["aws-main: 2026-09, 1 of 3 files, 1.2 of 4.0 GB"]
    meter.units, meter.landed = 12, 4
    meter.end("2026-09")
    meter.begin("2026-10", [RemoteFile("x", 1500, T0, "")])
    now[0] = 5.0
    meter.tell()
    assert said[1:] == ["aws-main: 2026-10, 0 of 1 files, 0.0 of 1.5 kB, 4 of 12 deliveries landed"]


def test_bytes_that_must_come_again_do_not_count_twice(tmp_path: Path) -> None:
    deliver(tmp_path / "bucket", [b"a" * 10])
    storage = Watched(tmp_path / "bucket")
    source, meter = export(storage), Meter("aws", lambda _: None)
    (unit,) = source.discover()
    counted: list[int] = []
    meter.add = lambda unit, size, files=0: counted.append(size)  # type: ignore[method-assign]
    with Downloads(meter) as pool:
        pool.fetch(source, unit, source.files(unit), tmp_path)
        pool.fetch(source, unit, source.files(unit), tmp_path)  # there already, and counted as there
    assert sum(counted) == 20
    assert storage.copies.total() == 1


CODE = """
import sys
from pathlib import Path
from finops.config import AwsExport
from finops.sources import landing
from finops.sources.aws_exports import AwsDataExport
from finops.sources.opening import open_storage
entry = AwsExport(name="aws", kind="aws-cur2", uri="s3://bills/p", export="ml")
landing.land(AwsDataExport(entry, open_storage(entry.uri, Path())), Path(sys.argv[1]), None, lambda _: None)
"""


@pytest.fixture
def bucket(monkeypatch: pytest.MonkeyPatch) -> Iterator[s3.Bucket]:
    with s3.serve("bills") as served:
        for name, value in served.environment().items():
            monkeypatch.setenv(name, value)
        yield served


def test_after_a_kill_only_what_is_missing_is_fetched(bucket: s3.Bucket, tmp_path: Path) -> None:
    keys = [f"p/ml/data/BILLING_PERIOD=2026-09/ml-{number:05}.csv" for number in range(7)]
    for number, key in enumerate(keys):
        bucket.put(key, b"%d" % number * 2_000_000, T0)
    uris = ", ".join(f'"s3://bills/{key}"' for key in keys)
    bucket.put("p/ml/metadata/BILLING_PERIOD=2026-09/ml-Manifest.json", f'{{"dataFiles": [{uris}]}}'.encode(), T0)
    killed, slow = threading.Event(), set(keys[4:])

    def stall(key: str) -> int | None:
        return -2 if key in slow and not killed.is_set() else None

    bucket.hook = stall  # the body begins, and then nothing comes
    bucket.stalled = killed
    home = tmp_path / "home"
    with subprocess.Popen([sys.executable, "-c", CODE, str(home)], env=dict(os.environ)) as process:
        until = time.monotonic() + 60
        while len(list(home.rglob("*.csv"))) < 4 or len(list(home.rglob("*.new"))) < 3:
            assert time.monotonic() < until
            assert process.poll() is None
            time.sleep(0.02)
        process.kill()
    killed.set()
    bucket.requests.clear()
    entry = AwsExport(name="aws", kind="aws-cur2", uri="s3://bills/p", export="ml")
    report = landing.land(AwsDataExport(entry, open_storage(entry.uri, tmp_path)), home, None, lambda _: None)
    assert report.failures == {}
    assert [path.read_bytes()[:1] for path in report.landed[0].files] == [b"%d" % number for number in range(7)]
    assert sorted(each for each in bucket.requests if each.endswith(".csv")) == [f"GET {key}" for key in keys[4:]]
    assert {path.name for path in report.landed[0].folder.iterdir()} == {
        "unit.json",
        *(path.name for path in report.landed[0].files),
    }


def test_a_folder_file_that_vanishes_in_the_middle_of_a_copy_is_an_event(tmp_path: Path) -> None:
    path = tmp_path / "a.csv"
    path.write_bytes(b"x" * 10)
    storage = Folder(tmp_path)
    (file,) = storage.list()
    with pytest.raises(Changed, match=r"a\.csv"):
        storage.fetch(file, tmp_path / "copy", lambda _: path.unlink())


def test_a_legacy_report_that_moves_on_is_read_in_its_newest_version(tmp_path: Path) -> None:
    root = tmp_path / "bucket"
    deliver_report(root, ["1"], "first")

    class Overtaken(Watched):
        def act(self, file: RemoteFile, tell: Tell) -> None:
            if self.copies.total() == 1:
                deliver_report(root, ["5", "6"], "second", when=T0 + 100)

    entry = AwsExport.model_validate({"name": "aws", "kind": "aws-cur1", "uri": "bucket", "export": "rep"})
    report = landing.land(AwsLegacyReport(entry, Overtaken(root)), tmp_path / "home", None, lambda _: None)
    assert report.failures == {}
    assert [key.partition("/")[2] for key in report.landed[0].keys] == ["second/rep-1.csv.gz", "second/rep-2.csv.gz"]


def test_a_bare_file_that_moves_on_is_read_in_its_newest_version(tmp_path: Path) -> None:
    path = tmp_path / "bucket/report.csv"
    path.parent.mkdir()
    path.write_text("old")

    class Overtaken(Watched):
        def act(self, file: RemoteFile, tell: Tell) -> None:
            path.write_text("newer")

    entry = AwsExport.model_validate({"name": "aws", "kind": "aws-cur1", "uri": "bucket"})
    report = landing.land(AwsLegacyReport(entry, Overtaken(path.parent)), tmp_path / "home", None, lambda _: None)
    assert report.failures != {}  # it never stands still
    storage = Watched(path.parent)
    report = landing.land(AwsLegacyReport(entry, storage), tmp_path / "home", None, lambda _: None)
    assert [file.read_text() for file in report.landed[0].files] == ["newer"]


def test_a_unit_that_is_being_delivered_does_not_hold_up_the_others(tmp_path: Path) -> None:
    for name in ("a", "b"):
        (tmp_path / f"{name}.csv").write_text(name)
    said: list[str] = []

    class Restless(Watched):
        def act(self, file: RemoteFile, tell: Tell) -> None:
            if file.key == "a.csv":
                (tmp_path / "a.csv").write_text("a" * (1 + self.copies["a.csv"]))

    source = FocusFiles("s", Restless(tmp_path))
    report = landing.land(source, tmp_path / "home", None, said.append)
    assert [each.unit for each in report.landed] == ["b.csv"]
    assert list(report.failures) == ["a.csv"]
    assert len(said) == len(landing.WAITS)
    assert all(text.startswith("s: a.csv is being delivered, trying again (a.csv changed") for text in said)


def test_the_patience_for_a_delivery_under_way_is_a_minute_or_two() -> None:
    assert 60 <= sum(PATIENCE) <= 120
