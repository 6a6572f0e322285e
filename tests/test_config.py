"""finops.yaml: what it accepts, and how it complains: file, line, key, and never a secret."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from finops.clouds import gcp_session
from finops.config import Config, FileSource, load_config
from finops.errors import ConfigError, SourceError
from finops.files.yamlfile import read_yaml

Write = Callable[[str], Path]
SOURCE = "sources:\n  - {name: a, kind: focus-files, uri: bills}\n"
# put together here, so that no scanner of secrets takes this file for a leak
WEBHOOK = "https://hooks.slack.com/" + "services/T0/B0/verysecretpart"
SLACK_TOKEN = "xox" + "b-1234-verysecretpart"
ACCESS_KEY = "AK" + "IAVERYSECRETPART00"


@pytest.fixture
def write(tmp_path: Path) -> Write:
    def _write(text: str) -> Path:
        path = tmp_path / "finops.yaml"
        path.write_text(text, encoding="utf-8")
        return path

    return _write


def refused(path: Path, *words: str) -> ConfigError:
    """The complaint about a file: it names the file, the words, and what to do."""
    with pytest.raises(ConfigError) as caught:
        load_config(path)
    for word in (str(path), "What to do:", *words):
        assert word in str(caught.value), (word, str(caught.value))
    return caught.value


def test_a_whole_configuration(write: Write) -> None:
    path = write(
        "reporting_currency: EUR\nhome: out\nstages: s.yaml\nbudgets: b.yaml\nsources:\n"
        "  - {name: aws-main, kind: aws-cur2, uri: 's3://b/p', export: E, profile: p, region: eu-west-1,"
        " role_arn: 'arn:aws:iam::123456789012:role/r', external_id: ours, requester_pays: true,"
        " expected_bucket_owner: '012345678901', endpoint: 'https://s3.example'}\n"
        "  - {name: aws-old, kind: aws-cur1, uri: old.csv}\n"
        "  - {name: aws-focus, kind: aws-focus, uri: 'file:///d', export: E}\n"
        "  - {name: gcp-main, kind: gcp-bigquery, table: p.d.t, endpoint: 'http://127.0.0.1:1'}\n"
        "  - {name: gcp-files, kind: gcp-files, uri: g}\n"
        "  - {name: people, kind: cost-ledger, uri: costs.csv}\n"
        "telemetry:\n  - {name: cluster-a, kind: prometheus, url: 'http://p:9090'}\n"
        "  - {name: any, kind: gpu-samples, uri: samples}\n"
    )
    config = load_config(path)
    assert [each.name for each in config.sources] == [
        *("aws-main", "aws-old", "aws-focus", "gcp-main", "gcp-files", "people")
    ]
    assert config.home_dir == path.parent / "out"
    assert config.published == path.parent / "out" / "finops.duckdb"


def test_relative_paths_are_relative_to_the_file(write: Write, monkeypatch: pytest.MonkeyPatch) -> None:
    path = write(SOURCE)
    monkeypatch.chdir("/")
    config = load_config(path)
    assert config.home_dir == path.parent / "var"
    assert config.resolve("bills") == path.parent / "bills"
    assert config.resolve("/else") == Path("/else")


def test_missing_file(tmp_path: Path) -> None:
    refused(tmp_path / "nowhere.yaml", "no such file")


def test_a_folder_instead_of_a_file(tmp_path: Path) -> None:
    refused(tmp_path, "cannot be read")


@pytest.mark.parametrize(
    ("text", "words"),
    [
        pytest.param("sources:\n  - {name: a\n  kind: x\n", ("malformed", "line 3"), id="malformed"),
        pytest.param("sources: [\n", ("malformed", "line 2"), id="cut off"),
        pytest.param("a: \x07\n", ("malformed",), id="control character"),
        pytest.param("", ("not a mapping",), id="empty file"),
        pytest.param("# only a comment\n", ("not a mapping",), id="comment only"),
        pytest.param("- a\n- b\n", ("not a mapping",), id="list at top"),
        pytest.param("just text\n", ("not a mapping",), id="text at top"),
        pytest.param(
            f"{SOURCE}reporting_curency: USD\n", ("did you mean 'reporting_currency'", "line 3"), id="unknown key"
        ),
        pytest.param(f"{SOURCE}path: /etc\n", ("unknown key 'path'", "line 3"), id="a key of our own"),
        pytest.param(f"{SOURCE}5: x\n", ("key 5",), id="number as key"),
        pytest.param(f"{SOURCE}? [a, b]\n: c\n", ("malformed", "line 3"), id="list as key"),
        pytest.param(
            "sources:\n  - name: a\n    kind: aws-cur2\n    url: s3://b\n    export: e\n",
            ("unknown key 'url'", "did you mean 'uri'", "line 4", "sources[0].url"),
            id="unknown key of a source",
        ),
        pytest.param(
            "sources:\n  - {name: a, kind: aws-cur3, uri: x}\n",
            ("unknown kind 'aws-cur3'", "did you mean 'aws-cur", "line 2"),
            id="unknown kind",
        ),
        pytest.param("sources:\n  - {name: a, uri: x}\n", ("'kind' is missing", "line 2"), id="no kind"),
        pytest.param("sources:\n  - {name: a, kind: focus-files}\n", ("'uri' is missing", "line 2"), id="no uri"),
        pytest.param("sources:\n  - {name: a, kind: aws-cur2, uri: x}\n", ("'export'", "line 2"), id="missing export"),
        pytest.param(
            "sources:\n  - name: a\n    kind: aws-cur2\n    uri: s3://b\n    export: e\n    rol_arn: x\n",
            ("unknown key 'rol_arn'", "did you mean 'role_arn'", "line 6"),
            id="unknown key of an AWS source",
        ),
        pytest.param(
            "sources:\n  - name: a\n    kind: aws-cur2\n    uri: s3://b\n    export: e\n    role_arn: reader\n",
            ("a role is written as", "line 6", "sources[0].role_arn"),
            id="a role that is none",
        ),
        pytest.param(
            "sources:\n  - name: a\n    kind: aws-cur2\n    uri: s3://b\n    export: e\n"
            "    expected_bucket_owner: 012345670123\n",
            ("in quotes", "line 6", "sources[0].expected_bucket_owner"),
            id="an account id that YAML takes for a number",
        ),
        pytest.param(
            "sources:\n  - {name: a, kind: aws-cur2, uri: x, export: e, external_id: abc}\n",
            ("'external_id' goes with the key 'role_arn'", "line 2"),
            id="an external id without a role",
        ),
        pytest.param("sources: []\n", ("line 1", "sources"), id="no source"),
        pytest.param("home: var\n", ("'sources' is missing",), id="no sources"),
        pytest.param("sources: 5\n", ("line 1", "sources"), id="sources not a list"),
        pytest.param(f"{SOURCE}sources: []\n", ("'sources' is given twice", "line 3"), id="duplicate key"),
        pytest.param(
            "sources:\n  - {name: a, name: b, kind: focus-files, uri: x}\n",
            ("given twice", "line 2"),
            id="duplicate inner key",
        ),
        pytest.param(
            f"{SOURCE}  - {{name: a, kind: cost-ledger, uri: y}}\n", ("'a' is given twice",), id="duplicate names"
        ),
        pytest.param(
            "sources:\n  - {name: a, kind: focus-files, uri: bills}\n"
            "  - {name: b, kind: focus-files, uri: ./other/../bills/}\n",
            ("'a' and 'b' are the same bill",),
            id="one folder in two spellings",
        ),
        pytest.param(
            "sources:\n  - {name: a, kind: aws-cur2, uri: s3://b/p, export: e}\n"
            "  - {name: b, kind: aws-cur2, uri: s3://b/p/, export: e, profile: other}\n",
            ("'a' and 'b' are the same bill",),
            id="one bill under two names",
        ),
        pytest.param(
            f"{SOURCE}telemetry:\n  - {{name: a, kind: gpu-samples, uri: y}}\n",
            ("'a' is given twice",),
            id="name of a telemetry",
        ),
        pytest.param(
            "sources:\n  - {name: ../a, kind: focus-files, uri: x}\n", ("line 2", "name"), id="name as a path"
        ),
        pytest.param(f"reporting_currency: dollars\n{SOURCE}", ("line 1", "reporting_currency"), id="currency"),
        pytest.param(f"{SOURCE}slack: {{token: '${{T}}'}}\n", ("channel", "line 3"), id="token without channel"),
        pytest.param(f"{SOURCE}slack: {{}}\n", ("webhook_url", "line 3"), id="empty slack"),
        pytest.param(
            f"{SOURCE}home: ${{NOT_SET_ANYWHERE}}\n", ("NOT_SET_ANYWHERE is not set", "line 3", "home"), id="unset"
        ),
    ],
)
def test_mistakes_are_named(write: Write, monkeypatch: pytest.MonkeyPatch, text: str, words: tuple[str, ...]) -> None:
    monkeypatch.setenv("T", "from-the-environment")
    assert "from-the-environment" not in str(refused(write(text), *words))


def test_not_utf8(tmp_path: Path) -> None:
    path = tmp_path / "finops.yaml"
    path.write_bytes("home: größe\n".encode("latin-1"))
    refused(path, "not UTF-8")


SECRETS = [
    pytest.param(f"{SOURCE}slack: {{webhook_url: '{WEBHOOK}'}}\n", id="webhook"),
    pytest.param(f"{SOURCE}slack: {{webhook_url: 'https://example.com/verysecretpart'}}\n", id="other webhook"),
    pytest.param(f"{SOURCE}slack: {{webhook_url: 'https://x/${{A}}/verysecretpart'}}\n", id="partly interpolated"),
    pytest.param(f"{SOURCE}slack:\n  webhook_url:{WEBHOOK}\n", id="forgotten space"),
    pytest.param(f"{SOURCE}slack: {{webhook_url:{WEBHOOK}}}\n", id="forgotten space in braces"),
    pytest.param(f"{SOURCE}slack: {{token: {SLACK_TOKEN}, channel: c}}\n", id="token"),
    pytest.param(f"{SOURCE}slak: {{token: {SLACK_TOKEN}}}\n", id="token under an unknown key"),
    pytest.param(f"{SOURCE}home: {ACCESS_KEY}\n", id="access key"),
    pytest.param(
        "sources:\n  - {name: a, kind: gcp-files, uri: 'https://me:verysecretpart@host/x'}\n", id="password in a url"
    ),
    pytest.param(
        f"{SOURCE}telemetry:\n  - {{name: t, kind: prometheus, url: 'http://u:verysecretpart@h'}}\n", id="in telemetry"
    ),
]


@pytest.mark.parametrize("text", SECRETS)
def test_a_secret_written_out_is_refused_and_never_shown(write: Write, text: str) -> None:
    error = refused(write(text), "secret", "line")
    assert "verysecretpart" not in str(error).lower()
    assert ACCESS_KEY not in str(error)


def test_a_secret_from_the_environment_is_shown_nowhere(write: Write, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOOK", WEBHOOK)
    config = load_config(write(f"{SOURCE}slack: {{webhook_url: '${{HOOK}}'}}\n"))
    assert config.slack is not None
    assert config.slack.webhook_url is not None
    assert config.slack.webhook_url.get_secret_value() == WEBHOOK
    assert "verysecretpart" not in repr(config) + str(config) + config.model_dump_json()


def test_an_error_in_an_interpolated_value_does_not_show_it(write: Write, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("VALUE", "verysecretpart")
    text = f"{SOURCE}reporting_currency: '${{VALUE}}'\nslack: {{webhook_url: '${{VALUE}}', chanel: '${{VALUE}}'}}\n"
    assert "verysecretpart" not in str(refused(write(text)))


@pytest.mark.parametrize(
    "value", ["x\nsources: []", "}, evil: {", "'\"", "${HOME}", "a: b", "[1, 2]", "!!python/object:os.system"]
)
def test_a_value_from_the_environment_cannot_change_the_structure(
    write: Write, monkeypatch: pytest.MonkeyPatch, value: str
) -> None:
    monkeypatch.setenv("VALUE", value)
    config = load_config(write("sources:\n  - {name: a, kind: focus-files, uri: 'pre-${VALUE}-post'}\n"))
    (source,) = config.sources
    assert isinstance(source, FileSource)
    assert source.uri == f"pre-{value}-post"


def test_aliases_and_merged_keys_are_followed(write: Write) -> None:
    text = (
        "sources:\n  - &base {name: a, kind: focus-files, uri: x}\n  - {<<: *base, name: b, uri: y}\n"
        "home: &h out\nstages: *h\n"
    )
    config = load_config(write(text))
    assert [each.name for each in config.sources] == ["a", "b"]
    assert config.stages == Path("out")


@pytest.mark.parametrize(
    "text",
    [
        pytest.param("sources: &a [*a]\n", id="contains itself"),
        pytest.param("&a {sources: *a}\n", id="mapping contains itself"),
        pytest.param("a: &a [x,x,x,x,x,x,x,x,x,x]\n" + "".join(
            f"{b}: &{b} [{','.join(['*' + a] * 10)}]\n" for a, b in zip("abcdefg", "bcdefgh", strict=True)
        ), id="billion laughs"),
        pytest.param("a: " + "[" * 5000 + "]" * 5000, id="deep"),
        pytest.param("a: " + "{b: " * 200 + "c" + "}" * 200, id="deep mappings"),
    ],
)  # fmt: skip
def test_yaml_without_end_is_refused(write: Write, text: str) -> None:
    refused(write(text))


def test_no_object_of_python_is_made(write: Write, tmp_path: Path) -> None:
    refused(write(f"home: !!python/object/apply:os.mkdir ['{tmp_path}/made']\n"), "malformed", "line 1")
    assert not (tmp_path / "made").exists()


def test_lines_are_those_of_the_file(write: Write) -> None:
    document = read_yaml(write("a: 1\nb:\n  - c: 2\n    d: 3\n"))
    assert [document.lines[at] for at in (("a",), ("b",), ("b", 0), ("b", 0, "d"))] == [1, 2, 3, 4]
    assert document.at(("b", 0, "d")) == 3
    assert document.at(("b", 9)) is None
    assert document.where(("b", 0, "nothing")).endswith("line 3, key b[0].nothing")


def test_configurations_are_values(write: Write) -> None:
    assert load_config(write(SOURCE)) == load_config(write(SOURCE))
    assert isinstance(load_config(write(SOURCE)), Config)


def test_a_service_account_s_key_file_is_relative_to_the_configuration(tmp_path: Path) -> None:
    path = tmp_path / "finops.yaml"
    path.write_text("sources:\n  - {name: g, kind: gcp-files, uri: 'gs://b/x', credentials_file: keys/reader.json}\n")
    (source,) = load_config(path).sources
    assert source.model_dump()["credentials_file"] == tmp_path / "keys/reader.json"


def test_two_exports_of_one_billing_account_are_refused(tmp_path: Path) -> None:
    path = tmp_path / "finops.yaml"
    table = "p.billing.gcp_billing_export_{}_0X0X0X_0X0X0X_0X0X0X"
    path.write_text(
        "sources:\n"
        f"  - {{name: detailed, kind: gcp-bigquery, table: {table.format('resource_v1')}}}\n"
        f"  - {{name: native, kind: gcp-bigquery, table: {table.format('focus')}}}\n"
    )
    with pytest.raises(ConfigError, match="two exports of the billing account 0X0X0X_0X0X0X_0X0X0X"):
        load_config(path)


@pytest.mark.parametrize("text", ["5", "true", "[a]", "{private_key: abc}", '""', '"a\\0b"'])
def test_a_key_file_that_is_no_path_is_refused_at_its_line(write: Write, text: str) -> None:
    entry = f"  - {{name: g, kind: gcp-bigquery, table: p-1.d.t, credentials_file: {text}}}"
    with pytest.raises(ConfigError, match=r"line 2, key sources\[0\]\.credentials_file"):
        load_config(write(f"sources:\n{entry}\n"))


@pytest.mark.parametrize("text", ['""', '"a b"', '"p\\r\\nX-Other: y"', '"../p"'])
def test_a_quota_project_is_an_id(write: Write, text: str) -> None:
    entry = f"  - {{name: g, kind: gcp-bigquery, table: p-1.d.t, quota_project: {text}}}"
    with pytest.raises(ConfigError, match=r"line 2, key sources\[0\]\.quota_project"):
        load_config(write(f"sources:\n{entry}\n"))


@pytest.mark.parametrize(
    "content", ["SECRET", '{"type": "authorized_user", "refresh_token": "SECRET"}', '{"private_key": "SECRET"}']
)
def test_a_key_file_of_another_kind_is_named_and_its_content_is_not(tmp_path: Path, content: str) -> None:
    path = tmp_path / "key.json"
    path.write_text(content)
    with pytest.raises(SourceError, match="no service account's key") as caught:
        gcp_session.credentials(gcp_session.GcpAccess(credentials_file=path))
    assert str(path) in str(caught.value)
    assert "SECRET" not in str(caught.value)
