"""Stage rules: what the built-in ones say, what is refused, and that no text in them becomes SQL."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from decimal import Decimal
from pathlib import Path

import duckdb
import pytest
import sqlglot
from hypothesis import example, given, settings
from hypothesis import strategies as st

from finops.errors import ConfigError
from finops.lifecycle import Rule, compile_rules, load_rules, stages
from finops.lifecycle.rules import FIELDS
from finops.models import model

Write = Callable[[str], Path]

# One charge for each built-in rule, as the clouds describe it; values from AWS's and Google's price lists.
SAGEMAKER = {"service_code": "AmazonSageMaker"}
VERTEX = {"service": "Vertex AI"}
EXAMPLES: dict[str, Mapping[str, str]] = {
    "tag-retraining": {"stage_tag": "retraining"},
    "tag-training": {"stage_tag": "fine_tuning"},
    "tag-inference": {"stage_tag": "serving"},
    "tag-labeling": {"stage_tag": "annotation"},
    "tag-data": {"stage_tag": "feature_engineering"},
    "tag-experiment": {"stage_tag": "notebook"},
    "tag-evaluation": {"stage_tag": "eval"},
    "tag-monitoring": {"stage_tag": "drift"},
    "tag-compliance": {"stage_tag": "audit"},
    "tag-platform": {"stage_tag": "ml_platform"},
    "tag-not-ml": {"stage_tag": "not_ml"},
    "ledger-labelling": {"category": "Purchase", "service_code": "labelling", "provider": "internal"},
    "ledger-compliance": {"category": "Purchase", "service_code": "compliance", "provider": "internal"},
    "sagemaker-notebook": {**SAGEMAKER, "usage_type": "USE1-Notebk:ml.t3.medium"},
    "sagemaker-labeling": {**SAGEMAKER, "usage_type": "USE1-LabeledObject"},
    "sagemaker-monitor": {**SAGEMAKER, "usage_type": "USE1-FreeMonitor:ml.m5.large"},
    "sagemaker-transform": {**SAGEMAKER, "usage_type": "EU-Tsform:ml.g4dn.xlarge"},
    "sagemaker-data": {**SAGEMAKER, "usage_type": "USE1-Processing:ml.m5.4xlarge"},
    "sagemaker-training": {**SAGEMAKER, "usage_type": "USE1-Train:ml.p4d.24xlarge"},
    "sagemaker-platform": {**SAGEMAKER, "usage_type": "USE1-MLflow-Small"},
    "bedrock-customization": {"service_code": "AmazonBedrock", "usage_type": "USE1-Titan-Customization-Training"},
    "bedrock-tokens": {"service_code": "AmazonBedrock", "usage_type": "USE1-Claude-input-tokens"},
    "bedrock-marketplace": {"service": "Claude (Amazon Bedrock Edition)", "service_code": "aws-marketplace"},
    "capacity-block": {"usage_type": "USE2-CapacityBlockFee:p5.48xlarge", "category": "Purchase"},
    "vertex-labeling": {**VERTEX, "usage_type": "Data Labeling: Image"},
    "vertex-features": {**VERTEX, "usage_type": "Feature Store online serving node"},
    "vertex-notebook": {**VERTEX, "usage_type": "Workbench Management Fee"},
    "vertex-monitor": {**VERTEX, "usage_type": "Model Monitoring analysed data"},
    "vertex-tuning": {**VERTEX, "usage_type": "Gemini 2.0 Flash Supervised Tuning Training Tokens"},
    "vertex-prediction": {**VERTEX, "usage_type": "Online Prediction on N1 core"},
    "vertex-training": {**VERTEX, "usage_type": "Custom Training A100 GPU"},
    "gemini-tuning": {"service": "Gemini API", "usage_type": "Gemini 1.5 Flash Tuning Text Input Tokens"},
    "gemini-tokens": {"service": "Gemini API", "usage_type": "Gemini 2 Pro Text Output Tokens"},
}


@pytest.fixture
def write(tmp_path: Path) -> Write:
    def _write(text: str) -> Path:
        path = tmp_path / "stages.yaml"
        path.write_text(text, encoding="utf-8")
        return path

    return _write


def winner(rules: list[Rule], charge: Mapping[str, str | None]) -> str | None:
    """The rule that DuckDB picks for a charge, whose values are bound."""
    columns = ", ".join(f'CAST(? AS VARCHAR) AS "{column}"' for column in FIELDS.values())
    values = [charge.get(field) for field in FIELDS]
    sql = f"SELECT {compile_rules(rules).sql('duckdb')} FROM (SELECT {columns})"
    return duckdb.execute(sql, values).fetchall()[0][0]


@pytest.mark.parametrize("rule", EXAMPLES)
def test_a_built_in_rule_holds_for_its_example(rule: str) -> None:
    assert winner(load_rules(), EXAMPLES[rule]) == rule


def test_every_built_in_rule_has_an_example() -> None:
    assert [rule.id for rule in load_rules()] == list(EXAMPLES)


def test_sagemaker_s_usage_types_are_tested_in_their_order() -> None:
    # the order of shared knowledge: the warm pool before training, monitoring before processing
    expected = {
        "USE1-Studio:JupyterLab-ml.t3.medium": "experimentation",
        "USE1-RStudio:ml.c5": "experimentation",
        "USE1-Host:ml.g5.xlarge": "inference",
        "USE1-TrainWarmPool:ml.p4d.24xlarge": "training",
        "USE1-TrSpt:ml.p3.2xlarge": "training",
        "USE1-AsyncInf:ml.g5.xlarge": "inference",
        "USE1-Cluster:ml.p5.48xlarge": "training",
        "USE1-FeatureStore:Write": "data_preparation",
        "USE1-DataWrangler:ml.m5.4xlarge": "data_preparation",
    }
    rules = load_rules()
    by_id = {rule.id: rule.stage for rule in rules}
    found = {usage: by_id.get(winner(rules, {**SAGEMAKER, "usage_type": usage}) or "") for usage in expected}
    assert found == expected


@pytest.mark.parametrize("charge", [{}, {"service": "Amazon S3", "usage_type": "TimedStorage-ByteHrs"}])
def test_what_no_rule_knows_has_none(charge: Mapping[str, str]) -> None:
    assert winner(load_rules(), charge) is None


def test_own_rules_come_before_the_built_in_ones(write: Write) -> None:
    rules = load_rules(write("rules:\n  - {id: mine, stage: not_ml, when: {stage_tag: [training]}}\n"))
    assert winner(rules, {"stage_tag": "training"}) == "mine"
    assert winner(rules, {"stage_tag": "eval"}) == "tag-evaluation"


def test_all_conditions_must_hold(write: Write) -> None:
    rules = load_rules(write("rules:\n  - {id: mine, stage: not_ml, when: {service: [A, B], account: '7'}}\n"))
    assert winner(rules, {"service": "B", "account": "7"}) == "mine"
    assert winner(rules, {"service": "B", "account": "8"}) is None
    assert winner(rules, {"service": "B"}) is None


def test_a_stage_tag_is_compared_without_case_and_punctuation(write: Write) -> None:
    rules = load_rules(write("rules:\n  - {id: mine, stage: training, when: {stage_tag: [Big-Run 2]}}\n"))
    assert winner(rules, {"stage_tag": "big_run_2"}) == "mine"


def test_empty_rules_are_no_rules(write: Write) -> None:
    assert load_rules(write("rules: []\n")) == load_rules(write("rules:\n")) == load_rules()


RULE = "rules:\n  - {{id: {id}, stage: {stage}, confidence: {confidence}, when: {when}}}\n"
GOOD = {"id": "mine", "stage": "training", "confidence": "1", "when": "{service: [x]}"}


@pytest.mark.parametrize(
    ("wrong", "words"),
    [
        pytest.param({"stage": "trainig"}, ("unknown stage 'trainig'", "did you mean 'training'"), id="unknown stage"),
        pytest.param({"stage": "[a]"}, ("unknown stage",), id="stage is a list"),
        pytest.param(
            {"when": "{servise: [x]}"}, ("unknown field 'servise'", "did you mean 'service'"), id="unknown field"
        ),
        pytest.param({"when": "{service: '~('}"}, ("regular expression",), id="bad pattern"),
        pytest.param({"when": "{service: '~(?=x)'}"}, ("regular expression", "look-ahead"), id="look-ahead"),
        pytest.param({"when": "{service: '~(a)\\1'}"}, ("regular expression",), id="back-reference"),
        pytest.param({"when": "{service: []}"}, ("not texts",), id="no values"),
        pytest.param({"when": "{service: }"}, ("not texts",), id="null value"),
        pytest.param(
            {"when": "{account: 012345670123}"}, ("not texts", "quotes"), id="account that YAML reads as octal"
        ),
        pytest.param({"when": "{service: {a: b}}"}, ("not texts",), id="mapping as value"),
        pytest.param({"when": "[a]"}, ("mapping of fields",), id="when is a list"),
        pytest.param({"when": "{}"}, ("'when' is missing",), id="no conditions"),
        pytest.param({"id": '"x\'; DROP TABLE y"'}, ("a-z, 0-9",), id="hostile id"),
        pytest.param({"id": "tag-training"}, ("is taken",), id="id of a built-in rule"),
        pytest.param({"confidence": "2"}, ("from 0 to 1",), id="confidence above 1"),
        pytest.param({"confidence": ".nan"}, ("from 0 to 1",), id="confidence not a number"),
        pytest.param({"confidence": "high"}, ("from 0 to 1",), id="confidence in words"),
    ],
)
def test_a_bad_rule_is_named(write: Write, wrong: dict[str, str], words: tuple[str, ...]) -> None:
    path = write(RULE.format(**{**GOOD, **wrong}))
    with pytest.raises(ConfigError) as caught:
        load_rules(path)
    for word in (*words, str(path), "line 2", "What to do:"):
        assert word in str(caught.value), str(caught.value)


@pytest.mark.parametrize(
    ("text", "word"),
    [
        pytest.param("", "list under the key 'rules'", id="empty"),
        pytest.param("- a\n", "list under the key 'rules'", id="list at top"),
        pytest.param("rule: []\n", "list under the key 'rules'", id="wrong key"),
        pytest.param("rules: 5\n", "not a list", id="number"),
        pytest.param("rules: {a: b}\n", "not a list", id="mapping"),
        pytest.param("rules: [5]\n", "a rule is a mapping", id="rule is a number"),
        pytest.param("rules:\n  - {id: a, stage: training, wen: {}}\n", "unknown key 'wen'", id="unknown key"),
        pytest.param("rules:\n  - {5: a}\n", "unknown key 5", id="number as key"),
        pytest.param(
            "rules:" + "\n  - {id: a, stage: training, when: {service: x}}" * 2,
            "'a' is given twice",
            id="duplicate id",
        ),
    ],
)
def test_a_file_that_is_no_rules_is_refused(write: Write, text: str, word: str) -> None:
    with pytest.raises(ConfigError, match=r"Where: .*stages\.yaml") as caught:
        load_rules(write(text))
    assert word in str(caught.value)


hostile = st.text(min_size=1, max_size=30)


@settings(max_examples=60, deadline=None)
@given(value=hostile, other=hostile)
@example(value="'); DROP TABLE focus.charges; --", other="x")
@example(value="\\' OR 1=1 --", other="\\")
@example(value="{{x}}", other="$1")
@example(value="?", other=":x")
def test_a_hostile_value_never_becomes_sql(value: str, other: str) -> None:
    rule = Rule("mine", "training", Decimal(1), (("service", (value,)),))
    assert winner([rule], {"service": value}) == "mine"
    assert winner([rule], {"service": other}) == ("mine" if other == value else None)


def test_rules_transpile_to_spark() -> None:
    sql = compile_rules(load_rules()).sql("spark")
    tree = sqlglot.parse_one(sql, dialect="spark")
    assert len(tree.args["ifs"]) == len(EXAMPLES)
    assert "RLIKE" in sql


@given(value=hostile.filter(str.isprintable))
def test_a_value_comes_through_spark_s_grammar_unchanged(value: str) -> None:
    rule = Rule("mine", "training", Decimal(1), (("service", (value,)),))
    tree = sqlglot.parse_one(compile_rules([rule]).sql("spark"), dialect="spark")
    literals = {each.this for each in tree.find_all(sqlglot.exp.Literal)}
    assert literals == {value, "mine"}


def test_the_stages_are_the_contract_s() -> None:
    assert {each.stage for each in stages()} == {
        *("data_preparation", "data_labeling", "experimentation", "training", "evaluation", "inference"),
        *("monitoring", "retraining", "compliance", "platform", "not_ml", "unattributed"),
    }


def test_every_field_reads_a_column_that_charges_have() -> None:
    columns = (
        model("focus.attributed").sql
        + model("focus.tag_sets").sql
        + model("normalise.aws_cur").sql
        + model("normalise.focus").sql
    )
    assert all(column in columns for column in FIELDS.values())
