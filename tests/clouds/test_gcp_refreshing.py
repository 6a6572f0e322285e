"""Google's accounts and list prices: asked of real servers on loopback, kept in the home, and gone without."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import grpc
import polars as pl
import pytest

from finops.clouds import accounts, gcp_inventory, gcp_refreshing, sku_prices
from finops.clouds.accounts import Account
from finops.clouds.gcp_inventory import Patience, Way
from finops.clouds.gcp_refreshing import ask, keep
from finops.clouds.gcp_session import GcpAccess
from finops.clouds.ways import ways
from finops.errors import ConfigError, WarehouseError
from finops.fingerprint import fingerprint
from finops.models import model
from finops.tables import Context
from finops.warehouse.checks import ADVISORY
from finops.warehouse.database import Warehouse
from tests.cloudbilling import (
    COMPUTE,
    MAIN,
    OTHER,
    SUB,
    VERTEX,
    Google,
    account,
    bigquery,
    config,
    offline,
    project,
    sku,
)
from tests.sources.house import House, focus, write_csv

NOW = datetime(2026, 11, 26, 9, 30, tzinfo=UTC)
TODAY = NOW.date()


def asked(*names: str, call: float = 10.0, billed: tuple[str, ...] = (), on: date = TODAY) -> gcp_refreshing.Refresh:
    found = [Way(GcpAccess(quota_project=name), name) for name in names or ("gcp-main",)]
    return ask(found, billed, on, lambda _: None, Patience(call))


def test_all_pages_of_accounts_and_projects_are_read(google: Google) -> None:
    found = asked()
    assert found.refused == []
    assert found.accounts == {
        MAIN: Account("ML", "Google Cloud", "USD", None, True),
        SUB: Account("Research", "Google Cloud", "EUR", MAIN, True),
        OTHER: Account("Old", "Google Cloud", "USD", None, False),
    }
    assert found.projects == {
        "nlp-prod": Account(None, "Google Cloud", None, MAIN, True),
        "vision": Account(None, "Google Cloud", None, MAIN, True),
        "shut": Account(None, "Google Cloud", None, MAIN, False),
        "lab": Account(None, "Google Cloud", None, SUB, True),
        "old-one": Account(None, "Google Cloud", None, OTHER, True),
    }
    assert google.count("ListBillingAccounts") == 2
    assert google.count("ListProjectBillingInfo") == 2 + 1 + 1


def test_prices_are_exact_in_all_tiers(google: Google) -> None:
    found = asked().prices
    assert sorted(found) == [COMPUTE, VERTEX]
    rows = found[COMPUTE].select("sku_id", "tier_start", "list_price", "currency", "pricing_unit").rows()
    assert rows == [
        ("039F-D0DA-4055", Decimal(0), Decimal("2.933908"), "USD", "h"),
        ("2922-40C5-B19F", Decimal(0), Decimal("0.031611"), "USD", "h"),
        ("E5F0-6A5D-7BAD", Decimal(0), Decimal(0), "USD", "h"),
        ("E5F0-6A5D-7BAD", Decimal("0.1"), Decimal("0.000000001"), "USD", "h"),
        ("E5F0-6A5D-7BAD", Decimal(1024), Decimal("12.085000001"), "USD", "h"),
    ]
    (gpu,) = found[VERTEX].rows(named=True)
    assert gpu == {
        "sku_id": "3F95-001E-B747",
        "service_id": VERTEX,
        "service_name": "Vertex AI",
        "sku_description": "Vertex AI: Training/Pipelines on NVIDIA H100 80GB in Iowa",
        "resource_group": "GPU",
        "usage_type": "OnDemand",
        "regions": ["us-central1"],
        "pricing_unit": "h",
        "tier_start": Decimal(0),
        "list_price": Decimal("11.2660332"),
        "currency": "USD",
        "effective_from": datetime(2026, 9, 21, 14, 13, 20, tzinfo=UTC),  # 1,790,000,000 s after 1970
        "asked_on": TODAY,
    }
    assert google.count("ListSkus") == 2 + 1
    assert {each.currency_code for name, each in google.calls if name == "ListSkus"} == {"USD"}


@pytest.mark.parametrize(
    ("units", "nanos", "amount"),
    [
        (0, 1, "0.000000001"),
        (9223372036854775807, 999999999, "9223372036854775807.999999999"),
        (-1, -750000000, "-1.75"),
        (508, 934997455, "508.934997455"),
    ],
)
def test_money_is_units_and_billionths(units: int, nanos: int, amount: str) -> None:
    from google.type.money_pb2 import Money

    assert gcp_inventory.exact(Money(units=units, nanos=nanos)) == Decimal(amount)


def test_only_services_that_the_catalogue_has_are_asked_for(google: Google) -> None:
    google.services["95FF-2EF5-5EA1"] = "Cloud Storage"
    google.services["24E6-581D-38E5"] = "BigQuery"
    found = asked(billed=("95FF-2EF5-5EA1", "../../evil", "7B9A-3C10-55D1"))
    assert sorted(found.prices) == sorted([COMPUTE, VERTEX, "95FF-2EF5-5EA1"])
    assert {each.parent for name, each in google.calls if name == "ListSkus"} == {
        f"services/{each}" for each in (COMPUTE, VERTEX, "95FF-2EF5-5EA1")
    }
    assert found.prices["95FF-2EF5-5EA1"].is_empty()


def test_permission_denied_on_one_account_of_three_leaves_the_others(google: Google) -> None:
    google.denied = {SUB}
    found = asked()
    assert sorted(found.accounts) == [MAIN, SUB, OTHER]
    assert sorted(found.projects) == ["nlp-prod", "old-one", "shut", "vision"]
    assert sorted(found.prices) == [COMPUTE, VERTEX]
    (error,) = found.refused
    assert str(error) == (
        "Cloud Billing refused billing.resourceAssociations.list. "
        f"Where: billing account {SUB}, source gcp-main. "
        "What to do: allow billing.resourceAssociations.list for these credentials."
    )


@pytest.mark.parametrize("method", ["ListBillingAccounts", "ListProjectBillingInfo", "ListServices", "ListSkus"])
@pytest.mark.parametrize("code", [grpc.StatusCode.UNAVAILABLE, grpc.StatusCode.RESOURCE_EXHAUSTED])
def test_what_passes_is_asked_again(google: Google, method: str, code: grpc.StatusCode) -> None:
    plain = asked()
    once = google.count(method)
    google.failures[method] = [code]
    again = asked()
    assert (again.refused, again.accounts, again.projects) == ([], plain.accounts, plain.projects)
    assert all(again.prices[each].equals(plain.prices[each]) for each in plain.prices)
    assert google.count(method) == 2 * once + 1


def test_a_service_that_is_refused_midway_is_not_kept_by_half(google: Google) -> None:
    plain = asked()
    google.failures["ListSkus"] = []

    def second(items: list[Any], request: Any, answer: type[Any], **named: str) -> Any:
        if request.page_token and named == {"of": "skus"}:
            raise KeyError
        return Google.page(google, items, request, answer, **named)

    google.page = second  # type: ignore[method-assign]
    found = asked()
    assert sorted(found.prices) == [VERTEX]
    assert found.projects == plain.projects
    assert [each.where for each in found.refused] == [f"service {COMPUTE}, source gcp-main"]


def test_each_account_and_service_is_asked_for_once_over_all_ways(google: Google) -> None:
    found = asked("a", "b")
    assert found.sources == ["a", "b"]
    assert google.count("ListBillingAccounts") == 4
    assert google.count("ListProjectBillingInfo") == 4
    assert google.count("ListSkus") == 3


def test_a_way_that_does_not_answer_is_asked_for_nothing_more(google: Google) -> None:
    google.failures["ListBillingAccounts"] = [grpc.StatusCode.UNAVAILABLE] * 50
    found = asked(call=0.6)
    assert google.count("ListServices") == 0
    (error,) = found.refused
    assert "Cloud Billing could not answer: SERVICE_UNAVAILABLE" in error.what


def test_what_is_told_is_kept_over_what_was_known(google: Google, tmp_path: Path) -> None:
    (tmp_path / "accounts.json").write_text('{"accounts": {"001122223333": "aws one"}}', encoding="utf-8")
    learned = keep(tmp_path, asked(on=date(2026, 10, 27)), NOW - timedelta(days=30))
    assert (learned.new, learned.renamed) == ({MAIN: "ML", SUB: "Research", OTHER: "Old"}, {})
    google.accounts = [account(MAIN, "ML and more")]
    google.projects = {MAIN: [project("lab", MAIN)]}
    google.skus = {COMPUTE: [sku("039F-D0DA-4055", "Nvidia Tesla A100 GPU running in Americas", (0, 3, 0))]}
    google.denied = {VERTEX}
    learned = keep(tmp_path, asked(), NOW)
    assert (learned.new, learned.renamed) == ({}, {MAIN: ("ML", "ML and more")})
    before = date(2026, 10, 27)
    known = accounts.known(tmp_path)
    assert known["001122223333"] == Account("aws one", "AWS")
    assert known[MAIN] == Account("ML and more", "Google Cloud", "USD", None, True, TODAY)
    assert known[SUB] == Account("Research", "Google Cloud", "EUR", MAIN, True, before)  # still on old bills
    assert known["lab"] == Account(None, "Google Cloud", None, MAIN, True, TODAY)
    assert known["vision"].asked_on == before
    prices = sku_prices.read(tmp_path).select("sku_id", "list_price", "asked_on").rows()
    # a service that answered is replaced whole, one that did not stays
    assert prices == [("039F-D0DA-4055", Decimal(3), TODAY), ("3F95-001E-B747", Decimal("11.2660332"), before)]
    assert sorted(path.name for path in tmp_path.iterdir()) == ["accounts.json", "google.json", "google_skus.parquet"]


def test_prices_that_cannot_be_written_leave_the_old_file(google: Google, tmp_path: Path) -> None:
    keep(tmp_path, asked(), NOW)
    before = (tmp_path / sku_prices.FILE).read_bytes()
    (tmp_path / f".{sku_prices.FILE}.new").mkdir()
    with pytest.raises(WarehouseError, match="cannot be written"):
        keep(tmp_path, asked(), NOW)
    assert (tmp_path / sku_prices.FILE).read_bytes() == before


@pytest.mark.parametrize("content", [b"", b"no parquet", b"PAR1\x00\x00PAR1"])
def test_a_damaged_file_of_prices_is_told_before_any_work(tmp_path: Path, content: bytes) -> None:
    house = House(tmp_path, {"name": "a", "kind": "focus-files", "uri": "bills"})
    (house.home / sku_prices.FILE).write_bytes(content)
    with pytest.raises(WarehouseError, match="move the file away, then finops catalog refresh"):
        house.run()


def test_a_table_of_something_else_is_damaged(tmp_path: Path) -> None:
    pl.DataFrame({"a": [1]}).write_parquet(tmp_path / sku_prices.FILE)
    with pytest.raises(WarehouseError, match="no table of prices"):
        sku_prices.read(tmp_path)


def test_names_and_prices_are_tables_and_no_reason_to_read_bills_anew(google: Google, tmp_path: Path) -> None:
    house = House(tmp_path, {"name": "a", "kind": "focus-files", "uri": "bills"})
    row = focus("5", BillingAccountId=MAIN, ProviderName="Google Cloud", SubAccountId="lab")
    write_csv(tmp_path / "bills" / "a.csv", [row])
    house.ok()
    assert house.sql("SELECT count(*) FROM focus.sku_prices") == house.sql("SELECT count(*) FROM gpu.skus") == [(0,)]
    keep(house.home, asked(), NOW)
    house.ok()
    assert [each.rows for each in house.loaded] == [None]
    assert house.sql("SELECT BillingAccountName, SubAccountName FROM focus.charges") == [("ML", None)]
    assert house.sql("FROM focus.accounts WHERE account_id IN (?, 'lab') ORDER BY 1", SUB) == [
        (SUB, "Research", "Google Cloud", "EUR", MAIN, True, TODAY),
        ("lab", None, "Google Cloud", None, SUB, True, TODAY),
    ]
    assert house.sql("SELECT sku_id, tier_start, list_price FROM focus.sku_prices WHERE tier_start > 0") == [
        ("E5F0-6A5D-7BAD", Decimal("0.1"), Decimal("0.000000001")),
        ("E5F0-6A5D-7BAD", Decimal(1024), Decimal("12.085000001")),
    ]
    sql = """SELECT sku_id, gpu_model, gpu_count, purchase, machine_family, list_price, currency, regions, asked_on
        FROM gpu.skus ORDER BY 1"""
    two = ["us-central1", "us-east1"]
    assert house.sql(sql) == [
        ("039F-D0DA-4055", "A100", 1, "on_demand", None, Decimal("2.933908"), "USD", two, TODAY),
        ("2922-40C5-B19F", None, None, "on_demand", "a2", Decimal("0.031611"), "USD", two, TODAY),
        ("3F95-001E-B747", "H100", 1, "on_demand", None, Decimal("11.2660332"), "USD", ["us-central1"], TODAY),
    ]


def test_a_bill_in_another_currency_than_its_account_is_shown_and_does_not_stop_publication(
    google: Google, tmp_path: Path
) -> None:
    house = House(tmp_path, {"name": "a", "kind": "focus-files", "uri": "bills"})
    bill = [
        focus("5", BillingAccountId=MAIN),
        focus("6", BillingAccountId=SUB, BillingCurrency="EUR"),
        focus("7", BillingAccountId=SUB, BillingCurrency="USD"),
        focus("8", BillingAccountId="unknown", BillingCurrency="CHF"),
    ]
    write_csv(tmp_path / "bills" / "a.csv", bill)
    keep(house.home, asked(), NOW)
    house.ok()
    house.sql(f"CREATE OR REPLACE TABLE spend.daily AS {model('spend.daily').sql}")
    assert sorted(house.sql(model("quality.billing_currencies").sql)) == [(MAIN, 0, 0), (SUB, 0, 1)]
    assert "billing_currencies" in ADVISORY


def test_only_what_changed_is_published(google: Google, tmp_path: Path) -> None:
    house = House(tmp_path, {"name": "a", "kind": "focus-files", "uri": "bills"})
    write_csv(tmp_path / "bills" / "a.csv", [focus("5")])

    def digest() -> str:
        house.ok()
        with Warehouse(house.home).open() as con:
            return fingerprint(Context(con, house.config, NOW))

    keep(house.home, asked(on=date(2026, 10, 27)), NOW - timedelta(days=30))
    first = digest()
    keep(house.home, asked(), NOW)
    assert digest() == first  # the same, told a month later
    google.skus[VERTEX] = []
    keep(house.home, asked(), NOW)
    second = digest()
    assert second != first
    google.accounts[0] = account(MAIN, "renamed")
    keep(house.home, asked(), NOW)
    assert digest() not in {first, second}


# which configurations lead to Google at all


def test_each_way_to_google_is_gone_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    offline(monkeypatch)
    who = "reader@p-1.iam.gserviceaccount.com"
    found = ways(
        config(
            tmp_path,
            bigquery(impersonate=who),
            {"kind": "gcp-files", "uri": "gs://b/p"},
            {"kind": "gcp-files", "uri": "bills", "impersonate": who},
            {"kind": "gcp-files", "uri": "folder"},
            {"kind": "aws-cur1", "uri": "aws"},
        )
    )
    assert [(each.sources, each.access.impersonate) for each in found.google] == [("s0, s2", who), ("s1", None)]
    assert [each.sources for each in found.aws] == ["s4"]


@pytest.mark.parametrize(
    "source",
    [
        bigquery(endpoint="http://127.0.0.1:9"),
        bigquery(storage_endpoint="127.0.0.1:9"),
        bigquery(endpoint="http://localhost:9", quota_project="p"),
        {"kind": "gcp-files", "uri": "folder"},
        {"kind": "focus-files", "uri": "folder"},
    ],
)
def test_what_lies_on_this_machine_is_never_taken_to_google(tmp_path: Path, source: dict[str, Any]) -> None:
    found = config(tmp_path, source)
    assert gcp_inventory.ways(found) == []
    with pytest.raises(ConfigError, match="no source is of AWS or of Google Cloud"):
        ways(found)


@pytest.mark.parametrize("name", ["BIGQUERY_EMULATOR_HOST", "STORAGE_EMULATOR_HOST"])
def test_an_emulator_is_not_google(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    monkeypatch.setenv(name, "127.0.0.1:9")
    assert gcp_inventory.ways(config(tmp_path, bigquery(), {"kind": "gcp-files", "uri": "gs://b/p"})) == []
