"""Whether what is denied in the English is denied in the Chinese: a first version, sentence by sentence.

Two readings. A term that `clinical.terms` knows in both languages and that one side denies while the other has it; and,
where neither side has such a term, a word of negation on one side that nothing on the other answers. 不舒服 and 不同
deny nothing; what English says without a negation and Chinese with one (avoid, 不要) is let pass.
"""

import re
from dataclasses import dataclass
from typing import Literal, TypeAlias

from doctorglm.clinical.folding import folded
from doctorglm.clinical.terms import Term, find

Side: TypeAlias = Literal["english", "chinese"]


@dataclass(frozen=True, slots=True)
class Flip:
    """What one side denies and the other does not: a term by its norm, or the word of negation."""

    kind: Literal["term", "word"]
    what: str
    denied_in: Side


_SENTENCE = re.compile(r"(?<=[。！？；])|(?<=[.!?;])(?=\s)|\n+")
_ENGLISH = re.compile(
    r"\b(?:no|not|never|none|neither|nor|cannot|without|den(?:y|ies|ied)|nothing|nobody)\b|n['’]t\b", re.IGNORECASE
)
_NO_DENIAL_EN = re.compile(
    r"\bnot only\b|\bno doubt\b|\bno longer\b|\bno matter\b|\bwhether or not\b|\bif not\b|\bno more than\b"
    r"|\bor not\b|\bwhy (?:do|does)n['’]t\b|\bnot (?:uncommon|unusual)\b|\bdon['’]t know\b|\bnot sure\b|\bnot certain\b"
    r"|\bno\. ?\d|\blast but not least\b|hesitate",
    re.IGNORECASE,
)
_ANSWERS_CHINESE = re.compile(
    r"\b(?:un(?!der|it|iv|ion|til)|in(?:ab|ac|ad|ap|ca|co[nmr]|de[pf]|eff|el|fr|suf|tol|v|fert|som)|"
    r"im(?:poss|prop|bal|mob|pot)|ir(?:reg|rev|rel)|dis(?:com|lik|agr|app|abl|sat)|"
    r"non-?|asympt|atyp|afeb|mal|mis|sub|under)[a-z]+|\b[a-z]{3,}(?:less|-free)\b|"
    r"\b(?:avoid|lack|fail|stop|refrain|prevent|free|negative|absen|unless|hardly|barely|rarely|except|instead|rather|"
    r"less|out|refus|quit|too|little|few|if|whether|until|hard|difficult|trouble|los[est]|poor|abnormal|miss|skip|"
    r"before|otherwise|against|declin|reject|exclud)[a-z]*",
    re.IGNORECASE,
)
"""What English may say where Chinese denies: discomfort, avoid, unless."""
_CHINESE = re.compile(r"没|無|无|未|不|别(?=[再吃喝用去做让担])|勿|并非|从未|否认|否定")
_NO_DENIAL_ZH = re.compile(
    r"不(?:错|舒服|适|良|安|同|仅|但|断|管|论|过|少|久|得不|一定|妨|规则|稳定|孕|育|明|足|全|平衡|洁|当|必要|正常|健康|清|便|"
    r"如|止|锈|时|一|幸|知道|确定|等|要紧|已)|未(?:来|愈|必|婚|知|成年)|没(?:关系|事|准|问题)|"
    r"无(?:论|害|痛|休止|症状|创|偿|限|关|效|用|助|锡|线|法|力|意|数|非|疑|聊|菌|氧)|"
    r"是不是|能不能|会不会|要不要|可不可以|有没有|好不好|消化不|睡不|"
    r"(.)不\1|差不多|要不|特别|分别|级别|类别|性别|区别|鉴别|个别"
)
_ANSWERS_ENGLISH = re.compile(r"[不没无未非免禁防别勿否缺失除拒停难罕少]|阴性|才|以外|只")
"""What Chinese may say where English denies: 避免, 排除, 阴性."""


def sentences(english: str, chinese: str) -> list[tuple[str, str]]:
    """The pairs of sentences where both sides have as many, else the whole as one pair."""
    one, other = _split(english), _split(chinese)
    return list(zip(one, other, strict=True)) if len(one) == len(other) else [(english, chinese)]


def flips(english: str, chinese: str) -> list[Flip]:
    """What is denied on one side alone, in order, each once."""
    return list(dict.fromkeys(flip for pair in sentences(english, chinese) for flip in _of_pair(*pair)))


def _split(text: str) -> list[str]:
    return [part.strip() for part in _SENTENCE.split(text) if part and part.strip()]


def _of_pair(english: str, chinese: str) -> list[Flip]:
    plain = folded(chinese)
    said = _ENGLISH.search(_NO_DENIAL_EN.sub(" ", english))
    answer = _CHINESE.search(_NO_DENIAL_ZH.sub(" ", plain))
    if not said and not answer:
        return []
    one, other = _statuses(find(english)), _statuses(find(chinese))
    shared = [norm for norm in one if norm in other]
    terms = [
        Flip("term", norm, "english" if one[norm] == {"denied"} else "chinese")
        for norm in shared
        if {"denied"} in (one[norm], other[norm]) and "denied" not in one[norm] & other[norm]
    ]
    if terms:
        return terms
    if said and not _ANSWERS_ENGLISH.search(plain):
        return [Flip("word", said[0].lower(), "english")]
    if answer and not said and not _ANSWERS_CHINESE.search(english) and not _ENGLISH.search(english):
        return [Flip("word", answer[0], "chinese")]
    return []


def _statuses(terms: list[Term]) -> dict[str, set[str]]:
    """What is said of each term that is there or denied; asked, past and others' are left out."""
    found: dict[str, set[str]] = {}
    for term in terms:
        if term.status in ("present", "denied"):
            found.setdefault(term.norm, set()).add(term.status)
    return found
