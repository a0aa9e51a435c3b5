"""Whether passages support what a sentence says.

Every figure and every drug must stand in them, what is denied in one must not be affirmed in the other, and of the
other words a share.
"""

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cached_property, lru_cache
from typing import Literal, TypeAlias

from doctorglm.clinical.evidence import Evidence
from doctorglm.clinical.folding import folded
from doctorglm.library.claims import Claim, Said, against, claim_of
from doctorglm.library.drug_names import DrugName
from doctorglm.library.figures import Figure, Figures
from doctorglm.library.sentences import split

SHARE = 0.5
"""Of a sentence's words that must stand in the passages it cites. A sentence that was copied has them all, and one that
keeps the terms and says the rest in other words most; one about something else of the same disease has little more than
the disease's name. Half lies between, and what must not be wrong (figures, drugs, denials) is asked for besides."""
_TERM = 2
"""Words that a term counts for: a name of three characters has two bigrams."""

Lack: TypeAlias = Literal["", "figure", "drug", "denied", "words"]
"""Why a sentence is not supported; "" where it is."""

_AGAINST_ALL, _HEADING = "contraindications", "禁忌："
_SAYS_ITSELF = re.compile(r"医生|医嘱|医师|药师|可以|(?i:doctor|may|can|should)")


@dataclass(frozen=True)
class Passage:
    """What a passage says, read once; what its title names is neither affirmed nor denied by that."""

    evidence: Evidence

    @cached_property
    def plain(self) -> str:
        """Its words, those of title and heading included, folded."""
        one = self.evidence
        return folded(f"{one.title}\n{one.heading}\n{one.text}")

    @cached_property
    def says(self) -> dict[str, frozenset[bool]]:
        """Of each term and group whether it is denied there, both where the passage says both."""
        found: dict[str, set[bool]] = {}
        for part in split(self.evidence.text):
            for one in claim_of(part, self._lead_of(part)).said:
                found.setdefault(one.name, set()).add(one.denied)
        for one in claim_of(self.evidence.title).said:
            found[one.name] = {True, False}
        return {name: frozenset(denied) for name, denied in found.items()}

    def _lead_of(self, part: str) -> str:
        """What leads to a sentence: under 禁忌 the heading does, unless the sentence says itself what is to be done."""
        if self.evidence.key != _AGAINST_ALL or against(part) or _SAYS_ITSELF.search(part):
            return ""
        return _HEADING

    @cached_property
    def figures(self) -> Figures:
        """Its figures."""
        return Figures(self.evidence.text)

    @cached_property
    def drugs(self) -> frozenset[str]:
        """The drugs that it names, and its title."""
        texts = [self.evidence.title, *split(self.evidence.text)]
        return frozenset(drug.name for text in texts for drug in claim_of(text).drugs)

    @cached_property
    def latin(self) -> str:
        """Its English words, a blank before each."""
        return " " + " ".join(re.findall(r"[a-z]+", self.plain))

    def names(self, drug: DrugName) -> bool:
        """Whether it names a drug."""
        return drug.name in self.drugs or drug.stands_in(self.plain)

    def has(self, word: str) -> bool:
        """Whether a word of `claims.words_of` stands in it."""
        return f" {word}" in self.latin if word.isascii() else word in self.plain


@lru_cache(256)
def passage_of(evidence: Evidence) -> Passage:
    """The passage, kept for a while: every sentence of an answer is held against it."""
    return Passage(evidence)


def lack_of(claim: Claim, passages: Sequence[Passage], least: float = SHARE) -> Lack:
    """What the passages lack to support a sentence, the gravest first."""
    if any(not holds(passages, drug) for drug in claim.drugs):
        return "drug"
    if any(not gives(passages, figure) for figure in claim.figures):
        return "figure"
    if any(_contradicted(passages, one) for one in claim.said):
        return "denied"
    return "" if share(claim, passages) >= least else "words"


def holds(passages: Iterable[Passage], drug: DrugName) -> bool:
    """Whether a passage names the drug."""
    return any(passage.names(drug) for passage in passages)


def gives(passages: Iterable[Passage], figure: Figure) -> bool:
    """Whether a passage gives the figure."""
    return any(passage.figures.holds(figure) for passage in passages)


def share(claim: Claim, passages: Sequence[Passage]) -> float:
    """The share of a sentence's terms and words that stand in the passages; 1 where it has none."""
    terms = [(one.name, one.text) for one in claim.said]
    whole = _TERM * len(terms) + len(claim.words)
    if not whole:
        return 1.0
    plain = [folded(text) for _, text in terms]
    held = sum(
        _TERM
        for (name, _), text in zip(terms, plain, strict=True)
        if any(name in passage.says or text in passage.plain for passage in passages)
    )
    held += sum(1 for word in claim.words if any(passage.has(word) for passage in passages))
    return held / whole


def _contradicted(passages: Iterable[Passage], one: Said) -> bool:
    """True where the passages speak of a term, and only the other way."""
    said = {denied for passage in passages for denied in passage.says.get(one.name, ())}
    return bool(said) and one.denied not in said
