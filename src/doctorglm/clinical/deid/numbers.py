"""Numbers that reach or identify somebody, the most certain kinds first: papers, telephones, QQ, plates, records.

Source: GA 36-2018 (number plates); of other places' plates the shapes that stand on them.
"""

import re
from collections.abc import Iterator

from doctorglm.clinical.deid.cues import before, called, digits_of, is_order
from doctorglm.clinical.deid.fold import folded, scanned, simplified, spoken
from doctorglm.clinical.deid.papers import bank_cards, id_cards, is_id_card, passes_luhn, permits
from doctorglm.clinical.deid.phones import foreign, landlines, misread, mobiles
from doctorglm.clinical.deid.records import first_cells, named
from doctorglm.clinical.deid.spans import Span

__all__ = ["found", "is_id_card", "passes_luhn"]


def found(text: str) -> Iterator[Span]:
    """All of them, the most certain kinds first, in all readings of the text."""
    plain = simplified(folded(text))
    digits, put_right = spoken(plain), scanned(plain)
    readings = [plain, *([digits] if digits != plain else []), *([put_right] if put_right != plain else [])]
    for reading in readings:
        yield from id_cards(reading)
    yield from permits(plain)
    yield from bank_cards(plain)
    yield from foreign(plain)
    for reading in readings:
        yield from mobiles(reading)
    yield from misread(plain)
    yield from bank_cards(digits)
    for reading in readings[:2]:
        yield from _plates(reading)
    yield from _foreign_plates(plain)
    for reading in readings:
        yield from landlines(reading)
    yield from first_cells(plain)
    yield from _qq(readings[:2])
    for reading in readings:
        yield from (s for s in named(reading) if reading is not digits or s.end - s.start >= 6)


# QQ

_QQ_NUMBER = re.compile(
    r"(?<![0-9.\-/A-PR-Za-pr-z])[1-9](?:[ \-.、,]{0,3}[0-9]){4,10}(?![0-9A-Za-z%]|@[A-Za-z0-9]|\.[0-9])(?!\s?(?:元|块"
    r"|mg|ml|点|分))"
)
_QQ_BEFORE = re.compile(
    r"(?:(?<![A-Za-z0-9])[Qq](?:[Qq]|(?![A-Za-z]))|扣扣|企鹅|球球|抠抠|蔻蔻|扣(?:我|他|她|你)?"
    r"(?=[^\u4e00-\u9fff]*$))(?:[^0-9]{0,20}|[A-Za-z' :,()]{0,44})$"
)
_NOT_QQ = re.compile(r"(?<![Qq])电话|手机|座机|微信号?[:：是]?$|血|次/分|(?<![A-Za-z])(?:tel|phone|mobile|call)(?![A-Za-z])", re.IGNORECASE)
_QQ_AFTER = re.compile(r"^[^0-9。;；\n]{0,8}(?:(?<![A-Za-z])QQ|扣扣|企鹅号?|加群|is a QQ|\(QQ)", re.IGNORECASE)


def _qq(readings: list[str]) -> Iterator[Span]:
    for text in readings:
        for match in _QQ_NUMBER.finditer(text):
            word = _QQ_BEFORE.search(before(text, match.start(), 48))
            kind, told, gap = called(text, match.start(), match.end())
            is_named = (word and not _NOT_QQ.search(word[0])) or kind == "qq"
            is_named = is_named or _is_account(text, match, kind, told, gap)
            if is_named or (_QQ_AFTER.match(text[match.end() : match.end() + 14]) and len(digits_of(match[0])) >= 5):
                yield Span(match.start(), match.end(), "qq")


def _is_account(text: str, match: re.Match[str], kind: str | None, told: str, gap: str) -> bool:
    """True for nine or ten digits among Chinese of which nothing says what they are: a QQ number, as a rule."""
    count = len(digits_of(match[0]))
    if count not in (9, 10) or not re.fullmatch(r"[0-9]+|[0-9](?: [0-9])+", match[0]) or is_order(text, match.start()):
        return False
    if kind == "mrn" and told in ("的号", "真号", "加号") and not gap.strip(" :是"):
        return True
    around = text[max(0, match.start() - 30) : match.start()] + text[match.end() : match.end() + 30]
    lead = text[max(0, match.start() - 2) : match.start()]
    return (
        (kind is None or (kind == "mrn" and len(gap) > 8))
        and count == 10
        and bool(_HAN.search(around))
        and not re.search(r"[=<>≤≥+×¥￥$第共约]", lead)
    )


_HAN = re.compile(r"[\u4e00-\u9fff]")

# plates

_UPPER = {ord(c): c.upper() for c in "abcdefghijklmnopqrstuvwxyz"}
_PLATE = re.compile(
    r"(?:[京津沪渝冀豫云辽黑湘皖鲁新苏浙赣鄂桂甘晋蒙陕吉闽贵粤青藏川宁琼][ ·.\-]{0,3}[A-HJ-Z]"
    r"|[军空海北沈兰济南广成VKHBSLJNGCZE](?<=[军空海北沈兰济南广成])[ ·.\-]{0,2}[A-Z])[ ·.\-]{0,3}"
    r"(?:[A-HJ-NP-Z0-9][ ·.\-]?){4}(?:[A-HJ-NP-Z0-9]{1,2}|[A-HJ-NP-Z0-9][ ][A-HJ-NP-Z0-9]"
    r"|[挂学警港澳领试超应急])(?![A-Za-z0-9])[挂学警港澳领试超]?"
    r"|WJ[ ·\-]?[京津沪渝冀豫云辽黑湘皖鲁新苏浙赣鄂桂甘晋蒙陕吉闽贵粤青藏川宁琼]?[ ·\-]?[0-9]{2}[ ·\-]?[0-9A-Z]{3,5}("
    r"?![A-Za-z0-9])"
    r"|[使领][ ]?[0-9]{3}[ ·\-]?[0-9]{3}(?![0-9])"
)
_PLATE_WORD = re.compile(
    r"车牌|牌照|号牌|车号|车(?![前间祸])|的士|拖车|摩托|(?<![A-Za-z])(?:plate|licen[cs]e plate|reg(?:istration)?|rego"
    r"|cab|taxi|van|car|lorry|truck|vehicle|rental|hire|scooter"
    r"|motorbike|parked|driv(?:er|es?|ing)|minibus|coach|tesla|toyota|bmw|ute|MVA|RTC)(?![A-Za-z])",
    re.IGNORECASE,
)
_PLATE_NAMED = re.compile(r"车牌|牌照|号牌|(?<![A-Za-z])(?:plate|rego|reg|registration)(?![A-Za-z])", re.IGNORECASE)
_FOREIGN_PLATE = re.compile(
    r"(?<![0-9A-Za-z\-])(?:[A-Z]{2}[0-9]{2}[ ]?[A-Z]{3}|[A-Z]{2,3}[ \-·]?[0-9]{2}[A-Z](?![a-z])"
    r"|[A-Z]{1,3}[\- ][A-Z]{1,2}[ ]?[0-9]{1,4}"
    r"|[A-Z]{2,3}[ \-·][0-9]{3,4}|[0-9]{3,4}[ \-][A-Z]{2,3}|M[A-Z]?[ \-·][0-9]{2}[ \-·][0-9]{2}"
    r"|[A-Z]{2}[ \-·][0-9]{2}[ \-·][0-9]{2}|[0-9][A-Z]{3}[0-9]{3}"
    r"|[A-Z]{3}[ ]?[0-9]{1,4}[ ]?[A-Z]|[A-Z]{2}[0-9]{4}|[A-Z]{2}[ ][0-9]{1,4}|[A-Z]{3}[0-9]{3,4})(?![0-9A-Za-z\-])"
)


def _plates(text: str) -> Iterator[Span]:
    for match in _PLATE.finditer(text.translate(_UPPER)):
        if sum(c.isdigit() for c in match[0]) >= 2 and not is_order(text, match.start()):
            yield Span(match.start(), match.end(), "plate")


def _foreign_plates(text: str) -> Iterator[Span]:
    """Plates of other places, beside a word for a plate or a vehicle."""
    for match in _FOREIGN_PLATE.finditer(text):
        lead = before(text, match.start(), 40)
        is_sure = re.search(r"[0-9 ·\-][A-Z]{3}$|[A-Z][·\-]", match[0])
        word = _PLATE_WORD.search(lead[-28:] if is_sure else lead[-14:]) or _PLATE_NAMED.search(lead)
        word = word or re.match(r"[ ]?\(?(?:的?车|plate|那辆)", text[match.end() : match.end() + 8])
        if (
            word
            and not is_order(text, match.start())
            and called(text, match.start(), match.end())[0] in (None, "plate")
        ):
            yield Span(match.start(), match.end(), "plate")
