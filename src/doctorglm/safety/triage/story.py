"""What a conversation tells: each finding is looked for when a rule asks for it, and no other.

What the doctor asks is no statement; a plain yes or no to it is one. What is told in an earlier message counts until it
is denied or over.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property

from doctorglm.conversation import Message
from doctorglm.safety.triage.patterns import Hits, Pattern, Span, complete, places, without_inert
from doctorglm.safety.triage.rules import RuleBook
from doctorglm.safety.triage.text import Reading
from doctorglm.safety.triage.vitals import Vitals

MOST_ASKED = 4
"""A doctor's question about more findings than this is not answered by a plain yes."""
WELL = "well"
"""The finding that ends what was told before it."""
WELL_NOW = "well_now"
"""The finding that ends it within its own message, too."""
_STANDING = frozenset(
    {"old", "child", "age_under_6_years", "age_under_1_year", "age_under_3_months", "pregnant", "postpartum"}
)
_NORMAL = {
    **dict.fromkeys(("fever", "fever_high", "fever_extreme", "temperature_low"), "fever_normal"),
    "oxygen_low": "oxygen_low_normal",
    **dict.fromkeys(("sugar_low", "sugar_high"), "sugar_normal"),
}
"""The reading that takes each of these back."""
_NEVER = (-1, -1)


@dataclass(frozen=True, slots=True)
class Mention:
    """Where a finding is told: `start, end` in code points of the message, and its status."""

    finding: str
    message: int
    start: int
    end: int
    status: str


class _Told:
    """One message, and what may be told in it."""

    def __init__(self, text: str, index: int, book: RuleBook) -> None:
        self.reading = Reading(text, book.cues)
        self._index = index
        self._hits = without_inert(book.words.hits(self.reading.text), self.reading.inert)
        self._patterns = _complete(self._hits, book)
        self._vitals = Vitals(self.reading.text)

    def may_tell(self) -> set[str]:
        """The findings of which it holds all words, and those that are read from numbers."""
        return {*self._patterns, *self._vitals.findings}

    def mentions(self, finding: str, status: str = "") -> Iterator[Mention]:
        """Where it tells of the finding; with the status given, else with that of its words."""
        for start, end in self._spans(finding):
            yield Mention(finding, self._index, *self.reading.origin(start, end), status or self.reading.status(start))

    def tells(self, finding: str) -> bool:
        """Whether it names the finding at all."""
        return next(self._spans(finding), None) is not None

    def _spans(self, finding: str) -> Iterator[Span]:
        for pattern in self._patterns.get(finding, ()):
            yield from places(pattern, self._hits, self.reading.barriers)
        yield from self._vitals.spans(finding)


def _complete(hits: Hits, book: RuleBook) -> dict[str, list[Pattern]]:
    """The patterns of which each part has a word in the text, by finding; in the order of their first words."""
    found: dict[str, dict[int, Pattern]] = {}
    for word in hits:
        for name, pattern in book.by_first_word.get(word, ()):
            if not pattern.gaps or complete(pattern, hits):
                found.setdefault(name, {})[id(pattern)] = pattern
    return {name: [*patterns.values()] for name, patterns in found.items()}


class Story:
    """All that is told, finding by finding."""

    def __init__(self, messages: Sequence[Message], book: RuleBook) -> None:
        self._book = book
        self._told = list(_told(messages, book))
        self.may_tell = {name for told, _ in self._told for name in told.may_tell()}
        """The findings that may be told; no other is."""
        self._mentions: dict[str, list[Mention]] = {}
        self._holding: dict[tuple[str, bool], Mention | None] = {}

    def holding(self, finding: str, *, over: bool) -> Mention | None:
        """The last mention of the finding that holds; `over`: also where it is told as over."""
        if finding not in self.may_tell:
            return None
        if (finding, over) not in self._holding:
            self._holding[finding, over] = self._last(finding, over) if self._of(finding) else None
        return self._holding[finding, over]

    def _last(self, finding: str, over: bool) -> Mention | None:
        if finding in self._book.background or finding in _STANDING:
            held = [m for m in self._of(finding) if m.status not in ("denied", "asked", "framed")]
        else:
            ends = self._ends(finding) if over else max(self._ends(finding), self._well)
            held = [m for m in self._of(finding) if m.status == "now" and (m.message, m.start) >= ends]
        return held[-1] if held else None

    def reassures(self) -> bool:
        """Whether anything speaks against an emergency: a sign denied, words that all is well, a harmless cause."""
        return (
            any(told.tells(name) for told, status in self._told if status == "framed" for name in told.may_tell())
            or any(m.status in ("denied", "general") for name in self._book.signs for m in self._of(name))
            or any(m.status == "now" for name in self._book.reassuring for m in self._of(name))
        )

    def _of(self, finding: str) -> list[Mention]:
        if finding not in self._mentions:
            self._mentions[finding] = [m for told, status in self._told for m in told.mentions(finding, status)]
        return self._mentions[finding]

    def _ends(self, finding: str) -> tuple[int, int]:
        """Up to where it is taken back: by a denial, by a normal reading, by words that all is well."""
        ends = [(m.message, -1) for m in self._of(finding) if m.status == "denied"]
        if finding in _NORMAL:
            ends += [(m.message, m.start) for m in self._of(_NORMAL[finding]) if m.status != "denied"]
        if finding == WELL:
            ends += [(m.message, -1) for m in self._of(WELL) if m.status == "now"]
            ends += [(m.message, m.start) for m in self._of(WELL_NOW) if m.status == "now"]
        return max(ends, default=_NEVER)

    @cached_property
    def _well(self) -> tuple[int, int]:
        return self._ends(WELL)


def _told(messages: Sequence[Message], book: RuleBook) -> Iterator[tuple[_Told, str]]:
    """What the patient tells, and the doctor's questions that he answers; with the status of all of it, if it has one.

    A text that speaks of an exam, a story or a drill tells nothing.
    """
    asked: tuple[int, str] | None = None
    frame = ""
    for index, message in enumerate(messages):
        if message.role == "assistant":
            asked = (index, message.content)
        elif message.role != "system":
            told = _Told(message.content, index, book)
            if asked and (answer := book.cues.answer(told.reading.text)):
                yield from _answered(_Told(asked[1], asked[0], book), answer)
            frame = told.reading.frame(frame)
            yield told, "framed" if frame else ""
            asked = None


def _answered(asked: _Told, answer: str) -> Iterator[tuple[_Told, str]]:
    if answer == "no":
        yield asked, "denied"
    elif sum(map(asked.tells, asked.may_tell())) <= MOST_ASKED:
        yield asked, "now"
