"""Where somebody lives, and which hospital, ward and bed: the unit nearest to a person is what identifies.

A province, a city or a county alone is none, nor is a kind of hospital (县医院) or a department.
"""

import re
from collections.abc import Iterator

from doctorglm.clinical.deid.fold import folded
from doctorglm.clinical.deid.spans import Span
from doctorglm.clinical.deid.words import any_of, words

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

# hospitals

_KIND = (
    r"(?:人民医院|中心医院|中医医院|中医院|妇幼保健院|医院|卫生服务中心|卫生服务站|卫生院|卫生室|卫生所"
    r"|诊所|门诊部|专科门诊|皮肤门诊|中医门诊|保健院|医学中心|医疗中心|"
    r"疗养院|护理院|康复中心|体检中心|急救中心|防治院|防治所|医务室|医务所|国医馆|医馆|养老院|敬老院"
    r"|福利院|老年公寓|醫院|診所|衛生所|分院|安宁疗护中心|透析中心|血透中心|"
    r"妇幼(?![保健])|眼科(?=前台|医院|门诊))"
)
_ANY_KIND = re.compile(_KIND)
_HOSPITAL = re.compile(rf"(?P<n>(?:{_PLAIN}|[0-9A-Za-z·]){{2,18}}?{_KIND}(?:{_HAN}{{1,4}}(?:院区|分院|院))?)")
_KNOWN = re.compile(
    r"(?:北京|上海|广州|武汉|四川|浙江|山东)?(?:协和|华西|湘雅[一二三]?(?:医院|院)?|阜外|积水潭|同仁(?!堂)"
    r"|天坛医院|天坛(?!公园|路|东|西|南|北)|中日友好|佑安|宣武|瑞金|华山医院|仁济|齐鲁|"
    r"西京|唐都|盛京|安贞|北医[一二三]院|北大[一二三]院|301(?=医院|看|住|做|的)|三〇一|空总|海总|武总"
    r"|邵逸夫|浙[一二](?:院)?|省立(?:同德)?|鼓楼(?!区)|儿研所|"
    rf"{_HAN}{{1,3}}附(?:属)?(?:第)?[一二三四五六]?院|{_HAN}{{1,2}}大[一二三]附?院|"
    rf"(?!第){_HAN}{{1,4}}(?:市|县|区)?[一二三四五六七八九十]院(?![子校系长]))(?:{_HAN}{{1,3}}院区|[东西南北滨][区江])?"
)
_WARD = re.compile(
    rf"(?P<n>(?:(?:{_HAN}|[A-Z]){{0,10}}?(?:科|内|外|产|ICU|中心|房)[一二三四五六七八九十0-9]{{0,2}}(?:病区"
    r"|病房|病室|区|楼|室|组|病)?)?"
    rf"(?:{_HAN}|[0-9A-Z]){{0,8}}?(?:病区|病房|楼|区|科|室|层)?[东西南北]?区?[ ]?第?[加抢+]?"
    r"[0-9]{1,4}(?:-[0-9]{1,3})?[ ]?号?床(?:位)?)(?![头垫单边次])"
)
_WARD_LEAD = re.compile(
    r"^(?:患者|病人|由|现住|现|转入|转至|转到|收住|收入|住|在|入|目前|我爸|我妈|家属|于|到|的|请|去|往|把|给"
    r"|我|有|让|和|与|及|是|从|送|回|急诊转)+"
)
_LEAD_WORDS = (
    "转入|转到|转至|转往|诊至|送往|送到|送至|前往|就诊于|住院于|出生于|来自|位于|住进|住在|到过|去过|床转"
    "|由|自|从|往|挂|去了|去|到了|到|在|于|回|是|住|来|问|送|转|经|至|"
    "赴|及|与|和|找|向|为|给|前|跟|请到"
)
_HOSPITAL_LEAD = re.compile(rf"^{_HAN}{{0,6}}?(?:{_LEAD_WORDS})(?={_HAN}{{3,}})")
_VERBS = frozenset("送去到在回往来住进找的出转没写个")
_GENERIC = re.compile(rf"(?:{any_of('kinds_of_hospitals')}|第?[一二三四五六]|附属|的)+")
_NO_STEM = re.compile(r"^.*(?:附近有?|有没有|没有|只有|有个|[一几哪]个|[一几哪]家|什么|[那这]边)|^边(?=[县市])")
"""What leads up to a hospital and is no part of its name."""
_CAPITALISED = r"(?:[A-Z][A-Za-z'’\-]+[ ](?:of[ ]|and[ ]|the[ ]|&[ ])?)"
_ENGLISH_HOSPITAL = re.compile(
    rf"(?:St\.?[ ])?{_CAPITALISED}{{1,6}}(?:Hospital|Clinic|Infirmary|Medical[ ](?:Center|Centre|Group|Practice)|"
    r"Health[ ](?:Center|Centre|Clinic)|Surgery|Hospice|Nursing[ ]Home|Care[ ]Home|Centre|Center|Practice|Sanatorium|"
    rf"Polyclinic)(?![a-z])|(?<=at )St\.?[ ]{_CAPITALISED}{{1,2}}(?:Maternity|General)|"
    rf"(?<=at ){_CAPITALISED}{{1,3}}(?:General|Maternity)(?![a-z])"
)
_ENGLISH_WARD = re.compile(
    r"(?<![A-Za-z])(?:[A-Z][a-z]+[ ])?(?:[Ww]ard|[Bb]ay(?=.{3,8}[Bb]ed)|ICU|CCU|HDU)[ ]"
    r"(?:[0-9]{1,2}[A-Z]?|[A-Z](?![A-Za-z]))[0-9]{0,2}"
    r"(?:,?[ ](?:[Bb]ay[ ][0-9A-Z]+,?[ ])?[Bb]ed[ ]?[0-9]{1,3}[A-Z]?)?|(?<![A-Za-z])[Bb]ed[ ][0-9]{1,3}(?![0-9])"
)


def found(text: str) -> Iterator[Span]:
    """Addresses, wards with beds, and hospitals."""
    plain = folded(text)
    for match in _ENGLISH_ADDRESS.finditer(plain):
        yield Span(match.start(), match.end(), "address")
    yield from _addresses(plain)
    yield from _hospitals(plain)


def _addresses(text: str) -> Iterator[Span]:
    for match in _ADDRESS.finditer(text):
        whole = match[0].rstrip()
        lead = _LEAD.match(whole)
        start = match.start() + (lead.end() if lead else 0)
        place = text[start : match.start() + len(whole)]
        cued = _CUE.search(text[max(0, start - 10) : start])
        if (
            len(place) >= 5
            and not re.search(_KIND + "$", place)
            and (_WHOLE.search(place) or (cued and _FINE.search(place)))
        ):
            yield Span(start, start + len(place), "address")


def _hospitals(text: str) -> Iterator[Span]:
    beside = text
    for match in _WARD.finditer(text) if "床" in text else ():
        start = match.end("n") - len(_WARD_LEAD.sub("", match["n"]))
        yield Span(start, match.end("n"), "hospital")
        beside = f"{beside[:start]}{' ' * (match.end('n') - start)}{beside[match.end('n') :]}"
    # most texts name none, and are passed at a fraction of the time
    for match in _HOSPITAL.finditer(beside) if _ANY_KIND.search(beside) else ():
        name = _NO_STEM.sub("", _HOSPITAL_LEAD.sub("", match["n"]))
        start = match.end("n") - len(name)
        kind = _ANY_KIND.search(text, start, match.end("n") + 2)
        stem = text[start : kind.start()] if kind else ""
        is_generic = stem in words("kinds_of_hospitals") or _GENERIC.fullmatch(stem)
        is_centre = kind and kind[0] == "医学中心" and len(stem) >= 4
        if len(stem) >= 2 and stem[-1] not in _VERBS and (is_centre or not is_generic):
            yield Span(start, match.end("n"), "hospital")
    for pattern in (_KNOWN, _ENGLISH_HOSPITAL, _ENGLISH_WARD):
        for match in pattern.finditer(text):
            yield Span(match.start(), match.end(), "hospital")
