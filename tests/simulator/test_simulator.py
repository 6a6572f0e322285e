"""The simulation as a whole: repeatable, self-contained, and true to its own totals."""

from __future__ import annotations

import ast
import csv
import hashlib
import os
import subprocess
import sys
from collections import Counter, defaultdict
from datetime import date
from decimal import Decimal
from pathlib import Path

import pyarrow.parquet as pq
import pytest
import yaml

import finops.simulator
from finops.errors import ConfigError
from finops.simulator import SimulationReport, simulate

TWO_MONTHS = "from pathlib import Path; from finops.simulator import simulate; simulate(Path({!r}), months=2)"
UNUSED = {"RIUnused", "SavingsPlanUnused"}


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, SimulationReport]:
    out = tmp_path_factory.mktemp("company") / "nimbus"
    return out, simulate(out, months=2)


def digests(out: Path) -> dict[str, str]:
    files = sorted(path for path in out.rglob("*") if path.is_file())
    return {f.relative_to(out).as_posix(): hashlib.sha256(f.read_bytes()).hexdigest() for f in files}


def test_the_same_arguments_give_the_same_bytes(made: tuple[Path, SimulationReport], tmp_path: Path) -> None:
    again = tmp_path / "again"
    environment = {**os.environ, "PYTHONHASHSEED": "1", "TZ": "Asia/Tokyo"}
    subprocess.run([sys.executable, "-c", TWO_MONTHS.format(str(again))], check=True, env=environment)
    assert digests(again) == digests(made[0])


def test_the_report_counts_what_was_written(made: tuple[Path, SimulationReport]) -> None:
    out, report = made
    assert report.files == len(digests(out))
    assert report.rows["aws"] == sum(pq.read_metadata(f).num_rows for f in out.glob("aws/**/*.parquet"))
    assert report.rows["gcp-main"] == sum(pq.read_metadata(f).num_rows for f in out.glob("gcp/**/*.parquet"))
    assert report.samples == sum(pq.read_metadata(f).num_rows for f in out.glob("gpu/**/*.parquet"))
    assert report.budgets == len(yaml.safe_load((out / "budgets.yaml").read_text())["budgets"])


def test_the_configuration_names_only_what_exists(made: tuple[Path, SimulationReport]) -> None:
    out, _ = made
    config = yaml.safe_load((out / "finops.yaml").read_text())
    assert [s["name"] for s in config["sources"]] == ["aws-main", "aws-research", "gcp-main", "people"]
    uris = [entry["uri"] for entry in (*config["sources"], *config["telemetry"])]
    exports = [f"{s['uri']}/{s['export']}/metadata" for s in config["sources"] if "export" in s]
    assert [p for p in (*uris, *exports, config["budgets"]) if not (out / p).exists()] == []


def test_month_totals_are_the_charges_summed(made: tuple[Path, SimulationReport]) -> None:
    truth = made[0] / "truth"
    zero = Decimal(0)
    sums: defaultdict[tuple[str, ...], list[Decimal]] = defaultdict(lambda: [zero, zero, zero])
    for row in pq.read_table(truth / "charges.parquet").to_pylist():
        payer, account = row["payer_or_billing_account"], row["account"] or ""
        counted = Decimal(row["line_type"] not in UNUSED)
        for key in (("payer", payer), ("account", account)):
            total = sums[row["source"], row["billing_period"], *key]
            total[:] = [total[0] + counted, total[1] + row["billed_cost"], total[2] + row["effective_cost"]]
    with (truth / "month_totals.csv").open() as file:
        listed = {
            (r["source"], r["billing_period"], r["level"], r["account"]): [
                Decimal(r[name]) for name in ("rows", "billed_cost", "effective_cost")
            ]
            for r in csv.DictReader(file)
        }
    assert listed == sums


def test_most_ml_spend_is_tagged_and_some_has_no_evidence(made: tuple[Path, SimulationReport]) -> None:
    spend: Counter[str] = Counter()
    for row in pq.read_table(made[0] / "truth" / "charges.parquet").to_pylist():
        if row["ml_stage"] != "not_ml" and row["source"] != "people":
            spend[row["evidence"]] += row["effective_cost"]
    share = {kind: float(amount / sum(spend.values())) for kind, amount in spend.items()}
    assert 0.6 < share["tag"] < 0.8
    assert 0.04 < share["none"] < 0.1


def test_it_refuses_to_mix_with_what_is_there(tmp_path: Path) -> None:
    (tmp_path / "mine.txt").write_text("keep")
    with pytest.raises(ConfigError, match="not empty"):
        simulate(tmp_path)
    assert (tmp_path / "mine.txt").read_text() == "keep"


@pytest.mark.parametrize("arguments", [{"months": 0}, {"scale": 0}, {"scale": -1.0}, {"scale": 1e6}])
def test_arguments_out_of_range_are_named(tmp_path: Path, arguments: dict[str, int]) -> None:
    with pytest.raises(ConfigError, match=next(iter(arguments))):
        simulate(tmp_path / "out", until=date(2026, 10, 21), **arguments)
    assert not (tmp_path / "out").exists()


def test_it_shares_no_code_with_what_it_judges() -> None:
    imported: set[str] = set()
    for path in Path(finops.simulator.__file__).parent.glob("*.py"):
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.ImportFrom) and node.module:
                imported.add(node.module)
            elif isinstance(node, ast.Import):
                imported.update(alias.name for alias in node.names)
    inside = {name for name in imported if name.split(".")[0] == "finops"}
    assert {n for n in inside if not n.startswith("finops.simulator")} == {"finops.errors"}
