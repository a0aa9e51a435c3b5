"""What is asked: harmful requests are refused with what can be done instead, orders to the model are struck.

The refusal of a request is the note of its rule (`rules/harmful_request.yaml`); orders that hide in a question, an
earlier turn or a passage (`rules/injection.yaml`) are taken out before the model reads them.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from functools import lru_cache
from typing import Literal

from doctorglm.clinical.evidence import Evidence
from doctorglm.conversation import Message
from doctorglm.language import Text
from doctorglm.safety.guards import phrases
from doctorglm.safety.guards import second as second_reader
from doctorglm.safety.guards.finding import Action, Rule
from doctorglm.safety.guards.scene import Scene

LONGEST = 20_000
"""Characters of a message that are read at a time; a longer one is read in overlapping parts."""

NOTHING_ASKED = Text(
    en="I can't follow orders that change my rules. Tell me your complaints, since when, and what was done.",
    zh="我不能执行改变规则的指令。请告诉我您哪里不舒服、从什么时候开始、做过什么检查或治疗。",
)
"""Answers a question that was nothing but orders to the model."""

_QUOTED = ("text", "title", "heading")
"""What a prompt quotes of a passage."""


@dataclass(frozen=True, slots=True)
class Asked:
    """The messages as the model may read them; with a `refusal` it is not asked at all."""

    messages: tuple[Message, ...]
    refusal: Text | None
    actions: tuple[Action, ...]


def read(messages: Sequence[Message], *, second: bool) -> Asked:
    """Refuses the last question, or takes orders to the model out of all that was said.

    `second`: the second reader looks for orders too.
    """
    harmful = _harmful(messages)
    if harmful:
        rule, struck = harmful
        action = _action(rule, struck, "question", effect="refuse")
        return Asked(tuple(messages), rule.note, (action,))
    cleaned: list[Message] = []
    actions: list[Action] = []
    last = max((i for i, m in enumerate(messages) if m.role == "user"), default=-1)
    for index, message in enumerate(messages):
        if message.role == "system":
            cleaned.append(message)
            continue
        text, orders = without_orders(message.content, second=second)
        where: Literal["question", "history"] = "question" if index == last else "history"
        actions += [_action(rule, words, where) for rule, words in orders]
        cleaned.append(replace(message, content=text))
    empty = last >= 0 and _says(messages[last]) and not _says(cleaned[last])
    return Asked(tuple(cleaned), NOTHING_ASKED if empty else None, tuple(actions))


def _says(message: Message) -> bool:
    return any(c.isalnum() for c in message.content)


def passages(evidence: Sequence[Evidence], *, second: bool) -> tuple[tuple[Evidence, ...], tuple[Action, ...]]:
    """The passages without orders to the model, their titles and headings too, and what was struck from them."""
    cleaned, actions = [], []
    for passage in evidence:
        texts: dict[str, str] = {}
        for name in _QUOTED:
            text, orders = without_orders(getattr(passage, name), second=second)
            actions += [_action(rule, words, "evidence") for rule, words in orders]
            texts |= {name: text} if orders else {}
        cleaned.append(replace(passage, **texts))
    return tuple(cleaned), tuple(actions)


@lru_cache(256)
def without_orders(text: str, *, second: bool) -> tuple[str, tuple[tuple[Rule, str], ...]]:
    """The text without the sentences that give the model orders, and each of those with its rule.

    Remembered for a while, since every turn brings the earlier ones again.
    """
    spans = sorted((span for begin, part in _parts(text) for span in _orders(begin, part, second)), key=lambda s: s[:2])
    struck, kept, at = [], [], 0
    for start, end, rule in spans:
        if end <= at:
            continue
        kept.append(text[at : max(at, start)])
        struck.append((rule, text[max(at, start) : end]))
        at = end
    return "".join([*kept, text[at:]]), tuple(struck)


def _orders(begin: int, part: str, second: bool) -> Iterator[tuple[int, int, Rule]]:
    """Where orders stand in a part of a text, and the rule that found them."""
    scene = Scene("", part)
    places: list[tuple[int, int, Rule]] = []
    for place, stop, phrase in phrases.found(phrases.index("injection"), scene):
        first, last = scene.sentence_of(place)
        places.append((first, max(last, stop), phrase.rule))
    if second:
        left = [(a, b) for a, b in scene.sentences if not any(a < last and first < b for first, last, _ in places)]
        places += [(*sentence, second_reader.rule_of_orders()) for sentence in second_reader.orders(scene.text, left)]
    for first, last, rule in places:
        start, end = scene.folded.span(first, last)
        yield begin + start, begin + end, rule


def _harmful(messages: Sequence[Message]) -> tuple[Rule, str] | None:
    """The first rule that the last question breaks, and the words that break it."""
    question = next((m.content for m in reversed(messages) if m.role == "user"), "")
    for _, part in _parts(question):
        scene = Scene("", part)
        for place, stop, rule in phrases.found(phrases.index("harmful_request"), scene):
            start, end = scene.folded.span(place, stop)
            return rule.rule, part[start:end]
    return None


def _parts(text: str) -> Iterator[tuple[int, str]]:
    for begin in range(0, max(len(text), 1), LONGEST):
        yield begin, text[begin : begin + LONGEST + 200]


def _action(
    own: Rule,
    struck: str,
    where: Literal["question", "history", "evidence"],
    *,
    effect: Literal["sentence", "refuse"] = "sentence",
) -> Action:
    return Action(
        guard=own.guard, rule=own.id, effect=effect, where=where, struck=struck, why=own.why, source=own.source
    )
