"""Reservations on the AWS bill: monthly fees, the renewal's upfront fee, and a reserved database."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from finops.simulator.aws_gpu import (
    HOURS_A_YEAR,
    PREFIX,
    RESERVED_RECURRING,
    RESERVED_UPFRONT,
    reservation_arn,
    reserved_share,
)
from finops.simulator.aws_lines import Column, Lines, Owner, Purpose, elapsed, lasting, lines_of, whole
from finops.simulator.aws_prices import decimal
from finops.simulator.aws_scope import PayerMonth
from finops.simulator.fleet import Instance
from finops.simulator.money import doubles, units
from finops.simulator.timeline import Month

_DATABASE_RATE, _DATABASE_LISTED, _DATABASE_HOURS = 0.135, 0.28, 20


@dataclass(frozen=True)
class _Reservation:
    """A reservation of one machine: USD an hour, recurring and amortised upfront."""

    product: str
    usage_type: str
    arn: str
    recurring: float
    upfront: float


def lines(scope: PayerMonth, usage: Sequence[tuple[Instance, Lines]]) -> list[Lines]:
    """The lines of the payer's reservations, besides the GPU usage that they cover."""
    made: list[Lines] = []
    hours = len(elapsed(scope.month))
    for instance, covered in usage:
        if instance.spec.purchase == "reserved":
            reservation = _of_instance(instance)
            owner = _holder(covered.owners[0], reservation.arn, scope)
            made.append(_fee(owner, scope.month, reservation, hours, hours - covered.count))
            if scope.renewal:
                made.append(_renewal(owner, scope.month, reservation, instance.spec.instance_type))
    if scope.payer.source == "aws-main":
        made.extend(_database(scope))
    return made


def _of_instance(instance: Instance) -> _Reservation:
    kind = instance.spec.instance_type
    return _Reservation(
        "AmazonEC2",
        f"{PREFIX[instance.region]}HeavyUsage:{kind}",
        reservation_arn(instance.account, instance.region, kind),
        RESERVED_RECURRING[kind],
        reserved_share(kind),
    )


def _holder(covered: Owner, arn: str, scope: PayerMonth) -> Owner:
    """The reservation as the owner of its fees: without the tags of what it covers, so nothing tells more."""
    purpose = Purpose(covered.purpose.stage, "none")
    return replace(covered, resource_id=arn, tags=(), line_id=scope.line_id(arn), purpose=purpose)


def _fee(owner: Owner, month: Month, reservation: _Reservation, hours: int, unused_hours: int) -> Lines:
    """The month's recurring fee so far, with the amortised value of the hours that nobody used."""
    unused_upfront = units([reservation.upfront * unused_hours])
    unused_recurring = units([reservation.recurring * unused_hours])
    upfront = units([reservation.upfront * hours])
    columns: dict[str, Column] = {
        "line_item_usage_type": reservation.usage_type,
        "line_item_operation": "RunInstances",
        "line_item_usage_amount": float(hours),
        "line_item_unblended_rate": decimal(reservation.recurring),
        "line_item_line_item_description": f"USD {reservation.recurring} hourly fee per reserved instance",
        "pricing_term": "Reserved",
        "pricing_unit": "Hrs",
        "reservation_reservation_a_r_n": reservation.arn,
        "reservation_number_of_reservations": "1",
        "reservation_total_reserved_units": str(hours),
        "reservation_amortized_upfront_fee_for_billing_period": doubles(upfront),
        "reservation_upfront_value": reservation.upfront * HOURS_A_YEAR,
        "reservation_unused_quantity": float(unused_hours),
        "reservation_unused_amortized_upfront_fee_for_billing_period": doubles(unused_upfront),
        "reservation_unused_recurring_fee": doubles(unused_recurring),
    }
    cost, unused = units([reservation.recurring * hours]), unused_upfront + unused_recurring
    made = lines_of(owner, "RIFee", reservation.product, "fee", whole(month), cost, columns, unused=unused)
    net: dict[str, Column] = {
        "reservation_net_amortized_upfront_fee_for_billing_period": doubles(made.net(upfront)),
        "reservation_net_unused_amortized_upfront_fee_for_billing_period": doubles(made.net(unused_upfront)),
        "reservation_net_unused_recurring_fee": doubles(made.net(unused_recurring)),
    }
    return replace(made, columns=columns | net)


def _renewal(owner: Owner, month: Month, reservation: _Reservation, instance_type: str) -> Lines:
    """The upfront fee of next year's reservation."""
    columns: dict[str, Column] = {
        "bill_bill_type": "Purchase",
        "line_item_usage_type": reservation.usage_type,
        "line_item_usage_amount": 1.0,
        "line_item_unblended_rate": decimal(RESERVED_UPFRONT[instance_type]),
        "line_item_line_item_description": f"Sign up charge for a reserved {instance_type}",
        "pricing_term": "Reserved",
        "pricing_purchase_option": "Partial Upfront",
        "reservation_reservation_a_r_n": reservation.arn,
        "reservation_upfront_value": RESERVED_UPFRONT[instance_type],
        # on the fee itself it is the whole term's
        "reservation_total_reserved_units": str(HOURS_A_YEAR),
    }
    cost = units([RESERVED_UPFRONT[instance_type]])
    return lines_of(owner, "Fee", reservation.product, "fee", lasting(elapsed(month)[:1]), cost, columns)


def _database(scope: PayerMonth) -> list[Lines]:
    """A reserved database that is switched off for four hours every night: those hours stay unused."""
    account, month = scope.company.account("erp"), scope.month
    base = f"arn:aws:rds:{account.region}:{account.id}"
    reservation = _Reservation("AmazonRDS", "EU-HeavyUsage:db.r5.large", f"{base}:ri:erp-db", _DATABASE_RATE, 0.0)
    owner = scope.owner(account.name, "reserved database", f"{base}:db:erp")
    days = elapsed(month, "D")
    effective = units(np.full(len(days), _DATABASE_RATE * _DATABASE_HOURS))
    columns: dict[str, Column] = {
        "line_item_usage_type": "EU-InstanceUsage:db.r5.large",
        "line_item_operation": "CreateDBInstance:0014",
        "line_item_usage_amount": float(_DATABASE_HOURS),
        "line_item_line_item_description": "RDS db.r5.large covered by a reservation",
        "pricing_public_on_demand_cost": _DATABASE_LISTED * _DATABASE_HOURS,
        "pricing_public_on_demand_rate": str(_DATABASE_LISTED),
        "pricing_term": "Reserved",
        "pricing_unit": "Hrs",
        "product_instance_type": "db.r5.large",
        "product_region_code": account.region,
        "reservation_reservation_a_r_n": reservation.arn,
        "reservation_effective_cost": doubles(effective),
        "reservation_recurring_fee_for_usage": doubles(effective),
        "reservation_amortized_upfront_cost_for_usage": 0.0,
    }
    cost = np.zeros(len(days), dtype=np.int64)
    span = lasting(days, 24)
    used = lines_of(owner, "DiscountedUsage", "AmazonRDS", "covered", span, cost, columns, effective=effective)
    hours = len(elapsed(month))
    holder = _holder(owner, reservation.arn, scope)
    return [used, _fee(holder, month, reservation, hours, hours - _DATABASE_HOURS * len(days))]
