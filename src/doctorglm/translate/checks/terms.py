"""Terms, drugs, relatives and things: the Chinese of each that the English names, and no other.

Two directions. What the English names must have a Chinese wording, of the glossary or of the lexicon, that is not only
a part of another term's; and what the Chinese names must be explained by some English.
"""

import itertools
import re
from collections.abc import Callable, Collection, Iterator, Sequence
from functools import cache
from typing import NamedTuple, TypeAlias

from doctorglm.translate.checks.alone import asks_alone, may_stand_for, told_alone
from doctorglm.translate.checks.amounts import settled
from doctorglm.translate.checks.fault import Fault, Kind
from doctorglm.translate.checks.figures import chinese_figures, english_figures
from doctorglm.translate.checks.lexicon import Row, Wording
from doctorglm.translate.checks.reading import Reading
from doctorglm.translate.checks.texts import folded, plain
from doctorglm.translate.checks.units import chinese_units
from doctorglm.translate.renderings import held

_SHOWN = 8
_IN_PARTS = 3
"""Characters of a wording that may stand in two parts: 鼻孔出血 has 鼻出血, 血压高 is 高血压."""
_GAP, _TURNED_GAP = 4, 1
"""Characters between the parts, in their order and turned round."""
Units: TypeAlias = Callable[[], Sequence[tuple[str, str]]]
"""Sentences of both sides that belong together, worked out when they are needed."""


def faults(reading: Reading, units: Units | None = None) -> Iterator[Fault]:
    """Terms without their Chinese, then Chinese without English.

    Only closed vocabulary is told alone (`alone.py`); of other terms that one stands in another's place: the English of
    one is not said, and in its sentence a Chinese one of the same group is that no English explains.
    """
    settled_units = cache(units or (lambda: [(reading.english, reading.chinese)]))
    missing, strange = _missing(reading), _strange(reading)
    taken = _exchanged(reading, missing, strange, settled_units)
    for one in missing:
        if one in taken or one.given or asks_alone(one.english, one.lists):
            yield Fault(one.kind, "term_missing", one.english, "", one.expected[:_SHOWN])
    yield from _spoken_for(missing, taken, settled_units)
    known = [
        one
        for one in strange
        if one in taken or told_alone(one.chinese, one.list) or _is_mistaken(reading, one.chinese)
    ]
    strings = [one.chinese for one in known]
    for other in known:
        if other in taken or not _may_be_unknown(reading, other, strings, settled_units):
            yield Fault(other.kind, "not_in_english", "", other.chinese)


_I_EN = re.compile(r"\b(?:i|me|my|mine|myself)\b|\bi'|\bim\b|\bive\b")
_I_ZH = re.compile(r"(?<!自)我(?![们国俩方])")


def _spoken_for(missing: Sequence["Missing"], taken: Collection[object], units: Units) -> Iterator[Fault]:
    """A relative of whom the Chinese speaks as of me: my mum had it, 我得过."""
    for one in missing:
        if "persons" not in one.lists or one in taken or one.given:
            continue
        for english, chinese in units():
            if one.english in english:
                said, there = len(_I_EN.findall(folded(english))), len(_I_ZH.findall(chinese))
                if there > said or (there == said > 0 and f"my {one.english}".lower() in folded(english)):
                    yield Fault(one.kind, "term_missing", one.english, "", one.expected[:_SHOWN])
                break


def _is_mistaken(reading: Reading, strange: str) -> bool:
    """Whether it is a wording of the English but for one character, which is not there itself: 低血压 for 高血压."""
    if len(strange) < _IN_PARTS:
        return False
    said = (plain(w.lstrip("~")) for row in reading.said.said for w in reading.row(row).chinese if len(w) >= _IN_PARTS)
    return any(
        len(word) == len(strange)
        and sum(a != b for a, b in zip(word, strange, strict=True)) == 1
        and word not in reading.chinese
        for word in said
    )


class Missing(NamedTuple):
    """A term of the English without its Chinese: the lists that name it, all wordings that would have been taken."""

    english: str
    kind: Kind
    lists: frozenset[str]
    expected: tuple[str, ...]
    given: bool
    """Whether it is of a glossary other than our own, whose terms are wanted as they stand there."""


class Strange(NamedTuple):
    """A wording of the Chinese that no English explains, and the list that it is of."""

    chinese: str
    kind: Kind
    list: str


def _missing(reading: Reading) -> list[Missing]:
    units = [one for one in english_figures(reading.english) if one.units and one.hard]
    found = []
    for (start, end), rows in reading.said.asking.items():
        if any(one.start < start and end <= one.end for one in units):
            continue  # 6 feet
        terms = [m.term for m in reading.said.covering(start, end)]
        if _is_as_it_stands(reading.english[start:end], reading.chinese):
            continue
        if not rows & reading.answered and not any(held(term.chinese, reading.chinese) for term in terms):
            said = [w.lstrip("~") for row in sorted(rows) for w in reading.row(row).chinese]
            given = tuple(dict.fromkeys([*(w for term in terms for w in term.chinese), *said]))
            if not any(in_parts(wording, reading.chinese) for wording in given):
                lists = frozenset(reading.row(row).name for row in rows)
                is_given = any("doctorglm" not in term.sources for term in terms)
                found.append(Missing(reading.english[start:end], _kind(reading, rows), lists, given, is_given))
    return found


def _exchanged(
    reading: Reading, missing: Sequence[Missing], strange: Sequence[Strange], units: Units
) -> set[Missing | Strange]:
    """Terms of one group that stand in one another's place in sentences that belong together.

    One of both must be without its other side in the whole text; the other may be said elsewhere in it, if both are of
    one list.
    """
    found: set[Missing | Strange] = set()
    for english, chinese in units() if missing or strange else ():
        here = reading if english == reading.english else reading.reader.read(english, chinese)
        lost, new = (missing, strange) if here is reading else (_missing(here), _strange(here))
        for one, other in itertools.product(lost, new):
            both = one in missing and other in strange
            alike = may_stand_for(one.lists, other.list) if both else other.list in one.lists
            if alike and not _is_part(one, other):
                found |= {one, other}
    return found & {*missing, *strange}


_NAMED_WHOLE = frozenset(("illness", "drugs"))
"""Lists whose wordings are another thing than what they hold: 肝炎 is no liver, 子宫内膜 may be said for the womb."""


def _is_part(one: Missing, other: Strange) -> bool:
    """Whether the one is said by a part of the other or the other way round: womb, 子宫内膜; birth defect, 畸形."""
    if any(other.chinese in wording for wording in one.expected):
        return True
    return other.list not in _NAMED_WHOLE and any(wording in other.chinese for wording in one.expected)


def in_parts(wording: str, chinese: str) -> bool:
    """Whether the two parts of a wording stand near one another in one clause, in either order."""
    said = plain(wording)
    if len(said) < _IN_PARTS or said.isascii():
        return False
    cuts = [(said[:at], said[at:]) for at in range(1, len(said))]
    return any(
        one in chinese and other in chinese and _near(re.escape(one), re.escape(other), chinese) for one, other in cuts
    )


def _near(one: str, other: str, chinese: str) -> bool:
    between = r"[^，。；：！？,;!?\n]"
    return re.search(f"{one}{between}{{0,{_GAP}}}{other}|{other}{between}{{0,{_TURNED_GAP}}}{one}", chinese) is not None


def _is_as_it_stands(term: str, chinese: str) -> bool:
    """Whether a term was left as it is: WBC, ALT; whether it may, another check says."""
    said = folded(term)
    return said in chinese and re.search(rf"(?<![a-z]){re.escape(said)}(?![a-z])", chinese) is not None


def _kind(reading: Reading, rows: set[int]) -> Kind:
    kinds = [reading.row(row).kind for row in sorted(rows)]
    return next((kind for kind in kinds if kind is not None), "term")


def unexplained(reading: Reading) -> list[Wording]:
    """The wordings of the Chinese that no English explains, at once, by parts or as a part of a longer wording."""
    strange = [one for one in reading.there.segments if one.rows and not reading.explains(one)]
    glossed = _glossed(reading) if strange else []
    return [
        one
        for one in strange
        if not reading.is_inside_said(one) and not any(a <= one.start and one.end <= b for a, b in glossed)
    ]


_SHORT = 2
"""Letters of a name that has no plural."""
_GLOSS = re.compile(r"([a-z][a-z0-9()-]*)?\(([^()]{2,40})\)([^，。；：！？,;!?\s()a-z0-9]{0,4})")
_HEAD = re.compile(r"[\u4e00-\u9fff-]{2,14}$")
_SAME = re.compile(r"(?:也就是|也叫|也称|又称|又叫|又名|俗称|简称|全称|即(?![使将便可刻时日])|称为)")
_BEFORE, _CLAUSE = re.compile(r"[^，。；！？,;!?]*，?$"), re.compile(r"[^，。；！？,;!?)]*")


def _glossed(reading: Reading) -> list[tuple[int, int]]:
    """Where the Chinese explains a name that the English leaves as it is: CPAP（持续气道正压通气）, 磁共振成像（MRI）.

    Of a Chinese term what stands in brackets behind it, where the English has none; what is called 也就是, 俗称.
    """
    text, said = reading.chinese.replace("（", "(").replace("）", ")"), folded(reading.english)
    names = {word for word in re.findall(r"[a-z][a-z0-9()-]*", said) if not word.isalpha() or len(word) > 1}
    names |= {name.removesuffix("s") for name in names if len(name) > _SHORT}
    found = []
    for match in _GLOSS.finditer(text):
        start, end = match.span(2)
        if match[1] and match[1] in names:
            found.append((start, match.end()))
        elif match[2] in names or match[2].strip() in said.split():
            head = _HEAD.search(text, max(0, match.start() - 14), match.start())
            found.append((head.start() if head else start, match.end()))
        elif "(" not in said and not match[1]:
            found.append((start, end))
    for same in _SAME.finditer(text):
        before, after = _BEFORE.search(text, 0, same.start()), _CLAUSE.match(text, same.end())
        if before and after:
            is_name = any(name in after[0] for name in names)
            found.append((before.start(), same.start()) if is_name else after.span())
    return found


def _strange(reading: Reading) -> list[Strange]:
    spans = settled(reading.english, reading.chinese)
    said = {figure.value for figure in english_figures(reading.english)}
    counted = {
        one.start for one in chinese_figures(reading.chinese) if one.units and one.value > 1 and one.value in said
    }
    found = []
    for one in unexplained(reading):
        row = _asks_as(reading, one)
        if row is None or row.kind is None:
            continue
        if row.kind == "unit_or_dose" and any(one.start < b and a < one.end for a, b in spans):
            continue
        if row.kind == "unit_or_dose" and (chinese_units(reading.chinese, one.start) or one.start in counted):
            continue  # amounts are compared by themselves
        found.append(Strange(reading.chinese[one.start : one.end], row.kind, row.name))
    return found


def _asks_as(reading: Reading, one: Wording) -> Row | None:
    """The row that a wording without English is of; nothing where it need not have any."""
    own = [pair for pair in one.rows if pair[0] < reading.reader.first_term]
    rows = [reading.row(row) for row, strong in own or one.rows if strong]
    return rows[0] if rows and all(row.kind is not None for row in rows) else None


def _may_be_unknown(reading: Reading, one: Strange, strange: Sequence[str], units: Units) -> bool:
    """Whether the English of its sentence has as many words that no list knows as the Chinese has strange wordings.

    A drug may also be the generic name of a brand, which has a capital where it begins a sentence, too.
    """
    if one.kind not in ("term", "drug"):
        return False
    for english, chinese in units():
        there = reading.reader.chinese(chinese).text
        if one.chinese in there:
            alike, said = sum(other in there for other in strange), reading.reader.english(english)
            return alike <= len({*said.brands, *said.unknown} if one.kind == "drug" else said.unknown)
    return False
