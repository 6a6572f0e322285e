"""What Google Cloud is asked besides bills: billing accounts, their projects, list prices and budgets.

Every call is one that may be refused, or not be answered: it then is a SourceError that names the permission, for
the caller to tell and to go on. Google has no query for costs: those come with the bills alone.
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Generator, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from decimal import Decimal
from functools import cached_property
from typing import TYPE_CHECKING, Any, Final, cast
from urllib.parse import urlsplit

from finops.clouds import gcp_session
from finops.clouds.gcp_errors import google_errors
from finops.clouds.gcp_session import GcpAccess, retrying
from finops.config import Config, GcpBigQuery, GcpFiles
from finops.errors import SourceError

if TYPE_CHECKING:
    from google.cloud.billing.budgets_v1 import Budget
    from google.cloud.billing_v1 import BillingAccount, ProjectBillingInfo

COMPUTE: Final = "6F81-5844-456A"
VERTEX: Final = "C7E2-9256-1C43"
_ACCOUNTS, _CATALOGUE, _BUDGETS = "Cloud Billing", "the Cloud Billing Catalog", "Cloud Billing Budgets"
_EMULATORS = ("BIGQUERY_EMULATOR_HOST", "STORAGE_EMULATOR_HOST")


class Unreachable(SourceError):  # noqa: N818 - what is the case
    """Google did not answer in time: asking it for something else will take as long."""


@dataclass(frozen=True)
class Way:
    """One way to Google Cloud: its keys, and the sources of the configuration that go it (`gcp-main, gcp-files`)."""

    access: GcpAccess
    sources: str


class Patience:
    """How many seconds to wait for each call, and for all of them together; the clock starts when it is made."""

    def __init__(self, call: float, total: float = float("inf")) -> None:
        self.call = call
        self._end = time.monotonic() + total

    def left(self) -> float:
        """The seconds that the next call may take; raises DeadlineExceeded where none are left."""
        from google.api_core.exceptions import DeadlineExceeded

        left = min(self.call, self._end - time.monotonic())
        if left <= 0:
            raise DeadlineExceeded("no time is left")
        return left


def ways(config: Config, chosen: Callable[[GcpBigQuery | GcpFiles], bool] = lambda _: True) -> list[Way]:
    """Each way to Google once, in the order of the sources; none where there is none, or it leads to this machine.

    A source of a server on this machine (`endpoint`, an emulator's variable) is never taken to Google itself.
    """
    if any(os.environ.get(name) for name in _EMULATORS):
        return []
    named: dict[GcpAccess, list[str]] = {}
    for source in config.sources:
        if isinstance(source, GcpBigQuery | GcpFiles) and _is_google(source) and chosen(source):
            keys = {key: getattr(source, key) for key in GcpAccess.model_fields}
            named.setdefault(GcpAccess(**keys), []).append(source.name)
    return [Way(access, ", ".join(names)) for access, names in named.items()]


def _is_google(source: GcpBigQuery | GcpFiles) -> bool:
    if isinstance(source, GcpBigQuery):
        return source.endpoint is None and source.storage_endpoint is None
    has_keys = any(getattr(source, key) is not None for key in GcpAccess.model_fields)
    return has_keys or urlsplit(source.uri).scheme == "gs"


class Asking:
    """The clients of one way (which have no types); each is made when it is first needed."""

    def __init__(self, way: Way, patience: Patience) -> None:
        self.way = way
        self.patience = patience
        self._made: list[Any] = []

    @cached_property
    def _billing(self) -> Any:
        return self._kept(gcp_session.billing(self.way.access))

    @cached_property
    def _catalog(self) -> Any:
        return self._kept(gcp_session.catalog(self.way.access))

    @cached_property
    def _budgets(self) -> Any:
        return self._kept(gcp_session.budgets(self.way.access))

    def _kept(self, client: Any) -> Any:
        self._made.append(client)
        return client

    def close(self) -> None:
        """End the connections."""
        for client in self._made:
            with suppress(Exception):  # there is nothing to save
                client.transport.close()

    def sign_in(self) -> None:
        """Find the credentials; raises SourceError, and then all else would."""
        with _asked(_ACCOUNTS, "billing.accounts.list", f"source {self.way.sources}"):
            _ = self._billing, self._catalog

    def accounts(self) -> list[BillingAccount]:
        """All billing accounts that the credentials may see; raises SourceError."""
        from google.cloud.billing_v1 import ListBillingAccountsRequest

        with _asked(_ACCOUNTS, "billing.accounts.list", f"source {self.way.sources}"):
            pages = self._pages(self._billing.list_billing_accounts, ListBillingAccountsRequest(page_size=100))
            return [each for page in pages for each in page.billing_accounts]

    def projects(self, account: str) -> list[ProjectBillingInfo]:
        """All projects that a billing account pays for; raises SourceError."""
        from google.cloud.billing_v1 import ListProjectBillingInfoRequest

        where = f"billing account {account}, source {self.way.sources}"
        with _asked(_ACCOUNTS, "billing.resourceAssociations.list", where):
            request = ListProjectBillingInfoRequest(name=f"billingAccounts/{account}", page_size=100)
            pages = self._pages(self._billing.list_project_billing_info, request)
            return [each for page in pages for each in page.project_billing_info]

    def project_id(self, number: str) -> str:
        """The id of the project with that number; raises SourceError."""
        from google.cloud.billing_v1 import GetProjectBillingInfoRequest

        where = f"project {number}, source {self.way.sources}"
        with _asked(_ACCOUNTS, "resourcemanager.projects.get", where):
            seconds = self.patience.left()
            request = GetProjectBillingInfoRequest(name=f"projects/{number}")
            call = self._billing.get_project_billing_info
            return call(request=request, retry=retrying(seconds), timeout=seconds).project_id

    def services(self) -> dict[str, str]:
        """The names of all of Google's services by id; raises SourceError."""
        from google.cloud.billing_v1 import ListServicesRequest

        with _asked(_CATALOGUE, "serviceusage.services.use", f"source {self.way.sources}"):
            pages = self._pages(self._catalog.list_services, ListServicesRequest(page_size=5000))
            return {each.service_id: each.display_name for page in pages for each in page.services}

    def skus(self, service: str) -> Iterator[Any]:
        """All SKUs of a service (bare google.cloud.billing.v1.Sku messages), in USD; raises SourceError."""
        from google.cloud.billing_v1 import ListSkusRequest, ListSkusResponse

        with _asked(_CATALOGUE, "serviceusage.services.use", f"service {service}, source {self.way.sources}"):
            request = ListSkusRequest(parent=f"services/{service}", page_size=5000, currency_code="USD")
            for page in self._pages(self._catalog.list_skus, request):
                yield from (
                    cast("Any", ListSkusResponse).pb(page).skus
                )  # tens of thousands: without a wrapper around each

    def budgets(self, account: str) -> list[Budget]:
        """All budgets of a billing account; raises SourceError."""
        from google.cloud.billing.budgets_v1 import ListBudgetsRequest

        where = f"billing account {account}, source {self.way.sources}"
        with _asked(_BUDGETS, "billing.budgets.list", where):
            request = ListBudgetsRequest(parent=f"billingAccounts/{account}", page_size=100)
            return [each for page in self._pages(self._budgets.list_budgets, request) for each in page.budgets]

    def _pages(self, call: Callable[..., Any], request: Any) -> Iterator[Any]:
        """The answers page by page: the clients would wait for each page as long as for the first."""
        while True:
            seconds = self.patience.left()
            page = next(iter(call(request=request, retry=retrying(seconds), timeout=seconds).pages))
            yield page
            if not page.next_page_token:
                return
            request.page_token = page.next_page_token


@contextmanager
def asking(way: Way, patience: Patience) -> Generator[Asking]:
    """The clients of a way, until the block ends; raises SourceError where there are no credentials."""
    google = Asking(way, patience)
    try:
        yield google
    finally:
        google.close()


def exact(money: Any) -> Decimal:
    """A google.type.Money as it is: units and billionths."""
    return Decimal(f"{money.units * 10**9 + money.nanos}E-9")


@contextmanager
def _asked(service: str, permission: str, where: str) -> Generator[None]:
    """Google's exceptions as SourceError; as Unreachable where it did not answer however often it was asked."""
    from google.api_core import exceptions as google

    silent = False
    try:
        with google_errors(service, permission, where):
            try:
                yield
            except (google.RetryError, google.ServiceUnavailable, google.GatewayTimeout) as error:
                cause = error.cause if isinstance(error, google.RetryError) and error.cause else error
                silent = isinstance(cause, google.ServiceUnavailable | google.GatewayTimeout)
                raise cause from None
    except SourceError as error:
        if not silent:
            raise
        raise Unreachable(error.what, where=error.where, remedy=error.remedy) from None
