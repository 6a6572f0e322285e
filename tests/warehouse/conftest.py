"""Retries of a test take no time."""

from __future__ import annotations

import pytest

from finops.sources import landing


@pytest.fixture(autouse=True)
def _no_waiting(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(landing.time, "sleep", lambda _: None)
