"""Telephones: mobiles and fixed lines, in the groups and scripts in which people write them.

Source: YD/T numbering of mobile networks (1 and 3 to 9). No `\\b` anywhere: between Chinese and digits it does not
match.
"""

import re
import unicodedata
from collections.abc import Iterator

from doctorglm.clinical.deid.abroad import is_mobile
from doctorglm.clinical.deid.cues import before, called, digits_of, is_order, is_record
from doctorglm.clinical.deid.spans import Span

_SEP = r"[ \-.·,、/()\t\n_~*]"
_ASIDE = r"(?:[ ]?\([^()0-9A-Za-z\n]{1,4}\)[ ]?)"
_SIGN = r"(?:[^0-9A-Za-z\u4e00-\u9fff\u3001-\u301f+\-.,:;/%=<>()\n\t ]\ufe0f?)"
_MOBILE = re.compile(
    rf"(?<![0-9A-Za-z])(?<![0-9][.\-])(?:\(?(?:\+|00)86\)?{_SEP}{{0,2}}|86-)?\(?"
    rf"(?P<n>1{_SEP}{{0,3}}[3-9](?:(?:{_SEP}{{0,3}}|{_ASIDE})[0-9]){{9}})(?![0-9A-Za-z])(?![.\-][0-9])"
)
_DECORATED = re.compile(
    rf"(?<![0-9A-Za-z])1{_SIGN}{{0,2}}[3-9](?:{_SIGN}{{0,2}}[0-9]){{9}}(?![0-9A-Za-z])(?![.\-][0-9])"
)
_TELEPHONE = r"(?:手机|电话|联系方式|号码|mobile|phone|tel|cell)"
_MISREAD = re.compile(
    rf"{_TELEPHONE}[^0-9,，。;；\n]{{0,6}}(?P<n>1[3-9OoIl][0-9OoIlSB]{{9}})(?![0-9A-Za-z])",
    re.IGNORECASE,
)
"""O for 0 and l for 1, as a scanner reads them."""
_ROUNDED = re.compile(
    rf"{_TELEPHONE}[^0-9，。；\n]{{0,6}}(?P<n>[1-9](?:\.[0-9]{{1,10}})?E\+?(?:9|10|11))(?![0-9A-Za-z/.])"
    r"|^\s*(?P<alone>1\.[3-9][0-9]{0,9}E\+?10)\s*$",
    re.IGNORECASE,
)
"""A number as a spreadsheet shows it in a narrow column, when it is called a telephone or stands alone in its text."""


def mobiles(text: str) -> Iterator[Span]:
    """Mobile numbers of the mainland, but for those that a word before them calls an order."""
    for match in _MOBILE.finditer(text):
        if _is_grouped(match["n"]) and not is_order(text, match.start()):
            start = match.start() if match[0].count("(") == match[0].count(")") else match.start("n")
            yield Span(start, match.end(), "mobile")
    for match in _DECORATED.finditer(text):
        if not is_order(text, match.start()):
            yield Span(match.start(), match.end(), "mobile")


def _is_grouped(number: str) -> bool:
    """True for groups in which a telephone is written: no single digits among longer groups."""
    number = re.sub(_ASIDE, "-", number)
    groups = [len(group) for group in re.split(rf"{_SEP}+", number)]
    marks = set(re.findall(_SEP, number))
    if len(groups) == 1 or min(groups) >= 3 or max(groups) == 1:
        return True
    return (groups[0] == 1 and min(groups[1:]) >= 2) or ((marks <= {"-"} or marks <= {" "}) and min(groups) >= 2)


def misread(text: str) -> Iterator[Span]:
    """Mobile numbers with letters for digits, and such as a spreadsheet has rounded."""
    for match in _MISREAD.finditer(text):
        yield Span(match.start("n"), match.end("n"), "mobile")
    for match in _ROUNDED.finditer(text):
        group = "n" if match["n"] else "alone"
        yield Span(match.start(group), match.end(group), "mobile")


# fixed lines

_ALONE = r"(?<![0-9A-Za-z])(?<![0-9A-Za-z][.\-)])"
_EXTENSION = r"(?:[ ,，]{0,2}(?:转|-|分机|ext\.?|extension|x|#)(?:分机)?[ ]?[0-9]{1,6})?"
_GAP = r"[ \-.]"
_AREA = r"(?:10|2[0-9]|[3-9][0-9]{2})"
_CHINESE = (
    # 0371-12345678, (010) 1234 5678, 028/12345678, 86-571-12345678
    rf"{_ALONE}\(?(?:\+?86\)?[ \-]{{0,2}})?\(?0{_AREA}\)?[ \-./—,，、_~]{{0,3}}[1-9][0-9]{{2,3}}[ \-.、,]?[0-9]{{4}}"
    rf"(?:(?=24小时)|{_EXTENSION}(?![0-9A-Za-z]))",
    rf"{_ALONE}\(?\+?86\)?[ \-]{{1,2}}{_AREA}[ \-]{{1,2}}[0-9]{{3,4}}[ \-]?[0-9]{{4}}{_EXTENSION}(?![0-9A-Za-z])",
    rf"{_ALONE}\(?0{_AREA}\)?[ \-]{{0,2}}[1-9][0-9]{{1,2}}(?:[ \-][0-9]{{2,3}}){{2}}(?![0-9A-Za-z\-])",
)
_OTHER = (
    rf"{_ALONE}(?:\+?1[ \-])?[48]00{_GAP}?[0-9]{{3,4}}{_GAP}?[0-9]{{3,4}}{_EXTENSION}(?![0-9A-Za-z])",
    rf"{_ALONE}\(?(?:\+|00[ ]?)(?!86[ \-.)(]{{0,3}}[0-9])[1-9][0-9]{{0,2}}\)?{_GAP}?"
    rf"(?:\(0?[0-9]{{1,4}}\){_GAP}?)?[0-9]{{1,4}}(?:{_GAP}[0-9]{{2,8}}){{1,4}}{_EXTENSION}(?![0-9])",
    rf"{_ALONE}\((?:852|853|886)\)[ ]?[0-9]{{4}}[ \-]?[0-9]{{4}}(?![0-9])",
    rf"{_ALONE}\(?(?:\+|00)(?:852|853|886|65|81|82|44|61|1|49|33|60)\)?[0-9]{{8,10}}(?![0-9])",
    rf"{_ALONE}(?:1[ \-])?(?:\([2-9][0-9]{{2}}\)[ ]?|[2-9][0-9]{{2}}[\-. ])[2-9][0-9]{{2}}[\-. ][0-9]{{4}}{_EXTENSION}"
    r"(?![0-9])",
    rf"{_ALONE}1[\-. ][2-9][0-9]{{2}}[\-. ][2-9][0-9]{{2}}[\-. ][0-9]{{4}}(?![0-9])",
    rf"{_ALONE}[1-9][0-9]{{3}}[ \-][0-9]{{4}}[ ,]{{1,2}}(?:ext\.?|extension|x|转|分机)[ ]?[0-9]{{1,5}}(?![0-9])",
    # 01632 960123, 020 7946 0018, (02) 5550 1234, (02)2345-6789
    rf"{_ALONE}0(?:[0-9]{{4}}[ ][0-9]{{6}}|[0-9]{{2}}[ ][0-9]{{4}}[ ][0-9]{{4}}"
    r"|[0-9]{3}[ ][0-9]{3}[ ][0-9]{4})(?![0-9])",
    rf"{_ALONE}\(0[0-9]{{1,4}}\)[ ]?[0-9]{{3,4}}[ \-]?[0-9]{{3,4}}{_EXTENSION}(?![0-9])",
    rf"{_ALONE}0[2-8][0-9]?[\-][0-9]{{3,4}}[\- ]?[0-9]{{4}}{_EXTENSION}(?![0-9\-])",
    # 852-2555-0171, 0917-000-4418, 019-800 4417, 010-1234-5678 of Korea
    rf"{_ALONE}(?:852|853)[ \-][2-9][0-9]{{3}}[ \-]?[0-9]{{4}}(?![0-9\-])",
    rf"{_ALONE}0(?:[789][0-9]{{2}}[ \-][0-9]{{3}}[ \-]?[0-9]{{4}}"
    rf"|1[0-9][ \-][0-9]{{3,4}}[ \-]?[0-9]{{3,4}})(?![0-9\-])",
    rf"{_ALONE}400[0-9]-[0-9]{{3}}-[0-9]{{3}}{_EXTENSION}(?![0-9\-])",
    rf"{_ALONE}(?:82|81|84|66|60|62|63|65|44|49|33|61|91|39|34|7|976|852|853"
    rf"|886)-[0-9]{{1,3}}-[0-9]{{3,4}}-[0-9]{{4}}(?![0-9\-])",
    rf"{_ALONE}0[789]0[ \-][0-9]{{4}}[ \-][0-9]{{4}}(?![0-9\-])",
)
_TAIWAN_MOBILE = re.compile(
    rf"{_ALONE}(?:\(?\+?886\)?[ \-]{{0,2}}\(?0?\)?|0)9[0-9]{{2}}[ \-][0-9]{{3}}[ \-]?[0-9]{{3}}(?![0-9\-])"
)
_HONG_KONG = re.compile(
    r"(?<![0-9A-Za-z])(?<![0-9A-Za-z][.\-/])(?<![0-9A-Z][ ])(?P<n>[1-9][0-9]{3}[ ][0-9]{4})(?![0-9A-Za-z]|[ \-/.][0-9])"
)
_CHINESE_LINES = tuple(re.compile(pattern, re.IGNORECASE) for pattern in _CHINESE)
_OTHER_LINES = tuple(re.compile(pattern, re.IGNORECASE) for pattern in _OTHER)


def foreign(text: str) -> Iterator[Span]:
    """Lines of other countries, 400 and 800; those that begin like a mobile of the mainland too."""
    for match in _TAIWAN_MOBILE.finditer(text):
        if not is_order(text, match.start()):
            yield Span(match.start(), match.end(), "mobile")
    for pattern in _OTHER_LINES[:6]:
        for match in pattern.finditer(text):
            # the end of a mobile number that is written in groups is none
            is_end = re.search(r"[0-9][ -]$", before(text, match.start()))
            is_mobile = match[0][:1] in "10" and called(text, match.start(), match.end())[0] == "mobile"
            is_other = called(text, match.start(), match.end())[0] in ("qq", "id_card", "bank_card")
            is_other = is_other or (match[0][0] == "0" and is_record(text, match.start(), match.end()))
            if (
                match[0][:1] in "+(1480"
                and not is_order(text, match.start())
                and not is_end
                and not is_mobile
                and not is_other
            ):
                yield Span(match.start(), match.end(), _type_of(match[0]))


def _type_of(number: str) -> str:
    return "mobile" if is_mobile(number) else "landline"


def _is_else(text: str, match: re.Match[str]) -> bool:
    kind, _, _ = called(text, match.start(), match.end())
    if _CALL.search(before(text, match.start(), 12)) and re.match(r"\(?0[1-9]", match[0]):
        return False
    if match[0].startswith("(") and ")" not in match[0] and re.search("[,，、]", match[0]):
        return True
    return kind == "qq" or is_record(text, match.start(), match.end())


_ROUND = re.compile(r"[①-⑨⓪⑩-⑳]{8,11}(?![①-⑨⓪⑩-⑳])")
_PLACE_BEHIND = r"(?=[ ]?[(（]?(?:传达室|门卫|值班|座机|家里|办公室|护士站|单位|宅电|区号|打进|打哪个|拨进))"
_TOLD_BEHIND = re.compile(
    rf"(?<![0-9A-Za-z.\-/])(?P<n>[1-9][0-9]{{2,3}}[ \-]?[0-9]{{4}})(?![0-9A-Za-z]|[.\-/][0-9]){_PLACE_BEHIND}"
    rf"|(?<=[0-9] [或/] )(?P<m>[1-9][0-9]{{3}}-[0-9]{{4}})(?![0-9\-])"
    rf"|(?<=[0-9]或)(?P<k>[1-9][0-9]{{3}}-[0-9]{{4}})(?![0-9\-])"
)


def behind(text: str) -> Iterator[Span]:
    """Seven or eight digits of which the words behind them say where they ring."""
    for match in _TOLD_BEHIND.finditer(text):
        group = next(name for name in ("n", "m", "k") if match[name])
        yield Span(match.start(group), match.end(group), "landline")


def rounded(text: str) -> Iterator[Span]:
    """A mobile number in circled numbers, of which one may hold two digits."""
    for match in _ROUND.finditer(text):
        digits = "".join(str(int(unicodedata.numeric(sign))) for sign in match[0])
        if re.fullmatch(r"1[3-9][0-9]{9}", digits):
            yield Span(match.start(), match.end(), "mobile")


_CALL = re.compile(
    r"(?<![Qq])(?:电话|致电|拨打?|热线|座机|(?:tel|phone|call)(?![a-z]))[^0-9,，。;；\n]{0,6}$", re.IGNORECASE
)
_SHORT = re.compile(
    r"(?:内线|分机|短号|小号|虚拟网|集团号|座机|电话|值班|[处室科站台房办]|ext(?:ension)?\.?|bleep|pager)(?:电话|号码|号)?"
    r"(?:请?[拨打]|[:：是为])?[ ]?[:：]?[ ]?(?P<n>[1-9][0-9]{3,5})"
    r"(?![0-9A-Za-z%]|[.:/\-~][0-9]|[ ]?(?:元|块|年|床|人|次|例|份"
    r"|张|房|室|号楼|弄"
    r"|步|米|个|名|台|支|mg|ml|kg|g|m|万))(?P<after>号|.{0,4})",
    re.IGNORECASE,
)
_SURE_SHORT = re.compile(r"内线|分机|短号|虚拟网|集团号|座机|电话|[拨打]|ext|bleep|pager", re.IGNORECASE)
_PUBLIC = re.compile(r"12[0-9]{3}|9[56][0-9]{3}|1[0-9]{2}|10[0-9]{3}|11[0-9]{3}")


def inside(text: str) -> Iterator[Span]:
    """Numbers within a house: 内线6213, 保卫处9110; none of the public ones, no year, no room."""
    for match in _SHORT.finditer(text):
        number = match["n"]
        is_sure = _SURE_SHORT.search(match[0][: match.start("n") - match.start()])
        is_year = re.fullmatch(r"(?:19|20)[0-9]{2}", number)
        is_told = is_sure or re.match(
            r"保卫|门卫|护士|值班|信息|收费|总务|后勤", before(text, match.start() + 1, 3)[-3:]
        )
        if is_told and not _PUBLIC.fullmatch(number) and not (is_year and not is_sure):
            yield Span(match.start("n"), match.end("n"), "landline")


def landlines(text: str) -> Iterator[Span]:
    """Fixed lines by their shape."""
    for pattern in _CHINESE_LINES + _OTHER_LINES:
        for match in pattern.finditer(text):
            if not is_order(text, match.start()) and not _is_else(text, match):
                yield Span(match.start(), match.end(), "landline" if pattern in _CHINESE_LINES else _type_of(match[0]))
    for match in _HONG_KONG.finditer(text):
        years = re.findall(r"(?:19|20)[0-9]{2}", match["n"])
        kind = called(text, match.start("n"), match.end("n"))[0]
        if (
            len(digits_of(match["n"])) == 8
            and kind not in ("mobile", "qq", "mrn", "none", "bank_card")
            and not years
            and not is_order(text, match.start())
        ):
            yield Span(match.start("n"), match.end("n"), "landline")
