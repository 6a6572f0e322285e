"""A run asks Google once a day, waits little for it, and goes on without it."""

from __future__ import annotations

import json
import socket
import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import grpc
import pytest

from finops import pipeline
from finops.clouds import accounts, gcp_refreshing, gcp_session, sku_prices
from finops.clouds.gcp_inventory import Patience, Way
from finops.clouds.gcp_refreshing import ask, keep
from finops.clouds.gcp_session import GcpAccess
from finops.config import Config
from finops.errors import WarehouseError
from finops.warehouse.reference import read_reference
from tests.cloudbilling import (
    COMPUTE,
    MAIN,
    OTHER,
    SUB,
    Google,
    account,
    bigquery,
    config,
    offline,
    serve,
    sku,
)
from tests.sources.house import House, focus, write_csv

NOW = datetime(2026, 11, 26, 9, 30, tzinfo=UTC)
TODAY = NOW.date()


def asked() -> gcp_refreshing.Refresh:
    return ask([Way(GcpAccess(), "gcp-main")], (), TODAY, lambda _: None, Patience(10.0))


def renewed(found: Config, *chosen: str) -> list[str]:
    said: list[str] = []
    gcp_refreshing.renew(found, chosen or ("s0",), said.append)
    return said


def lines(said: list[str]) -> list[str]:
    return [each for each in said if each.startswith("Google:")]


def back(home: Path, hours: float) -> None:
    """Let the last try have been so many hours ago."""
    path = home / gcp_refreshing.FILE
    held = json.loads(path.read_text(encoding="utf-8"))
    held["tried"] = (datetime.now(UTC) - timedelta(hours=hours)).isoformat()
    path.write_text(json.dumps(held), encoding="utf-8")


def test_a_run_asks_google_once_a_day(google: Google, tmp_path: Path) -> None:
    found = config(tmp_path, bigquery())
    assert lines(renewed(found)) == []
    assert accounts.names(accounts.known(found.home_dir)) == {MAIN: "ML", SUB: "Research", OTHER: "Old"}
    assert len(sku_prices.read(found.home_dir)) == 6
    calls = len(google.calls)
    assert renewed(found) == []
    back(found.home_dir, 23)
    assert renewed(found) == []
    assert len(google.calls) == calls
    back(found.home_dir, 25)
    renewed(found)
    assert len(google.calls) == 2 * calls
    back(found.home_dir, -5)  # this machine's clock was wrong
    renewed(found)
    assert len(google.calls) == 3 * calls


def test_a_run_without_a_table_in_bigquery_asks_nothing(google: Google, tmp_path: Path) -> None:
    found = config(tmp_path, bigquery(), {"kind": "gcp-files", "uri": "gs://b/p"}, {"kind": "aws-cur1", "uri": "x"})
    assert renewed(found, "s1", "s2") == []
    assert google.calls == []
    assert not found.home_dir.exists()


def test_a_run_over_a_server_on_this_machine_asks_nothing(google: Google, tmp_path: Path) -> None:
    assert renewed(config(tmp_path, bigquery(endpoint="http://127.0.0.1:9"))) == []
    assert google.calls == []
    assert not (tmp_path / "home").exists()


def test_a_run_does_not_wait_for_a_server_that_never_answers(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    offline(monkeypatch)
    monkeypatch.setattr(gcp_refreshing, "CALL", 0.5)
    with socket.create_server(("127.0.0.1", 0)) as silent:
        target = f"127.0.0.1:{silent.getsockname()[1]}"
        monkeypatch.setattr(gcp_session, "channel", lambda _: grpc.insecure_channel(target))
        started = time.monotonic()
        (told,) = lines(renewed(config(tmp_path, bigquery())))
        assert time.monotonic() - started < 5
    assert "Cloud Billing could not answer" in told


def test_a_run_goes_on_with_what_is_kept_and_says_of_what_day_it_is(google: Google, tmp_path: Path) -> None:
    found = config(tmp_path, bigquery())
    keep(found.home_dir, asked(), NOW)
    back(found.home_dir, 30)
    google.denied = {"ListBillingAccounts", "ListServices"}
    told = (
        "Google: the run goes on with account names of 2026-11-26 and list prices of 2026-11-26: Cloud Billing refused "
        "billing.accounts.list. Where: source s0. What to do: allow billing.accounts.list for these credentials. "
        "And 1 more. To ask again before tomorrow: finops catalog refresh"
    )
    assert lines(renewed(found)) == [told]
    calls = len(google.calls)
    assert renewed(found) == [told]  # and later runs of the day, which do not ask
    assert len(google.calls) == calls
    assert accounts.names(accounts.known(found.home_dir))[MAIN] == "ML"


@pytest.fixture
def nobody(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Nobody answers where Google should be."""
    offline(monkeypatch)
    monkeypatch.setattr(gcp_refreshing, "CALL", 1.0)
    with socket.socket() as taken:  # bound, and not listening: no other process gets the port
        taken.bind(("127.0.0.1", 0))
        port = taken.getsockname()[1]
        monkeypatch.setattr(gcp_session, "channel", lambda _: grpc.insecure_channel(f"127.0.0.1:{port}"))
        yield


@pytest.mark.usefixtures("nobody")
def test_unreachable_without_a_cache_a_run_says_that_there_is_none(tmp_path: Path) -> None:
    found = config(tmp_path, bigquery())
    started = time.monotonic()
    (told,) = lines(renewed(found))
    assert time.monotonic() - started < 10
    assert told.startswith(
        "Google: the run goes on with no account names and no list prices: "
        "Cloud Billing could not answer: SERVICE_UNAVAILABLE. Where: source s0."
    )
    assert not (found.home_dir / accounts.FILE).exists()
    assert lines(renewed(found)) == [told]


@pytest.mark.usefixtures("nobody")
def test_unreachable_with_a_cache_a_run_publishes_what_it_has(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Through the pipeline itself, over bills that lie here."""
    with serve() as server:
        server.accounts = [account(MAIN, "ML")]
        server.skus = {COMPUTE: [sku("039F-D0DA-4055", "Nvidia Tesla A100 GPU running in Americas", (0, 2, 933908000))]}
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(gcp_session, "channel", server.channel)
            answers = asked()
    house = House(tmp_path, {"name": "a", "kind": "focus-files", "uri": "bills"})
    keep(house.home, answers, NOW - timedelta(days=6))
    write_csv(tmp_path / "bills" / "a.csv", [focus("5", BillingAccountId=MAIN)])
    both = {"name": "g", **bigquery()}
    house.config = Config.model_validate(
        {
            "home": "home",
            "sources": [{"name": "a", "kind": "focus-files", "uri": "bills"}, both],
            "path": tmp_path / "finops.yaml",
        }
    )
    opened = pipeline.open_sources(config(tmp_path, {"kind": "focus-files", "uri": "bills"}))
    source = next(iter(opened.values()))
    monkeypatch.setattr(pipeline, "open_sources", lambda _: {"a": source, "g": source})
    monkeypatch.setattr(source, "name", "a")
    made = pipeline.Pipeline(house.config, house.messages.append)
    assert made.errors == []
    assert made.reference.known_accounts[MAIN].name == "ML"
    assert len(made.reference.prices) == 1
    (told,) = lines(house.messages)
    assert "account names of 2026-11-20 and list prices of 2026-11-26: Cloud Billing could not answer" in told


def test_no_credentials_are_told_once_and_the_run_goes_on(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from google.auth.exceptions import DefaultCredentialsError

    offline(monkeypatch)
    looked: list[GcpAccess] = []

    def nowhere(access: GcpAccess) -> None:
        looked.append(access)
        raise DefaultCredentialsError("none")

    monkeypatch.setattr(gcp_session, "credentials", nowhere)
    (told,) = lines(renewed(config(tmp_path, bigquery())))
    assert told == (
        "Google: the run goes on with no account names and no list prices: there are no credentials for Google Cloud. "
        "Where: source s0. What to do: sign in (gcloud auth application-default login), or name a service account's "
        "key in credentials_file. To ask again before tomorrow: finops catalog refresh"
    )
    assert len(looked) == 1  # looking takes a while


def test_a_damaged_cache_is_told_by_who_reads_it(google: Google, tmp_path: Path) -> None:
    found = config(tmp_path, bigquery())
    found.home_dir.mkdir()
    (found.home_dir / sku_prices.FILE).write_bytes(b"no parquet")
    assert lines(renewed(found)) == []
    with pytest.raises(WarehouseError, match="move the file away"):
        read_reference(found.home_dir)


def test_a_fault_of_a_library_does_not_stop_a_run(google: Google, tmp_path: Path, monkeypatch: Any) -> None:
    def broken(*_: object) -> None:
        raise RuntimeError("with something secret")

    monkeypatch.setattr(sku_prices, "frame", broken)
    (told,) = lines(renewed(config(tmp_path, bigquery())))
    assert "RuntimeError" in told
    assert "secret" not in told


@pytest.mark.parametrize("text", ["{", "[]", '{"tried": "yesterday"}', '{"tried": "2026-11-26"}', '{"tried": null}'])
def test_a_damaged_note_of_the_last_try_is_written_anew(google: Google, tmp_path: Path, text: str) -> None:
    found = config(tmp_path, bigquery())
    found.home_dir.mkdir()
    (found.home_dir / gcp_refreshing.FILE).write_text(text, encoding="utf-8")
    assert lines(renewed(found)) == []
    assert google.count("ListServices") == 1
    assert "tried" in json.loads((found.home_dir / gcp_refreshing.FILE).read_text(encoding="utf-8"))


def test_the_time_of_a_run_is_bounded_over_all_calls() -> None:
    patience = Patience(call=5, total=0.05)
    assert 0 < patience.left() <= 0.05
    time.sleep(0.06)
    from google.api_core.exceptions import DeadlineExceeded

    with pytest.raises(DeadlineExceeded):
        patience.left()
