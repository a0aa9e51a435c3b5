"""Names of single drugs in a text: those of `clinical.terms`, and what is built as a drug's name.

Stems: WHO, The use of stems in the selection of International Nonproprietary Names (INN), and the Chinese ones in use
for them. A class of drugs (抗生素, 退烧药) is no name.
"""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from doctorglm.clinical.folding import folded
from doctorglm.clinical.terms import Term

CLASSES = frozenset((
    "抗生素", "退烧药", "止咳药", "止痛药", "止泻药", "感冒药", "降压药", "降糖药", "激素",
    "抗过敏药", "中药", "维生素", "锌", "铁剂", "钙片", "益生菌", "避孕药",
))  # fmt: skip
"""Norms of `clinical.terms` that name a class of drugs, or what food has too."""

_HAN = "\u4e00-\u9fff"
_STEM = re.compile(
    rf"(?P<head>[{_HAN}]{{1,4}})(?:霉素|西林(?![业区地])|沙星|他汀|沙坦|地平(?![均面线原])|洛尔|普利|拉唑|替丁|昔布|康唑|洛韦|那韦|夫定|替尼|单抗|列汀|列净|"
    r"鲁肽|双胍|西泮|唑仑|西汀|普兰|司特|司琼|曲坦|沙班|膦酸钠?|卡因|噻嗪|呋辛|克肟|曲松|哌酮)"
)
_PARTS = frozenset(
    "用服吃给予加换以和及或与的了在把种些请打注射喝选开是即如像者时期后前内人为由到有无同应需能会都还也每日天次"
)
"""Characters before a stem that are no part of the name."""
_KNOWN_END = 4
"""Characters at the end of a name that only its stem tells, which are looked for: it may have been taken too long."""
_LATIN = re.compile(
    r"(?<![a-z])[a-z]{3,18}(?:cillin|mycin|micin|floxacin|cycline|conazole|azole|statin|sartan|dipine|olol|pril|tidine"
    r"|coxib|ciclovir|virine|navir|tinib|mab|gliptin|gliflozin|glutide|formin|lukast|setron|triptan|azepam|azolam|oxetine"
    r"|profen|dronate|parin|xaban|thiazide|sone|solone)s?(?![a-z])"
)
_OTHER = re.compile(r"可定[期时量]|(?:情绪|病情|心神|生活|社会)安定|安定(?:下来|情绪|团结)|先锋(?:队|模范|作用)")
"""Where a brand's name stands and means something else."""


@dataclass(frozen=True, slots=True)
class DrugName:
    """A drug at `text[start:end]`; `name` is that of `clinical.terms`, or the word itself where that has none."""

    start: int
    end: int
    name: str
    listed: bool

    def stands_in(self, plain: str) -> bool:
        """Whether a name that no list has stands in a folded text."""
        return not self.listed and (
            self.name in plain or (not self.name.isascii() and self.name[-_KNOWN_END:] in plain)
        )


def drug_names(text: str, terms: Sequence[Term]) -> list[DrugName]:
    """The single drugs that a text names; `terms` are those of `clinical.terms.find`."""
    plain = folded(text)
    others = [match.span() for match in _OTHER.finditer(plain)]
    found = [
        DrugName(term.start, term.end, term.norm, True)
        for term in terms
        if term.type == "drug" and term.norm not in CLASSES and not _within(term.start, term.end, others)
    ]
    spans = [(term.start, term.end) for term in terms if term.type == "drug"]
    found += [one for one in _built(plain, [term.end for term in terms]) if not _within(one.start, one.end, spans)]
    return sorted(found, key=lambda one: one.start)


def _built(plain: str, ends: Sequence[int]) -> Iterator[DrugName]:
    for match in _STEM.finditer(plain):
        first, last = match.span("head")
        start = 1 + max((i for i in range(first, last) if plain[i] in _PARTS), default=first - 1)
        start = max((end for end in ends if start < end <= last), default=start)
        if start < last:
            yield DrugName(start, match.end(), plain[start : match.end()], False)
    for match in _LATIN.finditer(plain):
        yield DrugName(*match.span(), match[0].removesuffix("s"), False)


def _within(start: int, end: int, spans: Sequence[tuple[int, int]]) -> bool:
    return any(first < end and start < last for first, last in spans)
