"""Loading: units are replaced whole or stay, every load is remembered, and tagging moves no money."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import duckdb
import pytest

from finops.config import Config
from finops.errors import SourceError
from finops.lifecycle import Rule, load_rules
from finops.sources import landing
from finops.sources.registry import open_sources
from finops.warehouse import remembering, staging
from finops.warehouse.database import Warehouse
from finops.warehouse.loading import Loaded, Loader
from tests.sources.house import House, focus, write_csv

SOURCE = {"name": "a", "kind": "focus-files", "uri": "bills"}
TAGS = '{"team": "nlp", "ml_stage": "Fine-Tuning", "ml_project": "p", "ml_model": "m", "run_id": "r"}'


@pytest.fixture
def house(tmp_path: Path) -> House:
    return House(tmp_path, SOURCE)


def bill(tmp_path: Path, *rows: dict[str, Any], name: str = "a") -> Path:
    return write_csv(tmp_path / "bills" / f"{name}.csv", rows)


def test_a_failure_at_any_step_leaves_everything_as_it_was(
    tmp_path: Path, house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    bill(tmp_path, focus("7"))
    house.ok()
    tables = (
        "focus.charges",
        "ledger.files",
        "part.tag_sets",
        "ledger.units",
        "ledger.source_totals",
        "ledger.left_out",
        "ledger.commitments",
        "ledger.changes",
    )
    before = {table: house.sql(f"FROM {table}") for table in tables}
    bill(tmp_path, focus("8"))

    steps: list[tuple[Any, str]] = [(staging, name) for name in ("take_in_hand", "normalise")]
    steps += [(Loader, "_swap"), (Loader, "_keep_difference"), (remembering, "remember")]
    for owner, step in steps:
        real: Callable[..., Any] = getattr(owner, step)

        def broken(*given: Any, real: Callable[..., Any] = real) -> None:
            real(*given)
            raise SourceError("pulled the plug", where="here", remedy="plug it in")

        with monkeypatch.context() as patch:
            patch.setattr(owner, step, broken)
            house.refused("pulled the plug", "a.csv")
        assert {table: house.sql(f"FROM {table}") for table in tables} == before, step
    assert house.ok().total() == 8


def test_a_load_that_loses_a_row_or_a_cent_is_refused(
    tmp_path: Path, house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    bill(tmp_path, focus("7"))
    house.ok()
    real = staging.normalise
    for damage, word in [
        ("UPDATE damaged SET BilledCost = BilledCost - 0.000000000000000001 WHERE BilledCost = 9", "do not add up"),
        ("DELETE FROM damaged WHERE BilledCost = 9", "do not add up"),
        ("DELETE FROM damaged WHERE BilledCost = 0", "rows"),
        ("INSERT INTO damaged FROM damaged WHERE BilledCost = 0", "rows"),
    ]:
        bill(tmp_path, focus("9"), focus("0", ServiceName=damage.replace(",", "")))

        def normalise(con: duckdb.DuckDBPyConnection, *given: Any, damage: str = damage) -> str:
            name = real(con, *given)
            con.execute("CREATE OR REPLACE TEMP TABLE damaged AS FROM normalised")
            con.execute(damage)
            con.execute("CREATE OR REPLACE TEMP VIEW normalised AS FROM damaged")
            return name

        with monkeypatch.context() as patch:
            patch.setattr(staging, "normalise", normalise)
            house.refused(word)
        assert house.total() == 7


def test_a_load_that_loses_a_row_s_tags_is_refused(
    tmp_path: Path, house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    bill(tmp_path, focus("7", Tags=TAGS), focus("1"), focus("2", Tags="{}"))
    real = staging.normalise

    def normalise(con: duckdb.DuckDBPyConnection, *given: Any) -> str:
        name = real(con, *given)
        con.execute("DELETE FROM tag_sets WHERE x_Team = 'nlp'")
        return name

    with monkeypatch.context() as patch:
        patch.setattr(staging, "normalise", normalise)
        house.refused("the tags of 1 rows are in no set")
    assert house.ok().sql("SELECT x_Team, Tags IS NULL FROM focus.charges ORDER BY BilledCost") == [
        (None, True),
        (None, False),
        ("nlp", False),
    ]


def test_identical_rows_are_all_kept(tmp_path: Path, house: House) -> None:
    bill(tmp_path, *[focus("1.5")] * 3)
    assert house.ok().total() == Decimal("4.5")


def test_a_rejected_load_is_remembered_with_its_reason_and_tried_again(tmp_path: Path, house: House) -> None:
    bill(tmp_path, focus("1", ChargeCategory="Gift"))
    house.refused("Gift")
    house.refused("Gift")
    assert house.sql("SELECT unit, status, reason LIKE '%Gift%' FROM ledger.loads") == [("a.csv", "rejected", True)]
    bill(tmp_path, focus("1"))
    assert house.ok().total() == 1


def test_what_a_load_changes_is_kept_by_day(tmp_path: Path, house: House) -> None:
    def on(day: int, cost: str, team: str) -> dict[str, Any]:
        when = {"ChargePeriodStart": f"2026-09-0{day}T00:00:00Z", "ChargePeriodEnd": f"2026-09-0{day + 1}T00:00:00Z"}
        return focus(cost, Tags=f'{{"team": "{team}"}}', **when)

    bill(tmp_path, on(1, "1", "a"), on(2, "2", "a"))
    house.ok()
    bill(tmp_path, on(1, "1", "a"), on(2, "2.5", "a"), on(3, "4", "b"))
    house.ok()
    changes = house.sql(
        "SELECT day(charge_date), team, billed_delta FROM ledger.changes ORDER BY known_at, charge_date"
    )
    assert changes == [(1, "a", 1), (2, "a", 2), (2, "a", Decimal("0.5")), (3, "b", 4)]


def test_two_sources_with_the_same_file_names_stay_apart(tmp_path: Path) -> None:
    write_csv(tmp_path / "x" / "a.csv", [focus("1")])
    write_csv(tmp_path / "y" / "a.csv", [focus("2")])
    house = House(tmp_path, {**SOURCE, "uri": "x"}, {**SOURCE, "name": "b", "uri": "y"})
    assert house.ok().total() == 3
    write_csv(tmp_path / "y" / "a.csv", [focus("5")])
    assert house.ok().total() == 6


def test_tags_give_team_project_model_and_stage(tmp_path: Path, house: House) -> None:
    bill(tmp_path, focus("3", Tags=TAGS), focus("4"))
    house.ok()
    assert house.sql(
        "SELECT x_Team, x_MlProject, x_MlModelName, x_MlRunId, x_MlStage, x_MlStageRule, x_MlStageConfidence "
        "FROM focus.charges ORDER BY BilledCost"
    ) == [
        ("nlp", "p", "m", "r", "training", "tag-training", Decimal(1)),
        (None, None, None, None, "unattributed", None, None),
    ]


def loader(con: duckdb.DuckDBPyConnection, rules: list[Rule], minutes: int) -> Loader:
    return Loader(con, rules, "USD", datetime(2026, 10, 1, tzinfo=UTC) + timedelta(minutes=minutes))


def test_other_rules_move_stages_and_no_money(tmp_path: Path) -> None:
    bill(tmp_path, focus("3.1", Tags=TAGS), focus("4.2"), focus("-1", ChargeCategory="Credit"))
    config = Config.model_validate({"sources": [SOURCE], "home": "home", "path": tmp_path / "finops.yaml"})
    warehouse, source = Warehouse(config.home_dir), open_sources(config)["a"]
    landed = landing.land(source, warehouse.home, None, lambda _: None).landed
    nothing = Rule("nothing", "not_ml", Decimal(1), (("provider", ("Nobody",)),))
    everything = Rule("everything", "not_ml", Decimal(1), (("provider", ("Other Cloud",)),))
    seen: list[list[Any]] = []
    with warehouse.open() as con:
        for minutes, rules in enumerate(([nothing], load_rules(), [everything])):
            assert [
                done.rows for done in loader(con, rules, minutes).load(source, landed) if isinstance(done, Loaded)
            ] == [3]
            sums = "sum(BilledCost), sum(EffectiveCost), sum(ListCost), count(*)"
            seen.append(
                con.execute(f"SELECT list(DISTINCT x_MlStage ORDER BY x_MlStage), {sums} FROM focus.charges").fetchall()
            )
        again = [done.rows for done in loader(con, [everything], 9).load(source, landed) if isinstance(done, Loaded)]
    money = (Decimal("6.3"), Decimal("6.3"), Decimal("6.3"), 3)
    assert [rows[0][1:] for rows in seen] == [money] * 3
    assert [rows[0][0] for rows in seen] == [["unattributed"], ["training", "unattributed"], ["not_ml"]]
    assert again == [None]


def test_withdrawing_takes_out_charges_and_keeps_the_history(tmp_path: Path, house: House) -> None:
    first, _ = bill(tmp_path, focus("1")), bill(tmp_path, focus("2"), name="b")
    assert house.ok().total() == 3
    first.unlink()
    assert house.ok().total() == 2
    assert house.sql("SELECT unit, status FROM ledger.loads ORDER BY 1") == [
        ("a.csv", "superseded"),
        ("b.csv", "current"),
    ]
    assert house.sql("SELECT sum(billed_delta) FROM ledger.changes") == [(Decimal(2),)]


def test_a_source_of_another_name_keeps_its_charges_until_they_have_come_in_under_it(tmp_path: Path) -> None:
    path = bill(tmp_path, focus("7"))
    assert House(tmp_path, SOURCE).ok().total() == 7
    away = path.parent.rename(tmp_path / "away")
    renamed = House(tmp_path, SOURCE | {"name": "b"})
    renamed.refused("no such file or folder")
    assert renamed.sql("SELECT x_SourceSystem, BilledCost FROM focus.charges") == [("a", Decimal(7))]
    away.rename(path.parent)
    renamed.ok()
    assert renamed.sql("SELECT x_SourceSystem, BilledCost FROM focus.charges") == [("b", Decimal(7))]
    assert renamed.sql("SELECT sum(billed_delta) FROM ledger.changes") == [(Decimal(7),)]
