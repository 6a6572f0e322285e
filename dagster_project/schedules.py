"""When the graph runs by itself, and who hears when it does not."""

from datetime import timedelta

import dagster as dg

from dagster_project.partitions import months
from finops import alerts
from finops.config import Config


@dg.schedule(job_name="refresh", cron_schedule="0 6 * * *", execution_timezone="UTC")
def daily(context: dg.ScheduleEvaluationContext) -> dg.RunRequest:
    """Every morning: the open month, and the one before it, which providers still restate."""
    now = context.scheduled_execution_time
    start, end = restated(f"{now:%Y-%m}")
    return dg.RunRequest(
        run_key=f"{now:%Y-%m-%d}",
        tags={"dagster/asset_partition_range_start": start, "dagster/asset_partition_range_end": end},
    )


def restated(period: str) -> tuple[str, str]:
    """The partition keys of the month before a period (YYYY-MM) and of the period itself."""
    opened = months.time_window_for_partition_key(f"{period}-01").start
    return f"{opened - timedelta(days=1):%Y-%m}-01", f"{opened:%Y-%m-%d}"


def run_failed(config: Config) -> dg.SensorDefinition:
    """A sensor that tells Slack (or the alerts file) when a run fails."""

    @dg.run_failure_sensor(name="run_failed", default_status=dg.DefaultSensorStatus.RUNNING)
    def tell(context: dg.RunFailureSensorContext) -> None:
        text = f"The run {context.dagster_run.run_id} failed: {context.failure_event.message}"
        alerts.run_failed(config.slack, config.home_dir, text, context.log.info)

    return tell
