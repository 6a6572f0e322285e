"""The assets: one a source, one a table. Each calls one step of the pipeline and shows what it did."""

from collections.abc import Iterator, Sequence

import dagster as dg

from dagster_project import metadata
from dagster_project.partitions import months, periods
from finops.models import model, models
from finops.pipeline import Pipeline
from finops.tables import ALERTS, TABLES, Table
from finops.warehouse.checks import ADVISORY

CHARGES = dg.AssetKey(["focus", "charges"])
CHECKS = dg.AssetKey(["quality", "checks"])
REMEMBERED = {"ledger.changes": CHARGES, "ledger.loads": CHARGES, "ledger.source_totals": CHARGES}
"""Tables that loading writes beside the charges."""


def key(table: str) -> dg.AssetKey:
    """`schema.table` as an asset key."""
    return dg.AssetKey(table.split("."))


def landing(name: str) -> dg.AssetKey:
    """The key of a source's landing area; Dagster's names have no hyphens."""
    return dg.AssetKey(["landing", name.replace("-", "_")])


def landing_asset(name: str, kind: str) -> dg.AssetsDefinition:
    """A source's files, whole and verified. A failure is a failed check here: the other sources go on."""

    @dg.asset(
        key=landing(name),
        group_name="landing",
        kinds={"file"},
        description=f"The files of {name} ({kind}), whole, verified, addressed by version.",
        partitions_def=months,
        backfill_policy=dg.BackfillPolicy.single_run(),
        check_specs=[dg.AssetCheckSpec("readable", asset=landing(name), description="Every unit could be fetched.")],
    )
    def land(context: dg.AssetExecutionContext, finops: dg.ResourceParam[Pipeline]) -> dg.MaterializeResult:
        report = finops.land(name, periods(context.partition_keys))
        errors = {unit: str(error) for unit, error in report.failures.items()}
        return dg.MaterializeResult(
            metadata={
                "units": len(report.landed),
                "fetched": report.fetched,
                "unchanged": len(report.landed) - report.fetched,
                "bytes": sum(landed.size for landed in report.landed),
            },
            check_results=[
                dg.AssetCheckResult(
                    passed=not errors,
                    asset_key=landing(name),
                    check_name="readable",
                    metadata={"errors": dg.MetadataValue.json(errors)},
                )
            ],
        )

    return land


def charges_asset(names: Sequence[str]) -> dg.AssetsDefinition:
    """focus.charges: every landed unit whose version is not the one loaded."""

    @dg.asset(
        key=CHARGES,
        group_name="focus",
        kinds={"duckdb", "sql"},
        deps=[landing(name) for name in names],
        description=model("focus.charges").description,
        partitions_def=months,
        backfill_policy=dg.BackfillPolicy.single_run(),
    )
    def charges(context: dg.AssetExecutionContext, finops: dg.ResourceParam[Pipeline]) -> dg.MaterializeResult:
        loaded = finops.load(periods(context.partition_keys))
        finops.require_charges()
        new = [each for each in loaded if each.rows is not None]
        return dg.MaterializeResult(
            metadata={
                "units loaded": len(new),
                "units unchanged": len(loaded) - len(new),
                **metadata.of_table(finops, "focus.charges"),
            }
        )

    return charges


def table_asset(table: Table) -> dg.AssetsDefinition:
    """A table of the graph; one step may build several."""
    names = (table.name, *table.also)
    upstream = {REMEMBERED.get(name, key(name)) for name in table.upstream if _is_asset(name)}

    @dg.multi_asset(
        name="__".join(table.name.split(".")),
        specs=[
            dg.AssetSpec(
                key(name),
                deps=sorted(upstream),
                group_name=name.partition(".")[0],
                kinds={"duckdb", "sql" if table.is_sql else "polars"},
                description=table.description,
            )
            for name in names
        ],
    )
    def build(finops: dg.ResourceParam[Pipeline]) -> Iterator[dg.MaterializeResult]:
        finops.build(table)
        for name in names:
            yield dg.MaterializeResult(asset_key=key(name), metadata=metadata.of_table(finops, name))

    return build


def _is_asset(name: str) -> bool:
    return name in REMEMBERED or name == "focus.charges" or any(name in (t.name, *t.also) for t in TABLES)


def checks_asset() -> dg.AssetsDefinition:
    """The checks: one that blocks and falls short keeps everything after it from running."""
    names = [each.name.partition(".")[2] for each in models("quality")]

    @dg.asset(
        key=CHECKS,
        group_name="quality",
        kinds={"duckdb", "sql"},
        deps=[key(name) for table in TABLES for name in (table.name, *table.also)],
        description="Every check's last result: expected, actual, difference.",
        check_specs=[
            dg.AssetCheckSpec(
                name,
                asset=CHECKS,
                blocking=name not in ADVISORY,
                description=model(f"quality.{name}").description,
            )
            for name in names
        ],
    )
    def checks(finops: dg.ResourceParam[Pipeline]) -> dg.MaterializeResult:
        found = finops.check()
        results = [
            dg.AssetCheckResult(
                passed=all(each.passed for each in found if each.name == name),
                asset_key=CHECKS,
                check_name=name,
                severity=dg.AssetCheckSeverity.WARN if name in ADVISORY else dg.AssetCheckSeverity.ERROR,
                metadata={"scopes": sum(each.name == name for each in found)},
            )
            for name in names
        ]
        return dg.MaterializeResult(check_results=results)

    return checks


@dg.asset(key=key(ALERTS.name), group_name="alert", kinds={"slack"}, deps=[CHECKS], description=ALERTS.description)
def alert_events(finops: dg.ResourceParam[Pipeline]) -> dg.MaterializeResult:
    """Alerts, brought up to date and sent."""
    finops.tell()
    undelivered = [str(error) for error in finops.undelivered]
    return dg.MaterializeResult(
        metadata={"undelivered": dg.MetadataValue.json(undelivered), **metadata.of_table(finops, ALERTS.name)}
    )


@dg.asset(
    key=["published"],
    group_name="published",
    kinds={"duckdb"},
    deps=[key(ALERTS.name)],
    description="The warehouse that people query: a copy of what passed its checks, renamed into place.",
)
def published(finops: dg.ResourceParam[Pipeline]) -> dg.MaterializeResult:
    """The published file."""
    changed = finops.publish()
    path = finops.warehouse.published
    return dg.MaterializeResult(metadata={"changed": changed, "bytes": path.stat().st_size, "path": str(path)})
