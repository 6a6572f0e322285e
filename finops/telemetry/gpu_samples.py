"""GPU samples in Parquet files: the kind `gpu-samples`, and the shape that every other kind is read into."""

from __future__ import annotations

from pathlib import Path
from typing import Final

import polars as pl
from polars.exceptions import PolarsError

from finops.errors import TelemetryError

_TIME: Final = pl.Datetime("us", "UTC")
MANDATORY: Final[dict[str, pl.DataType]] = {
    "timestamp": _TIME,
    "gpu_id": pl.String(),
    "instance_id": pl.String(),
}
_LABELS: Final = ("gpu_model", "node", "namespace", "pod", "job_id", "mig_slice")
_SHARES: Final = ("gpu_util", "sm_active", "gr_engine_active", "tensor_active", "dram_active")
_AMOUNTS: Final = ("memory_used_mib", "power_w")
SHAPE: Final[dict[str, pl.DataType]] = {
    **MANDATORY,
    **dict.fromkeys(_LABELS, pl.String()),
    **dict.fromkeys((*_SHARES, *_AMOUNTS), pl.Float64()),
}
"""Columns and types of GPU samples: times in UTC, shares 0 to 1, memory in MiB, power in watts."""

# exporters divide counters by elapsed time, which can come out a little over the whole
_FULL = 1.01


def read(path: Path, name: str) -> pl.LazyFrame:
    """GPU samples of a Parquet file, or of all `*.parquet` files below a folder, as SHAPE.

    Absent optional columns are null, others are left out. Times without a zone are UTC, as the format says;
    others are converted. The frame is lazy; the checks take one pass over each file.

    Raises TelemetryError, with the file: when there is none, or it cannot be read, lacks a mandatory column
    or a value in one, has a column of the wrong type or a signal outside 0 to 1. `name` is the telemetry's.
    """
    frames = [_checked(file) for file in _files(path, name)]
    return pl.concat(frames)


def _files(path: Path, name: str) -> list[Path]:
    """The file itself, or the Parquet files below the folder in order, without hidden ones."""
    if path.is_file():
        return [path]
    if not path.is_dir():
        raise TelemetryError(
            f"telemetry {name!r} names a file or folder that is not there",
            where=str(path),
            remedy="correct its uri, or wait until the samples are written",
        )
    below = (file for file in path.rglob("*.parquet") if file.is_file())
    found = sorted(file for file in below if not _hidden(file.relative_to(path)))
    if not found:
        raise TelemetryError(
            f"the folder of telemetry {name!r} has no Parquet file",
            where=str(path),
            remedy="correct its uri, or take the telemetry out: GPUs without samples count as unobserved",
        )
    return found


def _hidden(path: Path) -> bool:
    return any(part.startswith((".", "_")) for part in path.parts)


def _checked(file: Path) -> pl.LazyFrame:
    try:
        scan = pl.scan_parquet(file, glob=False, hive_partitioning=False)
        schema = scan.collect_schema()
        shaped = _shaped(scan, schema, file)
        _check_values(shaped, file)
    except (PolarsError, OSError) as error:
        raise TelemetryError(
            f"the file is not readable as Parquet: {str(error).splitlines()[0][:200]}",
            where=str(file),
            remedy="write it again, it may be cut short; rename a file into its place only when it is whole",
        ) from error
    return shaped


def _shaped(scan: pl.LazyFrame, schema: pl.Schema, file: Path) -> pl.LazyFrame:
    missing = [column for column in MANDATORY if column not in schema]
    if missing:
        raise TelemetryError(
            f"the column {missing[0]} is missing",
            where=f"{file}, columns {', '.join(schema.names()) or 'none'}",
            remedy=f"GPU samples need the columns {', '.join(MANDATORY)}",
        )
    wrong = [column for column in SHAPE if column in schema and not _fits(column, schema[column])]
    if wrong:
        raise TelemetryError(
            f"the column {wrong[0]} has the type {schema[wrong[0]]}",
            where=f"{file}, column {wrong[0]}",
            remedy=f"write it as {_wanted(wrong[0])}",
        )
    return scan.select(_column(column, schema) for column in SHAPE)


def _fits(column: str, dtype: pl.DataType) -> bool:
    if column == "timestamp":
        return isinstance(dtype, pl.Datetime)
    if dtype == pl.Null:
        return column not in MANDATORY
    if SHAPE[column] == pl.String:
        # whole numbers too: Compute Engine's instance ids are numbers
        return dtype.is_integer() or isinstance(dtype, pl.String | pl.Categorical | pl.Enum)
    return dtype.is_numeric()


def _wanted(column: str) -> str:
    if column == "timestamp":
        return "a timestamp in UTC"
    return "text" if SHAPE[column] == pl.String else "a number"


def _column(column: str, schema: pl.Schema) -> pl.Expr:
    if column not in schema:
        return pl.lit(None, SHAPE[column]).alias(column)
    value = pl.col(column)
    dtype = schema[column]
    if isinstance(dtype, pl.Datetime):
        zoned = value.dt.replace_time_zone("UTC") if dtype.time_zone is None else value.dt.convert_time_zone("UTC")
        return zoned.cast(_TIME)
    cast = value.cast(SHAPE[column])
    return cast.fill_nan(None) if SHAPE[column] == pl.Float64 else cast


def _check_values(shaped: pl.LazyFrame, file: Path) -> None:
    """One pass over the file: no mandatory value is null, no signal is outside 0 to 1."""
    outside = ((pl.col(each) < 0) | (pl.col(each) > _FULL) for each in _SHARES)
    counts = shaped.select(
        *(pl.col(each).null_count() for each in MANDATORY),
        *(wrong.sum().alias(each) for wrong, each in zip(outside, _SHARES, strict=True)),
    ).collect()
    for column, count in counts.row(0, named=True).items():
        if not count:
            continue
        share = column in _SHARES
        raise TelemetryError(
            f"{count} rows have {'a ' + column + ' outside 0 to 1' if share else 'no ' + column}",
            where=f"{file}, column {column}",
            remedy="signals are shares: divide percentages by 100" if share else "every sample needs one",
        )
