"""Google Cloud as far as it is asked besides bills, on loopback."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.cloudbilling import Google, company


@pytest.fixture
def google(monkeypatch: pytest.MonkeyPatch) -> Iterator[Google]:
    with company(monkeypatch) as server:
        yield server
