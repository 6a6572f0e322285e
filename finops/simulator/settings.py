"""The `finops.yaml` that loads the simulated company."""

from __future__ import annotations

from pathlib import Path

from finops.simulator.company import CURRENCY, Company


def write(out: Path, company: Company) -> None:
    """Writes `out/finops.yaml`; its paths are relative to itself."""
    aws = [
        f"  - {{name: {p.source}, kind: aws-cur2, uri: {p.folder}/cur2, export: {p.export}}}" for p in company.payers
    ]
    text = [
        f"# {company.name}, simulated: everything that this file loads lies beside it.",
        f"reporting_currency: {CURRENCY}",
        "home: warehouse",
        "sources:",
        *aws,
        f"  - {{name: {company.gcp_source}, kind: gcp-files, uri: gcp}}",
        "  - {name: people, kind: cost-ledger, uri: ledger/costs.csv}",
        "telemetry:",
        "  - {name: fleet, kind: gpu-samples, uri: gpu}",
        "budgets: budgets.yaml",
    ]
    (out / "finops.yaml").write_text("\n".join(text) + "\n", encoding="utf-8")
