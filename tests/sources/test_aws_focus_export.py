"""AWS's own export of FOCUS: real rows in the layout of a Data Export, with sums by an independent computation."""

from __future__ import annotations

import csv
from collections import Counter
from decimal import Decimal
from pathlib import Path

import pytest

from tests.conftest import ROOT

from .house import House, focus, manifest, write_csv

SAMPLE = ROOT / "fixtures/real/focus_1.0_finops_sample_1000.csv"
SOURCE = {"name": "aws", "kind": "aws-focus", "uri": "bucket", "export": "ml"}


def test_a_month_of_real_rows_in_an_export_is_what_its_text_comes_to(tmp_path: Path) -> None:
    """Two chunks under the lower-case key, as AWS's FOCUS exports have it."""
    with SAMPLE.open(encoding="utf-8", newline="") as file:
        rows = [row for row in csv.DictReader(file) if row["ProviderName"] == "AWS"]
    start = Counter(row["BillingPeriodStart"] for row in rows).most_common(1)[0][0]
    month = [row for row in rows if row["BillingPeriodStart"] == start]
    folder = tmp_path / "bucket/ml/data" / f"billing_period={start[:7]}"
    half = len(month) // 2
    files = [write_csv(folder / f"ml-{n}.csv.gz", part) for n, part in enumerate((month[:half], month[half:]))]
    manifest(tmp_path / "bucket", files, period=start[:7], key="billing_period")
    house = House(tmp_path, SOURCE).ok()
    expected: dict[tuple[str, str], list[Decimal]] = {}
    for row in month:
        sums = expected.setdefault((row["ServiceName"], row["ChargeCategory"]), [Decimal(0)] * 3)
        sums[:] = [sums[0] + 1, sums[1] + Decimal(row["BilledCost"]), sums[2] + Decimal(row["EffectiveCost"])]
    assert len(month) > 100
    query = "SELECT ServiceName, ChargeCategory, count(*), sum(BilledCost), sum(EffectiveCost) FROM focus.charges"
    assert {row[:2]: list(row[2:]) for row in house.sql(f"{query} GROUP BY ALL")} == expected


@pytest.mark.parametrize(
    ("usage_type", "details", "hours"),
    [
        # FOCUS 1.2 has the type in SkuPriceDetails, 1.0 in AWS's usage type alone; a p4d.24xlarge has 8 A100
        ("USW2-BoxUsage:p4d.24xlarge", "", 16),
        ("BoxUsage:p4d.24xlarge", '{"InstanceType": "p4d.24xlarge"}', 16),
        ("USE1-Train:ml.p4d.24xlarge", "", 16),
        ("HeavyUsage:p4d.24xlarge", "", None),
        ("EBSOptimized:p4d.24xlarge", "", None),
    ],
)
def test_gpu_hours_of_either_version(tmp_path: Path, usage_type: str, details: str, hours: int | None) -> None:
    row = focus("60", ProviderName="AWS", x_UsageType=usage_type, SkuPriceDetails=details)
    row |= {"ConsumedQuantity": "2", "ConsumedUnit": "Hours"}
    manifest(tmp_path / "bucket", [write_csv(tmp_path / "bucket/ml/data/BILLING_PERIOD=2026-09/ml-1.csv", [row])])
    house = House(tmp_path, SOURCE).ok()
    assert house.sql("SELECT x_GpuHours FROM focus.charges") == [(None if hours is None else Decimal(hours),)]
