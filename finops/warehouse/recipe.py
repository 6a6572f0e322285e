"""How a landed file becomes charges: the SQL with the stage rules in it, and a digest of all that takes part."""

from __future__ import annotations

import hashlib
from pathlib import Path

from finops import focus, sources
from finops.files import listfile, yamlfile
from finops.lifecycle import Rule, compile_rules
from finops.models import model, models
from finops.warehouse import parts, staging
from finops.warehouse.reference import Reference


def attributed_sql(rules: list[Rule]) -> str:
    """sql/focus/attributed.sql with the compiled stage rules in it."""
    return model("focus.attributed").sql.replace("STAGE_RULE()", compile_rules(rules).sql("duckdb"))


def recipe(rules: list[Rule], currency: str, reference: Reference) -> str:
    """A digest of all that takes part: when it changes, landed files are normalised anew.

    Accounts' names take part only where a rule asks for them: elsewhere they are looked up when they are shown.
    """
    digest = hashlib.sha256(attributed_sql(rules).encode())
    joined = (*models("google"), model("gpu.google_skus"), model("focus.tag_sets"), model("focus.source_tags"))
    for each in (*models("normalise"), *models("control"), *joined):
        digest.update(each.sql.encode())
    code = Path(sources.__file__).parent.glob("*.[pj][ys]*")  # and the schema it reads with
    for path in sorted([*code, *(Path(str(each.__file__)) for each in (parts, staging, focus, listfile, yamlfile))]):
        digest.update(path.read_bytes())
    names = reference.accounts if any(field == "account_name" for rule in rules for field, _ in rule.when) else None
    digest.update(
        repr((reference.accelerators, names, [(r.id, r.stage, r.confidence) for r in rules], currency)).encode()
    )
    return digest.hexdigest()[:12]
