"""A simulated company: bills, telemetry, budgets and the truth behind them, to judge the ingest by.

It shares no code with what it judges: of finops it imports the errors alone.
"""

from finops.simulator.run import SimulationReport, simulate

__all__ = ["SimulationReport", "simulate"]
