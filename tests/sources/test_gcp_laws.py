"""What a month of Google's comes to does not depend on how, in what order and how often its partitions came."""

from __future__ import annotations

import os
import shutil
import tempfile
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from itertools import permutations
from pathlib import Path
from random import Random
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from tests.conftest import ROOT

from .google import DAYS, SOURCE, adjusted, credit, deliver, google, labels, negated, partition
from .house import House, Row, write_lines

LINEAGE = ("x_LoadId", "x_SourceUnit", "x_SourceFile")
DAILY = (ROOT / "sql/spend/daily.sql").read_text(encoding="utf-8")
OTHERS = f"* EXCLUDE ({', '.join((*LINEAGE, 'SubAccountId'))})"
KNOWN = "FROM ledger.cost_as_of(TIMESTAMPTZ '9999-01-01')"


def found(house: House, text: str) -> Counter[tuple[str, ...]]:
    """The rows of a query as a multiset."""
    return Counter(
        tuple(repr(sorted(cell.items()) if isinstance(cell, dict) else cell) for cell in row) for row in house.sql(text)
    )


def holds(house: House) -> dict[str, Counter[tuple[str, ...]]]:
    """All that a reader sees: charges but for where they came from, what is known, spend by day."""
    charges = f"SELECT * EXCLUDE ({', '.join(LINEAGE)}) FROM focus.charges"
    return {"charges": found(house, charges), "known": found(house, KNOWN), "daily": found(house, DAILY)}


# -- what may stand on a bill

AMOUNTS = st.integers(-(10**9), 10**9).map(lambda n: n / 10**6)  # the export has micros
CREDITS = st.lists(
    st.builds(
        credit,
        AMOUNTS,
        st.sampled_from(["COMMITTED_USAGE_DISCOUNT", "DISCOUNT", "FREE_TIER", "PROMOTION", "SUSTAINED_USAGE_DISCOUNT"]),
    ),
    max_size=3,
)


def usage(cost: float, credited: list[dict[str, Any]], team: str, hour: int) -> dict[str, Any]:
    start = datetime(2026, 9, 1, tzinfo=UTC) + timedelta(hours=hour)
    return google(
        cost,
        credits=credited,
        labels=labels(team=team),
        cost_at_list=cost * 2,
        usage_start_time=f"{start:%Y-%m-%d %H:%M:%S} UTC",
        usage_end_time=f"{start + timedelta(hours=1):%Y-%m-%d %H:%M:%S} UTC",
    )


USAGE = st.builds(usage, AMOUNTS, CREDITS, st.sampled_from(["nlp", "vision"]), st.integers(0, 29 * 24))


def late(row: Row) -> list[Row]:
    return [{**row, "invoice": {"month": "202610"}}]


def twice(row: Row) -> list[Row]:
    return [row, row]


def measured_again(row: Row) -> list[Row]:
    kind, on = "USAGE_CORRECTION", {"invoice": {"month": "202610"}}
    return [row, negated(kind, row, **on), adjusted(kind, row, cost=row["cost"] / 2, **on)]


def labelled_again(row: Row) -> list[Row]:
    kind = "METADATA_CORRECTION"
    return [row, negated(kind, row), adjusted(kind, row, labels=labels(team="recsys"))]


def tax(row: Row) -> list[Row]:
    return [{**row, "cost_type": "tax", "project": None, "sku": None, "labels": [], "credits": None}]


def old(row: Row) -> list[Row]:
    """Of before July 2025: the fields of prices did not exist."""
    lacking = {name: value for name, value in row.items() if name != "cost_at_list"}
    when = {"usage_start_time": "2025-06-30 22:00:00 UTC", "usage_end_time": "2025-06-30 23:00:00 UTC"}
    return [{**lacking, **when, "invoice": {"month": "202506"}}]


def committed(row: Row) -> list[Row]:
    """Usage at a commitment's price, and the fee, of which that much is set off."""
    model = {"id": "m", "description": "1 Year committed use discount", "applied_subscription_instance_id": "cud"}
    fee = {
        "sku": {"id": "f", "description": "Commitment - dollar based v1: GPU for 1 Year"},
        "subscription": {"instance_id": "cud"},
        "credits": [*row["credits"], credit(-row["cost"], "FEE_UTILIZATION_OFFSET")],
    }
    return [{**row, "consumption_model": model}, {**row, **fee, "cost": row["cost"] + 0.5}]


STORIES = st.sampled_from([lambda row: [row], late, twice, measured_again, labelled_again, tax, old, committed])
BILLS = st.lists(st.builds(lambda story, row: story(row), STORIES, USAGE), min_size=1, max_size=25).map(
    lambda parts: [row for part in parts for row in part]
)


# -- how it may come


@dataclass(frozen=True)
class Delivery:
    """For each row its partition and the load that it first came with; what else is redone at each load."""

    days: tuple[int, ...]
    loads: tuple[int, ...]
    repeated: frozenset[tuple[int, int]]  # (load, partition): written anew, as it was
    shards: tuple[int, ...]
    random: Random


@st.composite
def bills_and_deliveries(draw: st.DrawFn) -> tuple[list[Row], Delivery]:
    bill = draw(BILLS)

    def each(high: int) -> tuple[int, ...]:
        return tuple(draw(st.lists(st.integers(0, high), min_size=len(bill), max_size=len(bill))))

    pairs = st.frozensets(st.tuples(st.integers(0, 2), st.integers(0, 4)), max_size=4)
    return bill, Delivery(each(4), each(2), draw(pairs), each(1), draw(st.randoms(use_true_random=False)))


def bring(house: House, bill: Sequence[Row], delivery: Delivery) -> None:
    """Writes and loads partitions that grow from load to load, their rows in any order, over one shard or two."""
    for load in range(3):
        came = [n for n, first in enumerate(delivery.loads) if first <= load]
        changed = {delivery.days[n] for n in came if delivery.loads[n] == load}
        repeated = {day for at, day in delivery.repeated if at == load} & {delivery.days[n] for n in came}
        delivery.random.shuffle(came)
        for day in sorted(changed | repeated):
            for shard in (0, 1):
                rows = [bill[n] for n in came if delivery.days[n] == day and delivery.shards[n] == shard]
                path = write_lines(partition(house, DAYS[day]) / f"part-{shard}.jsonl", rows)
                os.utime(path, (load + 1, load + 1))
        if changed or repeated:
            house.ok()


def net(rows: Sequence[Row]) -> Decimal:
    each = [[row["cost"], *(credit["amount"] for credit in row["credits"] or [])] for row in rows]
    return sum((Decimal(repr(amount)) for amounts in each for amount in amounts), Decimal(0))


@settings(max_examples=6, deadline=None)
@given(bills_and_deliveries(), st.sampled_from(["provider", "focus"]))
def test_partitions_in_any_order_split_and_number_of_loads_come_to_one_result(
    given_: tuple[list[Row], Delivery], basis: str
) -> None:
    bill, delivery = given_
    with tempfile.TemporaryDirectory() as folder:
        house = House(Path(folder), SOURCE | {"basis": basis})
        bring(house, bill, delivery)
        piecemeal = holds(house)
        assert house.sql("SELECT sum(EffectiveCost) FROM focus.charges") == [(net(bill),)]
        assert basis == "focus" or house.total() == net(bill)
        added = house.sql("SELECT count(*) FROM focus.charges WHERE CommitmentDiscountStatus = 'Unused'")[0][0]
        assert sum(piecemeal["charges"].values()) == len(bill) + added
        # and all in one partition: the others are emptied, whose rows the first one has now
        shutil.rmtree(house.folder / "export")
        deliver(house, {DAYS[0]: bill, **{DAYS[day]: [] for day in {*delivery.days} - {0}}})
        assert holds(house) == piecemeal


def events(project: str) -> dict[str, list[Row]]:
    """What may happen to a project's month after its first row: each comes in a partition of its own."""
    where = {"project": {"id": project, "name": "one", "labels": []}}
    first = google(8, labels=labels(team="nlp"), **where)
    kind = "METADATA_CORRECTION"
    return {
        "first": [first],
        "credit": [google(5, credits=[credit(-1.25), credit(-0.5, "PROMOTION")], **where)],
        "label change": [negated(kind, first), adjusted(kind, first, labels=labels(team="vision"))],
        "late row": [google(2.5, invoice={"month": "202610"}, **where)],
    }


ORDERS = list(permutations(["credit", "label change", "late row"]))


def test_a_credit_a_label_change_and_a_late_row_in_any_order_come_to_one_result(tmp_path: Path) -> None:
    """Six projects that only differ in the order in which these came, over three loads."""
    house = House(tmp_path, SOURCE)
    for step in range(3):
        for number, order in enumerate(ORDERS):
            happened = events(f"p-{number}")
            for event in ("first", order[0]) if step == 0 else (order[step],):
                day = DAYS[4 * number + list(happened).index(event)]
                write_lines(partition(house, day) / "part-0.jsonl", happened[event])
        house.ok()
    results = [
        {
            "charges": found(house, f"SELECT {OTHERS} FROM focus.charges WHERE SubAccountId = 'p-{number}'"),
            "known": found(house, f"SELECT * EXCLUDE (sub_account_id) {KNOWN} WHERE sub_account_id = 'p-{number}'"),
            "daily": found(
                house, f"SELECT * EXCLUDE (sub_account_id) FROM ({DAILY}) WHERE sub_account_id = 'p-{number}'"
            ),
        }
        for number in range(len(ORDERS))
    ]
    assert sum(results[0]["charges"].values()) == 5
    assert all(results[0].values())
    assert all(result == results[0] for result in results)
    # and it is the right one: by invoice month and team, for each of the six
    sums = "SELECT x_InvoiceMonth, x_Team, count(*), sum(BilledCost) FROM focus.charges GROUP BY ALL ORDER BY ALL"
    assert house.sql(sums) == [
        ("2026-09", "nlp", 6 * 2, Decimal(0)),
        ("2026-09", "vision", 6, 6 * Decimal(8)),
        ("2026-09", None, 6, 6 * Decimal("3.25")),
        ("2026-10", None, 6, 6 * Decimal("2.5")),
    ]
