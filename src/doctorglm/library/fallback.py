"""The evidence itself as the answer: its best sentences, cited, where a model's own have too little support."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from doctorglm.clinical.evidence import Evidence
from doctorglm.language import Text, spoken
from doctorglm.library.cited import Sentence
from doctorglm.library.claims import Claim, claim_of
from doctorglm.library.headings import asked_for
from doctorglm.library.prompt import labelled
from doctorglm.library.sentences import split

BEGINS = Text(
    en="This is what the sources say, word for word:",
    zh="以下是资料中的原文：",
)
ENDS = Text(
    en="These are quotations, not a diagnosis. A doctor can say what applies to you.",
    zh="以上是资料的摘录，不是诊断；具体情况请咨询医生。",
)
FEWEST, MOST = 2, 6
"""Sentences: one alone lacks what limits it, and more than six are no answer but the page itself."""
_LONGEST = 300
"""Characters of a sentence, of a list with its lead, that is quoted; a longer one only where there is no other."""
_ASKED = 2.0
"""What a sentence gains in a section that the question asks for: as much as a term of the question."""
_TERM = 2.0
_LATER = 0.1
"""What each passage further from the best loses."""


@dataclass(frozen=True, slots=True)
class _Part:
    """A sentence of a passage, and how well it answers."""

    passage: int
    place: int
    text: str
    score: float


def extracted(question: str, evidence: Sequence[Evidence]) -> str:
    """Two to six sentences of the evidence, in reading order, each cited, between two fixed ones; "" without evidence.

    They are those that share the most terms and words with the question, and of the sections that it asks for. The
    first passage is [1]; the language is the question's.
    """
    asked, keys = claim_of(question), asked_for(question)
    parts = [part for number, one in enumerate(evidence, 1) for part in _parts(number, one, asked, keys)]
    parts = [part for part in parts if len(part.text) <= _LONGEST] or parts
    best = sorted(parts, key=lambda part: (-part.score, part.passage, part.place))
    wanted = [part for part in best if part.score > 0][:MOST]
    wanted += [part for part in best if part not in wanted][: max(0, FEWEST - len(wanted))]
    if not wanted:
        return ""
    return _written(sorted(wanted, key=lambda part: (part.passage, part.place)), evidence, question)


def _parts(number: int, one: Evidence, asked: Claim, keys: Sequence[str]) -> Iterator[_Part]:
    """The sentences of a passage, once each."""
    extra = _ASKED if one.key in keys else 0.0
    for place, text in enumerate(dict.fromkeys(split(one.text))):
        if not (said := " ".join(text.split())):
            continue
        overlap = _overlap(asked, one, said)
        score = overlap + extra - _LATER * number if overlap or extra else 0.0
        yield _Part(number, place, said, score)


def _overlap(asked: Claim, one: Evidence, text: str) -> float:
    """Terms and words that a sentence shares with the question; its passage's title stands for its subject."""
    claim, about = claim_of(text), {said.name for said in claim_of(one.title).said}
    own = {said.name for said in claim.said}
    words = set(claim.words)
    terms = sum(_TERM if said.name in own else _TERM / 2 for said in asked.said if said.name in own | about)
    return terms + sum(1.0 for word in asked.words if word in words)


def _written(parts: Sequence[_Part], evidence: Sequence[Evidence], question: str) -> str:
    """A line for each passage, under what it is of."""
    language = spoken(question)
    lines: dict[int, str] = {}
    gap = "" if language == "zh" else " "
    for part in parts:
        label = labelled(evidence[part.passage - 1], language)
        head = f"{label}：" if language == "zh" else f"{label}: "
        cited = Sentence.of(part.text).written([part.passage], (), marked=False)
        lines[part.passage] = lines[part.passage] + gap + cited if part.passage in lines else head + cited
    return "\n".join([getattr(BEGINS, language), *lines.values(), getattr(ENDS, language)])
