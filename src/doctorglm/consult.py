"""The one answer path: triage -> ground -> engine -> guard -> label. `chat`, `demo` and `evaluate` use nothing else.

What stands about the engine is a `Layer`, handed in: without one an engine is measured as it is.
"""

import re
from collections.abc import Callable, Generator, Iterator, Sequence
from dataclasses import dataclass, field, replace
from time import perf_counter
from typing import Protocol, TypeAlias

from doctorglm.clinical.evidence import Evidence
from doctorglm.conversation import Message
from doctorglm.engine import Engine, Generation, Sampling
from doctorglm.language import Text
from doctorglm.safety.guards import Action, Guarded, Guards
from doctorglm.safety.label import LABEL, labelled, metadata
from doctorglm.safety.triage import prepare, rule_book, triage

__all__ = ["LABEL", "Consultation", "Ground", "Grounded", "Layer", "Reply", "Triage", "Triaged"]

_HAN = re.compile(r"[\u3400-\u9fff]")


class Triaged(Protocol):
    """What triage says of a conversation, as it stands after its last message."""

    @property
    def emergency(self) -> bool:
        """True when the fixed advice is the whole answer."""

    @property
    def level(self) -> str:
        """How soon somebody must see the patient."""

    @property
    def kinds(self) -> Sequence[str]:
        """The red flags that were found."""

    @property
    def advice(self) -> Text | None:
        """What to do now."""


Triage: TypeAlias = Callable[[Sequence[Message]], Triaged]


@dataclass(frozen=True, slots=True, kw_only=True)
class Grounded:
    """The messages as the engine reads them, and the passages that they quote."""

    messages: Sequence[Message]
    evidence: Sequence[Evidence] = ()


Ground: TypeAlias = Callable[[Sequence[Message]], Grounded]


def _as_it_comes() -> Triage:
    """The triage that ships; raises ConfigError at once when its rules or its second reader cannot be read."""
    rule_book()
    prepare()
    return triage


@dataclass(frozen=True, kw_only=True)
class Layer:
    """What stands before and after the engine; each part may be absent. Raises ConfigError for rules with an error."""

    triage: Triage | None = field(default_factory=_as_it_comes)
    ground: Ground | None = None
    guards: Guards | None = field(default_factory=Guards)


@dataclass(frozen=True, kw_only=True)
class Reply:
    """One finished answer with its label, and what the layer did."""

    label: Text
    generation: Generation
    """Its text is what may be shown; what a guard struck stands in `actions` alone."""
    actions: tuple[Action, ...] = ()
    triaged: Triaged | None = None
    evidence: tuple[Evidence, ...] = ()

    @property
    def text(self) -> str:
        """The answer without its label."""
        return self.generation.text

    @property
    def copied(self) -> str:
        """The answer as it is copied and exported, under its label."""
        return labelled(self.text, self.label)

    @property
    def metadata(self) -> dict[str, dict[str, str]]:
        """The implicit label, for the metadata of a file that holds the answer."""
        return metadata(self.text)


@dataclass(frozen=True, kw_only=True)
class _Opened:
    """A conversation before its answer: what the engine is asked, or the fixed text that stands in its place."""

    messages: tuple[Message, ...]
    fixed: Text | None = None
    actions: tuple[Action, ...] = ()
    triaged: Triaged | None = None
    evidence: tuple[Evidence, ...] = ()
    guarded: Guarded | None = None


class Consultation:
    """Answers through an engine, within a layer where one is given."""

    def __init__(self, engine: Engine, sampling: Sampling, layer: Layer | None = None) -> None:
        self.engine = engine
        self.sampling = sampling
        self.layer = layer

    def stream(self, messages: Sequence[Message]) -> Generator[str | Reply, None, None]:
        """Yields the answer's text as it may be shown, then the Reply; the label is to be shown before the first piece.

        Text is held back until every guard has read its sentence; nothing that was yielded is taken back. Closing it
        stops the engine.
        """
        opened = self._opened(messages)
        if opened.fixed:
            reply = _fixed(opened, messages)
            yield reply.text
            yield reply
            return
        pieces = self.engine.stream(opened.messages, self.sampling)
        try:
            yield from _shown(pieces, opened)
        finally:
            if isinstance(pieces, Generator):
                pieces.close()

    def batch(self, conversations: Sequence[Sequence[Message]]) -> list[Reply]:
        """One reply for each conversation, in order; the text is that of the stream."""
        opened = [self._opened(messages) for messages in conversations]
        asked = [o.messages for o in opened if not o.fixed]
        answers = iter(self.engine.batch(asked, self.sampling) if asked else [])
        return [
            _fixed(o, messages) if o.fixed else _whole(next(answers), o)
            for o, messages in zip(opened, conversations, strict=True)
        ]

    def _opened(self, messages: Sequence[Message]) -> _Opened:
        """Triage, the guards on what was asked, and the evidence."""
        layer = self.layer
        if layer is None:
            return _Opened(messages=tuple(messages))
        triaged = layer.triage(messages) if layer.triage else None
        if triaged and triaged.emergency:
            return _Opened(messages=tuple(messages), fixed=triaged.advice, triaged=triaged)
        actions: tuple[Action, ...] = ()
        may_read = tuple(messages)
        if layer.guards:
            asked = layer.guards.asked(messages)
            may_read, actions = asked.messages, asked.actions
            if asked.refusal:
                return _Opened(messages=may_read, fixed=asked.refusal, actions=actions, triaged=triaged)
        return _grounded(layer, _Opened(messages=may_read, actions=actions, triaged=triaged))


def _grounded(layer: Layer, opened: _Opened) -> _Opened:
    """With the evidence for what was asked, and the guard that reads the answer beside it.

    Orders within a passage are struck from the passage and, where the prompt quotes it, from the prompt.
    """
    grounded = layer.ground(opened.messages) if layer.ground else Grounded(messages=opened.messages)
    evidence, messages, actions = tuple(grounded.evidence), tuple(grounded.messages), opened.actions
    if layer.guards:
        cleaned, struck = layer.guards.passages(evidence)
        messages = tuple(
            replace(m, content=_quoting(m.content, evidence, cleaned)) if m.role != "assistant" else m for m in messages
        )
        evidence, actions = cleaned, (*actions, *struck)
    guarded = layer.guards.guarded(opened.messages, evidence) if layer.guards else None
    return replace(opened, messages=messages, evidence=evidence, actions=actions, guarded=guarded)


def _quoting(text: str, evidence: Sequence[Evidence], cleaned: Sequence[Evidence]) -> str:
    for before, after in zip(evidence, cleaned, strict=True):
        if before.text != after.text:
            text = text.replace(before.text, after.text)
    return text


def _shown(pieces: Iterator[str | Generation], opened: _Opened) -> Iterator[str | Reply]:
    """What may be shown of the engine's pieces, then the reply."""
    guarded = opened.guarded
    if guarded is None:
        for piece in pieces:
            yield _reply(piece, opened) if isinstance(piece, Generation) else piece
        return
    shown, actions = "", list(opened.actions)
    for piece in pieces:
        released = guarded.end() if isinstance(piece, Generation) else guarded.add(piece)
        actions += released.actions
        shown += released.text
        if released.text:
            yield released.text
        if isinstance(piece, Generation):
            yield _reply(replace(piece, text=shown.strip()), replace(opened, actions=tuple(actions)))


def _whole(generation: Generation, opened: _Opened) -> Reply:
    if opened.guarded is None:
        return _reply(generation, opened)
    released = opened.guarded.whole([generation.text])
    told = replace(opened, actions=(*opened.actions, *released.actions))
    return _reply(replace(generation, text=released.text.strip()), told)


def _fixed(opened: _Opened, messages: Sequence[Message]) -> Reply:
    """The fixed text, in the language of the last question; the engine was not asked."""
    start = perf_counter()
    assert opened.fixed
    question = next((m.content for m in reversed(messages) if m.role == "user"), "")
    text = opened.fixed.zh if _HAN.search(question) else opened.fixed.en
    return _reply(Generation(text=text, tokens=0, finish="stop", seconds=perf_counter() - start), opened)


def _reply(generation: Generation, opened: _Opened) -> Reply:
    return Reply(
        label=LABEL,
        generation=generation,
        actions=opened.actions,
        triaged=opened.triaged,
        evidence=opened.evidence,
    )
