"""`finops.yaml`: one typed object, every mistake named with its file, line and key.

`${NAME}` inside a string is taken from the environment after the file is parsed, so that a value can
never change the structure. Secrets may come from nowhere else. Relative paths are relative to the file.
"""

from __future__ import annotations

import json
import os
import re
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Annotated, Any, Literal, cast
from urllib.parse import unquote, urlsplit

from pydantic import BaseModel, ConfigDict, Field, SecretStr, ValidationError, model_validator
from pydantic_settings import BaseSettings, SettingsConfigDict

from finops.aws_session import AwsAccess
from finops.errors import ConfigError
from finops.yamlfile import Document, Path_, nearest, read_yaml

_VARIABLE = re.compile(r"\$\{([A-Za-z_][A-Za-z0-9_]*)\}")
_SECRET_KEYS = {"webhook_url", "token"}
_SECRET_TEXT = re.compile(
    r"hooks\.slack\.com/services/|\bxox[a-z]-|\b(?:AKIA|ASIA)[0-9A-Z]{16}\b|-----BEGIN|://[^/\s:@]+:[^/\s@]+@"
)

Name = Annotated[str, Field(pattern=r"^[a-z0-9][a-z0-9_-]{0,62}$")]
Period = Annotated[str, Field(pattern=r"^\d{4}-(0[1-9]|1[0-2])$")]


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


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


class GcpBigQuery(_Strict):
    """A billing export table in BigQuery."""

    name: Name
    kind: Literal["gcp-bigquery"]
    table: str
    endpoint: str | None = None
    storage_endpoint: str | None = None


class FileSource(_Strict):
    """A file, or a folder with all files of the kind below it."""

    name: Name
    kind: Literal["gcp-files", "focus-files", "cost-ledger"]
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


Source = Annotated[AwsExport | GcpBigQuery | FileSource, Field(discriminator="kind")]
Telemetry = Annotated[PullTelemetry | FileTelemetry, Field(discriminator="kind")]


def _place(source: Source, resolve: Callable[[str], Path]) -> str:
    """What a source means, however it is called, whoever asks for it, and however its folder is written."""
    asking = set(AwsAccess.model_fields) - {"endpoint"}
    place = source.model_dump(mode="json", exclude={"name", *asking})
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
    slack: Slack | None = None
    path: Path = Field(default=Path("finops.yaml"), exclude=True)

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
        return self

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


def load_config(path: Path) -> Config:
    """Read, check and resolve a configuration file; raises ConfigError with file, line and key."""
    document = read_yaml(path, "name another with --config, or start from the finops.yaml that the README shows")
    value: Any = document.value
    if not isinstance(value, dict):
        raise ConfigError(
            "the configuration is not a mapping of keys to values",
            where=str(path),
            remedy="start it with 'sources:' as the README shows",
        )
    _refuse_secrets(document)
    for key in map(str, cast("dict[object, Any]", value)):
        if key not in _known_keys((key,), None):
            remedy = nearest(key, _known_keys((key,), None))
            raise ConfigError(f"unknown key {key!r}", where=document.where((key,)), remedy=remedy)
    try:
        return Config.model_validate({**_interpolate(document, value, ()), "path": path.resolve()})
    except ValidationError as error:
        raise _explain(document, error) from None


def _strings(value: object, at: Path_ = ()) -> Iterator[tuple[Path_, str]]:
    if isinstance(value, dict):
        for key, each in cast("dict[str, object]", value).items():
            yield from _strings(each, (*at, key))
    elif isinstance(value, list):
        for index, each in enumerate(cast("list[object]", value)):
            yield from _strings(each, (*at, index))
    elif isinstance(value, str):
        yield at, value


def _refuse_secrets(document: Document) -> None:
    # a forgotten space, `webhook_url:https://…`, makes the secret a part of the key
    found = [at[:-1] for at in document.lines if at and _SECRET_TEXT.search(str(at[-1]))]
    for at, text in _strings(document.value):
        named = at[-1] in _SECRET_KEYS and at[0] == "slack" and not _VARIABLE.fullmatch(text)
        if named or _SECRET_TEXT.search(text):
            found.append(at)
    if found:
        raise ConfigError(
            "a secret is written out in the file",
            where=document.where(found[0]),
            remedy="put it into an environment variable and write ${ITS_NAME} here; "
            "then replace the secret, since the file may have been shared",
        )


def _interpolate(document: Document, value: Any, at: Path_) -> Any:
    if isinstance(value, dict):
        items = cast("dict[str, Any]", value).items()
        return {key: _interpolate(document, each, (*at, key)) for key, each in items}
    if isinstance(value, list):
        return [_interpolate(document, each, (*at, i)) for i, each in enumerate(cast("list[Any]", value))]
    if not isinstance(value, str):
        return value

    def variable(match: re.Match[str]) -> str:
        found = os.environ.get(match[1])
        if found is None:
            raise ConfigError(
                f"the environment variable {match[1]} is not set",
                where=document.where(at),
                remedy=f"export {match[1]}=… or remove the key",
            )
        return found

    return _VARIABLE.sub(variable, value)


def _known_keys(at: Path_, value: object) -> list[str]:
    """The keys that a mapping at this place may have."""
    if len(at) == 1:
        return [name for name in Config.model_fields if name != "path"]
    if at[0] == "slack":
        return list(Slack.model_fields)
    kind = cast("dict[str, object]", value).get("kind") if isinstance(value, dict) else None
    for model in (AwsExport, GcpBigQuery, FileSource, PullTelemetry, FileTelemetry):
        if kind in model.model_fields["kind"].annotation.__args__:  # type: ignore[union-attr]
            return list(model.model_fields)
    return []


def _explain(document: Document, error: ValidationError) -> ConfigError:
    """The first mistake as one of ours: never with the value, which may be a secret."""
    errors = error.errors(include_url=False, include_input=False)
    # a misspelled key is missing under its right name: the spelling is what to tell
    first = min(errors, key=lambda each: each["type"] != "extra_forbidden")
    # a discriminated union puts the kind's own name into the location: it is no key of the file
    at = document.existing(tuple(first["loc"]))
    kind, message = first["type"], first["msg"].removeprefix("Value error, ")
    if kind == "extra_forbidden":
        close = nearest(str(at[-1]), _known_keys(at, document.at(at[:-1])))
        return ConfigError(f"unknown key {str(at[-1])!r}", where=document.where(at), remedy=close)
    if kind == "missing":
        return ConfigError(
            f"the key {str(first['loc'][-1])!r} is missing",
            where=document.where(at),
            remedy="add it as the README shows",
        )
    if kind in {"union_tag_invalid", "union_tag_not_found"}:
        return _explain_kind(document, at, first)
    return ConfigError(message, where=document.where(at), remedy="correct the value at this key")


def _explain_kind(document: Document, at: Path_, first: Any) -> ConfigError:
    given = document.at((*at, "kind"))
    expected = re.findall(r"'([a-z0-9-]+)'", str(first.get("ctx", {}).get("expected_tags", "")))
    if given is None:
        return ConfigError("the key 'kind' is missing", where=document.where(at), remedy=nearest("", expected))
    return ConfigError(
        f"unknown kind {given!r}",
        where=document.where((*at, "kind")),
        remedy=nearest(str(given), expected),
    )
