"""The reader of GPU samples in Parquet files."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone
from pathlib import Path

import polars as pl
import pytest

from finops.errors import ConfigError, FinopsError, TelemetryError
from finops.gpus import readings, states
from finops.telemetry import gpu_samples
from finops.telemetry.registry import PLANNED, reader

NOON = datetime(2026, 9, 1, 12, tzinfo=UTC)
PLAIN = {"timestamp": [NOON], "gpu_id": ["GPU-1"], "instance_id": ["i-1"], "gpu_util": [0.5]}


def write(path: Path, **changes: object) -> Path:
    """A file of one sample; a change of None leaves the column out."""
    columns = {name: value for name, value in {**PLAIN, **changes}.items() if value is not None}
    path.parent.mkdir(parents=True, exist_ok=True)
    pl.DataFrame(columns).write_parquet(path)
    return path


def failure(path: Path) -> TelemetryError:
    with pytest.raises(TelemetryError) as caught:
        gpu_samples.read(path, "fleet")
    return caught.value


def test_a_file_has_the_one_shape(tmp_path: Path) -> None:
    frame = gpu_samples.read(write(tmp_path / "a.parquet", colour=["red"]), "fleet").collect()
    assert dict(frame.schema) == gpu_samples.SHAPE
    (row,) = frame.iter_rows(named=True)
    given = {name: value[0] for name, value in PLAIN.items()}
    assert {name: value for name, value in row.items() if value is not None} == given


def test_a_folder_is_all_its_files_whatever_their_columns(tmp_path: Path) -> None:
    write(tmp_path / "2026-09-01.parquet")
    write(tmp_path / "b" / "c.parquet", gpu_id=["GPU-2"], gpu_util=None, sm_active=[1], pod=["p"])
    write(tmp_path / "_temporary" / "d.parquet", gpu_id=["GPU-3"])
    write(tmp_path / ".e.parquet", gpu_id=["GPU-4"])
    (tmp_path / "notes.txt").write_text("no Parquet")
    frame = gpu_samples.read(tmp_path, "fleet").collect()
    assert frame.select("gpu_id", "gpu_util", "sm_active", "pod").rows() == [
        ("GPU-1", 0.5, None, None),
        ("GPU-2", None, 1.0, "p"),
    ]


@pytest.mark.parametrize(
    "moment",
    [
        pl.Series([NOON.replace(tzinfo=None)], dtype=pl.Datetime("ms")),
        pl.Series([NOON], dtype=pl.Datetime("ns", "UTC")),
        pl.Series([NOON], dtype=pl.Datetime("us", "Asia/Kolkata")),
        pl.Series([NOON.astimezone(timezone(timedelta(hours=-7)))]),
    ],
)
def test_times_become_utc(tmp_path: Path, moment: pl.Series) -> None:
    frame = gpu_samples.read(write(tmp_path / "a.parquet", timestamp=moment), "fleet").collect()
    assert frame["timestamp"].to_list() == [NOON]


def test_ids_may_be_whole_numbers_and_signals_nan(tmp_path: Path) -> None:
    path = write(tmp_path / "a.parquet", instance_id=[1234567890123456789], gpu_util=[float("nan")])
    frame = gpu_samples.read(path, "fleet").collect()
    assert frame.select("instance_id", "gpu_util").rows() == [("1234567890123456789", None)]


def test_names_with_glob_characters_are_names(tmp_path: Path) -> None:
    path = write(tmp_path / "date=2026-09-01" / "part[0]*.parquet")
    assert gpu_samples.read(path, "fleet").collect().height == 1
    assert gpu_samples.read(tmp_path, "fleet").collect().height == 1


def test_a_file_without_rows_is_no_samples(tmp_path: Path) -> None:
    path = tmp_path / "a.parquet"
    pl.DataFrame(PLAIN).clear().write_parquet(path)
    assert gpu_samples.read(path, "fleet").collect().is_empty()


@pytest.mark.parametrize(
    ("changes", "what", "where"),
    [
        ({"gpu_id": None}, "The column gpu_id is missing", "gpu_util"),
        ({"timestamp": ["2026-09-01"]}, "The column timestamp has the type String", "column timestamp"),
        ({"instance_id": [1.5]}, "The column instance_id has the type Float64", "column instance_id"),
        ({"gpu_util": ["50 %"]}, "The column gpu_util has the type String", "column gpu_util"),
        ({"gpu_util": [87.0]}, "1 rows have a gpu_util outside 0 to 1", "column gpu_util"),
        ({"sm_active": [-0.1]}, "1 rows have a sm_active outside 0 to 1", "column sm_active"),
        ({"instance_id": pl.Series([None], dtype=pl.String)}, "1 rows have no instance_id", "instance_id"),
    ],
)
def test_what_is_wrong_is_named(tmp_path: Path, changes: dict[str, object], what: str, where: str) -> None:
    write(tmp_path / "a.parquet")
    bad = write(tmp_path / "b.parquet", **changes)
    error = failure(tmp_path)
    assert error.what.lower() == what.lower()
    assert str(bad) in str(error.where)
    assert where in str(error.where)
    assert error.remedy


@pytest.mark.parametrize("keep", [0, 3, 200, -1])
def test_a_file_cut_short_is_an_error(tmp_path: Path, keep: int) -> None:
    path = write(tmp_path / "a.parquet")
    path.write_bytes(path.read_bytes()[:keep])
    error = failure(tmp_path)
    assert "not readable" in error.what
    assert error.where == str(path)
    assert error.remedy


def test_a_missing_path_and_an_empty_folder_are_errors(tmp_path: Path) -> None:
    assert "not there" in failure(tmp_path / "nowhere").what
    assert "no Parquet file" in failure(tmp_path).what


def test_the_registry_knows_what_it_cannot_read_yet(tmp_path: Path) -> None:
    path = write(tmp_path / "a.parquet")
    assert reader("gpu-samples", "fleet")(path, "fleet").collect().height == 1
    for kind in PLANNED:
        with pytest.raises(ConfigError, match="not supported by this version yet"):
            reader(kind, "fleet")
    with pytest.raises(FinopsError, match=r"[Uu]nknown kind"):
        reader("abacus", "fleet")


def test_states_read_the_shape() -> None:
    assert set(readings.SIGNALS) <= gpu_samples.SHAPE.keys()
    empty = pl.LazyFrame(schema=gpu_samples.SHAPE)
    assert dict(states.segments(empty).schema) == states.SEGMENTS
