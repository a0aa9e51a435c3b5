"""Triage: four levels from what a patient tells, before any model speaks; rules as data, in `rules/*.yaml`."""

from doctorglm.safety.triage.engine import Fired, Triage, triage
from doctorglm.safety.triage.rules import LEVELS, Level, Rule, RuleBook, read_rules, rule_book
from doctorglm.safety.triage.story import Mention

__all__ = ["LEVELS", "Fired", "Level", "Mention", "Rule", "RuleBook", "Triage", "read_rules", "rule_book", "triage"]
