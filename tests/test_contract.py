"""The tables and columns that code outside of this repository relies on, typed from the contract."""

from __future__ import annotations

import pytest
from duckdb import DuckDBPyConnection

TABLES = {
    "focus.charges": "x_SourceSystem x_SourceLineType x_ServiceCode x_Operation x_LoadId x_InvoiceMonth x_Credits "
    "x_MlStage x_MlStageRule x_MlStageConfidence x_Team x_MlProject x_MlModelName x_MlRunId x_GpuModel x_GpuHours "
    "x_ReportingCurrency x_BilledCostReporting x_EffectiveCostReporting ServiceProviderName HostProviderName "
    "ContractApplied AllocatedMethodId AllocatedMethodDetails AllocatedResourceId AllocatedResourceName AllocatedTags",
    "focus.charges_v1_4": "InvoiceDetailId CommitmentProgramEligibilityDetails ServiceProviderName BilledCost",
    "focus_data_table": "BilledCost EffectiveCost Tags SkuPriceDetails",
    "ledger.loads": "load_id source billing_period version loaded_at row_count billed_total currency status",
    "ledger.restatements": "detected_at source billing_period charge_date provider_name service_name ml_stage "
    "currency previous_cost current_cost delta",
    "spend.daily": "charge_date provider_name billing_account_id sub_account_id service_name charge_category ml_stage "
    "team ml_project ml_model currency billed_cost effective_cost list_cost",
    "spend.stage_coverage": "billing_period provider_name effective_cost attributed_cost attributed_share currency",
    "gpu.hours": "hour gpu_id instance_id provider_name gpu_model state gpu_hours cost avoidable_cost team ml_project "
    "ml_stage currency",
    "gpu.idle": "episode_id gpu_id instance_id started_at ended_at gpu_hours state signal cost avoidable_cost "
    "sunk_cost team ml_project ml_stage currency",
    "budget.lines": "budget billing_period scope amount currency",
    "budget.status": "as_of budget billing_period amount actual forecast_total forecast_low forecast_high p_over "
    "crossing_date state currency",
    "budget.overruns": "budget billing_period amount actual forecast_total overrun crossing_date top_driver state "
    "currency",
    "forecast.daily": "as_of provider_name team ml_project ml_stage charge_date forecast low80 high80 low95 high95 "
    "model currency",
    "forecast.accuracy": "as_of billing_period scope forecast actual error within80 within95 model currency",
    "gap.daily": "as_of charge_date provider_name team ml_project ml_stage forecast actual gap currency",
    "gap.monthly": "as_of billing_period provider_name team ml_project ml_stage budget forecast actual gap_to_budget "
    "gap_to_forecast state currency",
    "gap.drivers": "billing_period team ml_stage driver amount currency",
    "alert.events": "alert_id kind subject state first_seen last_sent channel message",
    "quality.checks": "check_name scope passed expected actual difference checked_at",
    "lifecycle.stages": "stage phase description",
}
STAGES = [
    "data_preparation",
    "data_labeling",
    "experimentation",
    "training",
    "evaluation",
    "inference",
    "monitoring",
    "retraining",
    "compliance",
    "platform",
    "not_ml",
    "unattributed",
]
PHASES = ["data management", "model learning", "model verification", "model deployment", "operations", "governance"]


@pytest.mark.parametrize("table", TABLES)
def test_table_has_its_columns_and_content(con: DuckDBPyConnection, table: str) -> None:
    found = {name.lower() for name in con.table(table).columns}
    assert {name.lower() for name in TABLES[table].split()} <= found
    filled = con.execute(f"SELECT count(*) FROM {table}").fetchall()[0][0]
    assert filled > 0 or table == "ledger.restatements", "a first load restates nothing"


def test_money_is_decimal(con: DuckDBPyConnection) -> None:
    """Every column that holds money, in every table; shares, hours' counts and probabilities are not money."""
    columns = con.execute(
        """SELECT table_schema || '.' || table_name || '.' || column_name, data_type FROM information_schema.columns
        WHERE regexp_matches(
          lower(column_name),
          '(cost|amount|_total|actual|forecast|overrun|gap|budget|delta|low80|high80|low95|high95)$')
          AND table_schema NOT IN ('quality', 'information_schema')"""
    ).fetchall()
    money = {name: kind for name, kind in columns if kind not in {"VARCHAR"}}
    assert len(money) > 50
    assert {name: kind for name, kind in money.items() if not kind.startswith("DECIMAL")} == {}


def test_focus_data_table_has_focus_columns_alone(con: DuckDBPyConnection) -> None:
    names = con.table("focus_data_table").columns
    assert len(names) == 57
    assert not [name for name in names if name.startswith("x_")]


def test_stages_and_phases(con: DuckDBPyConnection) -> None:
    rows = con.execute("SELECT stage, phase FROM lifecycle.stages").fetchall()
    assert {stage for stage, _ in rows} == set(STAGES)
    assert {phase for stage, phase in rows if stage not in {"not_ml", "unattributed"}} == set(PHASES)
    used = con.execute("SELECT DISTINCT x_MlStage FROM focus.charges").fetchall()
    assert {stage for (stage,) in used} <= set(STAGES)


def test_a_load_is_one_row_of_one_charge_set(con: DuckDBPyConnection) -> None:
    """Joining charges to their load multiplies nothing."""
    assert con.execute("SELECT count(*) - count(DISTINCT load_id) FROM ledger.loads").fetchall() == [(0,)]
    joined = "SELECT count(*), sum(BilledCost) FROM focus.charges {}"
    assert (
        con.execute(joined.format("JOIN ledger.loads ON load_id = x_LoadId")).fetchall()
        == con.execute(joined.format("")).fetchall()
    )


def test_gpu_states_are_the_contracts(con: DuckDBPyConnection) -> None:
    known = ["busy", "under_used", "idle_memory_held", "idle", "never_used", "unallocated", "partial_job", "unobserved"]
    states = {state for (state,) in con.execute("SELECT DISTINCT state FROM gpu.hours").fetchall()}
    assert states <= set(known)
    assert {"busy", "idle", "idle_memory_held", "never_used", "unobserved"} <= states
