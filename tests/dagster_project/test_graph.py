"""The graph: what Dagster is given, when it runs by itself, and what it shows."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from datetime import UTC, datetime
from pathlib import Path

import dagster as dg
import pytest

from dagster_project import definitions, metadata, schedules, sensors
from dagster_project.launch import launch
from finops.config import load_config
from finops.errors import ConfigError, SourceError
from finops.pipeline import Pipeline
from tests.conftest import ROOT, Company

SNAPSHOT = Path(__file__).with_name("graph.json")


def graph() -> dict[str, list[str]]:
    """Every asset with what it depends on."""
    found = definitions.build(load_config(ROOT / "finops.yaml")).resolve_asset_graph()
    return {
        key.to_user_string(): sorted(each.to_user_string() for each in found.get(key).parent_keys)
        for key in sorted(found.get_all_asset_keys())
    }


def test_the_graph_is_the_one_that_was_reviewed() -> None:
    """A change of the graph is a change of this snapshot, to be read: write it with FINOPS_SNAPSHOT=1."""
    if os.environ.get("FINOPS_SNAPSHOT"):
        SNAPSHOT.write_text(json.dumps(graph(), indent=1) + "\n", encoding="utf-8")
    assert graph() == json.loads(SNAPSHOT.read_text(encoding="utf-8"))


def test_every_table_of_the_contract_is_an_asset_or_remembered() -> None:
    """The contract's tables, typed from it."""
    assets = {name.replace("/", ".") for name in graph()}
    built = "focus.charges focus.charges_v1_4 main.focus_data_table ledger.restatements spend.daily "
    built += "spend.stage_coverage gpu.hours gpu.idle budget.lines budget.status budget.overruns forecast.daily "
    built += "forecast.accuracy gap.daily gap.monthly gap.drivers alert.events quality.checks"
    assert set(built.split()) <= assets


def test_dagster_accepts_the_definitions() -> None:
    command = [str(Path(sys.executable).with_name("dg")), "check", "defs"]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False, timeout=120)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "All definitions loaded successfully" in done.stdout


def test_the_schedule_restates_the_open_month_and_the_one_before() -> None:
    context = dg.build_schedule_context(scheduled_execution_time=datetime(2026, 3, 9, 6, tzinfo=UTC))
    request = schedules.daily(context)
    assert isinstance(request, dg.RunRequest)
    assert request.tags["dagster/asset_partition_range_start"] == "2026-02-01"
    assert request.tags["dagster/asset_partition_range_end"] == "2026-03-01"
    assert schedules.restated("2026-01") == ("2025-12-01", "2026-01-01")


def test_a_failed_run_is_told(tmp_path: Path) -> None:
    config = load_config(ROOT / "finops.yaml").model_copy(update={"home": tmp_path})

    @dg.op
    def break_down() -> None:
        raise RuntimeError("the disk is full")

    @dg.job
    def doomed() -> None:
        break_down()

    with dg.DagsterInstance.ephemeral() as instance:
        result = doomed.execute_in_process(instance=instance, raise_on_error=False)
        context = dg.build_run_status_sensor_context(
            sensor_name="run_failed",
            dagster_event=result.get_run_failure_event(),
            dagster_instance=instance,
            dagster_run=result.dagster_run,
        ).for_run_failure()
        sensors.run_failed(config)(context)
    assert result.dagster_run.run_id in (tmp_path / "alerts.jsonl").read_text(encoding="utf-8")


def test_metadata_shows_rows_totals_and_a_preview_that_is_no_markup(small: Company) -> None:
    pipeline = Pipeline(small.config)
    shown = metadata.of_table(pipeline, "spend.daily")
    with small.connect() as con:
        rows, total = con.execute("SELECT count(*), sum(effective_cost) FROM spend.daily").fetchall()[0]
        con.close()
    assert shown["dagster/row_count"] == rows
    assert shown["total effective_cost USD"] == f"{total:,.2f}"
    assert "charge_date" in shown["preview"].value
    assert metadata._cell("<script>|[x](y)") == "&#60;script&#62;&#124;&#91;x&#93;(y)"


def test_a_period_that_no_source_has(small: Company) -> None:
    config = small.config
    aws = config.model_copy(update={"sources": tuple(each for each in config.sources if each.kind == "aws-cur2")})
    with pytest.raises(ConfigError, match=r"no source has the period 2020-01.*2026-09 to 2026-10"):
        launch(aws, sources=(), periods=("2020-01",), progress=lambda _: None)


@pytest.mark.parametrize("period", ["2020-01", "2099-01"])
def test_a_period_outside_the_data_publishes_nothing(small: Company, period: str) -> None:
    """Files may hold any period, so this one shows only when they are loaded."""
    before = small.published.read_bytes()
    with pytest.raises(ConfigError, match=f"the period {period}"):
        launch(small.config, sources=("people",), periods=(period,), progress=lambda _: None)
    assert small.published.read_bytes() == before


def test_an_export_from_the_future_is_refused(small: Company) -> None:
    folders = sorted((small.root / "aws/main/cur2/nimbus-main/metadata").iterdir())
    folders[-1].rename(folders[-1].with_name("BILLING_PERIOD=2099-01"))
    with pytest.raises(SourceError, match="the period 2099-01 is outside of 2018-01"):
        launch(small.config, sources=("aws-main",), periods=(), progress=lambda _: None)
