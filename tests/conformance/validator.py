"""The FinOps Foundation's validator, asked about files; and which of its failures say nothing about them."""

from __future__ import annotations

import re
import subprocess
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final
from xml.etree import ElementTree

import duckdb

from tests.proof.outside import installed, python

PACKAGES = ("focus-validator==2.2.1", "pyarrow<26")
FALSE_ALARMS: Final[Mapping[str, tuple[str, str]]] = {
    "InvoiceId-C-004-C": (
        "InvoiceId IS NOT NULL",
        "null for a charge that is on no invoice: the rule is asked without that condition, so of every charge",
    ),
    "InvoiceId-C-005-C": (
        "InvoiceId IS NULL",
        "not null for a charge that is on an invoice: asked of every charge too, so no file passes both",
    ),
    "CapacityReservationStatus-C-004-C": (
        "CapacityReservationId IS NULL",
        "not null for usage of a capacity reservation: asked of charges that have none",
    ),
    "CommitmentDiscountStatus-C-004-C": (
        "CommitmentDiscountId IS NULL",
        "not null for usage of a commitment: asked of charges that have none, the condition is turned round",
    ),
    "EffectiveCost-C-005-C": (
        "ChargeCategory = 'Purchase' AND EffectiveCost <> 0",
        "0 for a purchase that covers future charges: asked of every purchase, also of a fee that covers itself",
    ),
    "BilledCost-C-005-C": (
        "ProviderName <> InvoiceIssuerName AND BilledCost <> 0",
        "0 where a third party is paid: taken for one is a provider's own legal entity, whose name is another",
    ),
}
"""Rules that good data fail: which rows they are about, and why that is no defect."""


@dataclass(frozen=True)
class Verdict:
    """What the validator said of a file: how many rules it asked, and which failed, parents of others left out.

    `parents` are rules that are made of others alone.
    """

    rules: int
    failed: frozenset[str]
    parents: frozenset[str]


class Validator:
    """The program, in an environment of its own: raises Skipped where it cannot be installed."""

    def __init__(self, folder: Path) -> None:
        self.program = installed(folder, "focus-validator", *PACKAGES, python=python(3, 12))
        # it looks for its own files below the working directory
        (self.beside,) = (folder / "lib").glob("python3*/site-packages")

    def ask(self, path: Path) -> Verdict:
        report = path.with_suffix(".xml")
        command = [
            *(str(self.program), "--data-file", str(path), "--validate-version", "1.2", "--block-download"),
            *("--applicability-criteria", "ALL", "--output-type", "unittest", "--output-destination", str(report)),
        ]
        done = subprocess.run(command, cwd=self.beside, capture_output=True, text=True, timeout=300)
        assert done.returncode == 0, done.stderr[-2000:]
        cases = list(ElementTree.parse(report).getroot().iter("testcase"))
        asked = [each for each in cases if each.find("skipped") is None]
        failed = [each for each in asked if each.find("failure") is not None or each.find("error") is not None]
        names = [re.split(r"\s*::\s*", each.attrib["name"]) for each in failed]
        return Verdict(
            len(asked),
            frozenset(rule for rule, kind in names if kind != "Composite"),
            frozenset(rule for rule, kind in names if kind == "Composite"),
        )


def false_alarms(path: Path) -> set[str]:
    """The false alarms that a file must raise, by the rows that it has."""
    with duckdb.connect() as con:
        return {
            rule
            for rule, (rows, _) in FALSE_ALARMS.items()
            if con.execute(f"SELECT 1 FROM '{path}' WHERE {rows} LIMIT 1").fetchall()
        }
