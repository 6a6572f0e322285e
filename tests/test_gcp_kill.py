"""A run that is killed, at fifty points of its course: what it was replacing is there in its old version or its new.

The points are steps, not moments: every statement to the database, every file that is written, renamed or brought
down to the disk. An undisturbed run shows them all; each of the others dies right before one, or in the middle of it.
"""

from __future__ import annotations

import shutil
import signal
from collections import Counter, defaultdict
from collections.abc import Callable, Iterator, Sequence
from decimal import Decimal
from pathlib import Path

import pytest

from tests.killing import PUBLISHED, WORK, Run, Step, configured, is_made_good, opened, runs, steps
from tests.sources.house import google, write_lines

REPLACED = "_PARTITIONDATE=2026-09-02"
OLD = [Decimal(2)] * 3
NEW = [Decimal("2.5")] * 4 + [Decimal(-1)]
OTHERS = {"_PARTITIONDATE=2026-09-01": [Decimal(1)] * 2, "_PARTITIONDATE=2026-09-03": [Decimal(4)]}


def deliver(folder: Path, costs: Sequence[Decimal]) -> None:
    """The partition that is replaced, with these charges."""
    write_lines(folder / "export" / REPLACED / "part-00000.jsonl", [google(str(cost)) for cost in costs])


def found(folder: Path, name: str) -> tuple[str, str]:
    """Which version of the partition a file holds, whole and nothing beside it, and what the file calls it."""
    with opened(folder, name) as con:
        rows = con.execute("SELECT x_SourceUnit, BilledCost FROM focus.charges").fetchall()
        versions = dict(con.execute("SELECT unit, version FROM ledger.units").fetchall())
        current = "SELECT unit, row_count, billed_total FROM ledger.loads WHERE status = 'current'"
        loads = {unit: (count, total) for unit, count, total in con.execute(current).fetchall()}
    costs: defaultdict[str, list[Decimal]] = defaultdict(list)
    for unit, cost in rows:
        costs[unit].append(cost)
    version = "old" if sorted(costs[REPLACED]) == sorted(OLD) else "new"
    expected = {**OTHERS, REPLACED: OLD if version == "old" else NEW}
    assert {unit: sorted(each) for unit, each in costs.items()} == {u: sorted(each) for u, each in expected.items()}
    assert loads == {unit: (len(each), sum(each)) for unit, each in expected.items()}
    return version, versions[REPLACED]


def points(seen: Sequence[tuple[Step, float]], count: int) -> list[tuple[Step, float | None]]:
    """Where to kill, in the order of a run; a number is the seconds that a run lives on from there."""
    taken = [step for step, _ in seen]

    def at(part: str, what: str) -> int:
        return [each for each, step in enumerate(taken) if step[0] == part and step[1].startswith(what)][-1]

    def some(part: str, number: int, first: int = 0, last: int = len(taken)) -> list[tuple[int, float]]:
        those = [each for each in range(first, last) if taken[each][0] == part]
        return [(those[each * len(those) // number], 0.0) for each in range(number)]

    def within(step: int, *parts: float) -> list[tuple[int, float]]:
        return [(step, part * (seen[step + 1][1] - seen[step][1])) for part in parts]

    begin, commit = taken.index(("transaction", "BEGIN", 1)), at("transaction", "COMMIT")
    delete, insert = at("transaction", "DELETE FROM part.gcp_export"), at("transaction", "INSERT INTO part.gcp_export")
    copy = at("publish", "open ")
    chosen = [
        *some("load", 4, 0, begin),
        *some("landing", 8, 0, begin),
        *some("transaction", 7, begin, delete + 1),
        *((step, 0.0) for step in range(delete + 1, insert + 1)),
        *within(insert, 0.25, 0.5, 0.75),
        *some("transaction", 8, insert + 1, commit),
        (commit, 0.0),
        *within(commit, 0.2, 0.5),
        (at("load", "SELECT DISTINCT u.source"), 0.0),
        (at("load", "SELECT DISTINCT billing_period"), 0.0),
        *within(at("load", "close"), 0.3, 0.7),
        *some("check", 1),
        *some("tell", 1),
        *within(at("publish", "CHECKPOINT"), 0.5),
        *within(copy, 0.5),  # its target is open, and half of it is copied
        *((step, 0.0) for step in range(len(taken) - 2, len(taken))),  # the rename, and what follows it
    ]
    chosen += some("build", count - len(chosen))
    return [(taken[step], after or None) for step, after in sorted(chosen)]


@pytest.fixture
def run() -> Iterator[Run]:
    with runs() as driven:
        yield driven


def test_a_run_killed_at_fifty_points_leaves_the_old_partition_or_the_new(
    tmp_path: Path, run: Run, record_property: Callable[[str, object], None]
) -> None:
    whole, before = tmp_path / "whole", tmp_path / "before"
    configured(whole, {"name": "gcp", "kind": "gcp-files", "uri": "export"})
    for unit, costs in OTHERS.items():
        write_lines(whole / "export" / unit / "part-00000.jsonl", [google(str(cost)) for cost in costs])
    deliver(whole, OLD)
    assert run(whole, None, None) == 0
    deliver(whole, NEW)
    shutil.copytree(whole, before)
    assert run(whole, None, None) == 0  # what nobody disturbs
    versions = {found(before, WORK), found(whole, WORK)}
    assert {version for version, _ in versions} == {"old", "new"}
    killed = points(steps(whole), 50)
    assert len(set(killed)) == 50
    kept: Counter[tuple[str, str, str]] = Counter()
    stamp, published = (0, 0), ("", "")
    folder = tmp_path / "0"
    shutil.copytree(before, folder)
    for number, (step, after) in enumerate(killed):
        if step[0] in {"landing", "transaction"} and found(folder, WORK)[0] == "new":
            is_made_good(folder, whole, run)
            folder = tmp_path / str(number)
            shutil.copytree(before, folder)
        assert run(folder, step, after) == -signal.SIGKILL, step
        stat = (folder / "home" / PUBLISHED).stat()
        if stamp != (stat.st_ino, stat.st_mtime_ns):  # nothing writes into it: it becomes another file
            stamp, published = (stat.st_ino, stat.st_mtime_ns), found(folder, PUBLISHED)
        work = found(folder, WORK)
        assert {work, published} <= versions, step
        kept[step[0], work[0], published[0]] += 1
    is_made_good(folder, whole, run)

    assert kept.total() == 50
    old = sum(count for (_, _, shown), count in kept.items() if shown == "old")
    record_property("shown", f"50 of 50 points: {old} leave the old partition published, {50 - old} the new")
    assert kept["transaction", "old", "old"] >= 20
    assert kept["load", "new", "old"] >= 4  # committed, and not published
    assert kept["publish", "new", "new"] >= 1
    assert {part for part, *_ in kept} == {"load", "landing", "transaction", "build", "check", "tell", "publish"}
    assert not [each for each in kept if each[1:] == ("old", "new")]
