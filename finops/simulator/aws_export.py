"""The two AWS payers' Data Exports (CUR 2.0), as they lie in their buckets."""

from __future__ import annotations

import json
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path

from finops.simulator import (
    aws_derived,
    aws_fees,
    aws_gpu,
    aws_lines,
    aws_reservations,
    aws_savings_plans,
    aws_schema,
    aws_services,
    aws_truth,
    truth,
)
from finops.simulator.arrow import Schema, Table, pa, pc, pq
from finops.simulator.aws_scope import PayerMonth
from finops.simulator.company import Company, Payer
from finops.simulator.fleet import Fleet
from finops.simulator.timeline import Month, Timeline, instant, token

_CHUNK = 5_000  # rows a file at least; a month has at most four files
_NOT_YET = ("Tax", "Credit", "Refund")  # what an early version of a month lacks


@dataclass(frozen=True)
class _MonthBill:
    """A payer's month: the rows of the bill, the truth, and the GPU instances' cost by hour."""

    bill: Table
    charges: Table
    instance_hours: Table


def write(out: Path, company: Company, fleet: Fleet, line: Timeline, seed: int, scale: float) -> truth.Written:
    """Both payers' exports under `out/aws`, and the truth behind them."""
    scopes = [
        PayerMonth(company, fleet, payer, month, line, seed, scale) for payer in company.payers for month in line.months
    ]
    parts = [_write_month(out, scope) for scope in scopes]
    return truth.Written(
        rows=sum(p.rows for p in parts),
        files=sum(p.files for p in parts),
        charges=pa.concat_tables([p.charges for p in parts]),
        instance_hours=pa.concat_tables([p.instance_hours for p in parts]),
        restatements=pa.concat_tables([p.restatements for p in parts]),
    )


def _write_month(out: Path, scope: PayerMonth) -> truth.Written:
    made, month = _month(scope), scope.month
    delivered = instant(month.data_end) + timedelta(hours=5 if month.open else 77, minutes=12)
    restatements = truth.RESTATEMENTS.empty_table()
    rows, files = made.bill.num_rows, 0
    if scope.payer.create_new and scope.renewal and not month.open:
        early, first_billed = _early(made, month)
        files += _deliver(out, scope, early, instant(month.end) + timedelta(hours=6))
        rows += early.num_rows
        change = {
            "source": [scope.payer.source],
            "billing_period": [month.period],
            "first_billed": [first_billed],
            "final_billed": [pc.sum(made.charges["billed_cost"]).as_py()],
        }
        restatements = truth.table(change, truth.RESTATEMENTS)
    files += _deliver(out, scope, made.bill, delivered)
    return truth.Written(rows, files, made.charges, made.instance_hours, restatements)


def _month(scope: PayerMonth) -> _MonthBill:
    payer, month = scope.payer, scope.month
    machines = aws_gpu.usage(scope)
    lines = [each for _, each in machines]
    lines += aws_services.usage(scope)
    lines += aws_savings_plans.lines(scope, machines)
    lines += aws_reservations.lines(scope, machines)
    lines += aws_fees.capacity_blocks(scope)
    lines += aws_fees.monthly(scope)
    lines += aws_derived.taxes(scope, lines)
    if payer.net:
        lines += aws_derived.discounts(scope, lines)
    lines += aws_derived.split_costs(scope, machines)
    observed = machines if month in scope.line.telemetry_months else []
    return _MonthBill(
        bill=aws_lines.bill(lines, aws_schema.schema(payer), payer, month),
        charges=aws_truth.charges(lines, payer, month),
        instance_hours=aws_truth.instance_hours(observed, payer),
    )


def _early(made: _MonthBill, month: Month) -> tuple[Table, object]:
    """The month as first delivered, and its BilledCost: without its last two days and the closing's rows."""
    until = (month.end - timedelta(days=2)).isoformat()
    rows = _before(made.bill, until, "line_item_usage_start_date", "line_item_line_item_type")
    kept = _before(made.charges, until, "charge_date", "line_type")
    blank = pa.repeat("", rows.num_rows)
    rows = rows.set_column(rows.schema.get_field_index("bill_invoice_id"), "bill_invoice_id", blank)
    return rows, pc.sum(kept["billed_cost"]).as_py()


def _before(rows: Table, until: str, day: str, line_type: str) -> Table:
    early = pc.less(pc.strftime(rows[day], format="%Y-%m-%d"), until)
    return rows.filter(pc.and_(early, pc.invert(pc.is_in(rows[line_type], pa.array(_NOT_YET)))))


def _deliver(out: Path, scope: PayerMonth, rows: Table, when: datetime) -> int:
    """Writes one execution: its data files, then the manifest (a later execution takes its place)."""
    payer, period = scope.payer, scope.month.period
    execution = _uuid(token(scope.seed, "execution", payer.source, period, when, length=32))
    run = f"{when:%Y-%m-%dT%H:%M:%S.000Z}-{execution}"
    export, partition = out / payer.folder / "cur2" / payer.export, f"BILLING_PERIOD={period}"
    data = export / "data" / partition / (run if payer.create_new else "")
    data.mkdir(parents=True, exist_ok=True)
    files = _chunks(data, payer.export, rows)
    document = _manifest(out, payer, rows.schema, execution, files)
    metadata = export / "metadata" / partition
    for folder in [metadata / run, metadata] if payer.create_new else [metadata]:
        folder.mkdir(parents=True, exist_ok=True)
        (folder / f"{payer.export}-Manifest.json").write_text(document, encoding="utf-8")
    return len(files)


def _chunks(folder: Path, export: str, rows: Table) -> list[Path]:
    size = max(_CHUNK, -(-rows.num_rows // 4))
    paths: list[Path] = []
    for start in range(0, max(1, rows.num_rows), size):
        path = folder / f"{export}-{start // size + 1:05d}.snappy.parquet"
        pq.write_table(rows.slice(start, size), path, compression="snappy", store_schema=False)
        paths.append(path)
    return paths


def _manifest(out: Path, payer: Payer, columns: Schema, execution: str, files: list[Path]) -> str:
    bucket = f"s3://nimbus-billing-{payer.folder.rsplit('/', 1)[1]}"
    document = {
        "executionId": execution,
        "exportArn": f"arn:aws:bcm-data-exports:us-east-1:{payer.account}:export/{payer.export}",
        "columns": aws_schema.manifest_columns(columns),
        "dataFiles": [f"{bucket}/{f.relative_to(out / payer.folder).as_posix()}" for f in files],
        "additionalOutputFiles": [],
    }
    return json.dumps(document, indent=1) + "\n"


def _uuid(digits: str) -> str:
    return f"{digits[:8]}-{digits[8:12]}-{digits[12:16]}-{digits[16:20]}-{digits[20:]}"
