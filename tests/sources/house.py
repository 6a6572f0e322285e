"""A warehouse of a test's own, and files as the clouds deliver them."""

from __future__ import annotations

import csv
import gzip
import io
import json
import os
from collections.abc import Iterable, Mapping, Sequence
from decimal import Decimal
from pathlib import Path
from typing import Any

from finops.config import Config
from finops.pipeline import Pipeline
from finops.warehouse.connection import connect

Row = Mapping[str, Any]


class House:
    """A home with sources; each `run` is a run of the job up to the loading of bills."""

    def __init__(self, folder: Path, *sources: dict[str, Any], stages: Path | None = None) -> None:
        self.folder = folder
        folder.mkdir(parents=True, exist_ok=True)
        self.config = Config.model_validate(
            {"home": "home", "sources": sources, "stages": stages, "path": folder / "finops.yaml"}
        )
        self.messages: list[str] = []
        self.home = self.config.home_dir
        work = self.home / "work" / "finops.duckdb"
        work.parent.mkdir(parents=True, exist_ok=True)
        self._con = connect(work)  # kept: while it is open, a run opens the file faster

    def run(self) -> list[str]:
        """Land and load; returns the failures, as people read them."""
        pipeline = Pipeline(self.config, self.messages.append)
        self.loaded = pipeline.load()
        return [text for (text,) in self.sql("SELECT error FROM ledger.failures ORDER BY 1")]

    def sql(self, text: str, *parameters: Any) -> list[tuple[Any, ...]]:
        return self._con.execute(text, list(parameters)).fetchall()

    def ok(self) -> House:
        assert self.run() == []
        return self

    def total(self) -> Decimal | None:
        """Σ BilledCost of what is loaded."""
        return self.sql("SELECT sum(BilledCost) FROM focus.charges")[0][0]

    def refused(self, *words: str) -> str:
        """The one failure of a run: it names the words, and what to do."""
        failures = self.run()
        assert len(failures) == 1, failures
        for word in (*words, "Where:", "What to do:"):
            assert word in failures[0], (word, failures[0])
        assert str(self.folder / "home") not in failures[0]  # not in names of our own landing area
        assert "Traceback" not in failures[0]
        return failures[0]


def write_csv(path: Path, rows: Sequence[Row], columns: Iterable[str] | None = None) -> Path:
    """Rows as CSV, compressed where the name says so."""
    names = list(columns or dict.fromkeys(name for row in rows for name in row))
    text = io.StringIO()
    writer = csv.DictWriter(text, names, restval="")
    writer.writeheader()
    writer.writerows(rows)
    path.parent.mkdir(parents=True, exist_ok=True)
    content = text.getvalue().encode()
    path.write_bytes(gzip.compress(content) if path.suffix == ".gz" else content)
    return path


def write_lines(path: Path, rows: Sequence[Row]) -> Path:
    """Rows as lines of JSON."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("".join(json.dumps(row, default=str) + "\n" for row in rows), encoding="utf-8")
    return path


def at(path: Path, seconds: float) -> None:
    """Set a file's time of modification."""
    os.utime(path, (seconds, seconds))


T0 = 1_790_000_000.0


def manifest(
    root: Path,
    files: Sequence[Path],
    *,
    export: str = "ml",
    period: str = "2026-09",
    bucket: str = "s3://bills/prefix",
    key: str = "BILLING_PERIOD",
    when: float = T0 + 60,
) -> Path:
    """A Data Exports manifest, newer than the data files that it names."""
    for file in files:
        if file.exists():
            at(file, min(T0, when))
    path = root / export / "metadata" / f"{key}={period}" / f"{export}-Manifest.json"
    path.parent.mkdir(parents=True, exist_ok=True)
    uris = [f"{bucket}/{file.relative_to(root).as_posix()}" for file in files]
    path.write_text(json.dumps({"executionId": f"run-{when}", "columns": [], "dataFiles": uris}))
    at(path, when)
    return path


def cur(kind: str = "Usage", cost: str = "1", **more: Any) -> dict[str, Any]:
    """A row of CUR 2.0, with what no row lacks."""
    return {
        "bill_payer_account_id": "000011112222",
        "bill_billing_period_start_date": "2026-09-01T00:00:00.000Z",
        "bill_billing_period_end_date": "2026-10-01T00:00:00.000Z",
        "line_item_usage_account_id": "001122223333",
        "line_item_line_item_type": kind,
        "line_item_usage_start_date": "2026-09-02T00:00:00.000Z",
        "line_item_usage_end_date": "2026-09-02T01:00:00.000Z",
        "line_item_product_code": "AmazonEC2",
        "line_item_currency_code": "USD",
        "line_item_unblended_cost": cost,
        **more,
    }


def legacy(row: Row) -> dict[str, Any]:
    """The same row under the legacy report's names."""
    groups = ("line_item", "savings_plan", "reservation", "pricing", "product", "bill")
    renamed: dict[str, Any] = {}
    for name, value in row.items():
        group = next((each for each in groups if name.startswith(f"{each}_")), None)
        if group is None:
            renamed[name] = value
            continue
        head, *tail = group.split("_")
        words = [word.capitalize() for word in name.removeprefix(f"{group}_").split("_")]
        renamed[f"{head}{''.join(map(str.capitalize, tail))}/{''.join(words)}"] = value
    return renamed


def google(cost: str | float = "1.5", **more: Any) -> dict[str, Any]:
    """A row of Google's detailed export, as a line of JSON has it."""
    return {
        "billing_account_id": "AAAAAA-BBBBBB-CCCCCC",
        "service": {"id": "6F81-5844-456A", "description": "Compute Engine"},
        "sku": {"id": "1", "description": "N1 Predefined Instance Core"},
        "usage_start_time": "2026-09-02 00:00:00 UTC",
        "usage_end_time": "2026-09-02 01:00:00 UTC",
        "project": {"id": "p-1", "name": "one", "labels": []},
        "labels": [],
        "tags": [],
        "system_labels": [],
        "credits": [],
        "invoice": {"month": "202609"},
        "cost_type": "regular",
        "currency": "USD",
        "cost": cost,
        **more,
    }


def focus(cost: str = "1", **more: Any) -> dict[str, Any]:
    """A row of a FOCUS file, with the columns that none lacks."""
    return {
        "BilledCost": cost,
        "EffectiveCost": cost,
        "ListCost": cost,
        "ContractedCost": cost,
        "BillingAccountId": "007",
        "BillingCurrency": "USD",
        "BillingPeriodStart": "2026-09-01T00:00:00Z",
        "BillingPeriodEnd": "2026-10-01T00:00:00Z",
        "ChargePeriodStart": "2026-09-02T00:00:00Z",
        "ChargePeriodEnd": "2026-09-03T00:00:00Z",
        "ChargeCategory": "Usage",
        "ServiceCategory": "Compute",
        "ServiceName": "Machines",
        "ProviderName": "Other Cloud",
        **more,
    }
