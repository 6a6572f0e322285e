"""Posting to Slack. No error, log line or representation ever holds the webhook's address or the token."""

from __future__ import annotations

import logging
import re
from http import HTTPStatus
from typing import TYPE_CHECKING, Any
from urllib.error import URLError
from urllib.parse import urlsplit

from slack_sdk import WebClient
from slack_sdk.errors import SlackApiError
from slack_sdk.http_retry.builtin_handlers import RateLimitErrorRetryHandler, ServerErrorRetryHandler
from slack_sdk.webhook import WebhookClient

from finops.alerts.blocks import Message
from finops.config import Slack
from finops.errors import AlertError

if TYPE_CHECKING:
    from slack_sdk.http_retry.handler import RetryHandler
    from slack_sdk.http_retry.response import HttpResponse

API_URL = WebClient.BASE_URL
TIMEOUT = 10
"""Seconds until Slack must have answered."""
RETRIES = 2
LONGEST_WAIT = 30
"""Seconds: a rate limit that asks for more is left to the next run."""

_LOOPBACK = {"localhost", "127.0.0.1", "::1"}
_CODE = re.compile(r"[a-z][a-z_]{1,60}")
_NEXT_RUN = "nothing: the alerts stay open, and the next run tries again"
_TOKEN = "give the environment variable of slack.token a bot token that is valid and has the scope chat:write"  # noqa: S105
_CHANNEL = "name a channel that exists and that the app is in: in slack.channel, or by a new webhook"
_WEBHOOK = "create a webhook in Slack and set the environment variable of slack.webhook_url to its address"
_REMEDIES = {
    **dict.fromkeys(("invalid_auth", "not_authed", "account_inactive", "token_revoked", "token_expired"), _TOKEN),
    **dict.fromkeys(("missing_scope", "no_permission", "not_allowed_token_type"), _TOKEN),
    **dict.fromkeys(("channel_not_found", "not_in_channel", "is_archived", "channel_is_archived"), _CHANNEL),
    **dict.fromkeys(("no_service", "no_service_id", "no_active_hooks", "no_team", "invalid_token"), _WEBHOOK),
}


class _RateLimit(RateLimitErrorRetryHandler):
    """Waits as long as Slack asks for, unless that is too long or not a number."""

    def _can_retry(self, *, response: HttpResponse | None = None, **_: Any) -> bool:
        if response is None or response.status_code != HTTPStatus.TOO_MANY_REQUESTS:
            return False
        headers = {key.lower(): value for key, value in response.headers.items()}
        wait = (headers.get("retry-after") or ["1"])[0]
        return wait.isdecimal() and int(wait) <= LONGEST_WAIT


def post(slack: Slack, message: Message) -> None:
    """Post a message through the configured webhook or token.

    Rate limits and Slack's own errors are tried again RETRIES times. Raises AlertError.
    """
    if slack.webhook_url is not None:
        _post_webhook(slack.webhook_url.get_secret_value(), message)
    elif slack.token is not None and slack.channel is not None:
        _post_token(slack.token.get_secret_value(), slack.channel, message)


def _post_webhook(url: str, message: Message) -> None:
    if not _is_safe(url):
        raise _error("the webhook's address is not an https:// address", "slack webhook", _WEBHOOK)
    client = WebhookClient(url, timeout=TIMEOUT, logger=_silent(), retry_handlers=_retries())
    try:
        answer = client.send(text=message.text, blocks=list(message.blocks), unfurl_links=False)
    except Exception as error:  # whatever it is, its text may hold the address
        raise _unreached(error, "slack webhook", _WEBHOOK) from None
    if answer.status_code != HTTPStatus.OK or answer.body.strip() != "ok":
        raise _refused(answer.status_code, answer.body.strip(), "slack webhook", _WEBHOOK)


def _post_token(token: str, channel: str, message: Message) -> None:
    where = "slack token, chat.postMessage"
    handlers = _retries()
    client: Any = WebClient(token, API_URL, timeout=TIMEOUT, logger=_silent(), retry_handlers=handlers)
    try:
        client.chat_postMessage(channel=channel, text=message.text, blocks=list(message.blocks), unfurl_links=False)
    except SlackApiError as error:
        answer: Any = error.response
        raise _refused(answer.status_code, str(answer.get("error")), where, _TOKEN) from None
    except Exception as error:  # whatever it is, its text may hold the token
        raise _unreached(error, where, _TOKEN) from None


def _is_safe(url: str) -> bool:
    """Encrypted, or not leaving this machine."""
    try:
        parts = urlsplit(url)
    except ValueError:
        return False
    return bool(parts.hostname) and (
        parts.scheme == "https" or (parts.scheme == "http" and parts.hostname in _LOOPBACK)
    )


def _silent() -> logging.Logger:
    """A logger that says nothing: the client's debug lines hold addresses and headers."""
    logger = logging.Logger("slack_sdk", level=logging.CRITICAL + 1)
    logger.addHandler(logging.NullHandler())
    return logger


def _retries() -> list[RetryHandler]:
    return [_RateLimit(max_retry_count=RETRIES), ServerErrorRetryHandler(max_retry_count=RETRIES)]


def _refused(status: int, answer: str, where: str, remedy: str) -> AlertError:
    """Slack answered, and did not take the message. Only an error code of its kind is repeated."""
    code = answer if _CODE.fullmatch(answer) and answer != "ok" else None
    what = f"Slack did not take the message: HTTP {status}" + (f", {code}" if code else "")
    if status == HTTPStatus.OK and code is None:
        what = "the message was answered, but not by Slack: HTTP 200 with another text"
    if status == HTTPStatus.TOO_MANY_REQUESTS or status >= HTTPStatus.INTERNAL_SERVER_ERROR or code == "ratelimited":
        remedy = _NEXT_RUN
    elif code is not None and code not in _REMEDIES and status in (HTTPStatus.OK, HTTPStatus.BAD_REQUEST):
        remedy = f"look up {code} in Slack's documentation; the alerts stay open"
    return _error(what, where, _REMEDIES.get(code or "", remedy))


def _unreached(error: Exception, where: str, remedy: str) -> AlertError:
    """There was no answer. Only what the operating system says is repeated."""
    cause = error.reason if isinstance(error, URLError) else error
    if isinstance(cause, TimeoutError):
        return _error(f"Slack did not answer within {TIMEOUT} seconds", where, _NEXT_RUN)
    if isinstance(cause, OSError):
        reason = f": {cause.strerror}" if cause.strerror else ""
        return _error(
            f"Slack could not be reached{reason}",
            where,
            "check the network and its proxy; the next run tries again",
        )
    return _error(f"the message could not be sent ({type(cause).__name__})", where, remedy)


def _error(what: str, where: str, remedy: str) -> AlertError:
    return AlertError(what, where=where, remedy=remedy)
