"""Which old versions of something have had their time: each was good until the next one came."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timedelta
from itertools import pairwise
from typing import TypeVar

Key = TypeVar("Key")


def expired(came: Mapping[Key, datetime], now: datetime, keep: timedelta) -> list[Key]:
    """The versions that were replaced longer than `keep` ago, oldest first; the newest one never is.

    `came` says when each version came.
    """
    ordered = sorted(came, key=came.__getitem__)
    return [old for old, new in pairwise(ordered) if now - came[new] >= keep]
