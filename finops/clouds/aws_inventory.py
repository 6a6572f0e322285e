"""What AWS is asked besides bills: instance types, account names, budgets, and who is asking.

Every call is one that a person may not be allowed to make: what is refused becomes a SourceError that names
the permission, for the caller to tell and to go on.
"""

from __future__ import annotations

from collections.abc import Generator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, cast

from finops.clouds import aws_session
from finops.clouds.aws_session import AwsAccess
from finops.config import AwsExport, Config
from finops.errors import SourceError

if TYPE_CHECKING:
    from mypy_boto3_budgets import BudgetsClient
    from mypy_boto3_budgets.type_defs import BudgetOutputTypeDef
    from mypy_boto3_ec2 import EC2Client
    from mypy_boto3_ec2.type_defs import InstanceTypeInfoTypeDef
    from mypy_boto3_organizations import OrganizationsClient
    from mypy_boto3_organizations.type_defs import AccountTypeDef
    from mypy_boto3_sts import STSClient

HOME_REGION = "us-east-1"
"""Where AWS's global services are asked when nothing names a region."""
_DENIED = {"AccessDenied", "AccessDeniedException", "UnauthorizedOperation", "403"}
_UNKNOWN = {"AuthFailure", "InvalidClientTokenId", "UnrecognizedClientException", "SignatureDoesNotMatch"}
_EXPIRED = {"ExpiredToken", "ExpiredTokenException", "RequestExpired"}
_BUSY = {"RequestLimitExceeded", "Throttling", "ThrottlingException", "TooManyRequestsException"}
_NO_ORGANISATION = "AWSOrganizationsNotInUseException"


@dataclass(frozen=True)
class Way:
    """One way to AWS: its keys, and the sources of the configuration that go it (`aws-main, aws-old`)."""

    access: AwsAccess
    sources: str

    def client(self, service: str, region: str | None = None) -> Any:
        """A client of a service; in this way's own region where none is named."""
        chosen = region or self.region or HOME_REGION
        return aws_session.client(service, self.access.model_copy(update={"region": chosen}))

    @property
    def region(self) -> str | None:
        """The region of the source or of AWS's own settings."""
        return self.access.region or aws_session.session(self.access).region_name


def ways(config: Config) -> list[Way]:
    """Each way to AWS once, in the order of the sources; none where no source is AWS's."""
    named: dict[AwsAccess, list[str]] = {}
    for source in config.sources:
        if isinstance(source, AwsExport):
            keys = {key: getattr(source, key) for key in ("profile", "region", "role_arn", "external_id")}
            named.setdefault(AwsAccess(**keys), []).append(source.name)
    return [Way(access, ", ".join(names)) for access, names in named.items()]


def instance_types(way: Way, region: str) -> list[InstanceTypeInfoTypeDef]:
    """All instance types of a region, with and without accelerators; raises SourceError."""
    with asked("EC2", "ec2:DescribeInstanceTypes", f"{region}, source {way.sources}"):
        client = cast("EC2Client", way.client("ec2", region))
        pages = client.get_paginator("describe_instance_types").paginate()
        return [each for page in pages for each in page.get("InstanceTypes", [])]


def accounts(way: Way) -> list[AccountTypeDef]:
    """All accounts of the organisation; raises SourceError, also where there is no organisation."""
    with asked("Organizations", "organizations:ListAccounts", f"source {way.sources}"):
        client = cast("OrganizationsClient", way.client("organizations"))
        return [each for page in client.get_paginator("list_accounts").paginate() for each in page["Accounts"]]


def caller(way: Way) -> str:
    """The account whose credentials these are; raises SourceError."""
    with asked("STS", "sts:GetCallerIdentity", f"source {way.sources}"):
        return cast("STSClient", way.client("sts")).get_caller_identity()["Account"]


def management_account(way: Way) -> str | None:
    """The account that pays for the organisation; None where there is no organisation. Raises SourceError."""
    with asked("Organizations", "organizations:DescribeOrganization", f"source {way.sources}"):
        from botocore.exceptions import ClientError

        client = cast("OrganizationsClient", way.client("organizations"))
        try:
            return client.describe_organization()["Organization"].get("MasterAccountId")
        except ClientError as error:
            if _code(error) == _NO_ORGANISATION:
                return None
            raise


def budgets(way: Way, account: str) -> list[BudgetOutputTypeDef]:
    """All budgets of an account, with their filters; raises SourceError."""
    with asked("Budgets", "budgets:ViewBudget", f"account {account}, source {way.sources}"):
        client = cast("BudgetsClient", way.client("budgets"))
        pages = client.get_paginator("describe_budgets").paginate(AccountId=account, ShowFilterExpression=True)
        return [each for page in pages for each in page.get("Budgets", [])]


@contextmanager
def asked(service: str, action: str, where: str) -> Generator[None]:
    """botocore's exceptions as SourceError: AWS's code, and what it takes; never AWS's text, which may tell more."""
    from botocore.exceptions import BotoCoreError, ClientError

    try:
        yield
    except ClientError as error:
        code = _code(error)
        raise SourceError(f"{service} refused {action}: {code}", where=where, remedy=_remedy(code, action)) from None
    except (BotoCoreError, ValueError) as error:  # ValueError: an endpoint that is no URL
        raise SourceError(
            f"{service} could not be asked: {aws_session.told(error)}",
            where=where,
            remedy="check credentials (aws sts get-caller-identity), region and network",
        ) from None


def _code(error: Any) -> str:
    return str(error.response.get("Error", {}).get("Code", "?"))


def _remedy(code: str, action: str) -> str:
    if code in _DENIED:
        managing = "organizations:" in action
        who = " of the management account, or of one it has delegated this to" if managing else ""
        return f"allow {action} for the credentials{who}"
    if code in _UNKNOWN:
        return "check the credentials (aws sts get-caller-identity), and that the account has this region switched on"
    if code in _EXPIRED:
        return "sign in again: the credentials have expired"
    if code in _BUSY:
        return "try again in a minute: AWS is asked too often"
    if code == _NO_ORGANISATION:
        return "nothing: the account is in no organisation"
    if code == "OptInRequired":
        return "switch the region on for the account, or name other regions"
    return "try again; if it persists, look the code up in AWS's documentation"
