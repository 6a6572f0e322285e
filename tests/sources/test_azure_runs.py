"""Azure's cost exports as they lie in a bucket: every run has its whole month again."""

from __future__ import annotations

import json
import shutil
from collections.abc import Sequence
from decimal import Decimal
from pathlib import Path

import pytest

from finops.models import model
from finops.pipeline import Pipeline
from finops.sources import landing
from finops.sources.files import FileUnits
from finops.sources.focus_files import FocusFiles

from .house import House, focus, write_csv

MONTH = "bills/focus/20260901-20260930"


@pytest.fixture
def house(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> House:
    monkeypatch.setattr(landing, "WAITS", (0.0,))
    return House(tmp_path, {"name": "azure", "kind": "focus-files", "uri": "bills"})


def run(
    folder: Path,
    submitted: str | None,
    parts: Sequence[Sequence[str]],
    *,
    month: str = MONTH,
    name: str | None = None,
) -> Path:
    """A run's folder: a file for each part, with a row for each cost, and a manifest unless it has no time."""
    to = folder / month / (name or f"run-{submitted}".replace(":", ""))
    start = f"{month[-17:-13]}-{month[-13:-11]}-01T00:00:00Z"
    rows = [[focus(cost, BillingPeriodStart=start) for cost in costs] for costs in parts]
    files = [write_csv(to / f"part_{n}_0001.csv", each) for n, each in enumerate(rows)]
    manifest = {
        "manifestVersion": "2024-04-01",
        "blobCount": len(files),
        "exportConfig": {"exportName": "focus", "dataVersion": "1.2-preview", "type": "FocusCost"},
        "runInfo": {"executionType": "Scheduled", "submittedTime": submitted, "runId": to.name},
        "blobs": [
            {"blobName": f"exports/{file.relative_to(folder / 'bills')}", "byteCount": file.stat().st_size}
            for file in files
        ],
    }
    to.mkdir(parents=True, exist_ok=True)
    if submitted is not None:
        (to / "manifest.json").write_text(json.dumps(manifest))
    return to


def test_the_newest_run_is_the_month_whatever_its_folder_is_called(tmp_path: Path, house: House) -> None:
    run(tmp_path, "2026-09-03T04:00:00.1Z", [["1", "2"], ["4"]], name="b")
    house.ok()
    assert house.total() == 7
    run(tmp_path, "2026-09-04T04:00:00.1Z", [["1", "2"], ["4", "8"], ["16"]], name="a")
    run(tmp_path, "2026-10-04T04:00:00.1Z", [["32"]], month="bills/focus/20261001-20261031")
    house.ok()
    assert house.total() == 31 + 32
    assert house.sql("SELECT unit, row_count FROM ledger.loads WHERE status = 'current' ORDER BY 1") == [
        ("focus/20260901-20260930", 5),
        ("focus/20261001-20261031", 1),
    ]
    shutil.rmtree(tmp_path / MONTH / "b")  # the old copy goes, and nothing with it
    house.ok()
    assert house.total() == 63


@pytest.mark.parametrize("uri", ["bills", "bills/focus/20260901-20260930"])
def test_runs_in_folders_of_their_times_are_one_month_wherever_the_source_begins(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, uri: str
) -> None:
    monkeypatch.setattr(landing, "WAITS", (0.0,))
    run(tmp_path, "2026-09-03T04:00:00Z", [["1"]], name="202609030400/one")
    run(tmp_path, "2026-09-04T04:00:00Z", [["1"], ["2"]], name="202609040400/two")
    house = House(tmp_path, {"name": "azure", "kind": "focus-files", "uri": uri}).ok()
    assert house.total() == 3
    assert house.sql("SELECT unit FROM ledger.units") in ([("focus/20260901-20260930",)], [("20260901-20260930",)])


def test_the_newest_run_is_told_by_time_not_by_text(tmp_path: Path, house: House) -> None:
    run(tmp_path, "2026-09-03T04:00:00.25Z", [["1"]], name="a")
    run(tmp_path, "2026-09-03T04:00:00.2Z", [["2"]], name="b")
    assert house.ok().total() == 1
    run(tmp_path, "9/10/2026 4:00:00 AM", [["4"]], name="c")
    house.refused("the manifest is not the JSON that Azure writes", "/c/manifest.json")


def test_a_newest_run_without_files_says_so(tmp_path: Path, house: House) -> None:
    run(tmp_path, "2026-09-03T04:00:00Z", [["1"]])
    house.ok()
    run(tmp_path, "2026-09-04T04:00:00Z", [], name="empty")
    house.refused("the newest run of the month is empty", "20260901-20260930/empty")
    assert house.total() == 1


def test_two_exports_are_two_months(tmp_path: Path, house: House) -> None:
    run(tmp_path, "2026-09-03T04:00:00Z", [["1"]])
    run(tmp_path, "2026-09-02T04:00:00Z", [["2"]], month="bills/other/20260901-20260930")
    assert house.ok().total() == 3


def test_one_run_without_a_manifest_is_read_and_of_two_none(tmp_path: Path, house: House) -> None:
    run(tmp_path, None, [["1"], ["2"]], name="first")
    assert house.ok().total() == 3
    run(tmp_path, "2026-09-03T04:00:00Z", [["4"]])
    house.refused("2 runs of one month", "first has no manifest.json")
    assert house.total() == 3


def test_a_copy_that_is_under_way_waits_for_the_rest(tmp_path: Path, house: House) -> None:
    run(tmp_path, "2026-09-03T04:00:00Z", [["1"]])
    house.ok()
    to = run(tmp_path, "2026-09-04T04:00:00Z", [["1"], ["2"]])
    whole = (to / "part_1_0001.csv").read_bytes()
    (to / "part_1_0001.csv").unlink()
    house.refused("part_1_0001.csv is missing")
    (to / "part_1_0001.csv").write_bytes(whole[:-1])
    house.refused(f"has {len(whole) - 1} bytes of {len(whole)}")
    assert house.total() == 1
    (to / "part_1_0001.csv").write_bytes(whole)
    write_csv(to / "part_2_0001.csv", [focus("4")])
    house.refused("has 3 files, its manifest names 2")
    (to / "part_2_0001.csv").unlink()
    assert house.ok().total() == 3


@pytest.mark.parametrize(
    "content",
    [
        *("", "[]", "null", "{}", "[" * 100_000, '{"runInfo": {}, "blobs": []}'),
        '{"runInfo": {"submittedTime": 1}, "blobs": []}',
        '{"runInfo": {"submittedTime": "x"}, "blobs": [1]}',
        '{"runInfo": "x", "blobs": {"a": 1}}',
    ],
)
def test_a_manifest_that_is_none_of_azures(tmp_path: Path, house: House, content: str) -> None:
    (run(tmp_path, "2026-09-03T04:00:00Z", [["1"]]) / "manifest.json").write_text(content)
    house.refused("not the JSON that Azure writes", "manifest.json")


def test_files_beside_runs_are_units_of_their_own(tmp_path: Path, house: House) -> None:
    run(tmp_path, "2026-09-03T04:00:00Z", [["1"]])
    write_csv(tmp_path / "bills/own.csv", [focus("2")])
    write_csv(tmp_path / MONTH / "team/a.csv", [focus("4")])  # no name of Azure's
    (tmp_path / "bills/manifest.json").write_text("not of Azure's")
    assert house.ok().total() == Decimal(7)


def test_days_in_two_folders_of_an_export_are_not_counted_twice(tmp_path: Path, house: House) -> None:
    """Selected dates can be exported besides: they lie beside the month that has them."""
    run(tmp_path, "2026-09-20T04:00:00Z", [["1", "2"]])
    assert house.ok().total() == 3
    week = run(tmp_path, "2026-09-21T04:00:00Z", [["2"]], month="bills/focus/20260905-20260911")
    run(tmp_path, "2026-10-03T04:00:00Z", [["4"]], month="bills/focus/20261001-20261031")
    house.refused("days of focus/20260905-20260911 are in focus/20260901-20260930 too")
    assert house.total() == 7
    shutil.rmtree(week.parent)
    run(tmp_path, "2026-09-22T04:00:00Z", [["1", "2", "8"]])
    assert house.ok().total() == 15


def only(house: House, period: str) -> None:
    """A run for one month."""
    pipeline = Pipeline(house.config, house.messages.append)
    pipeline.periods([period])
    pipeline.load()


def test_a_month_of_another_name_stays_until_a_run_takes_it(tmp_path: Path, house: House) -> None:
    run(tmp_path, "2026-09-03T04:00:00Z", [["1"]])
    run(tmp_path, "2026-10-03T04:00:00Z", [["2"]], month="bills/focus/20261001-20261031")
    assert house.ok().total() == 3
    (tmp_path / "bills/focus").rename(tmp_path / "bills/moved")
    only(house, "2026-10")
    assert house.total() == 3
    assert house.sql("SELECT unit FROM ledger.units ORDER BY 1") == [
        ("focus/20260901-20260930",),
        ("moved/20261001-20261031",),
    ]
    assert house.ok().total() == 3


def test_runs_that_were_each_a_unit_stay_until_their_month_is_in(
    tmp_path: Path, house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A warehouse of before: what is counted anew is our reading, and no restatement of the provider's."""
    run(tmp_path, "2026-09-03T04:00:00Z", [["1"]], name="one")
    two = run(tmp_path, "2026-09-04T04:00:00Z", [["1"], ["2"]], name="two")
    (told,) = two.glob("manifest.json")
    kept = told.read_bytes()
    run(tmp_path, "2026-10-03T04:00:00Z", [["8"]], month="bills/focus/20261001-20261031")
    with monkeypatch.context() as before:
        before.setattr(FocusFiles, "unit_of", FileUnits.unit_of)
        before.setattr(FocusFiles, "files", FileUnits.files)
        assert house.ok().total() == 12
    only(house, "2026-10")
    assert house.total() == 12
    told.unlink()
    house.refused("2 runs of one month")
    assert house.total() == 12, "nothing of the month is lost"
    told.write_bytes(kept)
    assert house.ok().total() == 11
    assert house.sql("SELECT DISTINCT cause, sum(billed_delta) FROM ledger.changes GROUP BY ALL ORDER BY 1") == [
        ("delivery", 12),
        ("reading", -1),
    ]
    assert house.sql(model("ledger.restatements").sql) == []
