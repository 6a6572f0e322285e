"""Simulated GPU samples, and the truth about idle GPUs."""

from __future__ import annotations

import csv
from collections import Counter, defaultdict
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from fractions import Fraction
from itertools import pairwise
from pathlib import Path

import polars as pl
import pytest

from finops.simulator import telemetry, truth
from finops.simulator.fleet import Fleet, build
from finops.simulator.telemetry_truth import cost_of
from finops.simulator.timeline import Timeline, timeline

UNTIL = date(2026, 10, 21)
MINUTE, HOUR = timedelta(minutes=1), timedelta(hours=1)
SIGNALS = ("gpu_util", "sm_active", "gr_engine_active")


@pytest.fixture(scope="module")
def line() -> Timeline:
    return timeline(2, UNTIL)


@pytest.fixture(scope="module")
def fleet(line: Timeline) -> Fleet:
    return build(7, line)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory, fleet: Fleet, line: Timeline) -> Path:
    out = tmp_path_factory.mktemp("telemetry")
    (out / "truth").mkdir()
    samples, files = telemetry.write(out, fleet, line, 7)
    assert files == len(list((out / "gpu").iterdir())) == 50
    assert samples > 2_000_000
    hours = [(i.id, h, i.gpu_count, rate(h)) for i in fleet.instances for h in i.hours(line.telemetry_start, line.end)]
    columns = dict(zip(truth.INSTANCE_HOURS.names, map(list, zip(*hours, strict=True)), strict=True))
    telemetry.write_truth(out, fleet, line, truth.table(columns, truth.INSTANCE_HOURS))
    return out


@pytest.fixture(scope="module")
def samples(folder: Path) -> pl.DataFrame:
    return pl.concat(pl.read_parquet(path) for path in sorted((folder / "gpu").iterdir()))


@pytest.fixture(scope="module")
def idle(folder: Path) -> list[dict[str, str]]:
    with (folder / "truth" / "idle.csv").open(encoding="utf-8") as file:
        return list(csv.DictReader(file))


def rate(hour: datetime) -> Decimal:
    """What an instance costs in an hour: seven different prices in turn."""
    return Decimal("1.0000000001") + hour.hour % 7


def test_samples_have_the_contracts_columns_and_units(samples: pl.DataFrame) -> None:
    assert samples.schema["timestamp"] == pl.Datetime("us", "UTC")
    assert set(samples.columns) == {
        "timestamp", "gpu_id", "instance_id", "gpu_model", "node", "namespace", "pod", "job_id",
        *SIGNALS, "memory_used_mib", "power_w",
    }  # fmt: skip
    for name in SIGNALS:
        assert samples[name].min() == 0
        assert samples[name].max() <= 1
    assert samples["memory_used_mib"].null_count() == 0
    assert samples.select("gpu_id", "timestamp").is_duplicated().sum() == 0


def test_each_file_holds_its_day(folder: Path) -> None:
    for path in (folder / "gpu").iterdir():
        days = pl.read_parquet(path, columns=["timestamp"])["timestamp"].dt.date().unique().to_list()
        assert days == [date.fromisoformat(path.stem.removeprefix("samples-"))]


def test_every_sample_lies_in_an_hour_in_which_its_machine_ran(
    samples: pl.DataFrame, fleet: Fleet, line: Timeline
) -> None:
    ran = [(i.id, h) for i in fleet.instances for h in i.hours(line.telemetry_start, line.end)]
    seen = samples.select("instance_id", pl.col("timestamp").dt.truncate("1h")).unique()
    assert set(seen.iter_rows()) <= set(ran)


def test_signals_differ_by_machine(samples: pl.DataFrame, fleet: Fleet) -> None:
    present = {
        instance: {name for name, count in zip(SIGNALS, counts, strict=True) if count}
        for instance, *counts in samples.group_by("instance_id").agg(pl.col(SIGNALS).count()).iter_rows()
    }
    for machine in fleet.instances:
        if not machine.spec.telemetry or machine.id not in present:
            assert machine.id not in present
        elif machine.spec.source == "gcp-main":
            assert present[machine.id] == {"gpu_util"}
        elif machine.spec.instance_type == "p5.48xlarge":
            assert present[machine.id] == {"gpu_util", "gr_engine_active"}
        else:
            assert present[machine.id] == {"gpu_util", "sm_active"}
    assert any(not m.spec.telemetry and m.hours(*_telemetry(m)) for m in fleet.instances)


def _telemetry(_: object) -> tuple[datetime, datetime]:
    return datetime(2026, 9, 1, tzinfo=UTC), datetime(2026, 10, 21, tzinfo=UTC)


def test_there_are_lost_samples_and_dead_agents(samples: pl.DataFrame, fleet: Fleet, line: Timeline) -> None:
    minutes = sum(
        i.gpu_count * 60 * len(i.hours(line.telemetry_start, line.end)) for i in fleet.instances if i.spec.telemetry
    )
    assert 0.95 * minutes < samples.height < 0.999 * minutes
    down = [end - start for i in fleet.instances for start, end in telemetry.outages(i, 7)]
    assert len(down) >= 5
    assert all(100 * MINUTE <= length <= 300 * MINUTE for length in down)
    steps = (
        samples.sort("gpu_id", "timestamp").select(pl.col("timestamp").diff().over("gpu_id").drop_nulls()).to_series()
    )
    assert (steps == 2 * MINUTE).sum() > 1000
    assert (steps > 90 * MINUTE).sum() >= 5


def test_idle_intervals_of_a_gpu_do_not_overlap(idle: list[dict[str, str]]) -> None:
    spans: defaultdict[str, list[tuple[datetime, datetime]]] = defaultdict(list)
    for row in idle:
        spans[row["gpu_id"]].append(
            (datetime.fromisoformat(row["started_at"]), datetime.fromisoformat(row["ended_at"]))
        )
    assert {row["state"] for row in idle} == {"idle", "idle_memory_held", "never_used"}
    for found in spans.values():
        found.sort()
        assert all(end - start >= HOUR for start, end in found)
        assert all(before[1] < after[0] for before, after in pairwise(found))


def test_samples_show_what_the_truth_says(samples: pl.DataFrame, idle: list[dict[str, str]]) -> None:
    """Idle: no sample of 20 %, no two of 5 % in a row, some lone ones. Held: over 1 GiB, else under."""
    active = samples.select("gpu_id", "timestamp", "memory_used_mib", activity=pl.max_horizontal(SIGNALS))
    spells = pl.DataFrame(idle).select(
        "gpu_id", "state", start=pl.col("started_at").str.to_datetime(time_zone="UTC"),
        end=pl.col("ended_at").str.to_datetime(time_zone="UTC"),
    )  # fmt: skip
    joined = active.sort("timestamp").join_asof(
        spells.sort("start"), left_on="timestamp", right_on="start", by="gpu_id", check_sortedness=False
    )
    inside = joined.filter(pl.col("timestamp") < pl.col("end")).sort("gpu_id", "timestamp")
    high = pl.col("activity") >= 0.05
    assert inside["activity"].max() < 0.2
    assert inside.filter(high & high.shift(1).over("gpu_id", "start")).height == 0
    assert 10 < inside.filter(high).height < 500
    held = pl.col("state") == "idle_memory_held"
    assert inside.filter(held)["memory_used_mib"].min() > 1024
    assert inside.filter(~held)["memory_used_mib"].max() < 1024


def test_an_idle_spell_costs_its_share_of_each_hour() -> None:
    """Two GPUs; 12:20 to 14:30 of hours that cost 3, 6 and 12: (40×3 + 60×6 + 30×12) ÷ 60 ÷ 2 = 7."""
    noon = datetime(2026, 9, 3, 12, tzinfo=UTC)
    costs = {("i-1", noon + n * HOUR): Decimal(cost) for n, cost in enumerate((3, 6, 12))}
    assert cost_of(noon + 20 * MINUTE, noon + 150 * MINUTE, "i-1", 2, costs) == 7
    third = cost_of(noon, noon + 20 * MINUTE, "i-1", 3, {("i-1", noon): Decimal(1)})
    assert third == Decimal("0.111111111111111111")


def test_idle_costs_and_gpu_hours(folder: Path, fleet: Fleet, line: Timeline, idle: list[dict[str, str]]) -> None:
    machines = {i.id: i for i in fleet.instances}
    for row in idle:
        start, end = datetime.fromisoformat(row["started_at"]), datetime.fromisoformat(row["ended_at"])
        minutes = Counter((start + n * MINUTE).hour for n in range((end - start) // MINUTE))
        whole = sum(Fraction(rate(start.replace(hour=h))) * count for h, count in minutes.items())
        exact = whole / 60 / machines[row["instance_id"]].gpu_count
        assert abs(Fraction(Decimal(row["cost"])) - exact) <= Fraction(1, 2 * 10**18)
        assert row["avoidable"] == str(machines[row["instance_id"]].spec.purchase in ("on_demand", "spot")).lower()
    with (folder / "truth" / "gpu_hours.csv").open(encoding="utf-8") as file:
        billed = {(r["instance_id"], r["billing_period"]): Decimal(r["gpu_hours"]) for r in csv.DictReader(file)}
    for machine in fleet.instances:
        hours = len(machine.hours(line.telemetry_start, line.end))
        assert sum(v for (i, _), v in billed.items() if i == machine.id) == hours * machine.gpu_count
