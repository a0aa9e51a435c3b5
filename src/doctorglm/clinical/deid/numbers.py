"""Numbers that reach or identify somebody, the most certain kinds first: papers, telephones, QQ, plates, records.
"""

import re
from collections.abc import Iterator

from doctorglm.clinical.deid import plates, record_shapes
from doctorglm.clinical.deid.cues import before, called, digits_of, is_order
from doctorglm.clinical.deid.fold import folded, scanned, simplified, spoken
from doctorglm.clinical.deid.papers import abroad, bank_cards, id_cards, is_id_card, passes_luhn, permits
from doctorglm.clinical.deid.phones import behind, foreign, inside, landlines, misread, mobiles, rounded
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
    yield from abroad(plain)
    yield from permits(plain)
    yield from bank_cards(plain)
    yield from rounded(plain)
    yield from foreign(plain)
    for reading in readings:
        yield from mobiles(reading)
    yield from misread(plain)
    yield from bank_cards(digits)
    yield from plates.found(readings[:2])
    for reading in readings:
        yield from landlines(reading)
    for reading in readings[:2]:
        yield from behind(reading)
    yield from inside(plain)
    yield from first_cells(plain)
    yield from _disguised(plain)
    yield from _qq(readings)
    for reading in readings:
        yield from (s for s in named(reading) if reading is not digits or s.end - s.start >= 6)
    yield from record_shapes.found(plain)
    yield from record_shapes.looked_up(plain)


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
    if kind == "mrn" and told in ("的号", "真号", "加号", "家号", "小号", "大号", "新号", "老号", "旧号") and not gap.strip(" :是"):
        return True
    around = text[max(0, match.start() - 30) : match.start()] + text[match.end() : match.end() + 30]
    lead = text[max(0, match.start() - 2) : match.start()]
    return (
        (kind is None or (kind == "mrn" and len(gap) > 8))
        and count == 10
        and ("@" in around or bool(_HAN.search(around)))
        and not re.search(r"[=<>≤≥+×¥￥$第共约]", lead)
    )


_DISGUISE = re.compile(
    r"(?<![零〇一二三四五六七八九十百千万幺两壹贰叁肆伍陆柒捌玖年月])(?:[零〇一二三四五六七八九幺两]{9,10}|[零壹贰叁肆伍陆柒捌玖]{9,10}|[⒈-⒐⓪①-⑨⑴-⑼]{8,10})"
    r"(?![零〇一二三四五六七八九十百千万幺两壹贰叁肆伍陆柒捌玖⒈-⒐⓪①-⑨⑴-⑼元年月日号])"
)
_COUNTED = ("123456789", "1234567890", "12345678", "987654321")


def _disguised(plain: str) -> Iterator[Span]:
    """Nine or ten digits in Chinese or in circles of which nothing says what they are: nobody writes an amount so."""
    for match in _DISGUISE.finditer(plain):
        digits = spoken(match[0])
        kind, _, _ = called(plain, match.start(), match.end())
        if kind in (None, "qq") and digits not in _COUNTED and digits[0] != "0":
            yield Span(match.start(), match.end(), "qq")


_HAN = re.compile(r"[\u4e00-\u9fff]")
