"""Savings plans on the AWS bill: their fees, what they cover, and the negation of what is covered."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from finops.simulator.aws_gpu import HOURS_A_YEAR, PREFIX, plan_arn
from finops.simulator.aws_lines import Column, Lines, Owner, Times, elapsed, lasting, lines_of
from finops.simulator.aws_prices import decimal
from finops.simulator.aws_scope import PayerMonth
from finops.simulator.fleet import Instance
from finops.simulator.money import Units, doubles, units
from finops.simulator.timeline import token


@dataclass(frozen=True)
class Plan:
    """A savings plan: an hourly commitment of which `upfront` was paid at the start, in USD an hour.

    `recent`: bought at the start of the last but one month. `instance_type`, `listed` and `rate` belong to
    the one machine outside the GPU fleet that it covers around the clock, if any.
    """

    source: str
    kind: str
    home: str
    commitment: float
    upfront: float
    recent: bool
    instance_type: str = ""
    listed: float = 0.0
    rate: float = 0.0


PLANS = (
    Plan("aws-main", "compute", "nlp-training", 19.5, 0.0, recent=False),
    Plan("aws-main", "ec2", "website", 0.5, 0.25, True, "c6i.4xlarge", 0.68, 0.4471),
    # used to the last cent: there is no net column for a commitment's total
    Plan("aws-research", "ec2", "research-data", 0.5123, 0.0, True, "m6i.4xlarge", 0.768, 0.5123),
)
_KEPT = (
    "line_item_usage_type",
    "line_item_operation",
    "line_item_usage_amount",
    "product_region_code",
    "savings_plan_savings_plan_a_r_n",
)


def lines(scope: PayerMonth, usage: Sequence[tuple[Instance, Lines]]) -> list[Lines]:
    """The lines of the payer's savings plans, with the negation of every line that one covers."""
    made: list[Lines] = []
    bought = scope.line.months_ago(1)
    for plan in PLANS:
        if plan.source != scope.payer.source or (plan.recent and scope.month.start < bought):
            continue
        covered = [each for _, each in usage if each.line_type == "SavingsPlanCoveredUsage"]
        if plan.instance_type:
            covered = [_covered(plan, _owner(plan, scope, "covered"), scope)]
            made.extend(covered)
        made.extend(_negation(each) for each in covered)
        made.append(_recurring(plan, _owner(plan, scope, "recurring"), scope, covered))
        if plan.upfront and scope.renewal:
            made.append(_upfront(plan, _owner(plan, scope, "upfront"), scope))
    return made


def _owner(plan: Plan, scope: PayerMonth, what: str) -> Owner:
    """The plan itself, or for 'covered' the machine that it covers."""
    machine = f"i-{token(scope.seed, 'ec2', plan.source, plan.home)}"
    resource = machine if what == "covered" else plan_arn(scope.payer.account, plan.kind)
    return scope.owner(plan.home, f"{plan.kind} {what}", resource)


def _covered(plan: Plan, owner: Owner, scope: PayerMonth) -> Lines:
    """An ordinary machine that runs around the clock under the plan."""
    when = elapsed(scope.month)
    region = scope.company.account(plan.home).region
    effective = units(np.full(len(when), plan.rate))
    cost = units(np.full(len(when), plan.listed))
    columns: dict[str, Column] = {
        "line_item_usage_type": f"{PREFIX[region]}BoxUsage:{plan.instance_type}",
        "line_item_operation": "RunInstances",
        "line_item_usage_amount": 1.0,
        "line_item_unblended_rate": str(plan.listed),
        "line_item_line_item_description": f"${plan.listed} per {plan.instance_type} instance-hour",
        "pricing_public_on_demand_cost": doubles(cost),
        "pricing_public_on_demand_rate": str(plan.listed),
        "pricing_term": "OnDemand",
        "pricing_unit": "Hrs",
        "product_instance_type": plan.instance_type,
        "product_product_family": "Compute Instance",
        "product_region_code": region,
        "savings_plan_savings_plan_a_r_n": plan_arn(scope.payer.account, plan.kind),
        "savings_plan_savings_plan_rate": plan.rate,
        "savings_plan_savings_plan_effective_cost": doubles(effective),
        "savings_plan_offering_type": "EC2InstanceSavingsPlans",
    }
    kind = "SavingsPlanCoveredUsage"
    return lines_of(owner, kind, "AmazonEC2", "covered", lasting(when), cost, columns, effective=effective)


def _negation(covered: Lines) -> Lines:
    """The line that takes the covered usage's on-demand cost off the bill again."""
    columns: dict[str, Column] = {name: covered.columns[name] for name in _KEPT}
    columns["line_item_line_item_description"] = "SavingsPlanNegation used by the covered usage"
    kind = "SavingsPlanNegation"
    return replace(covered, line_type=kind, basis="none", cost=-covered.cost, effective=None, columns=columns)


def _recurring(plan: Plan, owner: Owner, scope: PayerMonth, covered: Sequence[Lines]) -> Lines:
    """One fee an hour, with what of the commitment was used in it."""
    when = elapsed(scope.month)
    total = units(np.full(len(when), plan.commitment))
    used = _used(when, covered)
    paid = units(np.full(len(when), plan.commitment - plan.upfront))
    upfront = total - paid
    columns = _plan_columns(plan, scope.payer.account) | {
        "line_item_unblended_rate": decimal(plan.commitment - plan.upfront),
        "savings_plan_total_commitment_to_date": doubles(total),
        "savings_plan_used_commitment": doubles(used),
        "savings_plan_amortized_upfront_commitment_for_billing_period": doubles(upfront),
        "savings_plan_recurring_commitment_for_billing_period": doubles(paid),
    }
    kind = "SavingsPlanRecurringFee"
    made = lines_of(owner, kind, "ComputeSavingsPlans", "fee", lasting(when), paid, columns, unused=total - used)
    net: dict[str, Column] = {
        "savings_plan_net_recurring_commitment_for_billing_period": doubles(made.net(paid)),
        "savings_plan_net_amortized_upfront_commitment_for_billing_period": doubles(made.net(upfront)),
    }
    return replace(made, columns=columns | net)


def _used(when: Times, covered: Sequence[Lines]) -> Units:
    """The commitment that the covered lines used up in each hour."""
    used = np.zeros(len(when), dtype=np.int64)
    for each in covered:
        if each.effective is not None:
            np.add.at(used, np.searchsorted(when, each.span.start), each.effective)
    return used


def _upfront(plan: Plan, owner: Owner, scope: PayerMonth) -> Lines:
    """The part of a year's commitment that is paid on the first day."""
    cost = units([plan.upfront * HOURS_A_YEAR])
    columns = _plan_columns(plan, scope.payer.account) | {
        "bill_bill_type": "Purchase",
        "line_item_unblended_rate": decimal(plan.upfront * HOURS_A_YEAR),
    }
    span = lasting(elapsed(scope.month)[:1])
    return lines_of(owner, "SavingsPlanUpfrontFee", "ComputeSavingsPlans", "fee", span, cost, columns)


def _plan_columns(plan: Plan, account: str) -> dict[str, Column]:
    """A fee is one of itself, without a unit."""
    option = "Partial Upfront" if plan.upfront else "No Upfront"
    kind = "ComputeSavingsPlans" if plan.kind == "compute" else "EC2InstanceSavingsPlans"
    return {
        "line_item_usage_type": f"ComputeSP:1yr{option.replace(' ', '')}",
        "line_item_usage_amount": 1.0,
        "line_item_line_item_description": f"1 year {option} {kind} fee",
        "savings_plan_savings_plan_a_r_n": plan_arn(account, plan.kind),
        "savings_plan_offering_type": kind,
        "savings_plan_payment_option": option,
    }
