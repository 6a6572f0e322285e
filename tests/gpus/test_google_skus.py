"""Which GPUs Google's SKUs sell. What is expected stands beside the text, read off it by a person."""

from __future__ import annotations

import csv
import json
from collections.abc import Iterable
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any

import duckdb
import pytest
import sqlglot
from google.cloud.billing_v1 import ListSkusResponse, Sku
from google.protobuf import json_format
from sqlglot import exp

from finops.clouds import sku_prices
from finops.gpus import catalogue
from finops.models import model, transpile
from tests.conftest import ROOT

REAL = ROOT / "fixtures/real/gcp"
COMPUTE, VERTEX = "6F81-5844-456A", "C7E2-9256-1C43"
Kind = tuple[str | None, int | None, str, str | None]
"""gpu_model, gpu_count, purchase, machine_family."""

FACTS: dict[str, Kind] = {
    "Nvidia Tesla A100 GPU running in Americas": ("A100", 1, "on_demand", None),
    "Nvidia Tesla A100 GPU attached to Spot Preemptible VMs running in Americas": ("A100", 1, "spot", None),
    "Nvidia H100 80GB GPU attached to DWS Defined Duration VMs running in Americas": ("H100", 1, "dws", None),
    "DWS Defined Duration A3 Core running in Americas": (None, None, "dws", "a3"),
    "DWS Defined Duration A3 Ram running in Americas": (None, None, "dws", "a3"),
    "DWS Defined Duration SSD backed Local Storage running in Americas": (None, None, "dws", None),
    "Vertex AI: Training/Pipelines on NVIDIA H100 80GB in Iowa": ("H100", 1, "on_demand", None),
    "Vertex AI: Training/Pipelines on A3 Instance Core in Iowa": (None, None, "on_demand", "a3"),
    "Vertex AI: Training/Pipelines on A3 Instance RAM in Iowa": (None, None, "on_demand", "a3"),
    "Vertex AI: Online/Batch Prediction Nvidia H100 80gb GPU running in Iowa": ("H100", 1, "on_demand", None),
    "Nvidia H100 80GB Plus GPU running in Americas": ("H100 Mega", 1, "on_demand", None),
    "Reserved Nvidia H100 80GB Mega GPU in Americas in Calendar Mode": ("H100 Mega", 1, "calendar", None),
    "Nvidia H100 Mega 80GB GPU attached to DWS Defined Duration VMs running in Americas": ("H100 Mega", 1, "dws", None),
    "A4 Nvidia B200 (1 gpu slice) running in Americas": ("B200", 1, "on_demand", "a4"),
    "Spot Preemptible A4 Nvidia B200 (1 gpu slice) running in Americas": ("B200", 1, "spot", "a4"),
    "Reserved Nvidia Tesla A100 GPU in Americas": ("A100", None, "reserved", None),
    "Commitment v1: Nvidia Tesla T4 GPU running in Americas for 3 Years": ("T4", None, "commitment", None),
}
CATALOGUE: dict[str, Kind] = {
    "Nvidia Tesla A100 GPU running in Americas": ("A100", 1, "on_demand", None),
    "A2 Instance Ram running in Americas": (None, None, "on_demand", "a2"),
    "A2 Instance Core running in Americas": (None, None, "on_demand", "a2"),
    "T2D AMD Instance Ram running in Singapore": (None, None, "on_demand", "t2d"),
    "T2D AMD Instance Core running in Singapore": (None, None, "on_demand", "t2d"),
    "E2 Instance Core running in Americas": (None, None, "on_demand", "e2"),
    "E2 Instance Ram running in Americas": (None, None, "on_demand", "e2"),
}
MORE: dict[str, Kind] = {
    # a model in the text of another
    "Nvidia Tesla A100 80GB GPU running in Americas": ("A100 80GB", 1, "on_demand", None),
    "Nvidia Tesla A100 80GB GPU attached to DWS Defined Duration VMs running in Iowa": ("A100 80GB", 1, "dws", None),
    "Vertex AI: Training/Pipelines on NVIDIA A100-80GB in Iowa": ("A100 80GB", 1, "on_demand", None),
    "Nvidia H100 80GB Mega GPU running in Frankfurt": ("H100 Mega", 1, "on_demand", None),
    "A4X Nvidia GB200 (1 gpu slice) running in Americas": ("GB200", 1, "on_demand", "a4x"),
    "Nvidia L40S GPU running in Netherlands": ("unmapped", 1, "on_demand", None),
    "Nvidia Tesla P100 GPU running in Taiwan": ("P100", 1, "on_demand", None),
    "Nvidia Tesla P4 GPU running in Sydney": ("P4", 1, "on_demand", None),
    "Nvidia Tesla V100 GPU attached to Spot Preemptible VMs running in EMEA": ("V100", 1, "spot", None),
    "Nvidia Tesla K80 GPU running in EMEA": ("K80", 1, "on_demand", None),
    "Nvidia L4 GPU running in Netherlands": ("L4", 1, "on_demand", None),
    # without "Nvidia", without "GPU"
    "RTX 6000 96GB running in Delhi": ("RTX PRO 6000", 1, "on_demand", None),
    "Spot Preemptible RTX 6000 96GB running in Delhi": ("RTX PRO 6000", 1, "spot", None),
    "NVIDIA RTX Pro 6000 GPU with no zonal redundancy in us-central1": ("RTX PRO 6000", 1, "on_demand", None),
    "H200 141GB GPU running in Belgium": ("H200", 1, "on_demand", None),
    # several at once
    "A4 Nvidia B200 (8 gpu slices) running in Americas": ("B200", 8, "on_demand", "a4"),
    # no time of a GPU, though the text has one
    "Commitment v1: A4 Nvidia B200 (1 gpu slice) in Americas for 1 Year": ("B200", None, "commitment", "a4"),
    "Commitment - dollar based v1: GPU and A2 in us-central1 for 1 Year": (None, None, "commitment", None),
    "Vertex AI: Training/Pipelines Management Fee on NVIDIA H100 80GB in Iowa": (None, None, "on_demand", None),
    "Autopilot NVIDIA L4 Pod Memory Requests (us-central1)": (None, None, "on_demand", None),
    "Autopilot NVIDIA L4 Pod mCPU Requests (us-central1)": (None, None, "on_demand", None),
    "Licensing Fee for NVIDIA RTX Virtual Workstation on T4 GPU": (None, None, "on_demand", None),
    "NVIDIA AI Enterprise": (None, None, "on_demand", None),
    "TpuV5e attached to Spot Preemptible VMs running in Americas": (None, None, "spot", None),
    # cores and memory
    "A3Plus Instance Core running in Americas": (None, None, "on_demand", "a3"),
    "DWS Defined Duration A3Ultra Ram running in Iowa": (None, None, "dws", "a3"),
    "Commitment v1: A2 Cpu in Americas for 1 Year": (None, None, "commitment", "a2"),
    "M4Ultramem224 Instance Core running in Iowa": (None, None, "on_demand", "m4"),
    "Spot Preemptible N2D AMD Instance Core running in us-east1": (None, None, "spot", "n2d"),
    "Custom Instance Core running in Americas": (None, None, "on_demand", None),
    "Network Internet Data Transfer Out from Americas to Americas": (None, None, "on_demand", None),
}


def classified(skus: Iterable[tuple[str | None, ...]]) -> list[tuple[Any, ...]]:
    """The classification of (sku_id, service_id, sku_description, usage_type), by sku_id."""
    with duckdb.connect() as con:
        con.execute(
            "CREATE TABLE skus (sku_id VARCHAR, service_id VARCHAR, sku_description VARCHAR, usage_type VARCHAR)"
        )
        con.executemany("INSERT INTO skus VALUES (?, ?, ?, ?)", [list(each) for each in skus])
        columns = "sku_id, sku_description, gpu_model, gpu_count, purchase, machine_family"
        return con.execute(f"SELECT {columns} FROM ({model('gpu.google_skus').sql}) ORDER BY 1, 2").fetchall()


def kinds(texts: Iterable[str | None], usage_type: str | None = None) -> dict[str, Kind]:
    rows = classified((str(i), COMPUTE, text, usage_type) for i, text in enumerate(texts))
    return {row[1]: tuple(row[2:]) for row in rows}  # type: ignore[misc]


def facts() -> list[dict[str, str]]:
    with (REAL / "gpu_sku_facts.csv").open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def catalogue_skus() -> list[Any]:
    document = json.loads((REAL / "catalog_skus.json").read_text(encoding="utf-8"))
    return list(
        json_format.ParseDict(document, ListSkusResponse.pb(ListSkusResponse()), ignore_unknown_fields=True).skus
    )


@pytest.mark.parametrize("with_usage_type", [True, False], ids=["catalogue", "bill"])
def test_every_known_gpu_sku(with_usage_type: bool) -> None:
    rows = facts()
    services = {"Compute Engine": COMPUTE, "Vertex AI": VERTEX}
    given = [
        (str(i), services[each["service"]], each["description"], each["usage_type"] if with_usage_type else None)
        for i, each in enumerate(rows)
    ]
    found = {row[1]: tuple(row[2:]) for row in classified(given)}
    assert len(found) == len(rows) == 17
    assert found == FACTS


def test_every_sku_of_the_real_catalogue() -> None:
    skus = catalogue_skus()
    given = [(each.sku_id, COMPUTE, each.description, each.category.usage_type) for each in skus]
    assert {row[1]: tuple(row[2:]) for row in classified(given)} == CATALOGUE


@pytest.mark.parametrize("text", MORE)
def test_what_else_the_texts_hide(text: str) -> None:
    assert kinds([text]) == {text: MORE[text]}


def test_the_usage_type_counts_where_the_text_is_silent() -> None:
    text = "Nvidia L4 GPU running in Netherlands"
    assert kinds([text], "Preemptible") == {text: ("L4", 1, "spot", None)}
    assert kinds([text], "Commit1Yr") == {text: ("L4", None, "commitment", None)}


def test_a_sku_without_a_text_is_unknown_and_no_row_is_lost() -> None:
    given = [(None, None, None, None), ("1", COMPUTE, "", None), ("1", COMPUTE, "Nvidia L4 GPU", None)]
    assert [row[2:5] for row in classified(given)] == [
        (None, None, "on_demand"),
        ("L4", 1, "on_demand"),
        (None, None, "on_demand"),
    ]


def test_models_are_named_as_in_the_catalogue_of_machine_types() -> None:
    known = {each.model for each in catalogue.catalogue().values()}
    named = {kind[0] for kind in {**FACTS, **CATALOGUE, **MORE}.values()}
    # P4 and P100 are attached to N1 machines: no machine type says so
    assert named - known == {None, "unmapped", "P4", "P100"}


def test_the_classification_is_carried_to_spark() -> None:
    """It is joined with every row of a bill."""
    spark = sqlglot.parse_one(transpile("gpu.google_skus", "spark"), dialect="spark")
    assert [call.name for call in spark.find_all(exp.Anonymous)] == []


def test_real_prices_are_exact_in_every_currency() -> None:
    frame = sku_prices.frame(catalogue_skus(), COMPUTE, date(2026, 11, 26))
    found = {row["sku_id"]: row for row in frame.rows(named=True)}
    prices = {each: (row["list_price"], row["currency"], row["pricing_unit"]) for each, row in found.items()}
    assert prices == {
        "039F-D0DA-4055": (Decimal("2.933908"), "USD", "h"),
        "2390-DCAF-DA38": (Decimal("0.004237"), "USD", "GiBy.h"),
        "2922-40C5-B19F": (Decimal("0.031611"), "USD", "h"),
        "4756-01E4-0F32": (Decimal("68.204999658"), "IDR", "GiBy.h"),
        "9E37-EAF4-1576": (Decimal("508.934997455"), "IDR", "h"),
        "CF4E-A0C7-E3BF": (Decimal("327.173848364"), "IDR", "h"),
        "F449-33EC-A5EF": (Decimal("43.852949780"), "IDR", "GiBy.h"),
    }
    assert found["039F-D0DA-4055"]["effective_from"] == datetime(2023, 3, 24, 10, 52, 50, 681000, UTC)
    assert found["CF4E-A0C7-E3BF"]["effective_from"] is None
    assert found["039F-D0DA-4055"]["regions"] == ["us-central1", "us-east1", "us-west1"]


def test_a_sku_without_a_price_is_kept_without_one() -> None:
    skus = [Sku.pb(Sku(sku_id="1", description="x")), Sku.pb(Sku(sku_id="2", pricing_info=[{}]))]
    found = sku_prices.frame(skus, COMPUTE, date(2026, 11, 26))
    assert found.select("sku_id", "tier_start", "list_price", "currency").rows() == [
        ("1", None, None, None),
        ("2", None, None, None),
    ]
