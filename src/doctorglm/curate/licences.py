"""Licences by how much they ask of who passes a corpus on: a kept set is under that of its strictest source.

The order says which licence binds most, not which may be combined. Sources: https://spdx.org/licenses,
https://creativecommons.org/licenses, https://opendatacommons.org/licenses/odbl.
"""

import re
from collections.abc import Iterable
from enum import IntEnum

from doctorglm.language import Text


class Strictness(IntEnum):
    """What a licence asks, the mildest first."""

    FREE = 0
    NOTICE = 1
    SHARE_ALIKE = 2
    OPEN_DATABASE = 3
    COPYLEFT = 4
    NON_COMMERCIAL = 5
    NON_COMMERCIAL_SHARE_ALIKE = 6
    NO_DERIVATIVES = 7
    RESEARCH_ONLY = 8
    UNKNOWN = 9


TERMS = {
    Strictness.FREE: Text(en="free for any use", zh="可自由使用"),
    Strictness.NOTICE: Text(en="any use, with the notice kept", zh="可自由使用，须保留声明"),
    Strictness.SHARE_ALIKE: Text(en="name the authors, pass on under the same licence", zh="须署名，并以相同许可转授"),
    Strictness.OPEN_DATABASE: Text(
        en="name the source, keep derived databases open", zh="须注明来源，派生数据库也要开放"
    ),
    Strictness.COPYLEFT: Text(en="pass on under the same licence, with the source", zh="须以相同许可转授并提供来源"),
    Strictness.NON_COMMERCIAL: Text(en="not for commercial use", zh="不得商用"),
    Strictness.NON_COMMERCIAL_SHARE_ALIKE: Text(
        en="not for commercial use, pass on under the same licence", zh="不得商用，并以相同许可转授"
    ),
    Strictness.NO_DERIVATIVES: Text(
        en="changed copies, such as this one, are not to be passed on", zh="改动过的副本（包括这一份）不得转授"
    ),
    Strictness.RESEARCH_ONLY: Text(en="for research only", zh="仅供研究"),
    Strictness.UNKNOWN: Text(en="no licence stated: not to be passed on", zh="未写明许可：不得转授"),
}
"""What a licence of each kind asks, in a line."""

UNRECOGNISED = Text(en="not one we know: read it before passing anything on", zh="无法识别：转授前请先阅读原文")

_PATTERNS = (
    (Strictness.RESEARCH_ONLY, r"research|academic|仅[供限].*(?:研究|学术)|(?:研究|学术)(?:用途|使用)"),
    # Creative Commons: the parts after BY decide
    (Strictness.NO_DERIVATIVES, r"\bnd\b|no ?deriv|禁止演绎"),
    (Strictness.NON_COMMERCIAL_SHARE_ALIKE, r"\bnc sa\b|non ?commercial share ?alike|非商业性?使用 ?相同方式"),
    (Strictness.NON_COMMERCIAL, r"\bnc\b|non ?commercial|非商[业用]|不得商用"),
    (Strictness.SHARE_ALIKE, r"\bcc by sa\b|share ?alike|相同方式共享|\bmpl\b|mozilla public"),
    (Strictness.OPEN_DATABASE, r"\bodbl\b|open database licen[cs]e"),
    (Strictness.COPYLEFT, r"\b[al]?gpl(?:v?\d)?\b|general public licen[cs]e"),
    (Strictness.FREE, r"\bcc ?0\b|public domain|\bunlicense\b|\bpddl\b|\b0bsd\b|公有领域|公共领域"),
    (
        Strictness.NOTICE,
        r"^(?:the )?mit(?: 0)?(?: licen[cs]e)?$|\bapache\b|\bbsd\b|\bcc by(?: \d|$)|attribution(?: \d| international|$)"
        r"|\bodc by\b|^isc(?: licen[cs]e)?$|木兰宽松|\bmulanpsl\b",
    ),
)


def strictness(licence: str) -> Strictness:
    """How strict a licence is, by its name or SPDX expression; what is not recognised counts as unknown."""
    text = licence.strip()
    if re.search(r"\((?=[^)]*\b(?:AND|OR)\b)", text):
        return Strictness.UNKNOWN
    if re.search(r"\bOR\b", text):
        return min(map(strictness, re.split(r"\bOR\b", text)))
    if re.search(r"\bAND\b", text):
        return max(map(strictness, re.split(r"\bAND\b", text)))
    words = re.sub(r"[\W_]+", " ", text.split(" WITH ")[0].lower()).strip()
    return next((level for level, pattern in _PATTERNS if re.search(pattern, words)), Strictness.UNKNOWN)


def strictest(licences: Iterable[str]) -> str:
    """The licence that a set of these is under; "" when one of them states none.

    Raises ValueError when there is none at all. Of equally strict ones, the first by name.
    """
    return max(sorted(map(stated, licences)), key=strictness)


def stated(licence: str) -> str:
    """The licence by its name, "" for what says that there is none, such as `none stated`."""
    name = licence.strip()
    return "" if name.lower() in ("none", "none stated", "unknown", "noassertion", "未知", "无", "未写明") else name


def terms(licence: str) -> Text:
    """What the licence asks, in a line."""
    level = strictness(licence)
    return UNRECOGNISED if level is Strictness.UNKNOWN and stated(licence) else TERMS[level]
