"""A full disk, a home that cannot be written, files that the disk has damaged: a clear error, and the old numbers."""

from __future__ import annotations

import errno
import os
import resource
import shutil
from contextlib import suppress
from decimal import Decimal
from pathlib import Path

import duckdb
import pytest

from finops.config import Config
from finops.errors import WarehouseError
from finops.pipeline import Pipeline
from finops.warehouse import database
from tests.sources.house import focus, write_csv

SOURCE = {"name": "bills", "kind": "focus-files", "uri": "bills"}
BLOCK = 256 << 10


class Home:
    """A home over one bill, with what people see there."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.bill("7")
        self.config = Config.model_validate({"home": "home", "sources": [SOURCE], "path": folder / "finops.yaml"})
        self.published, self.work = self.config.published, self.config.home_dir / "work/finops.duckdb"

    def bill(self, cost: str) -> None:
        rows = [focus(cost), *(focus("0", ResourceId=os.urandom(200).hex()) for _ in range(1000))]
        write_csv(self.folder / "bills/a.csv", rows)

    def run(self) -> bool:
        pipeline = Pipeline(self.config)
        with pipeline.warehouse.lock():
            pipeline.load()
            assert pipeline.errors == []
            return pipeline.publish()

    def shown(self) -> Decimal:
        with duckdb.connect(self.published, read_only=True) as con:
            return con.execute("SELECT sum(BilledCost) FROM focus.charges").fetchall()[0][0]


@pytest.fixture
def home(tmp_path: Path) -> Home:
    made = Home(tmp_path)
    assert made.run()
    return made


@pytest.mark.parametrize("step", ["copyfile", "sync", "link"])
def test_a_disk_that_is_full_leaves_the_old_numbers(home: Home, step: str, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(path: object, *_: object) -> None:
        if step == "copyfile":
            (home.published.parent / ".finops.duckdb.new").write_bytes(b"half of it")
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), str(path))

    before = home.published.read_bytes()
    home.bill("8")
    with monkeypatch.context() as patch:
        patch.setattr(*{"copyfile": (shutil, "copyfile"), "sync": (database, "sync"), "link": (os, "link")}[step], full)
        with pytest.raises(WarehouseError, match=r"No space left on device.*free some space"):
            home.run()
    assert home.published.read_bytes() == before
    assert not (home.published.parent / ".finops.duckdb.new").exists()
    assert home.run()
    assert home.shown() == 8


def _load_and_publish(pipeline: Pipeline) -> None:
    pipeline.load()
    pipeline.publish()


@pytest.mark.parametrize("room", [-(10**9), 0, 1_000_000])
def test_a_disk_that_takes_no_more_of_the_work_file_is_named(home: Home, room: int) -> None:
    """By the engine's own error, wherever it comes: a limit on the size of files stands for the end of the disk."""
    home.bill("8")
    write_csv(home.folder / "bills/b.csv", [focus("1", ResourceId=os.urandom(200).hex()) for _ in range(20_000)])
    before = home.published.read_bytes()
    pipeline = Pipeline(home.config)
    pipeline.land("bills")
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (max(home.work.stat().st_size + room, 1000), limits[1]))
    try:
        with pytest.raises(WarehouseError, match=r"work file cannot be written.*What to do: free some space"):
            _load_and_publish(pipeline)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
    assert home.published.read_bytes() == before
    assert home.run()
    assert home.shown() == 20_008


def test_a_home_that_is_read_only(home: Home, monkeypatch: pytest.MonkeyPatch) -> None:
    """By the error that a file system gives: who runs the tests may be allowed everything."""

    def refused(path: object, *_: object) -> int:
        raise OSError(errno.EROFS, os.strerror(errno.EROFS), str(path))

    with monkeypatch.context() as patch:
        patch.setattr(os, "open", refused)
        with pytest.raises(WarehouseError, match=r"Read-only file system.*name another home"):
            home.run()
    assert home.shown() == 7


@pytest.mark.parametrize("first", [0, 3 * 4096])
def test_a_damaged_work_file_is_made_anew(home: Home, first: int) -> None:
    """Where its head is damaged nothing can be read; where its blocks are, that shows once they are."""
    content = bytearray(home.work.read_bytes())
    content[first:] = b"\xa5" * (len(content) - first)
    home.work.write_bytes(content)
    home.bill("8")
    with suppress(WarehouseError):  # which says to run again
        home.run()
    assert home.shown() in {7, 8}
    home.run()
    assert home.shown() == 8


@pytest.mark.parametrize("first", [0, 3 * 4096])
def test_a_damaged_published_file_is_published_anew(home: Home, first: int) -> None:
    content = bytearray(home.published.read_bytes())
    content[first:] = b"\xa5" * (len(content) - first)
    home.published.write_bytes(content)
    assert home.run()
    assert home.shown() == 7
    assert not home.run(), "and then there is nothing to publish"
