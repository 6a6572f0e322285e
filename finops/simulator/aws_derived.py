"""Lines of the AWS bill that follow from other lines: taxes, negotiated discounts and split costs."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from finops.simulator.aws_gpu import PREFIX
from finops.simulator.aws_lines import Column, Lines, elapsed, lasting, lines_of, whole
from finops.simulator.aws_scope import PayerMonth
from finops.simulator.fleet import Instance
from finops.simulator.money import PER_UNIT, doubles, units

_TAX = {
    "website": ("USSalesTax", 0.0725),
    "shop": ("VAT", 0.2),
    "erp": ("VAT", 0.2),
    "research-web": ("USSalesTax", 0.06),
}
_CENT = PER_UNIT // 100
# The part of some products' discount that has a line type of its own
_SPECIAL = {"AmazonS3": ("PrivateRateDiscount", 0.05), "AWSDataTransfer": ("BundledDiscount", 0.1)}
_POD_SHARE = 0.4


def taxes(scope: PayerMonth, lines: Sequence[Lines]) -> list[Lines]:
    """For each taxed account a line per product, over the whole month."""
    base = _sums([each for each in lines if each.line_type == "Usage"], net=scope.payer.net)
    made: list[Lines] = []
    for (account, product), amount in sorted(base.items()):
        if account not in _TAX:
            continue
        tax_type, share = _TAX[account]
        columns: dict[str, Column] = {
            "line_item_tax_type": tax_type,
            "line_item_usage_amount": 1.0,
            "line_item_line_item_description": f"Tax for product code {product}",
        }
        cost = np.array([round(amount * share / _CENT) * _CENT], dtype=np.int64)
        owner = scope.owner(account, f"tax {product}")
        made.append(lines_of(owner, "Tax", product, "cost", whole(scope.month), cost, columns))
    return made


def discounts(scope: PayerMonth, lines: Sequence[Lines]) -> list[Lines]:
    """On the net basis: the rows that say what the net columns have taken off already."""
    listed, netted = _sums(lines, net=False), _sums(lines, net=True)
    made: list[Lines] = []
    for account, product in sorted(listed):
        taken = netted[account, product] - listed[account, product]
        if not taken:
            continue
        special, share = _SPECIAL.get(product, ("", 0.0))
        part = -round(listed[account, product] * share)
        made.append(_discount(scope, account, product, "EdpDiscount", taken - part))
        if special:
            made.append(_discount(scope, account, product, special, part))
    return made


def _discount(scope: PayerMonth, account: str, product: str, line_type: str, amount: int) -> Lines:
    cost = np.array([amount], dtype=np.int64)
    columns: dict[str, Column] = {
        "line_item_net_unblended_cost": 0.0,
        "line_item_line_item_description": f"{line_type} of {product}",
        "discount": [(line_type, amount / PER_UNIT)],
        "discount_total_discount": amount / PER_UNIT,
    }
    owner = scope.owner(account, f"{line_type} {product}")
    return lines_of(owner, line_type, product, "none", whole(scope.month), cost, columns)


def _sums(lines: Sequence[Lines], *, net: bool) -> dict[tuple[str, str], int]:
    """Cost by account's name and product, in units of 1e-10."""
    sums: dict[tuple[str, str], int] = {}
    for each in lines:
        totals = np.zeros(len(each.owners), dtype=np.int64)
        np.add.at(totals, each.of, each.net(each.cost) if net else each.cost)
        for owner, total in zip(each.owners, totals.tolist(), strict=True):
            key = (owner.account_name, each.product)
            sums[key] = sums.get(key, 0) + int(total)
    return sums


def split_costs(scope: PayerMonth, usage: Sequence[tuple[Instance, Lines]]) -> list[Lines]:
    """For the last two days, what the pods of a Kubernetes node used: the node's own cost, told again."""
    made: list[Lines] = []
    for instance, parent in usage:
        if not instance.spec.kubernetes or parent.line_type != "Usage":
            continue
        when = elapsed(scope.month)[-48:]
        cost = units(np.full(len(when), instance.spec.hourly * _POD_SHARE))
        columns: dict[str, Column] = {
            "line_item_usage_type": f"{PREFIX[instance.region]}EKS-EC2-Accelerator-Hours",
            "line_item_operation": "EKSPod-EC2",
            "line_item_usage_amount": _POD_SHARE,
            "split_line_item_parent_resource_id": instance.resource_id,
            "split_line_item_split_cost": doubles(cost),
            "split_line_item_split_usage": _POD_SHARE,
            "split_line_item_split_usage_ratio": _POD_SHARE,
            "split_line_item_unused_cost": 0.0,
        }
        for pod in ("ranker-0", "ranker-1"):
            arn = f"arn:aws:eks:{instance.region}:{instance.account}:pod/serving/{pod}"
            owner = scope.owner(instance.spec.home, pod, arn)
            span = lasting(when)
            made.append(lines_of(owner, "Usage", "AmazonEKS", "none", span, cost, columns, discountable=False))
    return made
