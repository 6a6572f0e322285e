"""What AWS's files come to, by Python's Decimal and csv alone: the warehouse's code has no part in it.

Rows are read from the files as they lie there, and become charges by the cost table of the reference: one
`if` per line type, written down a second time. Doubles count as the decimal that their shortest text is.
"""

from __future__ import annotations

import csv
import gzip
import json
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from decimal import Decimal
from functools import cache
from pathlib import Path
from typing import Any, NamedTuple

import pyarrow.parquet as pq

ZERO = Decimal(0)
SPLIT_COST = ("EKSPod-EC2", "ECSTask-EC2")
DISCOUNTS = ("EdpDiscount", "PrivateRateDiscount", "BundledDiscount", "Discount", "RiVolumeDiscount")


class Line(NamedTuple):
    """A row of a report, by what its columns mean; amounts are None where the report says nothing."""

    payer: str
    period: str
    account: str
    kind: str
    product: str
    service: str
    operation: str
    currency: str
    reservation: str
    plan: str
    cost: Decimal | None
    net_cost: Decimal | None
    ri_effective: Decimal | None
    ri_net_effective: Decimal | None
    sp_effective: Decimal | None
    sp_net_effective: Decimal | None
    unused_upfront: Decimal | None
    unused_recurring: Decimal | None
    net_unused_upfront: Decimal | None
    net_unused_recurring: Decimal | None
    committed: Decimal | None
    used: Decimal | None


# field: its column in CUR 2.0, and in the legacy report
COLUMNS = {
    "payer": ("bill_payer_account_id", "bill/PayerAccountId"),
    "period": ("bill_billing_period_start_date", "bill/BillingPeriodStartDate"),
    "account": ("line_item_usage_account_id", "lineItem/UsageAccountId"),
    "kind": ("line_item_line_item_type", "lineItem/LineItemType"),
    "product": ("line_item_product_code", "lineItem/ProductCode"),
    "service": ("product_servicecode", "product/servicecode"),
    "operation": ("line_item_operation", "lineItem/Operation"),
    "currency": ("line_item_currency_code", "lineItem/CurrencyCode"),
    "reservation": ("reservation_reservation_a_r_n", "reservation/ReservationARN"),
    "plan": ("savings_plan_savings_plan_a_r_n", "savingsPlan/SavingsPlanARN"),
    "cost": ("line_item_unblended_cost", "lineItem/UnblendedCost"),
    "net_cost": ("line_item_net_unblended_cost", "lineItem/NetUnblendedCost"),
    "ri_effective": ("reservation_effective_cost", "reservation/EffectiveCost"),
    "ri_net_effective": ("reservation_net_effective_cost", "reservation/NetEffectiveCost"),
    "sp_effective": ("savings_plan_savings_plan_effective_cost", "savingsPlan/SavingsPlanEffectiveCost"),
    "sp_net_effective": ("savings_plan_net_savings_plan_effective_cost", "savingsPlan/NetSavingsPlanEffectiveCost"),
    "unused_upfront": (
        "reservation_unused_amortized_upfront_fee_for_billing_period",
        "reservation/UnusedAmortizedUpfrontFeeForBillingPeriod",
    ),
    "unused_recurring": ("reservation_unused_recurring_fee", "reservation/UnusedRecurringFee"),
    "net_unused_upfront": (
        "reservation_net_unused_amortized_upfront_fee_for_billing_period",
        "reservation/NetUnusedAmortizedUpfrontFeeForBillingPeriod",
    ),
    "net_unused_recurring": ("reservation_net_unused_recurring_fee", "reservation/NetUnusedRecurringFee"),
    "committed": ("savings_plan_total_commitment_to_date", "savingsPlan/TotalCommitmentToDate"),
    "used": ("savings_plan_used_commitment", "savingsPlan/UsedCommitment"),
}
assert tuple(COLUMNS) == Line._fields
_TEXTS = 10  # the first fields are text, the others amounts


@dataclass
class Sum:
    """Charges of one key: how many, and what they are billed and cost."""

    rows: int = 0
    billed: Decimal = ZERO
    effective: Decimal = ZERO

    def add(self, billed: Decimal, effective: Decimal) -> None:
        self.rows += 1
        self.billed += billed
        self.effective += effective


Key = tuple[str, ...]  # period, payer, account, service, line type, currency
Sums = dict[Key, Sum]


def charges(lines: Iterable[Line]) -> tuple[Sums, Counter[str]]:
    """What the rows come to by key, and how many rows of each line type are no charge."""
    held = list(lines)
    net = {(line.payer, line.period) for line in held if line.net_cost is not None}
    sums: Sums = defaultdict(Sum)
    left_out: Counter[str] = Counter()
    for line in held:
        is_net = (line.payer, line.period) in net
        found = list(_charges_of(line, is_net))
        left_out[line.kind] += not found
        for kind, billed, effective in found:
            key = (line.period, line.payer, line.account, line.service or line.product, kind, line.currency)
            sums[key].add(billed, effective)
    return dict(sums), +left_out


def _charges_of(line: Line, is_net: bool) -> Iterator[tuple[str, Decimal, Decimal]]:
    """The charges of a row: line type, billed, effective. What is unused of a commitment has a type of its own."""
    kind = line.kind
    cost = _known(line.net_cost if is_net else line.cost)
    if line.operation in SPLIT_COST or kind == "SavingsPlanNegation":
        return
    if kind == "DiscountedUsage":
        yield kind, ZERO, _known(line.ri_net_effective if is_net else line.ri_effective)
    elif kind == "SavingsPlanCoveredUsage":
        yield kind, ZERO, _known(line.sp_net_effective if is_net else line.sp_effective)
    elif kind == "SavingsPlanRecurringFee":
        yield kind, cost, ZERO
        yield from _unused("SavingsPlanUnused", _known(line.committed) - _known(line.used))
    elif kind == "RIFee":
        yield kind, cost, ZERO
        upfront, recurring = (
            (line.net_unused_upfront, line.net_unused_recurring)
            if is_net
            else (line.unused_upfront, line.unused_recurring)
        )
        yield from _unused("RIUnused", (upfront or ZERO) + (recurring or ZERO))
    elif kind == "SavingsPlanUpfrontFee" or (kind in ("Fee", "Refund") and (line.reservation or line.plan)):
        yield kind, cost, ZERO
    elif kind in ("Usage", "Fee", "Credit", "Tax", "Refund"):
        yield kind, cost, cost
    elif kind in DISCOUNTS:
        if not is_net:
            yield kind, cost, cost
    else:
        raise AssertionError(f"a line type that the table has not: {kind}")


def _unused(kind: str, amount: Decimal) -> Iterator[tuple[str, Decimal, Decimal]]:
    """A commitment that is used up has no unused part."""
    if amount:
        yield kind, ZERO, amount


def _known(amount: Decimal | None) -> Decimal:
    assert amount is not None, "a row lacks an amount that its line type is charged by"
    return amount


@cache
def exact(value: float) -> Decimal:
    """The decimal that the provider wrote as a double."""
    return Decimal(repr(value))


def parquet_lines(paths: Iterable[Path]) -> Iterator[Line]:
    """The rows of CUR 2.0 in Parquet."""
    for path in paths:
        file = pq.ParquetFile(path)
        there = set(file.schema_arrow.names)
        names = {field: new for field, (new, _) in COLUMNS.items() if new in there}
        table = file.read(columns=list(names.values()))
        nothing = [None] * table.num_rows
        columns = [
            _converted(number, table[names[field]].to_pylist()) if field in names else nothing
            for number, field in enumerate(COLUMNS)
        ]
        yield from map(Line._make, zip(*columns, strict=True))


def _converted(number: int, values: list[Any]) -> list[Any]:
    if number == 1:
        return [f"{value:%Y-%m}" for value in values]
    if number < _TEXTS:
        return [value or "" for value in values]
    return [None if value is None else exact(value) for value in values]


def csv_lines(paths: Iterable[Path], column: Callable[[tuple[str, str]], str] = lambda pair: pair[1]) -> Iterator[Line]:
    """The rows of a legacy report in CSV (`column` picks the name of CUR 2.0's: its exports may be CSV too)."""
    wanted = [column(pair) for pair in COLUMNS.values()]
    for path in paths:
        with (
            gzip.open(path, "rt", encoding="utf-8", newline="")
            if path.suffix == ".gz"
            else path.open(encoding="utf-8", newline="") as file
        ):
            for row in csv.DictReader(file):
                cells = [row.get(name, "") for name in wanted]
                cells[1] = cells[1][:7]
                amounts = (Decimal(cell) if cell else None for cell in cells[_TEXTS:])
                yield Line._make([*cells[:_TEXTS], *amounts])


def exported(root: Path, export: str) -> list[Path]:
    """The data files of a CUR 2.0 export that its current manifests name."""
    manifests = sorted((root / export / "metadata").glob(f"*/{export}-Manifest.json"))
    uris = [uri for each in manifests for uri in json.loads(each.read_text(encoding="utf-8"))["dataFiles"]]
    return [root / export / "data" / uri.split(f"/{export}/data/", 1)[1] for uri in uris]


def reported(root: Path, report: str) -> list[Path]:
    """The data files of a legacy report that its current manifests name; `root` holds the periods' folders."""
    manifests = sorted(root.glob(f"*/{report}-Manifest.json"))
    keys = [(each.parent, key) for each in manifests for key in json.loads(each.read_text("utf-8"))["reportKeys"]]
    return [folder / key.split(f"/{folder.name}/", 1)[1] for folder, key in keys]
