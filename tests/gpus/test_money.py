"""The money of GPU states: it adds up to the bill to the last digit, whatever was observed."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from fractions import Fraction

import duckdb
import polars as pl
from hypothesis import given, settings
from hypothesis import strategies as st

from finops.gpus.states import SEGMENTS

from .bill import Charge, warehouse

T = datetime(2026, 9, 1, tzinfo=UTC)
HOUR = timedelta(hours=1)
LAST = Decimal("0.000000000000000001")


def seen(*rows: tuple[str, str, int, str, str | None, int]) -> pl.DataFrame:
    """Segments: (instance, GPU, hour after T, state, episode, seconds)."""
    return pl.DataFrame(
        [
            (gpu, instance, T + HOUR * hour, state, episode, "gpu_util", T + HOUR * hour,
             T + HOUR * hour + timedelta(seconds=seconds), seconds)
            for instance, gpu, hour, state, episode, seconds in rows
        ],
        schema=SEGMENTS,
        orient="row",
    )  # fmt: skip


def hourly(instance: str | None, cost: str | None, gpus: str | None, hour: int = 0, **other: str | None) -> Charge:
    start = T + HOUR * hour
    money, quantity = (None if each is None else Decimal(each) for each in (cost, gpus))
    return Charge(instance, start, start + HOUR, money, quantity, "A100", **other)  # type: ignore[arg-type]


def rows(db: duckdb.DuckDBPyConnection, query: str) -> list[tuple[object, ...]]:
    return db.sql(query).fetchall()


def test_what_the_bill_says_nobody_used_is_unallocated_and_not_unobserved() -> None:
    charges = [
        hourly("cr-1", "4", "1", CapacityReservationStatus="Unused"),
        hourly("node-1", "3", "1", namespace="kube:unallocated"),
        # of a node's GPUs a pod had some: the rest is told apart
        hourly("node-2", "1", "0.5", namespace="kube:unallocated"),
        hourly("node-2", "1", "0.5", namespace="training"),
        hourly("node-3", "2", "1", namespace="kube:unallocated"),
    ]
    db = warehouse(charges, seen(("node-3", "A", 0, "busy", None, 1800)))
    assert rows(db, "SELECT instance_id, state, gpu_hours, cost, avoidable_cost FROM gpu.hours ORDER BY 1, 2") == [
        ("cr-1", "unallocated", Decimal(1), Decimal(4), Decimal(4)),
        ("node-1", "unallocated", Decimal(1), Decimal(3), Decimal(3)),
        ("node-2", "unobserved", Decimal("0.5"), Decimal(1), Decimal(0)),
        ("node-2/unallocated", "unallocated", Decimal("0.5"), Decimal(1), Decimal(1)),
        ("node-3", "busy", Decimal("0.5"), Decimal(1), Decimal(0)),
        ("node-3", "unallocated", Decimal("0.5"), Decimal(1), Decimal(1)),
    ]


def test_an_instance_is_split_over_its_gpus_and_their_states() -> None:
    charges = [hourly("i-1", "8", "2", x_Team="nlp", x_MlProject="assistant", x_MlStage="training")]
    db = warehouse(charges, seen(("i-1", "A", 0, "busy", None, 900), ("i-1", "A", 0, "idle", "e1", 2700)))
    got = rows(
        db,
        "SELECT gpu_id, state, gpu_hours, cost, avoidable_cost, team FROM gpu.hours ORDER BY gpu_id, state",
    )
    assert got == [
        ("A", "busy", Decimal("0.25"), Decimal(1), Decimal(0), "nlp"),
        ("A", "idle", Decimal("0.75"), Decimal(3), Decimal(3), "nlp"),
        ("i-1#2", "unobserved", Decimal(1), Decimal(4), Decimal(0), "nlp"),
    ]
    idle = rows(
        db,
        "SELECT episode_id, gpu_hours, cost, avoidable_cost, sunk_cost, currency, ml_stage, ended_at FROM gpu.idle",
    )
    assert idle == [
        (
            "e1",
            Decimal("0.75"),
            Decimal(3),
            Decimal(3),
            Decimal(0),
            "USD",
            "training",
            T + timedelta(seconds=2700),
        )
    ]


def test_core_and_memory_of_a_machine_are_part_of_its_gpus_cost() -> None:
    name = "//compute.googleapis.com/projects/1/zones/z/instances/42"
    charges = [hourly(name, "3", "1"), hourly(name, "0.5", None), hourly(name, "0.25", None)]
    db = warehouse(charges, seen(("42", "A", 0, "never_used", "e1", 3600)))
    assert rows(db, "SELECT instance_id, gpu_hours, cost, avoidable_cost FROM gpu.hours") == [
        ("42", Decimal(1), Decimal("3.75"), Decimal("3.75"))
    ]


def test_what_is_committed_is_sunk() -> None:
    charges = [
        hourly(
            "i-1",
            "6",
            "1",
            CommitmentDiscountId="sp-1",
            CommitmentDiscountStatus="Used",
            PricingCategory="Committed",
        ),
        hourly("i-1", "2", None),
        hourly("i-1", "100", None, CommitmentDiscountId="sp-1", CommitmentDiscountStatus="Unused"),
    ]
    db = warehouse(charges, seen(("i-1", "A", 0, "idle", "e1", 1800), ("i-1", "A", 0, "busy", None, 1800)))
    assert rows(db, "SELECT cost, avoidable_cost, sunk_cost FROM gpu.idle") == [(Decimal(4), Decimal(1), Decimal(3))]


def test_spot_is_avoidable() -> None:
    db = warehouse(
        [hourly("i-1", "2", "1", PricingCategory="Dynamic")],
        seen(("i-1", "A", 0, "idle_memory_held", "e1", 3600)),
    )
    assert rows(db, "SELECT avoidable_cost, sunk_cost FROM gpu.idle") == [(Decimal(2), Decimal(0))]


def test_more_observed_than_billed_shares_what_is_billed() -> None:
    segments = seen(("i-1", "A", 0, "busy", None, 1800), ("i-1", "A", 0, "idle", "e1", 1800))
    db = warehouse([hourly("i-1", "1", "0.5", GpuCount="1")], segments)
    assert rows(db, "SELECT state, gpu_hours, cost FROM gpu.hours ORDER BY state") == [
        ("busy", Decimal("0.25"), Decimal("0.5")),
        ("idle", Decimal("0.25"), Decimal("0.5")),
    ]


def test_a_part_of_a_gpu_is_observed_by_the_hour() -> None:
    db = warehouse([hourly("i-1", "1", "0.125", GpuCount="0.125")], seen(("i-1", "A", 0, "busy", None, 1800)))
    assert rows(db, "SELECT state, gpu_hours, cost FROM gpu.hours ORDER BY state") == [
        ("busy", Decimal("0.0625"), Decimal("0.5")),
        ("unobserved", Decimal("0.0625"), Decimal("0.5")),
    ]


def test_the_fullest_hour_tells_the_number_of_gpus() -> None:
    charges = [hourly("i-1", "8", "8.000001", 0), hourly("i-1", "2", "2", 1)]
    db = warehouse(charges)
    assert rows(db, "SELECT hour, count(*), sum(gpu_hours) FROM gpu.hours GROUP BY hour ORDER BY hour") == [
        (T, 8, Decimal("8.000001")),
        (T + HOUR, 8, Decimal(2)),
    ]


def test_one_resource_may_be_several_machines() -> None:
    db = warehouse([hourly("arn:aws:sagemaker:us-east-1:1:endpoint/e", "6", "2", GpuCount="1")])
    assert rows(db, "SELECT gpu_id, gpu_hours, cost FROM gpu.hours ORDER BY 1") == [
        ("e#1", Decimal(1), Decimal(3)),
        ("e#2", Decimal(1), Decimal(3)),
    ]


def test_unbilled_hours_are_counted_apart() -> None:
    segments = seen(
        ("i-1", "A", 0, "idle", "e1", 3600),
        ("i-1", "A", 1, "idle", "e1", 3600),
        ("i-2", "B", 0, "idle", "e2", 60),
    )
    db = warehouse([hourly("i-1", "1", "1")], segments)
    assert rows(db, "SELECT sum(gpu_hours), sum(cost) FROM gpu.hours") == [(Decimal(1), Decimal(1))]
    assert rows(db, "SELECT instance_id, hour, seconds FROM gpu.unbilled ORDER BY 1") == [
        ("i-1", T + HOUR, 3600),
        ("i-2", T, 60),
    ]
    got = rows(
        db,
        "SELECT episode_id, gpu_hours, cost, avoidable_cost, sunk_cost, unbilled_seconds FROM gpu.idle ORDER BY 1",
    )
    assert got == [
        ("e1", Decimal(1), Decimal(1), Decimal(1), Decimal(0), 3600),
        ("e2", None, None, None, None, 60),
    ]


def test_an_unknown_cost_stays_unknown() -> None:
    segments = seen(("i-1", "A", 0, "idle", "e1", 3600), ("i-1", "A", 1, "idle", "e1", 3600))
    db = warehouse([hourly("i-1", None, "1"), hourly("i-1", "1", "1", 1)], segments)
    assert rows(db, "SELECT hour, gpu_hours, cost, avoidable_cost, sunk_cost FROM gpu.hours ORDER BY hour") == [
        (T, Decimal(1), None, None, None),
        (T + HOUR, Decimal(1), Decimal(1), Decimal(1), Decimal(0)),
    ]
    assert rows(db, "SELECT gpu_hours, cost FROM gpu.idle") == [(Decimal(2), None)]


def test_gpu_hours_without_a_resource_are_not_lost() -> None:
    charges = [
        hourly(None, "1", "3", x_Team="nlp"),
        hourly(None, "2", "5", x_Team="vision"),
        hourly(None, "9", None),
    ]
    db = warehouse(charges)
    assert rows(db, "SELECT state, gpu_hours, cost, team FROM gpu.hours ORDER BY team") == [
        ("unobserved", Decimal(3), Decimal(1), "nlp"),
        ("unobserved", Decimal(5), Decimal(2), "vision"),
    ]


def test_names_from_the_bill_are_only_data() -> None:
    name = "i-'); DROP TABLE gpu.segments; --"
    db = warehouse([hourly(name, "1", "1")], seen((name, "A'\"", 0, "idle", "e'1", 3600)))
    assert rows(db, "SELECT instance_id, gpu_id, cost FROM gpu.hours") == [(name, "A'\"", Decimal(1))]


MONEY = st.decimals(-1000, 100_000, places=18)
HOURS = st.decimals(-4, 16, places=18)
INSTANCE = st.sampled_from(["i-1", "i-2"])
CHARGE = st.builds(
    lambda instance, start, length, cost, gpus, status, pricing: Charge(
        instance, T + start * HOUR, T + (start + length) * HOUR, cost, gpus, "A100",
        PricingCategory=pricing,
        CommitmentDiscountId=None if status is None else "ri-1",
        CommitmentDiscountStatus=status,
    ),
    INSTANCE, st.integers(0, 3), st.integers(1, 30), MONEY, st.none() | HOURS,
    st.sampled_from([None, None, "Used", "Unused"]),
    st.sampled_from(["Standard", "Dynamic", "Committed", None]),
)  # fmt: skip
STATE = st.sampled_from(["busy", "under_used", "idle", "idle_memory_held", "never_used"])
PIECE = st.tuples(INSTANCE, st.sampled_from("ABC"), st.integers(0, 5), STATE, st.integers(1, 1200))


@st.composite
def observed(draw: st.DrawFn) -> pl.DataFrame:
    """At most three pieces of a GPU and hour, so never more than an hour; idle ones are of an episode."""
    found: dict[tuple[str, str, int, str], tuple[str, str, int, str, str | None, int]] = {}
    for instance, gpu, hour, state, seconds in draw(st.lists(PIECE, max_size=20)):
        episode = None if state in ("busy", "under_used") else f"{instance}{gpu}{state}"
        same = [key for key in found if key[:3] == (instance, gpu, hour)]
        if len(same) < 3:
            found[instance, gpu, hour, state] = (instance, gpu, hour, state, episode, seconds)
    return seen(*found.values())


def expected(charges: list[Charge], value: Callable[[Charge], Decimal | None]) -> dict[tuple[str, datetime], Fraction]:
    """By instance and hour, each charge spread evenly over its hours, without rounding."""
    totals: dict[tuple[str, datetime], Fraction] = {}
    for charge in charges:
        hours = (charge.ChargePeriodEnd - charge.ChargePeriodStart) // HOUR
        for n in range(hours):
            key = (str(charge.ResourceId), charge.ChargePeriodStart + n * HOUR)
            totals[key] = totals.get(key, Fraction()) + Fraction(value(charge) or 0) / hours
    return totals


@settings(max_examples=25, deadline=None)
@given(st.lists(CHARGE, min_size=1, max_size=8), observed())
def test_gpu_hours_and_money_are_those_of_the_bill(charges: list[Charge], segments: pl.DataFrame) -> None:
    db = warehouse(charges, segments)
    real = [c for c in charges if c.CommitmentDiscountStatus != "Unused"]
    with_gpus = expected([c for c in real if c.x_GpuHours is not None], lambda c: c.x_GpuHours)
    cost = expected(real, lambda c: c.x_EffectiveCostReporting)
    got = {
        (instance, hour): (gpu_hours, money)
        for instance, hour, gpu_hours, money in db.sql(
            "SELECT instance_id, hour, sum(gpu_hours), sum(cost) FROM gpu.hours GROUP BY ALL"
        ).fetchall()
    }
    assert got.keys() == with_gpus.keys()
    for key, (gpu_hours, money) in got.items():
        # a charge of one hour is exact; each of a longer one is off by less than a last digit
        assert abs(Fraction(gpu_hours) - with_gpus[key]) < len(real) * Fraction(LAST)
        assert abs(Fraction(money) - cost[key]) < len(real) * Fraction(LAST)
    billed = sum((c.x_GpuHours for c in real if c.x_GpuHours is not None), Decimal())
    assert db.sql("SELECT coalesce(sum(gpu_hours), 0) FROM gpu.hours").fetchall() == [(billed,)]


@settings(max_examples=25, deadline=None)
@given(
    st.lists(
        CHARGE.map(lambda c: Charge(**{**vars(c), "ChargePeriodEnd": c.ChargePeriodStart + HOUR})),
        min_size=1,
        max_size=8,
    ),
    observed(),
)
def test_an_instance_hour_is_exact_to_the_last_digit(charges: list[Charge], segments: pl.DataFrame) -> None:
    db = warehouse(charges, segments)
    query = "SELECT instance_id, hour, sum(cost), sum(gpu_hours) FROM gpu.hours GROUP BY ALL"
    for instance, hour, cost, gpu_hours in db.sql(query).fetchall():
        of_it = (c for c in charges if (c.ResourceId, c.ChargePeriodStart) == (instance, hour))
        mine = [c for c in of_it if c.CommitmentDiscountStatus != "Unused"]
        assert cost == sum((c.x_EffectiveCostReporting or Decimal() for c in mine), Decimal())
        assert gpu_hours == sum((c.x_GpuHours or Decimal() for c in mine), Decimal())


@settings(max_examples=25, deadline=None)
@given(st.lists(CHARGE, min_size=1, max_size=8), observed())
def test_idle_money_is_avoidable_or_sunk_and_part_of_the_hours(charges: list[Charge], segments: pl.DataFrame) -> None:
    db = warehouse(charges, segments)
    assert db.sql("FROM gpu.idle WHERE cost <> avoidable_cost + sunk_cost").fetchall() == []
    idle = "state IN ('idle', 'idle_memory_held', 'never_used')"
    for column in ("gpu_hours", "cost", "avoidable_cost", "sunk_cost"):
        in_hours = db.sql(f"SELECT coalesce(sum({column}), 0) FROM gpu.hours WHERE {idle}").fetchall()
        assert db.sql(f"SELECT coalesce(sum({column}), 0) FROM gpu.idle").fetchall() == in_hours
    assert db.sql(f"FROM gpu.hours WHERE NOT ({idle}) AND (avoidable_cost <> 0 OR sunk_cost <> 0)").fetchall() == []
    assert db.sql("SELECT count(*) - count(DISTINCT (hour, instance_id, gpu_id, state)) FROM gpu.hours").fetchall() == [
        (0,)
    ]
    # no second of telemetry is lost between what is billed and what is not
    query = "SELECT sum(seconds) FROM (SELECT seconds FROM gpu.unbilled UNION ALL SELECT s.seconds "
    query += "FROM gpu.segments AS s JOIN gpu.billed_hours USING (instance_id, hour))"
    assert (db.sql(query).fetchall()[0][0] or 0) == segments["seconds"].sum()
