"""Fees, credits and refunds on the AWS bill, with the capacity blocks among them."""

from __future__ import annotations

from datetime import timedelta

from finops.simulator.aws_gpu import PREFIX, reservation_arn
from finops.simulator.aws_lines import Column, Lines, Owner, Purpose, Span, lasting, lines_of, moments, whole
from finops.simulator.aws_prices import decimal
from finops.simulator.aws_scope import PayerMonth
from finops.simulator.fleet import Instance
from finops.simulator.money import Units, doubles, units
from finops.simulator.running import Interval
from finops.simulator.timeline import HOUR, stream, token

_BLOCK_RATE = 62.9  # USD an hour of a p5.48xlarge in a capacity block, paid at once
_REFUNDED = 0.05


def capacity_blocks(scope: PayerMonth) -> list[Lines]:
    """Each block's upfront fee, when it begins, and a refund of 5 % for hours of an outage."""
    made: list[Lines] = []
    for instance in scope.fleet.of(scope.payer.source):
        if instance.spec.purchase != "capacity_block":
            continue
        for interval in instance.running:
            if scope.month.start <= interval.start.date() < scope.month.data_end:
                made.extend(_block(instance, interval, scope))
    return made


def _block(instance: Instance, interval: Interval, scope: PayerMonth) -> list[Lines]:
    fee = units([_BLOCK_RATE * ((interval.end - interval.start) / HOUR)])
    refund = -units(doubles(fee) * _REFUNDED)
    start = interval.start.replace(tzinfo=None)
    bought, repaid = lasting(moments(start)), lasting(moments(start + timedelta(hours=80)))
    return [
        _block_line("Fee", instance, bought, fee, scope),
        _block_line("Refund", instance, repaid, refund, scope),
    ]


def _block_line(line_type: str, instance: Instance, span: Span, cost: Units, scope: PayerMonth) -> Lines:
    region, kind = instance.region, instance.spec.instance_type
    name = token(scope.seed, "block", instance.id, scope.month.period)
    owner = Owner(
        instance.account,
        instance.spec.home,
        f"arn:aws:ec2:{region}:{instance.account}:capacity-reservation/cr-{name}",
        tuple(instance.tags.items()),
        Purpose(instance.spec.stage, "tag", instance.spec.model),
        scope.line_id(line_type, name),
    )
    columns: dict[str, Column] = {
        "bill_bill_type": "Purchase" if line_type == "Fee" else "Refund",
        "line_item_usage_type": f"{PREFIX[region] or 'USE1-'}CapacityBlockFee:{kind}",
        "line_item_operation": "CapacityBlock",
        "line_item_usage_amount": 1.0,
        "line_item_unblended_rate": decimal(float(doubles(cost)[0])) if line_type == "Fee" else None,
        "line_item_line_item_description": f"{line_type} for a capacity block of one {kind}",
        "pricing_unit": "Hrs",
        "product_instance_type": kind,
        "product_region_code": region,
    }
    return lines_of(owner, line_type, "AmazonEC2", "cost", span, cost, columns)


def monthly(scope: PayerMonth) -> list[Lines]:
    """Support and domain fees, a credit, refunds, and on the payer without net columns plain discounts."""
    rng = stream(scope.seed, "monthly", scope.payer.source, scope.month.period)

    def between(low: float, high: float, digits: int) -> float:
        return round(float(rng.uniform(low, high)), digits)

    home = "research-it" if scope.payer.net else "networking"
    made = [
        _spanning(scope, home, "Fee", "AWSSupportBusiness", "AWS Business Support", between(1400, 1490, 2)),
        _spanning(scope, home, "Fee", "AmazonRegistrar", "Domain registration", 39.0),
        _spanning(scope, home, "Credit", "AmazonEC2", "Migration credit", -between(180, 420, 10)),
        _spanning(scope, home, "Refund", "AmazonS3", "Service level refund", -between(5, 40, 6)),
    ]
    if scope.payer.net:
        return made
    storage, transfer = -between(30, 60, 8), -between(8, 20, 8)
    made.append(_spanning(scope, "data-lake", "Discount", "AmazonS3", "Storage volume discount", storage))
    made.append(_spanning(scope, "shop", "Discount", "AWSDataTransfer", "Transfer discount", transfer))
    return [*made, _upfront_refund(scope)] if scope.renewal else made


def _spanning(scope: PayerMonth, home: str, line_type: str, product: str, what: str, amount: float) -> Lines:
    """One line over the whole month that belongs to no resource."""
    columns: dict[str, Column] = {
        "bill_bill_type": "Refund" if line_type == "Refund" else "Anniversary",
        "line_item_usage_type": "Dollar" if line_type == "Fee" else None,
        "line_item_usage_amount": 1.0,
        "line_item_unblended_rate": decimal(amount) if line_type == "Fee" else None,
        "line_item_line_item_description": what,
    }
    span = whole(scope.month)
    return lines_of(scope.owner(home, what), line_type, product, "cost", span, units([amount]), columns)


def _upfront_refund(scope: PayerMonth) -> Lines:
    """Part of a reservation's upfront fee comes back: it never was a cost of this month's use."""
    account = scope.company.account("recsys-serving")
    arn = reservation_arn(account.id, account.region, "g5.xlarge")
    columns: dict[str, Column] = {
        "bill_bill_type": "Refund",
        "line_item_usage_type": "HeavyUsage:g5.xlarge",
        "line_item_line_item_description": "Refund of a reservation's upfront fee after a price cut",
        "reservation_reservation_a_r_n": arn,
    }
    owner = scope.owner(account.name, "upfront refund", arn)
    return lines_of(owner, "Refund", "AmazonEC2", "fee", whole(scope.month), units([-120.5]), columns)
