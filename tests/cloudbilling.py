"""Google's billing APIs on loopback: the real clients speak gRPC to them.

The wheels ship no servicers: handlers are registered by the names of the methods, with the clients' own messages.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import grpc
import pytest
from google.cloud import billing_v1 as billing
from google.cloud.billing import budgets_v1 as budgets

from finops.clouds import gcp_session
from finops.clouds.gcp_session import GcpAccess
from finops.config import Config

COMPUTE, VERTEX = "6F81-5844-456A", "C7E2-9256-1C43"
MAIN, SUB, OTHER = "010101-ABCDEF-123456", "020202-ABCDEF-123456", "030303-ABCDEF-123456"


def account(identity: str, name: str, currency: str = "USD", **more: Any) -> Any:
    return billing.BillingAccount(
        name=f"billingAccounts/{identity}", display_name=name, currency_code=currency, **{"open_": True, **more}
    )


def project(identity: str, payer: str, enabled: bool = True) -> Any:
    return billing.ProjectBillingInfo(
        name=f"projects/{identity}/billingInfo",
        project_id=identity,
        billing_account_name=f"billingAccounts/{payer}",
        billing_enabled=enabled,
    )


def sku(identity: str, text: str, *tiers: tuple[float, int, int], service: str = COMPUTE, **more: Any) -> Any:
    """A SKU; a tier is (from, units, nanos)."""
    rates = [
        {"start_usage_amount": start, "unit_price": {"currency_code": "USD", "units": units, "nanos": nanos}}
        for start, units, nanos in tiers
    ]
    return billing.Sku(
        name=f"services/{service}/skus/{identity}",
        sku_id=identity,
        description=text,
        category={
            "service_display_name": {COMPUTE: "Compute Engine", VERTEX: "Vertex AI"}.get(service, "Other"),
            "resource_family": "Compute",
            "resource_group": more.get("group", "GPU"),
            "usage_type": more.get("usage", "OnDemand"),
        },
        service_regions=more.get("regions", ["us-central1", "us-east1"]),
        pricing_info=[
            {
                "effective_time": more.get("since", {"seconds": 1_790_000_000}),
                "currency_conversion_rate": 1,
                "pricing_expression": {"usage_unit": "h", "display_quantity": 1, "tiered_rates": rates},
            }
        ],
    )


@dataclass
class Google:
    """What the servers answer, `size` to a page at most. `calls`: each method with its request, in order.

    `failures` are given once each, by method, before anything is answered; `denied` are names that are never
    answered for.
    """

    accounts: list[Any] = field(default_factory=list[Any])
    projects: dict[str, list[Any]] = field(default_factory=dict[str, list[Any]])
    numbers: dict[str, str] = field(default_factory=dict[str, str])
    services: dict[str, str] = field(default_factory=lambda: {COMPUTE: "Compute Engine", VERTEX: "Vertex AI"})
    skus: dict[str, list[Any]] = field(default_factory=dict[str, list[Any]])
    budgets: dict[str, list[Any]] = field(default_factory=dict[str, list[Any]])
    failures: dict[str, list[grpc.StatusCode]] = field(default_factory=dict[str, list[grpc.StatusCode]])
    denied: set[str] = field(default_factory=set[str])
    size: int = 2
    calls: list[tuple[str, Any]] = field(default_factory=list[tuple[str, Any]])
    target: str = ""

    def count(self, method: str) -> int:
        return sum(name == method for name, _ in self.calls)

    def channel(self, _: str) -> grpc.Channel:
        """In place of gcp_session.channel."""
        return grpc.insecure_channel(self.target)

    def page(self, items: list[Any], request: Any, answer: type[Any], **named: str) -> Any:
        start = int(request.page_token or 0)
        end = start + min(self.size, request.page_size or self.size)
        (name,) = named.values()
        return answer(**{name: items[start:end], "next_page_token": str(end) if end < len(items) else ""})


def _methods(google: Google) -> dict[str, tuple[type[Any], type[Any], Callable[[Any], Any]]]:
    def one_project(request: Any) -> Any:
        return project(google.numbers[request.name.removeprefix("projects/")], MAIN)

    return {
        "google.cloud.billing.v1.CloudBilling/ListBillingAccounts": (
            billing.ListBillingAccountsRequest,
            billing.ListBillingAccountsResponse,
            lambda r: google.page(google.accounts, r, billing.ListBillingAccountsResponse, of="billing_accounts"),
        ),
        "google.cloud.billing.v1.CloudBilling/ListProjectBillingInfo": (
            billing.ListProjectBillingInfoRequest,
            billing.ListProjectBillingInfoResponse,
            lambda r: google.page(
                google.projects.get(r.name.removeprefix("billingAccounts/"), []),
                r,
                billing.ListProjectBillingInfoResponse,
                of="project_billing_info",
            ),
        ),
        "google.cloud.billing.v1.CloudBilling/GetProjectBillingInfo": (
            billing.GetProjectBillingInfoRequest,
            billing.ProjectBillingInfo,
            one_project,
        ),
        "google.cloud.billing.v1.CloudCatalog/ListServices": (
            billing.ListServicesRequest,
            billing.ListServicesResponse,
            lambda r: google.page(
                [
                    billing.Service(name=f"services/{each}", service_id=each, display_name=name)
                    for each, name in google.services.items()
                ],
                r,
                billing.ListServicesResponse,
                of="services",
            ),
        ),
        "google.cloud.billing.v1.CloudCatalog/ListSkus": (
            billing.ListSkusRequest,
            billing.ListSkusResponse,
            lambda r: google.page(
                google.skus.get(r.parent.removeprefix("services/"), []), r, billing.ListSkusResponse, of="skus"
            ),
        ),
        "google.cloud.billing.budgets.v1.BudgetService/ListBudgets": (
            budgets.ListBudgetsRequest,
            budgets.ListBudgetsResponse,
            lambda r: google.page(
                google.budgets.get(r.parent.removeprefix("billingAccounts/"), []),
                r,
                budgets.ListBudgetsResponse,
                of="budgets",
            ),
        ),
    }


def _handler(google: Google, method: str, takes: type[Any], answer: Callable[[Any], Any]) -> Any:
    def handle(request: Any, context: grpc.ServicerContext) -> Any:
        google.calls.append((method, request))
        waiting = google.failures.get(method)
        if waiting:
            context.abort(waiting.pop(0), "a text that is not shown")
        named = getattr(request, "name", "") or getattr(request, "parent", "")
        if method in google.denied or named.rpartition("/")[2] in google.denied:
            context.abort(grpc.StatusCode.PERMISSION_DENIED, "The caller does not have permission")
        try:
            return answer(request)
        except KeyError:
            context.abort(grpc.StatusCode.NOT_FOUND, "no such name")

    return grpc.unary_unary_rpc_method_handler(
        handle, request_deserializer=takes.deserialize, response_serializer=lambda each: type(each).serialize(each)
    )


@contextmanager
def serve() -> Iterator[Google]:
    """The servers, until the block ends."""
    google = Google()
    server = grpc.server(ThreadPoolExecutor(4))
    services: dict[str, dict[str, Any]] = {}
    for path, (takes, _, answer) in _methods(google).items():
        service, _, method = path.partition("/")
        services.setdefault(service, {})[method] = _handler(google, method, takes, answer)
    for service, handlers in services.items():
        server.add_generic_rpc_handlers((grpc.method_handlers_generic_handler(service, handlers),))
    google.target = f"127.0.0.1:{server.add_insecure_port('127.0.0.1:0')}"
    server.start()
    try:
        yield google
    finally:
        server.stop(None).wait()


def offline(monkeypatch: pytest.MonkeyPatch) -> None:
    """No emulator is named, and whoever looks for credentials fails the test."""
    for name in ("BIGQUERY_EMULATOR_HOST", "STORAGE_EMULATOR_HOST", "GOOGLE_APPLICATION_CREDENTIALS"):
        monkeypatch.delenv(name, raising=False)

    def never(_: GcpAccess) -> None:
        raise AssertionError("credentials were looked for")

    monkeypatch.setattr(gcp_session, "credentials", never)


@contextmanager
def company(monkeypatch: pytest.MonkeyPatch) -> Iterator[Google]:
    """Three billing accounts with projects and the prices of two services; the clients are led there."""
    offline(monkeypatch)
    with serve() as google:
        google.accounts = [
            account(MAIN, " ML "),
            account(SUB, "Research", "EUR", master_billing_account=f"billingAccounts/{MAIN}"),
            account(OTHER, "Old", open_=False),
        ]
        google.projects = {
            MAIN: [project("nlp-prod", MAIN), project("vision", MAIN), project("shut", MAIN, enabled=False)],
            SUB: [project("lab", SUB)],
            OTHER: [project("old-one", OTHER)],
        }
        google.skus = {
            COMPUTE: [
                sku("039F-D0DA-4055", "Nvidia Tesla A100 GPU running in Americas", (0, 2, 933908000)),
                sku("2922-40C5-B19F", "A2 Instance Core running in Americas", (0, 0, 31611000), group="CPU"),
                sku("E5F0-6A5D-7BAD", "Network Egress", (0, 0, 0), (0.1, 0, 1), (1024, 12, 85000001), group="Egress"),
            ],
            VERTEX: [
                sku(
                    "3F95-001E-B747",
                    "Vertex AI: Training/Pipelines on NVIDIA H100 80GB in Iowa",
                    (0, 11, 266033200),
                    service=VERTEX,
                    regions=["us-central1"],
                )
            ],
        }
        monkeypatch.setattr(gcp_session, "channel", google.channel)
        yield google


def config(folder: Path, *sources: dict[str, Any]) -> Config:
    """A configuration of these sources, in a folder."""
    named = [{"name": f"s{i}", **each} for i, each in enumerate(sources)]
    return Config.model_validate({"home": "home", "sources": named, "path": folder / "finops.yaml"})


TABLE = "p-1.bills.gcp_billing_export_resource_v1_X"


def bigquery(**more: Any) -> dict[str, Any]:
    """A source of Google's that may be asked for more than bills."""
    return {"kind": "gcp-bigquery", "table": TABLE, **more}
