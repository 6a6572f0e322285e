"""The pipeline as a resource: one a run, alone in its home."""

from collections.abc import Iterator
from pathlib import Path

import dagster as dg

from finops.config import load_config
from finops.pipeline import Pipeline

ONLY = "finops/only"
"""A run's tag: the one source that it is about, where it is not about all."""


def pipeline_of(config_path: Path) -> dg.ResourceDefinition:
    """A run's pipeline over a configuration file; while it lives, no other run writes to the same home."""

    @dg.resource(description="One run's pipeline: the home is locked while it lives.")
    def pipeline(context: dg.InitResourceContext) -> Iterator[Pipeline]:
        log = context.log
        only = [context.run.tags[ONLY]] if context.run and ONLY in context.run.tags else []
        made = Pipeline(load_config(config_path), lambda text: log.info(text) if log else None, only)
        with made.warehouse.lock():
            yield made

    return pipeline
