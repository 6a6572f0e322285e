"""The pipeline's steps, for an orchestrator to run in order: land, load, build, check, tell, publish.

Each step opens the work file for itself and leaves it whole: a run that stops anywhere is continued by the
next one. A source or a unit that fails keeps its old charges, is recorded in ledger.failures, and leaves
the others alone; numbers that do not add up stop publication, and what was published stands.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import cached_property
from itertools import chain

from duckdb import DuckDBPyConnection

from finops import alerts, rates
from finops.budgets import read_budgets
from finops.clouds import gcp_refreshing
from finops.config import Config
from finops.errors import AlertError, CheckError, ConfigError, FinopsError, SourceError
from finops.fingerprint import fingerprint
from finops.lifecycle import load_rules
from finops.sources import landing
from finops.sources.base import Source, Unit
from finops.sources.landed import remove_old
from finops.sources.registry import open_sources
from finops.tables import ALERTS, Context, Table
from finops.telemetry import registry
from finops.warehouse import checks, failing, leaving, publications
from finops.warehouse.connection import scalar
from finops.warehouse.database import Warehouse
from finops.warehouse.loading import Loaded, Loader
from finops.warehouse.reference import read_reference

Progress = Callable[[str], None]


@dataclass(frozen=True)
class RunReport:
    """What a run did. `failures` are paragraphs for people; `published` is False when nothing had changed."""

    units_new: int
    units_unchanged: int
    rows: int
    failures: tuple[str, ...]
    published: bool
    published_at: datetime | None
    seconds: float


class Pipeline:
    """One run over one configuration; `only` limits it to some of the sources."""

    def __init__(self, config: Config, progress: Progress = lambda _: None, only: Iterable[str] = ()) -> None:
        self.config = config
        self.progress = progress
        self.warehouse = Warehouse(config.home_dir)
        self.sources: dict[str, Source] = open_sources(config)
        self.chosen = tuple(only) or tuple(self.sources)
        for each in config.telemetry:
            registry.reader(each.kind, each.name)
        self.rules = load_rules(config.resolve(config.stages) if config.stages else None)
        gcp_refreshing.renew(config, self.chosen, progress)
        self.reference = read_reference(config.home_dir)
        if config.budgets is not None:
            read_budgets(config.resolve(config.budgets))  # a mistake in it is told before any work is done
        if config.rates is not None:
            rates.read_rates(config.resolve(config.rates), config.reporting_currency)
        self.requested: tuple[str, ...] = ()
        self.reports: dict[str, landing.Report] = {}
        self.loaded: list[Loaded] = []
        self.errors: list[FinopsError] = []
        self.unrated: list[SourceError] = []
        self.undelivered: list[AlertError] = []
        self.refused: CheckError | None = None
        self.was_blind = False
        self.told = False
        self.published = False

    def periods(self, requested: Iterable[str] = ()) -> tuple[str, ...]:
        """The periods (YYYY-MM) that a run takes, in order: those requested, or all that the sources have.

        Raises ConfigError for a requested one that no source has. What a file holds shows only once it is
        loaded: then `load` raises it too. A source that cannot be listed has none: landing it will say why.
        """
        self.requested = tuple(sorted(requested))
        units: list[Unit] = []
        for name in self.chosen:
            with suppress(FinopsError):
                units += self.sources[name].discover()
        there = {unit.period for unit in units if unit.period is not None}
        if units and all(unit.period is not None for unit in units):
            self._require(there)
        return self.requested or tuple(sorted(there))

    def _require(self, there: Collection[str]) -> None:
        for period in self.requested:
            if period not in there:
                span = f"they have {min(there)} to {max(there)}" if there else "they have none"
                raise ConfigError(f"no source has the period {period}", where="--period", remedy=span)

    def land(self, name: str, periods: Iterable[str] | None = None) -> landing.Report:
        """Fetch what is new of a source; its failures are recorded, not raised."""
        wanted = self.requested or periods  # an orchestrator's range may hold more than what was asked for
        with self.warehouse.open() as con:
            return self._land(con, name, wanted)

    def _land(self, con: DuckDBPyConnection, name: str, periods: Iterable[str] | None) -> landing.Report:
        report = landing.land(self.sources[name], self.warehouse.home, periods, self.progress)
        self.reports[name] = report
        con.execute("DELETE FROM ledger.failures WHERE source = ?", [name])
        for unit, error in report.failures.items():
            self._fail(con, name, unit, error)
        return report

    def load(self, periods: Iterable[str] | None = None) -> list[Loaded]:
        """Bring focus.charges to the landed versions; units that the provider withdrew are taken out."""
        for name in self.chosen:
            if name not in self.reports:
                self.land(name, periods)
        with self.warehouse.open() as con:
            loader = Loader(con, self.rules, self.config.reporting_currency, self.warehouse.now, self.reference)
            entries = {entry.name: entry for entry in self.config.sources}
            leaving.forget(loader, self.config.sources)
            for name in self.reports:
                redefined = leaving.redefine(loader, entries[name], self.reports[name])
                if redefined:  # all of it was taken out, so all of it comes in, whatever periods were asked for
                    self._land(con, name, None)
                report = self.reports[name]
                for unit in leaving.withdraw(loader, report, self.requested):
                    self.progress(f"{name}: {unit} withdrawn")
                report.landed += leaving.unlisted(loader, report, self.warehouse.home)
                self._load(con, loader, report, "configuration" if redefined else "delivery")
                for unit in leaving.replace(loader, report):
                    self.progress(f"{name}: {unit} is read as part of another unit")
                remove_old(report.landed, timedelta(days=self.config.keep.landing_days))
            leaving.forget(loader, self.config.sources)
            named = [*self.sources, *(each.name for each in self.config.telemetry)]
            con.execute("DELETE FROM ledger.failures WHERE source NOT IN (SELECT unnest(?))", [named])
            loader.sweep()
            self._settle_rates(con)
            held = con.execute(
                "SELECT DISTINCT billing_period FROM ledger.loads WHERE source IN (SELECT unnest(?))",
                [list(self.chosen)],
            ).fetchall()
            self._require({period for (period,) in held if period is not None})
            telemetry = [each.name for each in self.config.telemetry]
            self.was_blind = bool(
                scalar(con, "DELETE FROM ledger.failures WHERE source IN (SELECT unnest(?))", [telemetry])
            )
        return self.loaded

    def require_charges(self) -> None:
        """Raise the first failure when nothing could be loaded, now or ever: there is nothing to publish then."""
        with self.warehouse.open() as con:
            if self.errors and scalar(con, "SELECT count(*) FROM focus.charges") == 0:
                raise self.errors[0]

    def _load(self, con: DuckDBPyConnection, loader: Loader, report: landing.Report, cause: str) -> None:
        source, again = self.sources[report.source], set(leaving.regrouped(loader, report).values())
        known = loader.load(source, [each for each in report.landed if each.unit in again], "reading")
        other = loader.load(source, [each for each in report.landed if each.unit not in again], cause)
        for done in chain(known, other):
            if not isinstance(done, Loaded):
                landed, error = done
                self._fail(con, landed.source, landed.unit, error)
                continue
            self.loaded.append(done)
        new = [each for each in self.loaded if each.source == report.source and each.rows is not None]
        if new:
            charges = sum(each.rows or 0 for each in new)
            self.progress(f"{report.source}: {charges:,} charges of {len(new)} deliveries loaded")

    def _settle_rates(self, con: DuckDBPyConnection) -> None:
        """Bring the month rates up to date; a rate that is missing is a failure that stops no publication."""
        as_of = Context(con, self.config, self.warehouse.now).as_of
        rates.settle(con, self.config, as_of, self.warehouse.now)
        self.unrated = rates.problems(con, self.config, as_of)

    def _fail(self, con: DuckDBPyConnection, source: str, unit: str, error: FinopsError) -> None:
        self.errors.append(error)
        row = [source, unit, self.warehouse.now, str(error)]
        con.execute("INSERT INTO ledger.failures VALUES (?, ?, ?, ?)", row)

    def build(self, table: Table) -> None:
        """Build a table of the graph, unless nothing that tables are built from has changed."""
        if self.unchanged:
            return
        with self.warehouse.open() as con:
            context = Context(con, self.config, self.warehouse.now)
            table.build(context)
            for name, error in context.failures.items():
                self._fail(con, name, "*", error)

    def check(self) -> list[checks.Check]:
        """Run the checks. When one that blocks falls short, `refused` says so and the old numbers are restored."""
        if self.unchanged:
            return []
        with self.warehouse.open() as con:
            found = checks.run_checks(con, self.warehouse.now)
            rows = con.execute("FROM quality.failing").fetchall()
        error = checks.failures(found)
        if error is not None:
            self.refused = error
            self._refuse([check for check in found if check.blocking and not check.passed], rows)
        return found

    def _refuse(self, failed: list[checks.Check], rows: list[failing.Row]) -> None:
        """Go back to what is published, and let it say what stopped its successor."""
        self.warehouse.discard()
        if not self.warehouse.published.exists():
            return
        with self.warehouse.open() as con:
            checks.record(con, failed, rows, self.warehouse.now)
            self._tell(con)
        self._replace_published()

    def _replace_published(self) -> None:
        self.warehouse.publish(timedelta(days=self.config.keep.snapshot_days))

    def tell(self) -> None:
        """Bring alerts up to date and send what is new; what cannot be delivered stays to be sent."""
        with self.warehouse.open() as con:
            before = con.execute("FROM alert.events ORDER BY ALL").fetchall()
            self._tell(con)
            self.told = con.execute("FROM alert.events ORDER BY ALL").fetchall() != before

    def _tell(self, con: DuckDBPyConnection) -> None:
        ALERTS.build(Context(con, self.config, self.warehouse.now))
        home, now = self.warehouse.home, self.warehouse.now
        self.undelivered = alerts.deliver(con, self.config.slack, home, now=now, say=self.progress)

    def publish(self) -> bool:
        """Publish the work file; returns False, and touches nothing, when it is what is published."""
        if self.unchanged and not self.told:
            return False
        digest = self._fingerprint()
        with self.warehouse.open() as con:
            as_of = Context(con, self.config, self.warehouse.now).as_of
            publications.note(con, self.warehouse.published, self.warehouse.now, digest, as_of)
        self._replace_published()
        self.published = True
        return True

    def report(self, seconds: float) -> RunReport:
        """What this run did, for people."""
        with self.warehouse.open() as con:
            failures = [text for (text,) in con.execute("SELECT error FROM ledger.failures ORDER BY 1").fetchall()]
            last = scalar(con, "SELECT max(published_at) FROM ledger.publications")
        new = [each for each in self.loaded if each.rows is not None]
        return RunReport(
            units_new=len(new),
            units_unchanged=len(self.loaded) - len(new),
            rows=sum(each.rows or 0 for each in new),
            failures=(*failures, *map(str, (*self.unrated, *self.undelivered))),
            published=self.published,
            published_at=last,
            seconds=seconds,
        )

    @cached_property
    def unchanged(self) -> bool:
        """Whether the published warehouse is already what this run would publish; asked once loading is done."""
        if self.was_blind:
            return False
        last = publications.last(self.warehouse.published)
        return last is not None and not last.is_outdated and last.fingerprint == self._fingerprint()

    def _fingerprint(self) -> str:
        with self.warehouse.open() as con:
            return fingerprint(Context(con, self.config, self.warehouse.now))
