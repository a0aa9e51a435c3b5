"""The guards that are lists of phrases, all found in one pass over a text."""

import re
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from typing import TypeAlias

from doctorglm.safety.guards.finding import Finding
from doctorglm.safety.guards.rules import PhraseRule, phrase_rules
from doctorglm.safety.guards.scene import Scene
from doctorglm.safety.search import Words

_CLAUSE = 20
"""Characters before a phrase in which what denies it stands."""

Some: TypeAlias = tuple[tuple[int, re.Pattern[str], PhraseRule], ...]
"""Phrases, with the number of their rule."""


@dataclass(frozen=True, slots=True)
class Index:
    """Finds where a phrase can begin."""

    beginnings: Words
    """The first one or two characters of all phrases."""
    phrases: tuple[Some, ...]
    """Those that each beginning has."""


@cache
def index(*names: str) -> Index:
    """The phrases of `rules/NAME.yaml`, by their beginnings; raises ConfigError for rules that are wrong."""
    made: dict[str, list[tuple[int, re.Pattern[str], PhraseRule]]] = defaultdict(list)
    rules = [rule for name in names for rule in phrase_rules(name)]
    for number, rule in enumerate(rules):
        for said in rule.say:
            for beginning in said.beginnings:
                made[beginning].append((number, said.pattern, rule))
    return Index(Words(made), tuple(map(tuple, made.values())))


def matches(of: Index, scene: Scene) -> Iterator[Finding]:
    """Yields where a rule applies, from left to right; a rule once for what overlaps."""
    return (Finding(max(start, scene.begin), end, rule.rule) for start, end, rule in found(of, scene))


def found(of: Index, scene: Scene) -> Iterator[tuple[int, int, PhraseRule]]:
    """Yields the places with their rules."""
    text = scene.text
    reached: dict[int, int] = {}
    begun = [(at, -end, which) for which, at, end in of.beginnings.places(text)]
    for at, _, which in sorted(begun):
        for number, pattern, rule in of.phrases[which]:
            if at < reached.get(number, 0) or not (match := pattern.match(text, at)) or match.end() <= scene.begin:
                continue
            if _applies(rule, match, scene):
                reached[number] = match.end()
                yield at, match.end(), rule


def _applies(rule: PhraseRule, match: re.Match[str], scene: Scene) -> bool:
    start, end = match.span()
    if rule.unless_before and rule.unless_before.search(scene.text[max(0, start - _CLAUSE) : start]):
        return False
    if rule.unless:
        first, last = scene.sentence_of(start)
        return not rule.unless.search(scene.text, first, max(last, end))
    return True
