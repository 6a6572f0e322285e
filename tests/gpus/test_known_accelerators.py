"""A type on the bill that looks accelerated is in the catalogue, or reported with its charges: never zero."""

from __future__ import annotations

from decimal import Decimal
from pathlib import Path

import pytest

from finops.gpus import catalogue
from finops.models import model
from tests.sources.house import House, cur, focus, manifest, write_csv

TYPES = (
    "p4d.24xlarge",
    "ml.p4d.24xlarge",
    "ml.p4d.24xlarge-Training",
    "ML.G5.12xlarge-Hosting",
    "ml.p6-b200.48xlarge-Cluster",
    "g6f.large",
    "g4dn.metal",
    "a4x-maxgpu-4g-metal",
    "p9.large",
    "ml.p9.large",
    "ml.p9.large-Notebook",
    "trn4u.48xlarge",
    "u-p6e-gb200x72",
    "m5.large",
    "ml.m5.large-Notebook",
    "f2.48xlarge",
    "vt1.24xlarge",
    "u-6tb1.metal",
)


def known_accelerators(house: House) -> dict[str, int]:
    """Charges by type, as the check reports them."""
    rows = house.sql(model("quality.known_accelerators").sql)
    assert {expected for _, expected, _ in rows} <= {0}
    return {scope: actual for scope, _, actual in rows}


@pytest.fixture
def house(tmp_path: Path) -> House:
    """Three hours of each type on a bill, and one of a commitment that stood unused."""
    house = House(tmp_path, {"name": "a", "kind": "focus-files", "uri": "bills"})
    hours = {"ConsumedQuantity": "3", "ConsumedUnit": "Hours"}
    rows = [focus(SkuPriceDetails=f'{{"InstanceType": "{each}"}}', **hours) for each in TYPES]
    unused = {"CommitmentDiscountStatus": "Unused", "CommitmentDiscountId": "c"}
    rows.append(focus(SkuPriceDetails='{"InstanceType": "p8.large"}', **hours, **unused))
    write_csv(tmp_path / "bills" / "a.csv", [*rows, rows[TYPES.index("p9.large")]])
    return house.ok()


def test_hours_are_those_of_the_catalogue(house: House) -> None:
    found = house.sql("SELECT DISTINCT SkuPriceDetails['InstanceType'], x_GpuHours FROM focus.charges")
    expected = {each: catalogue.lookup(each) for each in TYPES}
    assert {name: hours for name, hours in found if name in expected} == {
        name: 3 * known.count if known else None for name, known in expected.items()
    }
    assert sum(1 for known in expected.values() if known) == 8


def test_what_looks_accelerated_and_is_not_known_is_reported_with_its_charges(house: House) -> None:
    """And nothing else: neither known types, nor FPGAs, nor hours that nobody used."""
    assert known_accelerators(house) == {
        "p9.large": 2,
        "ml.p9.large": 1,
        "ml.p9.large-notebook": 1,
        "trn4u.48xlarge": 1,
        "u-p6e-gb200x72": 1,
    }


def test_the_check_and_the_library_look_alike(house: House) -> None:
    assert set(known_accelerators(house)) == {each.lower() for each in TYPES if catalogue.is_accelerated_looking(each)}


def test_it_is_so_on_a_bill_of_aws_too(tmp_path: Path) -> None:
    house = House(tmp_path, {"name": "a", "kind": "aws-cur2", "uri": ".", "export": "ml"})

    def used(usage_type: str) -> dict[str, object]:
        product = "AmazonSageMaker" if ":ml." in usage_type else "AmazonEC2"
        hours = {"line_item_usage_amount": "2", "pricing_unit": "Hrs", "line_item_product_code": product}
        return cur(cost="5", line_item_usage_type=usage_type, **hours)

    rows = [used("BoxUsage:p9.large"), used("USE1-Train:ml.p4d.24xlarge"), used("EU-BoxUsage:m5.large")]
    data = write_csv(tmp_path / "ml/data/BILLING_PERIOD=2026-09/ml-00001.csv.gz", rows)
    manifest(tmp_path, [data])
    house.ok()
    assert known_accelerators(house) == {"p9.large": 1}
    hours = house.sql("SELECT x_GpuHours FROM focus.charges WHERE x_GpuHours IS NOT NULL")
    assert hours == [(Decimal(2 * 8),)]
