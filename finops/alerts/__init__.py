"""Alerts: what is wrong now, which of it was told, and the telling."""

from finops.alerts.conditions import KINDS
from finops.alerts.delivery import deliver, run_failed, send_test
from finops.alerts.events import STATES, evaluate

__all__ = ["KINDS", "STATES", "deliver", "evaluate", "run_failed", "send_test"]
