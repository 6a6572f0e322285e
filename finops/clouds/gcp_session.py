"""How Google Cloud is reached: the keys of a source that say so, and the one place where clients are made.

None of these keys changes what a source means, only who asks for it. Credentials are Google's application
default ones (environment, gcloud, the machine's service account), or those of a service account's file; another
service account is impersonated on top of them. A server in plain text is only spoken to on this machine, and
without credentials.
"""

from __future__ import annotations

import os
import re
from ipaddress import ip_address
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Final, cast
from urllib.parse import urlsplit

from pydantic import AfterValidator, BaseModel, ConfigDict

from finops.errors import SourceError

if TYPE_CHECKING:
    import grpc
    from google.api_core.retry import Retry
    from google.auth.credentials import Credentials
    from google.cloud.bigquery import Client as BigQueryClient
    from google.cloud.bigquery_storage import BigQueryReadClient
    from google.cloud.billing.budgets_v1 import BudgetServiceClient
    from google.cloud.billing_v1 import CloudBillingClient, CloudCatalogClient

SCOPE: Final = "https://www.googleapis.com/auth/cloud-platform"
PATIENCE: Final = 120.0
"""Seconds for which a call that Google could not answer just now is made again."""
_ACCOUNT = re.compile(r"[a-z0-9-]{1,63}@[a-z0-9.-]{1,255}")


def _service_account(text: str) -> str:
    if _ACCOUNT.fullmatch(text) is None:
        raise ValueError("a service account is written as name@project.iam.gserviceaccount.com")
    return text


def _project(text: str) -> str:
    if re.fullmatch(r"[a-z0-9][a-z0-9.:-]*", text) is None:
        raise ValueError("a project is written as its id, such as my-project")
    return text


def _file(path: Path) -> Path:
    if "\0" in str(path) or path == Path():
        raise ValueError("this is not the name of a file")
    return path


def plain(endpoint: str) -> str:
    """The `host:port` of a server in plain text; raises ValueError where it is not on this machine.

    `endpoint` is `http://host:port` or `host:port`.
    """
    parts = urlsplit(endpoint if "//" in endpoint else f"//{endpoint}")
    host = parts.hostname or ""
    try:
        local = host == "localhost" or ip_address(host).is_loopback
        port = parts.port
    except ValueError:
        local, port = False, None
    if not local or port is None or parts.scheme not in {"", "http"} or "@" in parts.netloc:
        raise ValueError("an endpoint is http://127.0.0.1:port: plain text is spoken on this machine alone")
    return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"


def _endpoint(text: str) -> str:
    plain(text)
    return text


Endpoint = Annotated[str, AfterValidator(_endpoint)]
"""The address of a server on this machine that speaks Google's language."""


class GcpAccess(BaseModel):
    """The keys with which a source of Google Cloud is reached; all of them may be left out."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    credentials_file: Annotated[Path, AfterValidator(_file)] | None = None
    """A service account's key file. Its content stays where it is."""
    impersonate: Annotated[str, AfterValidator(_service_account)] | None = None
    """A service account to act as: the credentials need roles/iam.serviceAccountTokenCreator on it."""
    quota_project: Annotated[str, AfterValidator(_project)] | None = None
    """The project that queries run in and that requests are counted for; the table's own where it is left out."""


def credentials(access: GcpAccess) -> Credentials:
    """The credentials of a source, refreshed as they expire; raises google.auth's errors, SourceError."""
    import google.auth
    from google.auth import impersonated_credentials
    from google.oauth2 import service_account

    if access.credentials_file is not None:
        key = cast("Any", service_account.Credentials)
        try:
            found: Any = key.from_service_account_file(str(access.credentials_file), scopes=[SCOPE])
        except (ValueError, OSError) as error:  # what it says may quote the key
            what = f"cannot be read: {error.strerror}" if isinstance(error, OSError) else "is no service account's key"
            raise SourceError(
                f"the file that credentials_file names {what}",
                where=str(access.credentials_file),
                remedy="name the JSON file that Google gave for a service account's key, or leave credentials_file "
                "out and sign in (gcloud auth application-default login)",
            ) from None
    else:
        found = cast("Any", google.auth).default(scopes=[SCOPE])[0]
    if access.impersonate is not None:
        found = cast("Any", impersonated_credentials.Credentials)(found, access.impersonate, [SCOPE])
    if access.quota_project is not None:
        found = found.with_quota_project(access.quota_project)
    return cast("Credentials", found)


def anonymous() -> Credentials:
    """No credentials: for a server on this machine."""
    from google.auth.credentials import AnonymousCredentials

    return cast("Any", AnonymousCredentials)()


def bigquery(access: GcpAccess, project: str, endpoint: str | None = None) -> BigQueryClient:
    """BigQuery's REST client: queries, tables, rows page by page."""
    from google.cloud.bigquery import Client

    there = endpoint or os.environ.get("BIGQUERY_EMULATOR_HOST")
    options = {"api_endpoint": f"http://{plain(there)}"} if there else None
    who = anonymous() if there else credentials(access)
    return Client(project=access.quota_project or project, credentials=who, client_options=options)


def emulated(endpoint: str | None) -> bool:
    """Whether BigQuery is a server on this machine."""
    return bool(endpoint or os.environ.get("BIGQUERY_EMULATOR_HOST"))


def bigquery_read(access: GcpAccess, endpoint: str | None = None) -> BigQueryReadClient:
    """The client of the BigQuery Storage Read API."""
    from google.cloud.bigquery_storage import BigQueryReadClient
    from google.cloud.bigquery_storage_v1.services.big_query_read.transports import BigQueryReadGrpcTransport

    return _client(BigQueryReadClient, BigQueryReadGrpcTransport, access, endpoint)


def storage(access: GcpAccess) -> Any:
    """The client of Cloud Storage (google.cloud.storage.Client, which has no types), or of STORAGE_EMULATOR_HOST."""
    from google.cloud.storage import Client  # pyright: ignore[reportMissingTypeStubs]

    # else the client looks the bucket up behind one's back, for traces: that takes another permission
    os.environ.setdefault("DISABLE_GCS_PYTHON_CLIENT_OTEL_BUCKET_METADATA", "true")
    there = os.environ.get("STORAGE_EMULATOR_HOST")
    if there:
        options = {"api_endpoint": f"http://{plain(there)}"}
        return cast("Any", Client)(project="local", credentials=anonymous(), client_options=options)
    return cast("Any", Client)(project=access.quota_project or "-", credentials=credentials(access))


def billing(access: GcpAccess) -> CloudBillingClient:
    """The client of billing accounts and the projects that they pay for."""
    from google.cloud.billing_v1 import CloudBillingClient
    from google.cloud.billing_v1.services.cloud_billing.transports import CloudBillingGrpcTransport

    return _client(CloudBillingClient, CloudBillingGrpcTransport, access)


def catalog(access: GcpAccess) -> CloudCatalogClient:
    """The client of Google's services and SKUs with their list prices."""
    from google.cloud.billing_v1 import CloudCatalogClient
    from google.cloud.billing_v1.services.cloud_catalog.transports import CloudCatalogGrpcTransport

    return _client(CloudCatalogClient, CloudCatalogGrpcTransport, access)


def budgets(access: GcpAccess) -> BudgetServiceClient:
    """The client of the budgets of billing accounts."""
    from google.cloud.billing.budgets_v1 import BudgetServiceClient
    from google.cloud.billing.budgets_v1.services.budget_service.transports import BudgetServiceGrpcTransport

    return _client(BudgetServiceClient, BudgetServiceGrpcTransport, access)


def channel(service: str) -> grpc.Channel | None:  # noqa: ARG001 - for those who replace it
    """Another channel to a service (`CloudCatalogClient`, …) than Google's own; a test puts its own in here."""
    return None


def _client(kind: type[Any], transport: type[Any], access: GcpAccess, endpoint: str | None = None) -> Any:
    if endpoint is not None:
        return kind(transport=transport(channel=_insecure(plain(endpoint))))
    other = channel(kind.__name__)
    if other is not None:
        return kind(transport=transport(channel=other))
    return kind(credentials=credentials(access))


def _insecure(target: str) -> grpc.Channel:
    import grpc

    # the Storage Read API answers with up to 128 MB at a time
    return grpc.insecure_channel(target, options=[("grpc.max_receive_message_length", -1)])


def retrying(seconds: float = PATIENCE) -> Retry:
    """Try again what Google could not answer just now: most of its clients do not by themselves."""
    from google.api_core import exceptions as google
    from google.api_core.retry import Retry, if_exception_type

    passing = if_exception_type(
        google.ServiceUnavailable,
        google.TooManyRequests,  # RESOURCE_EXHAUSTED too
        google.InternalServerError,
        google.GatewayTimeout,  # DEADLINE_EXCEEDED too
        google.BadGateway,
        ConnectionError,
    )
    return Retry(predicate=passing, initial=0.2, maximum=20.0, timeout=seconds)


def retrying_rest(seconds: float = PATIENCE) -> Retry:
    """The same for BigQuery's REST client, which knows by the reason given which refusals pass."""
    from google.cloud.bigquery import DEFAULT_RETRY

    return DEFAULT_RETRY.with_timeout(seconds).with_delay(initial=0.2, maximum=20.0)
