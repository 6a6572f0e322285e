"""A bucket that nise writes: somebody else's idea of a legacy report, through the same graph.

nise (PyPI koku-nise) is licensed under the AGPL: it is run in an environment of its own, nothing of it is here.
"""

from __future__ import annotations

import csv
import gzip
import subprocess
from collections import Counter
from decimal import Decimal
from pathlib import Path

from finops.config import Config
from tests.conftest import run

from .independent import Sum, charges, csv_lines, reported
from .outside import installed
from .published import differing, left_out, loaded, published

NISE = "koku-nise==5.4.4"
WANTED = Path(__file__).with_name("nise.yaml")


def written(folder: Path) -> Path:
    """The report's folder in a bucket that nise wrote: two billing periods, the first in four files."""
    nise = installed(folder / "venv", "nise", NISE)
    (folder / "bucket").mkdir()
    (folder / "work").mkdir()
    command = [
        *(str(nise), "report", "aws", "-s", "2025-09-01", "-e", "2025-10-03", "-w"),
        *("--aws-finalize", "copy", "--file-row-limit", "2000", "--static-report-file", str(WANTED)),
        *("--aws-s3-bucket-name", str(folder / "bucket"), "--aws-s3-report-name", "r", "--aws-s3-report-prefix", "p"),
    ]
    done = subprocess.run(command, cwd=folder / "work", capture_output=True, text=True, timeout=240)
    assert done.returncode == 0, done.stderr[-2000:]
    root = folder / "bucket" / "p" / "r"
    # AWS writes the manifest last, nise first: in that order a reader must take the delivery for unfinished
    for manifest in root.rglob("*-Manifest.json"):
        manifest.touch()
    return root


def plain_sums(root: Path) -> dict[str, tuple[int, Decimal]]:
    """Per period the rows that are no negation, and Σ of the unblended cost of all rows.

    No rule of ours is in it: whatever is covered is cancelled by its negation, so the plain sum is the bill.
    """
    rows: Counter[str] = Counter()
    costs: dict[str, Decimal] = {}
    for path in sorted(root.rglob("*.csv.gz")):
        with gzip.open(path, "rt", encoding="utf-8", newline="") as file:
            for row in csv.DictReader(file):
                period = row["bill/BillingPeriodStartDate"][:7]
                rows[period] += row["lineItem/LineItemType"] != "SavingsPlanNegation"
                costs[period] = costs.get(period, Decimal(0)) + Decimal(row["lineItem/UnblendedCost"])
    return {period: (rows[period], costs[period]) for period in costs}


def test_a_bucket_that_nise_writes_is_what_its_files_come_to(tmp_path: Path) -> None:
    root = written(tmp_path)
    source = {"name": "nise", "kind": "aws-cur1", "uri": str(root.parent), "export": "r"}
    config = Config.model_validate({"home": "home", "sources": [source], "path": tmp_path / "finops.yaml"})
    assert run(config).failures == ()
    found = loaded(published(config), ["nise"])

    files = reported(root, "r")
    assert len(files) == 5
    expected, not_charged = charges(csv_lines(files))
    assert differing(expected, found) == []
    assert {key[:2] for key in found} == {("2025-09", "0123456789012"), ("2025-10", "0123456789012")}
    assert {key[4] for key in found} == {"Usage", "SavingsPlanCoveredUsage", "SavingsPlanUpfrontFee"}
    assert left_out(published(config)) == {"negation": not_charged["SavingsPlanNegation"]}

    def in_period(period: str) -> list[Sum]:
        return [each for key, each in found.items() if key[0] == period]

    assert plain_sums(root) == {
        period: (sum(each.rows for each in in_period(period)), sum(each.billed for each in in_period(period)))
        for period in ("2025-09", "2025-10")
    }
