"""Rejects answers that lure a patient away: a private contact, or a call to buy, to add, to come and see a healer.

No threshold: one lure is enough. The words are ours, read off public corpora; a contact counts by the rules of
clinical/deid and only beside a word that offers it, so that an emergency number or a web page for reference stays.
"""

import re

from doctorglm.clinical.deid import contacts, numbers
from doctorglm.clinical.deid.spans import resolved
from doctorglm.conversation import Conversation
from doctorglm.curate.filters.rejection import Rejection, around

_CALLED = re.compile(
    r"微信|薇信|威信|(?<![A-Za-z])[VvWw][Xx](?![A-Za-z])|V信|QQ|扣扣|电话|手机|热线|联系|咨询", re.IGNORECASE
)
_CONTACT = {"wechat", "qq", "mobile", "landline"}
_LURE = re.compile(
    r"(?:加|添加)(?:我|老师|专家|医生|客服|助理)?(?:的)?(?:微信|QQ|扣扣|V信|好友)|(?:关注|搜索|扫)(?:我们"
    r"|下方|公众号|二维码|微信)|"
    r"微信公众号|扫(?:一扫)?二维码|免费(?:咨询|试用|领取|送药|寄送|挂号)|(?:咨询|订购|购买|健康|服务|免费)"
    r"(?:热线|专线)|"
    r"货到付款|厂家直销|点击(?:下方|在线咨询|此处咨询)|一个疗程(?:只要|仅需)|包邮|代购|私信我|"
    r"(?:我院|我们医院|本院)(?:的)?(?:专家|采用|独家|拥有|引进)|(?:来|到)我院|欢迎(?:来电|来院|前来|致电)"
)


def rejects(conversation: Conversation) -> Rejection | None:
    """`advertisement` when an answer calls to buy or to add, or offers a telephone, WeChat or QQ; 120 is none."""
    for _, answer in conversation.turns:
        if lure := _lure(answer):
            return Rejection("advertisement", around(answer, *lure))
    return None


def _lure(answer: str) -> tuple[int, int] | None:
    """Where the lure or the contact stands."""
    if match := _LURE.search(answer):
        return match.span()
    if not _CALLED.search(answer):
        return None
    spans = resolved([*contacts.found(answer), *numbers.found(answer)])
    return next(((span.start, span.end) for span in spans if span.type in _CONTACT), None)
