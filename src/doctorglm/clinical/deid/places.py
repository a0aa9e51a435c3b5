"""Where somebody lives, and which hospital, ward and bed: the unit nearest to a person is what identifies.

A province, a city or a county alone is none, nor is a kind of hospital (县医院) or a department.
"""

import re
from collections.abc import Iterator

from doctorglm.clinical.deid import hospitals
from doctorglm.clinical.deid.fold import folded, simplified
from doctorglm.clinical.deid.spans import Span

_HAN = r"[\u4e00-\u9fff]"
_PLAIN = rf"(?:{_HAN}(?<![的是在住到我你他她您们这哪吧呢吗嘛寄给]))"
"""A character of a place's name: none of the words that lead up to one."""

# addresses

_NUMBER = r"(?:[甲乙丙丁附临]?[0-9A-Z一二三四五六七八九十百]{1,6}(?:[\-~至][0-9A-Z]{1,5}){0,3})"
_REGION = rf"(?:{_PLAIN}{{2,7}}?(?:特别行政区|自治区|自治州|自治县|新区|地区|省|盟|州|市|区|县|旗)[ ]?)"
_PLACE = (
    "街道办?|村民小组|家属院|家属楼|活动中心|居委会|农贸市场|工业园|开发区|大道|胡同|里弄|支路|马路|大街"
    "|社区|小区|花园|新村|公寓|家园|花城|大厦|"
    "广场|嘎查|苏木|团场|林场|农场|宿舍|大院|号院|号楼|路口|交口|底商|后楼|对面|旁边|路|街|巷|弄|道|镇|乡"
    "|村|苑|园|屯|寨|庄|坊|塘|湾|里|坪|营|堡|坡|沟|坎|岗|"
    "桥|城|郡|府|居|庭|轩|院|峰|岭|洞|门|口|期|幢|栋|座|单元|室|层|楼|号|组|队|户|社|区|房|排|角|场"
)
_FIRST = (
    "街道|大道|胡同|里弄|支路|马路|大街|社区|小区|花园|新村|公寓|家园|嘎查|苏木|团场|林场|农场|路|街|巷"
    "|弄|镇|乡|村|苑|屯|寨|庄|坊|里"
)
_ADDRESS = re.compile(
    rf"{_REGION}{{0,4}}{_PLAIN}{{1,9}}?(?:{_FIRST})(?:[ ]?(?:{_NUMBER}(?:{_PLACE})?|{_PLAIN}{{0,8}}?(?:{_PLACE})))*"
    rf"(?:[东西南北]头第[一二三四五六七八九十]家)?(?:[甲乙丙丁]户)?"
)
_FINE = re.compile(r"路|街|大道|巷|弄|胡同|镇|乡|村|社区|小区|苑|花园|公寓|家园|组|屯|号|栋|幢|嘎查|苏木|坊|里|寨")
_WHOLE = re.compile(
    rf"(?:省|市|区|县|旗|州|盟).*(?:{_FIRST})|(?:{_FIRST}).{{0,10}}?{_NUMBER}(?:号|栋|幢|弄|组|楼|室|单元"
    r"|座)|(?:镇|乡|街道).{1,6}(?:村|社区)"
)
_CUE = re.compile(
    r"(?:住址|地址|现住|家住|住在|住|家在|寄到|寄至|寄往|邮寄|寄|送到|位于|户籍|籍贯|老家|户口|家庭|现场"
    r"|地点|单位|收件|店在|公司在)"
    r"[^,，。;；\n]{0,3}[:是为]?[ ]?$"
)
_LEAD = re.compile(
    r"^(?:.*?(?:家在|住在|寄到|寄往|送到|位于|家住|现住|居住|地址|住址|户籍地?|从|至|于|往|去|来自))?"
    r"(?:上门|护士|址|地)?(?=.{5})"
)
_STREET = (
    r"(?:Street|St|Road|Rd|Lane|Ln|Avenue|Ave|Drive|Dr|Close|Court|Ct|Way|Place|Pl|Terrace|Crescent"
    r"|Boulevard|Blvd|Square|"
    r"Mews|Hill|Row|Gardens|Grove|Quay|Park|View|Walk|Rise|Yard)\.?"
)
_DOOR = r"(?:Flat|Apt\.?|Apartment|Unit|Room|Rm|Suite|Block|Tower|Building|No\.|flat|apt|#)[ ]?[0-9A-Z]+"
_ENGLISH_ADDRESS = re.compile(
    rf"(?<![0-9A-Za-z])(?:{_DOOR},?[ ])*[0-9]{{1,5}}[A-Z]?(?:[ \-][0-9]+)?[ ]"
    rf"(?:[A-Z][A-Za-z'’]+[ ]){{1,3}}{_STREET}(?![a-z])"
    rf"(?:,?[ ]{_DOOR})?(?:,[ ][A-Z][A-Za-z]+(?:[ ][A-Z][A-Za-z]+)?)*(?:,?[ ]{_DOOR})?"
    r"(?:,?[ ](?:[A-Z]{2}[ ])?[0-9]{5}|,?[ ][A-Z]{1,2}[0-9][0-9A-Z]?[ ][0-9][A-Z]{2})?"
)

def found(text: str) -> Iterator[Span]:
    """Addresses, wards with beds, and hospitals."""
    plain = simplified(folded(text))
    for match in _ENGLISH_ADDRESS.finditer(plain):
        yield Span(match.start(), match.end(), "address")
    yield from _addresses(plain)
    yield from hospitals.found(plain)


def _addresses(text: str) -> Iterator[Span]:
    for match in _ADDRESS.finditer(text):
        whole = match[0].rstrip()
        lead = _LEAD.match(whole)
        start = match.start() + (lead.end() if lead else 0)
        place = text[start : match.start() + len(whole)]
        cued = _CUE.search(text[max(0, start - 10) : start])
        if (
            len(place) >= 5
            and not re.search(hospitals.KIND + "$", place)
            and (_WHOLE.search(place) or (cued and _FINE.search(place)))
        ):
            yield Span(start, start + len(place), "address")
