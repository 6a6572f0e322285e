"""The work file, the published file, and who may write.

The job writes `<home>/work/finops.duckdb`; what passed its checks is copied and renamed to
`<home>/finops.duckdb`. A reader never waits and never sees half a month: it keeps the file it opened.
"""

from __future__ import annotations

import fcntl
import os
import shutil
import time
from collections.abc import Generator
from contextlib import contextmanager, suppress
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import duckdb
from duckdb import DuckDBPyConnection

from finops.clouds import accounts
from finops.errors import WarehouseError
from finops.files.durable import sync
from finops.gpus import catalogue, google_skus
from finops.lifecycle import Rule, stages
from finops.warehouse import migrations, snapshots
from finops.warehouse.connection import connect, is_damaged, is_unwritten
from finops.warehouse.reference import Reference

PATIENCE = 6
"""Times, half a second apart, that a file in use is tried again."""
_held: dict[Path, int] = {}


class Warehouse:
    """A home directory and the two files in it. All times are UTC."""

    def __init__(self, home: Path) -> None:
        self.home = home
        self.published = home / "finops.duckdb"
        self.work = home / "work" / "finops.duckdb"
        self.snapshots = home / "snapshots"
        self.now = datetime.now(UTC)
        self._prepared = False

    @contextmanager
    def lock(self) -> Generator[None]:
        """Be the only job that writes here; re-entrant in a process. Raises WarehouseError when another one is."""
        path = self.home / ".lock"
        if path in _held:
            yield
            return
        try:
            self.work.parent.mkdir(parents=True, exist_ok=True)
            handle = os.open(path, os.O_RDWR | os.O_CREAT, 0o644)
        except OSError as error:
            raise self._unwritable(error) from None
        try:
            self._acquire(handle)
            _held[path] = handle
            yield
        finally:
            _held.pop(path, None)
            os.close(handle)

    def _acquire(self, handle: int) -> None:
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            holder = os.pread(handle, 100, 0).decode(errors="replace").strip() or "unknown"
            raise WarehouseError(
                f"another run is at work here (process {holder})",
                where=str(self.home),
                remedy="wait until it ends: the published numbers can be queried meanwhile",
            ) from None
        os.ftruncate(handle, 0)
        os.pwrite(handle, f"{os.getpid()}, since {self.now:%Y-%m-%d %H:%M:%S} UTC".encode(), 0)

    @contextmanager
    def open(self) -> Generator[DuckDBPyConnection]:
        """The work file, for writing: made from the published one where it is missing or damaged."""
        with self.lock():
            con = self._connect_work()
            try:
                yield con
            except duckdb.Error as error:
                if is_unwritten(error):
                    raise self._unwritten(error) from None
                if not is_damaged(error):
                    raise
                con.close()
                raise self._damaged() from None
            finally:
                con.close()

    def _damaged(self) -> WarehouseError:
        """Set the work file aside for the next run to make it anew; says so."""
        self.discard()
        return WarehouseError(
            "the work file is damaged, and was removed",
            where=str(self.work),
            remedy="run again: it is made anew from what is published, which stands; and look after the disk",
        )

    def _connect_work(self) -> DuckDBPyConnection:
        try:
            if not self.work.exists():
                self._prepared = False
                self._seed()
            try:
                con = self._connect_patiently()
            except duckdb.Error as error:
                if _is_in_use(error):
                    raise
                # a crash of the machine, or of the disk, left it unreadable: the published copy is whole
                self.discard()
                self._seed()
                con = connect(self.work)
            if not self._prepared:  # once a run: its steps open the file again and again
                try:
                    migrations.migrate(con, self.work)
                except duckdb.Error as error:
                    con.close()
                    if not is_damaged(error):
                        raise
                    self.discard()
                    self._seed()
                    con = connect(self.work)
                    migrations.migrate(con, self.work)
                except WarehouseError:
                    con.close()
                    raise
                self._prepared = True
        except OSError as error:
            raise self._unwritable(error) from None
        except duckdb.Error as error:
            raise self._unopened(error) from None
        return con

    def _unopened(self, error: duckdb.Error) -> WarehouseError:
        if is_unwritten(error):
            return self._unwritten(error)
        return WarehouseError(
            f"the warehouse cannot be opened: {str(error).splitlines()[0]}",
            where=str(self.work),
            remedy="close what else has it open: questions go to the published file; if nothing has, and no newer "
            "version wrote it, move it away and run again",
        )

    def _connect_patiently(self) -> DuckDBPyConnection:
        """Somebody may be looking at the work file (`finops doctor` does): that takes a moment, not long."""
        for _ in range(PATIENCE):
            try:
                return connect(self.work)
            except duckdb.Error as error:
                if not _is_in_use(error):
                    raise
                time.sleep(0.5)
        return connect(self.work)

    def _seed(self) -> None:
        self.work.parent.mkdir(parents=True, exist_ok=True)
        if self.published.exists():
            shutil.copyfile(self.published, self.work)

    def discard(self) -> None:
        """Forget the work file: the next run starts from what is published."""
        self._prepared = False
        self.work.unlink(missing_ok=True)
        self.work.with_name(self.work.name + ".wal").unlink(missing_ok=True)

    def publish(self, keep: timedelta = timedelta()) -> None:
        """Copy the work file beside the published one, make it durable, and rename it into place.

        The work file must be closed. What it replaces stays among the snapshots for as long as `keep`. Raises
        WarehouseError; the old file then stands untouched.
        """
        fresh = self.home / ".finops.duckdb.new"
        try:
            with duckdb.connect(self.work) as con:
                con.execute("CHECKPOINT")
            shutil.copyfile(self.work, fresh)
            sync(fresh)
            snapshots.take(self.published, self.snapshots, keep)
            fresh.replace(self.published)
            sync(self.home)
            snapshots.expire(self.published, self.snapshots, keep)
        except OSError as error:
            with suppress(OSError):
                fresh.unlink()
            raise self._unwritable(error) from None
        except duckdb.Error as error:  # a full disk shows as one of these too
            if is_damaged(error):
                raise self._damaged() from None
            raise self._unwritten(error) from None

    def _unwritten(self, error: duckdb.Error) -> WarehouseError:
        return WarehouseError(
            f"the work file cannot be written: {str(error).splitlines()[0]}",
            where=str(self.work),
            remedy="free some space or correct its rights, and run again: what was published stands",
        )

    def _unwritable(self, error: OSError) -> WarehouseError:
        return WarehouseError(
            f"the home cannot be written: {error.strerror}",
            where=str(error.filename or self.home),
            remedy="free some space or correct its rights, or name another home in finops.yaml",
        )


def _is_in_use(error: duckdb.Error) -> bool:
    """Whether a file cannot be opened because another process has it open: it is not damaged then."""
    return "set lock on" in str(error)


def set_reference_data(con: DuckDBPyConnection, rules: list[Rule], reference: Reference) -> None:
    """Replace the tables of what is known besides bills: stages, rules, GPU catalogue, accounts, list prices."""
    con.execute("BEGIN")
    con.execute("DELETE FROM lifecycle.stages")
    named = [[each.stage, each.phase, each.description] for each in stages()]
    con.executemany("INSERT INTO lifecycle.stages VALUES (?, ?, ?)", named)
    con.execute("DELETE FROM lifecycle.rules")
    con.executemany("INSERT INTO lifecycle.rules VALUES (?, ?, ?)", [[r.id, r.stage, r.confidence] for r in rules])
    replace_table(con, "gpu.catalogue", catalogue.frame(reference.accelerators))
    replace_table(con, "gpu.accelerated_families", catalogue.families())
    replace_table(con, "focus.accounts", accounts.frame(reference.known_accounts))
    replace_table(con, "focus.sku_prices", reference.prices)
    google_skus.build(con)
    con.execute("COMMIT")


def replace_table(con: DuckDBPyConnection, table: str, frame: Any) -> None:
    """Replace one of our tables by a frame. `table` is a name of this code, never a value."""
    con.register("replacement", frame)
    con.execute(f"CREATE OR REPLACE TABLE {table} AS FROM replacement")
    con.unregister("replacement")
