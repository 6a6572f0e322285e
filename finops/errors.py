"""Every error that a user can meet.

FinopsError
├── ConfigError      exit 2   the configuration or the command line is wrong
├── SourceError      exit 1   a bill could not be read, or is not what it says it is
├── TelemetryError   exit 1   GPU samples could not be read
├── CheckError       exit 1   the numbers do not add up: nothing was published
├── WarehouseError   exit 1   the warehouse cannot be opened, written or published
└── AlertError       exit 1   a message could not be delivered

Each says what happened, where (file, line, key) and what to do about it.
"""

from __future__ import annotations


class FinopsError(Exception):
    """The root: catching it catches all that is the user's to repair.

    `what` happened; `where` names the file, line or key; `remedy` is the next step.
    """

    exit_code = 1

    def __init__(self, what: str, *, where: str | None = None, remedy: str | None = None) -> None:
        self.what = what
        self.where = where
        self.remedy = remedy
        super().__init__(str(self))

    def __str__(self) -> str:
        """One paragraph: what, where, what to do."""
        parts = [_sentence(self.what)]
        if self.where:
            parts.append(f"Where: {_sentence(self.where)}")
        if self.remedy:
            parts.append(f"What to do: {_sentence(self.remedy)}")
        return " ".join(parts)


class ConfigError(FinopsError):
    """The configuration or the command line is wrong."""

    exit_code = 2


class SourceError(FinopsError):
    """A bill could not be read, or is not what it says it is."""


class TelemetryError(FinopsError):
    """GPU samples could not be read, or are not what they say they are."""


class CheckError(FinopsError):
    """A blocking check fell short: nothing was published."""


class WarehouseError(FinopsError):
    """The warehouse cannot be opened, written or published."""


class AlertError(FinopsError):
    """A message could not be delivered."""


def _sentence(text: str) -> str:
    # names come from bills and files: what would steer a terminal is shown, not obeyed
    text = "".join(each if each.isprintable() else repr(each)[1:-1] for each in " ".join(text.split()))
    return text if text.endswith((".", "!", "?")) else f"{text}."
