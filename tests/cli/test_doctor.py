"""`finops doctor`: every fault is one line with its remedy, and hides no other."""

from __future__ import annotations

from pathlib import Path

import duckdb
import polars as pl
import pytest

from finops.sources.focus_files import FocusFiles

from .conftest import Finops

ROOT = Path(__file__).parents[2]
FOCUS = ROOT / "fixtures" / "real" / "focus_1.0_finops_sample_1000.csv"


@pytest.fixture
def healthy(tmp_path: Path) -> Path:
    """A configuration of which everything is there, but no run yet."""
    (tmp_path / "costs.csv").write_text(
        "start_date,end_date,amount,currency,category,description\n2026-10-01,2026-11-01,31,USD,people,x\n"
    )
    samples = pl.DataFrame({"timestamp": ["2026-10-01"], "gpu_id": ["g"], "instance_id": ["i"]})
    samples.with_columns(pl.col("timestamp").str.to_datetime()).write_parquet(tmp_path / "gpu.parquet")
    (tmp_path / "budgets.yaml").write_text(
        "budgets:\n  - {name: all, scope: {}, monthly: 10, currency: USD}\n", encoding="utf-8"
    )
    (tmp_path / "finops.yaml").write_text(
        f"""sources:
  - {{name: sample, kind: focus-files, uri: "{FOCUS.as_uri()}"}}
  - {{name: people, kind: cost-ledger, uri: costs.csv}}
telemetry:
  - {{name: fleet, kind: gpu-samples, uri: gpu.parquet}}
budgets: budgets.yaml
""",
        encoding="utf-8",
    )
    return tmp_path / "finops.yaml"


def findings(text: str) -> dict[str, str]:
    """Mark by subject."""
    lines = [line for line in text.splitlines() if line.startswith(("ok ", "failed "))]
    return {line.split(maxsplit=1)[1].partition(":")[0]: line.split()[0] for line in lines}


def test_all_is_well_before_the_first_run(finops: Finops, healthy: Path) -> None:
    result = finops("doctor", "--config", healthy)
    assert (result.code, result.stderr) == (0, "")
    assert set(findings(result.text).values()) == {"ok"}
    assert "source sample: 1 unit, the newest focus_1.0_finops_sample_1000.csv of 20" in result.text
    assert "budgets: 1 budget" in result.text
    assert "published warehouse: not there yet: finops run makes it" in result.text
    assert not (healthy.parent / "var").exists()


def test_a_published_warehouse_is_opened(finops: Finops, company: Path) -> None:
    text = finops("doctor", "--config", company).text
    assert "published warehouse: 8 charges, published 0." in text


def test_every_fault_is_named_with_its_remedy(finops: Finops, healthy: Path) -> None:
    folder = healthy.parent
    (folder / "costs.csv").unlink()
    (folder / "gpu.parquet").write_bytes(b"PAR1 cut short")
    (folder / "budgets.yaml").write_text("budgets:\n  - {nam: all}\n", encoding="utf-8")
    (folder / "var").mkdir()
    (folder / "var" / "finops.duckdb").write_bytes(b"no database")
    (folder / "var" / "work").mkdir()
    (folder / "var" / "work" / "finops.duckdb").write_bytes(b"no database")
    result = finops("doctor", "--config", healthy)
    assert result.code == 1
    failed = {subject for subject, mark in findings(result.text).items() if mark == "failed"}
    assert failed == {"source people", "telemetry fleet", "budgets", "published warehouse", "work file"}
    for line in result.text.splitlines():
        if line.startswith("failed"):
            assert "What to do: " in line
    assert "did you mean 'name'?" in result.text
    assert "5 failed" in result.text


def test_kinds_that_are_still_to_come_fail_with_a_way_out(finops: Finops, healthy: Path) -> None:
    text = healthy.read_text(encoding="utf-8")
    text = text.replace("telemetry:\n", "telemetry:\n  - {name: live, kind: prometheus, url: 'http://localhost:1'}\n")
    text = text.replace(
        "sources:\n", "sources:\n  - {name: bq, kind: gcp-bigquery, table: p.d.t, credentials_file: /nowhere}\n"
    )
    healthy.write_text(text, encoding="utf-8")
    result = finops("doctor", "--config", healthy)
    assert result.code == 1
    assert findings(result.text)["source bq"] == "failed"
    assert findings(result.text)["source sample"] == "ok"


def test_a_home_that_cannot_be_written_fails(finops: Finops, healthy: Path) -> None:
    (healthy.parent / "file").write_text("")
    healthy.write_text("home: file\n" + healthy.read_text(encoding="utf-8"), encoding="utf-8")
    result = finops("doctor", "--config", healthy)
    assert result.code == 1
    assert any(mark == "failed" for subject, mark in findings(result.text).items() if subject.startswith("home"))


def test_a_library_s_own_error_is_a_finding(finops: Finops, healthy: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def unreachable(_: FocusFiles) -> None:
        raise TimeoutError("no answer\nin 10 s")

    monkeypatch.setattr(FocusFiles, "discover", unreachable)
    result = finops("doctor", "--config", healthy)
    assert result.code == 1
    assert "source sample: TimeoutError: no answer in 10 s. What to do:" in result.text
    assert findings(result.text)["source people"] == "ok"


def test_what_the_bills_lack_of_focus_is_shown(finops: Finops, healthy: Path) -> None:
    (healthy.parent / "var").mkdir()
    with duckdb.connect(healthy.parent / "var" / "finops.duckdb") as con:
        con.execute(
            """CREATE SCHEMA focus; CREATE TABLE focus.lacking AS SELECT 'sample' AS source, 'a.csv' AS unit,
            'Oracle' AS provider_name, '1.0' AS focus_version, 'ContractedCost' AS column_name, true AS has_column,
            7 AS null_count, 1000 AS row_count"""
        )
    result = finops("doctor", "--config", healthy)
    assert "columns of sample: Oracle (FOCUS 1.0) lacks ContractedCost in 7 of 1,000 rows\n" in result.text
