"""What becomes an alert, what it says, and that it is said once."""

from __future__ import annotations

from datetime import timedelta
from decimal import Decimal

import pytest
from duckdb import CatalogException, DuckDBPyConnection
from hypothesis import given
from hypothesis import strategies as st

from finops.alerts import KINDS, evaluate
from finops.alerts.conditions import EVENTS, Condition
from finops.alerts.events import Standing, changes

from .conftest import AS_OF, NOW, Tables

DAY = timedelta(days=1)


def send(con: DuckDBPyConnection) -> None:
    con.execute("UPDATE alert.events SET state = 'sent' WHERE state = 'open'")


def test_an_empty_warehouse_has_no_alerts(con: DuckDBPyConnection) -> None:
    assert evaluate(con, as_of=None, now=NOW) == 0
    assert evaluate(con, as_of=AS_OF, now=NOW) == 0


def test_a_budget_over_says_what_how_much_whose_why_and_what_next(tables: Tables) -> None:
    tables.overrun()
    assert evaluate(tables.con, as_of=AS_OF, now=NOW) == 1
    assert tables.events() == [("budget_over", "nlp-training", "open")]
    assert tables.message("budget_over") == (
        "The budget nlp-training of 2026-10 (owner nlp-leads; ml_stage training, team nlp) is over, "
        "crossed on 2026-10-19: 131,234.50 USD spent of 130,000.00 USD. "
        "Forecast for the whole month: 180,000.00 USD, "
        "50,000.00 USD too much. Top driver: project=search: +12,345.67 USD. "
        "Next step: finops overruns --period 2026-10, then finops gaps --period 2026-10 --team nlp"
    )


def test_a_budget_at_risk_that_lacks_what_may_lack(tables: Tables) -> None:
    tables.overrun("at_risk", owner=None, crossing_date=None, top_driver=None)
    tables.con.execute("UPDATE budget.status SET p_over = NULL, scope = '{}'")
    evaluate(tables.con, as_of=AS_OF, now=NOW)
    assert tables.message("budget_at_risk") == (
        "The budget nlp-training of 2026-10 (no owner named; all spend) is expected to be exceeded: "
        "131,234.50 USD spent of 130,000.00 USD so far. Forecast for the whole month: 180,000.00 USD, "
        "50,000.00 USD too much. No part of it grew against the months before. "
        "Next step: finops overruns --period 2026-10, then finops gaps --period 2026-10"
    )


def test_overruns_of_closed_months_are_history(tables: Tables) -> None:
    tables.overrun(billing_period="2026-09")
    assert evaluate(tables.con, as_of=AS_OF, now=NOW) == 0
    # on the first of October the month to speak of is September, the last with data
    assert evaluate(tables.con, as_of=AS_OF.replace(day=1), now=NOW) == 1


def test_an_alert_is_not_repeated_and_its_waiting_text_stays_fresh(tables: Tables) -> None:
    tables.overrun()
    assert evaluate(tables.con, as_of=AS_OF, now=NOW) == 1
    first = tables.con.execute("SELECT alert_id, first_seen FROM alert.events").fetchall()
    tables.no_overruns()
    tables.overrun(actual=Decimal(140000))
    assert evaluate(tables.con, as_of=AS_OF, now=NOW + DAY) == 1
    assert "140,000.00 USD" in tables.message("budget_over")
    assert tables.con.execute("SELECT alert_id, first_seen FROM alert.events").fetchall() == first
    send(tables.con)
    assert evaluate(tables.con, as_of=AS_OF, now=NOW + 2 * DAY) == 0
    assert tables.events() == [("budget_over", "nlp-training", "sent")]


def test_from_at_risk_to_over_is_a_new_alert(tables: Tables) -> None:
    tables.overrun("at_risk")
    evaluate(tables.con, as_of=AS_OF, now=NOW)
    send(tables.con)
    tables.no_overruns()
    tables.overrun("over")
    assert evaluate(tables.con, as_of=AS_OF, now=NOW + DAY) == 1
    assert tables.events() == [
        ("budget_at_risk", "nlp-training", "resolved"),
        ("budget_over", "nlp-training", "open"),
    ]


def test_what_is_resolved_and_comes_back_is_said_again(tables: Tables) -> None:
    tables.overrun()
    evaluate(tables.con, as_of=AS_OF, now=NOW)
    send(tables.con)
    tables.no_overruns()
    assert evaluate(tables.con, as_of=AS_OF, now=NOW + DAY) == 0
    assert tables.events() == [("budget_over", "nlp-training", "resolved")]
    tables.overrun()
    assert evaluate(tables.con, as_of=AS_OF, now=NOW + 2 * DAY) == 1
    row = tables.con.execute("SELECT first_seen, state FROM alert.events").fetchone()
    assert row == (NOW + 2 * DAY, "open")


def test_the_next_month_of_a_budget_is_another_alert(tables: Tables) -> None:
    tables.overrun()
    evaluate(tables.con, as_of=AS_OF, now=NOW)
    send(tables.con)
    tables.overrun(billing_period="2026-11")
    assert evaluate(tables.con, as_of=AS_OF.replace(month=11), now=NOW + 31 * DAY) == 1
    assert [state for *_, state in tables.events()] == ["open", "resolved"]


def test_idle_gpus_are_summed_by_instance_with_what_is_sunk_kept_apart(tables: Tables) -> None:
    tables.idle("1000.25", "0", gpu_id="GPU-0")
    tables.idle("234.25", "800", gpu_id="GPU-1", state="never_used", gpu_hours=Decimal("402.04"))
    tables.idle(None, None, gpu_id="GPU-1", gpu_hours=None, currency=None)
    assert evaluate(tables.con, as_of=AS_OF, now=NOW) == 1
    assert tables.message("idle_gpu") == (
        "2 GPUs of the instance i-0abc (team nlp, project search) idle in 3 episodes between "
        "2026-10-18 20:00 UTC and 2026-10-19 06:00 UTC, 412.0 GPU-hours, mostly never_used. "
        "Stopping it would have saved 1,234.50 USD. "
        "A further 800.00 USD is under a commitment: reassign it, stopping saves nothing. "
        "1 episode without a known cost not counted. Next step: finops idle --team nlp"
    )


def test_idle_under_a_commitment_alone(tables: Tables) -> None:
    tables.idle("0", "9800", team=None, ml_project=None)
    evaluate(tables.con, as_of=AS_OF, now=NOW)
    message = tables.message("idle_gpu")
    assert "(no team known) idle" in message
    assert "never_used. " not in message
    assert "mostly idle. 9,800.00 USD is under a commitment: reassign it, stopping saves nothing." in message
    assert "saved" not in message
    assert message.endswith("Next step: finops idle")


@pytest.mark.parametrize(
    ("avoidable", "sunk", "ended", "alerts"),
    [
        ("50", "0", NOW, 1),
        ("20", "30", NOW, 1),
        ("49.99", "0", NOW, 0),
        (None, None, NOW, 0),
        ("500", "0", NOW - 8 * DAY, 0),
        ("500", "0", NOW - 6 * DAY, 1),
    ],
)
def test_idle_counts_when_it_is_recent_and_worth_it(
    tables: Tables, avoidable: str | None, sunk: str | None, ended: object, alerts: int
) -> None:
    tables.idle(avoidable, sunk, ended_at=ended, started_at=NOW - 20 * DAY)
    assert evaluate(tables.con, as_of=AS_OF, now=NOW) == alerts


def test_a_source_that_fails(tables: Tables) -> None:
    tables.failure(error="The bucket denies access. What to do: grant s3:GetObject")
    evaluate(tables.con, as_of=None, now=NOW)
    assert tables.events() == [("source_failed", "aws-main / 2026-10", "open")]
    assert tables.message("source_failed") == (
        "The source aws-main, 2026-10, could not be loaded since 2026-10-21 06:00 UTC: "
        "The bucket denies access. What to do: grant s3:GetObject. Nothing of "
        "it is loaded. Next step: finops doctor"
    )


def test_a_source_that_fails_names_the_load_that_stands(tables: Tables) -> None:
    tables.failure(unit="")
    tables.con.execute(
        "INSERT INTO ledger.loads BY NAME "
        "SELECT '1' AS load_id, 'aws-main' AS source, '' AS unit, 'v' AS "
        "version, ? AS loaded_at, 'current' AS status",
        [NOW - DAY],
    )
    evaluate(tables.con, as_of=AS_OF, now=NOW)
    assert tables.message("source_failed") == (
        "The source aws-main could not be loaded since 2026-10-21 06:00 UTC: no access. "
        "What was loaded at 2026-10-20 06:00 UTC stands. Next step: finops doctor"
    )


def test_a_check_that_fails(tables: Tables) -> None:
    tables.check()
    tables.check("other", passed=True)
    evaluate(tables.con, as_of=AS_OF, now=NOW)
    assert tables.events() == [("check_failed", "charges_equal_source / aws-main", "open")]
    assert tables.message("check_failed") == (
        "The check charges_equal_source failed for aws-main at 2026-10-21 06:00 UTC: expected 10.00, "
        "found 9.99, difference -0.01. It stops publication: the numbers "
        "published before stand. Next step: finops checks charges_equal_source"
    )


def test_the_rules_that_bills_break_are_one_alert_of_a_check(tables: Tables) -> None:
    tables.rule("aws: ListCost is missing", 9)
    tables.rule("oracle: ContractedCost is missing", 70)
    tables.rule("aws: a SKU has several meters", 1, "focus_ids")
    evaluate(tables.con, as_of=AS_OF, now=NOW)
    assert tables.events() == [("check_failed", "focus_ids", "open"), ("check_failed", "focus_rules", "open")]
    of_ids, of_rules = tables.con.execute("SELECT message FROM alert.events ORDER BY subject").fetchall()
    assert of_ids[0] == (
        "Bills break rules of FOCUS, at 2026-10-21 06:00 UTC: aws: a SKU has several meters (1 rows). "
        "The charges stay as they came. Next step: finops checks focus_ids"
    )
    assert "oracle: ContractedCost is missing (70 rows), and 1 more. " in of_rules[0]


def test_a_closed_month_that_moved_is_said_by_source_period_and_currency(tables: Tables) -> None:
    tables.restated("1500.10")
    tables.restated("-200.05", service_name="Amazon S3")
    tables.restated("-7", currency="EUR", service_name=None)
    assert evaluate(tables.con, as_of=AS_OF, now=NOW) == 2
    in_euro, in_dollars = tables.con.execute("SELECT message FROM alert.events ORDER BY subject").fetchall()
    assert in_euro[0] == (
        "The source aws-main changed its closed month 2026-08 by -7.00 EUR, detected at "
        "2026-10-21 06:00 UTC. Largest part: no service, -7.00 EUR. Next step: "
        "finops restatements --period 2026-08"
    )
    assert in_dollars[0] == (
        "The source aws-main changed its closed month 2026-08 by +1,300.05 USD, detected at "
        "2026-10-21 06:00 UTC. Largest part: Amazon EC2, +1,500.10 USD. "
        "Next step: finops restatements --period 2026-08"
    )


@pytest.mark.parametrize(
    ("delta", "period", "age", "alerts"),
    [
        ("1.00", "2026-09", 0 * DAY, 1),
        ("0.99", "2026-09", 0 * DAY, 0),
        ("-1.00", "2025-12", 0 * DAY, 1),
        ("100", "2026-10", 0 * DAY, 0),
        ("100", "2026-09", 2 * DAY, 0),
    ],
)
def test_only_closed_months_that_moved_now(
    tables: Tables, delta: str, period: str, age: timedelta, alerts: int
) -> None:
    tables.restated(delta, billing_period=period, detected_at=NOW - age)
    assert evaluate(tables.con, as_of=AS_OF, now=NOW) == alerts


def test_a_moved_month_waits_until_it_is_delivered_and_is_said_once(tables: Tables) -> None:
    tables.restated("100")
    evaluate(tables.con, as_of=AS_OF, now=NOW)
    assert evaluate(tables.con, as_of=AS_OF, now=NOW + 5 * DAY) == 1
    send(tables.con)
    assert evaluate(tables.con, as_of=AS_OF, now=NOW + 6 * DAY) == 0
    assert [state for *_, state in tables.events()] == ["resolved"]
    assert evaluate(tables.con, as_of=AS_OF, now=NOW) == 0
    tables.restated("5", detected_at=NOW + 7 * DAY)
    assert evaluate(tables.con, as_of=AS_OF, now=NOW + 7 * DAY) == 1


def test_values_of_bills_can_neither_fake_a_line_nor_run_in_a_shell(tables: Tables) -> None:
    tables.idle("100", "0", team="x\n\x1b[2J$(reboot)\u202e", instance_id="i-" + "0" * 500)
    evaluate(tables.con, as_of=AS_OF, now=NOW)
    message = tables.message("idle_gpu")
    assert message.isprintable()
    assert message.endswith("finops idle --team 'x [2J$(reboot)'")
    assert "0" * 121 not in message


def test_a_failed_evaluation_changes_nothing(tables: Tables) -> None:
    tables.overrun()
    evaluate(tables.con, as_of=AS_OF, now=NOW)
    tables.no_overruns()
    tables.con.execute("DROP TABLE gpu.idle")
    with pytest.raises(CatalogException):
        evaluate(tables.con, as_of=AS_OF, now=NOW + DAY)
    assert tables.events() == [("budget_over", "nlp-training", "open")]


KEYS = st.tuples(st.sampled_from(sorted(KINDS)), st.sampled_from("abc"))


@given(st.lists(st.frozensets(KEYS), max_size=8), st.lists(st.booleans(), min_size=8, max_size=8))
def test_every_condition_is_said_once_an_appearance(seen: list[frozenset[tuple[str, str]]], ok: list[bool]) -> None:
    """Whatever comes, goes and fails to be delivered: open is what is wrong and untold."""
    known: dict[str, Standing] = {}
    untold: set[str] = set()
    before: set[str] = set()
    told_ever: set[str] = set()
    for now, delivered in zip(seen, ok, strict=False):
        current = {c.alert_id: c for c in (Condition(kind, (subject,), "", "") for kind, subject in now)}
        change = changes(known, list(current.values()))
        known.update({each.alert_id: Standing(each.kind, "open") for each in change.opened})
        known.update({key: Standing(known[key].kind, "resolved") for key in change.resolved})
        events = {key for key, standing in known.items() if standing.kind in EVENTS}
        untold = {key for key in untold if key in current or key in events}
        untold |= {key for key in current.keys() - before if key not in events or key not in told_ever}
        assert {key for key, standing in known.items() if standing.state == "open"} == untold
        before = set(current)
        if delivered:
            known.update({key: Standing(known[key].kind, "sent") for key in untold})
            told_ever |= untold
            untold = set()


@given(st.lists(st.tuples(st.text(), st.text(), st.text()), unique=True, max_size=20))
def test_different_alerts_have_different_ids(parts: list[tuple[str, str, str]]) -> None:
    ids = {Condition("check_failed", (name, scope), when, "").alert_id for name, scope, when in parts}
    assert len(ids) == len(parts)
