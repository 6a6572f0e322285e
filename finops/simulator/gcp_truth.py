"""The truth behind the export: what each row is for, what each machine's hour cost, what was corrected."""

from __future__ import annotations

from collections.abc import Sequence

import polars as pl

from finops.simulator import truth
from finops.simulator.arrow import Table
from finops.simulator.company import CURRENCY, Company
from finops.simulator.gcp_rows import CREDIT_COLUMNS
from finops.simulator.money import decimals
from finops.simulator.timeline import Timeline

_NET = pl.sum_horizontal("cost", *CREDIT_COLUMNS)
_PERIOD = (pl.col("invoice") // 100).cast(pl.String) + "-" + (pl.col("invoice") % 100).cast(pl.String).str.zfill(2)


def tables(rows: pl.DataFrame, lines: pl.DataFrame, company: Company, line: Timeline) -> tuple[Table, Table]:
    """The truth's charges, and the machines' cost by the hour in the months that have GPU samples."""
    own = lines.select(pl.selectors.starts_with("t_"), t_service=pl.col("service").struct.field("description"))
    together = pl.concat([rows, own[rows["line"].to_list()]], how="horizontal").with_columns(net=_NET, period=_PERIOD)
    return _charges(together, company), _hours(together, line)


def restatements(rows: pl.DataFrame, company: Company, corrections: Sequence[int]) -> Table:
    """For each invoice month with corrections: the total without them, and with them."""
    corrected = pl.col("adjustment").is_in(corrections).fill_null(value=False)
    changed = rows.filter(corrected)["invoice"].unique().to_list()
    found = (
        rows.filter(pl.col("invoice").is_in(changed))
        .group_by(period=_PERIOD)
        .agg(first=_NET.filter(~corrected).sum(), final=_NET.sum())
        .filter(pl.col("first") != pl.col("final"))
        .sort("period")
    )
    columns = {
        "source": [company.gcp_source] * found.height,
        "billing_period": found["period"].to_list(),
        "first_billed": decimals(found["first"].to_numpy()),
        "final_billed": decimals(found["final"].to_numpy()),
    }
    return truth.table(columns, truth.RESTATEMENTS)


def _charges(rows: pl.DataFrame, company: Company) -> Table:
    count, net = rows.height, decimals(rows["net"].to_numpy())
    columns = {
        "source": [company.gcp_source] * count,
        "payer_or_billing_account": [company.billing_account] * count,
        "account": rows["t_account"].to_list(),
        "billing_period": rows["period"].to_list(),
        "charge_date": rows["start"].dt.date().to_list(),
        "line_type": rows["cost_type"].to_list(),
        "service": rows["t_service"].to_list(),
        "billed_cost": net,
        "effective_cost": net,
        "ml_stage": rows["t_stage"].to_list(),
        "evidence": rows["t_evidence"].to_list(),
        "team": rows["t_team"].to_list(),
        "model": rows["t_model"].to_list(),
        "currency": [CURRENCY] * count,
    }
    return truth.table(columns, truth.CHARGES)


def _hours(rows: pl.DataFrame, line: Timeline) -> Table:
    """GPU, core and RAM together, after credits."""
    found = (
        rows.filter(pl.col("t_instance").is_not_null(), pl.col("start") >= line.telemetry_start)
        .group_by("t_instance", "start")
        .agg(pl.col("net").sum(), pl.col("t_gpu_count").first())
        .sort("t_instance", "start")
    )
    columns = {
        "instance_id": found["t_instance"].to_list(),
        "hour": found["start"].to_list(),
        "gpu_count": found["t_gpu_count"].to_list(),
        "effective_cost": decimals(found["net"].to_numpy()),
    }
    return truth.table(columns, truth.INSTANCE_HOURS)
