"""FOCUS 1.2's rules on nulls and values, over a row of each line type that AWS bills.

The rules are the specification's sentences (its column pages at version 1.2); the table beside them is typed
by hand from the row that each line comes from.
"""

from __future__ import annotations

from collections.abc import Callable
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from .house import House, cur, legacy, write_csv

PLAN = {"savings_plan_savings_plan_a_r_n": "arn:aws:savingsplans::1:savingsplan/s"}
RI = {"reservation_reservation_a_r_n": "arn:aws:ec2:us-east-1:1:reserved-instances/r"}
BLOCK = "arn:aws:ec2:us-east-1:1:capacity-reservation/cr-1"
METERED = {
    "line_item_usage_amount": "2",
    "line_item_unblended_rate": "4",
    "pricing_public_on_demand_cost": "10",
    "pricing_public_on_demand_rate": "5",
}
DISCOUNTS = ("EdpDiscount", "PrivateRateDiscount", "BundledDiscount", "Discount", "RiVolumeDiscount")


def row(key: str, kind: str, cost: str, **more: Any) -> dict[str, Any]:
    """A row that fills what AWS fills on any line; the key travels in the description."""
    usual = {
        "line_item_line_item_description": key,
        "line_item_usage_type": "BoxUsage:p4d.24xlarge",
        "line_item_legal_entity": "Amazon Web Services, Inc.",
        "line_item_availability_zone": "us-east-1a",
        "line_item_resource_id": "i-1",
        "bill_invoicing_entity": "Amazon Web Services EMEA SARL",
        "bill_billing_entity": "AWS",
        "bill_invoice_id": "INV-1",
        "pricing_unit": "Hrs",
        "pricing_currency": "USD",
        "pricing_rate_code": "SKU1.OFFER.RATE",
        "pricing_rate_id": "77",
        "product_sku": "SKU1",
        "product_product_family": "Compute Instance",
        "product_product_name": "Amazon Elastic Compute Cloud",
        "product_region_code": "us-east-1",
        "product_location": "US East (N. Virginia)",
    }
    return cur(kind, cost, **(usual | more))


ROWS = [
    row("usage", "Usage", "8", **METERED),
    row("spot", "Usage", "3", **(METERED | {"line_item_usage_type": "SpotUsage:p4d.24xlarge"})),
    row("sp-used", "SavingsPlanCoveredUsage", "8", savings_plan_savings_plan_effective_cost="6", **METERED, **PLAN),
    row("sp-negation", "SavingsPlanNegation", "-8", **PLAN),
    row("sp-fee", "SavingsPlanRecurringFee", "9", line_item_usage_amount="1", line_item_unblended_rate="9",
        savings_plan_total_commitment_to_date="10", savings_plan_used_commitment="6",
        savings_plan_recurring_commitment_for_billing_period="9", **PLAN),
    row("sp-upfront", "SavingsPlanUpfrontFee", "80", line_item_usage_amount="1", line_item_unblended_rate="80", **PLAN),
    row("ri-used", "DiscountedUsage", "0", reservation_effective_cost="5", line_item_normalized_usage_amount="64",
        **(METERED | {"line_item_unblended_rate": "0"}), **RI),
    row("ri-fee", "RIFee", "360", line_item_usage_amount="720", line_item_unblended_rate="0.5",
        reservation_unused_recurring_fee="3", reservation_unused_quantity="7",
        reservation_unused_normalized_unit_quantity="224", reservation_total_reserved_units="720",
        reservation_total_reserved_normalized_units="23040", **RI),
    row("ri-upfront", "Fee", "50", line_item_usage_amount="1", line_item_unblended_rate="50",
        reservation_total_reserved_units="8760", **RI),
    row("fee", "Fee", "15", line_item_usage_amount="1", line_item_unblended_rate="15"),
    row("block", "Fee", "500", line_item_usage_amount="1", line_item_unblended_rate="500", line_item_resource_id=BLOCK,
        line_item_usage_type="USE1-CapacityBlockFee:p5.48xlarge"),
    row("block-refund", "Refund", "-50", line_item_resource_id=BLOCK,
        line_item_usage_type="USE1-CapacityBlockFee:p5.48xlarge"),
    row("odcr-used", "Usage", "8", capacity_reservation_capacity_reservation_arn=BLOCK,
        capacity_reservation_capacity_reservation_status="Used", **METERED),
    row("odcr-unused", "Usage", "8", line_item_resource_id=BLOCK,
        **(METERED | {"line_item_usage_type": "UnusedBox:p4d.24xlarge"})),
    row("odcr-restated", "Usage", "0", line_item_resource_id=BLOCK, capacity_reservation_capacity_reservation_arn=BLOCK,
        **(METERED | {"line_item_usage_type": "Reservation:p4d.24xlarge", "line_item_unblended_rate": "0"})),
    row("odcr-reserved", "Usage", "0", line_item_resource_id=BLOCK, capacity_reservation_capacity_reservation_arn=BLOCK,
        capacity_reservation_capacity_reservation_status="Reserved", **(METERED | {"line_item_unblended_rate": "0"})),
    row("credit", "Credit", "-3", line_item_resource_id=""),
    row("tax", "Tax", "1.1", line_item_resource_id=""),
    row("refund", "Refund", "-4"),
    *(row(kind, kind, "-0.5", **RI) for kind in DISCOUNTS),
]  # fmt: skip

COLUMNS = (
    *("ChargeFrequency", "PricingCategory", "CommitmentDiscountCategory", "CommitmentDiscountStatus"),
    *("CommitmentDiscountQuantity", "CommitmentDiscountUnit", "ConsumedQuantity", "PricingQuantity", "PricingUnit"),
    *("ListUnitPrice", "ContractedUnitPrice", "CapacityReservationStatus"),
)
NONE = (None,) * 3
EXPECTED: dict[tuple[str, bool], tuple[Any, ...]] = {
    ("usage", False): ("Usage-Based", "Standard", *NONE, None, 2, 2, "Hours", 5, 4, None),
    ("spot", False): ("Usage-Based", "Dynamic", *NONE, None, 2, 2, "Hours", 5, 4, None),
    ("sp-used", False): ("Usage-Based", "Committed", "Spend", "Used", 6, "USD", 2, 2, "Hours", 5, 4, None),
    ("sp-fee", False): ("Recurring", "Standard", "Spend", None, 9, "USD", None, 1, "Hours", 9, 9, None),
    ("sp-fee", True): ("Usage-Based", "Committed", "Spend", "Unused", 4, "USD", None, 4, "USD", 1, 1, None),
    ("sp-upfront", False): ("One-Time", "Standard", "Spend", None, 80, "USD", None, 1, "Hours", 80, 80, None),
    ("ri-used", False): (
        "Usage-Based",
        "Committed",
        "Usage",
        "Used",
        64,
        "Normalized Hours",
        2,
        2,
        "Hours",
        5,
        5,
        None,
    ),
    ("ri-fee", False): (
        *("Recurring", "Standard", "Usage", None, 23040, "Normalized Hours", None, 720, "Hours"),
        *(Decimal("0.5"), Decimal("0.5"), None),
    ),
    ("ri-fee", True): (
        *("Usage-Based", "Committed", "Usage", "Unused", 224, "Normalized Hours", None, 7, "Hours"),
        *(Decimal("0.4285714286"), Decimal("0.4285714286"), None),  # 3 / 7
    ),
    ("ri-upfront", False): ("One-Time", "Standard", "Usage", None, 8760, "Hours", None, 1, "Hours", 50, 50, None),
    ("fee", False): ("One-Time", "Standard", *NONE, None, None, 1, "Hours", 15, 15, None),
    ("block", False): ("One-Time", "Standard", *NONE, None, None, 1, "Hours", 500, 500, None),
    ("block-refund", False): ("One-Time", None, *NONE, *NONE, *NONE, None),
    ("odcr-used", False): ("Usage-Based", "Standard", *NONE, None, 2, 2, "Hours", 5, 4, "Used"),
    ("odcr-unused", False): ("Usage-Based", "Standard", *NONE, None, 2, 2, "Hours", 5, 4, "Unused"),
    ("odcr-restated", False): ("Usage-Based", "Standard", *NONE, None, 2, 2, "Hours", 5, 0, None),
    ("odcr-reserved", False): ("Usage-Based", "Standard", *NONE, None, 2, 2, "Hours", 5, 0, None),
    ("credit", False): ("One-Time", None, *NONE, *NONE, *NONE, None),
    ("tax", False): ("One-Time", None, *NONE, *NONE, *NONE, None),
    ("refund", False): ("One-Time", None, *NONE, *NONE, *NONE, None),
    **{(kind, False): ("Usage-Based", "Standard", *NONE, *NONE, *NONE, None) for kind in DISCOUNTS},
}

Row = dict[str, Any]


def null(*columns: str) -> Callable[[Row], bool]:
    return lambda row: all(row[column] is None for column in columns)


def given(*columns: str) -> Callable[[Row], bool]:
    return lambda row: all(row[column] is not None for column in columns)


def priced(row: Row) -> bool:
    """Usage or a purchase, but no discount on usage: AWS prices none of those, in its own FOCUS export neither."""
    return row["ChargeCategory"] in {"Usage", "Purchase"} and row["x_SourceLineType"] not in DISCOUNTS


def metered(row: Row) -> bool:
    return priced(row) and row["ChargeCategory"] == "Usage" and row["CommitmentDiscountStatus"] != "Unused"


STEP = Decimal("1e-10")  # AWS's own, of a price
OF_COMMITMENT = ("CommitmentDiscountCategory", "CommitmentDiscountType", "CommitmentDiscountStatus")
OF_PRICE = ("PricingCategory", "PricingQuantity", "ListUnitPrice", "ContractedUnitPrice", "SkuId", "SkuPriceId")
RULES: list[tuple[str, Callable[[Row], bool], Callable[[Row], bool]]] = [
    ("no tax is priced", lambda r: r["ChargeCategory"] == "Tax", null(*OF_PRICE, "SkuMeter")),
    ("usage and purchases have a pricing category", lambda r: r["ChargeCategory"] in {"Usage", "Purchase"},
     given("PricingCategory")),
    ("usage and purchases have a quantity, a SKU and prices", priced,
     given("PricingQuantity", "SkuId", "SkuPriceId", "ListUnitPrice", "ContractedUnitPrice")),
    ("a unit where there is a quantity", given("PricingQuantity"), given("PricingUnit")),
    ("no unit where there is no quantity", null("PricingQuantity"), null("PricingUnit")),
    ("usage is consumed", metered, given("ConsumedQuantity", "ConsumedUnit")),
    ("nothing else is", lambda r: not metered(r), null("ConsumedQuantity", "ConsumedUnit")),
    ("no commitment, nothing of one", null("CommitmentDiscountId"), null(*OF_COMMITMENT, "CommitmentDiscountQuantity")),
    ("a commitment has category and type", given("CommitmentDiscountId"), given(*OF_COMMITMENT[:2])),
    ("usage of one has a status", lambda r: bool(r["CommitmentDiscountId"]) and r["ChargeCategory"] == "Usage",
     given("CommitmentDiscountStatus")),
    ("usage and purchase of one have a quantity",
     lambda r: bool(r["CommitmentDiscountId"]) and r["ChargeCategory"] in {"Usage", "Purchase"},
     given("CommitmentDiscountQuantity")),
    ("a commitment's unit where it has a quantity", given("CommitmentDiscountQuantity"),
     given("CommitmentDiscountUnit")),
    ("and no unit where not", null("CommitmentDiscountQuantity"), null("CommitmentDiscountUnit")),
    ("only what a commitment covers is committed",
     lambda r: r["ChargeCategory"] != "Usage" or not r["CommitmentDiscountId"],
     lambda r: r["PricingCategory"] != "Committed"),
    ("no purchase is usage-based", lambda r: r["ChargeCategory"] == "Purchase",
     lambda r: r["ChargeFrequency"] in {"One-Time", "Recurring"}),
    ("the purchase of a commitment costs nothing in effect",
     lambda r: r["ChargeCategory"] == "Purchase" and bool(r["CommitmentDiscountId"]),
     lambda r: r["EffectiveCost"] == 0),
    ("no capacity reservation, no status of one", null("CapacityReservationId"), null("CapacityReservationStatus")),
    ("usage of a capacity reservation has a status",
     lambda r: bool(r["CapacityReservationId"]) and r["ChargeCategory"] == "Usage", given("CapacityReservationStatus")),
    ("no resource, no type of one", null("ResourceId"), null("ResourceType")),
    ("a resource has a type", given("ResourceId"), given("ResourceType")),
    ("price times quantity is the list cost", given("ListUnitPrice"),
     lambda r: abs(r["ListUnitPrice"] * r["PricingQuantity"] - r["ListCost"]) <= r["PricingQuantity"] * STEP / 2),
    ("no price is negative", given("ListUnitPrice"), lambda r: min(r["ListUnitPrice"], r["ContractedUnitPrice"]) >= 0),
    ("every row has its ends in order", lambda r: True, lambda r: r["ChargePeriodStart"] < r["ChargePeriodEnd"]),
    ("what no row lacks", lambda r: True,
     given("BilledCost", "EffectiveCost", "ListCost", "ContractedCost", "BillingAccountId", "BillingAccountType",
           "InvoiceIssuerName", "ProviderName", "PublisherName", "ServiceName", "ServiceCategory",
           "ServiceSubcategory", "ChargeFrequency", "PricingCurrency", "PricingCurrencyEffectiveCost",
           "SubAccountType", "RegionId", "RegionName", "InvoiceId", "AvailabilityZone")),
    ("nothing corrects an invoiced period", lambda r: True, null("ChargeClass", "CommitmentDiscountName")),
    ("another currency of prices is the bill's own here", given("ListUnitPrice"),
     lambda r: r["PricingCurrencyListUnitPrice"] == r["ListUnitPrice"]
     and r["PricingCurrencyContractedUnitPrice"] == r["ContractedUnitPrice"]
     and r["PricingCurrencyEffectiveCost"] == r["EffectiveCost"]),
    ("no text is empty", lambda r: True, lambda r: "" not in r.values()),
]  # fmt: skip


@pytest.fixture(scope="module")
def rows(tmp_path_factory: pytest.TempPathFactory) -> list[Row]:
    """The charges of the report, as dictionaries."""
    folder = tmp_path_factory.mktemp("bill")
    write_csv(folder / "report.csv", [legacy(each) for each in ROWS])
    home = House(folder, {"name": "aws", "kind": "aws-cur1", "uri": "report.csv"}).ok()
    names = [name for (name,) in home.sql("SELECT column_name FROM (DESCRIBE focus.charges)")]
    return [dict(zip(names, values, strict=True)) for values in home.sql("FROM focus.charges")]


def test_each_line_type_has_the_values_of_its_row(rows: list[Row]) -> None:
    found = {
        (row["ChargeDescription"], row["CommitmentDiscountStatus"] == "Unused"): tuple(row[c] for c in COLUMNS)
        for row in rows
    }
    assert found == EXPECTED


@pytest.mark.parametrize(("when", "then"), [rule[1:] for rule in RULES], ids=[rule[0] for rule in RULES])
def test_a_rule_of_the_specification_holds(
    rows: list[Row], when: Callable[[Row], bool], then: Callable[[Row], bool]
) -> None:
    meant = [row for row in rows if when(row)]
    assert meant, "the rule must have something to hold for"
    assert [(row["ChargeDescription"], row["CommitmentDiscountStatus"]) for row in meant if not then(row)] == []


def test_an_ordinary_row_fills_the_columns_that_it_can(rows: list[Row]) -> None:
    expected = {
        "AvailabilityZone": "us-east-1a",
        "BillingAccountId": "000011112222",
        "BillingCurrency": "USD",
        "HostProviderName": "AWS",
        "InvoiceId": "INV-1",
        "InvoiceIssuerName": "Amazon Web Services EMEA SARL",
        "ProviderName": "AWS",
        "PublisherName": "Amazon Web Services, Inc.",
        "RegionId": "us-east-1",
        "RegionName": "US East (N. Virginia)",
        "ResourceId": "i-1",
        "ResourceType": "Compute Instance",
        "ServiceCategory": "Compute",
        "ServiceName": "Amazon Elastic Compute Cloud",
        "ServiceProviderName": "AWS",
        "ServiceSubcategory": "Virtual Machines",
        "SkuId": "SKU1",
        "SkuMeter": "BoxUsage:p4d.24xlarge",
        "SkuPriceId": "SKU1.OFFER.RATE",
        "SubAccountId": "001122223333",
    }
    (usage,) = (row for row in rows if row["ChargeDescription"] == "usage")
    assert {column: usage[column] for column in expected} == expected


def test_what_a_sparse_export_lacks_is_null_and_not_made_up(tmp_path: Path) -> None:
    """A row of the required columns alone, and one whose other columns are there but blank."""
    blank = {name: "" for each in ROWS for name in each if name not in cur()}
    write_csv(tmp_path / "bare" / "report.csv", [legacy(cur())])
    write_csv(tmp_path / "blank" / "report.csv", [legacy({**cur(), **blank})])
    unknown = (
        *("AvailabilityZone", "BillingAccountName", "CapacityReservationId", "ChargeDescription"),
        *("CommitmentDiscountId", "ConsumedQuantity", "ConsumedUnit", "ContractedUnitPrice", "InvoiceId"),
        *("InvoiceIssuerName", "ListUnitPrice", "PricingQuantity", "PricingUnit", "PublisherName"),
        *("RegionId", "RegionName", "ResourceId", "ResourceType", "SkuId", "SkuMeter", "SkuPriceId", "SubAccountName"),
    )
    for folder in ("bare", "blank"):
        home = House(tmp_path / folder, {"name": "aws", "kind": "aws-cur1", "uri": "report.csv"}).ok()
        assert home.sql(f"SELECT {', '.join(unknown)} FROM focus.charges") == [(None,) * len(unknown)]


def test_bedrock_of_the_marketplace_and_its_seller(tmp_path: Path) -> None:
    """Models of third parties come under a code that tells nothing: the product's name and the seller do."""
    seller = {"bill_billing_entity": "AWS Marketplace", "line_item_product_code": "5u2xampleopaque"}
    claude = {"product_product_name": "Claude Sonnet 4 (Amazon Bedrock Edition)", "line_item_legal_entity": "Anthropic"}
    other = {"product_product_name": "Some AMI", "line_item_legal_entity": "Seller GmbH"}
    rows = [
        cur(cost="4", **seller, **claude),
        cur(cost="5", **seller, **other, bill_invoicing_entity="Amazon Web Services, Inc."),
        cur(cost="6", line_item_product_code="AmazonBedrockFoundationModels"),
    ]
    write_csv(tmp_path / "report.csv", [legacy(each) for each in rows])
    home = House(tmp_path, {"name": "aws", "kind": "aws-cur1", "uri": "report.csv"}).ok()
    ml, bedrock = "AI and Machine Learning", "Claude Sonnet 4 (Amazon Bedrock Edition)"
    assert home.sql(
        "SELECT PublisherName, InvoiceIssuerName, ProviderName, HostProviderName, ServiceName, ServiceCategory,"
        " ServiceSubcategory, x_MlStage FROM focus.charges ORDER BY BilledCost"
    ) == [
        ("Anthropic", "AWS Marketplace", "AWS", "AWS", bedrock, ml, "Generative AI", "inference"),
        ("Seller GmbH", "Amazon Web Services, Inc.", "AWS", None, "Some AMI", "Other", "Other (Other)", "unattributed"),
        (None, None, "AWS", "AWS", "AmazonBedrockFoundationModels", ml, "Generative AI", "inference"),
    ]


def test_prices_in_another_currency_than_the_bill_s_are_not_made_up(tmp_path: Path) -> None:
    rows = [cur(cost="7", line_item_currency_code="CNY", pricing_currency="USD", line_item_unblended_rate="7")]
    write_csv(tmp_path / "report.csv", [legacy(each) for each in rows])
    home = House(tmp_path, {"name": "aws", "kind": "aws-cur1", "uri": "report.csv"}).ok()
    assert home.sql(
        "SELECT BillingCurrency, PricingCurrency, ContractedUnitPrice, PricingCurrencyContractedUnitPrice,"
        " PricingCurrencyEffectiveCost FROM focus.charges"
    ) == [("CNY", "USD", 7, None, None)]


def test_a_fee_that_is_one_of_itself_is_its_own_price(tmp_path: Path) -> None:
    """AWS counts the fee of a savings plan as one, of no unit; where it tells no rate either, the fee is its price."""
    plan = {"savings_plan_total_commitment_to_date": "0.12", "savings_plan_used_commitment": "0.12", **PLAN}
    fees = [
        row("one", "SavingsPlanRecurringFee", "0.12", line_item_usage_amount="1", pricing_unit="", **plan),
        row("two", "Fee", "7", line_item_usage_amount="2", pricing_unit=""),
    ]
    write_csv(tmp_path / "report.csv", [legacy(each) for each in fees])
    home = House(tmp_path, {"name": "aws", "kind": "aws-cur1", "uri": "report.csv"}).ok()
    assert home.sql(
        "SELECT PricingQuantity, PricingUnit, ListUnitPrice, ContractedUnitPrice FROM focus.charges"
        " WHERE ChargeCategory = 'Purchase' ORDER BY BilledCost"
    ) == [(1, "Units", Decimal("0.12"), Decimal("0.12")), (2, "Units", None, None)]


def test_an_unused_part_s_price_is_of_the_basis_that_its_cost_is_of(tmp_path: Path) -> None:
    """Of 10 USD that were committed, and cost 9 after a discount, 4 are unused: each costs 0.9."""
    net = {"line_item_net_unblended_cost": "9", "savings_plan_net_recurring_commitment_for_billing_period": "9"}
    plan = {"savings_plan_total_commitment_to_date": "10", "savings_plan_used_commitment": "6"}
    fee = row("fee", "SavingsPlanRecurringFee", "10", line_item_usage_amount="1", **plan, **net, **PLAN)
    write_csv(tmp_path / "report.csv", [legacy(fee)])
    home = House(tmp_path, {"name": "aws", "kind": "aws-cur1", "uri": "report.csv"}).ok()
    assert home.sql(
        "SELECT EffectiveCost, PricingQuantity, ListUnitPrice, ContractedUnitPrice FROM focus.charges"
        " WHERE CommitmentDiscountStatus = 'Unused'"
    ) == [(Decimal("3.6"), 4, Decimal("0.9"), Decimal("0.9"))]


def test_prices_are_of_the_basis_that_the_costs_are_of(tmp_path: Path) -> None:
    net = {"line_item_net_unblended_cost": "6", "line_item_net_unblended_rate": "3"}
    write_csv(tmp_path / "report.csv", [legacy(row("usage", "Usage", "8", **METERED, **net))])
    home = House(tmp_path, {"name": "aws", "kind": "aws-cur1", "uri": "report.csv"}).ok()
    assert home.sql(
        "SELECT BilledCost, ContractedUnitPrice * PricingQuantity, ListUnitPrice * PricingQuantity FROM focus.charges"
    ) == [(6, 6, 10)]
