"""The command as a whole: what the contract names is there, has an example, and fails in one paragraph."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from finops.cli import app as command

from .conftest import CONFIG, Finops

CONTRACT = (
    ("run",),
    ("simulate",),
    ("sql",),
    ("stages",),
    ("idle",),
    ("overruns",),
    ("gaps",),
    ("restatements",),
    ("checks",),
    ("export",),
    ("doctor",),
    ("alerts", "test"),
    ("budgets", "import"),
    ("catalog", "refresh"),
)
OTHERS = {"run", "simulate", "sql", "export", "doctor", "alerts", "budgets", "catalog"}
QUERYING = [words for words in CONTRACT if words[0] not in OTHERS]


@pytest.mark.parametrize("words", CONTRACT, ids=" ".join)
def test_every_command_of_the_contract_has_help_with_an_example(words: tuple[str, ...], finops: Finops) -> None:
    result = finops(*words, "--help")
    assert (result.code, result.stderr) == (0, "")
    assert f"Example: finops {' '.join(words)}" in result.text
    assert "--config" in result.text


def test_no_command_is_outside_the_contract(finops: Finops) -> None:
    listed = finops("--help").text.partition("Commands:")[2]
    names = {line.split()[0] for line in listed.splitlines() if line.startswith("  ") and line[2] != " "}
    assert names == {words[0] for words in CONTRACT}


@pytest.mark.parametrize("words", [(), *QUERYING, ("sql",), ("alerts",), ("budgets",), ("catalog",)], ids=" ".join)
def test_everything_else_has_an_example_too(words: tuple[str, ...], finops: Finops) -> None:
    assert "Example: finops" in finops(*words, "--help").text


@pytest.mark.parametrize("words", QUERYING, ids=" ".join)
def test_reports_take_every_format(words: tuple[str, ...], finops: Finops) -> None:
    help_text = finops(*words, "--help").text
    assert "table|csv|json|parquet" in help_text


def test_without_a_command_the_help_is_shown(finops: Finops) -> None:
    assert finops() == finops("--help")


def test_the_version_is_the_package_s(finops: Finops) -> None:
    assert finops("--version").text.startswith("finops 0.")


@pytest.mark.parametrize(
    ("arguments", "complaint"),
    [
        (("stagess",), "No such command"),
        (("sql",), "Missing argument"),
        (("alerts",), "Missing command"),
        (("budgets",), "Missing command"),
        (("catalog",), "Missing command"),
        (("stages", "--formt", "csv"), "What to do: finops stages --help"),
        (("stages", "--format", "xml"), "'xml' is not one of 'table', 'csv', 'json', 'parquet'"),
        (("simulate",), "--out"),
        (("simulate", "--out", "x", "--months", "37"), "--months"),
    ],
)
def test_wrong_usage_is_exit_2_and_one_line(arguments: tuple[str, ...], complaint: str, finops: Finops) -> None:
    result = finops(*arguments)
    assert (result.code, result.stdout) == (2, b"")
    assert result.stderr.startswith("Error: ")
    assert complaint in result.stderr
    assert result.stderr.count("\n") == 1


SECRET = "https://hooks.slack.com/services/T0/B0/abcdef"


@pytest.mark.parametrize(
    ("text", "complaints"),
    [
        ("sources: [", ("malformed", "line 1")),
        ("- a\n- b\n", ("not a mapping",)),
        (CONFIG.replace("home:", "hom:"), ("unknown key 'hom'", "line 2", "did you mean 'home'")),
        (
            CONFIG.replace("kind: focus-files", "kind: focus-file"),
            ("unknown kind", "did you mean 'focus-files'"),
        ),
        (CONFIG + f"slack: {{webhook_url: {SECRET}}}\n", ("secret is written out", "slack.webhook_url")),
        (CONFIG + 'slack: {webhook_url: "${NOT_SET_ANYWHERE}"}\n', ("NOT_SET_ANYWHERE is not set",)),
    ],
)
@pytest.mark.parametrize("words", [("stages",), ("sql", "SELECT 1"), ("run",), ("doctor",), ("alerts", "test")])
def test_a_wrong_configuration_names_the_place(
    words: tuple[str, ...], text: str, complaints: tuple[str, ...], finops: Finops, tmp_path: Path
) -> None:
    path = tmp_path / "finops.yaml"
    path.write_text(text, encoding="utf-8")
    result = finops(*words, "--config", path)
    assert (result.code, result.stdout) == (2, b"")
    for complaint in (*complaints, str(path)):
        assert complaint in result.stderr
    assert SECRET not in result.stderr


def test_the_configuration_is_finops_yaml_here(
    finops: Finops, tmp_path: Path, company: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    result = finops("stages")
    assert (result.code, result.stdout) == (2, b"")
    assert "no such file. Where: finops.yaml" in result.stderr
    monkeypatch.chdir(company.parent)
    assert json.loads(finops("stages", "--format", "json").stdout)


def test_nothing_published_is_exit_1(finops: Finops, unpublished: Path) -> None:
    for words in (*QUERYING, ("sql", "SELECT 1")):
        result = finops(*words, "--config", unpublished)
        assert (result.code, result.stdout) == (1, b"")
        assert "nothing has been published yet" in result.stderr
        assert "What to do: finops run." in result.stderr


class InterruptElsewhere(BaseException):
    """As orchestrators raise it."""


@pytest.mark.parametrize("kind", [KeyboardInterrupt, InterruptElsewhere, RuntimeError], ids=lambda kind: kind.__name__)
def test_an_interrupt_is_130(
    kind: type[BaseException], finops: Finops, company: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def interrupt(*_: object) -> None:
        raise kind("Query interrupted")

    monkeypatch.setattr("finops.cli.sql.write", interrupt)
    result = finops("sql", "SELECT 1", "--config", company)
    assert (result.code, result.stderr) == (130, "Error: interrupted: what was published stands.\n")


def test_a_fault_of_ours_asks_to_be_reported(finops: Finops, company: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def fault(*_: object) -> None:
        raise ValueError("so\nwrong \x1b[31m")

    monkeypatch.delenv("FINOPS_DEBUG", raising=False)
    monkeypatch.setattr("finops.cli.sql.write", fault)
    result = finops("sql", "SELECT 1", "--config", company)
    assert result.code == 1
    assert result.stderr.startswith("Unexpected error: ValueError: so wrong \\x1b[31m.")
    assert "report it" in result.stderr
    assert "Traceback" not in result.stderr
    monkeypatch.setenv("FINOPS_DEBUG", "1")
    assert "Traceback" in finops("sql", "SELECT 1", "--config", company).stderr


def test_the_entry_point_is_main() -> None:
    from importlib.metadata import entry_points

    (script,) = entry_points(group="console_scripts", name="finops")
    assert script.load() is command.main
