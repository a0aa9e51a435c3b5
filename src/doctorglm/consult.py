"""The one answer path: triage -> ground -> engine -> citations -> guard -> label.

`chat`, `demo` and `evaluate` use nothing else. What stands about the engine is a `Layer`, handed in: without one an
engine is measured as it is.
"""

from collections.abc import Callable, Generator, Iterator, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from time import perf_counter
from typing import TYPE_CHECKING, Protocol, TypeAlias

from doctorglm.clinical.evidence import Evidence, Grounded, Note
from doctorglm.conversation import Message, language_of
from doctorglm.engine import Engine, Generation, Sampling
from doctorglm.language import Text
from doctorglm.safety.guards import Action, Guarded, Guards, Released
from doctorglm.safety.label import LABEL, labelled, metadata
from doctorglm.safety.triage import prepare, rule_book, triage

if TYPE_CHECKING:
    from doctorglm.library.grounding import GroundSettings

__all__ = [
    "LABEL",
    "Cite",
    "Cited",
    "Consultation",
    "Ground",
    "Grounded",
    "Layer",
    "Reply",
    "Triage",
    "Triaged",
    "with_library",
]


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


Ground: TypeAlias = Callable[[Sequence[Message]], Grounded]


class Cited(Protocol):
    """An answer that is held against its evidence, sentence by sentence; nothing that it gave out is taken back."""

    @property
    def notes(self) -> Sequence[Note]:
        """What was done to the answer."""

    @property
    def supported(self) -> float | None:
        """The share of its statements that passages support; None where it states nothing."""

    def add(self, piece: str) -> str:
        """What may be shown by now."""

    def end(self) -> str:
        """The rest of it."""

    def quoted(self) -> str:
        """The passages' own words, to follow an answer with too little support; "" where it has enough."""

    def sources(self, text: str) -> str:
        """The sources that a text cites, a line each; "" where it cites none."""


Cite: TypeAlias = Callable[[Sequence[Message], Grounded], Cited]
"""Of a conversation, as the patient sees it, and its evidence, what checks the answer."""


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
    cite: Cite | None = None
    guards: Guards | None = field(default_factory=Guards)


def with_library(folder: Path, engine: Engine, settings: "GroundSettings | None" = None) -> Layer:
    """A layer that grounds questions in the library of a folder and holds answers against what they cite.

    Tokens are counted by the engine's own tokenizer; those of a server, which nobody knows, are estimated from above.
    Raises DataError for a folder without a library and for vectors without their encoder, ConfigError for a budget
    without room and for a reranker that is none.
    """
    # searching is an extra
    from doctorglm.library import Library
    from doctorglm.library.chunks import tokens_at_most
    from doctorglm.library.citing import citing
    from doctorglm.library.grounding import GroundSettings, grounding

    chosen = settings or GroundSettings()
    library = Library(folder, vectors=chosen.vectors, reranker=chosen.reranker)
    ground = grounding(library.search, getattr(engine, "count_tokens", tokens_at_most), chosen)
    return Layer(ground=ground, cite=citing(least_support=chosen.least_support, least_share=chosen.least_share))


@dataclass(frozen=True, kw_only=True)
class Reply:
    """One finished answer with its label, and what the layer did."""

    label: Text
    generation: Generation
    """Its text is what may be shown; what a guard struck stands in `actions` alone."""
    actions: tuple[Action, ...] = ()
    triaged: Triaged | None = None
    evidence: tuple[Evidence, ...] = ()
    notes: tuple[Note, ...] = ()
    """What the check of its citations did."""
    supported: float | None = None
    """The share of its statements that the evidence supports; None without that check, or where it states nothing."""
    sources: str | None = None
    """The sources that it cites, to be shown below it; None without a library."""

    @property
    def text(self) -> str:
        """The answer without its label."""
        return self.generation.text

    @property
    def copied(self) -> str:
        """The answer as it is copied and exported, under its label and with its sources."""
        return labelled("\n\n".join(filter(None, (self.text, self.sources))), self.label)

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
    instead: str = ""
    """What grounding answers itself; the engine is not asked."""
    cited: Cited | None = None
    guarded: Guarded | None = None

    @property
    def asks(self) -> bool:
        """Whether the engine is asked."""
        return not self.fixed and not self.instead


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
        if not opened.asks:
            reply = _unasked(opened, messages)
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
        asked = [o.messages for o in opened if o.asks]
        answers = iter(self.engine.batch(asked, self.sampling) if asked else [])
        return [
            _whole(next(answers), o) if o.asks else _unasked(o, messages)
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
    """With the evidence for what was asked, and what reads the answer beside it.

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
    instead = grounded.instead
    told = replace(grounded, messages=messages, evidence=evidence)
    return replace(
        opened,
        messages=messages,
        evidence=evidence,
        actions=actions,
        fixed=instead if isinstance(instead, Text) else None,
        instead=instead(evidence) if callable(instead) else "",
        cited=layer.cite(opened.messages, told) if layer.cite else None,
        guarded=guarded,
    )


def _quoting(text: str, evidence: Sequence[Evidence], cleaned: Sequence[Evidence]) -> str:
    """The text with what was struck from the passages struck."""
    for before, after in zip(evidence, cleaned, strict=True):
        for quoted, kept in ((before.text, after.text), (before.title, after.title), (before.heading, after.heading)):
            if quoted != kept:
                text = text.replace(quoted, kept)
    return text


class _Reading:
    """What reads an answer, one behind the other: the check of its citations, then the guards.

    Guards hold an answer against the passages; what is quoted from these follows as it is, without the orders in them.
    """

    def __init__(self, opened: _Opened) -> None:
        self._cited, self._guarded = opened.cited, opened.guarded
        self.actions = list(opened.actions)

    def add(self, piece: str) -> str:
        """What may be shown by now."""
        return self._released(self._cited.add(piece) if self._cited else piece)

    def end(self) -> str:
        """The rest."""
        rest = self._released(self._cited.end()) if self._cited else ""
        rest += self._told(self._guarded.end() if self._guarded else Released(""))
        return rest + (self._cited.quoted() if self._cited else "")

    def _released(self, text: str) -> str:
        return self._told(self._guarded.add(text) if self._guarded else Released(text))

    def _told(self, released: Released) -> str:
        self.actions += released.actions
        return released.text


def _shown(pieces: Iterator[str | Generation], opened: _Opened) -> Iterator[str | Reply]:
    """What may be shown of the engine's pieces, then the reply."""
    if opened.guarded is None and opened.cited is None:
        for piece in pieces:
            yield _reply(piece, opened) if isinstance(piece, Generation) else piece
        return
    reading, shown = _Reading(opened), ""
    for piece in pieces:
        text = reading.end() if isinstance(piece, Generation) else reading.add(piece)
        shown += text
        if text:
            yield text
        if isinstance(piece, Generation):
            yield _reply(replace(piece, text=shown.strip()), replace(opened, actions=tuple(reading.actions)))


def _whole(generation: Generation, opened: _Opened) -> Reply:
    if opened.guarded is None and opened.cited is None:
        return _reply(generation, opened)
    reading = _Reading(opened)
    text = reading.add(generation.text) + reading.end()
    return _reply(replace(generation, text=text.strip()), replace(opened, actions=tuple(reading.actions)))


def _unasked(opened: _Opened, messages: Sequence[Message]) -> Reply:
    """The fixed text, in the language of the last question, or what grounding answers; the engine was not asked."""
    start = perf_counter()
    text = getattr(opened.fixed, language_of(messages)) if opened.fixed else opened.instead
    return _reply(Generation(text=text, tokens=0, finish="stop", seconds=perf_counter() - start), opened)


def _reply(generation: Generation, opened: _Opened) -> Reply:
    cited = opened.cited
    return Reply(
        label=LABEL,
        generation=generation,
        actions=opened.actions,
        triaged=opened.triaged,
        evidence=opened.evidence,
        notes=tuple(cited.notes) if cited else (),
        supported=cited.supported if cited else None,
        sources=cited.sources(generation.text) if cited else None,
    )
