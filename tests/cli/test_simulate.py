"""`finops simulate`: writes into an empty place, replaces only what an earlier simulation wrote."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from finops.cli.simulate import MARK
from finops.simulator import settings
from finops.simulator.company import nimbus

from .conftest import Finops


@dataclass(frozen=True)
class Report:
    rows: dict[str, int] = field(default_factory=lambda: {"aws": 1234, "gcp-main": 5})
    samples: int = 10
    budgets: int = 2
    files: int = 3
    seconds: float = 0.1


@pytest.fixture
def calls(monkeypatch: pytest.MonkeyPatch) -> list[dict[str, Any]]:
    """The simulator's calls; it writes a bill and its settings."""
    found: list[dict[str, Any]] = []

    def simulate(out: Path, *, progress: Any, **given: Any) -> Report:
        found.append({"out": out, **given})
        progress("AWS bills")
        (out / "aws").mkdir(parents=True)
        (out / "aws" / "bill").write_text(f"seed {given['seed']}")
        settings.write(out, nimbus())
        return Report()

    monkeypatch.setattr("finops.simulator.simulate", simulate)
    return found


def test_it_writes_what_was_asked(finops: Finops, tmp_path: Path, calls: list[dict[str, Any]]) -> None:
    out = tmp_path / "company"
    result = finops("simulate", "--out", out, "--seed", 3, "--months", 6, "--scale", 0.5)
    assert result.code == 0
    assert calls == [{"out": out, "seed": 3, "months": 6, "scale": 0.5}]
    assert "1,234 rows of aws, 5 rows of gcp-main; 10 GPU samples, 2 budgets." in result.text
    assert f"Next: finops run --config {out}/finops.yaml" in result.text
    assert result.stderr == "AWS bills\n"


def test_an_earlier_simulation_is_replaced_and_its_warehouse_kept(
    finops: Finops, tmp_path: Path, calls: list[dict[str, Any]]
) -> None:
    out = tmp_path / "company"
    assert finops("simulate", "--out", out, "--seed", 1).code == 0
    (out / "aws" / "old").write_text("gone")
    (out / "warehouse").mkdir()
    (out / "warehouse" / "finops.duckdb").write_text("kept")
    assert finops("simulate", "--out", out, "--seed", 2).code == 0
    assert (out / "aws" / "bill").read_text() == "seed 2"
    assert not (out / "aws" / "old").exists()
    assert (out / "warehouse" / "finops.duckdb").read_text() == "kept"
    assert [path.name for path in tmp_path.iterdir()] == ["company"]


@pytest.mark.parametrize("name", ["finops.yaml", "thesis.txt"])
def test_a_folder_with_anything_else_is_left_alone(
    name: str, finops: Finops, tmp_path: Path, calls: list[dict[str, Any]]
) -> None:
    (tmp_path / name).write_text("sources: []\n")
    result = finops("simulate", "--out", tmp_path)
    assert (result.code, result.stdout) == (2, b"")
    assert "not an earlier simulation" in result.stderr
    assert calls == []
    assert (tmp_path / name).read_text() == "sources: []\n"


@pytest.mark.parametrize("scale", ["0", "-1", "nan"])
def test_the_scale_is_above_zero(scale: str, finops: Finops, tmp_path: Path, calls: list[dict[str, Any]]) -> None:
    result = finops("simulate", "--out", tmp_path / "x", "--scale", scale)
    assert result.code == 2
    assert calls == []


def test_the_simulator_marks_its_settings(tmp_path: Path) -> None:
    settings.write(tmp_path, nimbus())
    assert MARK in (tmp_path / "finops.yaml").read_text(encoding="utf-8").splitlines()[0]
