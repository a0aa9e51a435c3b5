"""What a finished folder of translations holds, counted and drawn from for its report; memory does not grow with it."""

import random
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeVar

from doctorglm.conversation import Conversation, json_object, read_conversations
from doctorglm.errors import DataError
from doctorglm.translate.audit import audit
from doctorglm.translate.entry import Entry
from doctorglm.translate.pairs import Pair
from doctorglm.translate.renderings import held, plain
from doctorglm.translate.terms import Terms

T = TypeVar("T")
SEED = 20_230_403
_MOST = 5_000
"""Conversations that terms and numbers are counted on, drawn at random where there are more."""
_RANDOM, _WRONG, _REJECTED = 6, 8, 3
"""Pairs that are shown: accepted ones, wrong terms, and of each reason for a rejection."""
_AS_IT_STANDS = frozenset(("", "empty", "chinese", "no_words"))
_LONGEST_CHARS = 600
"""Of a shown text."""


@dataclass(frozen=True, slots=True)
class Rejected:
    """A message that was not taken: English, its Chinese where the record has one, and why."""

    id: str
    english: str
    chinese: str
    why: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Told:
    """All that the report is made from."""

    record: Mapping[str, Any]
    """run.json."""
    counted: int
    """Conversations that `audit` was made on."""
    audit: Mapping[str, Any] | None
    """None where nothing that was translated holds a term of the glossary."""
    drawn: Sequence[Pair]
    """Accepted pairs at random."""
    wrong: Sequence[tuple[str, Pair]] = ()
    """For the worst terms, a pair in which the term's Chinese is none of the glossary's."""
    messages: Mapping[str, int] = field(default_factory=dict)
    """Messages without a translation, by reason."""
    rejected: Mapping[str, Sequence[Rejected]] = field(default_factory=dict)
    """Some of them, by reason."""


def told(out: Path, record: Mapping[str, Any], glossary: Sequence[Entry]) -> Told:
    """Counts and draws from `train.jsonl` and `rejected.jsonl`; the same for the same files."""
    chance = random.Random(SEED)
    some = reservoir(read_conversations(out / "train.jsonl"), _MOST, chance)
    pairs = [pair for one in some for pair in _pairs(one)]
    found = _audited(pairs, glossary)
    fitting = [pair for pair in pairs if len(pair.english) <= _LONGEST_CHARS] or pairs
    drawn = chance.sample(fitting, min(_RANDOM, len(fitting)))
    wrong = list(_wrong(fitting, found["worst_terms"], Terms(glossary))) if found else []
    messages, rejected = _rejected(out / "rejected.jsonl", chance)
    return Told(record, len(some), found, drawn, wrong, messages, rejected)


def reservoir(items: Iterable[T], most: int, chance: random.Random) -> list[T]:
    """At most so many of the items, each with the same chance, in their order.

    Source: Vitter, https://doi.org/10.1145/3147.3165, algorithm R.
    """
    kept: list[tuple[int, T]] = []
    for at, item in enumerate(items):
        if at < most:
            kept.append((at, item))
        elif (place := chance.randrange(at + 1)) < most:
            kept[place] = (at, item)
    return [item for _, item in sorted(kept, key=lambda one: one[0])]


def _pairs(one: Conversation) -> Iterator[Pair]:
    """The messages that were translated, beside their English."""
    known = one.meta.get("translation", {})
    for i, (english, by, message) in enumerate(
        zip(known.get("english", ()), known.get("by", ()), one.messages, strict=False)
    ):
        if by not in _AS_IT_STANDS and english.strip():
            yield Pair(english, message.content, f"{one.id}, {i + 1}")


def _audited(pairs: Sequence[Pair], glossary: Sequence[Entry]) -> dict[str, Any] | None:
    try:
        return audit(pairs, glossary)
    except DataError:  # no pair, or none with a term
        return None


def _wrong(pairs: Sequence[Pair], worst: Sequence[Mapping[str, Any]], terms: Terms) -> Iterator[tuple[str, Pair]]:
    """For each of the worst terms the shortest pair that has it wrong, no pair twice."""
    wanted = [row["term"] for row in worst if row["right"] < row["mentions"]][:_WRONG]
    best = dict[str, Pair]()
    for pair in pairs:
        chinese = plain(pair.chinese)
        for mention in terms.find(pair.english):
            name = mention.term.english
            if name in wanted and not held(mention.term.chinese, chinese):
                best[name] = min(best.get(name, pair), pair, key=lambda one: len(one.english))
    shown = set[str]()
    for name in wanted:
        if name in best and best[name].where not in shown:
            shown.add(best[name].where)
            yield name, best[name]


def _rejected(path: Path, chance: random.Random) -> tuple[dict[str, int], dict[str, list[Rejected]]]:
    """How many messages have each reason, and some of them; a record says as much as it says."""
    counts, some = Counter[str](), dict[str, list[Rejected]]()
    for one in _lines(path):
        messages = one.get("record", {}).get("messages", [])
        for why in one.get("reasons", []):
            reason, at = str(why.get("reason", "")), why.get("message", 0)
            counts[reason] += 1
            is_there = isinstance(at, int) and 0 <= at < len(messages)
            english = str(messages[at].get("content", "")) if is_there else ""
            chinese = _chinese(one.get("chinese"), at)
            known = some.setdefault(reason, [])
            item = Rejected(str(one.get("id", "")), english[:_LONGEST_CHARS], chinese[:_LONGEST_CHARS], why)
            if len(known) < _REJECTED:
                known.append(item)
            elif (place := chance.randrange(counts[reason])) < _REJECTED:
                known[place] = item
    return dict(counts.most_common()), some


def _chinese(texts: Any, at: Any) -> str:
    """What was not taken, where the record keeps it: a list, by message."""
    is_there = isinstance(texts, list) and isinstance(at, int) and 0 <= at < len(texts)
    return str(texts[at] or "") if is_there else ""


def _lines(path: Path) -> Iterator[dict[str, Any]]:
    if not path.is_file():
        return
    with path.open("rb") as lines:
        for number, line in enumerate(lines, 1):
            if line.strip():
                yield json_object(line, f"{path}:{number}")


def summary(told: Told) -> dict[str, Any]:
    """What `report.json` holds."""
    return {
        "counts": told.record.get("counts", {}),
        "cost": told.record.get("cost", {}),
        "counted": told.counted,
        "audit": told.audit,
        "messages_rejected": dict(told.messages),
    }
