"""Commitments over their whole term: what is used and what is not adds up to what was paid, to the last digit.

The bills are made from the arithmetic of a commitment (so much a day, so much of it upfront, so much of it
used), and from the worked examples of the FOCUS specification.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import date, timedelta
from decimal import Decimal
from itertools import product
from pathlib import Path
from typing import Any

import pytest

from finops.models import model
from finops.warehouse import failing, staging

from .commitments import DIFFER, apart, lines
from .house import House, cur, legacy, manifest, write_csv

DAILY = Decimal("7.3")
NET = Decimal("0.9375")  # what a negotiated discount leaves of every price
UPFRONT = {"none": Decimal(0), "partial": Decimal("0.5"), "all": Decimal(1)}
USED = {"fully": Decimal(1), "half": Decimal("0.5"), "not": Decimal(0)}
TERMS = {1: (date(2026, 1, 1), date(2026, 2, 1)), 3: (date(2026, 1, 1), date(2026, 4, 1))}


@dataclass(frozen=True)
class Commitment:
    kind: str
    upfront: str
    used: str
    months: int

    @property
    def arn(self) -> str:
        name = f"{self.upfront}-{self.used}-{self.months}"
        if self.kind == "plan":
            return f"arn:aws:savingsplans::1:savingsplan/{name}"
        return f"arn:aws:ec2:us-east-1:1:reserved-instances/{name}"

    @property
    def days(self) -> list[date]:
        start, end = TERMS[self.months]
        return [start + timedelta(days=n) for n in range((end - start).days)]


COMMITMENTS = [Commitment(*each) for each in product(("plan", "reservation"), UPFRONT, USED, TERMS)]


def month_after(day: date) -> date:
    return (day.replace(day=1) + timedelta(days=31)).replace(day=1)


def line(kind: str, cost: Decimal, start: date, end: date, **more: Any) -> dict[str, Any]:
    """A row of the bill; amounts get their net twin, the discount taken off."""
    first = start.replace(day=1)
    columns = {
        "bill_billing_period_start_date": first,
        "bill_billing_period_end_date": month_after(first),
        "line_item_usage_start_date": start,
        "line_item_usage_end_date": end,
        "line_item_net_unblended_cost": cost * NET,
    }
    return cur(kind, str(cost), **columns, **more)


def plan_lines(it: Commitment) -> Iterator[dict[str, Any]]:
    """A savings plan: a fee a day for what is not paid upfront, and usage with its negation."""
    arn = {"savings_plan_savings_plan_a_r_n": it.arn}
    early, used = DAILY * UPFRONT[it.upfront], DAILY * USED[it.used]
    late = DAILY - early
    first = it.days[0]
    if early:
        yield line("SavingsPlanUpfrontFee", early * len(it.days), first, first + timedelta(days=1), **arn)
    for day in it.days:
        span = day, day + timedelta(days=1)
        whole = {
            "savings_plan_total_commitment_to_date": DAILY,
            "savings_plan_used_commitment": used,
            "savings_plan_recurring_commitment_for_billing_period": late,
            "savings_plan_amortized_upfront_commitment_for_billing_period": early,
            "savings_plan_net_recurring_commitment_for_billing_period": late * NET,
            "savings_plan_net_amortized_upfront_commitment_for_billing_period": early * NET,
        }
        yield line("SavingsPlanRecurringFee", late, *span, **whole, **arn)
        if used:
            costs = {
                "savings_plan_savings_plan_effective_cost": used,
                "savings_plan_net_savings_plan_effective_cost": used * NET,
            }
            yield line("SavingsPlanCoveredUsage", used * 2, *span, **costs, **arn)
            yield line("SavingsPlanNegation", -used * 2, *span, **arn)


def reservation_lines(it: Commitment) -> Iterator[dict[str, Any]]:
    """A reservation: a fee at the start, a fee a month, and usage that costs nothing more."""
    arn = {"reservation_reservation_a_r_n": it.arn}
    early, used = UPFRONT[it.upfront], USED[it.used]
    first = it.days[0]
    if early:
        yield line("Fee", DAILY * early * len(it.days), first, first + timedelta(days=1), **arn)
    for start in sorted({day.replace(day=1) for day in it.days}):
        days = sum(day.replace(day=1) == start for day in it.days)
        idle = DAILY * days * (1 - used)
        unused = {
            "reservation_amortized_upfront_fee_for_billing_period": DAILY * days * early,
            "reservation_net_amortized_upfront_fee_for_billing_period": DAILY * days * early * NET,
            "reservation_unused_amortized_upfront_fee_for_billing_period": idle * early,
            "reservation_unused_recurring_fee": idle * (1 - early),
            "reservation_net_unused_amortized_upfront_fee_for_billing_period": idle * early * NET,
            "reservation_net_unused_recurring_fee": idle * (1 - early) * NET,
        }
        yield line("RIFee", DAILY * days * (1 - early), start, month_after(start), **unused, **arn)
    for day in it.days if used else []:
        costs = {"reservation_effective_cost": DAILY * used, "reservation_net_effective_cost": DAILY * used * NET}
        yield line("DiscountedUsage", Decimal(0), day, day + timedelta(days=1), **costs, **arn)


@pytest.fixture(scope="module", params=["unblended", "net"])
def bill(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> tuple[Decimal, House]:
    """Three months of all commitments, and what the basis leaves of a price."""
    folder = tmp_path_factory.mktemp("bill")
    net = request.param == "net"
    return NET if net else Decimal(1), billed(folder, net=net).ok()


def billed(folder: Path, *, net: bool) -> House:
    """A warehouse with three months of all commitments to load."""
    root = folder / "bucket"
    rows = [row for it in COMMITMENTS for row in (plan_lines(it) if it.kind == "plan" else reservation_lines(it))]
    for month in ("2026-01", "2026-02", "2026-03"):
        of_month = [
            {name: value for name, value in row.items() if net or "_net_" not in name}
            for row in rows
            if str(row["bill_billing_period_start_date"]).startswith(month)
        ]
        file = write_csv(root / "ml" / "data" / f"BILLING_PERIOD={month}" / "ml-1.csv.gz", of_month)
        manifest(root, [file], period=month)
    return House(folder, {"name": "aws", "kind": "aws-cur2", "uri": "bucket", "export": "ml"})


def sums(home: House, month: str = "%") -> dict[str, tuple[Decimal, Decimal, Decimal]]:
    """Per commitment: billed for its purchases, the effective cost of what was used, and of what was not."""
    return {
        arn: amounts
        for arn, *amounts in home.sql(
            """SELECT CommitmentDiscountId,
              coalesce(sum(BilledCost) FILTER (ChargeCategory = 'Purchase'), 0),
              coalesce(sum(EffectiveCost) FILTER (CommitmentDiscountStatus = 'Used'), 0),
              coalesce(sum(EffectiveCost) FILTER (CommitmentDiscountStatus = 'Unused'), 0)
            FROM focus.charges WHERE strftime(BillingPeriodStart, '%Y-%m') LIKE ? GROUP BY 1""",
            month,
        )
    }


def test_used_and_unused_are_what_was_paid_over_the_term(bill: tuple[Decimal, House]) -> None:
    left, home = bill
    expected = {}
    for it in COMMITMENTS:
        paid = DAILY * len(it.days) * left
        expected[it.arn] = [paid, paid * USED[it.used], paid * (1 - USED[it.used])]
    assert sums(home) == expected
    assert home.sql("SELECT sum(EffectiveCost) FROM focus.charges WHERE ChargeCategory = 'Purchase'") == [(0,)]


def test_what_was_paid_upfront_is_billed_in_the_first_month_and_used_up_in_all(bill: tuple[Decimal, House]) -> None:
    left, home = bill
    last = sums(home, "2026-03")
    for it in COMMITMENTS:
        if it.months == 3 and it.upfront == "all":
            billed, used, unused = last[it.arn]
            assert (billed, used + unused) == (0, DAILY * 31 * left)


@pytest.mark.parametrize(
    ("whole", "used", "net", "unused"),
    [
        ("3", "1", "1", "0.6666666667"),  # two thirds of 1, to AWS's own step of 1e-10
        ("0.3", "0", "0.1", "0.1"),  # all of it, though 0.1 / 0.3 is no decimal
        ("0.3", "0.3", "0.1", None),  # nothing: not even a digit of it
    ],
)
def test_a_plan_s_net_unused_part_loses_no_digit(
    tmp_path: Path, whole: str, used: str, net: str, unused: str | None
) -> None:
    row = cur(
        "SavingsPlanRecurringFee", whole, line_item_net_unblended_cost=net,
        savings_plan_total_commitment_to_date=whole, savings_plan_used_commitment=used,
        savings_plan_net_recurring_commitment_for_billing_period=net,
        savings_plan_savings_plan_a_r_n="arn:aws:savingsplans::1:savingsplan/s",
    )  # fmt: skip
    write_csv(tmp_path / "report.csv", [legacy(row)])
    home = House(tmp_path, {"name": "aws", "kind": "aws-cur1", "uri": "report.csv"}).ok()
    found = home.sql("SELECT EffectiveCost FROM focus.charges WHERE ChargeCategory = 'Usage'")
    assert found == ([] if unused is None else [(Decimal(unused),)])


@pytest.mark.parametrize(
    ("kind", "resource", "effective"),
    [
        ("SavingsPlanUpfrontFee", "arn:aws:savingsplans::1:savingsplan/s", 0),
        ("Fee", "arn:aws:ec2:us-east-1:1:reserved-instances/r", 0),
        ("Refund", "arn:aws:ec2:us-east-1:1:reserved-instances/r", 0),
        ("Fee", "arn:aws:route53domains:::domain/example.org", 9),
        ("Refund", "", 9),
    ],
)
def test_a_fee_is_known_by_its_resource_where_the_export_has_no_arns(
    tmp_path: Path, kind: str, resource: str, effective: int
) -> None:
    write_csv(tmp_path / "report.csv", [legacy(cur(kind, "9", line_item_resource_id=resource))])
    home = House(tmp_path, {"name": "aws", "kind": "aws-cur1", "uri": "report.csv"}).ok()
    id_ = None if effective else resource
    assert home.sql("SELECT EffectiveCost, CommitmentDiscountId FROM focus.charges") == [(effective, id_)]


def test_what_the_fees_say_is_what_a_commitment_costs_in_each_of_its_months(bill: tuple[Decimal, House]) -> None:
    left, home = bill
    expected = {
        (it.arn, month): DAILY * sum(f"{day:%Y-%m}" == month for day in it.days) * left
        for it in COMMITMENTS
        for month in {f"{day:%Y-%m}" for day in it.days}
    }
    assert len(expected) == 18 * 1 + 18 * 3
    found = home.sql("SELECT commitment_id, billing_period, cost FROM ledger.commitments")
    assert {(arn, month): cost for arn, month, cost in found} == expected


def test_each_month_that_is_closed_is_compared(bill: tuple[Decimal, House]) -> None:
    """January and February: of March it cannot be known yet that all has come, since usage ends with it."""
    left, home = bill
    january, february = DAILY * 31 * 36 * left, DAILY * 28 * 18 * left
    assert lines(home) == {
        "2026-01 USD": (january, january),
        f"2026-01 USD{DIFFER}": (0, 0),
        "2026-02 USD": (february, february),
        f"2026-02 USD{DIFFER}": (0, 0),
    }


MISREADINGS = {
    "covered usage is gross": (
        "savings_plan_net_savings_plan_effective_cost",
        "savings_plan_savings_plan_effective_cost",
        {"plan": {"fully", "half"}},
    ),
    "reserved usage is gross": (
        "is_net THEN reservation_net_effective_cost",
        "is_net THEN reservation_effective_cost",
        {"reservation": {"fully", "half"}},
    ),
    "what is unused of a reservation is without its upfront part": (
        "COALESCE(reservation_net_unused_amortized_upfront_fee_for_billing_period,",
        "COALESCE(0,",
        {"reservation": {"half", "not"}},
    ),
    "what is unused of a plan is all of it": (
        "THEN savings_plan_total_commitment_to_date - savings_plan_used_commitment - COALESCE(",
        "THEN savings_plan_total_commitment_to_date - COALESCE(",
        {"plan": {"fully", "half"}},
    ),
}
"""What a normaliser of a net bill may get wrong though all that is billed is right: what is in its SQL, what instead,
and the commitments that it is wrong for, by kind and use."""


@pytest.mark.parametrize("what", MISREADINGS)
def test_a_normaliser_that_puts_another_cost_on_a_commitment_is_found_out(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, what: str
) -> None:
    right, wrong, touched = MISREADINGS[what]
    sql = model("normalise.aws_cur").sql
    assert right in sql, "the normaliser has changed: this must be written anew"
    misread = replace(model("normalise.aws_cur"), sql=sql.replace(right, wrong))
    monkeypatch.setattr(staging, "model", lambda name: misread if name == "normalise.aws_cur" else model(name))
    home = billed(tmp_path, net=True).ok()
    expected = {
        (it.arn, month)
        for it in COMMITMENTS
        for month in ("2026-01", "2026-02")[: it.months]
        if it.used in touched.get(it.kind, ()) and not ("upfront part" in what and it.upfront == "none")
    }
    assert sum(actual for scope, (_, actual) in lines(home).items() if scope.endswith(DIFFER)) == len(expected)
    assert len(apart(home)) == min(len(expected), failing.LIMIT)
    assert set(apart(home)) <= expected
