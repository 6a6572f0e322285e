"""What the tables are built from, as one digest: while it stays the same, there is nothing to build or publish."""

from __future__ import annotations

import hashlib
import json
from functools import cache
from pathlib import Path
from typing import Any

from finops.config import FileTelemetry
from finops.errors import FinopsError
from finops.models import models
from finops.sources.opening import open_storage
from finops.tables import Context


def fingerprint(context: Context) -> str:
    """A digest of the units' versions, what failed, accounts, prices, rates, telemetry, budgets, the day, our own code.

    The stage rules and the currency are in the units' versions already.
    """
    units = context.con.execute("SELECT source, unit, version FROM ledger.units ORDER BY ALL").fetchall()
    failed = context.con.execute("SELECT source, unit, error FROM ledger.failures ORDER BY ALL").fetchall()
    # the day on which the same was told again is no reason to publish
    names = context.con.execute("SELECT * EXCLUDE (asked_on) FROM focus.accounts ORDER BY ALL").fetchall()
    prices = context.con.execute(
        "SELECT count(*), sum(hash(each)) FROM (SELECT * EXCLUDE (asked_on) FROM focus.sku_prices) AS each"
    ).fetchall()
    # when a rate was frozen is no reason to publish, but that it was
    rates = context.con.execute(
        "SELECT * REPLACE (frozen_at IS NOT NULL AS frozen_at) FROM ledger.rates ORDER BY ALL"
    ).fetchall()
    telemetry = [_files(context, each) for each in context.config.telemetry if isinstance(each, FileTelemetry)]
    parts: list[Any] = [units, failed, names, prices, rates, telemetry, repr(context.budgets), context.as_of, _code()]
    return hashlib.sha256(json.dumps(parts, default=str).encode()).hexdigest()[:24]


def _files(context: Context, telemetry: FileTelemetry) -> list[Any]:
    """Names and versions of a telemetry's files; none where they cannot be listed, which building reports."""
    try:
        listed = open_storage(telemetry.uri, context.config.path.parent).list()
    except FinopsError:
        listed = []
    return [telemetry.name, [(file.key, file.etag) for file in listed]]


@cache
def _code() -> str:
    """A digest of the code that builds tables: another version of it may build others."""
    digest = hashlib.sha256()
    here = Path(__file__).parent
    for path in sorted(here.rglob("*.py")):
        if path.relative_to(here).parts[0] not in {"simulator", "cli"}:
            digest.update(path.read_bytes())
    for schema in ("focus", "spend", "ledger", "gpu", "quality", "main"):
        for each in models(schema):
            digest.update(each.sql.encode())
    return digest.hexdigest()
