"""Numbers that reach or identify somebody: telephones, identity and bank cards, QQ, records, plates.

Sources: GB 11643-1999 (identity numbers and their check digit), ISO/IEC 7812 (Luhn), GA 36-2018 (number plates),
YD/T numbering of mobile networks (1 and 3 to 9). No `\\b` anywhere: between Chinese and digits it does not match.
"""

import re
from collections.abc import Iterator

from doctorglm.clinical.deid.fold import folded, spoken
from doctorglm.clinical.deid.spans import Span

_SEP = r"[ \-.·,、/()\t\n]"
_ORDER = re.compile(
    r"(?:订单|运单|快递|单号|物流|追溯码|批号|批次|流水|条形码|货号|准字|版本|序列|交易|授权码|发票|票据"
    r"|凭证|tracking|order|batch|lot)"
    r"[^,，。;；\n]{0,8}$",
    re.IGNORECASE,
)


def found(text: str) -> Iterator[Span]:
    """All of them, the most certain kinds first."""
    plain, digits = folded(text), spoken(text)
    yield from _id_cards(plain)
    yield from _id_cards(digits)
    yield from (Span(m.start("n"), m.end("n"), "id_card") for m in _PERMIT.finditer(plain))
    yield from _bank_cards(plain)
    yield from _foreign(plain)
    yield from _mobiles(plain)
    yield from _mobiles(digits)
    yield from _rounded(plain)
    yield from _bank_cards(digits)
    yield from _qq(plain, digits)
    yield from _landlines(plain, digits)
    yield from _plates(plain)
    yield from _plates(digits)
    yield from _records(plain)
    yield from (s for s in _records(digits) if s.end - s.start >= 6)


def _before(text: str, at: int, chars: int = 16) -> str:
    return text[max(0, at - chars) : at]


def _digits(text: str) -> str:
    return re.sub(r"[^0-9Xx]", "", text)


# identity cards

_ID18 = re.compile(rf"(?<![0-9A-Za-z])[1-9](?:{_SEP}{{0,2}}[0-9]){{16}}{_SEP}{{0,2}}[0-9Xx](?![0-9A-Za-z])")
_ID15 = re.compile(rf"(?<![0-9A-Za-z])[1-8](?:{_SEP}?[0-9]){{14}}(?![0-9A-Za-z])")
_ID_WORD = re.compile(
    r"身份|证件|[老旧]证|15位|十五位|证号|身分|一代证|二代证|公民|身份證|(?<![A-Za-z])ID(?![A-Za-z])|id card|identity",
    re.IGNORECASE,
)
_WEIGHTS = (7, 9, 10, 5, 8, 4, 2, 1, 6, 3, 7, 9, 10, 5, 8, 4, 2)


def is_id_card(number: str) -> bool:
    """True for 18 characters whose last is right for the others."""
    if not re.fullmatch(r"[1-9]\d{16}[\dXx]", number):
        return False
    total = sum(int(digit) * weight for digit, weight in zip(number, _WEIGHTS, strict=False))
    return "10X98765432"[total % 11] == number[-1].upper()


def _id_cards(text: str) -> Iterator[Span]:
    for match in _ID18.finditer(text):
        number = _digits(match[0])
        if is_id_card(number) or _ID_WORD.search(_before(text, match.start(), 20)):
            yield Span(match.start(), match.end(), "id_card")
    for match in _ID15.finditer(text):
        number = _digits(match[0])
        is_date = 1 <= int(number[8:10]) <= 12 and 1 <= int(number[10:12]) <= 31
        if is_date and _ID_WORD.search(_before(text, match.start(), 24)):
            yield Span(match.start(), match.end(), "id_card")


_PERMIT = re.compile(
    r"(?:护照|護照|通行证|通行證|回乡证|回鄉證|台胞证|臺胞證|军官证|士兵证|居留证|passport|travel permit)"
    r"(?:号码|号|號碼|號|编号|number|no\.?)?[ :是为#]{0,3}"
    r"(?P<n>(?=[A-Z0-9]*[0-9]{6})[A-Z]{0,3}[0-9]{6,10})(?![0-9A-Za-z])",
    re.IGNORECASE,
)


# bank cards

_CARD = re.compile(rf"(?<![0-9A-Za-z])[0-9](?:{_SEP}{{0,2}}[0-9]){{12,18}}(?![0-9A-Za-z])(?![.\-][0-9])")
_CARD_WORD = re.compile(
    r"卡|账号|账户|帐号|帐户|户头|工行|建行|农行|中行|交行|邮储|银行|存折|打款|转账|收款|汇款|划的|刷的|card|account|visa|bank",
    re.IGNORECASE,
)


_CARD_AFTER = re.compile(r"^[ ]?(?:这|那)张|^[ ]?(?:的)?卡")


def passes_luhn(number: str) -> bool:
    """True when the digits add up as on a bank card."""
    doubled = (2 * int(d) if i % 2 else int(d) for i, d in enumerate(reversed(number)))
    return sum(d - 9 if d > 9 else d for d in doubled) % 10 == 0


def _bank_cards(text: str) -> Iterator[Span]:
    for match in _CARD.finditer(text):
        number, before = _digits(match[0]), _before(text, match.start(), 20)
        named = bool(_CARD_WORD.search(before)) and not _ORDER.search(before)
        named = named or bool(_CARD_AFTER.match(text[match.end() : match.end() + 8]))
        certain = number[0] in "3456" and passes_luhn(number) and not _ORDER.search(before)
        if (named and len(number) >= 13) or certain:
            yield Span(match.start(), match.end(), "bank_card")


# mobiles

_MOBILE = re.compile(
    rf"(?<![0-9A-Za-z])(?<![0-9][.\-])(?:\(?(?:\+|00)86\)?{_SEP}{{0,2}}|86-)?\(?"
    rf"(?P<n>1{_SEP}{{0,2}}[3-9](?:{_SEP}{{0,2}}[0-9]){{9}})(?![0-9A-Za-z])(?![.\-][0-9])"
)
_TELEPHONE = r"(?:手机|电话|手機|電話|联系方式|mobile|phone|tel)"
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


def _rounded(text: str) -> Iterator[Span]:
    for match in _ROUNDED.finditer(text):
        group = "n" if match["n"] else "alone"
        yield Span(match.start(group), match.end(group), "mobile")


def _mobiles(text: str) -> Iterator[Span]:
    for match in _MOBILE.finditer(text):
        groups = [len(g) for g in re.split(rf"{_SEP}+", match["n"])]
        whole = len(groups) == 1 or min(groups) >= 3 or max(groups) == 1 or (groups[0] == 1 and min(groups[1:]) >= 2)
        if whole and not _ORDER.search(_before(text, match.start())):
            start = match.start() if match[0].count("(") == match[0].count(")") else match.start("n")
            yield Span(start, match.end(), "mobile")
    for match in _MISREAD.finditer(text):
        yield Span(match.start("n"), match.end("n"), "mobile")


# QQ

_QQ_NUMBER = re.compile(
    r"(?<![0-9.\-/A-PR-Za-pr-z])[1-9](?:[ \-]?[0-9]){4,10}(?![0-9A-Za-z@%]|\.[0-9])(?!\s?(?:元|块|mg|ml|点|分))"
)
_QQ_BEFORE = re.compile(
    r"(?:(?<![A-Za-z])[Qq](?:[Qq]|(?![A-Za-z]))|扣扣|企鹅|球球|抠抠|蔻蔻|扣(?:我|他|她|你)?"
    r"(?=[^\u4e00-\u9fff]*$))(?:[^0-9]{0,20}|[A-Za-z' :,()]{0,44})$"
)
_NOT_QQ = re.compile(r"电话|手机|座机|微信号?[:：是]?$|血|次/分")
_QQ_AFTER = re.compile(r"^[^0-9。;；\n]{0,8}(?:(?<![A-Za-z])QQ|扣扣|企鹅号|加群|is a QQ|\(QQ)", re.IGNORECASE)


def _qq(plain: str, digits: str) -> Iterator[Span]:
    for text in (plain, digits):
        for match in _QQ_NUMBER.finditer(text):
            word = _QQ_BEFORE.search(_before(text, match.start(), 48))
            named = word and not _NOT_QQ.search(word[0])
            if named or (_QQ_AFTER.match(text[match.end() : match.end() + 14]) and len(_digits(match[0])) >= 5):
                yield Span(match.start(), match.end(), "qq")


# plates

_PLATE = re.compile(
    r"[京津沪渝冀豫云辽黑湘皖鲁新苏浙赣鄂桂甘晋蒙陕吉闽贵粤青藏川宁琼][ ·.\-]?[A-HJ-Z][ ·.\-]{0,2}"
    r"(?:[A-HJ-NP-Z0-9][ ·]?){4}(?:[A-HJ-NP-Z0-9]{1,2}|[挂学警港澳])(?![A-Za-z0-9])"
)


def _plates(text: str) -> Iterator[Span]:
    for match in _PLATE.finditer(text.upper()):
        if sum(c.isdigit() for c in match[0]) >= 2:
            yield Span(match.start(), match.end(), "plate")


# fixed lines

_ALONE = r"(?<![0-9A-Za-z])(?<![0-9A-Za-z][.\-])"
_EXTENSION = r"(?:[ ]?(?:转|-|分机|ext\.?|x)(?:分机)?[ ]?[0-9]{1,6})?"
_GAP = r"[ \-.]"
_LANDLINES = tuple(
    re.compile(pattern)
    for pattern in (
        rf"{_ALONE}\(?(?:86[ \-])?0(?:10|2[0-9]"
        rf"|[3-9][0-9]{{2}})\)?{_GAP}{{0,3}}[1-9][0-9]{{2,3}}{_GAP}?[0-9]{{4}}(?:(?=24小时)|{_EXTENSION}(?![0-9A-Za-z]))",
        rf"{_ALONE}(?:\+?1[ \-])?[48]00{_GAP}?[0-9]{{3,4}}{_GAP}?[0-9]{{3,4}}{_EXTENSION}(?![0-9A-Za-z])",
        rf"{_ALONE}(?:\+|00)(?!86[ \-.]{{0,2}}\(?1[3-9])[1-9][0-9]{{0,2}}{_GAP}?"
        rf"(?:\(0?[0-9]{{1,4}}\){_GAP}?)?[0-9]{{1,4}}(?:{_GAP}[0-9]{{2,5}}){{1,4}}(?![0-9])",
        rf"{_ALONE}(?:1[ \-])?(?:\([2-9][0-9]{{2}}\)[ ]?|[2-9][0-9]{{2}}[\-. ])[2-9][0-9]{{2}}[\-. ][0-9]{{4}}"
        r"(?![0-9])",
        rf"{_ALONE}0(?:[0-9]{{4}}[ ][0-9]{{6}}|[0-9]{{2}}[ ][0-9]{{4}}[ ][0-9]{{4}}"
        r"|[0-9]{3}[ ][0-9]{3}[ ][0-9]{4})(?![0-9])",
    )
)
_LOCAL = re.compile(
    r"(?:电话|座机|固话|总机|宅电|传真|热线|值班室?|办公室|分机|拨打?|致电|联系方式|Tel\.?|phone|fax|call"
    r"|ring|打)[^0-9,，。;；]{0,6}?"
    rf"(?P<n>(?<![0-9\-])(?!1[3-9][0-9]{{5}}/)[1-9][0-9]{{2,3}}[ \-]?[0-9]{{4}}{_EXTENSION})"
    r"(?![0-9A-Za-z\-])(?!\s?(?:元|块|ml|mg|次|人|点))",
    re.IGNORECASE,
)


def _foreign(text: str) -> Iterator[Span]:
    for pattern in _LANDLINES[1:4]:
        for match in pattern.finditer(text):
            before = _before(text, match.start())
            # the end of a mobile number that is written in groups is none
            if match[0][:1] in "+(1480" and not _ORDER.search(before) and not re.search(r"[0-9][ -]$", before):
                yield Span(match.start(), match.end(), "landline")


def _landlines(plain: str, digits: str) -> Iterator[Span]:
    for text in (plain, digits):
        for pattern in _LANDLINES:
            for match in pattern.finditer(text):
                if not _ORDER.search(_before(text, match.start())):
                    yield Span(match.start(), match.end(), "landline")
        for match in _LOCAL.finditer(text):
            yield Span(match.start("n"), match.end("n"), "landline")


# records of hospitals

_RECORD_HEADS = (
    r"住院|病历|病案|门诊|就诊|登记|检查|影像|放射|超声|B超|彩超|病理|标本|样本|样品|报案|理赔|受理|体检"
    r"|诊疗|申请|检验|化验|腕带|急诊|造影|玻片|切片|蜡块|"
    r"条码|存档|档案|健康卡|就医|处方|预约|报告|片子|片|MRI?|CT|DR|PET(?:-CT)?|Holter|心电|胃镜|肠镜|内镜"
    r"|受试者?|筛选|随访|建档|保健|保单|赔案|案件|案|血袋|"
    r"配型|骨髓|胚胎|冷冻|手术|麻醉|透析|入院|出院|ICU|产检|孕检|母子|出生|接种|试管|会诊|转诊|救护|调度"
    r"|呼救|治疗|病人|患者|病员|诊|磁卡|院内|ID|新生儿|"
    r"透视|骨密度|脑电|肌电|核磁|磁共振|镜检|采血|抽血|送检|试管|培养|基因|检测|外送|周期|医嘱|记录|备案"
)
_RECORD = re.compile(
    rf"(?P<word>(?:{_RECORD_HEADS})[\u4e00-\u9fff]{{0,5}}?(?:卡)?(?:号码|号|编号|条码|条形码|流水号|流水|ID"
    r"|id|码|NO|No|#)?)"
    r"(?:[ :#才是为念叫填写报到\[(【「\"“'｜|]|No\.?|NO\.?|我记得|好像是|应该是|就是){0,5}"
    r"(?P<n>[A-Za-z&]{0,8}[0-9]?[ \-_/]?[0-9][A-Za-z0-9\-_/]*[0-9A-Za-z](?:[ ][0-9](?![0-9A-Za-z]))*"
    r"|[A-Za-z]{1,6}(?:-[A-Za-z0-9]{1,8}){1,4}|[0-9](?:[ ][0-9]){5,})"
    r"(?![0-9A-Za-z%]|\.[0-9])(?!\s?(?:元|块|年|岁|月|次|天|周|分|mg|ml|cm|mm|例|人|级|期|U|IU|μ))"
)
_NUMBERED = re.compile(
    r"(?:编号|登 记 号|病 历 号|住 院 号|门 诊 号|单子是|流水号|卡号)[^。;；\n0-9A-Za-z]{0,14}"
    r"(?P<n>[A-Z]{1,8}[\-/]?[0-9][A-Z0-9\-/]*[0-9]|[0-9](?:[ ][0-9]){5,})(?![0-9A-Za-z])"
)
_CALLED = re.compile(r"(?:号码|号|编号|条码|条形码|流水号|流水|ID|id|码|NO|No|#|卡|单)$")
_NO_RECORD = re.compile(
    r"订单|运单|快递|发票|准字|批号|车牌|手机|电话|身份证|证件|银行|工号|微信|床号|楼号|房号|序号|票据"
    r"|收据|交易|耗材|器械|设备|机器|仪器|罐体|箱|门牌|型号|授权|提取码|验证码|取件码|取号码|邮编|区号|诊断编码|编码"
)
_ENGLISH_RECORD = re.compile(
    r"(?:(?<![A-Za-z])|(?<=\\t))(?:MRN|(?:medical|hospital|local|patient|our|your|clinic)?[ ]?record|hospital (?:no"
    r"|number)|visit|accession|claim|specimen|case|chart|patient|admission|sample|"
    r"lab|laboratory|encounter|imaging|pathology|file|reference|ref|requisition|study|scan|biopsy|slide"
    r"|episode|hospital card|policy)(?:[ ](?:number|no\.?|ID|num\.?|code)|[ ]?#)?"
    r"[ ]{0,2}(?:is|was|:|#|no\.?|\()?[ ]{0,2}"
    r"(?P<n>(?=[A-Za-z\-/&]*[0-9])[A-Z0-9][A-Z0-9&]*(?:[\-/][A-Z0-9]+)*)(?![A-Za-z0-9])",
    re.IGNORECASE,
)


_WARE = re.compile(r"耗材|器械|设备|机器|仪器|罐体|产品|商品|药品")
_FIRST_CELL = re.compile(r"(?m)^(?P<n>[A-Z]{0,3}[0-9]{7,12})(?=\t[^\t\n]{1,12}\t)")
"""The first cell of a row in a table, before a short one."""


_THREE_DIGITS = re.compile(r"[0-9](?:[A-Za-z\u0130\u0131\u017f\u212a\-_/ &]*[0-9]){2}")
"""Every number of a record has three and more (four letters beside ASCII count where case is ignored)."""


def _records(text: str) -> Iterator[Span]:
    if not _THREE_DIGITS.search(text):
        return
    for match in _RECORD.finditer(text):
        word, number = match["word"], match["n"]
        called = _CALLED.search(word) or re.match(r"[A-Za-z]{1,6}-?[0-9]|0|[0-9]{6}", number)
        is_ware = _NO_RECORD.search(word) or _WARE.search(_before(text, match.start(), 6))
        if sum(c.isdigit() for c in number) >= 3 and called and not is_ware:
            yield Span(match.start("n"), match.end("n"), "mrn")
    for match in _NUMBERED.finditer(text):
        if sum(c.isdigit() for c in match["n"]) >= 4 and not _NO_RECORD.search(_before(text, match.start("n"), 12)):
            yield Span(match.start("n"), match.end("n"), "mrn")
    for match in _ENGLISH_RECORD.finditer(text):
        is_year = re.fullmatch(r"(?:19|20)[0-9]{2}", match["n"])
        is_lot = match[0][:3] == "REF" and re.search(r"(?i)lot|batch|exp\b", _before(text, match.start(), 40))
        if sum(c.isdigit() for c in match["n"]) >= 3 and not is_year and not is_lot:
            yield Span(match.start("n"), match.end("n"), "mrn")
    for match in _FIRST_CELL.finditer(text):
        yield Span(match.start("n"), match.end("n"), "mrn")
