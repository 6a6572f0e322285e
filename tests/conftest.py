"""The simulated company, loaded once for all tests of a run, through the same graph that users run."""

from __future__ import annotations

import fcntl
import shutil
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import duckdb
import pytest
from duckdb import DuckDBPyConnection

from dagster_project.launch import launch
from finops.config import Config, load_config
from finops.pipeline import RunReport
from finops.simulator import simulate

ROOT = Path(__file__).parent.parent


def run(config: Config, **only: tuple[str, ...]) -> RunReport:
    """What `finops run` does, without printing."""
    return launch(config, sources=only.get("sources", ()), periods=only.get("periods", ()), progress=lambda _: None)


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Show the figures that tests recorded as `shown`: they count what happened, besides passing."""
    for report in terminalreporter.getreports("passed") + terminalreporter.getreports("failed"):
        for name, text in report.user_properties:
            if name == "shown":
                terminalreporter.write_line(f"{report.nodeid}\n{text}")


@dataclass(frozen=True)
class Company:
    """A simulated company: its folder, its truth, and its published warehouse."""

    root: Path

    @property
    def config(self) -> Config:
        return load_config(self.root / "finops.yaml")

    @property
    def published(self) -> Path:
        return self.config.published

    def connect(self) -> DuckDBPyConnection:
        con = duckdb.connect(self.published, read_only=True)
        con.execute("SET TimeZone = 'UTC'")
        return con

    def truth(self, name: str) -> str:
        """A file of the truth, as SQL reads it; numbers in CSV stay text until they are cast exactly."""
        path = self.root / "truth" / name
        return f"read_csv('{path}', all_varchar=true)" if path.suffix == ".csv" else f"'{path}'"


def _once(folder: Path, make: Callable[[], object]) -> None:
    """Run `make` once over all worker processes of this test run."""
    folder.parent.mkdir(parents=True, exist_ok=True)
    with (folder.parent / f"{folder.name}.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        done = folder.parent / f"{folder.name}.done"
        if not done.exists():
            make()
            done.touch()


def _shared(factory: pytest.TempPathFactory, worker_id: str) -> Path:
    base = factory.getbasetemp()
    return base if worker_id == "master" else base.parent


@pytest.fixture(scope="session")
def company(tmp_path_factory: pytest.TempPathFactory, worker_id: str) -> Company:
    """Twelve months at scale 1, loaded. Shared: read it, never write to it."""
    root = _shared(tmp_path_factory, worker_id) / "company"

    def make() -> None:
        simulate(root)
        assert run(load_config(root / "finops.yaml")).failures == ()

    _once(root, make)
    return Company(root)


@pytest.fixture(scope="session")
def small_original(tmp_path_factory: pytest.TempPathFactory, worker_id: str) -> Path:
    root = _shared(tmp_path_factory, worker_id) / "small"
    _once(root, lambda: _make_small(root))
    return root


def _make_small(root: Path) -> None:
    simulate(root, months=2)
    # the bill and its tables are what these tests are about: a week of telemetry is enough
    for each in sorted((root / "gpu").iterdir())[7:]:
        each.unlink()
    assert run(load_config(root / "finops.yaml")).failures == ()


@pytest.fixture
def small(small_original: Path, tmp_path: Path) -> Company:
    """Two months with a week of telemetry, loaded: a copy of one's own."""
    root = tmp_path / "small"
    shutil.copytree(small_original, root, copy_function=shutil.copy2)
    return Company(root)


@pytest.fixture
def con(company: Company) -> Iterator[DuckDBPyConnection]:
    """The company's published warehouse."""
    with company.connect() as connection:
        yield connection
