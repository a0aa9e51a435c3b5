"""What an answer says, read off without a model: its terms and quantities, its language, and marks of a broken answer.

Source of the readings: `clinical.terms` and `clinical.quantities`; their faults are these figures' faults.
"""

import re
from typing import Literal, TypeAlias

from doctorglm.clinical.quantities import Kind, Quantity, quantities
from doctorglm.clinical.terms import Term, Turn, find_in

Script: TypeAlias = Literal["zh", "en", "other"]

DOSING: frozenset[Kind] = frozenset({"dose", "volume", "count", "frequency"})
"""The kinds of quantities that say how much of a medicine is taken, and how often."""

_HAN = re.compile(r"[\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff\U00020000-\U0003134f]")
_LATIN_WORD = re.compile(r"[A-Za-zÀ-ÖØ-öø-ɏ]+")
_FOREIGN = 0.2
"""The share of letters of other scripts from which a text is in neither language: Japanese has Han characters too."""

_AGAINST = re.compile(
    r"(?:(?<![要用需能可])不(?:用|要|需|必|能|可以|宜|应|建议|推荐)|无需|别(?![的人处])|避免|禁|忌|停(?:用|止|服|吃)?"
    r"|\b(?:not|n't|avoid|stop|never|without|no need (?:for|of|to))\b)[^，。；：！？,.;:!?\n忘停断漏少]{0,12}$",
    re.IGNORECASE,
)
"""What advises against a drug or an examination, up to where that stands: 不用吃, 避免服用. `不要忘记吃` does not."""

_PEOPLE = (
    r"病人|患者(?:家属)?|家属|医生|医师|大夫|用户|助手|机器人|问|答"
    r"|user|human|patient|doctor|physician|assistant"
)
_MARKER = re.compile(
    rf"(?:^|(?<=[\n。！？!?；;.]))[ \t\u3000*#>]*(?:{_PEOPLE})\s?[0-9]{{0,2}}[*\s]{{0,3}}[:：]"
    rf"|[<＜〈【\[](?:{_PEOPLE})[>＞〉】\]]"
    r"|<\|[a-z_]{2,20}\|?>|\[Round [0-9]+\]",
    re.IGNORECASE,
)


def language(text: str) -> Script:
    """The language by its script: `zh` where Chinese characters outnumber Latin words, `en` where words do.

    `other` for a text without letters, and where a fifth is of other scripts. Latin script is taken for English: French
    and pinyin are `en`.
    """
    han, latin = len(_HAN.findall(text)), len(_LATIN_WORD.findall(text))
    foreign = sum(map(str.isalpha, _LATIN_WORD.sub("", _HAN.sub("", text))))
    total = han + latin + foreign
    if not total or foreign >= _FOREIGN * total:
        return "other"
    return "zh" if han >= latin else "en"


def language_agrees(answer: str, question: str) -> bool:
    """True when the answer is in the question's language; an answer without letters is in none."""
    return language(answer) == language(question)


def term_recall(answer: str, reference: str) -> float | None:
    """The share of the reference's medical terms that the answer has too, by norm; None where the reference has none.

    A term that one denies (没有发烧) or advises against (不用吃抗生素) and the other does not counts as absent.
    """
    found, wanted = term_counts(answer, reference)
    return found / wanted if wanted else None


def term_counts(answer: str, reference: str) -> tuple[int, int]:
    """Terms of the reference that the answer has too, and all of the reference: what `term_recall` divides."""
    wanted = _stated(reference)
    return len(wanted & _stated(answer)) if wanted else 0, len(wanted)


def number_agreement(answer: str, question: str, reference: str, kinds: frozenset[Kind] | None = None) -> float | None:
    """The share of the answer's quantities that stand in the question or the reference; None where it states none.

    三天 is 3天, 0.5g is 500mg; `kinds` limits what is read (DOSING). A quantity counts once, however often it is said.
    It agrees with one of its kind, unit and value (of a range: both ends) that is not compared the other way (低于).
    """
    found, stated = quantity_counts(answer, question, reference, kinds)
    return found / stated if stated else None


def quantity_counts(
    answer: str, question: str, reference: str, kinds: frozenset[Kind] | None = None
) -> tuple[int, int]:
    """Quantities of the answer that question or reference have, and all of it: what `number_agreement` divides."""
    stated = {(_key(one), _direction(one)) for one in quantities(answer) if kinds is None or one.kind in kinds}
    if not stated:
        return 0, 0
    known: dict[tuple[object, ...], set[int]] = {}
    for one in (*quantities(question), *quantities(reference)):
        known.setdefault(_key(one), set()).add(_direction(one))
    agreeing = sum(any(way * other >= 0 for other in known.get(key, ())) for key, way in stated)
    return agreeing, len(stated)


def role_markers(answer: str) -> int:
    """Turns that an answer writes out: `病人：`, `<医生>`, `问：` or `User:` at a sentence's start, template tokens."""
    return len(_MARKER.findall(answer))


def undecodable(answer: str) -> int:
    """U+FFFD in an answer: characters that were lost between tokens and text."""
    return answer.count("\ufffd")


def length(answer: str) -> int:
    """Characters of an answer, spaces not counted."""
    return len("".join(answer.split()))


def _stated(text: str) -> set[tuple[str, bool]]:
    """Each term's norm, and whether it is denied or advised against."""
    return {(term.norm, _is_denied(term, text)) for term in find_in([Turn(text, "doctor")])[0]}


def _is_denied(term: Term, text: str) -> bool:
    if term.status == "denied" or term.type in ("symptom", "disease"):
        return term.status == "denied"
    return bool(_AGAINST.search(text[max(0, term.start - 24) : term.start]))


def _key(one: Quantity) -> tuple[object, ...]:
    return one.kind, one.unit, f"{one.value:.6g}", None if one.upper is None else f"{one.upper:.6g}"


def _direction(one: Quantity) -> int:
    return {"<": -1, "<=": -1, ">": 1, ">=": 1}.get(one.comparator, 0)
