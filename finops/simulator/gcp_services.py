"""What the company uses on GCP besides its GPU machines, and how much of it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from finops.simulator.company import Company, Project
from finops.simulator.gcp_lines import Line, Pairs, label_pairs
from finops.simulator.gcp_skus import sku

Rhythm = Literal["office", "steady", "bursts", "monthly"]
_RHYTHMS: dict[str, Rhythm] = {"office": "office", "steady": "steady", "bursts": "bursts"}
_COPIES = 3  # resources of each small kind at scale 1


@dataclass(frozen=True)
class Demand:
    """A line and its list cost in USD a day in the last month (a month, if `monthly`).

    `growth` is the factor per month; from `step_age` months before the last one on, demand is `step` times
    what it was before.
    """

    line: Line
    daily: float
    rhythm: Rhythm = "office"
    growth: float = 1.02
    step: float = 1.0
    step_age: int = 0


# name, sku, project, what it is for; as labelled: stage, model, run; USD a day, rhythm, growth
_ML = """
xl-h100 h100-train nlp-train training - assistant-xl xl-sft 520 bursts 1.03
xl-core a3-core-train nlp-train training - assistant-xl xl-sft 36 bursts 1.03
xl-ram a3-ram-train nlp-train training - assistant-xl xl-sft 27 bursts 1.03
depth-pipeline pipeline vision-train training train depth-pro - 44 office 1.02
churn-pipeline pipeline recsys retraining retraining churn churn-weekly 31 steady 1.01
defect-predict predict vision-serve inference - defect-scan - 58 steady 1.03
pose-predict predict vision-serve inference serving pose-track - 41 steady 1.02
mini-tokens-in gemini-in nlp-serve inference - assistant-mini - 62 office 1.06
mini-tokens-out gemini-out nlp-serve inference - assistant-mini - 71 office 1.06
search-tokens-in gemini-in nlp-serve inference inference doc-search - 24 office 1.04
search-tokens-out gemini-out nlp-serve inference inference doc-search - 19 office 1.04
boxes labeling labelling data_labeling - - - 39 office 1.0
boxes-review labeling labelling data_labeling labeling defect-scan - 14 office 1.0
feature-nodes feature-store ml-platform data_preparation - feature-hub - 45 steady 1.0
features bq-analysis recsys data_preparation data-prep ranker - 66 office 1.02
features-storage bq-storage recsys data_preparation data_preparation ranker - 21 steady 1.02
datasets gcs vision-train data_preparation data_preparation grasp-net - 38 steady 1.03
checkpoints gcs nlp-train training training assistant-xl - 27 steady 1.03
grasp-net-training-scratch gcs vision-train training - - - 9 steady 1.02
corpus-ingest dataflow nlp-train data_preparation data-prep translate-2 - 33 office 1.01
offline-eval bq-analysis recsys-lab evaluation eval basket - 18 office 1.01
bench dataflow nlp-train evaluation evaluation assistant-mini bench-nightly 12 steady 1.01
workbench workbench recsys-lab experimentation experimentation basket - 11 office 1.0
drift-watch metrics ml-platform monitoring monitoring feature-hub - 22 steady 1.02
serving-logs logs vision-serve monitoring monitoring defect-scan - 13 steady 1.02
pii-scan dlp ml-platform compliance compliance feature-hub - 16 office 1.0
model-keys kms ml-platform compliance compliance feature-hub - 1.5 steady 1.0
"""

# name, sku, project, USD a day for each resource, rhythm, growth, credits
_Small = tuple[str, str, str, float, Rhythm, float, tuple[tuple[str, float], ...]]
_OTHER: tuple[_Small, ...] = (
    ("web", "n1-core", "nimbus-web", 21, "steady", 1.01, (("sud", 0.3),)),
    ("web-ram", "n1-ram", "nimbus-web", 9, "steady", 1.01, (("sud", 0.3),)),
    ("web-disk", "disk", "nimbus-web", 3.1, "steady", 1.0, ()),
    ("web-egress", "egress", "nimbus-web", 7.5, "office", 1.02, (("free", 0.02),)),
    ("shop-api", "run", "nimbus-web", 4.2, "office", 1.03, (("free", 0.05),)),
    ("crm-db", "sql", "nimbus-crm", 13, "steady", 1.0, ()),
    ("crm-files", "gcs", "nimbus-crm", 1.2, "steady", 1.01, ()),
    ("crm-app", "n1-core", "nimbus-crm", 8, "steady", 1.0, (("sud", 0.2), ("discount", 0.05))),
    (
        "reports",
        "bq-analysis",
        "nimbus-warehouse",
        24,
        "office",
        1.02,
        (("discount", 0.08), ("promotion", 0.1)),
    ),
    ("tables", "bq-storage", "nimbus-warehouse", 11, "steady", 1.02, (("free", 0.01),)),
    ("exports", "gcs-ops", "nimbus-warehouse", 0.4, "office", 1.0, ()),
    ("telemetry-bus", "pubsub", "nimbus-fleet-ops", 6.5, "steady", 1.02, ()),
    ("fleet-logs", "logs", "nimbus-fleet-ops", 5.2, "steady", 1.02, (("free", 0.1),)),
    ("fleet-run", "run", "nimbus-fleet-ops", 3.3, "steady", 1.01, ()),
    ("nat", "nat", "nimbus-shared-net", 2.6, "office", 1.01, ()),
    ("transit", "egress", "nimbus-shared-net", 4.4, "steady", 1.01, ()),
    ("keys", "kms", "nimbus-shared-net", 0.0021, "steady", 1.0, ()),
    ("trials", "gcs", "nimbus-sandbox", 0.9, "steady", 1.0, (("promotion", 1.0),)),
)
# API host and collection of a service's resources
_COLLECTIONS = {
    "Compute Engine": ("compute", "instances"),
    "Cloud Storage": ("storage", "buckets"),
    "BigQuery": ("bigquery", "datasets"),
    "Cloud SQL": ("sqladmin", "instances"),
    "Networking": ("compute", "networks"),
    "Cloud Logging": ("logging", "buckets"),
    "Cloud Monitoring": ("monitoring", "services"),
    "Cloud Run": ("run", "services"),
    "Cloud Pub/Sub": ("pubsub", "topics"),
    "Cloud Dataflow": ("dataflow", "jobs"),
    "Sensitive Data Protection": ("dlp", "jobs"),
    "Cloud Key Management Service (KMS)": ("cloudkms", "keyRings"),
    "Notebooks": ("notebooks", "instances"),
}
_NAMESPACES = ("defect-scan", "argo", "kube:unallocated", "kube:system-overhead")
_STEPS = {"reports": (1.35, 4), "mini-tokens-out": (1.6, 3), "features": (0.7, 5)}


def demands(company: Company, scale: float) -> list[Demand]:
    """All of the company's GCP demand without GPU machines; `scale` multiplies the small resources."""
    return [
        *(_ml(row.split(), company) for row in _ML.strip().splitlines()),
        *_clusters(company),
        *(_small(row, copy, company) for row in _OTHER for copy in range(max(1, round(_COPIES * scale)))),
        *_fees(company),
    ]


def _ml(row: Sequence[str], company: Company) -> Demand:
    """A resource of an ML team. Vertex AI names no resource; its SKUs tell the stage where labels do not."""
    name, key, project_id, stage, typed, model_name, run, usd, rhythm, growth = row
    item, project = sku(key), company.project(f"nimbus-{project_id}")
    model = next((m for m in company.models if m.name == model_name), None)
    tags = {"team": model.team, "project": model.project, "model": model.name} if model else {}
    tags |= {k: v for k, v in (("ml_stage", typed), ("run_id", run)) if v != "-"}
    vertex = item.service == "Vertex AI"
    line = Line(
        name,
        item,
        project,
        stage,
        "tag" if "ml_stage" in tags else "service" if vertex else "name",
        label_pairs(tags),
        region=project.region,
        model=model.name if model else None,
        resource=None if vertex else (name, _global_name(item.service, project, name)),
    )
    step, age = _STEPS.get(name, (1.0, 0))
    return Demand(line, float(usd), _RHYTHMS[rhythm], float(growth), step, age)


def _clusters(company: Company) -> list[Demand]:
    """A GKE node pool, split by namespace as cost allocation does; the rest is unallocated."""
    project = company.project("nimbus-ml-gke")
    shared = label_pairs({"team": "platform", "ml_stage": "platform", "project": "ml-platform"})
    made: list[Demand] = []
    system = (("compute.googleapis.com/is_unused_reservation", "false"),)
    for namespace in _NAMESPACES:
        labels = (*shared, ("goog-k8s-cluster-name", "ml-prod"), ("k8s-namespace", namespace))
        node = (
            "gke-ml-prod-pool-1",
            f"//compute.googleapis.com/projects/{project.number}/zones/us-central1-a/instances/88{project.number}",
        )
        for key, daily in (("n1-core", 17.0), ("n1-ram", 7.0)):
            line = Line(
                f"gke-{namespace}-{key}", sku(key), project, "platform", "tag", labels,
                system, resource=node, zone="us-central1-a",
            )  # fmt: skip
            made.append(Demand(line, daily, "steady"))
    return made


def _small(row: _Small, copy: int, company: Company) -> Demand:
    """One of many resources that serve no model."""
    name, key, project_id, daily, rhythm, growth, earned = row
    item, project = sku(key), company.project(project_id)
    unique = f"{name}-{copy:03d}"
    labels: Pairs = (("env", "prod"),) if copy % 2 else ()
    line = Line(
        unique, item, project, "not_ml", "none", labels, region=project.region, credits=earned,
        inherited_tag=copy % 3 == 0, resource=(unique, _global_name(item.service, project, unique)),
    )  # fmt: skip
    step, age = _STEPS.get(name, (1.0, 0))
    return Demand(line, daily * (1.0 + 0.3 * (copy % 4)), rhythm, growth, step, age)


def _fees(company: Company) -> list[Demand]:
    """Charged once a month: support, and a vendor's subscription through the marketplace."""
    core, crm = company.project("nimbus-shared-net"), company.project("nimbus-crm")
    support = Line("support", sku("support"), core, "not_ml", "none")
    atlas = Line("atlas", sku("atlas"), crm, "not_ml", "none", region=crm.region, seller="MongoDB, Inc.")
    return [Demand(support, 1500.0, "monthly", 1.0), Demand(atlas, 18.0, "steady", 1.01)]


def _global_name(service: str, project: Project, name: str) -> str:
    """The resource's full name: host, project, and the collection that tells what kind of resource it is."""
    host, collection = _COLLECTIONS[service]
    return f"//{host}.googleapis.com/projects/{project.id}/{collection}/{name}"
