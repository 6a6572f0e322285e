"""Charges by period, payer, account, service and line type are what the files come to, to the last digit.

Of AWS: the simulated company at scale 10, a real report, and a bucket that an outside tool writes. Of Google: the
company's export, and the native FOCUS sample with its month restated and its month to reject.
"""

from __future__ import annotations

import shutil
from collections.abc import Callable
from decimal import Decimal
from pathlib import Path

import duckdb
import pytest

from finops.config import Config, load_config
from finops.models import model
from finops.simulator import simulate
from tests.conftest import ROOT, Company, run
from tests.sources.house import House

from . import independent_google as google
from .independent import Line, Sum, Sums, charges, csv_lines, exported, parquet_lines
from .independent_google import days, focus_rows, partitions, sums, total
from .published import DAILY, GOOGLE, Ask, by_key, differing, left_out, loaded, loaded_days, published

SOURCES = {"aws-main": ("aws/main/cur2", "nimbus-main"), "aws-research": ("aws/research/cur2", "nimbus-research")}
GCP = "gcp-main"
TRUTH = """SELECT billing_period, payer_or_billing_account, coalesce(account, ''), service, line_type, currency,
    count(*), sum(billed_cost), sum(effective_cost)
    FROM '{}/truth/charges.parquet' WHERE source IN (SELECT unnest(?)) GROUP BY ALL"""
NATIVE = ROOT / "fixtures/real/gcp_focus"
SAMPLES = ROOT / "tests/sources/samples"


def company_lines(root: Path) -> list[Line]:
    return [line for folder, export in SOURCES.values() for line in parquet_lines(exported(root / folder, export))]


def truth(root: Path, *sources: str) -> Sums:
    """The simulator's own account of its bills."""
    with duckdb.connect() as con:
        return by_key(con.execute(TRUTH.format(root), [list(sources)]).fetchall())


def prove_company(root: Path, months: int) -> str:
    """Simulates and loads the bills at scale 10: files, warehouse and the truth are one. Says how many sums."""
    simulate(root, scale=10, months=months)
    config = load_config(root / "finops.yaml").model_copy(update={"telemetry": ()})
    assert run(config, sources=(*SOURCES, GCP)).failures == ()
    aws, google = prove_aws(root, published(config), months), prove_google(root, published(config), months)
    return f"{months} months: {aws} sums of AWS and {google} of Google, 0 differ"


def prove_aws(root: Path, ask: Ask, months: int) -> int:
    expected, not_charged = charges(company_lines(root))
    found = loaded(ask, SOURCES)
    assert differing(expected, found) == []
    assert differing(truth(root, *SOURCES), found) == []
    assert len({key[0] for key in found}) == months
    assert {key[4] for key in found} >= {"SavingsPlanUnused", "RIUnused", "DiscountedUsage", "Tax", "Refund", "Credit"}
    assert sum(not_charged.values()) == sum(
        count for reason, count in left_out(ask).items() if reason != "commitment without an unused part"
    )
    return len(expected)


def prove_google(root: Path, ask: Ask, months: int) -> int:
    """By invoice month, project, service and cost type, and by day and team."""
    by_partition: dict[str, list[google.Row]] = {}
    for path in partitions(root / "gcp"):
        by_partition.setdefault(path.parent.name, []).extend(google.charges(google.exported([path])))
    rows = [row for partition in by_partition.values() for row in partition]
    expected = sums(rows)
    found = loaded(ask, [GCP], GOOGLE)
    assert differing(expected, found) == []
    assert differing(truth(root, GCP), found) == []
    assert len({key[0] for key in found}) == months
    assert {key[4] for key in found} == {"regular", "tax", "adjustment", "rounding_error"}
    by_day = days(rows)
    assert loaded_days(ask, [GCP]) == by_day
    assert {(day, team): (billed, effective) for day, team, billed, effective in ask(DAILY)} == {
        key: (each.billed, each.effective) for key, each in by_day.items()
    }
    assert {"", "nlp", "vision", "recsys"} <= {team for _, team in by_day}
    per_partition = "SELECT unit, billed_total FROM ledger.loads WHERE source = ? AND status = 'current'"
    billed: dict[str, Decimal] = {}
    for unit, amount in ask(per_partition, GCP):  # a partition has a load for each invoice month
        billed[unit] = billed.get(unit, Decimal(0)) + amount
    assert billed == {name: total(sums(rows)) for name, rows in by_partition.items()}
    return len(expected)


def test_two_months_of_the_company_at_scale_ten_are_what_their_files_come_to(
    tmp_path: Path, record_property: Callable[[str, object], None]
) -> None:
    record_property("shown", prove_company(tmp_path / "company", months=2))


@pytest.mark.conformance
def test_twelve_months_of_the_company_at_scale_ten_are_what_their_files_come_to(
    tmp_path: Path, record_property: Callable[[str, object], None]
) -> None:
    record_property("shown", prove_company(tmp_path / "company", months=12))


def test_google_s_bill_on_focus_s_basis_is_what_its_files_come_to(company: Company, tmp_path: Path) -> None:
    """Twelve months, of which the first have commitments as credits and the others as prices."""
    source = {"name": "gcp", "kind": "gcp-files", "uri": str(company.root / "gcp"), "basis": "focus"}
    house = House(tmp_path, source).ok()
    rows = list(google.exported(partitions(company.root / "gcp")))
    expected = sums(google.charges(rows, "focus"))
    assert differing(expected, loaded(house.sql, ["gcp"], GOOGLE)) == []
    assert house.sql(model("failing.source_is_charges").sql) == []
    assert "unused" in {key[4] for key in expected}
    provider = sums(google.charges(rows))
    for month in {key[0] for key in provider}:  # no cent of cost comes or goes by the basis
        assert summed(expected, month).effective == summed(provider, month).effective
    # what is billed moves between months where covered usage is late and its fee is not, and by what Google rounds
    rounding = Decimal("1e-6") * sum(each.rows for each in provider.values())
    assert abs(summed(expected).billed - summed(provider).billed) <= rounding


def summed(found: Sums, month: str = "") -> Sum:
    """All of an invoice month, or of all."""
    whole = Sum()
    for key, each in found.items():
        if key[0].startswith(month):
            whole.add(each.billed, each.effective)
    return whole


def test_a_real_report_is_what_its_text_comes_to(tmp_path: Path) -> None:
    file = ROOT / "fixtures/real/cur1_anonymous_2023-11.csv"
    source = {"name": "real", "kind": "aws-cur1", "uri": str(file)}
    config = Config.model_validate({"home": "home", "sources": [source], "path": tmp_path / "finops.yaml"})
    assert run(config).failures == ()
    expected, not_charged = charges(csv_lines([file]))
    assert differing(expected, loaded(published(config), ["real"])) == []
    assert not_charged == {}
    assert sum(each.rows for each in expected.values()) == 1281
    assert sum(each.billed for each in expected.values()) > Decimal(0)


def test_the_native_focus_export_restated_and_rejected_is_what_its_pages_come_to(tmp_path: Path) -> None:
    house = House(tmp_path, {"name": "native", "kind": "gcp-files", "uri": "pages"})
    pages = tmp_path / "pages"
    shutil.copytree(NATIVE, pages)

    def holds(billed: str, count: int) -> None:
        rows = [row for path in sorted(pages.glob("*.json")) for row in focus_rows(path)]
        assert differing(sums(rows), loaded(house.sql, ["native"], GOOGLE)) == []
        assert loaded_days(house.sql, ["native"]) == days(rows)
        assert (total(sums(rows)), len(rows)) == (Decimal(billed), count)

    house.ok()
    holds("18.123456789012345678", 5)
    shutil.copy(SAMPLES / "gcp_focus_restated_2026-06.json", pages / "2026-06.json")
    house.ok()
    holds("16.123456789012345678", 7)
    good = (pages / "2026-06.json").read_bytes()
    shutil.copy(SAMPLES / "gcp_focus_reject_2026-06.json", pages / "2026-06.json")
    house.refused("BilledCost in 1 rows")
    (pages / "2026-06.json").write_bytes(good)  # the warehouse still says what it said
    holds("16.123456789012345678", 7)
