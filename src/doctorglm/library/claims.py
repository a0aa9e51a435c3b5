"""What a text says, in parts that can be compared: terms and whether they are denied, drugs, figures, other words.

A part is denied where `clinical.terms` says so, or where its clause advises against: 孕妇禁用, avoid in pregnancy.
"""

import re
from bisect import bisect_left, bisect_right
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache
from itertools import pairwise

from doctorglm.clinical.folding import folded
from doctorglm.clinical.terms import Term, find
from doctorglm.library.drug_names import DrugName, drug_names
from doctorglm.library.figures import Figure, figures

_AGAINST = re.compile(
    r"禁[用忌止服食]|忌[用服口]?|慎用|避免|不[能要宜可得应该用需必]|不建议|不推荐|不适[合用]|勿|(?<![特分鉴性级个类区识差告])别(?![的人嘌是处名])|停用|没必要"
    r"|无[需须]|并非|(?<![a-z])(?:not|never|avoid|without|contraindicated|cannot|can't|don't|doesn't|shouldn't|no)(?![a-z])"
)
_CLAUSE = re.compile(r"[，,；;。！？!?\n]|但是?|(?<![a-z])but(?![a-z])|\.(?=\s|$)")
_ENDS = "。！？!?\n"
_END = re.compile(r"[。！？!?]")
_GROUPS = {
    "pregnant": r"孕妇|孕期|怀孕|妊娠|备孕|(?<![a-z])pregnan(?:t|cy)",
    "breastfeeding": r"哺乳|喂奶|breast-?feeding|(?<![a-z])nursing",
    "child": r"儿童|孩子|小孩|小儿|婴儿|婴幼儿|幼儿|新生儿|宝宝"
    r"|(?<![a-z])(?:child(?:ren)?|infants?|bab(?:y|ies))(?![a-z])",
    "old": r"老人|老年|(?<![a-z])(?:elderly|older (?:people|adults))(?![a-z])",
    "alcohol": r"酒|(?<![a-z])alcohol",
    "driving": r"开车|驾车|驾驶|(?<![a-z])driv(?:e|ing)(?![a-z])",
    "liver": r"肝功能|肝损|(?<![a-z])(?:liver|hepatic)(?![a-z])",
    "kidney": r"肾功能|肾损|(?<![a-z])(?:kidney|renal)(?![a-z])",
}
"""For whom, and with what, something may or may not be done."""
_GROUP = re.compile("|".join(f"(?P<{name}>{words})" for name, words in _GROUPS.items()))
_TAKES = re.compile(
    r"服|吃[^，。]{0,6}药|口服|含服|涂|滴|喷|注射|静滴|肌注|用药|药|每次|一次|"
    r"(?<![a-z])(?:take|takes|taken|taking|dose|doses|inject|apply|tablets?|capsules?|daily)(?![a-z])"
)
_BINDING = re.compile(
    r"[的了着过吗呢吧啊呀哦]|怎么样?|怎样|什么|如何|为什么|为何|可以|可能|能够|应该|应当|必须|需要|建议|一般|通常|往往|常常|经常|主要|包括|以及|或者|还是|并且|而且|因为|所以"
    r"|由于|因此|如果|但是|虽然|对于|关于|这种|这个|这些|那些|它们?|他们?|她们?|您|你们?|我们?|以下|如下|具体|方面|情况|时候|等等|有些|一些|一定"
    r"|非常|比较|特别|根据|资料|进行|其他|其中|同时|另外|此外|首先|其次|最后|总之|以上|请|是指|属于|就是|也就是|是一种|是由|会有|都会|也会|就会"
)
_HAN_RUN = re.compile(r"[\u3400-\u9fff]{2,}")
_WORD = re.compile(r"(?<![a-z])[a-z]{3,24}(?![a-z])")
_SMALL = {
    "the", "and", "for", "are", "was", "were", "has", "have", "had", "can", "could", "may", "might", "will",
    "would", "should", "must", "with", "from", "into", "onto", "that", "this", "these", "those", "they", "them",
    "their", "there", "then", "than", "when", "where", "which", "while", "who", "whom", "whose", "what", "why",
    "how", "its", "his", "her", "your", "you", "our", "not", "but", "also", "such", "some", "any", "all", "each",
    "every", "most", "more", "many", "much", "very", "often", "usually", "sometimes", "about", "over", "under",
    "between", "among", "because", "through", "during", "before", "after", "other", "others", "another", "both",
    "either", "only", "just", "even", "still", "yet", "being", "been", "does", "did", "doing", "done", "use",
    "used", "using", "include", "includes", "including", "please", "well", "known", "called", "one", "two",
    "people", "person",
}  # fmt: skip
"""English words that only bind."""


@dataclass(frozen=True, slots=True)
class Said:
    """A term or a group of people in a text, by its name, and whether it is denied there."""

    name: str
    text: str
    denied: bool


@dataclass(frozen=True, slots=True)
class Claim:
    """What a sentence says; places are those in its text."""

    said: tuple[Said, ...]
    drugs: tuple[DrugName, ...]
    figures: tuple[Figure, ...]
    words: tuple[str, ...]
    """Bigrams of Chinese characters, and English words without their last letters, of what is left."""

    @property
    def empty(self) -> bool:
        """True where there is nothing that a passage could support."""
        return not (self.said or self.drugs or self.figures) and len(self.words) < _FEW


_FEW = 2
"""Of fewer words a sentence says nothing that could be looked up: 好的。"""


@lru_cache(1024)
def claim_of(text: str, lead: str = "") -> Claim:
    """What a sentence says; a line that leads to it (以下病人禁用：) denies what it denies."""
    terms = find(text)
    drugs = drug_names(text, terms)
    taken = bool(drugs) or _TAKES.search(folded(text)) is not None
    numbers = figures(text, taken=taken)
    within = [(term.start, term.end) for term in terms]
    kept = tuple(one for one in numbers if one.kind or not _within(one.start, one.end, within))
    words = tuple(dict.fromkeys(words_of(_blanked(text, [*within, *((n.start, n.end) for n in kept)]))))
    return Claim(tuple(dict.fromkeys(_said(text, terms, lead))), tuple(drugs), kept, words)


def against(text: str) -> bool:
    """True where a clause advises against something."""
    return _AGAINST.search(folded(text)) is not None


def _said(text: str, terms: Sequence[Term], lead: str) -> Iterator[Said]:
    plain = folded(text)
    clauses = [match.span() for match in _CLAUSE.finditer(plain)]
    places = [(term.start, term.end, term.norm, term.status == "denied") for term in terms]
    places += [(match.start(), match.end(), match.lastgroup or "", False) for match in _GROUP.finditer(plain)]
    for start, end, name, denied in sorted(places):
        clause = _clause(plain, start, end, clauses)
        yield Said(name, text[start:end], denied or any(map(against, (lead, clause, _leading(plain, start)))))


def _clause(plain: str, start: int, end: int, breaks: Sequence[tuple[int, int]]) -> str:
    """The clause in which a place stands, given where clauses are parted."""
    first = bisect_right(breaks, start, key=_second)
    last = bisect_left(breaks, end, key=_first)
    return plain[breaks[first - 1][1] if first else 0 : breaks[last][0] if last < len(breaks) else len(plain)]


def _first(span: tuple[int, int]) -> int:
    return span[0]


def _second(span: tuple[int, int]) -> int:
    return span[1]


def _leading(plain: str, start: int) -> str:
    """The words before the last colon, where no sentence ends between that and the place."""
    colon = max(plain.rfind(mark, 0, start) for mark in ":：")
    if colon < 0 or _END.search(plain, colon, start):
        return ""
    return plain[max(plain.rfind(mark, 0, colon) for mark in _ENDS) + 1 : colon]


def words_of(text: str) -> Iterator[str]:
    """The words of a text beyond those that only bind."""
    plain = folded(text)
    for run in _HAN_RUN.findall(_BINDING.sub(" ", plain)):
        yield from map("".join, pairwise(run))
    for word in _WORD.findall(plain):
        if word not in _SMALL:
            yield stem(word)


def stem(word: str) -> str:
    """An English word without what its forms differ in: treat of treated and treatment."""
    return word[: max(4, len(word) - 4)]


def _blanked(text: str, spans: Sequence[tuple[int, int]]) -> str:
    for start, end in spans:
        text = text[:start] + " " * (end - start) + text[end:]
    return text


def _within(start: int, end: int, spans: Sequence[tuple[int, int]]) -> bool:
    return any(first <= start and end <= last for first, last in spans)
