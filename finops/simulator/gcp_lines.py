"""A bill line: everything of an export row that does not change from one usage window to the next."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import polars as pl

from finops.simulator import gcp_schema
from finops.simulator.company import CURRENCY, Company, Project
from finops.simulator.gcp_skus import Sku

Pairs = tuple[tuple[str, str], ...]

ORGANISATION = "700000000001"
_FOLDERS = {"ml": "710000000001", "data": "710000000002", "apps": "710000000003", "core": "710000000004"}
# Projects whose own labels name the team, so that their resources need not.
_TEAM_BY_PROJECT = {"nimbus-labelling": "vision", "nimbus-recsys-lab": "recsys"}
_LABEL_KEYS = {"ml_stage": "ml-stage", "run_id": "run-id"}

# key: name, full name, id, type
CREDITS: dict[str, tuple[str, str, str, str]] = {
    "sud": ("Sustained Usage Discount", "Sustained Usage Discount", "sud", "SUSTAINED_USAGE_DISCOUNT"),
    "cud": (
        "Committed use discount: 1 Year dollar based",
        "Committed use discount for GPU and A2 in us-central1: 1 Year dollar based",
        "cud-7f21",
        "COMMITTED_USAGE_DISCOUNT_DOLLAR_BASE",
    ),
    "offset": (
        "Fee utilization offset",
        "Fee utilization offset for committed use discounts",
        "cud-7f21-offset",
        "FEE_UTILIZATION_OFFSET",
    ),
    "discount": ("Spending based discount", "Spending based discount (contractual)", "sbd-31", "DISCOUNT"),
    "promotion": ("Startup programme", "Google for Startups cloud programme", "promo-startup", "PROMOTION"),
    "free": ("Free tier", "Free tier", "free-tier", "FREE_TIER"),
}


@dataclass(frozen=True)
class Line:
    """`labels` are the resource's, by the export's key; `credits` what it earns (three kinds at most).

    `stage` is what the money is really for and `evidence` what on the row tells it: 'tag', 'service', 'name'
    or 'none'. `discount` is the share that contract or commitment take off the list price. `instance` is set
    on the rows of a GPU machine, `subscription` where a commitment gives the price.
    """

    name: str
    sku: Sku
    project: Project | None
    stage: str
    evidence: str
    labels: Pairs = ()
    system_labels: Pairs = ()
    inherited_tag: bool = False
    region: str = "us-central1"
    zone: str | None = None
    resource: tuple[str, str] | None = None
    discount: float = 0.0
    credits: tuple[tuple[str, float], ...] = ()
    seller: str | None = None
    instance: str | None = None
    gpu_count: int = 0
    subscription: str | None = None
    cost_type: str = "regular"
    model: str | None = None

    @property
    def team(self) -> str | None:
        """The team that the row's labels name, else the one that the project's labels name."""
        own = dict(self.labels).get("team")
        return own or (_TEAM_BY_PROJECT.get(self.project.id) if self.project else None)


def label_pairs(tags: dict[str, str]) -> Pairs:
    """Tags by logical key (team, ml_stage …) as GCP labels (team, ml-stage …)."""
    return tuple((_LABEL_KEYS.get(key, key), value) for key, value in tags.items())


def frame(lines: list[Line], company: Company) -> pl.DataFrame:
    """One row per line: the export's columns that are the line's own, and its truth (prefix `t_`)."""
    columns: dict[str, pl.Series] = {
        "billing_account_id": _series([company.billing_account] * len(lines), pl.String),
        "service": _series([_named(n.sku.service_id, n.sku.service) for n in lines], gcp_schema.SERVICE),
        "sku": _series([_sku(n) for n in lines], gcp_schema.SKU),
        "project": _series([_project(n.project) for n in lines], gcp_schema.PROJECT),
        "labels": _series([_pairs(n.labels) for n in lines], gcp_schema.LABELS),
        "system_labels": _series([_pairs(n.system_labels) for n in lines], gcp_schema.LABELS),
        "location": _series([_location(n) for n in lines], gcp_schema.LOCATION),
        "resource": _series([_resource(n) for n in lines], gcp_schema.RESOURCE),
        "tags": _series([_tags(n) for n in lines], gcp_schema.TAGS),
        "subscription": _series([_subscription(n) for n in lines], gcp_schema.SUBSCRIPTION),
        "transaction_type": _series(["THIRD_PARTY_RESELLER" if n.seller else "GOOGLE" for n in lines], pl.String),
        "seller_name": _series([n.seller for n in lines], pl.String),
        "currency": _series([CURRENCY] * len(lines), pl.String),
        "consumption_model": _series([_model(n) for n in lines], gcp_schema.CONSUMPTION_MODEL),
        "unit": _series([n.sku.unit for n in lines], pl.String),
        "base_unit": _series([n.sku.base_unit for n in lines], pl.String),
        "base": _series([n.sku.base for n in lines], pl.Float64),
        "list_price": _series([n.sku.price for n in lines], pl.Float64),
        "discount": _series([n.discount for n in lines], pl.Float64),
        "publisher": _series(["PARTNER" if n.seller else "GOOGLE" for n in lines], pl.String),
        "kinds": _series([[kind for kind, _ in n.credits] for n in lines], pl.List(pl.String)),
        "t_account": _series([n.project.id if n.project else None for n in lines], pl.String),
        "t_stage": _series([n.stage for n in lines], pl.String),
        "t_evidence": _series([n.evidence for n in lines], pl.String),
        "t_team": _series([n.team for n in lines], pl.String),
        "t_model": _series([n.model for n in lines], pl.String),
        "t_instance": _series([n.instance for n in lines], pl.String),
        "t_gpu_count": _series([n.gpu_count for n in lines], pl.Int32),
    }
    return pl.DataFrame(columns)


Record = dict[str, Any]


def _series(values: list[Any], dtype: pl.DataType | type[pl.DataType]) -> pl.Series:
    return pl.Series(values=values, dtype=dtype)


def _named(identity: str, description: str) -> Record:
    return {"id": identity, "description": description}


def _sku(line: Line) -> Record | None:
    """Rounding rows have no SKU."""
    return None if line.cost_type == "rounding_error" else _named(line.sku.id, line.sku.description)


def _pairs(pairs: Pairs) -> list[Record]:
    return [{"key": key, "value": value} for key, value in pairs]


def _project(project: Project | None) -> Record | None:
    """A project with its labels and its place in the tree of folders; None for tax and rounding."""
    if project is None:
        return None
    folder = _FOLDERS[project.folder]
    labels = [
        ("env", "sandbox" if "sandbox" in project.id else "prod"),
        ("cost-center", f"cc-{project.folder}"),
    ]
    if project.id in _TEAM_BY_PROJECT:
        labels.append(("team", _TEAM_BY_PROJECT[project.id]))
    ancestors = [
        (f"projects/{project.number}", project.name),
        (f"folders/{folder}", project.folder),
        (f"organizations/{ORGANISATION}", "nimbus-robotics.example"),
    ]
    return {
        "id": project.id,
        "number": project.number,
        "name": project.name,
        "labels": _pairs(tuple(labels)),
        "ancestry_numbers": f"/{ORGANISATION}/{folder}/",
        "ancestors": [{"resource_name": path, "display_name": name} for path, name in ancestors],
    }


def _location(line: Line) -> Record | None:
    if line.project is None:
        return None
    country = "NL" if line.region.startswith("europe") else "US"
    return {"location": line.region, "country": country, "region": line.region, "zone": line.zone}


def _resource(line: Line) -> Record | None:
    """Vertex AI rows name no resource."""
    return {"name": line.resource[0], "global_name": line.resource[1]} if line.resource else None


def _tags(line: Line) -> list[Record] | None:
    """The environment tag, inherited from the folder; on some resources it is set directly as well."""
    if line.project is None:
        return None
    tag = {"key": "environment", "value": "production", "inherited": True, "namespace": ORGANISATION}
    return [{**tag, "inherited": False}, tag] if line.inherited_tag else [tag]


def _subscription(line: Line) -> Record | None:
    return {"instance_id": line.subscription} if line.subscription else None


def _model(line: Line) -> Record | None:
    """How the price came about: by default, or by a commitment."""
    if line.subscription and line.discount:
        return {
            "id": "7754-699E-0EBF",
            "description": "1 Year committed use discount",
            "applied_subscription_instance_id": line.subscription,
        }
    if line.project is None:
        return None
    return {"id": "D97B-0795-975B", "description": "Default", "applied_subscription_instance_id": None}
