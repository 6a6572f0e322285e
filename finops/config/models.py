"""What `finops.yaml` may say: one typed object. Relative paths in it are relative to the file."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Annotated, Any, Literal, cast
from urllib.parse import unquote, urlsplit

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, SecretStr, model_validator
from pydantic_settings import BaseSettings, SettingsConfigDict

from finops.clouds.aws_session import AwsAccess
from finops.clouds.gcp_session import Endpoint, GcpAccess

Name = Annotated[str, Field(pattern=r"^[a-z0-9][a-z0-9_-]{0,62}$")]


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


def _table(text: str) -> str:
    if re.fullmatch(r"[a-z][a-z0-9.:-]*\.\w+\.[\w-]+", text, re.ASCII) is None:
        raise ValueError("a table is written as project.dataset.table")
    return text


class AwsExport(AwsAccess):
    """An AWS export under an `s3://` prefix or in a folder with the same layout."""

    name: Name
    kind: Literal["aws-cur2", "aws-cur1", "aws-focus"]
    uri: str
    export: str | None = None

    @model_validator(mode="after")
    def _named(self) -> AwsExport:
        if self.kind != "aws-cur1" and self.export is None:
            raise ValueError(f"a source of kind {self.kind} needs the key 'export': the export's name in AWS")
        return self


class _GcpExport(GcpAccess):
    """What Google's exports have in common, wherever they lie."""

    name: Name
    basis: Literal["provider", "focus"] = "provider"
    """Where a commitment's cost stands: on Google's own rows, or as FOCUS wants it."""


class GcpBigQuery(_GcpExport):
    """A billing export table in BigQuery."""

    kind: Literal["gcp-bigquery"]
    table: Annotated[str, AfterValidator(_table)]
    endpoint: Endpoint | None = None
    storage_endpoint: Endpoint | None = None


class GcpFiles(_GcpExport):
    """Google's billing export as files, in a bucket or a folder."""

    kind: Literal["gcp-files"]
    uri: str


class FileSource(_Strict):
    """A file, or a folder with all files of the kind below it."""

    name: Name
    kind: Literal["focus-files", "cost-ledger"]
    uri: str


class PullTelemetry(_Strict):
    """GPU metrics from a monitoring system."""

    name: Name
    kind: Literal["prometheus", "victoriametrics", "cloudwatch", "cloud-monitoring"]
    url: str | None = None
    region: str | None = None
    project: str | None = None


class FileTelemetry(_Strict):
    """GPU samples from files."""

    name: Name
    kind: Literal["gpu-samples", "nvidia-smi"]
    uri: str


class Slack(_Strict):
    """Where alerts go: an incoming webhook, or a bot token with a channel."""

    webhook_url: SecretStr | None = None
    token: SecretStr | None = None
    channel: str | None = None

    @model_validator(mode="after")
    def _complete(self) -> Slack:
        if (self.webhook_url is None) == (self.token is None):
            raise ValueError("slack needs either 'webhook_url', or 'token' and 'channel'")
        if self.token is not None and self.channel is None:
            raise ValueError("slack with a 'token' needs a 'channel'")
        return self


class Keep(_Strict):
    """How many days what was replaced is kept: published warehouses, and landed files. The ledger stays."""

    snapshot_days: Annotated[int, Field(ge=0)] = 3
    landing_days: Annotated[int, Field(ge=0)] = 0


Source = Annotated[AwsExport | GcpBigQuery | GcpFiles | FileSource, Field(discriminator="kind")]
Telemetry = Annotated[PullTelemetry | FileTelemetry, Field(discriminator="kind")]


ASKING = {*AwsAccess.model_fields, *GcpAccess.model_fields, "endpoint", "storage_endpoint"}
"""Keys that say who asks for a source, and by which way: they do not change what it means."""
_EXPORT = re.compile(r"gcp_billing_export_(?:resource_v1|v1|focus)_(.+)")


def _place(source: Source, resolve: Callable[[str], Path]) -> str:
    """What a source means, however it is called, whoever asks for it, and however its folder is written."""
    place = source.model_dump(mode="json", exclude={"name", "basis", *(ASKING - {"endpoint"})})
    if "uri" in place:
        uri = str(place["uri"])
        place["uri"] = uri.rstrip("/") if urlsplit(uri).scheme in {"s3", "gs"} else str(resolve(uri))
    return json.dumps(place, sort_keys=True)


class Config(_Strict):
    """The whole of `finops.yaml`; `path` is where it was read from."""

    reporting_currency: Annotated[str, Field(pattern=r"^[A-Z]{3}$")] = "USD"
    home: Path = Path("var")
    sources: tuple[Source, ...] = Field(min_length=1)
    telemetry: tuple[Telemetry, ...] = ()
    stages: Path | None = None
    budgets: Path | None = None
    rates: Path | None = None
    slack: Slack | None = None
    keep: Keep = Keep()
    path: Path = Field(default=Path("finops.yaml"), exclude=True)

    @model_validator(mode="before")
    @classmethod
    def _relative_to_the_file(cls, given: dict[str, Any]) -> dict[str, Any]:
        """A service account's key file is named relative to the configuration, as all paths are."""
        base = Path(given.get("path", "finops.yaml")).parent
        sources = given.get("sources")
        if not isinstance(sources, (list, tuple)):
            return given
        entries: list[Any] = []
        for each in cast("list[Any]", sources):
            entry = cast("dict[str, Any]", each) if isinstance(each, dict) else {}
            file = entry.get("credentials_file")
            if isinstance(file, str) and file:  # what else it is, its own field refuses
                with suppress(ValueError, RuntimeError):  # no path at all, or nobody's home
                    each = {**entry, "credentials_file": (base / Path(file).expanduser()).resolve()}
            entries.append(each)
        return {**given, "sources": entries}

    @model_validator(mode="after")
    def _unique(self) -> Config:
        names = [each.name for each in (*self.sources, *self.telemetry)]
        twice = sorted({name for name in names if names.count(name) > 1})
        if twice:
            raise ValueError(f"the name {twice[0]!r} is given twice: every source and telemetry needs its own")
        known: dict[str, str] = {}
        for each in self.sources:
            other = known.setdefault(_place(each, self.resolve), each.name)
            if other != each.name:
                raise ValueError(f"{other!r} and {each.name!r} are the same bill: its money would count twice")
        self._one_export_an_account()
        return self

    def _one_export_an_account(self) -> None:
        """Google writes the same charges into its standard, its detailed and its FOCUS export."""
        known: dict[str, str] = {}
        for each in self.sources:
            named = _EXPORT.search(each.table) if isinstance(each, GcpBigQuery) else None
            if named is not None:
                account = named[1].replace("-", "_")
                other = known.setdefault(account, each.name)
                if other != each.name:
                    raise ValueError(
                        f"{other!r} and {each.name!r} are two exports of the billing account {account}: "
                        "each has all of its charges, so its money would count twice; keep the detailed one"
                    )

    def resolve(self, path: Path | str) -> Path:
        """A path of the configuration, or a file:// uri, relative to the file it stands in."""
        if str(path).startswith("file:"):
            return Path(unquote(urlsplit(str(path)).path))
        return (self.path.parent / Path(path).expanduser()).resolve()

    @property
    def home_dir(self) -> Path:
        """Where landing files, work file and published warehouse lie."""
        return self.resolve(self.home)

    @property
    def published(self) -> Path:
        """The published warehouse: what people query."""
        return self.home_dir / "finops.duckdb"


class Environment(BaseSettings):
    """What is set outside the file: `FINOPS_CONFIG` names it for programs that take no `--config`."""

    model_config = SettingsConfigDict(env_prefix="FINOPS_")

    config: Path = Path("finops.yaml")
