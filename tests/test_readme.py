"""What the README tells people to type works, as it stands there."""

from __future__ import annotations

import re
import shlex
import shutil
import subprocess
import sys
from pathlib import Path

import duckdb
import pytest
import yaml

from finops.config import Config
from finops.models import models
from finops.warehouse import checks
from tests.conftest import ROOT, Company

README = (ROOT / "README.md").read_text(encoding="utf-8")
NOT_IN_THE_COMPANY = ("focus.lacking", "ledger.rates")
"""Tables without a row there: it has no FOCUS files, and one currency."""
DOCS = sorted((ROOT / "docs").glob("*.md"))


def blocks(language: str, text: str = README) -> list[str]:
    return re.findall(rf"^```{language}\n(.*?)^```", text, flags=re.MULTILINE | re.DOTALL)


COMMANDS = [line for block in blocks("sh") for line in block.splitlines()]
FINOPS = [line for line in COMMANDS if line.startswith("finops ")]
MAKE = sorted({*(line for line in COMMANDS if line.startswith("make ")), *re.findall(r"`(make [a-z]+)`", README)})


@pytest.fixture(scope="module")
def checkout(company: Company, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A checkout after `make run`: its configuration, its company, its published warehouse."""
    root = tmp_path_factory.mktemp("checkout")
    (root / "var").mkdir()
    shutil.copy(ROOT / "finops.yaml", root)
    shutil.copytree(ROOT / "fixtures", root / "fixtures")
    (root / "var/company").symlink_to(company.root)
    shutil.copy(company.published, root / "var/finops.duckdb")
    return root


def test_every_command_is_run_by_a_test() -> None:
    assert set(COMMANDS) == {*FINOPS, *(line for line in COMMANDS if line.startswith("make "))}
    assert len(FINOPS) >= 9


@pytest.mark.parametrize("command", FINOPS)
def test_command(checkout: Path, command: str) -> None:
    words = [str(Path(sys.executable).with_name("finops")), *shlex.split(command)[1:]]
    done = subprocess.run(words, cwd=checkout, capture_output=True, text=True, check=False, timeout=120)
    assert done.returncode == 0, done.stderr
    assert done.stdout


@pytest.mark.parametrize("command", MAKE)
def test_make_target_exists(command: str) -> None:
    done = subprocess.run(["make", "-n", *command.split()[1:]], cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


def test_the_five_queries_answer(company: Company) -> None:
    queries = blocks("sql")
    assert len(queries) == 5
    with company.connect() as con:
        for query in queries:
            assert con.execute(query).fetchall(), query


def test_the_output_shown_is_what_comes_out(company: Company) -> None:
    """The stage table of the README, recomputed from the simulator's truth."""
    shown = dict(re.findall(r"^ (experimentation|training|inference) +([\d,.]+) ", README, flags=re.MULTILINE))
    query = f"""SELECT ml_stage, sum(effective_cost) FROM {company.truth("charges.parquet")}
        WHERE evidence IN ('tag', 'service') AND billing_period = '2026-09' GROUP BY 1"""
    with duckdb.connect() as con:
        rows = con.execute(query).fetchall()
    true = {stage: f"{cost:,.2f}" for stage, cost in rows}
    assert len(shown) == 3
    assert {stage: true[stage] for stage in shown} == shown


def test_the_configuration_shown_is_valid() -> None:
    example = next(block for block in blocks("yaml") if "sources:" in block)
    document = yaml.safe_load(example)
    document["slack"] = {"webhook_url": "https://example.invalid/hook"}
    assert len(Config.model_validate(document).sources) == 5


@pytest.mark.parametrize("path", DOCS, ids=lambda path: path.stem)
def test_what_the_docs_show_is_valid(path: Path, company: Company) -> None:
    text = path.read_text(encoding="utf-8")
    configurations = [yaml.safe_load(block) for block in blocks("yaml", text) if "sources:" in block]
    assert all(Config.model_validate(each).sources for each in configurations)
    queries = blocks("sql", text)
    with company.connect() as con:
        for query in queries:
            found = con.execute(query).fetchall()
            assert found or any(table in query for table in NOT_IN_THE_COMPANY)
    tests = [ROOT / each for each in re.findall(r"tests/[\w/.]+", text)]
    assert all(each.exists() for each in tests)
    assert configurations or queries or tests


def test_every_check_is_explained() -> None:
    text = (ROOT / "docs/ledger.md").read_text(encoding="utf-8")
    for each in models("quality"):
        name = each.name.partition(".")[2]
        stops = f"**{name}**" in text
        assert stops or name in text, name
        assert stops == (name not in checks.ADVISORY), name
