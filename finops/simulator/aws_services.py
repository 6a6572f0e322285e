"""The AWS services besides the GPU fleet: one line item per resource and day."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date

import numpy as np

from finops.simulator.arrow import pa
from finops.simulator.aws_catalogue import TEMPLATES, Template
from finops.simulator.aws_gpu import PREFIX, SAGEMAKER_PREFIX
from finops.simulator.aws_lines import Column, Lines, Numbers, elapsed, lasting
from finops.simulator.aws_prices import rate_code, sku_of
from finops.simulator.aws_scope import PayerMonth
from finops.simulator.aws_tagging import owners
from finops.simulator.company import Account
from finops.simulator.money import doubles, units
from finops.simulator.timeline import Timeline, stream

_EXTRA_SIZE = 0.03  # resources that `scale` adds are small: the company stays the same
_LEAST = 1e-7  # USD: the smallest line


def usage(scope: PayerMonth) -> list[Lines]:
    """The month's daily usage lines of every template that has accounts under this payer."""
    made: list[Lines] = []
    for index, template in enumerate(TEMPLATES):
        homes = [scope.company.account(home) for home in template.homes]
        accounts = [account for account in homes if account.payer == scope.payer.account]
        if accounts:
            made.append(_lines(template, str(index), accounts, scope))
    return made


def demand(days: tuple[date, ...], line: Timeline, weekend: float, steps: bool) -> Numbers:
    """Relative demand of each day: 1.5 % growth a month, quiet weekends, for some a step four months ago."""
    last, step = line.months_ago(0), line.months_ago(4)
    months = np.array([(d - last).days / 30.4 for d in days])
    week = np.array([weekend if d.weekday() >= 5 else 1.0 for d in days])
    level = np.array([1.35 if steps and d >= step else 1.0 for d in days])
    return 1.015**months * week * level


def _lines(template: Template, key: str, accounts: Sequence[Account], scope: PayerMonth) -> Lines:
    each = max(1, round(template.each * scope.scale))
    used = np.concatenate([_amounts(template, key, account, scope, each) for account in accounts])
    of, day = np.nonzero(used)
    quantity = np.round(used[of, day] / template.rate, 6 if template.rate < 1 else 4)
    cost = units(np.maximum(quantity * template.rate, _LEAST))
    lines = Lines(
        "Usage",
        template.product,
        "cost",
        [owner for account in accounts for owner in owners(template, key, account, scope, each)],
        of,
        lasting(elapsed(scope.month, "D")[day], 24),
        cost,
        columns := _columns(template, quantity, doubles(cost)),
        discountable=template.seller is None,
    )
    regions = [account.region for account in accounts for _ in range(each)]
    prefixed = [template.usage_type.format(p=SAGEMAKER_PREFIX[r], r=PREFIX[r]) for r in regions]
    columns["line_item_usage_type"] = lines.per_owner(prefixed, pa.string())
    skus = [sku_of(f"{template.product} {each}") for each in prefixed]
    columns["product_sku"] = lines.per_owner(skus, pa.string())
    columns["pricing_rate_code"] = lines.per_owner([rate_code(each) for each in skus], pa.string())
    columns["product_region_code"] = lines.per_owner(regions, pa.string())
    return lines


def _amounts(template: Template, key: str, account: Account, scope: PayerMonth, each: int) -> Numbers:
    """USD of each resource (rows) on each day (columns); 0 where it was not used."""
    seed, month = scope.seed, scope.month
    shape = (each, len(month.days))
    sizes = stream(seed, "size", key, account.name).lognormal(0.0, 0.35, each)
    sizes[template.each :] *= _EXTRA_SIZE
    noise = stream(seed, "noise", key, account.name, month.period).lognormal(0.0, 0.12, shape)
    works = stream(seed, "duty", key, account.name, month.period).random(shape) < template.duty
    steps = account.name in ("shop", "recsys-serving")
    wanted = demand(month.days, scope.line, template.weekend, steps)
    return template.daily * sizes[:, None] * wanted * noise * works


def _columns(template: Template, quantity: Numbers, cost: Numbers) -> dict[str, Column]:
    rate = np.format_float_positional(template.rate, trim="-")
    columns: dict[str, Column] = {
        "line_item_operation": template.operation,
        "line_item_usage_amount": quantity,
        "line_item_unblended_rate": rate,
        "line_item_blended_rate": rate,
        "line_item_line_item_description": f"${rate} per {template.unit}",
        "pricing_public_on_demand_cost": cost,
        "pricing_public_on_demand_rate": rate,
        "pricing_term": "OnDemand",
        "pricing_unit": template.unit,
        "product_product_family": template.family,
        "product_instance_type": template.instance_type,
    }
    if template.seller:
        product = [("product_name", template.seller), ("marketplace", "true")]
        columns |= {
            "bill_billing_entity": "AWS Marketplace",
            "line_item_legal_entity": "AI21 Labs",
            "product": product,
        }
    return columns
