"""`finops run`: what it asks of the orchestrator, and what it says of the outcome."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from importlib.metadata import EntryPoint
from pathlib import Path
from typing import Any

import pytest

from finops.errors import CheckError
from finops.pipeline import RunReport

from .conftest import Finops

DONE = RunReport(
    units_new=3,
    units_unchanged=2,
    rows=12345,
    failures=(),
    published=True,
    published_at=datetime(2026, 10, 5, 6, 7, tzinfo=UTC),
    seconds=4.25,
)
NOTHING_NEW = replace(DONE, units_new=0, units_unchanged=14, rows=0, published=False)


@dataclass
class Orchestrator:
    """Stands where Dagster's launch stands; remembers what it was asked."""

    report: RunReport = DONE
    error: Exception | None = None
    asked: dict[str, Any] | None = None

    def __call__(self, config: Any, *, progress: Callable[[str], None], **asked: Any) -> RunReport:
        self.asked = {"config": config, **asked}
        progress("aws-main: fetching 2026-09")
        if self.error is not None:
            raise self.error
        return self.report


@pytest.fixture
def orchestrator(monkeypatch: pytest.MonkeyPatch) -> Orchestrator:
    found = Orchestrator()

    def entry_points(*, group: str, name: str) -> list[EntryPoint]:
        assert (group, name) == ("finops.orchestrator", "dagster")
        entry = EntryPoint(name, "nowhere:launch", group)
        monkeypatch.setattr(EntryPoint, "load", lambda _: found)
        return [entry]

    monkeypatch.setattr("finops.cli.run.entry_points", entry_points)
    return found


def test_a_run_ends_with_the_summary(finops: Finops, company: Path, orchestrator: Orchestrator) -> None:
    result = finops("run", "--config", company)
    assert result.code == 0
    assert result.stderr == "aws-main: fetching 2026-09\n"
    assert orchestrator.asked is not None
    assert orchestrator.asked["config"].path == company.resolve()
    assert (orchestrator.asked["sources"], orchestrator.asked["periods"]) == ((), ())
    for part in (
        "Data through 2026-10-04.",
        "Effective cost by stage and billing period, USD",
        f"The warehouse: {company.parent.resolve() / 'var' / 'finops.duckdb'}",
        "3 units loaded with 12,345 charges, 2 unchanged. Published 2026-10-05 06:07 UTC, after 4.2 s.",
        f"each with --config {company}",
    ):
        assert part in result.text


def test_sources_and_periods_are_passed_on(finops: Finops, company: Path, orchestrator: Orchestrator) -> None:
    some = ("--source", "people", "--source", "aws-main", "--period", "2026-08", "--period", "2026-09")
    assert finops("run", "--config", company, *some).code == 0
    assert orchestrator.asked is not None
    assert orchestrator.asked["sources"] == ("people", "aws-main")
    assert orchestrator.asked["periods"] == ("2026-08", "2026-09")


@pytest.mark.parametrize(
    ("arguments", "complaint"),
    [
        (
            ("--source", "aws-mian"),
            "there is no source 'aws-mian'. Where: --source. What to do: did you mean 'aws-main'?",
        ),
        (("--source", "zzz"), "known are: aws-main, people"),
        (("--period", "2026-9"), "'2026-9' is no month"),
    ],
)
def test_an_unknown_source_or_period_starts_nothing(
    arguments: tuple[str, ...], complaint: str, finops: Finops, company: Path, orchestrator: Orchestrator
) -> None:
    result = finops("run", "--config", company, *arguments)
    assert (result.code, result.stdout) == (2, b"")
    assert complaint in result.stderr
    assert orchestrator.asked is None


def test_failures_are_told_and_exit_1(finops: Finops, company: Path, orchestrator: Orchestrator) -> None:
    orchestrator.report = replace(DONE, failures=("S3 refused.\nWhere: \x1b[31ms3://x.", "Another."))
    result = finops("run", "--config", company)
    assert result.code == 1
    assert "Failed: S3 refused. Where: \\x1b[31ms3://x.\nFailed: Another.\n" in result.stderr
    assert "Data through 2026-10-04." in result.text


def test_nothing_new_is_said(finops: Finops, company: Path, orchestrator: Orchestrator) -> None:
    orchestrator.report = NOTHING_NEW
    wanted = (
        "Nothing new: 14 units unchanged, no ingest work done. The warehouse published 2026-10-05 06:07 UTC stands."
    )
    assert wanted in finops("run", "--config", company).text


def test_a_first_run_that_fails_has_no_summary(finops: Finops, unpublished: Path, orchestrator: Orchestrator) -> None:
    orchestrator.report = replace(NOTHING_NEW, units_unchanged=0, published_at=None, failures=("no.",))
    result = finops("run", "--config", unpublished)
    assert result.code == 1
    assert "Nothing is published." in result.text
    assert "Data through" not in result.text


def test_numbers_that_do_not_add_up_are_exit_1(finops: Finops, company: Path, orchestrator: Orchestrator) -> None:
    orchestrator.error = CheckError("the bill and the charges differ by 1 USD", remedy="see finops checks")
    result = finops("run", "--config", company)
    assert (result.code, result.stdout) == (1, b"")
    assert "Error: the bill and the charges differ by 1 USD. What to do: see finops checks." in result.stderr


def test_without_an_orchestrator_nothing_runs(finops: Finops, company: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("finops.cli.run.entry_points", lambda **_: [])
    result = finops("run", "--config", company)
    assert result.code == 2
    assert "no orchestrator is installed" in result.stderr


def test_the_orchestrator_is_an_entry_point() -> None:
    from importlib.metadata import entry_points

    assert len(entry_points(group="finops.orchestrator", name="dagster")) == 1
