"""Whose the resources besides the GPU fleet are: names, tags as people type them, and real purpose."""

from __future__ import annotations

from finops.simulator.aws_catalogue import ACCOUNT_STAGE, Template, account_purpose
from finops.simulator.aws_lines import Owner, Purpose
from finops.simulator.aws_scope import PayerMonth
from finops.simulator.company import STAGE_VARIANTS, STAGES, Account, Company
from finops.simulator.timeline import stream, token

Tags = tuple[tuple[str, str], ...]


def owners(template: Template, key: str, account: Account, scope: PayerMonth, count: int) -> list[Owner]:
    """The account's `count` resources of the template; they are the same ones every month."""
    made: list[Owner] = []
    draws = stream(scope.seed, "tags", key, account.name).random((count, 5)).tolist()
    for index in range(count):
        tags, purpose = _purpose(template, account, scope.company, draws[index])
        resource = _resource(template, account, scope.seed, f"{key}-{index}")
        line_id = scope.line_id(key, account.id, index)
        made.append(Owner(account.id, account.name, resource, tags, purpose, line_id))
    return made


def _purpose(template: Template, account: Account, company: Company, draws: list[float]) -> tuple[Tags, Purpose]:
    """The resource's tags as typed, and what it is really for."""
    if account.team is None:
        return ((("project", account.name),) if draws[0] < 0.4 else ()), Purpose()
    stage = template.stage or _stage(template, account, draws)
    model = company.models_of(account.team)[int(draws[3] * len(company.models_of(account.team)))]
    if template.tagging == "always" or draws[0] < (0.5 if template.stage else 0.72):
        typed = STAGE_VARIANTS.get(stage, ()) if draws[2] < 0.3 else ()
        typed_stage = typed[0] if typed else stage
        pairs = (("team", account.team), ("ml_stage", typed_stage), ("project", model.project))
        shout = (("Team", account.team.upper()),) if draws[4] < 0.05 else ()
        return (*pairs, ("model", model.name), *shout), Purpose(stage, "tag", model.name)
    tags = (("team", account.team),) if draws[0] < 0.88 else ()
    return tags, Purpose(stage, "service") if template.stage else account_purpose(account.name)


def _stage(template: Template, account: Account, draws: list[float]) -> str:
    """Mostly what its account is for; metrics are monitoring, configuration records compliance."""
    fixed = {"AmazonCloudWatch": "monitoring", "AWSConfig": "compliance"}.get(template.product)
    usual = ACCOUNT_STAGE[account.name]
    return fixed or (usual if draws[1] < 0.75 else STAGES[int(draws[1] * 997) % len(STAGES)])


def _resource(template: Template, account: Account, seed: int, key: str) -> str:
    """What the bill calls the resource; some services name none."""
    name = token(seed, "resource", key, account.id)
    if template.product == "AmazonEC2":
        return f"vol-{name}" if "Volume" in template.usage_type else f"i-{name}"
    if template.product == "AmazonS3":
        return f"{account.name}-{name[:6]}"
    if template.product in ("AWSDataTransfer", "AmazonCloudWatch", "AWSConfig") or template.seller:
        return ""
    service = template.product.removeprefix("Amazon").removeprefix("AWS").lower()
    return f"arn:aws:{service}:{account.region}:{account.id}:resource/{name[:8]}"
