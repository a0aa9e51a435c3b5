"""Near-duplicates taken out, the best copy kept; a different number, unit or negation makes another text of it.

Pairs are proposed by MinHash and decided by exact Jaccard similarity of character trigrams (curate/near.py), of
question and answer together, or of long answers alone: the same paragraph under many questions teaches a model to say
it always. Short answers that agree (可以吃) are honest, and stay where their questions differ.
"""

import re
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from doctorglm.conversation import Conversation
from doctorglm.curate.filters.cut_off import ends_well
from doctorglm.curate.filters.machine_spun import is_spun
from doctorglm.curate.near import Forest, shingles, similar_pairs
from doctorglm.curate.normal import normalised

_LONG_ANSWER_CHARS = 60
_SAME_ANSWER = 0.9
_NUMBER = re.compile(
    r"[0-9]+(?:[./:][0-9]+)*\s*(?:[a-zA-Zμ%℃°‰]+(?:/[a-zA-Zμ0-9]+)?|岁|年|月|周|天|日|小时|分钟|次|片|粒"
    r"|支|个|两|斤|公斤|毫升|毫克|克)?"
)
_NEGATION = re.compile(r"不|没|无|未|非|别|勿|否|禁|忌|\bno\b|\bnot\b|n't|\bnever\b|\bwithout\b")


@dataclass(frozen=True, slots=True)
class Repeat:
    """A conversation that goes, the one that stays for it, and how alike they are."""

    id: str
    of: str
    similarity: float


def repeats(conversations: Sequence[Conversation], threshold: float) -> list[Repeat]:
    """What goes, in the order of the ids; which copy stays depends on the texts alone, not on their order."""
    pairs = list(_pairs(conversations, threshold))
    forest, nearest = Forest(len(conversations)), dict[int, float]()
    for i, j, similarity in pairs:
        forest.join(i, j)
        for k in (i, j):
            nearest[k] = max(nearest.get(k, 0.0), similarity)
    groups: dict[int, list[int]] = {}
    for k in nearest:
        groups.setdefault(forest.root(k), []).append(k)
    gone = []
    for members in groups.values():
        best = max(members, key=lambda k: _worth(conversations[k]))
        gone += [
            Repeat(conversations[k].id, conversations[best].id, round(nearest[k], 3)) for k in members if k != best
        ]
    return sorted(gone, key=lambda repeat: repeat.id)


def _pairs(conversations: Sequence[Conversation], threshold: float) -> Iterator[tuple[int, int, float]]:
    whole = [shingles(f"{c.questions}\n{c.answers}") for c in conversations]
    said = [_marks(f"{c.questions}\n{c.answers}") for c in conversations]
    for i, j, similarity in similar_pairs(whole, threshold):
        if said[i] == said[j]:
            yield i, j, similarity
    long = [k for k, c in enumerate(conversations) if len(normalised(c.answers)) >= _LONG_ANSWER_CHARS]
    answers = [_marks(conversations[k].answers) for k in long]
    for a, b, similarity in similar_pairs([shingles(conversations[k].answers) for k in long], _SAME_ANSWER):
        if answers[a] == answers[b]:
            yield long[a], long[b], similarity


def _marks(text: str) -> Counter[str]:
    """The numbers with their units and the negations: texts that differ in these say different things."""
    even = text.casefold()
    return Counter(re.sub(r"\s", "", mark) for mark in [*_NUMBER.findall(even), *_NEGATION.findall(even)])


def _worth(conversation: Conversation) -> tuple[bool, bool, int, int, str]:
    """The best copy: not machine-spun, whole, of most turns, longest; the id decides what is left."""
    answers = [answer for _, answer in conversation.turns]
    return (
        not any(map(is_spun, answers)),
        all(map(ends_well, answers)),
        len(answers),
        sum(map(len, answers)),
        conversation.id,
    )
