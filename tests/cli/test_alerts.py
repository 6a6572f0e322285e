"""`finops alerts test` says where the message went."""

from __future__ import annotations

from pathlib import Path

from .conftest import Finops


def test_without_slack_the_message_goes_to_a_file(finops: Finops, unpublished: Path) -> None:
    result = finops("alerts", "test", "--config", unpublished)
    assert (result.code, result.stderr) == (0, "")
    written = unpublished.parent / "var" / "alerts.jsonl"
    assert len(written.read_text(encoding="utf-8").splitlines()) == 1
    assert str(written.resolve()) in result.text
