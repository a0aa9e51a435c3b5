"""Which key a heading has, and which keys a question asks for: both from `headings.txt`."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from importlib import resources
from typing import TypeAlias

from doctorglm.clinical.folding import folded

OTHER = "other"

NAMES: dict[str, tuple[str, str]] = {
    "overview": ("概述", "Overview"),
    "causes": ("病因", "Causes"),
    "symptoms": ("症状", "Symptoms"),
    "diagnosis": ("诊断", "Diagnosis"),
    "treatment": ("治疗", "Treatment"),
    "prevention": ("预防", "Prevention"),
    "prognosis": ("预后", "Prognosis"),
    "care": ("何时就医", "When to see a doctor"),
    "uses": ("用途", "Uses"),
    "dosage": ("用法用量", "Dosage"),
    "precautions": ("用前须知", "Precautions"),
    "side_effects": ("不良反应", "Side effects"),
    "contraindications": ("禁忌", "Contraindications"),
    "interactions": ("相互作用", "Interactions"),
    "storage": ("储存", "Storage"),
    OTHER: ("其他", "Other"),
}
"""The keys, with their names in Chinese and English."""

_LATIN = re.compile(r"[a-z]+")
_AROUND = " ：:#*·.-0123456789、【】"
"""What stands around a heading and is none of it."""


@dataclass(frozen=True, slots=True)
class _Key:
    name: str
    headings: tuple[str, ...]
    asked: re.Pattern[str]


@cache
def _keys() -> tuple[_Key, ...]:
    text = resources.files(__package__).joinpath("headings.txt").read_text(encoding="utf-8")
    return tuple(_parsed(line) for line in text.splitlines() if line.strip() and not line.startswith("#"))


def _parsed(line: str) -> _Key:
    name, _, rest = line.partition(":")
    headings, _, asked = rest.partition("|")
    # the longest first: of 怎么治疗 no 疗 is to be left
    return _Key(name, tuple(headings.split()), re.compile("|".join(sorted(_patterns(asked), key=len, reverse=True))))


def _patterns(asked: str) -> Iterator[str]:
    """Chinese words stand between spaces, English ones between commas and between no letters."""
    first = _LATIN.search(asked)
    chinese, english = (asked[: first.start()], asked[first.start() :]) if first else (asked, "")
    for word in chinese.split():
        yield re.escape(word).replace("…", "[^，。？！,?!]{0,8}?")
    for phrase in filter(None, map(str.strip, english.split(","))):
        yield rf"(?<![a-z]){re.escape(phrase)}(?![a-z])"


def key_of(heading: str) -> str:
    """The key of a heading; `other` for one that is in no list."""
    plain = folded(heading).strip(_AROUND)
    words = set(_LATIN.findall(plain))
    for exact in (True, False):
        for key in _keys():
            for known in key.headings:
                if known == plain or (not exact and (known in words if known.isascii() else known in plain)):
                    return key.name
    return OTHER


def asked_for(question: str) -> tuple[str, ...]:
    """The keys that a question asks for, in the order of the words that say so; none where it does not say."""
    return tuple(dict.fromkeys(name for _, _, name in asking(question)))


Asks: TypeAlias = tuple[int, int, str]
"""`question[start:end]` asks for a key."""


def asking(question: str) -> list[Asks]:
    """The words of a question that ask for something, in order.

    None stands within a longer one: 副作用 does not ask what a drug is for (作用).
    """
    plain = folded(question)
    found = [(*match.span(), key.name) for key in _keys() for match in key.asked.finditer(plain)]
    spans = {(start, end) for start, end, _ in found}
    return sorted(one for one in found if not any(a <= one[0] and one[1] <= b and (a, b) != one[:2] for a, b in spans))


def is_heading(line: str) -> bool:
    """True for a line that is nothing but known headings: 临床表现, 病因与发病机制, Signs and symptoms:.

    False for one that only contains some: 治疗后应注意休息.
    """
    plain = folded(line).strip(_AROUND)
    known = {heading for key in _keys() for heading in key.headings}
    if plain.isascii():
        said = [word for word in _LATIN.findall(plain) if word not in _BETWEEN]
        return line.strip()[:1].isupper() and bool(said) and known.issuperset(said)
    return plain in known or all(part in known for part in _JOINED.split(plain))


_BETWEEN = frozenset({"and", "or", "of", "the"})
_JOINED = re.compile("[与及和、/]")
