"""Strikes what identifies somebody and was not told in this conversation: a model may repeat what it was trained on."""

import re
from collections.abc import Iterable, Iterator

from doctorglm.clinical import deid
from doctorglm.clinical.deid import Span, names
from doctorglm.safety.guards.finding import Finding
from doctorglm.safety.guards.rules import own_rules
from doctorglm.safety.guards.scene import Scene

_PERSONAL = frozenset(
    {"name", "mobile", "landline", "id_card", "bank_card", "wechat", "email", "address", "mrn", "plate", "qq"}
)
"""Types of `clinical/deid` that lead to a person; hospitals, dates, ages and pages do not by themselves."""


_MORE = re.compile(
    r"[0-9零〇一二三四五六七八九十幺两 -]{5}|@|微信|wechat|weixin|qq|扣扣|邮箱|号码|电话|手机|"
    r"地址|住址|住在|家住|小区|病历号|住院号"
)


def found(scene: Scene) -> Iterator[Finding]:
    """Yields the identifiers of the segment, found by rules, that no message of the conversation holds."""
    rule = own_rules("personal_data")["not-told"]
    for span in _identifiers(scene.text):
        text = scene.text[span.start : span.end]
        if span.type in _PERSONAL and span.end > scene.begin and text not in scene.known.said:
            yield Finding(max(span.start, scene.begin), span.end, rule, span.type)


def _identifiers(text: str) -> Iterable[Span]:
    """All identifiers where a number, an address or an account may stand; else names alone, which is quicker."""
    return deid.find(text, "rules") if _MORE.search(text) else names.found(text)
