"""Loading units: the charges of each are replaced whole, in one transaction, or stay as they were.

Units of a source go together as far as they fit in memory; when that fails, each goes alone, so that the one
in trouble names itself and stops no other. Within the transaction the new rows are compared with the
source's own totals. What a load changes is kept at day grain, so that what was known can be asked again.
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime

import duckdb
from duckdb import DuckDBPyConnection

from finops.errors import SourceError
from finops.lifecycle import Rule
from finops.models import model
from finops.sources.base import Source
from finops.sources.landed import Landed
from finops.sources.reading import unreadable
from finops.warehouse import accepting, lacking, parts, remembering, staging
from finops.warehouse.connection import is_damaged, is_unwritten, scalar
from finops.warehouse.database import set_reference_data
from finops.warehouse.recipe import attributed_sql, recipe
from finops.warehouse.reference import Reference

BATCH_BYTES = 32 << 20
"""Landed bytes that are normalised together: compressed, they unfold to some ten times that."""
STREAMED_BYTES = 256 << 20
"""The same for Parquet, which is streamed through: what two deliveries have in common is worked out once."""
MEMORY_A_THREAD = 512 << 20
"""Bytes that the engine may use for each of its threads while it loads: a bill of any length is streamed through."""


@dataclass(frozen=True)
class Loaded:
    """What loading one unit did: `rows` charges now, or None when its version was there already."""

    source: str
    unit: str
    rows: int | None


class Loader:
    """Loads units into one open work file. `now` is the time of the run, the same for all of its loads."""

    def __init__(
        self,
        con: DuckDBPyConnection,
        rules: list[Rule],
        currency: str,
        now: datetime,
        reference: Reference | None = None,
    ) -> None:
        self.con = con
        threads = scalar(con, "SELECT current_setting('threads')")
        fifth = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") // 5  # the engine leaves one to the system
        con.execute(f"SET memory_limit = '{min(MEMORY_A_THREAD * max(threads, 2), 4 * fifth)}B'")
        self.currency = currency
        self.now = now
        self.attributed = attributed_sql(rules)
        known = reference or Reference()
        self.recipe = recipe(rules, currency, known)
        self._reading = ""
        self.renamed: set[str] = set()
        """Sources that are held under a name which they no longer have: what comes in under the new one is no other."""
        set_reference_data(con, rules, known)

    def load(
        self, source: Source, landed: Sequence[Landed], cause: str = "delivery"
    ) -> Iterator[Loaded | tuple[Landed, SourceError]]:
        """Bring units to their landed versions; yields what became of each. `cause`: why versions are new.

        The same files under other rules are another version. A unit that fails keeps its old charges, and
        ledger.loads has its new version as rejected, with the reason.
        """
        self._reading = source.reading
        held = dict(
            self.con.execute("SELECT unit, version FROM ledger.units WHERE source = ?", [source.name]).fetchall()
        )
        delivered: list[Landed] = []
        reread: list[Landed] = []
        for each in landed:
            before = held.get(each.unit, "")
            if before == self._version(each):
                yield Loaded(each.source, each.unit, None)
            elif before.rpartition("+")[0] == each.version:
                reread.append(each)
            else:
                delivered.append(each)
        for why, units in ((cause, delivered), ("reading", reread)):
            for batch in _batches(units):
                yield from self._load_batch(source, batch, why)

    def _load_batch(
        self, source: Source, batch: Sequence[Landed], cause: str
    ) -> Iterator[Loaded | tuple[Landed, SourceError]]:
        try:
            yield from self._load(source, batch, cause)
        except SourceError as error:
            if len(batch) > 1:
                for each in batch:
                    yield from self._load_batch(source, [each], cause)
                return
            self._reject(batch[0], error)
            yield batch[0], error

    def _version(self, landed: Landed) -> str:
        return f"{landed.version}+{self.recipe}{self._reading}"

    def _load(self, source: Source, batch: Sequence[Landed], cause: str) -> list[Loaded]:
        where = f"source {source.name}, {batch[0].unit}" + (f" and {len(batch) - 1} more" if len(batch) > 1 else "")
        self.con.execute("BEGIN")
        try:
            loads = {each.unit: _digest(each.source, each.unit, self._version(each), str(self.now)) for each in batch}
            staging.take_in_hand(self.con, batch, {each.unit: self._version(each) for each in batch}, loads)
            normaliser = staging.normalise(self.con, source, batch)
            self._swap(source.name, normaliser)
            accepting.understood(self.con, where)
            accepting.tags_found(self.con, where)
            if normaliser in {"gcp_export", "gcp_focus"}:
                accepting.one_export_an_account(self.con, self.renamed, where)
            accepting.not_empty(self.con, batch, where)
            accepting.in_its_period(self.con, batch, where)
            accepting.in_our_time(self.con, where)
            accepting.adds_up(self.con, where)
            self._keep_difference(source.name, cause)
            remembering.remember(self.con, source.name, self.now)
            if normaliser == "focus":
                lacking.note(self.con, source.name, batch)
            self.con.execute("COMMIT")
        except (SourceError, duckdb.Error) as error:
            with suppress(duckdb.Error):  # where it was the commit that failed there is nothing left to roll back
                self.con.execute("ROLLBACK")
            if isinstance(error, duckdb.Error) and (is_damaged(error) or is_unwritten(error)):
                raise  # nor is one where it is the warehouse that cannot be read, or written
            if isinstance(error, (duckdb.BinderException, duckdb.CatalogException)):
                raise  # our SQL and the warehouse disagree: no file is to blame
            if isinstance(error, duckdb.OutOfMemoryException):
                raise _too_large(where) from None
            raise _by_origin(error if isinstance(error, SourceError) else unreadable(error, where), batch) from None
        current = "SELECT unit, sum(row_count) FROM ledger.loads WHERE status = 'current' AND source = ? GROUP BY 1"
        rows = dict(self.con.execute(current, [source.name]).fetchall())
        return [Loaded(each.source, each.unit, int(rows.get(each.unit, 0))) for each in batch]

    def withdraw(self, source: str, unit: str, cause: str = "delivery") -> None:
        """Take a unit's charges out: the provider has withdrawn it, or the configuration no longer means it."""
        self.con.execute("BEGIN")
        staging.take_out_of_hand(self.con, unit)
        self._swap(source, None)
        self._keep_difference(source, cause)
        remembering.supersede(self.con, source)
        self.con.execute("COMMIT")

    def sweep(self) -> None:
        """Forget what no charge refers to any more: once after all units, since it looks at every charge.

        Of a run that loads nothing too: the one before may have been killed right before this.
        """
        parts.sweep(self.con)

    def _swap(self, source: str, normaliser: str | None) -> None:
        """Delete the charges of the units in hand, insert the normalised ones."""
        con = self.con
        self._days("daily_before", source)
        parts.delete(con, source)
        if normaliser is not None:
            con.execute(
                "INSERT INTO ledger.files SELECT file_id, source, unit, load, file, $currency FROM files_in_hand",
                {"currency": self.currency},
            )
            parts.insert(con, normaliser, self.attributed)

    def _days(self, name: str, source: str) -> None:
        sql = model("ledger.unit_daily").sql
        self.con.execute(f"CREATE OR REPLACE TEMP TABLE {name} AS {sql}", {"source": source})

    def _keep_difference(self, source: str, cause: str) -> None:
        """What the swap changed, by day."""
        self._days("daily_after", source)
        self.con.execute(
            """INSERT INTO ledger.changes
            SELECT $now, $source, billing_period, charge_date, provider_name, sub_account_id, service_name, ml_stage,
              team, currency, sum(billed), sum(effective), $cause
            FROM (
              FROM daily_after
              UNION ALL SELECT * REPLACE (-billed AS billed, -effective AS effective) FROM daily_before)
            GROUP BY ALL HAVING sum(billed) <> 0 OR sum(effective) <> 0""",
            {"now": self.now, "cause": cause, "source": source},
        )

    def _reject(self, landed: Landed, error: SourceError) -> None:
        load = f"{_digest(landed.source, landed.unit, self._version(landed))}:rejected"
        self.con.execute(
            "INSERT OR REPLACE INTO ledger.loads VALUES (?, ?, ?, ?, ?, ?, NULL, NULL, NULL, 'rejected', ?)",
            [load, landed.source, landed.unit, landed.period, self._version(landed), self.now, str(error)],
        )


def _batches(landed: Sequence[Landed]) -> Iterator[list[Landed]]:
    """Units in their order, together up to BATCH_BYTES (STREAMED_BYTES); files of different formats never together."""
    batch: list[Landed] = []
    for each in landed:
        other_format = batch and batch[0].files and each.files and batch[0].files[0].suffix != each.files[0].suffix
        streamed = all(path.suffix == ".parquet" for path in each.files)
        most = STREAMED_BYTES if streamed else BATCH_BYTES
        if batch and (other_format or sum(one.size for one in batch) + each.size > most):
            yield batch
            batch = []
        batch.append(each)
    if batch:
        yield batch


def _by_origin(error: SourceError, batch: Sequence[Landed]) -> SourceError:
    """The error with files by the names that the user knows, not by those of the landing area."""
    texts = [error.what, error.where or "", error.remedy or ""]
    for each in batch:
        for path, key in zip(each.files, each.keys, strict=True):
            texts = [text.replace(str(path), key) for text in texts]
    if len(batch) == 1 and not any(batch[0].unit in text for text in texts):
        texts[1] = f"{texts[1]}, {batch[0].unit}"
    return SourceError(texts[0], where=texts[1], remedy=texts[2])


def _too_large(where: str) -> SourceError:
    return SourceError(
        "the delivery does not fit into the memory that a load may use",
        where=where,
        remedy="free some disk for what is put aside, or run on a machine with more cores and memory",
    )


def _digest(*parts: str) -> str:
    return hashlib.sha256("\0".join(parts).encode()).hexdigest()[:16]
