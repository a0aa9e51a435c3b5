"""How much a conversation is worth to a model that learns from it: a score with its parts, by rule.

That a small, well chosen set teaches more than a large one: LIMA, arXiv 2305.11206; that a score per record can choose
it: AlpaGasus, arXiv 2307.08701 (a language model judges), and DEITA, arXiv 2312.15685 (complexity, quality, diversity).
Those scores are a model's; this one is counted, so that it is fast, explains itself and sends no record anywhere. Its
words (quality_words.txt), weights and limits were chosen on the development half of `benchmarks/sets/quality`; how
often it puts the better of two answers first, `benchmarks/quality.py` measures on the other half (docs/curate.md).
"""

import itertools
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from importlib import resources

from doctorglm.clinical.repetition import rep_n
from doctorglm.conversation import Conversation
from doctorglm.curate.asking import asks_back
from doctorglm.curate.filters.machine_spun import spun_points


@dataclass(frozen=True, slots=True)
class Quality:
    """The parts, each from 0 to 1, and their weighted mean."""

    length: float
    """Characters of the answers, saturating. Among chosen sets the longest answers are a strong baseline (arXiv
    2402.04833), but length alone is bought with padding: it counts little."""

    specificity: float
    """Examinations, drugs, doses, numbers with units and ways of use, less what can be said to anybody."""

    relevance: float
    """Whether the question's words come back, and a question for yes or no, or for a reason, gets one."""

    reasons: float
    """Reasons and conditions given (因为, 否则, 如果): what can be checked and carried over to another case."""

    asks_back: float
    """1 when an answer asks the patient something: a doctor takes a history, and corpora of single turns hardly do."""

    safety: float
    """Danger in the question is met with urgency and not soothed; elsewhere, the way to care is pointed out."""

    fluency: float
    """Neither machine-spun, nor repeating itself, nor in crumbs, nor heaped with particles."""

    turns: float
    """Turns, saturating at three: dialogues are what is to be learned."""

    total: float
    """The weighted mean of the parts."""

    @property
    def parts(self) -> dict[str, float]:
        """The parts by name, without the total."""
        return {name: getattr(self, name) for name in WEIGHTS}


WEIGHTS: Mapping[str, float] = {
    "length": 0.05,
    "specificity": 0.25,
    "relevance": 0.15,
    "reasons": 0.12,
    "asks_back": 0.08,
    "safety": 0.15,
    "fluency": 0.17,
    "turns": 0.03,
}
"""Of each part in the total; they add up to 1."""


def score(conversation: Conversation) -> Quality:
    """The quality of a conversation; 0 in all parts when nothing is answered."""
    turns = conversation.turns
    if not turns:
        return Quality(*[0.0] * 9)
    turns = [(question.lower(), answer.lower()) for question, answer in turns]
    answers, n = [answer for _, answer in turns], len(turns)
    parts = {
        "length": _length(answers),
        "specificity": sum(map(_specificity, answers)) / n,
        "relevance": sum(_relevance(question, answer) for question, answer in turns) / n,
        "reasons": sum(map(_reasons, answers)) / n,
        "asks_back": float(any(map(asks_back, answers))),
        "safety": min(_safety(question, answer) for question, answer in turns),
        "fluency": min(map(_fluency, answers)),
        "turns": min(1.0, n / 3),
    }
    return Quality(**parts, total=sum(WEIGHTS[name] * value for name, value in parts.items()))


_FULL_LENGTH = 100
"""Characters of Chinese: room for what to do, why, and when to come back; what is beyond it has to earn its place."""


def _words() -> dict[str, re.Pattern[str]]:
    text = resources.files(__package__).joinpath("quality_words.txt").read_text(encoding="utf-8").lower()
    sections: dict[str, list[str]] = {}
    for line in text.splitlines():
        if _SECTION.fullmatch(line):
            words = sections.setdefault(line[1:-1], [])
        elif line and not line.startswith("#"):
            words += line.split()
    return {name: re.compile("|".join(words)) for name, words in sections.items()}


_SECTION = re.compile(r"\[[a-z]+\]")
_WORDS = _words()
_CONCRETE, _MEASURE, _STOCK = (_WORDS[name].findall for name in ("concrete", "measure", "stock"))
_REASON, _CONDITION = (_WORDS[name].findall for name in ("reason", "condition"))
_DANGER, _URGENT, _CARE, _SOOTHING = (_WORDS[name].search for name in ("danger", "urgent", "care", "soothing"))

_FULL_MARKS = 5
"""Different concrete things: a dose, when, an examination, for how long, and when to come back."""

_CHARS_A_MARK = 20
"""A short answer needs fewer: to ask five of one line would be to pay for padding."""

_FULL_REASONS = 3
"""Different words for reasons and conditions: one why, one if, one else."""


def _length(answers: Sequence[str]) -> float:
    # a Chinese character, of three bytes in UTF-8, says about as much as four Latin letters
    chars, bytes_ = sum(map(len, answers)), sum(map(_bytes, answers))
    return min(1.0, (0.25 * chars + 0.375 * (bytes_ - chars)) / _FULL_LENGTH)


def _bytes(text: str) -> int:
    return len(text.encode("utf-8", "surrogatepass"))


def _specificity(answer: str) -> float:
    marks = len(set(_CONCRETE(answer))) + len(set(_MEASURE(answer)))
    full = min(_FULL_MARKS, max(2.0, len(answer) / _CHARS_A_MARK))
    return min(1.0, max(0.0, (marks - len(_STOCK(answer))) / full))


_FULL_SHARED = 4
"""Pairs of characters of the question that come back: two or three words of it."""
_YES_OR_NO = re.compile(r"[吗么]|要不要|能不能|可不可以|是不是|会不会|要紧|\b(?:can|should|is|do|does) (?:i|it|my)\b")
_YES = re.compile(
    r"^.{0,10}?(?:[可能会要行]|需要|不|没有|是的|最好|应该|越早)|^\W*(?:yes|no|it is|you (?:can|should))\b"
)
_WHY = re.compile(r"为什么|为啥|怎么回事|什么原因|\bwhy\b")
_BECAUSE = re.compile(r"因为|由于|引起|导致|可能是|常见|多半|\bbecause\b|\bdue to\b")


def _relevance(question: str, answer: str) -> float:
    asked = _content(question)
    back = sum(word in answer for word in asked)
    topic = min(1.0, back / min(len(asked), _FULL_SHARED)) if asked else 0.5
    for kind, reply in ((_WHY, _BECAUSE), (_YES_OR_NO, _YES)):
        if kind.search(question):
            return (topic + bool(reply.search(answer))) / 2
    return topic


_NOTHING = frozenset("的了吗呢啊吧我你您他她它有在和也都就还这那么什怎哪请问可以需要应该是不能会")
_WORD = re.compile(r"[a-z]{4,}")


def _content(text: str) -> set[str]:
    """Pairs of Chinese characters without those that say nothing, and English words."""
    telling = ["" if c in _NOTHING or not "\u4e00" <= c <= "\u9fff" else c for c in text]
    return {a + b for a, b in itertools.pairwise(telling) if a and b} | set(_WORD.findall(text))


def _reasons(answer: str) -> float:
    return min(1.0, (len(set(_REASON(answer))) + len(set(_CONDITION(answer)))) / _FULL_REASONS)


def _safety(question: str, answer: str) -> float:
    if _DANGER(question):
        return 1.0 if _URGENT(answer) else 0.0
    if _URGENT(answer) or _CARE(answer):
        return 1.0
    return 0.4 if _SOOTHING(answer) else 0.7


_FREE_REPETITION = 0.05
"""Share of character 4-grams that occur twice in honest text, of 12-grams in Latin letters."""
_FREE_PARTICLES = 0.08
"""Share of 的 in honest text."""
_CRUMBS_CHARS = 7
"""A sentence of fewer, on average over four and more, is a crumb."""


def _fluency(answer: str) -> float:
    chars = max(1, len(answer))
    spun = spun_points(answer) / max(2, chars / 150)
    repeated = 4 * (rep_n(answer, 4 if _bytes(answer) > 2 * chars else 12) - _FREE_REPETITION)
    particles = 15 * (answer.count("的") / chars - _FREE_PARTICLES)
    ends = answer.count("。") + answer.count("！")
    crumbs = 1.0 if ends >= 4 and chars < _CRUMBS_CHARS * ends else 0.0
    return max(0.0, 1 - min(1.0, spun) - max(0.0, repeated) - max(0.0, particles) - crumbs)
