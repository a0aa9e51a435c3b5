"""Numbers on papers and cards: identity numbers, passports and permits, bank cards.

Sources: GB 11643-1999 (identity numbers and their check digit), ISO/IEC 7812 (Luhn); of Hong Kong's, Macau's and
Taiwan's identity numbers the shapes in which they are printed.
"""

import re
from collections.abc import Iterator

from doctorglm.clinical.deid.cues import before, called, digits_of, is_order, is_record
from doctorglm.clinical.deid.spans import Span

_SEP = r"[ \-.·,，、/()\t\n_]"
_ID18 = re.compile(
    rf"(?<![0-9A-Za-z])(?<![A-Za-z]-)[1-9](?:{_SEP}{{0,2}}[0-9]){{16}}{_SEP}{{0,2}}[0-9Xx](?![0-9A-Za-z])"
)
_ID_TYPED = re.compile(
    rf"(?<![0-9A-Za-z])(?<![A-Za-z]-)[1-9](?:{_SEP}{{0,2}}[0-9]){{15,18}}{_SEP}?[0-9Xx](?![0-9A-Za-z])"
)
_ID15 = re.compile(rf"(?<![0-9A-Za-z])[1-8](?:{_SEP}?[0-9]){{14}}(?![0-9A-Za-z])")
_ID_WORD = re.compile(
    r"身份|证件|[老旧]证|15位|十五位|证号|身分|一代证|二代证|公民|(?<![A-Za-z])ID(?![A-Za-z])|id card|identity",
    re.IGNORECASE,
)
_WEIGHTS = (7, 9, 10, 5, 8, 4, 2, 1, 6, 3, 7, 9, 10, 5, 8, 4, 2)
_PROVINCE = re.compile(r"1[1-5]|2[1-3]|3[1-7]|4[1-6]|5[0-4]|6[1-5]|8[123]")


def is_id_card(number: str) -> bool:
    """True for 18 characters whose last is right for the others."""
    if not re.fullmatch(r"[1-9]\d{16}[\dXx]", number):
        return False
    total = sum(int(digit) * weight for digit, weight in zip(number, _WEIGHTS, strict=False))
    return "10X98765432"[total % 11] == number[-1].upper()


def id_cards(text: str) -> Iterator[Span]:
    """Identity numbers of 18 and 15 characters; one that is called so also with a typing error."""
    for match in _ID18.finditer(text):
        number = digits_of(match[0])
        is_right = is_id_card(number) and _has_birth(number)
        is_called = _ID_WORD.search(before(text, match.start(), 20))
        if (is_right or is_called) and not is_order(text, match.start()):
            yield Span(match.start(), match.end(), "id_card")
    for match in _ID_TYPED.finditer(text):
        number = digits_of(match[0])
        is_like = _PROVINCE.match(number) and re.match(r"\d{6}(?:19|20)\d{2}", number)
        if is_like and called(text, match.start(), match.end())[0] == "id_card":
            yield Span(match.start(), match.end(), "id_card")
    for match in _ID15.finditer(text):
        is_told = (
            re.fullmatch(r"[0-9]{6} [0-9]{6} [0-9]{3}", match[0])
            or called(text, match.start(), match.end())[0] in ("id_card", "mrn", None)
            or _ID_WORD.search(before(text, match.start(), 24))
            or _ID_WORD.search(text[match.end() : match.end() + 16])
        )
        if is_told and _is_old(digits_of(match[0])):
            yield Span(match.start(), match.end(), "id_card")


def _has_birth(number: str) -> bool:
    is_place = _PROVINCE.match(number) or number[:2] == "71" or number[0] == "9"
    return bool(is_place) and 1 <= int(number[10:12]) <= 12 and 1 <= int(number[12:14]) <= 31


def _is_old(number: str) -> bool:
    is_day = 1 <= int(number[8:10]) <= 12 and 1 <= int(number[10:12]) <= 31
    return bool(_PROVINCE.match(number)) and is_day


_PERMIT = re.compile(
    r"(?:护照|通行证|回乡证|返乡证|台胞证|军官证|士官证|士兵证|文职证|警官证|居留证|居住证|永居证?|证件|签证|驾照"
    r"|驾驶证|身份证|身分证|统一编号|(?<![A-Za-z])ID(?= ?card| ?no|证|号)|passport"
    r"|(?:travel )?permit|NRIC|FIN|HKID|NIN|SSN|social security)"
    r"(?:[ ]?(?:card|号码|号|编号|字|number|no\.?|证号))?(?:[^0-9A-Za-z,，。;；\n]{0,8}|[ ]?(?:is|was|ending|:)[ ]?)"
    r"(?P<n>(?:[\u4e00-\u9fff]{1,2}字第?)?(?=[A-Z \-]*[0-9])[A-Z]{0,3}[ \-]?[0-9]{1,4}(?:[ \-]?[0-9]){4,9}[A-Z]?(?:\("
    r"[0-9A-Z]\))?)(?![0-9A-Za-z])",
    re.IGNORECASE,
)
_SHAPES = re.compile(
    r"(?<![0-9A-Za-z])(?:[A-Z]{1,2}[0-9]{6}[ ]?\([0-9A]\)|[157]/?[0-9]{6}/?\([0-9]\)|[A-Z][1289][0-9]{8}(?=[^0-9A-Za-"
    r"z]|$)"
    r"|[STFGM][0-9]{7}[A-Z])(?![0-9A-Za-z])"
)
"""Of Hong Kong, Macau, Taiwan and Singapore; the latter two count only beside a word for them."""
_REGION_WORD = re.compile(r"证|證|ID|护照|passport|NRIC|FIN", re.IGNORECASE)


def permits(text: str) -> Iterator[Span]:
    """Passports, travel permits, and identity numbers of other places, by what they are called or by their shape."""
    for match in _PERMIT.finditer(text):
        is_company = re.match("统一?编号?", match[0]) and re.fullmatch(r"[0-9]{8}", match["n"])
        if not is_order(text, match.start("n")) and not _is_date(match["n"]) and not is_company:
            yield Span(match.start("n"), match.end("n"), "id_card")
    for match in _SHAPES.finditer(text):
        if match[0][-1] == ")" or _REGION_WORD.search(before(text, match.start(), 14)):
            yield Span(match.start(), match.end(), "id_card")


_ABROAD = re.compile(
    r"(?<![0-9A-Za-z])(?<![0-9][.\-])(?:"
    # Malaysia, Korea, Emirates, Thailand, Brazil, Pakistan, Chile, United States, Hong Kong with spaces, Britain
    r"[0-9]{2}[01][0-9][0-3][0-9]-[0-9]{2}-[0-9]{4}|[0-9]{2}[01][0-9][0-3][0-9]-[1-4][0-9]{6}"
    r"|784-[0-9]{4}-[0-9]{7}-[0-9]|[1-8]-[0-9]{4}-[0-9]{5}-[0-9]{2}-[0-9]|[0-9]{3}\.[0-9]{3}\.[0-9]{3}-[0-9]{2}"
    r"|[0-9]{5}-[0-9]{7}-[0-9]|[0-9]{1,2}\.[0-9]{3}\.[0-9]{3}-[0-9K]|[0-9]{3}-[0-9]{2}-[0-9]{4}"
    r"|[A-Z]{1,2}[ ]?[0-9]{3}[ ]?[0-9]{3}[ ]?\([0-9A]\)|[A-CEGHJ-PR-TW-Z]{2}(?:[ ]?[0-9]{2}){3}[ ]?[A-D]"
    # Singapore, Spain, Mexico, India, Italy
    r"|[STFGM][0-9]{7}[A-Z]|[XYZ]-?[0-9]{7}-?[A-Z]|[0-9]{8}-[A-HJ-NP-TV-Z]|[A-Z]{4}[0-9]{6}[HM][A-Z]{5}[0-9A-Z]{2}"
    r"|[A-Z]{5}[0-9]{4}[A-Z]|[A-Z]{6}[0-9]{2}[A-Z][0-9]{2}[A-Z][0-9]{3}[A-Z])(?![0-9A-Za-z]|[.\-][0-9])"
)
_PAPER_WORD = (
    r"(?:新|老|旧)?(?<![A-Za-z])IC|(?<![A-Za-z])(?:my ?kad|aadhaa?r|uidai|DNI|NIE|CURP|CPF|CI|RUT|RUN|NINO?|NI|SIN"
    r"|TFN|TIN|PAN"
    r"|NIK|KTP|CCCD|CMND|PESEL|CNIC|BSN|PPS|iqama|emirates id|umid|birth cert(?:ificate)?|BC|FIN|my ?number|ID|nric|SSN"
    r"|driving licen[cs]e|driver'?s licen[cs]e|DL)(?![A-Za-z])"
)
_PAPER = re.compile(
    rf"(?:{_PAPER_WORD})(?:[ ]?(?:card|no\.?|number|num|#|号码?))?[ :#]{{0,3}}(?:is |was |是)?"
    r"(?P<n>[A-Z][12][ ]?[0-9]{4}[ ]?[0-9]{4}|[0-9]{6}-[0-9]{2}-[0-9]{4}|[0-9]{4}[ \-][0-9]{4}[ \-][0-9]{4}"
    r"|[0-9]{3}[ \-][0-9]{3}[ \-][0-9]{3}"
    r"|[A-Z]{0,3}[0-9]{7,16}-?[A-Z]?)(?![0-9A-Za-z]|[\-.][0-9])",
    re.IGNORECASE,
)


def abroad(text: str) -> Iterator[Span]:
    """Identity numbers of other countries: in a shape that nothing else has, or behind what the paper is called."""
    for match in _ABROAD.finditer(text):
        if not is_order(text, match.start()) and called(text, match.start(), match.end())[0] not in ("phone", "none"):
            yield Span(match.start(), match.end(), "id_card")
    for match in _PAPER.finditer(text):
        number = re.sub(r"[ \-]", "", match["n"])
        is_bare_id = re.match(r"ID(?![A-Za-z])", match[0], re.IGNORECASE) and not re.match(
            "ID ?card", match[0], re.IGNORECASE
        )
        if (not is_bare_id or re.fullmatch(r"[A-Z][12][0-9]{8}|[0-9]{15}|[0-9]{17}[0-9X]", number)) and not _is_date(
            number
        ):
            yield Span(match.start("n"), match.end("n"), "id_card")


def _is_date(number: str) -> bool:
    return bool(re.fullmatch(r"(?:19|20)[0-9]{2}[ \-]?[01][0-9][ \-]?[0-3][0-9]", number))


# bank cards

_CARD = re.compile(rf"(?<![0-9A-Za-z])(?<![A-Za-z]-)[0-9](?:{_SEP}{{0,3}}[0-9]){{12,18}}(?![0-9A-Za-z])(?![.\-][0-9])")
_CARD_WORD = re.compile(
    r"(?<!证)卡|账号|账户|帐号|帐户|户头|工行|建行|农行|中行|交行|招行|邮储|银行|信合|存折|打款|转账|收款|汇款|划的"
    r"|刷的|付款|退款|card|account|visa|bank|iban",
    re.IGNORECASE,
)
_CARD_AFTER = re.compile(
    r"^[ ,，(（]{0,2}(?:这|那|我|他|她|是)?.{0,3}?(?:张卡|(?:的|银行|工资|储蓄|信用)卡|卡$|工行|建行|农行|中行|邮储"
    r"|招行)"
)


def passes_luhn(number: str) -> bool:
    """True when the digits add up as on a bank card."""
    doubled = (2 * int(d) if i % 2 else int(d) for i, d in enumerate(reversed(number)))
    return sum(d - 9 if d > 9 else d for d in doubled) % 10 == 0


def bank_cards(text: str) -> Iterator[Span]:
    """Numbers that pass Luhn and begin like a bank's, and what is called a card number."""
    for match in _CARD.finditer(text):
        number, lead = re.sub(r"[^0-9]", "", match[0]), before(text, match.start(), 20)
        ordered = is_order(text, match.start())
        named = bool(_CARD_WORD.search(lead)) and not ordered
        named = named or bool(_CARD_AFTER.match(text[match.end() : match.end() + 8]))
        certain = number[0] in "3456" and passes_luhn(number) and not ordered
        certain = certain or (
            number[:2] == "62"
            and len(number) in (16, 19)
            and (not ordered or lead.rstrip(": ").endswith("流水"))
            and not is_record(text, match.start(), match.end())
        )
        is_line = re.fullmatch(
            r"86[ \-]?1[3-9][0-9](?:[ \-]?[0-9]{4}){2}|\(?0[0-9]{2,3}\)?[ \-][0-9]{7,8}(?:[ \-][0-9]{1,6})?", match[0]
        )
        is_line = is_line or re.search(r"[,，](?:19|20)[0-9]{2}[.\-/]", match[0])
        if ((named and len(number) >= 13) or certain) and not is_line:
            yield Span(match.start(), match.end(), "bank_card")
