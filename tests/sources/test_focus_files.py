"""FOCUS files of any version and provider."""

from __future__ import annotations

import csv
from decimal import Decimal
from pathlib import Path
from typing import Any

import polars as pl
import pytest

from finops.models import model
from finops.warehouse.failing import failing_sql
from tests.conftest import ROOT

from .house import House, focus, write_csv

SAMPLE = Path(__file__).parent / "samples" / "focus_spec_purchase_scenario_2.csv"


@pytest.fixture
def house(tmp_path: Path) -> House:
    return House(tmp_path, {"name": "other", "kind": "focus-files", "uri": "bills"})


def test_a_version_that_lacks_columns_and_a_later_one_with_its_own(tmp_path: Path, house: House) -> None:
    write_csv(tmp_path / "bills" / "1.0.csv", [focus("1")])
    later = focus("2", ServiceProviderName="New", HostProviderName="Host", AllocatedTags='{"a": "b"}', x_Own="kept out")
    del later["ProviderName"]
    write_csv(tmp_path / "bills" / "1.4.csv.gz", [later])
    house.ok()
    assert house.sql(
        "SELECT BilledCost, ProviderName, HostProviderName, AllocatedTags FROM focus.charges ORDER BY 1"
    ) == [
        (Decimal(1), "Other Cloud", None, None),
        (Decimal(2), "New", "Host", {"a": "b"}),
    ]


def test_null_text_is_null_and_naive_times_are_utc(tmp_path: Path, house: House) -> None:
    row = focus("1", ResourceId="NULL", Tags="NULL", ChargePeriodStart="2026-09-02 22:00:00")
    write_csv(tmp_path / "bills" / "a.csv", [row])
    house.ok()
    assert house.sql("SELECT ResourceId, Tags, strftime(ChargePeriodStart, '%d %H') FROM focus.charges") == [
        (None, None, "02 22")
    ]


def test_the_specification_s_example_with_an_impossible_time(tmp_path: Path, house: House) -> None:
    with SAMPLE.open(newline="") as file:
        rows: list[dict[str, Any]] = [{**focus(), **row} for row in csv.DictReader(file)]
    assert any("T30:00:00Z" in row["ChargePeriodEnd"] for row in rows)
    path = write_csv(tmp_path / "bills" / "a.csv", [focus("7")])
    house.ok()
    write_csv(path, rows)
    house.refused("2023-02-01T30:00:00Z", "a.csv")
    assert house.total() == 7


def test_a_file_with_other_columns(tmp_path: Path, house: House) -> None:
    (tmp_path / "bills").mkdir()
    (tmp_path / "bills" / "a.csv").write_bytes(SAMPLE.read_bytes())
    house.refused("other columns", "BillingAccountId")


@pytest.mark.parametrize("tags", ["{", "[1]", "text", '{"a": "1", "a": "2"}'])
def test_tags_that_are_no_mapping(tmp_path: Path, house: House, tags: str) -> None:
    write_csv(tmp_path / "bills" / "a.csv", [focus(Tags=tags)])
    house.refused("damaged", "a.csv")


def test_an_unknown_charge_category_is_named(tmp_path: Path, house: House) -> None:
    write_csv(tmp_path / "bills" / "a.csv", [focus(), focus("3", ChargeCategory="Gift")])
    house.refused("'Gift': 1 rows, sum 3")


def test_a_line_with_too_many_values(tmp_path: Path, house: House) -> None:
    path = write_csv(tmp_path / "bills" / "a.csv", [focus("1"), focus("2")])
    path.write_text(path.read_text() + "1,2,3\n" + ",".join(["x"] * 40) + "\n")
    house.refused("a.csv")


def test_a_quote_that_does_not_end(tmp_path: Path, house: House) -> None:
    path = write_csv(tmp_path / "bills" / "a.csv", [focus("1")])
    path.write_text(path.read_text() + '"never ends\n')
    house.refused("a.csv")


def test_a_file_that_is_not_utf8(tmp_path: Path, house: House) -> None:
    path = write_csv(tmp_path / "bills" / "a.csv", [focus("1", ResourceName="größe")])
    path.write_bytes(path.read_text().encode("latin-1"))
    house.refused("a.csv")


def test_a_bad_file_leaves_the_good_ones_of_its_batch(tmp_path: Path, house: House) -> None:
    for name, cost in [("a", "1"), ("b", "bad"), ("c", "4")]:
        write_csv(tmp_path / "bills" / f"{name}.csv", [focus(cost)])
    house.refused("b.csv", "bad")
    assert house.total() == 5


def test_one_file_as_the_uri(tmp_path: Path) -> None:
    path = write_csv(tmp_path / "only.csv", [focus("1")])
    source = {"name": "x", "kind": "focus-files", "uri": path.as_uri()}
    assert House(tmp_path, source).ok().total() == 1


LACKING = """SELECT provider_name, focus_version, column_name, has_column, null_count, row_count
FROM focus.lacking ORDER BY ALL"""


def test_what_a_real_file_lacks_is_told(tmp_path: Path) -> None:
    """The expected counts are of the file's text."""
    path = ROOT / "fixtures/real/focus_1.0_finops_sample_1000.csv"
    with path.open(newline="") as file:
        rows = list(csv.DictReader(file))
    of_oracle = [row for row in rows if row["ProviderName"] == "Oracle"]
    assert {row["ContractedCost"] for row in of_oracle} == {"NULL"}
    house = House(tmp_path, {"name": "other", "kind": "focus-files", "uri": str(path)}).ok()
    assert house.sql(LACKING) == [("Oracle", "1.0", "ContractedCost", True, len(of_oracle), len(of_oracle))]


NEW = {"ServiceProviderName": "New", "HostProviderName": "Host"}


@pytest.mark.parametrize(
    ("version", "more", "without", "lacks"),
    [
        ("1.0", {}, (), []),
        ("1.1", {"SkuMeter": "m"}, ("ListCost",), ["ListCost"]),
        ("1.2", {"InvoiceId": "i"}, ("PublisherName",), ["PublisherName"]),
        ("1.3", {"ContractApplied": "{}", "ServiceProviderName": "New"}, (), ["HostProviderName"]),
        ("1.4", {"InvoiceDetailId": "d", **NEW}, ("ProviderName", "PublisherName"), []),
    ],
)
def test_a_file_is_measured_by_its_own_version(
    tmp_path: Path, house: House, version: str, more: dict[str, str], without: tuple[str, ...], lacks: list[str]
) -> None:
    """Names in any case, times without seconds or zone, tags as JSON, columns of the provider's own: as Azure has."""
    row = focus(
        "1.5E-05", PublisherName="P", InvoiceIssuerName="I", BillingAccountName="", ChargeClass="",
        ChargeDescription="", PricingQuantity="1", PricingUnit="Hours", Tags='{"env": "prod"}', x_SkuMeterName="own",
        ChargePeriodStart="2026-09-02T00:00", BillingPeriodStart="2026-09-01T00:00Z", **more,
    )  # fmt: skip
    write_csv(tmp_path / "bills" / "a.csv", [{k.lower(): v for k, v in row.items() if k not in without}])
    house.ok()
    assert [(v, name, there) for _, v, name, there, _, _ in house.sql(LACKING)] == [
        (version, name, False) for name in lacks
    ]
    assert house.sql("SELECT BilledCost, Tags, strftime(ChargePeriodStart, '%d %H:%M') FROM focus.charges") == [
        (Decimal("0.000015"), {"env": "prod"}, "02 00:00")
    ]


def test_what_a_file_lacks_is_forgotten_with_it(tmp_path: Path, house: House) -> None:
    whole = {"PublisherName": "P", "InvoiceIssuerName": "I", "BillingAccountName": "", "ChargeClass": ""}
    whole |= {"ChargeDescription": "", "PricingQuantity": "", "PricingUnit": ""}
    path = write_csv(tmp_path / "bills" / "a.csv", [focus(**(whole | {"PublisherName": ""}))])
    write_csv(tmp_path / "bills" / "b.csv", [focus(**whole)])
    house.ok()
    assert [row[2:] for row in house.sql(LACKING)] == [("PublisherName", True, 1, 1)]
    path.unlink()
    house.ok()
    assert house.sql(LACKING) == []


OF_ORACLE = (
    *("AvailabilityZone", "BilledCost", "BillingAccountId", "BillingAccountName", "BillingCurrency"),
    *("BillingPeriodEnd", "BillingPeriodStart", "ChargeCategory", "ChargeDescription", "ChargeFrequency"),
    *("ChargePeriodEnd", "ChargePeriodStart", "ChargeSubcategory", "CommitmentDiscountCategory"),
    *("CommitmentDiscountId", "CommitmentDiscountName", "CommitmentDiscountType", "EffectiveCost", "InvoiceIssuer"),
    *("ListCost", "ListUnitPrice", "PricingCategory", "PricingQuantity", "PricingUnit", "Provider", "Publisher"),
    *("Region", "ResourceId", "ResourceName", "ResourceType", "ServiceCategory", "ServiceName", "SkuId", "SkuPriceId"),
    *("SubAccountId", "SubAccountName", "Tags", "UsageQuantity", "UsageUnit", "oci_ReferenceNumber"),
    *("oci_CompartmentId", "oci_CompartmentName", "oci_OverageFlag", "oci_UnitPriceOverage"),
    *("oci_BilledQuantityOverage", "oci_CostOverage", "oci_AttributedUsage", "oci_AttributedCost"),
    *("oci_BackReferenceNumber",),
)
"""The header of Oracle's cost reports in FOCUS 1.0-preview, as its documentation lists it."""


def of_oracle(cost: str, **more: str) -> dict[str, str]:
    row = dict.fromkeys(OF_ORACLE, "") | {
        name: value for name, value in focus(cost, EffectiveCost=cost).items() if name in OF_ORACLE
    }
    row |= {"Provider": "Oracle", "Publisher": "Oracle", "InvoiceIssuer": "Oracle", "Region": "us-ashburn-1"}
    row |= {"ChargePeriodStart": "2026-09-02T00:00Z", "ChargePeriodEnd": "2026-09-02T01:00Z"}
    row |= {"PricingCategory": "On-Demand", "UsageQuantity": "2", "UsageUnit": "OCPU HOURS", "BillingAccountId": "771"}
    return row | more


@pytest.mark.parametrize("suffix", [".csv", ".csv.gz"])
def test_oracle_exports_under_the_names_of_the_preview(tmp_path: Path, house: House, suffix: str) -> None:
    """What 1.0 made of the preview's columns and values: its changelog. Beside it lies a file of 1.0."""
    rows = [
        of_oracle("1.25", Tags='{"Oracle-Tags.CreatedBy": "x", "team": "nlp"}'),
        of_oracle("2", ChargeSubcategory="Used Commitment", PricingCategory="Commitment-Based"),
        of_oracle("4", ChargeSubcategory="Unused Commitment", PricingCategory="Commitment-Based"),
        of_oracle("-8", ChargeCategory="Adjustment", ChargeSubcategory="Credit", PricingCategory=""),
        of_oracle("-16", ChargeCategory="Adjustment", ChargeSubcategory="Refund", PricingCategory="Other"),
        of_oracle("32", ChargeCategory="Purchase", PricingCategory="Commitment-Based", UsageQuantity="", UsageUnit=""),
    ]
    write_csv(tmp_path / f"bills/oracle{suffix}", rows, OF_ORACLE)
    write_csv(tmp_path / "bills/other.csv", [focus("64", RegionId="x", ConsumedQuantity="3", ConsumedUnit="Hours")])
    house.ok()
    assert house.sql(
        """SELECT BilledCost, ProviderName, RegionId, ChargeCategory, CommitmentDiscountStatus, PricingCategory,
          ConsumedQuantity, ConsumedUnit FROM focus.charges ORDER BY abs(BilledCost)"""
    ) == [
        (Decimal("1.25"), "Oracle", "us-ashburn-1", "Usage", None, "Standard", 2, "OCPU HOURS"),
        (2, "Oracle", "us-ashburn-1", "Usage", "Used", "Committed", 2, "OCPU HOURS"),
        (4, "Oracle", "us-ashburn-1", "Usage", "Unused", "Committed", 2, "OCPU HOURS"),
        (-8, "Oracle", "us-ashburn-1", "Credit", None, None, 2, "OCPU HOURS"),
        (-16, "Oracle", "us-ashburn-1", "Adjustment", None, "Other", 2, "OCPU HOURS"),
        (32, "Oracle", "us-ashburn-1", "Purchase", None, "Standard", None, None),
        (64, "Other Cloud", "x", "Usage", None, None, 3, "Hours"),
    ]
    assert house.sql("SELECT DISTINCT PublisherName, InvoiceIssuerName FROM focus.charges WHERE BilledCost < 64") == [
        ("Oracle", "Oracle")
    ]
    assert house.sql("SELECT x_Team FROM focus.charges WHERE Tags IS NOT NULL") == [("nlp",)]
    assert [row[:4] for row in house.sql(LACKING) if row[0] == "Oracle"] == [
        ("Oracle", "1.0-preview", "ChargeClass", False),
        ("Oracle", "1.0-preview", "ContractedCost", False),
    ]


def test_the_preview_s_column_of_another_type_than_its_later_name(tmp_path: Path, house: House) -> None:
    """Files of both versions are read together: text beside binary fractions, and decimals beside them."""
    old = {name: value for name, value in of_oracle("1").items() if value}
    later = focus("2", ConsumedQuantity="12345678901234567.123456789", ConsumedUnit="Hours")
    (tmp_path / "bills").mkdir()
    pl.DataFrame([old | {"UsageQuantity": 0.1}]).write_parquet(tmp_path / "bills/old.parquet")
    pl.DataFrame([later]).write_parquet(tmp_path / "bills/later.parquet")
    house.ok()
    assert house.sql("SELECT BilledCost, ConsumedQuantity, ProviderName FROM focus.charges ORDER BY 1") == [
        (1, Decimal("0.1"), "Oracle"),
        (2, Decimal("12345678901234567.123456789"), "Other Cloud"),
    ]


def test_a_file_that_lies_there_twice_is_told(tmp_path: Path, house: House) -> None:
    bill = [focus("1.25"), focus("2")]
    write_csv(tmp_path / "bills/a.csv", bill)
    write_csv(tmp_path / "bills/a (1).csv", bill)
    write_csv(tmp_path / "bills/other.csv", [focus("1.25"), focus("3")])
    for day in (4, 5):  # the same use on another day
        of_day = {"ChargePeriodStart": f"2026-09-0{day}T00:00:00Z", "ChargePeriodEnd": f"2026-09-0{day + 1}T00:00:00Z"}
        write_csv(tmp_path / f"bills/day-{day}.csv", [focus("1.25", **of_day), focus("2", **of_day)])
    for each in ("licence.csv", "licence again.csv"):  # one row says nothing
        write_csv(tmp_path / "bills" / each, [focus("7")])
    house.ok()
    assert house.sql(model("quality.units_alike").sql) == [("other", 0, 2)]
    shown = house.sql(f"SELECT unit FROM ({failing_sql('units_alike')}) ORDER BY 1")
    assert shown == [("a (1).csv",), ("a.csv",)]
