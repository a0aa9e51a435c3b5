"""Triage: four levels from what a patient tells, before any model speaks; rules as data, in `rules/*.yaml`."""

from doctorglm.safety.triage.engine import Fired, Triage, by_rules, triage
from doctorglm.safety.triage.rules import LEVELS, Level, Rule, RuleBook, read_rules, rule_book
from doctorglm.safety.triage.second import prepare
from doctorglm.safety.triage.story import Mention

__all__ = [
    "LEVELS",
    "Fired",
    "Level",
    "Mention",
    "Rule",
    "RuleBook",
    "Triage",
    "by_rules",
    "prepare",
    "read_rules",
    "rule_book",
    "triage",
]
