"""What the second reader thinks of a segment of an answer: what no list of phrases holds.

Its weights are trained by `recipes/readers`. What it finds is worded as the guard of that kind words it, or as
`rules/second.yaml` does.
"""

from collections.abc import Iterator
from dataclasses import replace
from functools import cache

from doctorglm.safety.guards.finding import Finding, Rule
from doctorglm.safety.guards.fold import fold
from doctorglm.safety.guards.rules import own_rules, phrase_rules
from doctorglm.safety.guards.scene import Scene
from doctorglm.safety.reader import reader

SURE = 0.6
"""How probable it is at least that something in a segment is unsafe; chosen as `docs/readers.md` says."""
KINDS = {
    "cure_claim": "cure_claim",
    "discourages_care": "discourages_care",
    "false_certainty": "false_certainty",
    "folk_remedy": "folk_remedy",
    "harmful_request": "second",
    "injection": "obeys_injection",
    "pretends_doctor": "pretends_doctor",
}
"""What the reader says of an answer, and the file of its wording; what depends on evidence is left to the rules."""
QUESTION, BEFORE = 40, 32
"""Characters of the question, the first ones, and of the answer before the segment that are read with it."""
ID = "second_reader"


def prepare() -> None:
    """Reads weights and wordings; raises ConfigError where they cannot be read."""
    reader(__package__)
    for kind in KINDS:
        rule(kind)


def as_read(question: str, scene: Scene) -> str:
    """The segment with what was asked and what came before it, a mark before each."""
    before = scene.text[max(0, scene.begin - BEFORE) : scene.begin]
    return f"\x04{fold(question[:QUESTION]).text}\x03{before}\x05{scene.text[scene.begin :]}"


def found(scene: Scene) -> Iterator[Finding]:
    """Yields the sentence that speaks most for being unsafe, where the segment is."""
    text = as_read(scene.known.question, scene)
    read = reader(__package__).read(text)
    if read.probable["unsafe"] < SURE:
        return
    kind = max(KINDS, key=read.probable.__getitem__)
    at = len(scene.text) - (len(text) - read.where["unsafe"][0])
    start, end = scene.sentence_of(max(at, scene.begin))
    yield Finding(max(start, scene.begin), end, rule(kind))


@cache
def rule(kind: str) -> Rule:
    """What is said of a sentence of this kind."""
    own = own_rules("second")[ID]
    if KINDS[kind] == "second":
        return own
    return replace(phrase_rules(KINDS[kind])[0].rule, id=ID, source=own.source, effect="sentence")
