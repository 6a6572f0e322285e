"""How AWS is reached: the keys of a source that say so, and the one place where sessions and clients are made.

None of these keys changes what a source means, only who asks for it and by which way. Credentials come from
AWS's own chain (environment, profile, instance); a role is assumed on top of them and assumed again before
it expires, so that a long run outlives it.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Annotated, Any, cast
from urllib.parse import urlsplit

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field, model_validator

if TYPE_CHECKING:
    import boto3
    from botocore.credentials import DeferredRefreshableCredentials
    from botocore.session import Session as CoreSession

ATTEMPTS = 6
"""How often a request to AWS is made before its failure counts; the waits between are AWS's standard ones."""
CONNECTIONS = 32
SESSION_NAME = "finops"
"""What CloudTrail shows as the session of an assumed role."""
_ROLE = re.compile(r"arn:aws[a-z-]*:iam::\d{12}:role/[\w+=,.@/-]{1,512}", re.ASCII)


def _role(text: str) -> str:
    if _ROLE.fullmatch(text) is None:
        raise ValueError("a role is written as arn:aws:iam::ACCOUNT:role/NAME, with the account's twelve digits")
    return text


def _quoted(value: object) -> object:
    if isinstance(value, int):  # YAML takes the digits for a number, and 012345670123 for an octal one
        raise ValueError("an account id must stand in quotes, so that it keeps its zeros")
    return value


def _account(text: str) -> str:
    if re.fullmatch(r"[0-9]{12}", text) is None:
        raise ValueError("an account id has twelve digits")
    return text


def _url(text: str) -> str:
    parts = urlsplit(text)
    if parts.scheme not in {"http", "https"} or not parts.hostname or "@" in parts.netloc:
        raise ValueError("an endpoint is a URL: https://host or http://host:port")
    return text


def told(error: Exception) -> str:
    """What botocore says, for people: an endpoint or a proxy that it names may have a password in it."""
    if isinstance(error, ValueError):  # it may say any piece of what it could not read
        return "the endpoint is not a URL"
    return re.sub(r"(?s)(?:(?<=: )|(?<=://)).*@", "…@", str(error))


class AwsAccess(BaseModel):
    """The keys with which a source of AWS is reached; all of them may be left out."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    profile: Annotated[str, Field(min_length=1)] | None = None
    """A profile of AWS's configuration files."""
    region: Annotated[str, Field(min_length=1)] | None = None
    role_arn: Annotated[str, AfterValidator(_role)] | None = None
    """A role to assume: how another account lets its bucket be read."""
    external_id: Annotated[str, Field(min_length=2, max_length=1224)] | None = None
    """What the role's owner asks for besides; an identifier, no secret."""
    requester_pays: bool = False
    expected_bucket_owner: Annotated[str, BeforeValidator(_quoted), AfterValidator(_account)] | None = None
    """The account that must own the bucket: another's bucket of that name is refused by S3."""
    endpoint: Annotated[str, AfterValidator(_url)] | None = None
    """Another address of S3; AWS_ENDPOINT_URL where it is left out."""

    @model_validator(mode="after")
    def _with_a_role(self) -> AwsAccess:
        if self.external_id is not None and self.role_arn is None:
            raise ValueError("the key 'external_id' goes with the key 'role_arn'")
        return self


def session(source: AwsAccess) -> boto3.Session:
    """A session with a source's credentials; nothing is asked of AWS before it is used.

    Raises botocore's ProfileNotFound, and NoCredentialsError where a role is to be assumed with none.
    """
    import boto3

    core = _core(source)
    if source.role_arn is not None:
        core.register_component("credential_provider", _Given(_assumed(source, source.role_arn)))
    return boto3.Session(botocore_session=core)


def client(service: str, source: AwsAccess) -> Any:
    """A client of a service for a source; `endpoint` is S3's alone. Safe to share between threads."""
    from botocore.config import Config

    settings = Config(
        retries={"mode": "standard", "total_max_attempts": ATTEMPTS},
        max_pool_connections=CONNECTIONS,
        connect_timeout=20,
        read_timeout=60,
    )
    endpoint = source.endpoint if service == "s3" else None
    return cast("Any", session(source)).client(service, endpoint_url=endpoint, config=settings)


def _core(source: AwsAccess) -> CoreSession:
    from botocore.session import Session

    core = Session(profile=source.profile)
    if source.region is not None:
        core.set_config_variable("region", source.region)
    return core


class _Given:
    """Credentials in place of AWS's chain, which would find those of this machine."""

    def __init__(self, credentials: DeferredRefreshableCredentials) -> None:
        self.credentials = credentials

    def load_credentials(self) -> DeferredRefreshableCredentials:
        return self.credentials


def _assumed(source: AwsAccess, role: str) -> DeferredRefreshableCredentials:
    """The role's credentials, asked for on first use and again whenever they are about to expire."""
    from botocore.credentials import AssumeRoleCredentialFetcher, DeferredRefreshableCredentials
    from botocore.exceptions import NoCredentialsError

    core = _core(source)
    own = core.get_credentials()
    if own is None:
        raise NoCredentialsError
    region = core.get_config_variable("region") or "us-east-1"  # STS needs one, and every account has this

    def sts(service: str, **keys: Any) -> Any:
        return cast("Any", core).create_client(service, region_name=region, **keys)

    extra = {"RoleSessionName": SESSION_NAME} | ({"ExternalId": source.external_id} if source.external_id else {})
    fetcher = AssumeRoleCredentialFetcher(sts, own, role, extra_args=extra)
    return DeferredRefreshableCredentials(fetcher.fetch_credentials, "assume-role")
