"""What the second reader finds that no list of phrases holds: in a segment of an answer, and among what a model reads.

Its weights are trained by `recipes/readers`. What it finds is worded as the guard of that kind words it, or as
`rules/second.yaml` does.
"""

from collections.abc import Iterator, Sequence
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
SURE_OF_ORDERS = 0.75
"""How probable it is at least that a text gives the model an order."""
STRETCH = 300
"""Characters, in whole sentences, that are read together for orders; a longer sentence is cut."""
QUESTION, BEFORE = 40, 32
"""Characters of the question, the first ones, and of the answer before the segment that are read with it."""
ID = "second_reader"


def prepare() -> None:
    """Reads weights and wordings; raises ConfigError where they cannot be read."""
    reader(__package__)
    for kind in KINDS:
        rule(kind)
    rule_of_orders()


def as_read(question: str, scene: Scene) -> str:
    """The segment with what was asked and what came before it, a mark before each."""
    return _head(question, scene) + scene.text[scene.begin :]


def _head(question: str, scene: Scene) -> str:
    before = scene.text[max(0, scene.begin - BEFORE) : scene.begin]
    return f"\x04{fold(question[:QUESTION]).text}\x03{before}\x05"


def as_read_for_orders(text: str) -> str:
    """What the model is to read, a mark before it; folded."""
    return f"\x06{text}"


def orders(text: str, sentences: Sequence[tuple[int, int]]) -> Iterator[tuple[int, int]]:
    """Yields the sentences of a folded text that give the model orders."""
    for stretch in _stretches(sentences):
        while stretch:
            read = reader(__package__).read(as_read_for_orders("".join(text[start:end] for start, end in stretch)))
            if read.probable["orders"] < SURE_OF_ORDERS:
                break
            yield stretch.pop(_which(stretch, read.where("orders")[0] - 1))


def _stretches(sentences: Sequence[tuple[int, int]]) -> Iterator[list[tuple[int, int]]]:
    pieces = [(at, min(at + STRETCH, end)) for start, end in sentences for at in range(start, end, STRETCH)]
    stretch: list[tuple[int, int]] = []
    for start, end in pieces:
        if stretch and end - stretch[0][0] > STRETCH:
            yield stretch
            stretch = []
        stretch.append((start, end))
    if stretch:
        yield stretch


def found(scene: Scene, struck: Sequence[tuple[int, int]] = ()) -> Iterator[Finding]:
    """Yields the sentence that speaks most for being unsafe, where the segment without what is `struck` is."""
    kept = [
        (max(start, scene.begin), end)
        for start, end in scene.own_sentences
        if not any(first < end and start < last for first, last in struck)
    ]
    if not kept:
        return
    head = _head(scene.known.question, scene)
    read = reader(__package__).read(head + "".join(scene.text[start:end] for start, end in kept))
    if read.probable["unsafe"] < SURE:
        return
    kind = max(KINDS, key=read.probable.__getitem__)
    start, end = kept[_which(kept, read.where("unsafe")[0] - len(head))]
    yield Finding(start, end, rule(kind))


def _which(sentences: Sequence[tuple[int, int]], place: int) -> int:
    """The number of the sentence in which a place of all of them, one after the other, stands."""
    for number, (start, end) in enumerate(sentences):
        place -= end - start
        if place < 0:
            return number
    return len(sentences) - 1


@cache
def rule(kind: str) -> Rule:
    """What is said of a sentence of this kind."""
    own = own_rules("second")[ID]
    return own if KINDS[kind] == "second" else _worded_as(KINDS[kind])


@cache
def rule_of_orders() -> Rule:
    """What is said of an order to the model."""
    return _worded_as("injection")


def _worded_as(guard: str) -> Rule:
    source = own_rules("second")[ID].source
    return replace(phrase_rules(guard)[0].rule, id=ID, source=source, effect="sentence")
