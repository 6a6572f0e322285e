"""The sensor of deliveries: when it asks for a run, for which months, and what looking costs."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import dagster as dg
import pytest
from dagster._utils.error import serializable_error_info_from_exc_info

from dagster_project import definitions, sensors
from dagster_project.partitions import months
from finops.clouds import aws_session
from finops.config import Config, load_config
from finops.pipeline import Pipeline
from finops.sources import landing
from finops.warehouse.connection import query
from tests.sources import s3
from tests.sources.house import T0, at, cur, manifest, write_csv

FIRST, LAST = "dagster/asset_partition_range_start", "dagster/asset_partition_range_end"
OPEN = months.get_partition_keys()[-1][:7]


class Desk:
    """A home with folder exports, and Dagster's daemon over it: what it would do, done by hand."""

    def __init__(self, folder: Path, instance: dg.DagsterInstance, *names: str, **more: Any) -> None:
        self.folder, self.instance = folder, instance
        self.sources: list[dict[str, Any]] = [
            {"name": name, "kind": "aws-cur2", "uri": str(folder / name), "export": "ml"} | more for name in names
        ]
        (folder / "finops.yaml").write_text(json.dumps({"home": "home", "sources": self.sources}), encoding="utf-8")
        self.cursors: dict[str, str | None] = {}

    @property
    def config(self) -> Config:
        return load_config(self.folder / "finops.yaml")

    @property
    def definitions(self) -> dg.Definitions:
        return definitions.build(self.config)

    def deliver(self, period: str = "2026-09", cost: str = "1", when: float = T0, name: str = "aws-main") -> None:
        """A month of one row."""
        root, next_month = self.folder / name, f"{period[:5]}{int(period[5:]) % 12 + 1:02}"
        row = cur(
            cost=cost,
            bill_billing_period_start_date=f"{period}-01T00:00:00.000Z",
            bill_billing_period_end_date=f"{next_month}-01T00:00:00.000Z",
            line_item_usage_start_date=f"{period}-02T00:00:00.000Z",
            line_item_usage_end_date=f"{period}-02T01:00:00.000Z",
        )
        data = write_csv(root / f"ml/data/BILLING_PERIOD={period}/ml-00001.csv.gz", [row])
        manifest(root, [data], period=period, when=when)

    def look(self, name: str = "aws-main") -> dg.SensorResult:
        """One look of a source's sensor; the cursor is kept as the daemon keeps it."""
        sensor = self.definitions.resolve_sensor_def(f"new_delivery_{name.replace('-', '_')}")
        with dg.build_sensor_context(instance=self.instance, cursor=self.cursors.get(name)) as context:
            result = sensor(context)
        assert isinstance(result, dg.SensorResult)
        if result.cursor is not None:
            self.cursors[name] = result.cursor
        return result

    def asked(self, name: str = "aws-main") -> dg.RunRequest:
        """The one run that a look asks for."""
        result = self.look(name)
        assert result.run_requests is not None, result.skip_reason
        assert len(result.run_requests) == 1
        return result.run_requests[0]

    def skipped(self, name: str = "aws-main") -> str:
        result = self.look(name)
        assert not result.run_requests
        assert result.skip_reason is not None
        return result.skip_reason.skip_message or ""

    def tags(self, request: dg.RunRequest, name: str = "aws-main") -> dict[str, str]:
        """A run's tags, with those that the daemon adds."""
        sensor = f"new_delivery_{name.replace('-', '_')}"
        return {**request.tags, "dagster/run_key": request.run_key or "", "dagster/sensor_name": sensor}

    def ended(self, request: dg.RunRequest, name: str = "aws-main", *, well: bool) -> str:
        """A run with the request's tags that ends at once, and lands what there is when it ends well."""

        @dg.op
        def work() -> None:
            if not well:
                raise RuntimeError("the disk is full")

        @dg.job
        def refresh() -> None:
            work()

        if well:
            assert not Pipeline(self.config).land(name).failures
        done = refresh.execute_in_process(
            instance=self.instance, raise_on_error=False, tags=self.tags(request, name), run_config=QUIET
        )
        return done.run_id

    def run(self, request: dg.RunRequest, name: str = "aws-main") -> dg.ExecuteInProcessResult:
        """The run itself, as the daemon would launch it."""
        return self.definitions.resolve_job_def("refresh").execute_in_process(
            instance=self.instance,
            tags=self.tags(request, name),
            asset_selection=request.asset_selection,
            run_config=QUIET,
        )

    def published(self) -> list[tuple[Any, ...]]:
        """Cost by source and period, as published."""
        with query(self.config.published) as con:
            return con.sql(
                "SELECT x_SourceSystem, strftime(BillingPeriodStart, '%Y-%m'), sum(BilledCost) "
                "FROM focus.charges GROUP BY ALL ORDER BY ALL"
            ).fetchall()


QUIET = {"loggers": {"console": {"config": {"log_level": "CRITICAL"}}}}


@pytest.fixture
def instance() -> Iterator[dg.DagsterInstance]:
    with dg.DagsterInstance.ephemeral() as made:
        yield made


@pytest.fixture
def desk(tmp_path: Path, instance: dg.DagsterInstance) -> Desk:
    return Desk(tmp_path, instance, "aws-main")


def span(request: dg.RunRequest) -> tuple[str, str]:
    return request.tags[FIRST], request.tags[LAST]


def test_the_first_look_asks_for_one_run_over_all_periods(desk: Desk) -> None:
    for period in ("2025-11", "2025-12", "2026-01", "2026-03"):
        desk.deliver(period)
    assert span(desk.asked()) == ("2025-11-01", "2026-03-01")


def test_unchanged_manifests_ask_for_nothing_and_say_so(desk: Desk) -> None:
    desk.deliver("2026-08")
    desk.deliver("2026-09")
    desk.ended(desk.asked(), well=True)
    assert "2 manifests taken by the run" in desk.skipped()
    assert desk.skipped() == "2 manifests unchanged, one listing"
    taken = json.loads(desk.cursors["aws-main"] or "")
    assert set(taken) == {"2026-08", "2026-09"}


def test_a_changed_version_asks_for_its_period_alone(desk: Desk) -> None:
    for period in ("2026-07", "2026-08", "2026-09"):
        desk.deliver(period)
    first = desk.asked()
    desk.ended(first, well=True)
    desk.skipped()
    desk.deliver("2026-08", when=T0 + 600)
    changed = desk.asked()
    assert span(changed) == ("2026-08-01", "2026-08-01")
    assert changed.run_key != first.run_key


def test_two_changed_periods_are_one_run_over_what_lies_between(desk: Desk) -> None:
    for period in ("2026-05", "2026-06", "2026-07", "2026-08"):
        desk.deliver(period)
    desk.ended(desk.asked(), well=True)
    desk.skipped()
    desk.deliver("2026-05", when=T0 + 600)
    desk.deliver("2026-07", when=T0 + 600)
    assert span(desk.asked()) == ("2026-05-01", "2026-07-01")


def test_a_look_that_is_repeated_has_the_same_key(desk: Desk) -> None:
    """The daemon may crash between a look and its run: the key keeps the run from being made twice."""
    desk.deliver()
    assert desk.asked().run_key == desk.asked().run_key


def test_a_lost_cursor_asks_for_nothing_that_was_taken(desk: Desk) -> None:
    desk.deliver("2026-08")
    desk.deliver("2026-09")
    desk.ended(desk.asked(), well=True)
    desk.skipped()
    for lost in (None, "", "{not json", "[]", "17", "[" * 100_000):
        desk.cursors["aws-main"] = lost
        assert "2 manifests taken by the run" in desk.skipped()
        assert desk.skipped() == "2 manifests unchanged, one listing"


def test_what_arrives_while_a_run_is_under_way_waits_for_the_next(desk: Desk) -> None:
    desk.deliver("2026-08")
    request = desk.asked()
    waiting = desk.instance.create_run_for_job(
        desk.definitions.resolve_job_def("refresh"), tags=desk.tags(request), status=dg.DagsterRunStatus.STARTED
    )
    desk.deliver("2026-09")
    assert f"the run {waiting.run_id} is under way" in desk.skipped()
    desk.instance.report_run_canceled(waiting)  # stopped: neither month is taken
    assert span(desk.asked()) == ("2026-08-01", "2026-09-01")


def test_a_failed_run_is_tried_again_after_an_hour(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    desk.deliver()
    first = desk.asked()
    failed = desk.ended(first, well=False)
    assert failed in desk.skipped()
    assert not desk.cursors
    ended = desk.instance.get_run_records()[0].end_time or 0
    monkeypatch.setattr(sensors, "time", SimpleNamespace(time=lambda: ended + 3590))
    assert "the next try is 60 minutes after it" in desk.skipped()
    monkeypatch.setattr(sensors, "time", SimpleNamespace(time=lambda: ended + 3610))
    again = desk.asked()
    assert span(again) == span(first)
    assert again.run_key != first.run_key  # else the daemon would take it for the one that failed


def test_a_version_that_comes_back_is_asked_for_again(desk: Desk) -> None:
    for when in (T0, T0 + 600):
        desk.deliver(when=when)
        desk.ended(desk.asked(), well=True)
        desk.skipped()
    desk.deliver(when=T0)
    keys = {run.tags["dagster/run_key"] for run in desk.instance.get_runs()}
    assert desk.asked().run_key not in keys


def test_each_source_has_a_sensor_that_is_about_it_alone(tmp_path: Path, instance: dg.DagsterInstance) -> None:
    desk = Desk(tmp_path, instance, "aws-main", "aws-other")
    desk.deliver("2026-08")
    desk.deliver("2026-09", name="aws-other")
    assert span(desk.asked("aws-main")) == ("2026-08-01", "2026-08-01")
    other = desk.asked("aws-other")
    assert span(other) == ("2026-09-01", "2026-09-01")
    desk.ended(other, "aws-other", well=True)
    assert "taken" in desk.skipped("aws-other")
    assert span(desk.asked("aws-main")) == ("2026-08-01", "2026-08-01")


def test_only_exports_with_manifests_have_a_sensor_and_it_runs_by_itself() -> None:
    config = Config.model_validate(
        {
            "sources": [
                {"name": "new", "kind": "aws-cur2", "uri": "s3://b/new", "export": "ml"},
                {"name": "old", "kind": "aws-cur1", "uri": "s3://b/old"},
                {"name": "focus", "kind": "aws-focus", "uri": "s3://b/focus", "export": "ml"},
                {"name": "gcp", "kind": "gcp-files", "uri": "gcp"},
                {"name": "people", "kind": "cost-ledger", "uri": "costs.csv"},
            ]
        }
    )
    found = {each.name: each for each in definitions.build(config).sensors or []}
    assert set(found) == {"new_delivery_new", "new_delivery_old", "new_delivery_focus", "run_failed"}
    assert {each.default_status for each in found.values()} == {dg.DefaultSensorStatus.RUNNING}


@pytest.mark.parametrize("period", ["2017-12", "2099-01", "2026-13"])
def test_a_month_that_is_no_partition_is_named_and_left_out(
    desk: Desk, period: str, capsys: pytest.CaptureFixture[str]
) -> None:
    desk.deliver()
    data = desk.folder / "aws-main/ml/data/BILLING_PERIOD=2026-09/ml-00001.csv.gz"
    manifest(desk.folder / "aws-main", [data], period=period)
    request = desk.asked()
    assert span(request) == ("2026-09-01", "2026-09-01")
    assert period in capsys.readouterr().err
    desk.ended(request, well=True)
    desk.skipped()
    assert set(json.loads(desk.cursors["aws-main"] or "")) == {"2026-09"}  # so it is new once it has begun


def test_the_open_month_is_a_partition(desk: Desk) -> None:
    desk.deliver(OPEN)
    assert span(desk.asked()) == (f"{OPEN}-01", f"{OPEN}-01")


def test_a_legacy_report_and_its_bare_file(tmp_path: Path, instance: dg.DagsterInstance) -> None:
    """A bare file has no manifest: it is left to the daily schedule."""
    desk = Desk(tmp_path, instance, "aws-main", kind="aws-cur1", export=None)
    write_csv(tmp_path / "aws-main/report.csv", [cur()])
    assert desk.skipped() == "0 manifests unchanged, one listing"
    named = tmp_path / "aws-main/cur/20260901-20261001/cur-Manifest.json"
    named.parent.mkdir(parents=True)
    named.write_text("{}", encoding="utf-8")
    assert span(desk.asked()) == ("2026-09-01", "2026-09-01")


def failure(desk: Desk) -> str:
    """What Dagster's page shows of a look that fails."""
    sensor = desk.definitions.resolve_sensor_def("new_delivery_aws_main")
    repository = desk.definitions.get_repository_def()
    with dg.build_sensor_context(instance=desk.instance, repository_def=repository) as context:
        try:
            sensor.evaluate_tick(context)
        except Exception:  # what the daemon does with any
            return serializable_error_info_from_exc_info(sys.exc_info()).to_string()
    pytest.fail("the look did not fail")


def test_a_source_that_cannot_be_listed_fails_the_look_and_says_why(desk: Desk) -> None:
    shown = failure(desk)
    assert "SourceError: there is no such file or folder. Where:" in shown
    assert "What to do: correct the uri." in shown
    desk.deliver()
    assert desk.asked()  # nothing was remembered of it


@pytest.fixture
def bucket(monkeypatch: pytest.MonkeyPatch) -> Iterator[s3.Bucket]:
    monkeypatch.setattr(aws_session, "ATTEMPTS", 1)
    with s3.serve("bills") as served:
        for name, value in {
            "AWS_ENDPOINT_URL": served.url,
            "AWS_ACCESS_KEY_ID": "AKIDNOTTOBESHOWN",
            "AWS_SECRET_ACCESS_KEY": "secret-not-to-be-shown",
            "AWS_REGION": "us-east-1",
            "AWS_DEFAULT_REGION": "us-east-1",
            "AWS_EC2_METADATA_DISABLED": "true",
            "AWS_CONFIG_FILE": "/nowhere",
            "AWS_SHARED_CREDENTIALS_FILE": "/nowhere",
        }.items():
            monkeypatch.setenv(name, value)
        yield served


@pytest.mark.parametrize(("periods", "pages"), [(1, 1), (s3.PAGE, 1), (s3.PAGE + 1, 2), (12, 4)])
def test_a_look_at_a_bucket_is_one_listing(
    tmp_path: Path, instance: dg.DagsterInstance, bucket: s3.Bucket, periods: int, pages: int
) -> None:
    """Whether the manifests are new or not, no object is read: only the listing's pages are asked for."""
    desk = Desk(tmp_path, instance, "aws-main", uri="s3://bills/p")
    for month in range(1, periods + 1):
        for key in (f"metadata/BILLING_PERIOD=2025-{month:02}/ml-Manifest.json", f"data/{month}.csv.gz"):
            bucket.put(f"p/ml/{key}", f"{month}".encode(), T0)
    assert span(desk.asked()) == ("2025-01-01", f"2025-{periods:02}-01")
    assert bucket.requests == ["GET list"] * pages
    bucket.requests.clear()
    desk.cursors["aws-main"] = json.dumps(
        {f"2025-{month:02}": s3.etag(f"{month}".encode()) for month in range(1, periods + 1)}
    )
    assert desk.skipped() == f"{periods} manifests unchanged, one listing"
    assert bucket.requests == ["GET list"] * pages


def test_a_bucket_that_may_not_be_listed_says_so_without_a_secret(
    tmp_path: Path, instance: dg.DagsterInstance, bucket: s3.Bucket
) -> None:
    bucket.hook = lambda key: 403 if key == "list" else None
    shown = failure(Desk(tmp_path, instance, "aws-main", uri="s3://bills/p"))
    assert "AWS refused s3:ListBucket: AccessDenied" in shown
    assert "allow s3:ListBucket on it for these credentials" in shown
    assert "not-to-be-shown" not in shown
    assert "NOTTOBESHOWN" not in shown


def test_what_a_look_asks_for_ends_in_new_published_numbers(tmp_path: Path, instance: dg.DagsterInstance) -> None:
    """The first run takes every source; the next is about the delivery that changed, and leaves the rest alone."""
    desk = Desk(tmp_path, instance, "aws-main", "aws-other")
    desk.deliver("2026-08", "5.25")
    desk.deliver("2026-09", "7")
    desk.deliver("2026-09", "100", name="aws-other")
    first = desk.asked()
    assert first.asset_selection is None
    assert desk.run(first).success
    before = [("aws-main", "2026-08", Decimal("5.25")), ("aws-main", "2026-09", 7), ("aws-other", "2026-09", 100)]
    assert desk.published() == before
    assert "2 manifests taken" in desk.skipped()

    desk.deliver("2026-09", "8.5", T0 + 600)
    desk.deliver("2026-09", "200", T0 + 600, "aws-other")
    done = desk.run(desk.asked())
    landed = {each.asset_key for each in done.get_asset_materialization_events() if each.asset_key}
    assert dg.AssetKey(["landing", "aws_main"]) in landed
    assert dg.AssetKey(["landing", "aws_other"]) not in landed
    assert landed == set(desk.definitions.resolve_asset_graph().get_all_asset_keys()) - {
        dg.AssetKey(["landing", "aws_other"])
    }
    assert desk.published() == [before[0], ("aws-main", "2026-09", Decimal("8.5")), before[2]]

    assert "1 manifests taken" in desk.skipped()
    assert desk.skipped() == "2 manifests unchanged, one listing"
    assert span(desk.asked("aws-other")) == ("2026-09-01", "2026-09-01")  # its own delivery is not lost


def test_a_delivery_that_a_run_could_not_read_stays_new(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    """The run goes on without it, and succeeds: so it is the landing area that is asked."""
    monkeypatch.setattr(landing, "WAITS", ())
    desk.deliver("2026-08", "5")
    desk.deliver("2026-09", "7")
    data = desk.folder / "aws-main/ml/data/BILLING_PERIOD=2026-09/ml-00001.csv.gz"
    content = data.read_bytes()
    data.unlink()
    done = desk.run(desk.asked())
    assert done.success
    assert f"2 new manifests wait: the run {done.run_id} did not take them" in desk.skipped()
    data.write_bytes(content)
    at(data, T0)
    monkeypatch.setattr(sensors, "RETRY_AFTER", 0)
    assert desk.run(desk.asked()).success
    assert desk.published() == [("aws-main", "2026-08", 5), ("aws-main", "2026-09", 7)]
    assert "manifests taken" in desk.skipped()
