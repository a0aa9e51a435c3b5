"""What an identifier that only the tagger reads must look like: a day has a month, an age is 90 or more.

The rules' own findings are not asked; they go by these forms from the beginning.
"""

import re

from doctorglm.clinical.deid.fold import spoken
from doctorglm.clinical.deid.numbers import is_id_card, passes_luhn
from doctorglm.clinical.deid.spans import Span
from doctorglm.clinical.deid.words import any_of

_LIKE_DIGITS = set("0123456789OolIiSB①②③④⑤⑥⑦⑧⑨⓪⑴⑵⑶⑷⑸⑹⑺⑻⑼⒈⒉⒊⒋⒌⒍⒎⒏⒐⑩⑪⑫⑬⑭⑮⑯⑰⑱⑲")
_DIGITS_OF = {
    "mobile": (6, 19),
    "landline": (4, 20),
    "id_card": (6, 20),
    "bank_card": (10, 22),
    "qq": (4, 13),
    "mrn": (2, 40),
    "plate": (2, 9),
}
"""How many digits a number of the type has at least and at most, slips and extensions included."""
_WITHOUT_LETTERS, _LETTER = {"mobile", "bank_card", "qq"}, re.compile(r"[A-Za-z](?<![OolIiSBZz])")
"""Types whose numbers hold no letters but those that are taken for digits."""
_DIALLED = re.compile(r"[(+]|[01零〇一幺洞]|[48][0oO]{2}|[四八][零〇洞]{2}|[0-9]{1,3}-|86|.{0,12}(?:转|分机|ext)")
_CALLED = {
    "id_card": re.compile(r"身[份分]|证|ID|护照|公民|实名|户口|document|passport", re.IGNORECASE),
    "bank_card": re.compile(r"卡|[账帳]|户|[工农建招邮交中]行|[银信]|款|钱|费|付|card|bank|转|退", re.IGNORECASE),
}
_OF_THINGS = re.compile(
    r"(?:准字|批准文号|批号|标准|许可证|注册证|专利|订单|运单|快递|包裹|赠品|型号|(?<![A-Za-z])SN|UDI|LOT|batch|lot)"
    r"[^，。；,;]{0,6}$"
)
"""Before a number of a thing and not of a person."""
_GENE = re.compile(
    r"(?:miR|mir|let|lnc|rs|HLA|CD|IL|BRCA|NM_|chr|TNF|PD|KRAS|EGFR|HER|CYP|MTHFR|APOE|DRB|DQ)-?[0-9_*]", re.ASCII
)
"""Genes and their like, which look like numbers of specimens."""
_KIND_OF_HOSPITAL = re.compile(rf"(?:{any_of('kinds_of_hospitals')}|的)*(?:医院|醫院|卫生院|诊所|门诊|科|病房)")
_DEPARTMENT = re.compile(
    "(?:消化|呼吸|神经|心血管|内分泌|泌尿|肿瘤|血液|肾脏|风湿|免疫|感染|传染|肝胆|胃肠|肛肠|甲状腺|乳腺|血管|心脏|普通|整形|烧伤|脊柱|关节"
    "|创伤|手足|运动|医学|妇产|小儿|新生儿|口腔|耳鼻咽?喉|耳鼻|头颈|皮肤|性病|精神|心理|康复|理疗|中医|针灸|推拿|急诊|发热|重症|监护|麻醉|疼痛|老年"
    "|全科|生殖|营养|体检|预防|保健|放射|影像|超声|检验|病理|药剂|介入|放疗|化疗|血透|透析|门诊|住院|病房|病区|诊室|候诊|输液|专科|普外|神外|心内|肾内"
    "|ICU|CT|B超|[妇产儿眼牙齿男骨内外心胸脑肾肝胆血普神科室区部楼房台站与和、及的]|中心|护士|大厅|窗口)+"
)
"""Departments alone, which are everywhere."""
_AGE_TOLD = re.compile(r"[岁歲旬]|year|yr|y/?o|y\.o|ninet|hundred|tahun", re.IGNORECASE)
_AGE_ALONE = re.compile(
    r"(?:9[0-9]|1[0-3][0-9])(?:多|几|整|y)?|九十[有又]?[一二三四五六七八九]?(?:多|几|好几|有余)?|九[一二三四五六七八九]"
    r"|一?百(?:零?[一二三四五六七八九])?|[玖九][拾十].?",
    re.IGNORECASE,
)
_NO_AGE = re.compile(
    r" ?(?:分|斤|公|kg|个月|元|块|厘米|米|兆|减|加|[%％℃°]|次|后|年|天|小时|度|mm|ml|cm|mg|g\b"
    r"|/|[.:][0-9]|毫|万|例|张|片|粒|颗)"
)
_NO_AGE_BEFORE = re.compile(r"(?:率|压|重|搏|分|考了|温|糖|氧|高|长|第|[0-9.])[是有 ]?$")
_IN_WORDS, _WITHIN_A_WORD = {"address", "hospital"}, re.compile(r"[A-Za-zÀ-ɏ]{2}")
_NUMBER = re.compile(r"[0-9]+")
_DAY = re.compile(
    r".*(?:月|[日号號初廿卅]|jan|feb|mar|apr|may|jun|jul|aug|sep|oct|nov|dec|[生腊冬正]).*"
    r"|[0-9]{4}|[0-9]{6}|[0-9]{8}"
    r"|.*[0-9OIl一-十] ?[.\-/、,~] ?[0-9OIl一-十].*|三十|.*(?:19|20)[0-9]{2}",
    re.IGNORECASE | re.DOTALL,
)
_BARE_DAY = re.compile(r"[0-9一二三四五六七八九十廿卅]{1,3}[日号號]?|[0-9]{1,2} ?[^0-9] ?[0-9]{1,2}|.{1,2}月.?")
_NO_DAY = re.compile(
    r" ?(?:杯|片|颗|粒|点[^，。]|天|岁|次|个|周|月|年|分|小时|mg|ml|cm|mm|[%％℃°]"
    r"|线|楼|汽|染|外显|电|铁|刀|丝|床|窗|诊|门|院"
    r"|井|机|柜|桌|台|馆|厅|的?淋巴|时间|以上|以下|左右|大[^夫]|龄)"
)
_ROUND_RANGE = re.compile("[0-9]+00-[0-9]+00")
_DOT = re.compile("[.。点點]")
_AT = re.compile(r"[@#*]|at|艾特|爱特|小老鼠|圈|[aA]\b|邮", re.IGNORECASE)
_FILE = re.compile(r"\.(?:exe|ya?ml|csv|zip|rar|pdf|jpe?g|png|docx?|xlsx?|sh|py|dcm|txt|mp4|apk)$", re.IGNORECASE)


_FILE_BEHIND = re.compile(
    r"\.(?:exe|ya?ml|csv|zip|pdf|jpe?g|png|docx?|xlsx?|dcm|txt|jsonl?|parquet)(?![a-z])", re.IGNORECASE
)
_SHARD = re.compile(r"(?:part|shard|chunk|split|batch)[-_ ]$", re.IGNORECASE)


def may_be(plain: str, span: Span) -> bool:
    """Whether a stretch of a folded text, with what stands around it, can be of its type."""
    text = plain[span.start : span.end]
    if (len(text) < 2 and span.type != "age") or (span.type in _IN_WORDS and _cuts_a_word(plain, span)):
        return False
    if span.type == "mrn" and (_FILE_BEHIND.match(plain, span.end) or _SHARD.search(plain[: span.start][-8:])):
        return False
    if span.type in _DIGITS_OF:
        return _is_number(plain, span)
    if span.type == "age":
        return _is_age(text, plain[max(0, span.start - 4) : span.start], plain[span.end : span.end + 4])
    if span.type == "date":
        follows = _BARE_DAY.fullmatch(text) and _NO_DAY.match(plain, span.end)
        return bool(_DAY.fullmatch(text)) and not follows and _has_a_month(text)
    if span.type == "address":
        return not text.isascii() or any(map(str.isdigit, text))
    if span.type == "hospital":
        return not _KIND_OF_HOSPITAL.fullmatch(text) and not _DEPARTMENT.fullmatch(text)
    if span.type == "email":
        return bool(_AT.search(text))
    return span.type != "url" or "/" in text or (_DOT.search(text) is not None and not _FILE.search(text))


def _cuts_a_word(plain: str, span: Span) -> bool:
    """Whether it begins or ends within a word of Latin letters, as within a drug's name."""
    edges = (plain[span.start - 1 : span.start + 1] if span.start else "", plain[span.end - 1 : span.end + 1])
    return any(_WITHIN_A_WORD.fullmatch(edge) for edge in edges)


def _is_number(plain: str, span: Span) -> bool:
    text, before = plain[span.start : span.end], plain[max(0, span.start - 24) : span.start]
    least, most = _DIGITS_OF[span.type]
    count = sum(c in _LIKE_DIGITS for c in spoken(text))
    if span.type in _WITHOUT_LETTERS and _LETTER.search(text):
        return False
    if not least <= count <= most or _OF_THINGS.search(before) or _GENE.match(text):
        return False
    if span.type == "landline":
        return (count < 9 or bool(_DIALLED.match(text))) and not _ROUND_RANGE.fullmatch(text)
    if span.type not in _CALLED:
        return True
    digits = re.sub(r"[^0-9Xx]", "", spoken(text))
    checks = passes_luhn(digits) if span.type == "bank_card" else len(digits) != 18 or is_id_card(digits.upper())
    return checks or bool(_CALLED[span.type].search(before + plain[span.start : span.end + 16]))


def _is_age(text: str, before: str, after: str) -> bool:
    """Whether it is told to be an age, or is a bare number that nothing else is said to be counted in."""
    text = text.replace(" ", "")
    number = _NUMBER.match(text)
    if number and int(number[0]) < 90:
        return False
    if _AGE_TOLD.search(text):
        return True
    return bool(_AGE_ALONE.fullmatch(text) and not _NO_AGE.match(after) and not _NO_AGE_BEFORE.search(before))


def _has_a_month(text: str) -> bool:
    """False for two numbers of which neither is a month, or one is no day."""
    parts = [int(part) for part in _NUMBER.findall(text)]
    if len(parts) != 2 or any(c.isalpha() for c in text) or max(parts) > 1900:
        return True
    return 0 < min(parts) <= 12 and max(parts) <= 31
