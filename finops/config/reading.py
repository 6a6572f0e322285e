"""Reading `finops.yaml`: every mistake is named with its file, line and key.

`${NAME}` inside a string is taken from the environment after the file is parsed, so that a value can
never change the structure. Secrets may come from nowhere else.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any, cast

from pydantic import ValidationError

from finops.config.models import (
    AwsExport,
    Config,
    FileSource,
    FileTelemetry,
    GcpBigQuery,
    GcpFiles,
    PullTelemetry,
    Slack,
)
from finops.errors import ConfigError
from finops.files.yamlfile import Document, Path_, nearest, read_yaml

_MODELS = (AwsExport, GcpBigQuery, GcpFiles, FileSource, PullTelemetry, FileTelemetry)
_VARIABLE = re.compile(r"\$\{([A-Za-z_][A-Za-z0-9_]*)\}")
_SECRET_KEYS = {"webhook_url", "token"}
_SECRET_TEXT = re.compile(
    r"hooks\.slack\.com/services/|\bxox[a-z]-|\b(?:AKIA|ASIA)[0-9A-Z]{16}\b|-----BEGIN|://[^/\s:@]+:[^/\s@]+@"
)


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
    for model in _MODELS:
        if kind in model.model_fields["kind"].annotation.__args__:  # type: ignore[union-attr]
            return list(model.model_fields)
    return []


def _explain(document: Document, error: ValidationError) -> ConfigError:
    """The first mistake as one of ours: never with the value, which may be a secret."""
    errors = error.errors(include_url=False, include_input=False)
    # a misspelled key is missing under its right name: the spelling is what to tell
    first = min(errors, key=lambda each: each["type"] != "extra_forbidden")
    # a discriminated union puts the kind's own name into the location: it is no key of the file
    # what is wrong with several sources together has no place of its own
    at = document.existing(tuple(first["loc"]) or ("sources",))
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
