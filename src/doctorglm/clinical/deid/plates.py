"""Number plates: of the mainland in all their kinds, and those of other places beside a word for a vehicle.

Source: GA 36-2018; of farm machines NY 345-2005; of other places' plates the shapes that stand on them.
"""

import re
from collections.abc import Iterator

from doctorglm.clinical.deid.cues import before, called, is_order
from doctorglm.clinical.deid.spans import Span

_UPPER = {ord(c): c.upper() for c in "abcdefghijklmnopqrstuvwxyz"}
_PROVINCE = "[京津沪渝冀豫云辽黑湘皖鲁新苏浙赣鄂桂甘晋蒙陕吉闽贵粤青藏川宁琼]"
_PLATE = re.compile(
    rf"(?:{_PROVINCE}[ ·.\-]{{0,3}}[A-HJ-Z](?:。(?=[A-Z0-9]{{5}}))?"
    r"|[军空海北沈兰济南广成VKHBSLJNGCZE](?<=[军空海北沈兰济南广成])[ ·.\-]{0,2}[A-Z])[ ·.\-]{0,3}"
    r"(?:[临挂学警][ \-·]?)?"
    r"(?:[A-HJ-NP-Z0-9][ ·.\-]?){4}(?:[A-HJ-NP-Z0-9]{1,2}|[A-HJ-NP-Z0-9][ ][A-HJ-NP-Z0-9]"
    r"|[挂学警港澳领试超应急])(?![A-Za-z0-9])[挂学警港澳领试超临]?"
    rf"|WJ[ ·\-]?{_PROVINCE}?[ ·\-]?[0-9]{{2}}[ ·\-]?[0-9A-Z]{{3,5}}(?![A-Za-z0-9])"
    r"|[使领][ ]?[0-9]{3}[ ·\-]?[0-9]{3}(?![0-9])|(?<![0-9])[0-9]{3}[ ·\-]?[0-9]{3}使(?!用)"
    r"|民航[ ·\-]?[A-Z0-9][0-9]{4}(?![0-9A-Za-z])"
)
_FARM = re.compile(
    rf"(?<![0-9A-Za-z]){_PROVINCE}[ ]?[0-9]{{2}}(?P<mark>[ ·.\-]{{0,2}})[0-9A-Z][0-9]{{4}}(?![0-9A-Za-z]|[.\-][0-9])"
)
_FARM_WORD = re.compile(r"拖拉|农机|收割|联合机|旋耕|三轮|铁牛|车|牌")
_PLATE_WORD = re.compile(
    r"车牌|牌照|号牌|车号|车(?![前间祸])|[那这]台(?:是|系)?|的士|小巴|巴士|拖车|摩托|揸|代驾|休旅"
    r"|(?<![A-Za-z])(?:plate|licen[cs]e plate|reg(?:istration)?|rego"
    r"|cab|taxi|uber|lyft|grab|van|car|lorry|truck|vehicle|rental|hire|scooter|motorcycle|bike|jeep|sedan|suv|pickup"
    r"|motorbike|parked|driv(?:er|es?|ing)|minibus|coach|tesla|toyota|bmw|honda|ute|MVA|RTC|kereta|lori|kenderaan"
    r"|kotse|sasakyan|matr[ií]cula|carro|coche|placa|voiture|kennzeichen|mobil|motor)(?![A-Za-z])",
    re.IGNORECASE,
)
_PLATE_NAMED = re.compile(
    r"车牌|牌照|号牌|(?<![A-Za-z])(?:plate|rego|reg|registration|matr[ií]cula|placa|kennzeichen)(?![A-Za-z])",
    re.IGNORECASE,
)
_BEHIND = re.compile(
    r"[ ](?:is|was)[ ](?:[a-z']{1,8}[ ]){1,3}(?:van|car|taxi|truck|lorry|bike|scooter|suv)(?![a-z])|"
    r"[ ]?[,，(（]?[ ]?(?:的?车|的士|小巴|巴士|plate|[那这][辆台部]|撞|[黑白红银灰蓝绿黄](?:色|车)|休旅|复康"
    r"|轿车|私家车|van|car|taxi|parked|挪|堵|挡)"
)
_FOREIGN_PLATE = re.compile(
    r"(?<![0-9A-Za-z\-])(?:[A-Z]{2}[0-9]{2}[ ]?[A-Z]{3}|[A-Z]{2,3}[ \-·]?[0-9]{2}[A-Z](?![a-z])"
    r"|[A-Z]{1,3}[\- ][A-Z]{1,2}[ ]?[0-9]{1,4}"
    r"|[A-Z]{1,3}[ ][0-9]{1,4}[ ]?[A-Z](?![A-Za-z])"
    r"|[A-Z]{2,3}[ \-·][0-9]{3,4}|[0-9]{3,4}[ \-][A-Z]{2,3}|M[A-Z]?[ \-·][0-9]{2}[ \-·][0-9]{2}"
    r"|[A-Z]{2}[ \-·][0-9]{2}[ \-·][0-9]{2}|[0-9][A-Z]{3}[0-9]{3}|[A-Z][0-9]{6}[A-Z]|[0-9]{4}[A-Z]{3}"
    r"|[A-Z]{3}[ ]?[0-9]{1,4}[ ]?[A-Z]|[A-Z]{2}[0-9]{4}|[A-Z]{2}[ ][0-9]{1,4}|[A-Z]{3}[0-9]{3,4})(?![0-9A-Za-z\-])"
)
_CERTAIN = re.compile(
    # India, Nigeria
    r"(?<![0-9A-Za-z\-])(?:[A-Z]{2}[ \-]?[0-9]{2}[ \-]?[A-Z]{1,3}[ \-]?[0-9]{4}|[A-Z]{3}[ \-][0-9]{3}[ ]?[A-Z]{2})"
    r"(?![0-9A-Za-z\-])"
)
_BIKE = re.compile(
    r"(?:电动|电瓶|助力|两轮|三轮)车?(?:的)?(?:车?牌照?|牌号|号牌)(?:号码?)?[:是为 ]{0,3}"
    r"(?P<n>[A-Z0-9]{5,9})(?![0-9A-Za-z])"
)


def found(readings: list[str]) -> Iterator[Span]:
    """Plates in all readings of a text, those of other places in the first."""
    for text in readings:
        for match in _PLATE.finditer(text.translate(_UPPER)):
            if sum(c.isdigit() for c in match[0]) >= 2 and not is_order(text, match.start()):
                yield Span(match.start(), match.end(), "plate")
    yield from _farm(readings[0])
    yield from _foreign(readings[0])


def _farm(text: str) -> Iterator[Span]:
    """Tractors and harvesters, which have two digits for the city; bicycles with a motor."""
    for match in _FARM.finditer(text):
        around = before(text, match.start(), 20) + text[match.end() : match.end() + 12]
        if _FARM_WORD.search(around):
            yield Span(match.start(), match.end(), "plate")
    for match in _BIKE.finditer(text):
        yield Span(match.start("n"), match.end(), "plate")


def _foreign(text: str) -> Iterator[Span]:
    for match in _CERTAIN.finditer(text):
        if not is_order(text, match.start()):
            yield Span(match.start(), match.end(), "plate")
    for match in _FOREIGN_PLATE.finditer(text):
        if _is_beside_a_vehicle(text, match) and not is_order(text, match.start()):
            yield Span(match.start(), match.end(), "plate")


def _is_beside_a_vehicle(text: str, match: re.Match[str]) -> bool:
    """True beside a word for a plate or a vehicle, unless a nearer word calls it something else."""
    lead = before(text, match.start(), 40)
    is_sure = re.search(r"[0-9 ·\-][A-Z]{3}$|[A-Z][·\-]", match[0])
    word = _PLATE_WORD.search(lead[-28:] if is_sure else lead[-14:]) or _PLATE_NAMED.search(lead)
    word = word or _BEHIND.match(text[match.end() : match.end() + 32])
    if not word:
        return False
    kind, _, gap = called(text, match.start(), match.end())
    return kind in (None, "plate") or bool(_PLATE_WORD.search(gap))
