"""When the graph runs by itself."""

from datetime import timedelta

import dagster as dg

from dagster_project.partitions import months, range_tags


@dg.schedule(
    job_name="refresh",
    cron_schedule="0 6 * * *",
    execution_timezone="UTC",
    default_status=dg.DefaultScheduleStatus.RUNNING,
)
def daily(context: dg.ScheduleEvaluationContext) -> dg.RunRequest:
    """Every morning: the open month, and the one before it, which providers still restate."""
    now = context.scheduled_execution_time
    return dg.RunRequest(run_key=f"{now:%Y-%m-%d}", tags=range_tags(*restated(f"{now:%Y-%m}")))


def restated(period: str) -> tuple[str, str]:
    """The partition keys of the month before a period (YYYY-MM) and of the period itself."""
    opened = months.time_window_for_partition_key(f"{period}-01").start
    return f"{opened - timedelta(days=1):%Y-%m}-01", f"{opened:%Y-%m-%d}"
