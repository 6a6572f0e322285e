"""Charges by period, payer, account, service and line type are what the files come to, to the last digit.

Three bills: the simulated company at scale 10, a real report, and a bucket that an outside tool writes.
"""

from __future__ import annotations

from collections.abc import Iterable
from decimal import Decimal
from pathlib import Path

import duckdb
import pytest

from finops.config import Config, load_config
from finops.simulator import simulate
from tests.conftest import ROOT, run

from .independent import Key, Line, Sum, Sums, charges, csv_lines, exported, parquet_lines

SOURCES = {"aws-main": ("aws/main/cur2", "nimbus-main"), "aws-research": ("aws/research/cur2", "nimbus-research")}
TRUTH = """SELECT billing_period, payer_or_billing_account, coalesce(account, ''), service, line_type, currency,
    count(*), sum(billed_cost), sum(effective_cost)
    FROM '{}/truth/charges.parquet' WHERE source IN ('aws-main', 'aws-research') GROUP BY ALL"""
LOADED = """SELECT strftime(BillingPeriodStart, '%Y-%m'), BillingAccountId, coalesce(SubAccountId, ''),
      coalesce(x_ServiceCode, ''),
      CASE WHEN CommitmentDiscountStatus IS NOT DISTINCT FROM 'Unused'
        THEN if(x_SourceLineType = 'RIFee', 'RIUnused', 'SavingsPlanUnused') ELSE x_SourceLineType END,
      BillingCurrency, count(*), sum(BilledCost), sum(EffectiveCost)
    FROM focus.charges WHERE x_SourceSystem IN (SELECT unnest(?)) GROUP BY ALL"""


def by_key(rows: Iterable[tuple[object, ...]]) -> Sums:
    return {tuple(map(str, row[:6])): Sum(*row[6:]) for row in rows}  # type: ignore[arg-type, misc]


def loaded(config: Config, sources: Iterable[str]) -> Sums:
    """The published charges by key."""
    with duckdb.connect(config.published, read_only=True) as con:
        con.execute("SET TimeZone = 'UTC'")
        return by_key(con.execute(LOADED, [list(sources)]).fetchall())


def left_out(config: Config) -> dict[str, int]:
    """Rows of each source line type that are no charge, as the warehouse counts them; added rows aside."""
    with duckdb.connect(config.published, read_only=True) as con:
        return dict(
            con.execute(
                "SELECT split_part(reason, ':', 1), sum(row_count)::BIGINT FROM ledger.left_out GROUP BY 1"
            ).fetchall()
        )


def differing(expected: Sums, found: Sums) -> list[tuple[Key, Sum | None, Sum | None]]:
    """The keys of which the two say different things, at most ten."""
    keys = sorted(expected.keys() | found.keys())
    return [(key, expected.get(key), found.get(key)) for key in keys if expected.get(key) != found.get(key)][:10]


def company_lines(root: Path) -> list[Line]:
    return [line for folder, export in SOURCES.values() for line in parquet_lines(exported(root / folder, export))]


def prove_company(root: Path, months: int) -> None:
    """Simulates and loads the AWS bills at scale 10; files, warehouse and the simulator's truth are one."""
    simulate(root, scale=10, months=months)
    config = load_config(root / "finops.yaml").model_copy(update={"telemetry": ()})
    assert run(config, sources=tuple(SOURCES)).failures == ()
    expected, not_charged = charges(company_lines(root))
    with duckdb.connect() as con:
        truth = by_key(con.execute(TRUTH.format(root)).fetchall())
    found = loaded(config, SOURCES)
    assert differing(expected, found) == []
    assert differing(truth, found) == []
    assert len({key[0] for key in found}) == months
    assert {key[4] for key in found} >= {"SavingsPlanUnused", "RIUnused", "DiscountedUsage", "Tax", "Refund", "Credit"}
    assert sum(not_charged.values()) == sum(
        count for reason, count in left_out(config).items() if reason != "commitment without an unused part"
    )


def test_two_months_of_the_company_at_scale_ten_are_what_their_files_come_to(tmp_path: Path) -> None:
    prove_company(tmp_path / "company", months=2)


@pytest.mark.conformance
def test_twelve_months_of_the_company_at_scale_ten_are_what_their_files_come_to(tmp_path: Path) -> None:
    prove_company(tmp_path / "company", months=12)


def test_a_real_report_is_what_its_text_comes_to(tmp_path: Path) -> None:
    file = ROOT / "fixtures/real/cur1_anonymous_2023-11.csv"
    source = {"name": "real", "kind": "aws-cur1", "uri": str(file)}
    config = Config.model_validate({"home": "home", "sources": [source], "path": tmp_path / "finops.yaml"})
    assert run(config).failures == ()
    expected, not_charged = charges(csv_lines([file]))
    assert differing(expected, loaded(config, ["real"])) == []
    assert not_charged == {}
    assert sum(each.rows for each in expected.values()) == 1281
    assert sum(each.billed for each in expected.values()) > Decimal(0)
