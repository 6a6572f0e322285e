"""The SKUs that the company buys. Prices are list prices in USD per pricing unit, good to the magnitude."""

from __future__ import annotations

from dataclasses import dataclass

_GIB = 2.0**30


@dataclass(frozen=True)
class Sku:
    """A SKU: `base_unit` is what usage.amount counts, `base` how many of them are in one pricing unit."""

    service_id: str
    service: str
    id: str
    description: str
    unit: str
    base_unit: str
    base: float
    price: float


_SERVICES = {
    "compute": ("6F81-5844-456A", "Compute Engine"),
    "vertex": ("C7E2-9256-1C43", "Vertex AI"),
    "bigquery": ("24E6-581D-38E5", "BigQuery"),
    "storage": ("95FF-2EF5-5EA1", "Cloud Storage"),
    "sql": ("9662-B51E-5089", "Cloud SQL"),
    "network": ("E505-1604-58F8", "Networking"),
    "logging": ("5490-F7B7-8DF6", "Cloud Logging"),
    "monitoring": ("58CD-E7C3-72CA", "Cloud Monitoring"),
    "run": ("152E-C115-5142", "Cloud Run"),
    "pubsub": ("A1E8-BE35-7EBC", "Cloud Pub/Sub"),
    "dataflow": ("57D6-38A1-3D42", "Cloud Dataflow"),
    "dlp": ("6AA9-2A5D-C1B0", "Sensitive Data Protection"),
    "kms": ("EE2F-D110-890C", "Cloud Key Management Service (KMS)"),
    "notebooks": ("8D4C-5C43-0C54", "Notebooks"),
    "support": ("2062-016F-44A2", "Support"),
    "atlas": ("A9B7-0C11-5D2E", "MongoDB Atlas (pay as you go)"),
    "invoice": ("7B9A-3C10-55D1", "Invoice"),
}
_UNITS = {
    "hour": ("seconds", 3600.0),
    "gibibyte hour": ("byte-seconds", 3600.0 * _GIB),
    "gibibyte month": ("byte-seconds", 2_628_000.0 * _GIB),
    "gibibyte": ("bytes", _GIB),
    "tebibyte": ("bytes", 1024.0 * _GIB),
    "count": ("requests", 1.0),
    "month": ("seconds", 2_628_000.0),
}

# key: service, sku id, description, pricing unit, list price
_TABLE: dict[str, tuple[str, str, str, str, float]] = {
    "a100": ("compute", "039F-D0DA-4055", "Nvidia Tesla A100 GPU running in Americas", "hour", 2.933908),
    "a2-core": ("compute", "2922-40C5-B19F", "A2 Instance Core running in Americas", "hour", 0.031611),
    "a2-ram": ("compute", "2390-DCAF-DA38", "A2 Instance Ram running in Americas", "gibibyte hour", 0.004237),
    "a100-spot": (
        "compute",
        "39D4-516A-0317",
        "Nvidia Tesla A100 GPU attached to Spot Preemptible VMs running in Americas",
        "hour",
        1.173563,
    ),
    "a2-core-spot": (
        "compute",
        "1B9F-63A5-2F02",
        "Spot Preemptible A2 Instance Core running in Americas",
        "hour",
        0.012644,
    ),
    "a2-ram-spot": (
        "compute",
        "7D41-AB6E-91C7",
        "Spot Preemptible A2 Instance Ram running in Americas",
        "gibibyte hour",
        0.001695,
    ),
    "cud-fee": (
        "compute",
        "5A1D-7C84-E2F6",
        "Commitment - dollar based v1: GPU and A2 in us-central1 for 1 Year",
        "hour",
        1.0,
    ),
    "n1-core": (
        "compute",
        "2E27-4F75-95CD",
        "N1 Predefined Instance Core running in Americas",
        "hour",
        0.031611,
    ),
    "n1-ram": (
        "compute",
        "6C71-E844-38BC",
        "N1 Predefined Instance Ram running in Americas",
        "gibibyte hour",
        0.004237,
    ),
    "disk": ("compute", "B188-61DD-52E4", "SSD backed PD Capacity", "gibibyte month", 0.17),
    "h100-train": (
        "vertex",
        "3F95-001E-B747",
        "Vertex AI: Training/Pipelines on NVIDIA H100 80GB in Iowa",
        "hour",
        11.2660332,
    ),
    "a3-core-train": (
        "vertex",
        "2E83-99F1-391A",
        "Vertex AI: Training/Pipelines on A3 Instance Core in Iowa",
        "hour",
        0.0293227,
    ),
    "a3-ram-train": (
        "vertex",
        "B045-9255-8314",
        "Vertex AI: Training/Pipelines on A3 Instance RAM in Iowa",
        "gibibyte hour",
        0.0025534,
    ),
    "pipeline": (
        "vertex",
        "8C15-0B7E-44D9",
        "Vertex AI: Training/Pipelines on N1 Predefined Instance Core in Iowa",
        "hour",
        0.0363527,
    ),
    "predict": (
        "vertex",
        "6F12-D3A9-77B0",
        "Vertex AI: Online/Batch Prediction N1 Predefined Instance Core running in EMEA",
        "hour",
        0.040134,
    ),
    "labeling": (
        "vertex",
        "41AD-92C6-0E5B",
        "Vertex AI: Data Labeling for Image Bounding Box",
        "count",
        0.063,
    ),
    "feature-store": (
        "vertex",
        "C03B-58F1-AD27",
        "Vertex AI: Feature Store Online Serving Nodes in Iowa",
        "hour",
        0.94,
    ),
    "gemini-in": (
        "vertex",
        "17E4-6BD2-90CF",
        "Gemini 2.5 Flash Text Input - Predictions",
        "count",
        0.0000003,
    ),
    "gemini-out": (
        "vertex",
        "A5F8-21C3-6D7E",
        "Gemini 2.5 Flash Text Output - Predictions",
        "count",
        0.0000025,
    ),
    "bq-analysis": ("bigquery", "3362-E469-6BEF", "Analysis (us-central1)", "tebibyte", 6.25),
    "bq-storage": (
        "bigquery",
        "32BC-9DCB-4A0D",
        "Active Logical Storage (us-central1)",
        "gibibyte month",
        0.02,
    ),
    "gcs": ("storage", "E5F0-6A5D-7BAD", "Standard Storage US Regional", "gibibyte month", 0.02),
    "gcs-ops": ("storage", "4DBF-185F-A415", "Regional Standard Class A Operations", "count", 0.000005),
    "sql": ("sql", "7B2C-E9F3-5A10", "Cloud SQL for PostgreSQL: Zonal - vCPU in EMEA", "hour", 0.0454),
    "egress": (
        "network",
        "22EB-AAE8-FBCD",
        "Network Internet Data Transfer Out from Americas to Americas",
        "gibibyte",
        0.085,
    ),
    "nat": ("network", "B3D0-47A2-6F1C", "Networking Cloud NAT Data Processing", "gibibyte", 0.045),
    "logs": ("logging", "143F-A1B0-E0BE", "Log Storage cost", "gibibyte", 0.5),
    "metrics": ("monitoring", "A19B-7D4E-20C8", "Prometheus Samples Ingested", "count", 0.00000006),
    "run": ("run", "5D8E-31FA-B62C", "CPU Allocation Time", "hour", 0.0864),
    "pubsub": ("pubsub", "F449-33EC-A5EF", "Message Delivery Basic", "tebibyte", 40.0),
    "dataflow": ("dataflow", "6B7A-0C2D-E581", "vCPU Time Batch Iowa", "hour", 0.056),
    "dlp": ("dlp", "0AF7-B54D-913E", "Inspection of structured data", "gibibyte", 1.0),
    "kms": ("kms", "D27C-8E60-1BF4", "Active software symmetric key versions", "month", 0.06),
    "workbench": ("notebooks", "9E3B-76A4-C0D5", "Workbench Instances Management Core", "hour", 0.06),
    "support": ("support", "E1A7-5F09-2C8D", "Enhanced Support fee", "month", 500.0),
    "atlas": ("atlas", "C8D1-9E47-3AB5", "MongoDB Atlas usage", "count", 0.01),
    "tax": ("invoice", "8E6A-D21F-70B3", "Tax", "count", 1.0),
    "adjustment": ("invoice", "1F5D-C9A8-4E72", "Billing adjustment", "count", 1.0),
}


def sku(key: str) -> Sku:
    """The SKU of that key. Raises KeyError when there is none."""
    service, identity, description, unit, price = _TABLE[key]
    return Sku(*_SERVICES[service], identity, description, unit, *_UNITS[unit], price)
