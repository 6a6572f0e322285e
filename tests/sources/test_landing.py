"""Landing: whole files, addressed by version, and what survives a crash."""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from pathlib import Path

import polars as pl
import pytest

from finops.errors import ConfigError, SourceError
from finops.sources import landing
from finops.sources.base import Raw, Source, Unit
from finops.sources.focus_files import FocusFiles
from finops.sources.landed import PARTIAL, remove_old
from finops.sources.opening import open_storage
from finops.sources.storage import Changed, Folder, RemoteFile, Tell


class Restless(Folder):
    """A folder in which something happens each time that a file has been copied."""

    def __init__(self, root: Path, event: Callable[[int, Path], None]) -> None:
        super().__init__(root)
        self.event, self.copies = event, 0

    def fetch(self, file: RemoteFile, to: Path, tell: Tell = lambda _: None) -> None:
        super().fetch(file, to, tell)
        self.copies += 1
        self.event(self.copies, self.root / file.key)


@pytest.fixture
def bills(tmp_path: Path) -> Path:
    folder = tmp_path / "bills"
    folder.mkdir()
    (folder / "a.csv").write_text("one")
    return folder


def land(source: Source, tmp_path: Path) -> landing.Report:
    return landing.land(source, tmp_path / "home", None, lambda _: None)


def test_a_version_has_a_folder_of_its_own_and_is_fetched_once(tmp_path: Path, bills: Path) -> None:
    source = FocusFiles("s", Folder(bills))
    first = land(source, tmp_path)
    again = land(source, tmp_path)
    assert (first.fetched, again.fetched) == (1, 0)
    assert first.landed == again.landed
    (bills / "a.csv").write_text("two!")
    second = land(source, tmp_path)
    assert second.landed[0].folder != first.landed[0].folder
    assert [path.read_text() for path in (*first.landed[0].files, *second.landed[0].files)] == ["one", "two!"]
    assert remove_old(second.landed) == 1
    assert not first.landed[0].folder.exists()
    assert second.landed[0].files[0].exists()


@pytest.mark.parametrize(
    "damage", ["no unit.json", "unit.json cut", "unit.json other", "file gone", "file cut", "partial"]
)
def test_a_crash_in_the_middle_is_survived(tmp_path: Path, bills: Path, damage: str) -> None:
    source = FocusFiles("s", Folder(bills))
    (landed,) = land(source, tmp_path).landed
    folder = landed.folder
    note = folder / "unit.json"
    if damage == "no unit.json":
        note.unlink()
    elif damage == "unit.json cut":
        note.write_text(note.read_text()[:20])
    elif damage == "unit.json other":
        note.write_text("[]")
    elif damage == "file gone":
        landed.files[0].unlink()
    elif damage == "file cut":
        landed.files[0].write_text("o")
    else:
        folder.rename(folder.with_name(PARTIAL))
    report = land(source, tmp_path)
    assert report.failures == {}
    assert report.fetched == 1
    assert [file.read_text() for file in report.landed[0].files] == ["one"]
    assert [each.name for each in folder.parent.iterdir()] == [folder.name]


def test_a_file_that_changes_while_it_is_copied_is_fetched_again(tmp_path: Path, bills: Path) -> None:
    def once(copies: int, path: Path) -> None:
        if copies == 1:
            path.write_text("changed")

    source = FocusFiles("s", Restless(bills, once))
    report = land(source, tmp_path)
    assert report.failures == {}
    assert [file.read_text() for file in report.landed[0].files] == ["changed"]
    assert report.landed[0].version == source.discover()[0].version


def test_a_file_that_never_stands_still_is_an_error(tmp_path: Path, bills: Path) -> None:
    source = FocusFiles("s", Restless(bills, lambda copies, path: path.write_text("x" * copies)))
    error = land(source, tmp_path).failures["a.csv"]
    assert isinstance(error, SourceError)
    assert error.remedy is not None
    assert "run again" in error.remedy


def test_a_file_that_vanishes_is_an_error(tmp_path: Path, bills: Path) -> None:
    source = FocusFiles("s", Restless(bills, lambda _, path: path.unlink(missing_ok=True)))
    assert "not complete" in str(land(source, tmp_path).failures["a.csv"])


def test_one_unit_in_trouble_leaves_the_others_alone(tmp_path: Path, bills: Path) -> None:
    (bills / "b.csv.gz").write_bytes(b"no gzip")
    report = land(FocusFiles("s", Folder(bills)), tmp_path)
    assert [each.unit for each in report.landed] == ["a.csv"]
    assert list(report.failures) == ["b.csv.gz"]


def test_names_of_files_never_become_paths(tmp_path: Path, bills: Path) -> None:
    names = ["a b.csv", "ü'\"; --.csv", "$(touch x).csv", "..csv", "con%2F..%2F.csv"]
    for name in names:
        (bills / name).write_text(name)
    report = land(FocusFiles("s", Folder(bills)), tmp_path)
    landed = {each.keys[0]: each.files[0] for each in report.landed}
    assert {name: landed[name].read_text() for name in names if not name.startswith(".")} == {
        name: name for name in names if not name.startswith(".")
    }
    inside = tmp_path / "home" / "landing" / "s"
    assert all(path.resolve().is_relative_to(inside.resolve()) for path in landed.values())


def test_a_home_that_cannot_be_written(tmp_path: Path, bills: Path) -> None:
    (tmp_path / "home").write_text("a file")
    error = land(FocusFiles("s", Folder(bills)), tmp_path).failures["a.csv"]
    assert "cannot be written" in str(error)
    assert "free some space" in str(error)


def test_only_wanted_periods_are_fetched(tmp_path: Path, bills: Path) -> None:
    for day in ("2026-08-31", "2026-09-01"):
        folder = bills / f"_PARTITIONDATE={day}"
        folder.mkdir()
        (folder / "x.csv").write_text(day)
    report = landing.land(FocusFiles("s", Folder(bills)), tmp_path / "home", ["2026-09"], lambda _: None)
    assert [each.unit for each in report.landed] == ["_PARTITIONDATE=2026-09-01", "a.csv"]
    assert json.loads((report.landed[0].folder / "unit.json").read_text())["period"] == "2026-09"


def test_a_folder_that_cannot_be_listed_is_an_error_and_not_an_empty_one(
    bills: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (bills / "locked").mkdir()
    real = os.scandir

    def scandir(path: Path) -> object:
        if str(path).endswith("locked"):
            raise PermissionError(13, "Permission denied", str(path))
        return real(path)

    monkeypatch.setattr(os, "scandir", scandir)
    with pytest.raises(SourceError, match="Permission denied"):
        Folder(bills).list()


def test_a_listed_file_that_is_gone_or_changed_is_an_event(tmp_path: Path, bills: Path) -> None:
    storage = Folder(bills)
    (file,) = storage.list()
    (bills / "a.csv").write_text("another")
    for act in (lambda: storage.read(file), lambda: storage.fetch(file, tmp_path / "copy")):
        with pytest.raises(Changed):
            act()
    (bills / "a.csv").unlink()
    with pytest.raises(Changed):
        storage.read(file)


@pytest.mark.parametrize(
    ("uri", "word"),
    [
        ("s3://", "not complete"),
        ("file://bills", "three slashes"),
        ("gs://", "gs://bucket/prefix"),
        ("gs:///x", "not complete"),
        ("gs:bucket/x", "not complete"),
        ("gs://Bucket/x", "lower case"),
        ("gs://bucket:80/x", "not the name of a bucket"),
        ("gs://bucket/x/part-*.parquet", "name the folder"),
        ("gs://bucket/x#1700000000", "%23"),
        ("gs://key:hidden@bucket/x", "name or a password"),
        ("gcs://bucket/x", "unknown scheme 'gcs'"),
        ("https://host/x", "unknown scheme 'https'"),
        ("s3://key:hidden@bucket/x", "name or a password"),
    ],
)
def test_a_wrong_uri_is_a_mistake_of_the_configuration(tmp_path: Path, uri: str, word: str) -> None:
    with pytest.raises(ConfigError) as caught:
        open_storage(uri, tmp_path)
    assert word in str(caught.value)
    assert "hidden" not in str(caught.value)


@pytest.mark.parametrize("uri", ["bills", "./bills", "{}/bills", "file://{}/bills", "file://localhost{}/bills"])
def test_uris_of_a_folder(tmp_path: Path, bills: Path, uri: str) -> None:
    assert [file.key for file in open_storage(uri.format(tmp_path), tmp_path).list()] == ["a.csv"]


class Rows:
    """A source without files: what it holds is written when it is fetched."""

    name = "rows"

    def __init__(self, *rows: int) -> None:
        self.rows = list(rows)
        self.version, self.settled, self.fetched, self.reading = "v1", False, 0, ""
        self.notes = ["one row is late"]

    def discover(self) -> list[Unit]:
        file = RemoteFile("day.parquet", 1000, 0.0, self.version, exact=False)
        return [Unit(self.name, "day", None, self.version, files=(file,), settled=self.settled)]

    def files(self, unit: Unit) -> list[RemoteFile]:
        return list(unit.files)

    def current(self, unit: Unit) -> Unit:
        return self.discover()[0]

    def fetch(self, file: RemoteFile, to: Path, tell: Tell) -> None:
        self.fetched += 1
        pl.DataFrame({"n": self.rows}, schema={"n": pl.Int64}).write_parquet(to)
        tell(file.size)

    def read(self, con: object, paths: list[Path]) -> Raw:
        raise NotImplementedError


def test_rows_that_are_written_here_are_known_by_what_they_come_to(tmp_path: Path) -> None:
    source = Rows(1, 2)
    first = land(source, tmp_path)
    (landed,) = first.landed
    assert landed.size == landed.files[0].stat().st_size != 1000  # the size of before was an estimate
    assert landed.version.startswith("v1-")
    source.rows = [2, 1]
    again = land(source, tmp_path)
    assert (again.landed, again.fetched, source.fetched) == ([landed], 0, 2)
    source.rows = [2, 1, 1]
    other = land(source, tmp_path)
    assert other.fetched == 1
    assert other.landed[0].version != landed.version
    assert pl.read_parquet(other.landed[0].files[0])["n"].to_list() == [2, 1, 1]
    source.settled = True
    assert land(source, tmp_path).landed == other.landed
    assert source.fetched == 3
    assert [each.name for each in landed.folder.parent.iterdir()] == ["v1"]


def test_rows_that_a_killed_run_left_are_not_taken_for_new_ones(tmp_path: Path) -> None:
    source = Rows(1)
    (landed,) = land(source, tmp_path).landed
    landed.folder.rename(landed.folder.with_name(PARTIAL))
    (landed.folder.with_name(PARTIAL) / "unit.json").unlink()
    source.rows = [2]
    (after,) = land(source, tmp_path).landed
    assert pl.read_parquet(after.files[0])["n"].to_list() == [2]


def test_what_a_source_has_to_say_is_told_once(tmp_path: Path) -> None:
    source, said = Rows(1), []
    for _ in range(2):
        landing.land(source, tmp_path / "home", None, said.append)
    assert said == ["rows: one row is late"]
