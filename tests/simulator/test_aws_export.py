"""The simulated AWS exports against the rules by which AWS bills, read back from the files alone."""

from __future__ import annotations

import json
from collections import defaultdict
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from finops.simulator import aws_export
from finops.simulator.company import Payer, nimbus
from finops.simulator.fleet import build
from finops.simulator.timeline import timeline
from finops.simulator.truth import Written

UNTIL = date(2026, 10, 21)
COMPANY = nimbus()
LINE_TYPES = {
    "Usage", "DiscountedUsage", "SavingsPlanCoveredUsage", "SavingsPlanNegation", "SavingsPlanRecurringFee",
    "SavingsPlanUpfrontFee", "RIFee", "Fee", "Credit", "Refund", "Tax", "EdpDiscount", "PrivateRateDiscount",
    "BundledDiscount", "Discount",
}  # fmt: skip
Sums = defaultdict[tuple[str, str, str], list[Decimal]]
NET_DISCOUNTS = {"EdpDiscount", "PrivateRateDiscount", "BundledDiscount"}


@dataclass(frozen=True)
class Exports:
    out: Path
    written: Written


def write(out: Path, months: int, scale: float = 1.0, seed: int = 7) -> Exports:
    line = timeline(months, UNTIL)
    return Exports(out, aws_export.write(out, COMPANY, build(seed, line), line, seed, scale))


@pytest.fixture(scope="module")
def exports(tmp_path_factory: pytest.TempPathFactory) -> Exports:
    return write(tmp_path_factory.mktemp("aws"), months=2)


def export_folder(out: Path, payer: Payer) -> Path:
    return out / payer.folder / "cur2" / payer.export


def manifests(out: Path, payer: Payer) -> dict[str, dict[str, Any]]:
    """The current manifest of each period."""
    found = sorted(export_folder(out, payer).glob("metadata/BILLING_PERIOD=*/*-Manifest.json"))
    return {path.parent.name.partition("=")[2]: json.loads(path.read_text()) for path in found}


def listed_files(out: Path, payer: Payer, manifest: dict[str, Any]) -> list[Path]:
    return [out / payer.folder / uri.split("/", 3)[3] for uri in manifest["dataFiles"]]


def rows(out: Path, payer: Payer, period: str) -> pa.Table:
    files = listed_files(out, payer, manifests(out, payer)[period])
    return pa.concat_tables([pq.read_table(f) for f in files])


Rows = list[tuple[Payer, str, dict[str, Any]]]


@pytest.fixture(scope="module")
def found(exports: Exports) -> Rows:
    return [
        (payer, period, row)
        for payer in COMPANY.payers
        for period in manifests(exports.out, payer)
        for row in rows(exports.out, payer, period).to_pylist()
    ]


def exact(row: dict[str, Any], column: str) -> Decimal:
    return Decimal(repr(row.get(column) or 0.0))


def by_the_table(row: dict[str, Any], net: bool) -> tuple[Decimal, Decimal] | None:
    """Billed and effective cost of a raw row, its unused part included; None where it is no charge."""
    kind, b = row["line_item_line_item_type"], "net_" if net else ""
    cost = exact(row, f"line_item_{b}unblended_cost")
    if row["line_item_operation"] == "EKSPod-EC2" or kind == "SavingsPlanNegation":
        return None
    if kind in NET_DISCOUNTS and net:
        return None
    if kind == "DiscountedUsage":
        return Decimal(0), exact(row, f"reservation_{b}effective_cost")
    if kind == "SavingsPlanCoveredUsage":
        return Decimal(0), exact(row, f"savings_plan_{b}savings_plan_effective_cost")
    if kind == "SavingsPlanRecurringFee":
        used = exact(row, "savings_plan_used_commitment")
        return cost, exact(row, "savings_plan_total_commitment_to_date") - used
    if kind == "RIFee":
        upfront = exact(row, f"reservation_{b}unused_amortized_upfront_fee_for_billing_period")
        return cost, upfront + exact(row, f"reservation_{b}unused_recurring_fee")
    reserved = bool(row["reservation_reservation_a_r_n"])
    if kind == "SavingsPlanUpfrontFee" or (kind in ("Fee", "Refund") and reserved):
        return cost, Decimal(0)
    return cost, cost


def test_truth_is_what_the_files_add_up_to(exports: Exports, found: Rows) -> None:
    expected: Sums = defaultdict(lambda: [Decimal(0), Decimal(0)])
    for payer, period, row in found:
        costs = by_the_table(row, payer.net)
        if costs:
            key = (payer.source, period, row["line_item_usage_account_id"])
            expected[key] = [a + b for a, b in zip(expected[key], costs, strict=True)]
    actual: Sums = defaultdict(lambda: [Decimal(0), Decimal(0)])
    for row in exports.written.charges.to_pylist():
        key = (row["source"], row["billing_period"], row["account"])
        actual[key] = [a + row[c] for a, c in zip(actual[key], ("billed_cost", "effective_cost"), strict=True)]
    assert actual == expected


def test_every_line_type_occurs(found: Rows) -> None:
    assert {row["line_item_line_item_type"] for _, _, row in found} == LINE_TYPES


def test_the_bill_has_the_hard_cases(found: Rows) -> None:
    usage_types = {row["line_item_usage_type"] or "" for _, _, row in found}
    kinds = (
        "RStudio", "Studio", "Notebk", "Labeled", "Host", "Canvas", "Processing", "TrainWarmPool",
        "Train", "TrSpt", "Tsform", "AsyncInf", "Data-Bytes", "Cluster", "Autopilot", "MLflow",
        "VolumeUsage", "FeatureStore", "DataWrangler", "FreeMonitor", "CapacityBlockFee",
        "SpotUsage", "input-tokens", "output-tokens", "cache-read", "cache-write",
    )  # fmt: skip
    assert [k for k in kinds if not any(k in u for u in usage_types)] == []
    assert any(row["line_item_usage_account_id"].startswith("0") for _, _, row in found)
    assert any(row["bill_billing_entity"] == "AWS Marketplace" for _, _, row in found)
    assert any(dict(row["resource_tags"] or []).keys() >= {"user_team", "user_Team"} for _, _, row in found)
    assert {row["resource_tags"] is None for _, _, row in found} == {True, False}
    costs = [row["line_item_unblended_cost"] for _, _, row in found]
    assert 0 < min(c for c in costs if c > 0) <= 5e-7
    assert min(costs) < 0
    assert max(-Decimal(repr(c)).as_tuple().exponent for c in costs) <= 10


def test_negotiated_discounts_are_told_twice_but_add_up_once(found: Rows) -> None:
    """Σ unblended with the discount rows = Σ net unblended, to the last digit."""
    research = [row for payer, _, row in found if payer.net]
    unblended = sum((exact(row, "line_item_unblended_cost") for row in research), Decimal(0))
    net = sum((exact(row, "line_item_net_unblended_cost") for row in research), Decimal(0))
    assert unblended == net


def test_negation_cancels_what_a_plan_covers(found: Rows) -> None:
    total = Decimal(0)
    for _, _, row in found:
        if row["line_item_line_item_type"] in ("SavingsPlanCoveredUsage", "SavingsPlanNegation"):
            total += exact(row, "line_item_unblended_cost")
    assert total == 0


def test_only_the_payer_with_a_discount_has_net_columns(exports: Exports) -> None:
    for payer in COMPANY.payers:
        names = rows(exports.out, payer, "2026-09").schema.names
        assert any("_net_" in name for name in names) is payer.net
        declared = [column["name"] for column in manifests(exports.out, payer)["2026-09"]["columns"]]
        assert declared == names


def test_manifests_list_exactly_the_current_files(exports: Exports) -> None:
    superseded: list[Path] = []
    for payer in COMPANY.payers:
        folder = export_folder(exports.out, payer)
        current = manifests(exports.out, payer).values()
        listed = [path for manifest in current for path in listed_files(exports.out, payer, manifest)]
        assert all(f.is_file() for f in listed)
        superseded += sorted(set(folder.glob("data/**/*.parquet")) - set(listed))
    assert {f.parents[1].name for f in superseded} == {"BILLING_PERIOD=2026-09"}
    assert len({f.parent for f in superseded}) == 1


def test_the_superseded_execution_is_the_restatement(exports: Exports) -> None:
    payer = COMPANY.payer("aws-research")
    folder = export_folder(exports.out, payer)
    current = manifests(exports.out, payer)["2026-09"]
    runs = sorted(folder.glob("metadata/BILLING_PERIOD=2026-09/*/*-Manifest.json"))
    documents = [json.loads(path.read_text()) for path in runs]
    assert [d["executionId"] == current["executionId"] for d in documents] == [False, True]
    billed: list[Decimal] = []
    for document in documents:
        table = pa.concat_tables([pq.read_table(f) for f in listed_files(exports.out, payer, document)])
        costs = [by_the_table(row, payer.net) for row in table.to_pylist()]
        billed.append(sum((c[0] for c in costs if c), Decimal(0)))
    assert exports.written.restatements.to_pylist() == [
        {
            "source": "aws-research",
            "billing_period": "2026-09",
            "first_billed": billed[0],
            "final_billed": billed[1],
        }
    ]


def test_instance_hours_are_the_instances_charges(exports: Exports, found: Rows) -> None:
    gpus = {i.resource_id: i.id for i in build(7, timeline(2, UNTIL)).instances if i.spec.source != "gcp-main"}
    expected: defaultdict[str, Decimal] = defaultdict(Decimal)
    for payer, _, row in found:
        costs = by_the_table(row, payer.net)
        if costs and row["line_item_resource_id"] in gpus:
            expected[gpus[row["line_item_resource_id"]]] += costs[1]
    actual: defaultdict[str, Decimal] = defaultdict(Decimal)
    for row in exports.written.instance_hours.to_pylist():
        actual[row["instance_id"]] += row["effective_cost"]
    assert actual == expected


def test_months_do_not_disturb_each_other(exports: Exports, tmp_path: Path) -> None:
    longer = write(tmp_path, months=3)
    for payer in COMPANY.payers:
        for period in ("2026-09", "2026-10"):
            assert rows(longer.out, payer, period).equals(rows(exports.out, payer, period))


def test_scale_multiplies_rows_and_keeps_the_fleet(exports: Exports, tmp_path: Path) -> None:
    bigger = write(tmp_path, months=2, scale=4)
    assert bigger.written.rows > 1.5 * exports.written.rows
    assert bigger.written.instance_hours.equals(exports.written.instance_hours)


def test_another_seed_is_another_company(exports: Exports, tmp_path: Path) -> None:
    other = write(tmp_path, months=2, seed=8)
    assert not other.written.charges.equals(exports.written.charges)
