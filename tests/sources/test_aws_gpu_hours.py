"""Instance hours on AWS bills: which usage types are a machine's, how many hours, counted once.

The expected GPU-hours are hours × the GPUs of a type, from AWS's own pages (p4d.24xlarge 8 A100, g5.xlarge 1,
g5.12xlarge 4, g4dn.12xlarge 4, p5.48xlarge 8 H100, p3.2xlarge 1; a quarter of an L4 in g6f.2xlarge; the retired
p2.xlarge 1 K80).
"""

from __future__ import annotations

from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from .house import House, cur, legacy, write_csv

EC2, ML = "AmazonEC2", "AmazonSageMaker"

# usage type, product, pricing unit, the product's own instance type: type in SkuPriceDetails, GPU-hours of 2 hours
USAGE: dict[str, tuple[str, str, str, str | None, float | None]] = {
    "BoxUsage:p4d.24xlarge": (EC2, "Hrs", "p4d.24xlarge", "p4d.24xlarge", 16),
    "USW2-BoxUsage:p4d.24xlarge": (EC2, "Hrs", "", "p4d.24xlarge", 16),
    "USW2-BoxUsage:g6f.2xlarge": (EC2, "Hrs", "", "g6f.2xlarge", 0.5),
    "USW2-BoxUsage:p2.xlarge": (EC2, "Hrs", "", "p2.xlarge", 2),
    "EU-SpotUsage:g5.xlarge": (EC2, "Hours", "", "g5.xlarge", 2),
    "USE2-DedicatedUsage:g5.12xlarge": (EC2, "Hrs", "", "g5.12xlarge", 8),
    # of a dedicated host the instances count, not the host
    "USE2-HostBoxUsage:p3.2xlarge": (EC2, "Hrs", "", "p3.2xlarge", 2),
    "USE2-HostUsage:p3": (EC2, "Hrs", "p3", "p3", None),
    # of a capacity reservation the part that nobody uses: the rest runs as BoxUsage, and Reservation is both
    "USW2-UnusedBox:p5.48xlarge": (EC2, "Hrs", "", "p5.48xlarge", 16),
    "USW2-UnusedDed:p5.48xlarge": (EC2, "Hrs", "", "p5.48xlarge", 16),
    "USW2-Reservation:p5.48xlarge": (EC2, "Hrs", "p5.48xlarge", "p5.48xlarge", None),
    "USW2-DedicatedRes:p5.48xlarge": (EC2, "Hrs", "p5.48xlarge", "p5.48xlarge", None),
    # fees that come on top of a machine, by its type and by the hour
    "EBSOptimized:p3.2xlarge": (EC2, "Hrs", "p3.2xlarge", "p3.2xlarge", None),
    "USE1-BoxUsage:g5.xlarge": ("ElasticMapReduce", "Hrs", "g5.xlarge", "g5.xlarge", None),
    "USE1-EKS-Auto:g5.xlarge": ("AmazonEKS", "Hrs", "g5.xlarge", "g5.xlarge", None),
    "SoftwareUsage:p4d.24xlarge": ("6vmuv1opaque", "Hrs", "p4d.24xlarge", "p4d.24xlarge", None),
    "EBS:VolumeUsage.gp2": (EC2, "GB-Mo", "", None, None),
    "USE1-Train:ml.p4d.24xlarge": (ML, "Hrs", "ml.p4d.24xlarge-Training", "ml.p4d.24xlarge", 16),
    "EU-TrainWarmPool:ml.g5.xlarge": (ML, "Hrs", "", "ml.g5.xlarge", 2),
    "USE1-TrSpt:ml.g4dn.12xlarge": (ML, "Hrs", "", "ml.g4dn.12xlarge", 8),
    "USE1-Host:ml.g5.12xlarge": (ML, "Hrs", "ml.g5.12xlarge-Hosting", "ml.g5.12xlarge", 8),
    "USE1-AsyncInf:ml.g5.xlarge": (ML, "Hrs", "", "ml.g5.xlarge", 2),
    "USE1-Tsform:ml.p3.2xlarge": (ML, "Hrs", "", "ml.p3.2xlarge", 2),
    "USE1-Processing:ml.p3.2xlarge": (ML, "Hrs", "", "ml.p3.2xlarge", 2),
    "USE1-Notebk:ml.g5.xlarge": (ML, "Hrs", "", "ml.g5.xlarge", 2),
    "USE1-Studio:JupyterLab-ml.g5.xlarge": (ML, "Hrs", "", "ml.g5.xlarge", 2),
    "USE1-Studio:KernelGateway-ml.g5.xlarge": (ML, "Hrs", "", "ml.g5.xlarge", 2),
    "USE1-RStudio:RSessionGateway-ml.g5.xlarge": (ML, "Hrs", "", "ml.g5.xlarge", 2),
    "USE1-Cluster:ml.g5.12xlarge": (ML, "Hrs", "ml.g5.12xlarge-Cluster", "ml.g5.12xlarge", 8),
    "USE1-ReservedCluster:ml.p5.48xlarge": (ML, "Hrs", "", "ml.p5.48xlarge", 16),
    "USE1-Autopilot:ml.g5.xlarge": (ML, "Hrs", "", "ml.g5.xlarge", 2),
    "USE1-DataWrangler:ml.g5.xlarge": (ML, "Hrs", "", "ml.g5.xlarge", 2),
    "USE1-Host:ml.m5.large": (ML, "Hrs", "", "ml.m5.large", None),
    "USE1-Host:VolumeUsage.gp2": (ML, "GB-Mo", "", None, None),
    # of another unit than hours it is not known how many hours they are
    "USE1-Train:ml.g5.xlarge": (ML, "Seconds", "", "ml.g5.xlarge", None),
}


def row(usage_type: str, kind: str = "Usage", **more: Any) -> dict[str, Any]:
    return cur(kind, "1", line_item_usage_type=usage_type, line_item_usage_amount="2", **more)


@pytest.fixture(scope="module")
def bill(tmp_path_factory: pytest.TempPathFactory) -> House:
    folder = tmp_path_factory.mktemp("bill")
    rows = [
        row(usage_type, line_item_product_code=code, pricing_unit=unit, product_instance_type=own)
        for usage_type, (code, unit, own, _, _) in USAGE.items()
    ]
    write_csv(folder / "report.csv", [legacy(each) for each in rows])
    return House(folder, {"name": "aws", "kind": "aws-cur1", "uri": "report.csv"}).ok()


def test_each_usage_type_has_its_instance_type_and_its_gpu_hours(bill: House) -> None:
    found = {
        usage_type: (instance_type, hours)
        for usage_type, instance_type, hours in bill.sql(
            "SELECT x_UsageType, SkuPriceDetails['InstanceType'], x_GpuHours FROM focus.charges"
        )
    }
    assert found == {
        usage_type: (kind, None if hours is None else Decimal(hours)) for usage_type, (*_, kind, hours) in USAGE.items()
    }


def test_hours_of_gpus_come_from_usage_alone(tmp_path: Path) -> None:
    """Covered usage counts; its negation, its fees, a discount, pods and a block's fee are no further hours."""
    box, arn = "BoxUsage:p4d.24xlarge", {"savings_plan_savings_plan_a_r_n": "arn:aws:savingsplans::1:savingsplan/s"}
    ri = {"reservation_reservation_a_r_n": "arn:aws:ec2:us-east-1:1:reserved-instances/r"}
    rows = [
        row(box),
        row(box, "SavingsPlanCoveredUsage", savings_plan_savings_plan_effective_cost="1", **arn),
        row(box, "SavingsPlanNegation", line_item_unblended_cost="-1", **arn),
        row(box, "DiscountedUsage", line_item_unblended_cost="0", reservation_effective_cost="1", **ri),
        row(box, "EdpDiscount", line_item_unblended_cost="-1"),
        row(box, line_item_operation="EKSPod-EC2"),
        row("HeavyUsage:p4d.24xlarge", "RIFee", reservation_unused_recurring_fee="1", **ri),
        row("HeavyUsage:p4d.24xlarge", "Fee", **ri),
        row("USE2-CapacityBlockFee:p5.48xlarge", "Fee"),
        row("USE2-CapacityBlockFee:p5.48xlarge", "Refund", line_item_unblended_cost="-1"),
    ]
    for each in rows:
        each.setdefault("pricing_unit", "Hrs")
    write_csv(tmp_path / "report.csv", [legacy(each) for each in rows])
    home = House(tmp_path, {"name": "aws", "kind": "aws-cur1", "uri": "report.csv"}).ok()
    assert home.sql(
        "SELECT x_SourceLineType, sum(x_GpuHours) FROM focus.charges WHERE x_GpuHours IS NOT NULL GROUP BY 1 ORDER BY 1"
    ) == [("DiscountedUsage", 16), ("SavingsPlanCoveredUsage", 16), ("Usage", 16)]


def test_fractions_of_gpus_and_retired_types_have_their_hours(tmp_path: Path) -> None:
    """From AWS's pages: an eighth of an L4 in g6f.large, half of one in gr6f.4xlarge; 16 K80, 4 K520."""
    expected = {"g6f.large": "0.125", "gr6f.4xlarge": "0.5", "p2.16xlarge": "16", "g2.8xlarge": "4"}
    rows = [
        cur(line_item_usage_type=f"BoxUsage:{kind}", line_item_usage_amount="1", pricing_unit="Hrs")
        for kind in expected
    ]
    write_csv(tmp_path / "report.csv", [legacy(row) for row in rows])
    house = House(tmp_path, {"name": "aws", "kind": "aws-cur1", "uri": "report.csv"}).ok()
    found = dict(house.sql("SELECT SkuPriceDetails['InstanceType'], x_GpuHours FROM focus.charges"))
    assert found == {kind: Decimal(hours) for kind, hours in expected.items()}
