"""QQ numbers: called so, of ten digits that nothing else explains, or disguised with letters, circles and Chinese."""

import re
from collections.abc import Iterator

from doctorglm.clinical.deid.cues import before, called, digits_of, is_order
from doctorglm.clinical.deid.fold import spoken
from doctorglm.clinical.deid.spans import Span

_QQ_NUMBER = re.compile(
    r"(?<![0-9.\-/A-PR-Za-pr-z])[1-9](?:[ \-.、,]{0,3}[0-9]){4,10}(?![0-9A-Za-z%]|@[A-Za-z0-9]|\.[0-9])(?!\s?(?:元|块"
    r"|mg|ml|点|分))"
)
_QQ_BEFORE = re.compile(
    r"(?:(?<![A-Za-z0-9])[Qq](?:[Qq]|(?![A-Za-z]))|扣扣|企鹅|球球|抠抠|蔻蔻|扣(?:我|他|她|你)?"
    r"(?=[^\u4e00-\u9fff]*$))(?:[^0-9]{0,20}|[A-Za-z' :,()]{0,44})$"
)
_NOT_QQ = re.compile(
    r"(?<![Qq])电话|手机|座机|微信号?[:：是]?$|血|次/分|(?<![A-Za-z])(?:tel|phone|mobile|call)(?![A-Za-z])",
    re.IGNORECASE,
)
_QQ_AFTER = re.compile(r"^[^0-9。;；\n]{0,8}(?:(?<![A-Za-z])QQ|扣扣|企鹅号?|加群|is a QQ|\(QQ)", re.IGNORECASE)


def found(readings: list[str]) -> Iterator[Span]:
    """QQ numbers in all readings of a text."""
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
    if (
        kind == "mrn"
        and told in ("的号", "真号", "加号", "家号", "小号", "大号", "新号", "老号", "旧号")
        and not gap.strip(" :是")
    ):
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
_LETTERED = re.compile(
    r"(?:(?<![0-9A-Za-z@./_\-])(?:[Qq]{1,2}[ :]{0,2})?)(?P<n>[1-9](?:[ ]?[0-9oOlI]){5,10})(?![0-9A-Za-z@]"
    r"|[.\-_][0-9a-z])"
)
_COUNTED = ("123456789", "1234567890", "12345678", "987654321")


def disguised(plain: str) -> Iterator[Span]:
    """Nine or ten digits in Chinese or in circles of which nothing says what they are: nobody writes an amount so."""
    for match in _DISGUISE.finditer(plain):
        digits = spoken(match[0])
        kind, _, _ = called(plain, match.start(), match.end())
        if kind in (None, "qq") and digits not in _COUNTED and digits[0] != "0":
            yield Span(match.start(), match.end(), "qq")
    for match in _LETTERED.finditer(plain):
        letters = sum(sign in "oOlI" for sign in match["n"])
        is_told = match[0][0] in "Qq" or called(plain, match.start("n"), match.end("n"))[0] == "qq"
        if (
            letters
            and len(digits_of(match["n"])) >= 5
            and (is_told or (letters >= 2 and len(digits_of(match["n"])) >= 6))
        ):
            yield Span(match.start("n"), match.end("n"), "qq")


_HAN = re.compile(r"[\u4e00-\u9fff]")
