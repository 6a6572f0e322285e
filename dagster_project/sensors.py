"""What the graph reacts to: a delivery that arrived, and a run that failed."""

import hashlib
import json
import time
from collections.abc import Sequence

import dagster as dg
from dagster import DagsterInstance, RunRecord

from dagster_project.partitions import keys, months, range_tags
from dagster_project.resources import ONLY
from finops import alerts
from finops.config import AwsExport, Config
from finops.sources.base import Unit
from finops.sources.landed import find
from finops.sources.registry import open_source

INTERVAL = 300
"""Seconds between two looks at a bucket: AWS delivers a few times a day."""

RETRY_AFTER = 3600
"""Seconds until a delivery is asked for again whose run failed, or could not read it."""

MANIFESTS = "finops/manifests"
"""A run's tag: the digest of the manifests that it was asked to take."""


def new_delivery(config: Config, source: AwsExport, assets: Sequence[dg.AssetKey]) -> dg.SensorDefinition:
    """A sensor that asks for a run when a manifest of the source is new, or is another than the one taken.

    A look costs one listing and reads no object. The cursor holds what was taken, as {period: version}, and
    moves on only when a run has succeeded and the versions have landed: until then they stay new, and are
    asked for again every RETRY_AFTER seconds. (The daily schedule alone would not do: it takes two months, and
    AWS restates older ones.) There is one run for all that is new, over the range of its periods, since what
    is unchanged in between is no work; while it is under way, what arrives waits for the next.

    A lost cursor asks for nothing: the sensor's last run says which manifests it took. `assets` is what a run
    builds: the source's landing and all that follows. A source that cannot be listed fails the look, with the
    FinopsError's text on Dagster's page.
    """
    name = f"new_delivery_{source.name.replace('-', '_')}"

    @dg.sensor(
        name=name,
        job_name="refresh",
        description=f"Runs the graph over the periods of {source.name} that AWS delivered anew.",
        minimum_interval_seconds=INTERVAL,
        # whoever starts Dagster's daemon wants bills to come in: a sensor that first has to be found and
        # switched on is numbers that are silently old. It writes to our own home only, and its listings
        # cost a few cents a month
        default_status=dg.DefaultSensorStatus.RUNNING,
    )
    def look(context: dg.SensorEvaluationContext) -> dg.SensorResult:
        units, outside = _manifests(open_source(config, source).discover())
        if outside:
            context.log.warning(f"{source.name}: left out, not a month that has begun: {', '.join(outside)}")
        taken = _taken(context.cursor)
        new = [unit for unit in units if unit.period is not None and taken.get(unit.period) != unit.version]
        if not new:
            return _skip(f"{len(units)} manifests unchanged, one listing")
        state, last = _digest(units), _last_run(context.instance, name)
        if last is not None and last.dagster_run.tags.get(MANIFESTS) == state and _succeeded(config, last, new):
            cursor = json.dumps({unit.period: unit.version for unit in units})
            return _skip(f"{len(new)} manifests taken by the run {last.dagster_run.run_id}", cursor)
        wait = _wait(last, state, time.time())
        if wait is not None:
            return _skip(f"{len(new)} new manifests wait: {wait}")
        return dg.SensorResult(run_requests=[_request(config, source, assets, new, state, last)])

    return look


def _manifests(units: Sequence[Unit]) -> tuple[list[Unit], list[str]]:
    """The units with a manifest whose period is a partition, by period; and the periods that are none.

    A period that has not begun is left out of the cursor too, and so is new once it has.
    """
    known = set(months.get_partition_keys())
    found = {unit.period: unit for unit in units if unit.period is not None and unit.manifest is not None}
    inside = [found[period] for period in sorted(found) if keys([period])[0] in known]
    return inside, sorted(found.keys() - {unit.period for unit in inside})


def _taken(cursor: str | None) -> dict[str, str]:
    """The cursor's versions by period; none where it is not ours, which costs at most a run with no work."""
    try:
        content = json.loads(cursor or "{}")
    except (ValueError, RecursionError):
        return {}
    return content if isinstance(content, dict) else {}


def _digest(units: Sequence[Unit]) -> str:
    """One name for the manifests in these versions."""
    text = json.dumps([[unit.period, unit.version] for unit in units])
    return hashlib.sha256(text.encode()).hexdigest()[:24]


def _last_run(instance: DagsterInstance, sensor: str) -> RunRecord | None:
    found = instance.get_run_records(dg.RunsFilter(tags={"dagster/sensor_name": sensor}), limit=1)
    return found[0] if found else None


def _succeeded(config: Config, last: RunRecord, new: Sequence[Unit]) -> bool:
    """Whether a run took these versions: one that cannot read a delivery goes on without it, and succeeds."""
    if last.dagster_run.status != dg.DagsterRunStatus.SUCCESS:
        return False
    return all(find(config.home_dir, unit) is not None for unit in new)


def _wait(last: RunRecord | None, state: str, now: float) -> str | None:
    """Why no run is asked for at this time (seconds since the epoch); None when one is."""
    if last is None:
        return None
    run = last.dagster_run
    if not run.is_finished:
        return f"the run {run.run_id} is under way"
    ended = last.end_time or last.update_timestamp.timestamp()
    if run.tags.get(MANIFESTS) == state and now < ended + RETRY_AFTER:
        return f"the run {run.run_id} did not take them, the next try is {RETRY_AFTER // 60} minutes after it"
    return None


def _request(
    config: Config,
    source: AwsExport,
    assets: Sequence[dg.AssetKey],
    new: Sequence[Unit],
    state: str,
    last: RunRecord | None,
) -> dg.RunRequest:
    """A run over the range of what is new.

    The key is the manifests' versions, after the run before: a repeated look at the same asks for nothing,
    while a version may be tried again, or come back. The first run of a home takes all sources: a company's
    cost without one of its clouds must not be published, nor raise alerts.
    """
    wanted = keys([unit.period for unit in new if unit.period is not None])
    alone = config.published.exists()
    return dg.RunRequest(
        run_key=f"{source.name}:{state}" + (f":after:{last.dagster_run.run_id}" if last else ""),
        asset_selection=list(assets) if alone else None,
        tags={
            **range_tags(min(wanted), max(wanted)),
            MANIFESTS: state,
            **({ONLY: source.name} if alone else {}),
        },
    )


def _skip(reason: str, cursor: str | None = None) -> dg.SensorResult:
    return dg.SensorResult(skip_reason=reason, cursor=cursor)


def run_failed(config: Config) -> dg.SensorDefinition:
    """A sensor that tells Slack (or the alerts file) when a run fails."""

    @dg.run_failure_sensor(name="run_failed", default_status=dg.DefaultSensorStatus.RUNNING)
    def tell(context: dg.RunFailureSensorContext) -> None:
        text = f"The run {context.dagster_run.run_id} failed: {context.failure_event.message}"
        alerts.run_failed(config.slack, config.home_dir, text, context.log.info)

    return tell
