"""`finops catalog refresh` against AWS on loopback: what was learned, what could not be asked, and the exit code."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from finops.clouds import gcp_session
from tests.aws import Answer, Aws
from tests.cloudbilling import COMPUTE, MAIN, SUB, account, project, serve, sku

from .conftest import Finops

CONFIG = """home: var
sources:
  - {name: aws-main, kind: aws-cur2, uri: "s3://b/p", export: e}
  - {name: aws-old, kind: aws-cur1, uri: bills}
  - {name: people, kind: cost-ledger, uri: costs.csv}
"""
PAGES: dict[str | None, dict[str, Any]] = {
    None: {
        "instanceTypeSet": [
            {"instanceType": "m5.large"},
            {
                "instanceType": "p9.48xlarge",
                "gpuInfo": {"gpus": [{"name": "X100", "manufacturer": "NVIDIA", "count": 8}]},
            },
        ],
        "nextToken": "more",
    },
    "more": {
        "instanceTypeSet": [
            {
                "instanceType": "g6f.large",
                "gpuInfo": {
                    "gpus": [
                        {
                            "name": "L4",
                            "manufacturer": "NVIDIA",
                            "count": 0,
                            "logicalGpuCount": 1,
                            "gpuPartitionSize": 0.25,
                        }
                    ]
                },
            },
            {"instanceType": "trn1.2xlarge", "neuronInfo": {"neuronDevices": [{"name": "Trainium", "count": 1}]}},
        ]
    },
}


def instance_types(given: dict[str, Any]) -> Answer:
    return 200, PAGES[given.get("NextToken")]


@pytest.fixture
def config(tmp_path: Path) -> Path:
    (tmp_path / "finops.yaml").write_text(CONFIG, encoding="utf-8")
    return tmp_path / "finops.yaml"


def test_types_and_names_are_asked_and_kept(finops: Finops, aws: Aws, config: Path) -> None:
    aws.answers["DescribeInstanceTypes"] = instance_types
    aws.answers["ListAccounts"] = lambda _: (200, {"Accounts": [{"Id": "012345678901", "Name": "nlp\x1b[31m"}]})
    result = finops("catalog", "refresh", "--config", config)
    assert result.code == 0
    lines = result.text.splitlines()
    assert "Instance types: 3 types with accelerators in us-east-1, us-west-2, 1 new, 1 changed" in lines
    assert "  new      p9.48xlarge: 8 x X100 (NVIDIA)" in lines
    assert "  changed  g6f.large: 0.25 x L4 (NVIDIA), built in is 0.125 x L4 (NVIDIA)" in lines
    assert "Accounts: 1 name from aws-main, aws-old, 1 new, 0 changed" in lines
    assert "Not asked" not in result.stderr
    home = config.parent / "var"
    types = json.loads((home / "catalogue.json").read_text(encoding="utf-8"))["instance_types"]
    assert types["p9.48xlarge"] == {"model": "X100", "count": "8", "vendor": "NVIDIA"}
    assert sorted(types) == ["g6f.large", "p9.48xlarge", "trn1.2xlarge"]
    names = json.loads((home / "accounts.json").read_text(encoding="utf-8"))["accounts"]
    assert list(names) == ["012345678901"]
    regions = [given["region"] for action, given in aws.calls if action == "DescribeInstanceTypes"]
    assert regions == ["us-east-1", "us-east-1", "us-west-2", "us-west-2"]  # two pages each; one way for both sources
    # a name that changed is shown, and cannot steer the terminal
    aws.answers["ListAccounts"] = lambda _: (200, {"Accounts": [{"Id": "012345678901", "Name": "vision"}]})
    text = finops("catalog", "refresh", "--config", config, "--region", "us-east-1").text
    assert "3 types with accelerators in us-east-1, 0 new, 0 changed" in text
    assert "  changed  012345678901: 'vision', it was 'nlp\\x1b[31m'" in text


def test_one_permission_is_enough(finops: Finops, aws: Aws, config: Path) -> None:
    aws.answers["DescribeInstanceTypes"] = instance_types
    result = finops("catalog", "refresh", "--config", config, "--region", "eu-west-1")
    assert result.code == 0
    assert "Accounts: no names; where a bill has none either, accounts go by their ids" in result.text
    assert "Not asked: Organizations refused organizations:ListAccounts: AccessDeniedException." in result.stderr
    assert "allow organizations:ListAccounts" in result.stderr
    assert not (config.parent / "var" / "accounts.json").exists()


def test_nothing_that_could_be_asked_is_exit_1(finops: Finops, aws: Aws, config: Path) -> None:
    result = finops("catalog", "refresh", "--config", config)
    assert result.code == 1
    assert result.stderr.count("What to do: allow ec2:DescribeInstanceTypes") == 2
    assert "What to do: allow organizations:ListAccounts" in result.stderr
    assert "hidden-key" not in result.stderr + result.text
    assert not (config.parent / "var").exists()


def test_a_throttled_answer_is_asked_for_again(finops: Finops, aws: Aws, config: Path) -> None:
    def busy_once(given: dict[str, Any]) -> Answer:
        asked = [action for action, _ in aws.calls].count("DescribeInstanceTypes")
        return (503, {"code": "RequestLimitExceeded"}) if asked == 1 else instance_types(given)

    aws.answers["DescribeInstanceTypes"] = busy_once
    result = finops("catalog", "refresh", "--config", config, "--region", "us-east-1")
    assert result.code == 0
    assert "3 types with accelerators in us-east-1" in result.text
    assert [action for action, _ in aws.calls].count("DescribeInstanceTypes") == 3


def test_without_credentials_it_says_what_is_missing(
    finops: Finops, aws: Aws, config: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("AWS_ACCESS_KEY_ID")
    monkeypatch.delenv("AWS_SECRET_ACCESS_KEY")
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    result = finops("catalog", "refresh", "--config", config, "--region", "us-east-1")
    assert result.code == 1
    assert "Unable to locate credentials" in result.stderr
    assert aws.calls == []


def test_a_configuration_without_aws_is_wrong_usage(finops: Finops, unpublished: Path) -> None:
    result = finops("catalog", "refresh", "--config", unpublished)
    assert (result.code, result.stdout) == (2, b"")
    assert "no source is of AWS" in result.stderr


GOOGLE = """home: var
sources:
  - {name: gcp-main, kind: gcp-bigquery, table: p-1.bills.gcp_billing_export_resource_v1_X}
"""


def test_google_is_asked_without_any_source_of_aws(
    finops: Finops, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("BIGQUERY_EMULATOR_HOST", "STORAGE_EMULATOR_HOST"):
        monkeypatch.delenv(name, raising=False)
    (tmp_path / "finops.yaml").write_text(GOOGLE, encoding="utf-8")
    with serve() as google:
        monkeypatch.setattr(gcp_session, "channel", google.channel)
        google.accounts = [account(MAIN, "ml\x1b[31m"), account(SUB, "research")]
        google.projects = {MAIN: [project("nlp", MAIN)]}
        google.denied = {SUB}
        google.skus = {COMPUTE: [sku("039F-D0DA-4055", "Nvidia Tesla A100 GPU running", (0, 2, 1), (5, 1, 0))]}
        result = finops("catalog", "refresh", "--config", tmp_path / "finops.yaml")
        assert result.code == 0
        assert result.text.splitlines() == [
            "Accounts: 2 billing accounts and 1 project from gcp-main, 2 new, 0 changed",
            "List prices: 1 SKU of Compute Engine",
            "List prices: 0 SKUs of C7E2-9256-1C43",
            "Next: finops run reads the bills anew where this changes them",
        ]
        assert "Not asked: Cloud Billing refused billing.resourceAssociations.list." in result.stderr
        google.accounts = [account(MAIN, "vision")]
        google.denied = {"ListServices"}
        text = finops("catalog", "refresh", "--config", tmp_path / "finops.yaml").text
        assert f"  changed  {MAIN}: 'vision', it was 'ml\\x1b[31m'" in text
        google.denied = {"ListBillingAccounts", "ListServices"}
        result = finops("catalog", "refresh", "--config", tmp_path / "finops.yaml")
    assert result.code == 1
    assert "What to do: allow billing.accounts.list for these credentials." in result.stderr
    kept = json.loads((tmp_path / "var" / "accounts.json").read_text(encoding="utf-8"))["accounts"]
    assert (kept[MAIN]["name"], kept["nlp"]["parent_id"]) == ("vision", MAIN)
