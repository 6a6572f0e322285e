"""What bills say in their own way, and FOCUS in another: units, regions, types of resources."""

from __future__ import annotations

from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from finops.models import model
from tests.sources.house import House, cur, google, legacy, write_csv, write_lines


def of_aws(folder: Path, what: str, *rows: dict[str, Any]) -> list[tuple[Any, ...]]:
    write_csv(folder / "report.csv", [legacy(each) for each in rows])
    house = House(folder, {"name": "aws", "kind": "aws-cur1", "uri": "report.csv"}).ok()
    return house.sql(f"SELECT {what} FROM focus.charges ORDER BY BilledCost")


@pytest.mark.parametrize(
    ("written", "unit"),
    [
        ("Hrs", "Hours"),
        ("GB-Mo", "GB-Months"),
        ("Obj-Month", "Object-Months"),
        ("Lambda-GB-Second", "GB-Seconds"),
        ("1K tokens", "1000 Tokens"),
        ("Requests", "Requests"),
    ],
)
def test_aws_s_units(tmp_path: Path, written: str, unit: str) -> None:
    row = cur(pricing_unit=written, line_item_usage_amount="2")
    assert of_aws(tmp_path, "PricingUnit, ConsumedUnit, PricingQuantity", row) == [(unit, unit, 2)]


def test_a_fee_without_a_unit_is_counted_by_itself(tmp_path: Path) -> None:
    fee = cur("Fee", "10", line_item_usage_amount="1")
    assert of_aws(tmp_path, "ChargeCategory, PricingQuantity, PricingUnit", fee, cur("Fee", "20")) == [
        ("Purchase", 1, "Units"),
        ("Purchase", None, None),
    ]


def test_a_region_has_a_name_where_the_report_has_none(tmp_path: Path) -> None:
    rows = [
        cur(cost="1", product_region_code="eu-west-1"),
        cur(cost="2", product_region_code="eu-west-1", product_location="Somewhere"),
        cur(cost="3", product_region_code="xx-new-1"),
        cur(cost="4"),
    ]
    assert of_aws(tmp_path, "RegionId, RegionName", *rows) == [
        ("eu-west-1", "EU (Ireland)"),
        ("eu-west-1", "Somewhere"),
        ("xx-new-1", None),
        (None, None),
    ]


def test_a_resource_s_type_is_in_its_name(tmp_path: Path) -> None:
    names = [
        "arn:aws:rds:eu-west-1:333344445566:db:erp",
        "arn:aws:ec2:us-east-1:222233334444:capacity-reservation/cr-1",
        "arn:aws:s3:::bucket",
        "i-0123",
    ]
    rows = [cur(cost=str(place), line_item_resource_id=name) for place, name in enumerate(names)]
    rows.append(cur(cost="9", line_item_resource_id=names[0], product_product_family="Database Instance"))
    assert of_aws(tmp_path, "ResourceType", *rows) == [
        ("db",),
        ("capacity-reservation",),
        (None,),
        (None,),
        ("Database Instance",),
    ]


@pytest.mark.parametrize(("currency", "priced_in"), [("USD", "USD"), ("EUR", None)])
def test_a_row_without_a_price_is_in_dollars_where_the_bill_is(
    tmp_path: Path, currency: str, priced_in: str | None
) -> None:
    tax = cur("Tax", "1", line_item_currency_code=currency)
    assert of_aws(tmp_path, "PricingCurrency", tax) == [(priced_in,)]


@pytest.mark.parametrize(
    ("usage", "consumed", "pricing", "priced"),
    [
        ("byte-seconds", "B-Seconds", "gibibyte month", "GiB-Months"),
        ("byte-seconds", "B-Seconds", "tebibyte hour", "TiB-Hours"),
        ("bytes", "B", "gibibyte", "GiB"),
        ("seconds", "Seconds", "hour", "Hours"),
        ("requests", "requests", "count", "count"),
    ],
)
def test_google_s_units(tmp_path: Path, usage: str, consumed: str, pricing: str, priced: str) -> None:
    row = google(usage={"amount": "1", "unit": usage, "amount_in_pricing_units": "1", "pricing_unit": pricing})
    write_lines(tmp_path / "bill.json", [row])
    house = House(tmp_path, {"name": "gcp", "kind": "gcp-files", "uri": "bill.json"}).ok()
    assert house.sql("SELECT ConsumedUnit, PricingUnit FROM focus.charges") == [(consumed, priced)]


def test_a_tax_of_google_s_has_no_sku(tmp_path: Path) -> None:
    write_lines(tmp_path / "bill.json", [google("1", cost_type="tax"), google("2")])
    house = House(tmp_path, {"name": "gcp", "kind": "gcp-files", "uri": "bill.json"}).ok()
    found = house.sql("SELECT ChargeCategory, SkuId IS NULL, SkuPriceId IS NULL FROM focus.charges ORDER BY BilledCost")
    assert found == [("Tax", True, True), ("Usage", False, False)]


def test_a_large_bucket_s_months_can_be_added_up(tmp_path: Path) -> None:
    """A pebibyte for twelve months in byte-seconds, by its days: more than a sum of eighteen decimals can hold."""
    day = repr(float(2**50 * 86400))  # Google's amount is a double: its shortest form is what it says
    usage = {"amount": day, "unit": "byte-seconds", "amount_in_pricing_units": "1", "pricing_unit": "month"}
    write_lines(tmp_path / "bill.json", [google("1", usage=usage)] * 365)
    house = House(tmp_path, {"name": "gcp", "kind": "gcp-files", "uri": "bill.json"}).ok()
    for view in ("main.focus_data_table", "focus.charges_v1_4"):
        house.sql(f"CREATE VIEW {view} AS {model(view).sql}")
        assert house.sql(f"SELECT sum(ConsumedQuantity) FROM {view}") == [(365 * Decimal(day),)]
