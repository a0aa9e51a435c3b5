"""Triage of a conversation: which rules follow from what it tells, what the second reader thinks of it, and why.

What is told, and whether it holds: `story.py`; the second reader: `second.py`.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace

from doctorglm.conversation import Message
from doctorglm.language import Text
from doctorglm.safety.triage.rules import LEVELS, Level, Rule, RuleBook, rule_book
from doctorglm.safety.triage.second import CONFIRMED, SURE, Opinion, opinion
from doctorglm.safety.triage.story import Mention, Story

READER = "second_reader"
"""Stands for the id of a rule where the second reader alone sees an emergency."""
NEVER_DOUBTED = frozenset({"suicide"})
"""Kinds that are believed where a rule alone sees them: who says so is heard."""
LEARNED = "learned from labelled messages (docs/readers.md), not reviewed by a clinician"


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


def triage(messages: Sequence[Message]) -> Triage:
    """The triage of a conversation after its last message: by the rules that ship, and by the second reader.

    Where no rule sees an emergency the reader must be surer than where one does; what a rule sees and the reader holds
    for unlikely is urgent.
    """
    ruled, read = by_rules(messages), opinion(messages)
    if ruled.emergency and read.probable < CONFIRMED and not NEVER_DOUBTED & set(ruled.kinds):
        return replace(ruled, level="urgent", advice=None, reason=_reason("urgent", ruled.fired, messages, read))
    return ruled if ruled.emergency or read.probable < SURE else _read(read, messages)


def by_rules(messages: Sequence[Message], book: RuleBook | None = None) -> Triage:
    """The triage by rules alone."""
    book = book or rule_book()
    story = Story(messages, book)
    level, fired = _highest([rule for rule in book.rules if rule.may_fire(story.may_tell)], story)
    kinds = tuple(dict.fromkeys(f.rule.kind for f in fired))
    return Triage(
        level=level, kinds=kinds, fired=tuple(fired), reason=_reason(level, fired, messages),
        advice=_advice(kinds, book) if level == "emergency" else None,
    )  # fmt: skip


def _read(read: Opinion, messages: Sequence[Message]) -> Triage:
    """An emergency that the second reader alone sees."""
    rule = Rule(id=READER, kind=read.kinds[0], level="emergency", source=LEARNED)
    fired = (Fired(rule, (Mention(READER, read.message, read.start, read.end, "now"),)),)
    return Triage(
        level="emergency", kinds=read.kinds, fired=fired, reason=_reason("emergency", fired, messages, read),
        advice=_advice(read.kinds, rule_book()),
    )  # fmt: skip


def _highest(rules: Sequence[Rule], story: Story) -> tuple[Level, list[Fired]]:
    """The first level of which a rule fires, with all that do; rules of the levels below it are not tried."""
    for level in LEVELS:
        fired = [found for rule in rules if rule.level == level and (found := _fired(rule, story)) is not None]
        if fired:
            return level, fired
    return LEVELS[-1], []


def _fired(rule: Rule, story: Story) -> Fired | None:
    def told(names: tuple[str, ...]) -> Mention | None:
        return next((m for name in names if (m := story.holding(name, over=rule.over)) is not None), None)

    mentions: list[Mention] = []
    for names in rule.all:
        if (mention := told(names)) is None:
            return None
        mentions.append(mention)
    some = [m for names in rule.any if (m := told(names)) is not None]
    if (rule.any and len(some) < rule.least) or told(rule.unless) is not None:
        return None
    if rule.unless_reassured and story.reassures():
        return None
    return Fired(rule, tuple(sorted(dict.fromkeys([*mentions, *some]), key=lambda m: (m.message, m.start))))


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


def _reason(level: Level, fired: Sequence[Fired], messages: Sequence[Message], read: Opinion | None = None) -> Text:
    words = list(dict.fromkeys(messages[m.message].content[m.start : m.end] for f in fired for m in f.mentions))
    zh, en = _LEVEL[level].zh, _LEVEL[level].en
    if words:
        en += ", because of: " + "; ".join(f"“{w}”" for w in words[:12])
        zh += "，依据：" + "；".join(f"“{w}”" for w in words[:12])
    if read:
        en += f" (the second reader holds an emergency for {100 * read.probable:.0f} % probable)"
        zh += f"（第二读者认为急症的可能性为 {100 * read.probable:.0f}%）"
    return Text(en=f"{en}.", zh=f"{zh}。")
