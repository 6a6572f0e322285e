"""`finops run`: the graph in this process, for people who do not run an orchestrator."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Sequence

import dagster as dg

from dagster_project.assets import landing
from dagster_project.definitions import build
from dagster_project.partitions import keys, months, range_tags
from finops.config import Config
from finops.errors import ConfigError, SourceError
from finops.pipeline import Pipeline, RunReport


def launch(
    config: Config, *, sources: Sequence[str], periods: Sequence[str], progress: Callable[[str], None]
) -> RunReport:
    """Run the whole graph over some sources and periods, or all; raises FinopsError when nothing was published."""
    started = time.monotonic()
    pipeline = Pipeline(config, progress, only=sources)
    with pipeline.warehouse.lock():
        chosen = pipeline.periods(periods)
        first, last = _range(chosen, requested=bool(periods))
        definitions = build(config, pipeline)
        skipped = dg.AssetSelection.assets(*(landing(name) for name in pipeline.sources if name not in pipeline.chosen))
        job = definitions.resolve_job_def("refresh")
        graph = definitions.resolve_asset_graph()
        selection = graph.get_all_asset_keys() - skipped.resolve(graph)
        try:
            with _instance() as instance:
                job.execute_in_process(
                    instance=instance,
                    raise_on_error=True,
                    run_config={"loggers": {"console": {"config": {"log_level": "CRITICAL"}}}},
                    asset_selection=sorted(selection),
                    tags=range_tags(first, last),
                )
        except dg.DagsterError:
            if pipeline.refused is None:
                raise
            raise pipeline.refused from None
        return pipeline.report(time.monotonic() - started)


def _instance() -> dg.DagsterInstance:
    """Where runs are remembered: Dagster's home where there is one, else nowhere."""
    return dg.DagsterInstance.get() if os.environ.get("DAGSTER_HOME") else dg.DagsterInstance.ephemeral()


def _range(periods: Sequence[str], *, requested: bool) -> tuple[str, str]:
    """The first and last partition of a run; files that span periods belong to any, the open one say."""
    known = months.get_partition_keys()
    wanted = keys(periods) or [known[-1]]
    outside = [key[:7] for key in wanted if key not in known]
    if outside:
        what = f"the period {outside[0]} is outside of {known[0][:7]} to {known[-1][:7]}"
        if requested:
            raise ConfigError(what, where="--period", remedy="name a billing period that has begun")
        raise SourceError(what, where="the export's folders", remedy="check them, and this machine's clock")
    return min(wanted), max(wanted)
