"""How fast the peer, PyPI focus-converter, turns a legacy report into FOCUS: on a slice that it can manage.

    python benchmarks/peer.py OUT --rows 200000

OUT is what `benchmarks/bill.py` wrote. The peer has an environment of its own (Python 3.11), is run as users
run it, from Parquet to Parquet, and is given what it needs: the legacy names, no maps, and fresh writer
processes (it forks them out of a process with threads, and hangs).
"""

from __future__ import annotations

import argparse
import os
import shutil
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

REQUIREMENTS = ("focus-converter==1.0.0", "multimethod<2", "click<8.2")
_LONGEST = 600  # seconds that it may take
_RENAMED = {
    "reservation_reservation_a_r_n": "reservation_reservation_arn",
    "savings_plan_savings_plan_a_r_n": "savings_plan_savings_plan_arn",
}
# columns that it insists on and the bill has by another name, or not at all
_COPIED = {"product_region": "product_region_code", "product_purchase_option": "pricing_purchase_option"}
_EMPTY = ("reservation_total_reserved_units",)
_START = """
import multiprocessing, os, traceback
if __name__ == "__main__":
    multiprocessing.set_start_method("spawn")
    from focus_converter.main import app
    try:
        app(standalone_mode=False)
    except BaseException:  # its writers would keep a failed process alive for ever
        traceback.print_exc()
        for each in multiprocessing.active_children():
            each.terminate()
        os._exit(1)
"""


class NotMeasured(Exception):  # noqa: N818 - what came of it, no mistake of the caller's
    """The peer cannot be installed here, or did not finish; the message says why."""


def write_slice(bill: Path, path: Path, rows: int) -> int:
    """The first `rows` rows of a bill in the layout that the peer reads; returns how many there are."""
    parts: list[Any] = []
    wanted = rows
    for file in sorted((bill / "bench" / "data").rglob("*.parquet")):
        for group in range((reader := pq.ParquetFile(file)).num_row_groups):
            if wanted > 0:
                parts.append(reader.read_row_group(group).slice(0, wanted))
                wanted -= parts[-1].num_rows
    table = pa.concat_tables(parts)
    table = table.drop_columns([field.name for field in table.schema if pa.types.is_map(field.type)])
    table = table.rename_columns([_RENAMED.get(name, name) for name in table.column_names])
    for name, original in _COPIED.items():
        table = table.append_column(name, table[original])
    for name in _EMPTY:
        table = table.append_column(name, pa.nulls(table.num_rows, pa.string()))
    path.parent.mkdir(parents=True, exist_ok=True)
    pq.write_table(table, path, compression="snappy", store_schema=False, write_statistics=False)
    return table.num_rows


def measure(slice_path: Path, rows: int, provider: str) -> tuple[float, int]:
    """Seconds and peak bytes (of its largest process) that the peer needs for `rows` rows of a provider's bill.

    Its environment lies beside the slice and is kept. Raises NotMeasured with the reason when the peer cannot
    be installed, fails, takes over ten minutes, or writes another number of rows.
    """
    python = _installed(slice_path.parent / "peer-venv")
    with tempfile.TemporaryDirectory() as folder:
        start, out, log = Path(folder) / "start.py", Path(folder) / "out", Path(folder) / "log"
        start.write_text(_START, encoding="utf-8")
        out.mkdir()
        options = {
            "--provider": provider,
            "--data-format": "parquet",
            "--parquet-data-format": "file",
            "--data-path": str(slice_path),
            "--export-path": str(out),
            "--export-format": "parquet",
        }
        words = [word for pair in options.items() for word in pair]
        command = [str(python), str(start), "convert", *words, "--no-export-include-source-columns"]
        seconds, peak, code = _timed(command, log)
        if code:
            raise NotMeasured(f"focus-converter ended with {code}: {log.read_text(errors='replace').strip()[-300:]}")
        found = sum(pq.read_metadata(path).num_rows for path in out.rglob("*.parquet"))
        if found != rows:
            raise NotMeasured(f"focus-converter wrote {found} rows of {rows}")
        return seconds, peak


def _timed(command: list[str], log: Path) -> tuple[float, int, int]:
    """Seconds, peak bytes and exit status of a command, which is ended after ten minutes."""
    with log.open("wb") as text:
        began = time.perf_counter()
        process = subprocess.Popen(command, stdout=text, stderr=text)
        timer = threading.Timer(_LONGEST, process.kill)
        timer.start()
        # wait4 and not getrusage: what other children of this process needed is no concern of the peer's
        _, status, usage = os.wait4(process.pid, 0)
        timer.cancel()
        process.returncode = os.waitstatus_to_exitcode(status)
    scale = 1 if sys.platform == "darwin" else 1024
    return time.perf_counter() - began, usage.ru_maxrss * scale, process.returncode


def _installed(folder: Path) -> Path:
    """The Python of an environment that has the peer."""
    python, done = folder / "bin" / "python", folder / ".installed"
    if done.exists():
        return python
    shutil.rmtree(folder, ignore_errors=True)
    steps = [
        ["venv", "--quiet", "--no-python-downloads", "--python", "3.11", str(folder)],
        ["pip", "install", "--quiet", "--python", str(python), *REQUIREMENTS],
    ]
    for step in steps:
        tried = subprocess.run([sys.executable, "-m", "uv", *step], capture_output=True, text=True, check=False)
        if tried.returncode:
            raise NotMeasured(f"{REQUIREMENTS[0]} cannot be installed: {tried.stderr.strip()[-300:]}")
    done.touch()
    return python


def main() -> None:
    """The command line."""
    parser = argparse.ArgumentParser(description="Measures PyPI focus-converter on a slice of a bill.")
    parser.add_argument("out", type=Path)
    parser.add_argument("--rows", type=int, default=200_000)
    given = parser.parse_args()
    path = given.out / "slice" / "slice.parquet"
    rows = write_slice(given.out, path, given.rows)
    try:
        seconds, peak = measure(path, rows, "aws")
    except NotMeasured as reason:
        sys.exit(f"Not measured: {reason}")
    sys.stdout.write(f"{rows} rows in {seconds:.1f} s: {rows / seconds:.0f} rows/s, {peak / 2**20:.0f} MiB at most\n")


if __name__ == "__main__":
    main()
