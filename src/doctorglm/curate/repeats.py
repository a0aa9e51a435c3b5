"""Near-duplicates taken out, the best copy kept; a different number, unit or negation makes another text of it.

Pairs are proposed by MinHash and decided by exact Jaccard similarity of character trigrams (curate/pairs.py), of
question and answer together, or of long answers alone: the same paragraph under many questions teaches a model to say
it always. Short answers that agree (可以吃) are honest, and stay where their questions differ.
"""

import json
import re
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from doctorglm.conversation import Conversation
from doctorglm.curate.engines import Engine
from doctorglm.curate.filters.cut_off import ends_well
from doctorglm.curate.filters.machine_spun import is_spun
from doctorglm.curate.near import Forest
from doctorglm.curate.pairs import Numbers, Plan
from doctorglm.curate.store import Table
from doctorglm.curate.texts import Texts, View, indexed

_LONG_ANSWER_CHARS = 60
_SAME_ANSWER = 0.9
_STRICT, _LOOSE = Plan(rows=6, bands=42), Plan(rows=3, bands=84)
"""From 0.7 on, 42 bands of 6 rows find a pair with probability 0.995 and more, and propose far fewer others."""
_NUMBER = re.compile(
    r"[0-9]+(?:[./:][0-9]+)*\s*(?:[a-zA-Zμ%℃°‰]+(?:/[a-zA-Zμ0-9]+)?|岁|年|月|周|天|日|小时|分钟|次|片|粒"
    r"|支|个|两|斤|公斤|毫升|毫克|克)?"
)
_NEGATION = re.compile(r"不|没|无|未|非|别|勿|否|禁|忌|\bno\b|\bnot\b|n't|\bnever\b|\bwithout\b")


@dataclass(frozen=True, slots=True)
class Repeat:
    """A record that goes, the one that stays for it, and how alike they are; by number in the table."""

    number: int
    of: int
    similarity: float


def repeats(table: Table, numbers: Numbers, threshold: float, engine: Engine, spill: Path) -> list[Repeat]:
    """What goes of these records; which copy stays depends on the texts alone, not on their order."""
    forest, nearest = Forest(len(numbers)), dict[int, float]()
    for i, j, similarity in _pairs(table, numbers, threshold, forest, engine, spill):
        forest.join(i, j)
        for k in (i, j):
            nearest[k] = max(nearest.get(k, 0.0), similarity)
    groups: dict[int, list[int]] = {}
    for k in nearest:
        groups.setdefault(forest.root(k), []).append(k)
    gone = []
    for members in groups.values():
        found = {k: Conversation.from_dict(json.loads(*table.lines(numbers[k : k + 1])), "") for k in members}
        best = max(members, key=lambda k, found=found: _worth(found[k]))  # type: ignore[misc]
        gone += [Repeat(int(numbers[k]), int(numbers[best]), round(nearest[k], 3)) for k in members if k != best]
    return gone


def _pairs(
    table: Table, numbers: Numbers, threshold: float, forest: Forest, engine: Engine, spill: Path
) -> Iterator[tuple[int, int, float]]:
    """Pairs of places in `numbers` that are copies, and are not joined yet."""
    long = np.flatnonzero(table.columns["answer_chars"][numbers] >= _LONG_ANSWER_CHARS)
    views: list[tuple[View, Numbers, float]] = [
        ("whole", np.arange(len(numbers)), threshold),
        ("answer", long, _SAME_ANSWER),
    ]
    plans = [_STRICT if at_least >= 0.7 else _LOOSE for _, _, at_least in views]
    seen = [
        Texts(table, numbers[members], view, plan, marks) for (view, members, _), plan in zip(views, plans, strict=True)
    ]
    found = indexed(table, seen, engine, spill)
    for (_, members, at_least), texts, index in zip(views, seen, found, strict=True):

        def may_join(i: Numbers, j: Numbers, texts: Texts = texts, members: Numbers = members) -> NDArray[np.bool_]:
            apart = forest.roots(members[i]) != forest.roots(members[j])
            both: NDArray[np.bool_] = apart & (texts.marks[i] == texts.marks[j])
            return both

        for i, j, similarity in index.similar(at_least, texts.shingles, may_join):
            yield int(members[i]), int(members[j]), similarity


def marks(text: str) -> str:
    """The numbers with their units and the negations: texts that differ in these say different things."""
    even = text.casefold()
    found = Counter(re.sub(r"\s", "", mark) for mark in [*_NUMBER.findall(even), *_NEGATION.findall(even)])
    return repr(sorted(found.items()))


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
