"""A run that is killed at any point, again and again: the next one that is let alone ends as if none had been."""

from __future__ import annotations

import random
import shutil
import signal
from collections import Counter
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.killing import PUBLISHED, configured, content, is_made_good, opened, runs, steps
from tests.sources.house import cur, focus, google, write_csv, write_lines

POINTS = 100
AGAIN = 3
"""Runs in a row that are killed, the last of them at the point in question, before one is let alone."""
SOURCES = (
    {"name": "gcp", "kind": "gcp-files", "uri": "google"},
    {"name": "aws", "kind": "aws-cur1", "uri": "aws.csv"},
    {"name": "other", "kind": "focus-files", "uri": "focus"},
    {"name": "people", "kind": "cost-ledger", "uri": "people.csv"},
)


def deliver(folder: Path, more: int) -> None:
    """Bills of all kinds, in which `more` tells one delivery from the next: rows come, change and go."""
    for day in range(1, 4 + more):
        write_lines(
            folder / f"google/_PARTITIONDATE=2026-09-0{day}/part-0.jsonl", [google(str(day + more)), google("0")]
        )
    write_csv(folder / "aws.csv", [cur("Usage", str(3 + more)), cur("Tax", "0.5")])
    write_csv(folder / "focus/a.csv", [focus(str(each)) for each in range(4 - more)])
    person = {"start_date": "2026-09-01", "end_date": "2026-10-01", "amount": 300 + more, "currency": "USD"}
    write_csv(folder / "people.csv", [{**person, "category": "people", "description": "engineers"}])


@pytest.mark.conformance
def test_a_run_killed_at_a_hundred_random_points_ends_as_if_nobody_had(
    tmp_path: Path, record_property: Callable[[str, object], None]
) -> None:
    seed = random.SystemRandom().randrange(1 << 32)
    killed_in(tmp_path, POINTS, seed, record_property)


@pytest.mark.conformance
def test_a_run_killed_at_random_points_ends_as_if_nobody_had(
    tmp_path: Path, record_property: Callable[[str, object], None]
) -> None:
    """The same in small, at other points each day."""
    killed_in(tmp_path, 6, random.SystemRandom().randrange(1 << 32), record_property)


def killed_in(folder: Path, points: int, seed: int, record: Callable[[str, object], None]) -> None:
    """Kill at so many points; what fails is repeated with the seed that is shown."""
    record("shown", f"seed {seed}")
    chosen = random.Random(seed)
    whole, before = folder / "whole", folder / "before"
    configured(whole, *SOURCES)
    deliver(whole, 0)
    killed: Counter[str] = Counter()
    with runs() as run:
        assert run(whole, None, None) == 0
        old = content(whole, PUBLISHED)
        deliver(whole, 1)
        shutil.copytree(whole, before)
        assert run(whole, None, None) == 0
        new = content(whole, PUBLISHED)
        assert old != new
        seen = steps(whole)
        for number in range(points):
            home = folder / str(number)
            shutil.copytree(before, home)
            for time in range(AGAIN):
                at = chosen.randrange(len(seen) - 1)
                lasts = seen[at + 1][1] - seen[at][1]
                after = chosen.choice((None, chosen.random() * lasts))
                code = run(home, seen[at][0], after)  # 0: what an earlier one has done is not done again
                assert code in {0, -signal.SIGKILL}, (seed, number, seen[at])
                if time == 0:
                    assert code != 0, (seed, number, seen[at])
                    killed[seen[at][0][0]] += 1
                with opened(home, PUBLISHED) as con:  # and meanwhile people see the one or the other
                    shown = con.execute("SELECT * EXCLUDE (x_LoadId) FROM focus.charges ORDER BY ALL").fetchall()
                assert shown in (old[0], new[0]), (seed, number, seen[at])
            is_made_good(home, whole, run)
            shutil.rmtree(home)
    assert killed.total() == points
    record("shown", f"{points} of {points} random points, each after {AGAIN - 1} more, end as if nobody had killed")
