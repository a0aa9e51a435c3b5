"""Strikes what identifies somebody and was not told in this conversation: a model may repeat what it was trained on."""

import re
from collections.abc import Iterator, Sequence

from doctorglm.clinical import deid
from doctorglm.clinical.deid import Span, names
from doctorglm.safety.guards.finding import Finding
from doctorglm.safety.guards.rules import own_rules
from doctorglm.safety.guards.scene import Scene
from doctorglm.safety.search import Anchored

_PERSONAL = frozenset(
    {"name", "mobile", "landline", "id_card", "bank_card", "wechat", "email", "address", "mrn", "plate", "qq"}
)
"""Types of `clinical/deid` that lead to a person; hospitals, dates, ages and pages do not by themselves."""

_MORE = Anchored(
    r"\d零〇一二三四五六七八九幺两京津沪渝冀豫云辽黑湘皖鲁新苏浙赣鄂桂甘晋蒙陕吉闽贵粤青藏川宁琼@微wq扣邮号电手单地住家小病",
    r"(?:[0-9零〇一二三四五六七八九幺两][ -]?){7}|"
    r"[京津沪渝冀豫云辽黑湘皖鲁新苏浙赣鄂桂甘晋蒙陕吉闽贵粤青藏川宁琼][a-z]|@|微信|wechat|"
    r"weixin|qq|扣扣|邮箱|号码|电话|手机|"
    r"\d[弄号室栋幢]|单元|地址|住址|住在|家住|小区|病历号|住院号",
)
_NAMED = re.compile(
    r"(?:姓名|名字|名叫|叫做|联系人|联系|我是|叫|来自|转告|mr|mrs|ms|dr|named|name is|contact|patient)[是为:： .]{0,3}$"
)
_TITLED = re.compile(
    r"(?:阿姨|叔叔|大爷|大妈|医生|大夫|主任|教授|医师|先生|女士|小姐|老师|专家|护士|院长|博士)"
    r"|[，,、（(:： ]{0,2}(?:男|女|\d{1,3}岁|今年|电话|手机|微信|身份证|住)"
)
_CUE = Anchored(
    r"姓名叫联我来转阿叔大医主教先女小老专护院博，,、（( \dmdncp",
    r"姓名|名字|名叫|叫做|叫|联系人|联系|我是|来自|转告|阿姨|叔叔|大爷|大妈|医生|大夫|主任|教授|医师|先生|女士|小姐|老师|专家|护士|院长"
    r"|博士|[，,、（( ][男女]|\d岁|(?<![a-z])(?:mr|mrs|ms|dr|named|name|contact|patient)(?![a-z])",
)
"""Without one of these no name counts."""
_WECHAT = re.compile(r"微信|薇信|威信|wechat|weixin|vx|加v|v信")
_PUBLIC = re.compile(
    r"热线|总机|客服|(?<![a-z])(?:toll-free|hotline|helpline|institutes?|foundation|association|society|clearinghouse|"
    r"national|cent(?:er|re)|department|program|office|fda|nih|cdc|information|calling)(?![a-z])"
)
"""Before a number or an address for mail: it is an institution's."""
_FREE_CALL = re.compile(r"(?:1-?)?\(?8(?:00|33|44|55|66|77|88)\D")
_BESIDE = 8
"""Characters between a name and another identifier, which makes the name one."""


def found(scene: Scene) -> Iterator[Finding]:
    """Yields the identifiers of the segment, found by rules, that no message of the conversation holds.

    A name counts where something beside it says that it is one: the rules alone take too much of plain prose for one.
    """
    rule = own_rules("personal_data")["not-told"]
    spans = _identifiers(scene.text)
    for span in spans:
        text = scene.text[span.start : span.end]
        if span.type not in _PERSONAL or span.end <= scene.begin or text in scene.known.said:
            continue
        if _leads_to_somebody(scene.text, span, spans):
            yield Finding(max(span.start, scene.begin), span.end, rule, span.type)


def _leads_to_somebody(text: str, span: Span, spans: Sequence[Span]) -> bool:
    before = text[max(0, span.start - 60) : span.start]
    if span.type == "name":
        return _is_told_as_one(text, span, spans)
    if span.type == "wechat":
        return _WECHAT.search(before) is not None
    if span.type in ("mobile", "landline", "email"):
        return not (_PUBLIC.search(before) or _FREE_CALL.match(text, span.start))
    return True


def _identifiers(text: str) -> Sequence[Span]:
    """All identifiers where a number, an address or an account may stand; else names alone, which is quicker."""
    if _MORE.search(text):
        return deid.find(text, "rules")
    return [*names.found(text)] if _CUE.search(text) else []


def _is_told_as_one(text: str, name: Span, spans: Sequence[Span]) -> bool:
    if name.end - name.start < 2:
        return False
    if _NAMED.search(text[max(0, name.start - 12) : name.start]) or _TITLED.match(text[name.end : name.end + 12]):
        return True
    return any(s.type in _PERSONAL - {"name"} and -_BESIDE <= s.start - name.end <= _BESIDE for s in spans)
