"""The graph on one page: sources land, become FOCUS charges, then tables; checks; alerts; publication.

    landing/<source> … → focus/charges → spend, gpu, forecast, budget, gap → quality/checks → alert/events → published

Steps run one after another in one process, since DuckDB has one writer. Sources and charges are partitioned
by month; the tables after them are small and built whole. A sensor for each AWS export asks for a run when
a manifest is new, a schedule every morning. The configuration is $FINOPS_CONFIG, or finops.yaml in the
working directory.
"""

from __future__ import annotations

import dagster as dg

from dagster_project.assets import (
    alert_events,
    charges_asset,
    checks_asset,
    landing,
    landing_asset,
    published,
    table_asset,
)
from dagster_project.resources import pipeline_of
from dagster_project.schedules import daily
from dagster_project.sensors import new_delivery, run_failed
from finops.config import AwsExport, Config, Environment, load_config
from finops.pipeline import Pipeline
from finops.tables import TABLES


def build(config: Config, finops: Pipeline | None = None) -> dg.Definitions:
    """The definitions over a configuration; `finops` when the caller holds the run's pipeline."""
    shared = [
        charges_asset([source.name for source in config.sources]),
        *(table_asset(table) for table in TABLES),
        checks_asset(),
        alert_events,
        published,
    ]
    after = [key for asset in shared for key in asset.keys]
    exports = [source for source in config.sources if isinstance(source, AwsExport)]
    return dg.Definitions(
        assets=[*(landing_asset(source.name, source.kind) for source in config.sources), *shared],
        jobs=[refresh],
        schedules=[daily],
        sensors=[
            *(new_delivery(config, source, [landing(source.name), *after]) for source in exports),
            run_failed(config),
        ],
        resources={"finops": finops or pipeline_of(config.path)},
        executor=dg.in_process_executor,
    )


refresh = dg.define_asset_job("refresh", selection=dg.AssetSelection.all(), executor_def=dg.in_process_executor)


@dg.definitions
def defs() -> dg.Definitions:
    """What Dagster loads."""
    return build(load_config(Environment().config))
