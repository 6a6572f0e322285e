"""Every table of the warehouse, what it reads and how it is built: the graph that an orchestrator shows.

A table is one SELECT of `sql/`, or a function here that reads tables, calls pure polars code, and replaces
tables by its frames. The order is the order of building.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import date, datetime
from functools import cached_property
from typing import cast

import polars as pl
from duckdb import DuckDBPyConnection

from finops import alerts, budgets, forecasts, gaps
from finops.config import Config, FileTelemetry
from finops.errors import FinopsError
from finops.gpus import states
from finops.models import model
from finops.telemetry import registry
from finops.warehouse.connection import scalar
from finops.warehouse.database import replace_table

MONEY = pl.Decimal(38, 18)


@dataclass(frozen=True)
class Context:
    """What building needs: the open work file, the configuration, and the run's time (UTC).

    `failures` collects what could not be read on the way, by its name in the configuration.
    """

    con: DuckDBPyConnection
    config: Config
    now: datetime
    failures: dict[str, FinopsError] = field(default_factory=dict[str, FinopsError])

    @cached_property
    def as_of(self) -> date:
        """The first day without data; today where no cloud's usage has been loaded."""
        return scalar(self.con, "SELECT as_of FROM ledger.as_of") or self.now.date()

    @cached_property
    def budgets(self) -> list[budgets.Budget]:
        """The configured budgets; raises ConfigError."""
        if self.config.budgets is None:
            return []
        return budgets.read_budgets(self.config.resolve(self.config.budgets))

    @property
    def spend(self) -> pl.DataFrame:
        """Daily effective cost in the reporting currency, up to as_of: what plans are compared with."""
        frame = self.con.sql(
            """SELECT charge_date, provider_name, sub_account_id, service_name, team, ml_project, ml_model, ml_stage,
              sum(effective_cost_reporting) AS cost
            FROM spend.daily
            WHERE effective_cost_reporting IS NOT NULL AND charge_date < $as_of
            GROUP BY ALL ORDER BY ALL""",
            params={"as_of": self.as_of},
        ).pl()
        return frame.with_columns(pl.col("cost").cast(MONEY))

    @property
    def unrated(self) -> pl.DataFrame:
        """The days of spend whose amount in the reporting currency is not known."""
        return self.con.sql(
            """SELECT DISTINCT charge_date, provider_name, sub_account_id, team, ml_project, ml_model, ml_stage
            FROM spend.daily WHERE effective_cost_reporting IS NULL AND charge_date < $as_of ORDER BY ALL""",
            params={"as_of": self.as_of},
        ).pl()

    @property
    def series(self) -> pl.DataFrame:
        """The spend by provider, team, project and stage: what is forecast."""
        keys = ("charge_date", "provider_name", "team", "ml_project", "ml_stage")
        return self.spend.group_by(keys).agg(pl.col("cost").sum().cast(MONEY)).sort(keys)

    def frame(self, table: str) -> pl.DataFrame:
        """One of our tables as a frame."""
        return self.con.table(table).pl()


@dataclass(frozen=True)
class Table:
    """A step of the graph: the tables it builds (the first names it), and what they are built from."""

    name: str
    description: str
    upstream: tuple[str, ...]
    build: Callable[[Context], None]
    also: tuple[str, ...] = ()
    is_sql: bool = False


def from_sql(name: str, *, view: bool = False) -> Table:
    """A table that is one SELECT."""
    found = model(name)
    kind = "VIEW" if view else "TABLE"

    def build(context: Context) -> None:
        context.con.execute(f"CREATE OR REPLACE {kind} {name} AS {found.sql}")

    return Table(name, found.description, found.upstream, build, is_sql=True)


def _segments(context: Context) -> None:
    """Telemetry that cannot be read leaves its GPUs unobserved, and is reported: the bill does not wait for it."""
    samples: list[pl.LazyFrame] = []
    for each in context.config.telemetry:
        if isinstance(each, FileTelemetry):
            try:
                samples.append(registry.reader(each.kind, each.name)(context.config.resolve(each.uri), each.name))
            except FinopsError as error:
                context.failures[each.name] = error
    frame = states.segments(pl.concat(samples)) if samples else pl.DataFrame(schema=states.SEGMENTS)
    replace_table(context.con, "gpu.segments", frame)


def _forecasts(context: Context) -> None:
    """Forecasts really made are kept, run by run; backtests fill in for the months before the first."""
    currency = context.config.reporting_currency
    made = [
        forecasts.backtests(context.series, context.as_of, currency),
        forecasts.forecast(context.series, context.as_of, currency=currency),
    ]
    if scalar(context.con, "SELECT 1 FROM duckdb_tables() WHERE schema_name = 'forecast' AND table_name = 'daily'"):
        kept = context.frame("forecast.daily").filter(
            (pl.col("as_of") < context.as_of)
            & ~pl.col("model").str.ends_with("(backtest)")
            & (pl.col("currency") == currency)
        )
        made.insert(0, kept.cast(forecasts.SCHEMA))
    replace_table(context.con, "forecast.daily", pl.concat(made))


def _accuracy(context: Context) -> None:
    frame = forecasts.accuracy(context.frame("forecast.daily"), context.series, context.as_of)
    replace_table(context.con, "forecast.accuracy", frame)


def _budgets(context: Context) -> None:
    status = budgets.budget_status(context.budgets, context.spend, context.as_of, context.config.reporting_currency)
    status = budgets.without_rates(status, context.budgets, context.unrated)
    broken = budgets.overruns(status, context.spend, context.budgets, context.as_of)
    periods = sorted(set(cast("list[str]", status["billing_period"].to_list())) | {f"{context.as_of:%Y-%m}"})
    replace_table(context.con, "budget.lines", budgets.budget_lines(context.budgets, periods))
    replace_table(context.con, "budget.status", status)
    replace_table(context.con, "budget.overruns", broken)


def _gaps(context: Context) -> None:
    made, currency = context.frame("forecast.daily"), context.config.reporting_currency
    monthly = gaps.gap_monthly(context.spend, made, context.budgets, context.as_of, currency)
    replace_table(context.con, "gap.daily", gaps.gap_daily(context.series, made, context.as_of))
    replace_table(context.con, "gap.monthly", monthly)
    replace_table(context.con, "gap.drivers", gaps.gap_drivers(monthly))


def _alerts(context: Context) -> None:
    alerts.evaluate(context.con, as_of=context.as_of, now=context.now)


TABLES: tuple[Table, ...] = (
    from_sql("focus.charges_v1_4", view=True),
    from_sql("focus.billing_periods", view=True),
    from_sql("focus.invoice_details", view=True),
    from_sql("main.focus_data_table", view=True),
    from_sql("spend.daily"),
    from_sql("spend.stage_coverage"),
    from_sql("ledger.restatements"),
    # not made from charges, but after them: only once they are loaded is it known whether anything is new
    Table("gpu.segments", "What each GPU did, by hour: telemetry as states.", ("focus.charges",), _segments),
    from_sql("gpu.billed_hours"),
    from_sql("gpu.priced"),
    from_sql("gpu.unbilled"),
    from_sql("gpu.hours"),
    from_sql("gpu.idle"),
    Table(
        "forecast.daily",
        "What was forecast, on which day, for which: by provider, team, project and stage.",
        ("spend.daily",),
        _forecasts,
    ),
    Table("forecast.accuracy", "Past forecasts, scored.", ("forecast.daily", "spend.daily"), _accuracy),
    Table(
        "budget.status",
        "Every budget and month: spent, expected, and whether it will break.",
        ("spend.daily",),
        _budgets,
        also=("budget.lines", "budget.overruns"),
    ),
    Table(
        "gap.monthly",
        "Forecast and budget against actual.",
        ("forecast.daily", "spend.daily"),
        _gaps,
        also=("gap.daily", "gap.drivers"),
    ),
)

ALERTS = Table(
    "alert.events",
    "What is about to break, and where telling it stands.",
    ("budget.status", "gpu.idle", "ledger.restatements"),
    _alerts,
)
"""Built when the checks have passed: it tells of numbers that stand."""
