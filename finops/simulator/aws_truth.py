"""The truth behind the AWS lines: what each is billed, and what it costs in effect."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from finops.simulator import truth
from finops.simulator.arrow import Array, Table, pa
from finops.simulator.aws_lines import Lines
from finops.simulator.company import CURRENCY, Payer
from finops.simulator.fleet import Instance
from finops.simulator.money import Units, decimals
from finops.simulator.timeline import Month


def charges(lines: Sequence[Lines], payer: Payer, month: Month) -> Table:
    """One row per charge, and one per unused part of a commitment (not for an unused part of nothing).

    On the payer with net columns all amounts are net of the negotiated discount. A refund of an upfront fee
    is billed and has no EffectiveCost, like the fee itself.
    """
    parts = [_charges(each, payer, month) for each in lines if each.basis != "none"]
    parts += [_unused(each, each.unused, payer, month) for each in lines if each.unused is not None]
    return pa.concat_tables(parts)


def instance_hours(machines: Sequence[tuple[Instance, Lines]], payer: Payer) -> Table:
    """EffectiveCost of each GPU instance and hour."""
    parts = [
        truth.table(
            {
                "instance_id": pa.repeat(instance.id, lines.count),
                "hour": pa.array(lines.span.start).cast(pa.timestamp("us", tz="UTC")),
                "gpu_count": pa.repeat(pa.scalar(instance.gpu_count, pa.int32()), lines.count),
                "effective_cost": decimals(_effective(lines, payer)),
            },
            truth.INSTANCE_HOURS,
        )
        for instance, lines in machines
    ]
    return pa.concat_tables([truth.INSTANCE_HOURS.empty_table(), *parts])


def _charges(lines: Lines, payer: Payer, month: Month) -> Table:
    zero = np.zeros(lines.count, dtype=np.int64)
    cost = lines.net(lines.cost) if payer.net else lines.cost
    billed = zero if lines.basis == "covered" else cost
    effective = zero if lines.basis == "fee" else _effective(lines, payer)
    return _rows(lines, lines.line_type, billed, effective, payer, month)


def _unused(lines: Lines, amounts: Units, payer: Payer, month: Month) -> Table:
    line_type = "RIUnused" if lines.line_type == "RIFee" else "SavingsPlanUnused"
    effective = lines.net(amounts) if payer.net else amounts
    rows = _rows(lines, line_type, np.zeros(lines.count, dtype=np.int64), effective, payer, month)
    return rows.filter(pa.array(effective != 0))


def _effective(lines: Lines, payer: Payer) -> Units:
    amounts = lines.cost if lines.effective is None else lines.effective
    return lines.net(amounts) if payer.net else amounts


def _rows(lines: Lines, line_type: str, billed: Units, effective: Units, payer: Payer, month: Month) -> Table:
    rows, owners = lines.count, lines.owners

    def text(values: list[str] | list[str | None]) -> Array:
        return lines.per_owner(values, pa.string())

    columns = {
        "source": pa.repeat(payer.source, rows),
        "payer_or_billing_account": pa.repeat(payer.account, rows),
        "account": text([o.account for o in owners]),
        "billing_period": pa.repeat(month.period, rows),
        "charge_date": pa.array(lines.span.start.astype("datetime64[D]")),
        "line_type": pa.repeat(line_type, rows),
        "service": pa.repeat(lines.product, rows),
        "billed_cost": decimals(billed),
        "effective_cost": decimals(effective),
        "ml_stage": text([o.purpose.stage for o in owners]),
        "evidence": text([o.purpose.evidence for o in owners]),
        "team": text([o.team for o in owners]),
        "model": text([o.purpose.model for o in owners]),
        "currency": pa.repeat(CURRENCY, rows),
    }
    return truth.table(columns, truth.CHARGES)
