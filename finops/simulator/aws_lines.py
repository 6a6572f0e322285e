"""Line items of one kind, as columns; how they become rows of the bill."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from typing import Any, Literal, NamedTuple

import numpy as np
import numpy.typing as npt

from finops.simulator.arrow import Array, DataType, Schema, Table, pa
from finops.simulator.aws_prices import priced
from finops.simulator.company import CURRENCY, Payer
from finops.simulator.money import Units, doubles
from finops.simulator.timeline import Month

Times = npt.NDArray[np.datetime64]
Numbers = npt.NDArray[np.float64]
Pairs = list[tuple[str, str]] | list[tuple[str, float]]
Column = str | float | Pairs | Times | Numbers | Array | None
# cost: billed and effective are the cost; covered: paid by a commitment, billed 0, effective is its share;
# fee: billed is the cost, effective 0; none: restates or cancels another line, no charge.
Basis = Literal["cost", "covered", "fee", "none"]

_EDP = 0.91  # what remains after the negotiated discount of the payer with net columns
_FURTHER_DISCOUNT = {"AmazonS3": 0.95, "AWSDataTransfer": 0.9}
_UNDISCOUNTED = frozenset(("Tax", "Credit", "Refund"))
_PRODUCT_NAMES = {
    "AmazonEC2": "Amazon Elastic Compute Cloud",
    "AmazonS3": "Amazon Simple Storage Service",
    "AmazonRDS": "Amazon Relational Database Service",
    "AmazonSageMaker": "Amazon SageMaker",
    "AmazonBedrock": "Amazon Bedrock",
    "AWSLambda": "AWS Lambda",
    "AmazonCloudWatch": "AmazonCloudWatch",
}


class Span(NamedTuple):
    """Begin and end (exclusive) of each row."""

    start: Times
    end: Times


@dataclass(frozen=True)
class Purpose:
    """What a line is really for, and what on the bill tells it."""

    stage: str = "not_ml"
    evidence: str = "none"
    model: str | None = None


@dataclass(frozen=True)
class Owner:
    """A resource: where it is billed, its tags by logical key, and its purpose."""

    account: str
    account_name: str
    resource_id: str = ""
    tags: tuple[tuple[str, str], ...] = ()
    purpose: Purpose = field(default_factory=Purpose)
    line_id: str = ""

    @property
    def team(self) -> str | None:
        """The team tag's value; None without one."""
        return dict(self.tags).get("team")


@dataclass(frozen=True)
class Lines:
    """Line items of one line type and product. `of[k]` is the index in `owners` of row k's resource.

    `cost` is the unblended cost. `effective` (covered lines) and `unused` (fees of commitments) are before
    the negotiated discount. `columns` are all further columns of the export by name.
    """

    line_type: str
    product: str
    basis: Basis
    owners: Sequence[Owner]
    of: npt.NDArray[np.int64]
    span: Span
    cost: Units
    columns: Mapping[str, Column]
    effective: Units | None = None
    unused: Units | None = None
    discountable: bool = True

    @property
    def count(self) -> int:
        """Number of rows."""
        return len(self.cost)

    @property
    def net_share(self) -> float:
        """What remains of an amount after the payer's negotiated discount."""
        if not self.discountable or self.line_type in _UNDISCOUNTED:
            return 1.0
        return _EDP * _FURTHER_DISCOUNT.get(self.product, 1.0)

    def net(self, amounts: Units) -> Units:
        """Amounts after the payer's negotiated discount, rounded to 1e-10."""
        return np.rint(amounts * self.net_share).astype(np.int64)

    def per_owner(self, values: Sequence[Any], kind: DataType) -> Array:
        """One value for each owner, spread over the rows."""
        return pa.array(values, type=kind).take(pa.array(self.of))


def lines_of(
    owner: Owner,
    line_type: str,
    product: str,
    basis: Basis,
    span: Span,
    cost: Units,
    columns: Mapping[str, Column],
    *,
    effective: Units | None = None,
    unused: Units | None = None,
    discountable: bool = True,
) -> Lines:
    """Lines that all belong to one owner."""
    of = np.zeros(len(cost), dtype=np.int64)
    return Lines(line_type, product, basis, (owner,), of, span, cost, columns, effective, unused, discountable)


def lasting(start: Times, hours: int = 1) -> Span:
    """Rows of `hours` hours each."""
    end: Any = start + np.timedelta64(hours, "h")
    return Span(start, end)


def whole(month: Month) -> Span:
    """One row over the whole month."""
    return Span(moments(month.start), moments(month.end))


def elapsed(month: Month, step: Literal["h", "D"] = "h") -> Times:
    """The hours (or days) of the month that have data."""
    unit = f"datetime64[{step}]"
    first, last = np.array([month.start, month.data_end], dtype=unit).astype(np.int64).tolist()
    steps: npt.NDArray[np.int64] = np.arange(int(first), int(last), dtype=np.int64)
    times: Any = steps.astype(unit).astype("datetime64[us]")
    return times


def moments(*days: date) -> Times:
    """Days (at midnight) or naive UTC times as an array."""
    return np.array(days, dtype="datetime64[us]")


def bill(lines: Sequence[Lines], schema: Schema, payer: Payer, month: Month) -> Table:
    """The lines as rows of the export."""
    parts = [({**_common(each, payer, month), **each.columns}, each.count) for each in lines]
    columns = [
        pa.chunked_array([_array(part.get(f.name), rows, f.type) for part, rows in parts], type=f.type) for f in schema
    ]
    return pa.table(columns, schema=schema)


def _common(lines: Lines, payer: Payer, month: Month) -> dict[str, Column]:
    """The columns that follow from the lines' own attributes."""
    return {
        "bill_bill_type": "Anniversary",
        "bill_billing_entity": "AWS",
        "bill_billing_period_start_date": moments(month.start),
        "bill_billing_period_end_date": moments(month.end),
        "bill_invoice_id": "" if month.open else f"INV{payer.account[:4]}{month.start:%Y%m}",
        "bill_invoicing_entity": "Amazon Web Services, Inc.",
        "bill_payer_account_id": payer.account,
        "bill_payer_account_name": payer.name,
        "identity_time_interval": _intervals(lines.span),
        "line_item_currency_code": CURRENCY,
        "line_item_legal_entity": "Amazon Web Services, Inc.",
        "line_item_line_item_type": lines.line_type,
        "line_item_product_code": lines.product,
        "line_item_usage_start_date": lines.span.start,
        "line_item_usage_end_date": lines.span.end,
        "pricing_currency": CURRENCY,
        "product": _product(lines.product),
        "product_servicecode": lines.product,
        **_owned(lines),
        **_costs(lines),
        **priced(lines.line_type, lines.product, lines.columns, lines.net_share),
    }


def _owned(lines: Lines) -> dict[str, Column]:
    """The columns that follow from each row's resource."""
    text, maps, owners = pa.string(), pa.map_(pa.string(), pa.string()), lines.owners
    return {
        "identity_line_item_id": lines.per_owner([o.line_id for o in owners], text),
        "line_item_resource_id": lines.per_owner([o.resource_id for o in owners], text),
        "line_item_usage_account_id": lines.per_owner([o.account for o in owners], text),
        "line_item_usage_account_name": lines.per_owner([o.account_name for o in owners], text),
        "resource_tags": lines.per_owner([_tag_map(o, "user_") for o in owners], maps),
        "tags": lines.per_owner([_tag_map(o, "user:") for o in owners], maps),
        "cost_category": lines.per_owner([_category(o) for o in owners], maps),
    }


def _costs(lines: Lines) -> dict[str, Column]:
    cost = doubles(lines.cost)
    columns: dict[str, Column] = {
        "line_item_unblended_cost": cost,
        "line_item_blended_cost": cost,
        "line_item_net_unblended_cost": doubles(lines.net(lines.cost)),
    }
    if lines.effective is not None:
        reserved = lines.line_type == "DiscountedUsage"
        kind = "reservation_net_effective_cost" if reserved else "savings_plan_net_savings_plan_effective_cost"
        columns[kind] = doubles(lines.net(lines.effective))
    return columns


def _product(code: str) -> Pairs | None:
    return [("product_name", _PRODUCT_NAMES[code])] if code in _PRODUCT_NAMES else None


def _tag_map(owner: Owner, prefix: str) -> Pairs | None:
    """The tags as AWS keys; no resource, no map; an untagged resource has an empty one."""
    if not owner.resource_id and not owner.tags:
        return None
    return [(prefix + key, value) for key, value in owner.tags]


def _category(owner: Owner) -> Pairs:
    return [("business_unit", "corporate" if owner.purpose.stage == "not_ml" else "robotics-ml")]


def _intervals(span: Span) -> Array:
    """`start/end` as text; there are few distinct ones, so each is written once."""
    both = np.column_stack([span.start.astype(np.int64), span.end.astype(np.int64)])
    pairs, of = np.unique(both, axis=0, return_inverse=True)
    stamps = np.datetime_as_string(pairs.astype("datetime64[us]"), unit="s")
    return pa.array([f"{a}Z/{b}Z" for a, b in stamps.tolist()]).take(pa.array(of.reshape(-1)))


def _array(value: Column, rows: int, kind: DataType) -> Array:
    """A column of `rows` rows from one value for all, an array, or nothing."""
    if value is None or rows == 0:
        return pa.nulls(rows, kind)
    if isinstance(value, (str, float, list)):
        return pa.repeat(pa.scalar(value, type=kind), rows)
    array = pa.array(value)
    if pa.types.is_timestamp(kind):
        array = array.cast(pa.timestamp("ms"))
    return (array if len(array) == rows else pa.repeat(array[0], rows)).cast(kind)
