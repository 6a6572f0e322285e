"""Who the simulated company is: payers, accounts, projects, teams and the models they own."""

from __future__ import annotations

from dataclasses import dataclass

CURRENCY = "USD"
STAGES = (
    "data_preparation",
    "data_labeling",
    "experimentation",
    "training",
    "evaluation",
    "inference",
    "monitoring",
    "retraining",
    "compliance",
    "platform",
)
# What people type in place of a stage's name. Each variant stands for one stage only.
STAGE_VARIANTS: dict[str, tuple[str, ...]] = {
    "data_preparation": ("data-prep",),
    "data_labeling": ("labeling",),
    "training": ("train",),
    "evaluation": ("eval",),
    "inference": ("serving",),
}


@dataclass(frozen=True)
class Payer:
    """An AWS payer: its source's name, account, Data Exports export, and whether its bill has net columns."""

    source: str
    account: str
    name: str
    folder: str
    export: str
    create_new: bool
    net: bool


@dataclass(frozen=True)
class Account:
    """An AWS member account. `team` owns it; None where it serves no ML team."""

    id: str
    name: str
    payer: str
    team: str | None
    region: str


@dataclass(frozen=True)
class Project:
    """A GCP project. `number` is what resource.global_name has in place of the id."""

    id: str
    number: str
    name: str
    team: str | None
    folder: str
    region: str


@dataclass(frozen=True)
class Model:
    """A model, the team that owns it and the ML project it belongs to."""

    name: str
    team: str
    project: str


@dataclass(frozen=True)
class Company:
    """The whole organisation. Tuples keep their order, so generation is repeatable."""

    name: str
    teams: tuple[str, ...]
    models: tuple[Model, ...]
    payers: tuple[Payer, ...]
    accounts: tuple[Account, ...]
    billing_account: str
    gcp_source: str
    projects: tuple[Project, ...]

    def payer(self, source: str) -> Payer:
        """The payer behind a source's name. Raises StopIteration when there is none."""
        return next(p for p in self.payers if p.source == source)

    def account(self, name: str) -> Account:
        """The AWS account of that name."""
        return next(a for a in self.accounts if a.name == name)

    def project(self, project_id: str) -> Project:
        """The GCP project of that id."""
        return next(p for p in self.projects if p.id == project_id)

    def models_of(self, team: str) -> tuple[Model, ...]:
        """The models a team owns."""
        return tuple(m for m in self.models if m.team == team)


_MODELS = (
    Model("assistant-xl", "nlp", "assistant"),
    Model("assistant-mini", "nlp", "assistant"),
    Model("doc-search", "nlp", "search"),
    Model("translate-2", "nlp", "translate"),
    Model("grasp-net", "vision", "pick-and-place"),
    Model("depth-pro", "vision", "navigation"),
    Model("defect-scan", "vision", "quality-line"),
    Model("pose-track", "vision", "navigation"),
    Model("ranker", "recsys", "storefront"),
    Model("basket", "recsys", "storefront"),
    Model("churn", "recsys", "retention"),
    Model("feature-hub", "platform", "ml-platform"),
)

_MAIN, _RESEARCH = "111122223333", "444455556666"

_PAYERS = (
    Payer("aws-main", _MAIN, "Nimbus Robotics", "aws/main", "nimbus-main", create_new=False, net=False),
    Payer("aws-research", _RESEARCH, "Nimbus Research", "aws/research", "nimbus-research", True, net=True),
)

# id, name, payer, team, region; one id begins with a zero
_ACCOUNTS = (
    Account("222233334444", "nlp-training", _MAIN, "nlp", "us-east-1"),
    Account("222233334455", "nlp-serving", _MAIN, "nlp", "us-east-1"),
    Account("222233334466", "vision-training", _MAIN, "vision", "us-east-1"),
    Account("222233334477", "vision-serving", _MAIN, "vision", "eu-west-1"),
    Account("012345678901", "recsys-training", _MAIN, "recsys", "us-east-1"),
    Account("222233334488", "recsys-serving", _MAIN, "recsys", "us-east-1"),
    Account("222233334499", "ml-platform", _MAIN, "platform", "us-east-1"),
    Account("222233334500", "ml-labelling", _MAIN, "vision", "us-east-1"),
    Account("222233334511", "feature-store", _MAIN, "platform", "us-east-1"),
    Account("333344445555", "website", _MAIN, None, "us-east-1"),
    Account("333344445566", "erp", _MAIN, None, "eu-west-1"),
    Account("333344445577", "data-lake", _MAIN, None, "us-east-1"),
    Account("333344445588", "shop", _MAIN, None, "eu-west-1"),
    Account("333344445599", "mobile-backend", _MAIN, None, "us-east-1"),
    Account("333344445600", "security", _MAIN, None, "us-east-1"),
    Account("333344445611", "logging", _MAIN, None, "us-east-1"),
    Account("333344445622", "networking", _MAIN, None, "us-east-1"),
    Account("333344445633", "sandbox", _MAIN, None, "us-east-1"),
    Account("555566667777", "research-nlp", _RESEARCH, "nlp", "us-east-2"),
    Account("555566667788", "research-vision", _RESEARCH, "vision", "us-east-2"),
    Account("555566667799", "research-recsys", _RESEARCH, "recsys", "us-east-2"),
    Account("555566667800", "research-data", _RESEARCH, "platform", "us-east-2"),
    Account("555566667811", "research-web", _RESEARCH, None, "us-east-2"),
    Account("555566667822", "partner-lab", _RESEARCH, None, "us-east-2"),
    Account("555566667833", "research-it", _RESEARCH, None, "us-east-2"),
)

_PROJECTS = (
    Project("nimbus-nlp-train", "601000000001", "NLP training", "nlp", "ml", "us-central1"),
    Project("nimbus-nlp-serve", "601000000002", "NLP serving", "nlp", "ml", "us-central1"),
    Project("nimbus-vision-train", "601000000003", "Vision training", "vision", "ml", "us-central1"),
    Project("nimbus-vision-serve", "601000000004", "Vision serving", "vision", "ml", "europe-west4"),
    Project("nimbus-recsys", "601000000005", "Recommendations", "recsys", "ml", "us-central1"),
    Project("nimbus-recsys-lab", "601000000006", "Recommendations lab", "recsys", "ml", "us-central1"),
    Project("nimbus-ml-platform", "601000000007", "ML platform", "platform", "ml", "us-central1"),
    Project("nimbus-ml-gke", "601000000008", "ML clusters", "platform", "ml", "us-central1"),
    Project("nimbus-labelling", "601000000009", "Labelling", "vision", "ml", "us-central1"),
    Project("nimbus-warehouse", "601000000010", "Data warehouse", None, "data", "us-central1"),
    Project("nimbus-web", "601000000011", "Web site", None, "apps", "europe-west4"),
    Project("nimbus-crm", "601000000012", "CRM", None, "apps", "europe-west4"),
    Project("nimbus-fleet-ops", "601000000013", "Fleet operations", None, "apps", "us-central1"),
    Project("nimbus-shared-net", "601000000014", "Shared network", None, "core", "us-central1"),
    Project("nimbus-sandbox", "601000000015", "Sandbox", None, "core", "us-central1"),
)


def nimbus() -> Company:
    """Nimbus Robotics: two AWS payers, one GCP billing account, four teams, twelve models."""
    return Company(
        name="Nimbus Robotics",
        teams=("nlp", "vision", "recsys", "platform"),
        models=_MODELS,
        payers=_PAYERS,
        accounts=_ACCOUNTS,
        billing_account="01A2B3-C4D5E6-F70819",
        gcp_source="gcp-main",
        projects=_PROJECTS,
    )
