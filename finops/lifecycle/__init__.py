"""The stages of machine learning, and the rules that tell a charge's stage."""

from finops.lifecycle.rules import Rule, Stage, compile_rules, load_rules, stages

__all__ = ["Rule", "Stage", "compile_rules", "load_rules", "stages"]
