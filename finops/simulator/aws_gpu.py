"""The GPU fleet on the AWS bill: one line item per instance and hour."""

from __future__ import annotations

import numpy as np

from finops.simulator.aws_lines import Column, Lines, Owner, Purpose, Times, lasting, lines_of, moments
from finops.simulator.aws_prices import rates, sku
from finops.simulator.aws_scope import PayerMonth
from finops.simulator.fleet import Instance
from finops.simulator.money import Units, doubles, units
from finops.simulator.timeline import Month, instant, stream, token

# USD an hour for the whole machine under each commitment
SAVINGS_PLAN_RATE = {"p4d.24xlarge": 19.2241}
RESERVED_RECURRING = {"g5.xlarge": 0.3179, "g5.2xlarge": 0.3830}
RESERVED_UPFRONT = {"g5.xlarge": 2785.0, "g5.2xlarge": 3355.0}  # for 8,760 hours
HOURS_A_YEAR = 8760
PREFIX = {"us-east-1": "", "us-east-2": "USE2-", "eu-west-1": "EU-"}
SAGEMAKER_PREFIX = {"us-east-1": "USE1", "us-east-2": "USE2", "eu-west-1": "EUW1"}


def hours(instance: Instance, month: Month) -> Times:
    """The hours it ran in the month."""
    found = instance.hours(instant(month.start), instant(month.data_end))
    return moments(*(h.replace(tzinfo=None) for h in found))


def owner(instance: Instance, scope: PayerMonth) -> Owner:
    """The instance as the owner of its lines."""
    return Owner(
        account=instance.account,
        account_name=instance.spec.home,
        resource_id=instance.resource_id,
        tags=tuple(instance.tags.items()),
        purpose=Purpose(instance.spec.stage, instance.evidence, instance.spec.model),
        line_id=scope.line_id(instance.id),
    )


def reserved_share(instance_type: str) -> float:
    """The part of a reservation's upfront fee that falls on one hour, in USD."""
    return RESERVED_UPFRONT[instance_type] / HOURS_A_YEAR


def usage(scope: PayerMonth) -> list[tuple[Instance, Lines]]:
    """The month's hourly usage lines of each of the payer's instances."""
    made: list[tuple[Instance, Lines]] = []
    for instance in scope.fleet.of(scope.payer.source):
        when = hours(instance, scope.month)
        if len(when):
            made.append((instance, _lines(instance, owner(instance, scope), when, scope.seed)))
    return made


def _lines(instance: Instance, who: Owner, when: Times, seed: int) -> Lines:
    purchase, kind = instance.spec.purchase, instance.spec.instance_type
    rows = len(when)
    listed = units(np.full(rows, instance.spec.hourly))
    columns, span = _columns(instance, listed), lasting(when)
    product = "AmazonSageMaker" if instance.spec.service == "sagemaker" else "AmazonEC2"
    if purchase == "savings_plan":
        effective = units(np.full(rows, SAVINGS_PLAN_RATE[kind]))
        columns |= _plan_columns(instance, effective)
        line_type = "SavingsPlanCoveredUsage"
        return lines_of(who, line_type, product, "covered", span, listed, columns, effective=effective)
    nothing = np.zeros(rows, dtype=np.int64)
    if purchase == "reserved":
        upfront = units(np.full(rows, reserved_share(kind)))
        recurring = units(np.full(rows, RESERVED_RECURRING[kind]))
        columns |= _reservation_columns(instance, upfront, recurring)
        line_type, effective = "DiscountedUsage", upfront + recurring
        return lines_of(who, line_type, product, "covered", span, nothing, columns, effective=effective)
    # a capacity block's fee has paid for its hours
    cost = {"spot": _spot(instance, when, seed), "capacity_block": nothing}.get(purchase, listed)
    if purchase == "spot":
        columns |= dict.fromkeys(("line_item_unblended_rate", "line_item_blended_rate"), rates(doubles(cost).tolist()))
    return lines_of(who, "Usage", product, "cost", span, cost, columns)


def _plan_columns(instance: Instance, effective: Units) -> dict[str, Column]:
    return {
        "savings_plan_savings_plan_a_r_n": plan_arn(instance.payer, "compute"),
        "savings_plan_savings_plan_rate": SAVINGS_PLAN_RATE[instance.spec.instance_type],
        "savings_plan_savings_plan_effective_cost": doubles(effective),
        "savings_plan_offering_type": "ComputeSavingsPlans",
    }


def _reservation_columns(instance: Instance, upfront: Units, recurring: Units) -> dict[str, Column]:
    arn = reservation_arn(instance.account, instance.region, instance.spec.instance_type)
    return {
        "reservation_reservation_a_r_n": arn,
        "reservation_effective_cost": doubles(upfront + recurring),
        "reservation_amortized_upfront_cost_for_usage": doubles(upfront),
        "reservation_recurring_fee_for_usage": doubles(recurring),
    }


def _columns(instance: Instance, listed: Units) -> dict[str, Column]:
    spec, region = instance.spec, instance.region
    if spec.service == "sagemaker":
        usage_type, operation = f"{SAGEMAKER_PREFIX[region]}-Host:{spec.instance_type}", "RunInstance"
        family = "ML Instance"
    else:
        kind = "SpotUsage" if spec.purchase == "spot" else "BoxUsage"
        usage_type, family = f"{PREFIX[region]}{kind}:{spec.instance_type}", "Compute Instance"
        operation = "RunInstances:SV001" if spec.purchase == "spot" else "RunInstances"
    block = spec.purchase == "capacity_block"
    return {
        "line_item_usage_type": usage_type,
        "line_item_operation": operation,
        "line_item_availability_zone": instance.zone,
        "line_item_usage_amount": 1.0,
        "line_item_unblended_rate": "0" if block else str(spec.hourly),
        "line_item_blended_rate": "0" if block else str(spec.hourly),
        "line_item_line_item_description": f"${spec.hourly} per {spec.instance_type} instance-hour",
        "pricing_public_on_demand_cost": doubles(listed),
        "pricing_public_on_demand_rate": str(spec.hourly),
        "pricing_term": "Reserved"
        if spec.purchase == "reserved"
        else "Spot"
        if spec.purchase == "spot"
        else "OnDemand",
        "pricing_purchase_option": "Partial Upfront" if spec.purchase == "reserved" else None,
        "pricing_unit": "Hrs",
        "product_instance_type": spec.instance_type,
        "product_region_code": region,
        "product_location": region,
        "product_product_family": family,
        **sku(usage_type),
    }


def _spot(instance: Instance, when: Times, seed: int) -> Units:
    """A spot price for each day, between 35 and 50 % of the list price."""
    days = when.astype("datetime64[D]")
    shares = {
        d: float(stream(seed, "spot", instance.spec.instance_type, d).uniform(0.35, 0.5)) for d in np.unique(days)
    }
    return units([round(shares[d] * instance.spec.hourly, 4) for d in days])


def plan_arn(payer: str, kind: str) -> str:
    """A savings plan's ARN."""
    return f"arn:aws:savingsplans::{payer}:savingsplan/{token(0, 'plan', payer, kind, length=32)}"


def reservation_arn(account: str, region: str, instance_type: str) -> str:
    """A reservation's ARN."""
    identity = token(0, "reservation", account, instance_type, length=32)
    return f"arn:aws:ec2:{region}:{account}:reserved-instances/{identity}"
