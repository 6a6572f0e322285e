"""The detailed usage cost export of the simulated company, in ingestion-day partitions, and its truth."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

import numpy as np
import polars as pl

from finops.simulator.company import Company
from finops.simulator.fleet import Fleet
from finops.simulator.gcp_adjustments import CORRECTIONS, Targets, corrections, invoice_lines, invoices
from finops.simulator.gcp_columns import export
from finops.simulator.gcp_lines import Line, frame
from finops.simulator.gcp_machines import metered, priced
from finops.simulator.gcp_rows import PACIFIC, daily, gather, invoiced, pacific_days
from finops.simulator.gcp_services import demands
from finops.simulator.gcp_truth import restatements, tables
from finops.simulator.timeline import Timeline
from finops.simulator.truth import Written

PART_ROWS = 25_000
_DUPLICATED = "transit-000"  # a line of which two rows of one day are identical, and both are right
_LAST_EXPORT = timedelta(hours=5)  # the last delivery after the end of the data


def write(out: Path, company: Company, fleet: Fleet, line: Timeline, seed: int, scale: float) -> Written:
    """Writes `out/gcp/_PARTITIONDATE=YYYY-MM-DD/part-0000N.snappy.parquet`.

    One truth row per export row, in the provider's basis: billed = effective = cost + Σ credits; the billing
    period is the invoice month. On the first of each month an empty shard lies beside the full ones, and on
    the fifteenth the rows come in two.
    """
    lines, rows = _rows(company, fleet, line, seed, scale)
    meta = frame(lines, company)
    files = _write(out / "gcp", export(rows, meta), rows["export"])
    charges, hours = tables(rows, meta, company, line)
    return Written(rows.height, files, charges, hours, restatements(rows, company, CORRECTIONS))


def _rows(company: Company, fleet: Fleet, line: Timeline, seed: int, scale: float) -> tuple[list[Line], pl.DataFrame]:
    """The bill lines, and all rows in the order of their export."""
    wanted, machines = demands(company, scale), metered(company, fleet, line)
    lines = [*(d.line for d in wanted), *(w.line for w in machines), *invoice_lines(company)]
    calendar = [pacific_days(month, line) for month in line.months]
    chunks = [daily(d, n, days, line, seed) for n, d in enumerate(wanted) for days in calendar]
    chunks += [chunk for n, w in enumerate(machines, len(wanted)) for chunk in priced(w, n, seed)]
    index = {each.name: n for n, each in enumerate(lines)}
    targets = Targets(
        measured=index["features"],
        repriced=index["mini-tokens-in"],
        unlabelled=index["boxes"],
        labelled=index["boxes-review"],
        tax=index["tax"],
        rounding=index["rounding"],
        goodwill=index["goodwill"],
        sla=index["sla"],
    )
    usage = invoiced(_twice(gather(chunks), index[_DUPLICATED]), line)
    usage = pl.concat([usage, corrections(usage, targets, line)])
    everything = pl.concat([usage, invoices(usage, targets, line)])
    last = line.end + _LAST_EXPORT
    clamped = everything.with_columns(export=pl.min_horizontal("export", pl.lit(last)))
    return lines, clamped.sort("export", "line", "start", maintain_order=True)


def _twice(usage: pl.DataFrame, index: int) -> pl.DataFrame:
    """The usage, with one line's row of the tenth of each month twice."""
    tenth = pl.col("start").dt.convert_time_zone(PACIFIC).dt.day() == 10
    return pl.concat([usage, usage.filter(pl.col("line") == index, tenth)])


def _write(folder: Path, rows: pl.DataFrame, exported: pl.Series) -> int:
    """The rows, which are in the order of `exported`, by ingestion day; the number of files."""
    days = pl.DataFrame({"day": exported.dt.date()}).group_by("day", maintain_order=True).len()
    offset = files = 0
    for day, count in days.iter_rows():
        size = min(PART_ROWS, -(-count // 2)) if day.day == 15 else PART_ROWS
        # Gathered, not sliced: a slice of nested columns is written from the buffers of all rows.
        bounds = [(n, min(n + size, count)) for n in range(0, count, size)]
        parts = [rows[np.arange(offset + first, offset + end)] for first, end in bounds]
        parts += [rows.clear()] if day.day == 1 else []
        target = folder / f"_PARTITIONDATE={day.isoformat()}"
        target.mkdir(parents=True, exist_ok=True)
        for number, part in enumerate(parts, 1):
            part.write_parquet(target / f"part-{number:05d}.snappy.parquet", compression="snappy")
        offset, files = offset + count, files + len(parts)
    return files
