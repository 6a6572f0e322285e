"""`finops catalog refresh` without its command: pages, refusals, and what is kept in the home."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from datetime import date
from decimal import Decimal
from pathlib import Path
from typing import Any

import boto3
import pytest
from botocore.stub import Stubber

from finops.clouds import accounts, aws_inventory
from finops.clouds.aws_refreshing import Refresh, ask, keep
from finops.clouds.aws_session import AwsAccess
from finops.config import Config
from finops.errors import SourceError, WarehouseError
from finops.gpus.catalogue import Accelerator, catalogue, known
from tests.sources.house import House, focus, write_csv

TODAY = date(2026, 11, 26)
Stub = Callable[..., Stubber]


def gpu(name: str, count: int, model: str = "X100") -> dict[str, Any]:
    return {"InstanceType": name, "GpuInfo": {"Gpus": [{"Name": model, "Manufacturer": "NVIDIA", "Count": count}]}}


def config(*sources: dict[str, Any], folder: Path = Path()) -> Config:
    named = [{"name": f"s{i}", "kind": "aws-cur1", "uri": f"b-{i}", **each} for i, each in enumerate(sources)]
    return Config.model_validate({"home": "home", "sources": named, "path": folder / "finops.yaml"})


def three() -> list[aws_inventory.Way]:
    """Three payers, each reached by a profile of its own."""
    return [aws_inventory.Way(AwsAccess(profile=f"p{i}", region="us-east-1"), f"aws-{i}") for i in range(3)]


@pytest.fixture
def stub(monkeypatch: pytest.MonkeyPatch) -> Iterator[Stub]:
    """Stubbed clients by profile and service; one that no test has prepared refuses everything."""
    made: dict[tuple[str | None, str], tuple[Any, Stubber]] = {}

    def prepare(service: str, profile: str | None = "p0") -> Stubber:
        if (profile, service) not in made:
            client: Any = boto3.client(  # type: ignore[call-overload]
                service, region_name="us-east-1", aws_access_key_id="k", aws_secret_access_key="s"
            )
            made[profile, service] = (client, Stubber(client))
            made[profile, service][1].activate()
        return made[profile, service][1]

    def client(service: str, access: AwsAccess) -> Any:
        prepare(service, access.profile)
        return made[access.profile, service][0]

    monkeypatch.setattr("finops.clouds.aws_session.client", client)
    yield prepare
    for each, stubber in made.values():
        stubber.assert_no_pending_responses()
        each.close()


def refuse(stubber: Stubber, operation: str, code: str, status: int = 400) -> None:
    stubber.add_client_error(operation, code, "a text that is not shown", status)


def test_all_pages_are_read(stub: Stub) -> None:
    ec2, organizations = stub("ec2"), stub("organizations")
    first: list[Any] = [gpu("p9.large", 1), {"InstanceType": "m5.large"}]
    ec2.add_response("describe_instance_types", {"InstanceTypes": first, "NextToken": "more"}, {})
    second = {"InstanceTypes": [gpu("p9.xlarge", 2), gpu("p9.unclear", 0)]}
    ec2.add_response("describe_instance_types", second, {"NextToken": "more"})
    page = {"Accounts": [{"Id": "012345678901", "Name": "nlp"}], "NextToken": "more"}
    organizations.add_response("list_accounts", page, {})
    page = {"Accounts": [{"Id": "111122223333", "Name": " serving "}, {"Id": "2" * 12, "Name": " "}]}
    organizations.add_response("list_accounts", page, {"NextToken": "more"})
    found = ask(three()[:1], ["us-east-1"], lambda _: None)
    assert found.types == {
        "p9.large": Accelerator("X100", Decimal(1), "NVIDIA"),
        "p9.xlarge": Accelerator("X100", Decimal(2), "NVIDIA"),
    }
    assert (found.unclear, found.regions, found.refused) == ({"p9.unclear"}, {"us-east-1"}, [])
    assert found.names == {"012345678901": "nlp", "111122223333": "serving"}


def test_access_denied_for_one_of_three_leaves_the_others(stub: Stub) -> None:
    for i in range(3):
        ec2, organizations = stub("ec2", f"p{i}"), stub("organizations", f"p{i}")
        if i == 1:
            refuse(ec2, "describe_instance_types", "UnauthorizedOperation", 403)
            refuse(organizations, "list_accounts", "AccessDeniedException")
            continue
        ec2.add_response("describe_instance_types", {"InstanceTypes": [gpu(f"p9.{i}xlarge", i + 1)]}, {})
        organizations.add_response("list_accounts", {"Accounts": [{"Id": f"{i}" * 12, "Name": f"n{i}"}]}, {})
    found = ask(three(), ["us-east-1"], lambda _: None)
    assert sorted(found.types) == ["p9.0xlarge", "p9.2xlarge"]
    assert found.names == {"0" * 12: "n0", "2" * 12: "n2"}
    assert found.sources == ["aws-0", "aws-2"]
    types, names = map(str, found.refused)
    assert "UnauthorizedOperation. Where: us-east-1, source aws-1." in types
    assert "allow ec2:DescribeInstanceTypes for the credentials" in types
    assert "AccessDeniedException. Where: source aws-1." in names
    assert "allow organizations:ListAccounts for the credentials of the management account" in names
    assert "a text that is not shown" not in types + names


@pytest.mark.parametrize(
    ("code", "remedy"),
    [
        ("Throttling", "try again in a minute"),
        ("RequestLimitExceeded", "try again in a minute"),
        ("ExpiredToken", "sign in again"),
        ("AuthFailure", "check the credentials"),
        ("OptInRequired", "switch the region on"),
        ("InternalError", "try again"),
    ],
)
def test_what_ec2_refuses_is_told_with_its_remedy(stub: Stub, code: str, remedy: str) -> None:
    refuse(stub("ec2"), "describe_instance_types", code)
    stub("ec2").add_response("describe_instance_types", {"InstanceTypes": [gpu("p9.large", 1)]}, {})
    stub("organizations").add_response("list_accounts", {"Accounts": []}, {})
    found = ask(three()[:1], ["eu-west-9", "us-east-1"], lambda _: None)
    (error,) = found.refused
    assert (error.where, found.regions) == ("eu-west-9, source aws-0", {"us-east-1"})
    assert code in error.what
    assert remedy in (error.remedy or "")


def test_a_page_that_is_throttled_gives_no_half_of_a_region(stub: Stub) -> None:
    page = {"InstanceTypes": [gpu("p9.large", 1)], "NextToken": "more"}
    stub("ec2").add_response("describe_instance_types", page, {})
    refuse(stub("ec2"), "describe_instance_types", "RequestLimitExceeded", 503)
    stub("organizations").add_response("list_accounts", {"Accounts": []}, {})
    found = ask(three()[:1], ["us-east-1"], lambda _: None)
    assert (found.types, found.regions, len(found.refused)) == ({}, set(), 1)


def test_only_the_management_account_may_list_the_others(stub: Stub) -> None:
    for i, code in enumerate(("", "AccessDeniedException", "AWSOrganizationsNotInUseException")):
        stub("ec2", f"p{i}").add_response("describe_instance_types", {"InstanceTypes": []}, {})
        if code:
            refuse(stub("organizations", f"p{i}"), "list_accounts", code)
    alone = {"Accounts": [{"Id": "000011112222", "Name": "the payer"}]}
    stub("organizations", "p0").add_response("list_accounts", alone, {})
    found = ask(three(), ["us-east-1"], lambda _: None)
    assert found.names == {"000011112222": "the payer"}
    member, standalone = found.refused
    assert "management account" in (member.remedy or "")
    assert "in no organisation" in (standalone.remedy or "")


@pytest.mark.parametrize(
    ("region", "expected"),
    [
        (None, ["us-east-1", "us-west-2"]),
        ("eu-west-1", ["eu-west-1", "us-east-1", "us-west-2"]),
        ("us-west-2", ["us-west-2", "us-east-1"]),
        ("cn-north-1", ["cn-north-1"]),
    ],
)
def test_the_source_s_own_region_is_asked_first(
    monkeypatch: pytest.MonkeyPatch, region: str | None, expected: list[str]
) -> None:
    for name in ("AWS_DEFAULT_REGION", "AWS_REGION", "AWS_PROFILE"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("AWS_CONFIG_FILE", "/nowhere")
    asked: list[str] = []
    monkeypatch.setattr(aws_inventory, "instance_types", lambda _, at: asked.append(at) or [])
    monkeypatch.setattr(aws_inventory, "accounts", lambda _: [])
    ask([aws_inventory.Way(AwsAccess(region=region), "a")], [], lambda _: None)
    assert asked == expected


def test_a_profile_that_is_not_there_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_CONFIG_FILE", "/nowhere")
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", "/nowhere")
    found = ask([aws_inventory.Way(AwsAccess(profile="gone"), "a")], [], lambda _: None)
    assert (found.regions, found.sources, len(found.refused)) == (set(), [], 2)
    assert all("gone" in error.what for error in found.refused)


def test_each_way_to_aws_is_gone_once() -> None:
    role = "arn:aws:iam::123456789012:role/reader"
    found = aws_inventory.ways(
        config({"region": "eu-west-1"}, {"role_arn": role}, {"region": "eu-west-1", "requester_pays": True}, {})
    )
    assert [way.sources for way in found] == ["s0, s2", "s1", "s3"]
    assert [way.access.role_arn for way in found] == [None, role, None]
    assert aws_inventory.ways(config({"kind": "focus-files"})) == []


def test_what_is_learned_is_kept_over_what_was_known(tmp_path: Path) -> None:
    first = Refresh(
        types={"p9.large": Accelerator("X100", Decimal("0.125"), "NVIDIA"), **catalogue()},
        regions={"eu-west-1"},
        names={"1" * 12: "old", "2" * 12: "gone"},
        sources=["aws-0"],
    )
    learned = keep(tmp_path, first, date(2026, 11, 1))
    assert list(learned.types.new) == ["p9.large"]
    assert (learned.types.changed, learned.conflicts, learned.accounts.renamed) == ({}, {}, {})
    nine, odd = Accelerator("X100", Decimal("0.25"), "NVIDIA"), Accelerator("H100 NVL", Decimal(8), "NVIDIA")
    second = Refresh(
        types={"p9.large": nine, "p5.48xlarge": odd},
        regions={"us-east-1"},
        names={"1" * 12: "new", "3" * 12: "three"},
        sources=["aws-0"],
    )
    learned = keep(tmp_path, second, TODAY)
    assert learned.types.new == {}
    assert learned.types.changed["p9.large"] == (first.types["p9.large"], nine)
    assert learned.conflicts == {"p5.48xlarge": (catalogue()["p5.48xlarge"], odd)}
    assert (learned.accounts.new, learned.accounts.renamed) == ({"3" * 12: "three"}, {"1" * 12: ("old", "new")})
    now = known(tmp_path)
    assert (now["p9.large"], now["p5.48xlarge"], now["p4d.24xlarge"]) == (nine, odd, catalogue()["p4d.24xlarge"])
    assert accounts.names(accounts.known(tmp_path)) == {"1" * 12: "new", "2" * 12: "gone", "3" * 12: "three"}
    written = json.loads((tmp_path / "catalogue.json").read_text(encoding="utf-8"))
    assert written["refreshed"] == {"eu-west-1": "2026-11-01", "us-east-1": "2026-11-26"}
    assert written["instance_types"]["p9.large"] == {"model": "X100", "count": "0.25", "vendor": "NVIDIA"}
    assert sorted(path.name for path in tmp_path.iterdir()) == ["accounts.json", "catalogue.json"]
    # the same answer again: a conflict stays one, and is nothing new
    learned = keep(tmp_path, second, TODAY)
    assert (learned.types.new, learned.types.changed) == ({}, {})
    assert learned.accounts == accounts.Learned({}, {})
    assert list(learned.conflicts) == ["p5.48xlarge"]


def test_nothing_learned_writes_nothing(tmp_path: Path) -> None:
    keep(tmp_path / "home", Refresh(refused=[SourceError("no")]), TODAY)
    assert not (tmp_path / "home").exists()


def test_a_home_that_cannot_be_written_keeps_its_old_file(tmp_path: Path) -> None:
    keep(tmp_path, Refresh(types=dict(catalogue()), regions={"us-east-1"}), TODAY)
    before = (tmp_path / "catalogue.json").read_bytes()
    (tmp_path / ".catalogue.json.new").mkdir()  # as a full disk would be: the new file cannot be made
    with pytest.raises(WarehouseError, match="cannot be written"):
        keep(tmp_path, Refresh(types={}, regions={"eu-west-1"}), TODAY)
    assert (tmp_path / "catalogue.json").read_bytes() == before


def test_a_type_that_was_unknown_gets_its_hours_once_aws_has_told_of_it(tmp_path: Path) -> None:
    """Σ GPU-hours = hours × count; the bill is read anew though its file is the same."""
    house = House(tmp_path, {"name": "a", "kind": "focus-files", "uri": "bills"})
    row = focus("5", SkuPriceDetails='{"InstanceType": "ml.p9.large"}', ConsumedQuantity="8", ConsumedUnit="Hours")
    write_csv(tmp_path / "bills" / "a.csv", [row])
    house.ok()
    hours = "SELECT x_GpuHours, x_GpuModel, BilledCost FROM focus.charges"
    assert house.sql(hours) == [(None, None, Decimal(5))]
    house.ok()
    assert [each.rows for each in house.loaded] == [None]
    keep(house.home, Refresh(types={"p9.large": Accelerator("X100", Decimal("0.25"), "NVIDIA")}, regions={"r"}), TODAY)
    house.ok()
    assert [each.rows for each in house.loaded] == [1]
    assert house.sql(hours) == [(Decimal(2), "X100", Decimal(5))]


def test_the_names_of_accounts_are_a_table_that_bills_can_be_joined_with(tmp_path: Path) -> None:
    house = House(tmp_path, {"name": "a", "kind": "focus-files", "uri": "bills"})
    write_csv(tmp_path / "bills" / "a.csv", [focus("5")])
    house.ok()
    assert house.sql("FROM focus.accounts") == []
    keep(house.home, Refresh(names={"001122223333": "nlp"}, sources=["a"]), TODAY)
    house.ok()
    assert house.sql("FROM focus.accounts") == [("001122223333", "nlp", "AWS", None, None, None, TODAY)]


@pytest.mark.parametrize("text", ["{", "[]", "[" * 100_000, r'{"accounts": {"001122223333": "\ud800"}}'])
def test_a_damaged_file_of_names_is_told_before_any_work(tmp_path: Path, text: str) -> None:
    house = House(tmp_path, {"name": "a", "kind": "focus-files", "uri": "bills"})
    (house.home / "accounts.json").write_text(text, encoding="utf-8")
    with pytest.raises(WarehouseError, match="finops catalog refresh"):
        house.run()
