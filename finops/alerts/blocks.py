"""Alerts as one Slack message in Block Kit: within Slack's limits, and nothing in it that Slack would obey.

Bodies are `plain_text` objects, in which no markup is interpreted; &, < and > are escaped as Slack asks for
in every text object (https://docs.slack.dev/messaging/formatting-message-text), so that no value of a bill
can mention a channel or make a link.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from finops.alerts.conditions import KINDS

MOST_BLOCKS = 50
LONGEST_SECTION = 3000
LONGEST_HEADER = 150
LONGEST_MESSAGE = 9000
"""Characters of all blocks together. Slack documents no such limit but refuses longer ones as
msg_blocks_too_long, reported from 11,341 characters on (slackapi/bolt-js issues 2509 and 2867)."""

_ENTITIES = {"&": "&amp;", "<": "&lt;", ">": "&gt;"}
_MENTION = re.compile(r"@(?=here\b|channel\b|everyone\b)", re.IGNORECASE)
Block = dict[str, object]


@dataclass(frozen=True)
class Alert:
    """An alert that waits to be sent."""

    alert_id: str
    kind: str
    message: str


@dataclass(frozen=True)
class Message:
    """A Slack message: its blocks, and the text of its notification."""

    text: str
    blocks: tuple[Block, ...]


def escape(text: str, longest: int = LONGEST_SECTION) -> str:
    """The text for a Slack text object, cut so that the escaped form has at most `longest` characters."""
    # a zero-width space keeps clients that link names in plain text from alerting a channel
    pieces = [_ENTITIES.get(char, char) for char in _MENTION.sub("@\u200b", text)]
    if sum(map(len, pieces)) <= longest:
        return "".join(pieces)
    room, kept = longest - 1, list[str]()
    for piece in pieces:
        room -= len(piece)
        if room < 0:
            break
        kept.append(piece)
    return "".join(kept) + "…"


def note(text: str) -> Message:
    """A message of one paragraph."""
    body = escape(text)
    return Message(escape(text, LONGEST_HEADER), (_section(body),))


def digest(alerts: Sequence[Alert]) -> Message:
    """All alerts as one message: what does not fit is counted by kind."""
    title = f"finops: {len(alerts):,} new {'alert' if len(alerts) == 1 else 'alerts'}"
    counts = _counts(alerts)
    blocks: list[Block] = [
        {"type": "header", "text": _plain_text(title)},
        {"type": "context", "elements": [_plain_text(counts)]},
    ]
    # room is kept for the line that counts the rest
    length = len(title) + 2 * len(counts) + LONGEST_HEADER
    for shown, alert in enumerate(alerts):
        body = escape(f"{KINDS.get(alert.kind, alert.kind)}: {alert.message}")
        length += len(body)
        if length > LONGEST_MESSAGE or len(blocks) == MOST_BLOCKS - 1:
            blocks.append(_section(_rest(alerts[shown:])))
            break
        blocks.append(_section(body))
    return Message(f"{title}: {counts}", tuple(blocks))


def _rest(alerts: Sequence[Alert]) -> str:
    return f"… and {len(alerts):,} more ({_counts(alerts)}). All of them: finops sql 'FROM alert.events'"


def _counts(alerts: Iterable[Alert]) -> str:
    """'2 budget over, 1 idle GPU', in the order of KINDS."""
    counts = Counter(alert.kind for alert in alerts)
    titles = {kind: title[0].lower() + title[1:] for kind, title in KINDS.items()}
    return ", ".join(f"{counts[kind]:,} {title}" for kind, title in titles.items() if counts[kind])


def _section(text: str) -> Block:
    return {"type": "section", "text": _plain_text(text)}


def _plain_text(text: str) -> Block:
    return {"type": "plain_text", "text": text, "emoji": False}
