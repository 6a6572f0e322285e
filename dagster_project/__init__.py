"""The orchestration: a thin graph over finops. The graph stands on one page, definitions.py."""

import warnings

from dagster import BetaWarning

# single-run backfills are in beta: one transaction a unit and one run for any range of months need them
warnings.filterwarnings("ignore", message=".*backfill_policy", category=BetaWarning)
