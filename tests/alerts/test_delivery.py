"""What reaches people, through which channel, and what happens when it does not."""

from __future__ import annotations

import json
import logging
import socket
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from pydantic import SecretStr

from finops.alerts import deliver, evaluate, run_failed, send_test, slack
from finops.config import Slack
from finops.errors import AlertError

from .conftest import AS_OF, NOW, Answer, FakeSlack, Tables

SECRET = "T00/B00/s3cr3t"
TOKEN = "xoxb-s3cr3t"


def webhook(fake: FakeSlack) -> Slack:
    return Slack(webhook_url=SecretStr(f"{fake.url}/services/{SECRET}"))


def bot() -> Slack:
    return Slack(token=SecretStr(TOKEN), channel="#ml-costs")


@pytest.fixture
def naps(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """The pauses that the client would have made."""
    made: list[float] = []
    monkeypatch.setattr("time.sleep", made.append)
    return made


@pytest.fixture
def api(monkeypatch: pytest.MonkeyPatch, slack_server: FakeSlack) -> FakeSlack:
    """The stand-in as Slack's Web API."""
    monkeypatch.setattr(slack, "API_URL", f"{slack_server.url}/api/")
    slack_server.answers = [Answer(body='{"ok": true}')]
    return slack_server


def send(tables: Tables, config: Slack | None, home: Path, say: Callable[[str], None] = print) -> list[AlertError]:
    return deliver(tables.con, config, home, now=NOW, say=say)


def standing(tables: Tables) -> list[tuple[Any, ...]]:
    return tables.con.execute("SELECT DISTINCT state, last_sent, channel FROM alert.events").fetchall()


def test_what_is_open_goes_out_in_one_message_once(tables: Tables, slack_server: FakeSlack, tmp_path: Path) -> None:
    tables.idle("100", "0")
    evaluate(tables.con, as_of=AS_OF, now=NOW)
    tables.overrun()
    tables.check()
    evaluate(tables.con, as_of=AS_OF, now=NOW + timedelta(hours=1))
    assert send(tables, webhook(slack_server), tmp_path) == []
    assert standing(tables) == [("sent", NOW, "slack")]
    assert send(tables, webhook(slack_server), tmp_path) == []
    (request,) = slack_server.requests
    assert slack_server.paths == [f"/services/{SECRET}"]
    assert request["text"] == "finops: 3 new alerts: 1 check failed, 1 budget over, 1 idle GPU"
    assert [block["type"] for block in request["blocks"]] == ["header", "context", *["section"] * 3]
    # oldest first; of one run, the most pressing first
    assert [text.split(":")[0] for text in slack_server.texts] == ["Idle GPU", "Check failed", "Budget over"]
    assert not list(tmp_path.iterdir())


def test_a_token_posts_to_its_channel(tables: Tables, api: FakeSlack, tmp_path: Path) -> None:
    tables.overrun()
    evaluate(tables.con, as_of=AS_OF, now=NOW)
    assert send(tables, bot(), tmp_path) == []
    assert api.paths == ["/api/chat.postMessage"]
    assert api.authorization == [f"Bearer {TOKEN}"]
    assert api.requests[0]["channel"] == "#ml-costs"
    assert standing(tables) == [("sent", NOW, "slack")]


def test_nothing_open_sends_nothing(tables: Tables, slack_server: FakeSlack, tmp_path: Path) -> None:
    assert send(tables, webhook(slack_server), tmp_path) == []
    assert send(tables, None, tmp_path) == []
    assert not slack_server.requests
    assert not list(tmp_path.iterdir())


def test_hostile_values_reach_slack_as_text(tables: Tables, slack_server: FakeSlack, tmp_path: Path) -> None:
    tables.idle("100", "0", team="<!channel> & `rm` *b* @here <https://evil|x>", instance_id="@everyone <@U1>")
    evaluate(tables.con, as_of=AS_OF, now=NOW)
    send(tables, webhook(slack_server), tmp_path)
    (text,) = slack_server.texts
    assert "team &lt;!channel&gt; &amp; `rm` *b* @\u200bhere &lt;https://evil|x&gt;," in text
    assert "@\u200beveryone &lt;@U1&gt;" in text
    whole = json.dumps(slack_server.requests[0])
    assert "<" not in whole
    assert ">" not in whole
    kinds = {block["text"]["type"] for block in slack_server.requests[0]["blocks"] if "text" in block}
    assert kinds == {"plain_text"}


@pytest.mark.parametrize(("count", "error"), [(200, "short"), (30, "<" * 5000)])
def test_too_many_alerts_are_counted(
    tables: Tables, slack_server: FakeSlack, tmp_path: Path, count: int, error: str
) -> None:
    for number in range(count):
        tables.failure(source=f"source-{number}", error=error)
    evaluate(tables.con, as_of=AS_OF, now=NOW)
    assert send(tables, webhook(slack_server), tmp_path) == []
    blocks = slack_server.requests[0]["blocks"]
    texts = slack_server.texts
    assert len(blocks) <= 50
    assert max(map(len, texts)) <= 3000
    assert len(blocks[0]["text"]["text"]) <= 150
    assert sum(map(len, texts)) <= 9000
    rest = count - (len(texts) - 1)
    assert rest > 0
    assert texts[-1].startswith(f"… and {rest} more ({rest} source failed)")
    # a cut never leaves half an entity
    assert all(text.replace("&lt;", "").count("&") == 0 for text in texts)
    assert standing(tables) == [("sent", NOW, "slack")]


@pytest.mark.usefixtures("naps")
@pytest.mark.parametrize(
    ("answers", "requests"),
    [
        ([Answer(429, "ratelimited", {"Retry-After": "1"}), Answer()], 2),
        ([Answer(500, "oops"), Answer(503, "oops"), Answer()], 3),
    ],
)
def test_passing_troubles_are_tried_again(
    tables: Tables, slack_server: FakeSlack, tmp_path: Path, answers: list[Answer], requests: int
) -> None:
    tables.overrun()
    evaluate(tables.con, as_of=AS_OF, now=NOW)
    slack_server.answers = answers
    assert send(tables, webhook(slack_server), tmp_path) == []
    assert len(slack_server.requests) == requests


def test_a_rate_limit_waits_as_long_as_slack_asks(
    tables: Tables, api: FakeSlack, tmp_path: Path, naps: list[float]
) -> None:
    tables.overrun()
    evaluate(tables.con, as_of=AS_OF, now=NOW)
    limit = Answer(429, '{"ok": false, "error": "ratelimited"}', {"Retry-After": "7"})
    api.answers = [limit, Answer(body='{"ok": true}')]
    assert send(tables, bot(), tmp_path) == []
    assert len(naps) == 1
    assert 7 <= naps[0] <= 8


@pytest.mark.usefixtures("naps")
@pytest.mark.parametrize(
    ("answer", "requests", "what", "remedy"),
    [
        (Answer(429, "", {"Retry-After": "1"}), 3, "HTTP 429", "next run"),
        (Answer(429, "", {"Retry-After": "3600"}), 1, "HTTP 429", "next run"),
        (Answer(429, "", {"Retry-After": "Wed, 21 Oct 2026 07:28:00 GMT"}), 1, "HTTP 429", "next run"),
        (Answer(500, "<html>"), 3, "HTTP 500", "next run"),
        (Answer(404, "no_service"), 1, "HTTP 404, no_service", "create a webhook"),
        (Answer(410, "channel_is_archived"), 1, "channel_is_archived", "a channel that exists"),
        (Answer(400, "invalid_blocks"), 1, "invalid_blocks", "look up invalid_blocks"),
        (Answer(403, f"no way into {SECRET}"), 1, "HTTP 403", "create a webhook"),
        (Answer(200, "<html>log in"), 1, "not by Slack", "create a webhook"),
    ],
)
def test_a_webhook_that_fails_leaves_the_alert_open(
    tables: Tables,
    slack_server: FakeSlack,
    tmp_path: Path,
    answer: Answer,
    requests: int,
    what: str,
    remedy: str,
) -> None:
    tables.overrun()
    evaluate(tables.con, as_of=AS_OF, now=NOW)
    slack_server.answers = [answer]
    (error,) = send(tables, webhook(slack_server), tmp_path)
    assert what in error.what
    assert error.where == "slack webhook"
    assert remedy in (error.remedy or "")
    assert len(slack_server.requests) == requests
    assert SECRET not in str(error) + repr(error)
    assert standing(tables) == [("open", None, None)]
    slack_server.answers = [Answer()]
    assert send(tables, webhook(slack_server), tmp_path) == []


@pytest.mark.parametrize(
    ("answer", "what", "remedy"),
    [
        (Answer(body='{"ok": false, "error": "invalid_auth"}'), "invalid_auth", "chat:write"),
        (Answer(body='{"ok": false, "error": "not_in_channel"}'), "not_in_channel", "the app is in"),
        (Answer(body='{"ok": false, "error": "ratelimited"}'), "ratelimited", "next run"),
        (Answer(body="<html>log in"), "not by Slack", "chat:write"),
        (Answer(body="[1]"), "could not be sent", "chat:write"),
    ],
)
def test_a_token_that_fails_leaves_the_alert_open(
    tables: Tables, api: FakeSlack, tmp_path: Path, answer: Answer, what: str, remedy: str
) -> None:
    tables.overrun()
    evaluate(tables.con, as_of=AS_OF, now=NOW)
    api.answers = [answer]
    (error,) = send(tables, bot(), tmp_path)
    assert what in error.what
    assert remedy in (error.remedy or "")
    assert TOKEN not in str(error) + repr(error)
    assert standing(tables) == [("open", None, None)]


def test_a_slow_slack_is_given_up(
    tables: Tables, slack_server: FakeSlack, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(slack, "TIMEOUT", 0.2)
    tables.overrun()
    evaluate(tables.con, as_of=AS_OF, now=NOW)
    slack_server.answers = [Answer(slow=True)]
    (error,) = send(tables, webhook(slack_server), tmp_path)
    slack_server.released.set()
    assert error.what == "Slack did not answer within 0.2 seconds"
    assert standing(tables) == [("open", None, None)]


@pytest.mark.usefixtures("slack_server")
def test_nobody_listens(tables: Tables, tmp_path: Path) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        url = f"http://127.0.0.1:{taken.getsockname()[1]}/{SECRET}"
        tables.overrun()
        evaluate(tables.con, as_of=AS_OF, now=NOW)
        (error,) = send(tables, Slack(webhook_url=SecretStr(url)), tmp_path)
    assert error.what == "Slack could not be reached: Connection refused"
    assert SECRET not in str(error)


@pytest.mark.usefixtures("api")
@pytest.mark.parametrize(
    "config",
    [
        Slack(webhook_url=SecretStr(f"http://hooks.example.com/{SECRET}")),
        Slack(webhook_url=SecretStr(f"file:///{SECRET}")),
        Slack(webhook_url=SecretStr(SECRET)),
        Slack(webhook_url=SecretStr(f"https://[{SECRET}")),
        Slack(webhook_url=SecretStr(f"http://127.0.0.1:1/ {SECRET}")),
        Slack(webhook_url=SecretStr(f"http://127.0.0.1:port/{SECRET}")),
        Slack(token=SecretStr(f"xoxb-1\n{SECRET}"), channel="c"),
    ],
)
def test_no_secret_is_told_when_it_is_no_use(config: Slack, tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    with pytest.raises(AlertError) as raised:
        send_test(config, tmp_path, print)
    assert SECRET not in str(raised.value)
    assert SECRET not in repr(config)
    assert SECRET not in caplog.text


def test_a_working_channel_logs_no_secret(
    slack_server: FakeSlack,
    tmp_path: Path,
    caplog: pytest.LogCaptureFixture,
    capfd: pytest.CaptureFixture[str],
) -> None:
    caplog.set_level(logging.DEBUG)
    said: list[str] = []
    send_test(webhook(slack_server), tmp_path, said.append)
    assert said == ["The test message went to Slack."]
    assert slack_server.texts == ["A test message from finops: alerts arrive here."]
    assert SECRET not in caplog.text + "".join(capfd.readouterr())


def test_without_slack_alerts_go_to_a_file_and_are_said(tables: Tables, tmp_path: Path) -> None:
    home = tmp_path / "var"
    tables.check()
    tables.idle("100", "0", team="<Ünï>\n")
    evaluate(tables.con, as_of=AS_OF, now=NOW)
    said: list[str] = []
    assert send(tables, None, home, said.append) == []
    assert send(tables, None, home, said.append) == []
    records = [json.loads(line) for line in (home / "alerts.jsonl").read_text(encoding="utf-8").splitlines()]
    assert [record["kind"] for record in records] == ["check_failed", "idle_gpu"]
    assert {record["sent_at"] for record in records} == {"2026-10-21T06:00:00Z"}
    assert "team <Ünï>," in records[1]["message"]
    assert said == [f"Check failed: {records[0]['message']}", f"Idle GPU: {records[1]['message']}"]
    assert standing(tables) == [("sent", NOW, "file")]
    send_test(None, home, said.append)
    assert said[-1] == f"The test message went to {home / 'alerts.jsonl'}, as no Slack is configured."
    assert len((home / "alerts.jsonl").read_text(encoding="utf-8").splitlines()) == 3


def test_a_file_that_cannot_be_written_leaves_the_alert_open(tables: Tables, tmp_path: Path) -> None:
    (tmp_path / "alerts.jsonl").mkdir()
    tables.overrun()
    evaluate(tables.con, as_of=AS_OF, now=NOW)
    (error,) = send(tables, None, tmp_path)
    assert error.where == str(tmp_path / "alerts.jsonl")
    assert standing(tables) == [("open", None, None)]


def test_a_failed_run_is_one_short_message(slack_server: FakeSlack, tmp_path: Path) -> None:
    said: list[str] = []
    run_failed(webhook(slack_server), tmp_path, "<!here> " + "x\n" * 5000, said.append)
    (text,) = slack_server.texts
    assert text.startswith("A finops run failed: &lt;!here&gt; x x")
    assert len(text) <= 3000
    run_failed(None, tmp_path, "no disk", said.append)
    assert said == ["A finops run failed: no disk"]
    assert json.loads((tmp_path / "alerts.jsonl").read_text())["kind"] == "run_failed"
