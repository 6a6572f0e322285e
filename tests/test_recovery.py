"""What goes wrong around a run: each time the next one makes good, and nothing is taken for what it is not."""

from __future__ import annotations

import subprocess
import sys
from datetime import date, timedelta
from decimal import Decimal
from pathlib import Path

import duckdb
import pytest
import yaml

from finops.cli.app import _is_interrupt
from finops.config import Config, load_config
from finops.errors import ConfigError, SourceError, WarehouseError
from finops.pipeline import Pipeline
from finops.warehouse.database import Warehouse
from tests.conftest import Company, run
from tests.test_history import charged

HEAD = (
    "BilledCost,EffectiveCost,ListCost,ContractedCost,BillingAccountId,BillingCurrency,BillingPeriodStart,"
    "BillingPeriodEnd,ChargePeriodStart,ChargePeriodEnd,ChargeCategory,ServiceName,ProviderName,Tags\n"
)


def bill(provider: str, first: date, last: date, cost: str = "100", currency: str = "USD", tags: str = "") -> str:
    """A FOCUS file with a charge a day, the last day included."""
    lines: list[str] = []
    for day in (first + timedelta(days=n) for n in range((last - first).days + 1)):
        month = day.replace(day=1)
        after = (month + timedelta(days=32)).replace(day=1)
        costs = ",".join([cost] * 4)
        lines.append(
            f"{costs},acct,{currency},{month},{after},{day},{day + timedelta(days=1)},Usage,Compute,{provider},"
            '"' + tags.replace('"', '""') + '"'
        )
    return HEAD + "\n".join(lines) + "\n"


def written(folder: Path, **more: object) -> Config:
    """A configuration over the FOCUS files in `bills`, with more keys."""
    document = {"sources": [{"name": "bills", "kind": "focus-files", "uri": "bills"}], **more}
    (folder / "finops.yaml").write_text(yaml.safe_dump(document), encoding="utf-8")
    return load_config(folder / "finops.yaml")


def ask(config: Config, sql: str) -> list[tuple[object, ...]]:
    with duckdb.connect(config.published, read_only=True) as con:
        return con.execute(sql).fetchall()


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "bills").mkdir()
    (tmp_path / "bills/aws.csv").write_text(bill("AWS", date(2026, 6, 1), date(2026, 9, 20)), encoding="utf-8")
    return tmp_path


def test_a_chain_of_errors_that_bites_its_tail_ends() -> None:
    first, second = ValueError("one"), ValueError("two")
    first.__context__, second.__context__ = second, first
    assert not _is_interrupt(first)


def test_budgets_that_are_gone_are_named_before_any_work(folder: Path) -> None:
    (folder / "b.yaml").write_text("budgets: []\n", encoding="utf-8")
    config = written(folder, budgets="b.yaml")
    run(config)
    (folder / "b.yaml").unlink()
    with pytest.raises(ConfigError, match=r"b\.yaml.*take the key out"):
        run(config)


def test_a_work_file_that_somebody_reads_is_not_taken_for_damaged(folder: Path) -> None:
    config = written(folder)
    run(config)
    before = (config.home_dir / "work/finops.duckdb").read_bytes()
    code = "import duckdb, sys, time; c = duckdb.connect(sys.argv[1], read_only=True); print(1, flush=True)"
    code += "; time.sleep(60)"

    work = str(config.home_dir / "work/finops.duckdb")
    with subprocess.Popen([sys.executable, "-c", code, work], stdout=subprocess.PIPE) as reader:
        assert reader.stdout is not None
        reader.stdout.readline()
        with pytest.raises(WarehouseError, match="close what else has it open"):
            run(config)
        reader.kill()
    assert (config.home_dir / "work/finops.duckdb").read_bytes() == before
    assert run(config).failures == ()


def test_a_publication_that_failed_is_made_good(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (folder / "b.yaml").write_text("budgets: [{name: all, scope: {}, monthly: 50, currency: USD}]\n", encoding="utf-8")
    config = written(folder, budgets="b.yaml")
    run(config)
    (folder / "b.yaml").write_text("budgets: [{name: all, scope: {}, monthly: 77, currency: USD}]\n", encoding="utf-8")

    def full(*_: object) -> None:
        raise WarehouseError("the disk is full")

    with monkeypatch.context() as patch:
        patch.setattr(Warehouse, "publish", full)
        with pytest.raises(WarehouseError):
            run(config)
    assert run(config).published
    assert ask(config, "SELECT DISTINCT amount FROM budget.lines") == [(Decimal(77),)]
    assert ask(config, "SELECT count(*) FROM ledger.publications") == [(2,)]


def test_a_source_that_means_another_place_now_is_not_counted_twice(folder: Path) -> None:
    config = written(folder)
    run(config)
    (folder / "other").mkdir()
    (folder / "other/july.csv").write_text(bill("AWS", date(2026, 7, 1), date(2026, 7, 31), "7"), encoding="utf-8")
    config = written(folder, sources=[{"name": "bills", "kind": "focus-files", "uri": "other"}])
    run(config)
    assert ask(config, "SELECT sum(BilledCost) FROM focus.charges") == [(Decimal(7 * 31),)]
    assert ask(config, "SELECT count(*) FROM ledger.restatements") == [(0,)]


def test_another_way_to_the_same_place_reloads_nothing(small: Company) -> None:
    path = small.root / "finops.yaml"
    document = yaml.safe_load(path.read_text())
    ways = {
        "role_arn": "arn:aws:iam::123456789012:role/r",
        "external_id": "ours",
        "profile": "p",
        "region": "eu-west-1",
    }
    changed = [source for source in document["sources"] if source["kind"].startswith("aws")]
    for source in changed:
        source |= {**ways, "requester_pays": True, "endpoint": "https://s3.example"}
    assert changed
    path.write_text(yaml.safe_dump(document))
    report = run(small.config)
    assert (report.units_new, report.failures, report.published) == (0, (), False)


def test_a_late_provider_has_not_spent_nothing(folder: Path) -> None:
    """Days that one provider has not delivered yet are no day of anybody's forecast, gap or budget."""
    (folder / "bills/gcp.csv").write_text(bill("Google Cloud", date(2026, 6, 1), date(2026, 9, 15)), encoding="utf-8")
    config = written(folder)
    run(config)
    assert ask(config, "SELECT max(as_of) FROM gap.monthly") == [(date(2026, 9, 16),)]
    late = "SELECT scope, passed, actual FROM quality.checks WHERE check_name = 'providers_are_current' ORDER BY 1"
    assert ask(config, late) == [("AWS", True, "0"), ("Google Cloud", False, "2")]


def test_a_bill_without_a_provider_is_usage_all_the_same(folder: Path) -> None:
    (folder / "bills/aws.csv").write_text(bill("", date(2026, 9, 1), date(2026, 9, 3)), encoding="utf-8")
    config = written(folder)
    run(config)
    assert ask(config, "SELECT as_of FROM ledger.as_of") == [(date(2026, 9, 4),)]


def test_telemetry_that_is_absent_does_not_hold_up_the_bill(folder: Path) -> None:
    config = written(folder, telemetry=[{"name": "fleet", "kind": "gpu-samples", "uri": "nowhere"}])
    for _ in range(2):
        report = run(config)
        assert len(report.failures) == 1
        assert "nowhere" in report.failures[0]
    assert ask(config, "SELECT count(*) FROM focus.charges") == [(112,)]
    assert ask(config, "SELECT source FROM ledger.failures") == [("fleet",)]


def test_where_nothing_could_ever_be_loaded_nothing_is_published(folder: Path) -> None:
    (folder / "bills/aws.csv").write_text("a,b\n1,2\n", encoding="utf-8")
    config = written(folder)
    with pytest.raises(SourceError, match="other columns than expected"):
        run(config)
    assert not config.published.exists()


def test_our_own_rules_restate_nothing(folder: Path) -> None:
    config = written(folder)
    run(config)
    rule = {"id": "all", "stage": "training", "confidence": 0.5, "when": {"service": ["Compute"]}}
    (folder / "s.yaml").write_text(yaml.safe_dump({"rules": [rule]}), encoding="utf-8")
    config = written(folder, stages="s.yaml")
    assert run(config).units_new == 1
    assert ask(config, "SELECT DISTINCT x_MlStage, x_MlStageConfidence FROM focus.charges") == [
        ("training", Decimal("0.50"))
    ]
    assert ask(config, "SELECT count(*) FROM ledger.restatements") == [(0,)]


def test_a_budget_whose_spend_has_no_rate_is_unknown(folder: Path) -> None:
    (folder / "bills/eur.csv").write_text(bill("AWS", date(2026, 9, 1), date(2026, 9, 2), "5", "EUR"), encoding="utf-8")
    (folder / "b.yaml").write_text("budgets: [{name: all, scope: {}, monthly: 50, currency: USD}]\n", encoding="utf-8")
    config = written(folder, budgets="b.yaml")
    run(config)
    found = ask(config, "SELECT billing_period, state, actual FROM budget.status ORDER BY 1 DESC LIMIT 2")
    assert found == [("2026-09", "unknown", None), ("2026-08", "over", Decimal(3100))]
    assert ask(config, "SELECT actual FROM quality.checks WHERE check_name = 'known_rates' AND NOT passed") == [("2",)]
    totals = (
        "SELECT currency, sum(billed_cost) FROM spend.daily WHERE charge_date >= '2026-09-01' GROUP BY 1 ORDER BY 1"
    )
    assert ask(config, totals) == [("EUR", Decimal(10)), ("USD", Decimal(2000))]


def test_another_reporting_currency_starts_its_forecasts_anew(folder: Path) -> None:
    run(written(folder))
    config = written(folder, reporting_currency="EUR")
    run(config)
    assert ask(config, "SELECT DISTINCT currency FROM forecast.daily") == []


@pytest.mark.parametrize(
    ("tags", "team"),
    [
        ('{"team": "nlp", "owner_team": ""}', "nlp"),
        ('{"owner_team": "a", "team": "nlp"}', "nlp"),
        ('{"Team": "big", "user:team": "small"}', "small"),
        ('{"team": " "}', None),
    ],
)
def test_the_team_is_the_plainest_tag_that_says_something(folder: Path, tags: str, team: str | None) -> None:
    (folder / "bills/aws.csv").write_text(bill("AWS", date(2026, 9, 1), date(2026, 9, 1), tags=tags), encoding="utf-8")
    config = written(folder)
    run(config)
    assert ask(config, "SELECT x_Team FROM focus.charges") == [(team,)]


def test_named_periods_do_not_take_in_those_between(small: Company) -> None:
    pipeline = Pipeline(small.config, only=("aws-main",))
    with pipeline.warehouse.lock():
        pipeline.periods(("2026-09",))
        assert [each.period for each in pipeline.land("aws-main", ("2026-09", "2026-10")).landed] == ["2026-09"]


def test_a_source_that_moved_comes_in_whole_whatever_periods_are_asked_for(small: Company) -> None:
    before = charged(small)
    (small.root / "aws/main/cur2").rename(small.root / "aws/main/moved")
    path = small.root / "finops.yaml"
    path.write_text(path.read_text().replace("aws/main/cur2", "aws/main/moved"))
    report = run(small.config, periods=("2026-10",))
    assert (report.units_new, report.failures) == (2, ())
    assert charged(small) == before
