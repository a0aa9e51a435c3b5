"""Triage of a conversation: what is told, whether it holds, which rules follow from it.

What the doctor asks is no statement; a plain yes or no to it is one. What is told in an earlier message counts until it
is denied or over. A text that speaks of an exam, a story or a drill tells nothing.
"""

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

from doctorglm.conversation import Message
from doctorglm.language import Text
from doctorglm.safety.triage import vitals
from doctorglm.safety.triage.patterns import places, without_inert
from doctorglm.safety.triage.rules import LEVELS, Level, Rule, RuleBook, rule_book
from doctorglm.safety.triage.text import Reading

MOST_ASKED = 4
"""A doctor's question about more findings than this is not answered by a plain yes."""
WELL = "well"
"""The finding that ends what was told before it."""
WELL_NOW = "well_now"
"""The finding that ends it within its own message, too."""


@dataclass(frozen=True, slots=True)
class Mention:
    """Where a finding is told: `start, end` in code points of the message, and its status."""

    finding: str
    message: int
    start: int
    end: int
    status: str


@dataclass(frozen=True, slots=True)
class Fired:
    """A rule that holds, and the words for it."""

    rule: Rule
    mentions: tuple[Mention, ...]


@dataclass(frozen=True, kw_only=True)
class Triage:
    """How soon somebody must be seen, of which kinds, and why."""

    level: Level
    kinds: tuple[str, ...]
    fired: tuple[Fired, ...]
    advice: Text | None
    reason: Text

    @property
    def emergency(self) -> bool:
        """Whether the emergency advice is to be shown before any text of a model."""
        return self.level == "emergency"


def triage(messages: Sequence[Message], book: RuleBook | None = None) -> Triage:
    """The triage of a conversation after its last message."""
    book = book or rule_book()
    mentions = _mentions(messages, book)
    holding = {over: _holding(mentions, book, over=over) for over in (False, True)}
    calm = _reassured(mentions, book)
    rules = (rule for rule in book.rules if not (calm and rule.unless_reassured))
    fired = [found for rule in rules if (found := _fired(rule, holding[rule.over])) is not None]
    level = min((f.rule.level for f in fired), key=LEVELS.index, default=LEVELS[-1])
    fired = [f for f in fired if f.rule.level == level]
    kinds = tuple(dict.fromkeys(f.rule.kind for f in fired))
    return Triage(
        level=level, kinds=kinds, fired=tuple(fired), reason=_reason(level, fired, messages),
        advice=_advice(kinds, book) if level == "emergency" else None,
    )  # fmt: skip


def _mentions(messages: Sequence[Message], book: RuleBook) -> list[Mention]:
    found: list[Mention] = []
    asked: list[Mention] = []
    frame = ""
    for index, message in enumerate(messages):
        if message.role == "system":
            continue
        reading = Reading(message.content, book.cues)
        if message.role == "assistant":
            asked = [replace(m, status="asked") for m in _read(reading, index, book)]
            continue
        answer = book.cues.answer(reading.text) if asked else ""
        found += _answered(asked, answer)
        frame = book.cues.frame(reading.text, frame)
        told = _read(reading, index, book)
        found += [replace(m, status="framed") if frame else m for m in told]
        asked = []
    return found


def _reassured(mentions: Sequence[Mention], book: RuleBook) -> bool:
    """Whether anything speaks against an emergency: a sign denied, words that all is well, a harmless cause."""
    return any(
        (m.status in ("denied", "general") and m.finding in book.signs)
        or m.status == "framed"
        or (m.status == "now" and m.finding in book.reassuring)
        for m in mentions
    )


def _answered(asked: list[Mention], answer: str) -> list[Mention]:
    names = {m.finding for m in asked}
    if answer == "no":
        return [replace(m, status="denied") for m in asked]
    if answer == "yes" and len(names) <= MOST_ASKED:
        return [replace(m, status="now") for m in asked]
    return []


def _read(reading: Reading, index: int, book: RuleBook) -> Iterator[Mention]:
    hits = without_inert(book.words.hits(reading.text), book.cues.inert_spans(reading.text))
    seen = set()
    for word in hits:
        for name, pattern in book.by_first_word.get(word, ()):
            if (name, id(pattern)) in seen or not all(any(w in hits for w in part) for part in pattern.parts[1:]):
                continue
            seen.add((name, id(pattern)))
            for start, end in places(pattern, hits, reading.barriers):
                yield Mention(name, index, *reading.origin(start, end), reading.status(start))
    for name, start, end in vitals.readings(reading.text):
        yield Mention(name, index, *reading.origin(start, end), reading.status(start))


def _ends(mentions: Sequence[Mention]) -> dict[str, tuple[int, int]]:
    """Up to where each finding is taken back: by a denial, by a normal reading, by words that all is well."""
    ends: dict[str, tuple[int, int]] = defaultdict(lambda: (-1, -1))
    for m in mentions:
        if m.status == "denied":
            ends[m.finding] = max(ends[m.finding], (m.message, -1))
        elif m.finding.endswith("_normal"):
            for name in _readings_of(m.finding):
                ends[name] = max(ends[name], (m.message, m.start))
        elif m.finding == WELL and m.status == "now":
            ends[WELL] = max(ends[WELL], (m.message, -1))
        elif m.finding == WELL_NOW and m.status == "now":
            ends[WELL] = max(ends[WELL], (m.message, m.start))
    return ends


def _readings_of(normal: str) -> tuple[str, ...]:
    return {
        "fever_normal": ("fever", "fever_high", "fever_extreme", "temperature_low"),
        "oxygen_low_normal": ("oxygen_low",),
        "sugar_normal": ("sugar_low", "sugar_high"),
    }.get(normal, ())


def _fired(rule: Rule, holding: Mapping[str, Mention]) -> Fired | None:
    def told(names: tuple[str, ...]) -> Mention | None:
        return next((holding[name] for name in names if name in holding), None)

    if any(name in holding for name in rule.unless):
        return None
    every = [told(names) for names in rule.all]
    some = [m for names in rule.any if (m := told(names)) is not None]
    if None in every or (rule.any and len(some) < rule.least):
        return None
    return Fired(rule, tuple(sorted({m for m in [*every, *some] if m is not None}, key=lambda m: (m.message, m.start))))


def _holding(mentions: Sequence[Mention], book: RuleBook, *, over: bool) -> dict[str, Mention]:
    """The last mention of each finding that holds; `over`: also of what is told as over."""
    ends = _ends(mentions)
    return {m.finding: m for m in mentions if _holds(m, ends, book, over=over)}


def _holds(m: Mention, ends: Mapping[str, tuple[int, int]], book: RuleBook, *, over: bool) -> bool:
    if m.finding in book.background or m.finding in _STANDING:
        return m.status not in ("denied", "asked", "framed")
    if m.status != "now" or (m.message, m.start) < ends.get(m.finding, (-1, -1)):
        return False
    return over or (m.message, m.start) >= ends.get(WELL, (-1, -1))


_STANDING = frozenset(
    {"old", "child", "age_under_6_years", "age_under_1_year", "age_under_3_months", "pregnant", "postpartum"}
)


def _advice(kinds: Sequence[str], book: RuleBook) -> Text:
    return Text(
        en="\n".join(dict.fromkeys(book.advice[kind].en for kind in kinds)),
        zh="\n".join(dict.fromkeys(book.advice[kind].zh for kind in kinds)),
    )


_LEVEL = {
    "emergency": Text(en="Emergency", zh="急诊"),
    "urgent": Text(en="To be seen today", zh="当天就诊"),
    "soon": Text(en="To be seen soon", zh="近日就诊"),
    "routine": Text(en="No red flag found", zh="未见危险信号"),
}


def _reason(level: Level, fired: Sequence[Fired], messages: Sequence[Message]) -> Text:
    words = list(dict.fromkeys(messages[m.message].content[m.start : m.end] for f in fired for m in f.mentions))
    zh, en = _LEVEL[level].zh, _LEVEL[level].en
    if not words:
        return Text(en=f"{en}.", zh=f"{zh}。")
    return Text(
        en=f"{en}, because of: " + "; ".join(f"“{w}”" for w in words[:12]) + ".",
        zh=f"{zh}，依据：" + "；".join(f"“{w}”" for w in words[:12]) + "。",
    )
