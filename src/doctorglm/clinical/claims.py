"""Promises of a cure and folk remedies in a text; a sentence that denies one, or warns against it, makes no claim.

Source: the Advertising Law of the PRC, article 16: no assertion of efficacy, no cure rate, no comparison, no guarantee;
words as health authorities' notices on illegal medical advertisements list them.
"""

import re
from collections.abc import Iterator

_FOLK = r"祖传|秘方|偏方|土方|验方"
_CLAIM = re.compile(
    r"根治(?!性|术|手术|切除|幽门|[Hh][Pp]|的(?:手术|切除))(?<!幽门螺杆菌根治)|断根|除根|治愈率(?:高达"
    r"|达到|为|在)|百分之?百(?:治|有效|康复)|"
    r"100%(?:治愈|有效|康复)|包治|药到病除|永不复发|不(?:会)?再复发(?!的)|彻底(?:治愈|治好|康复"
    r"|痊愈|摆脱)|完全(?:治愈|治好)|"
    rf"保证(?:治好|治愈|有效)|一定(?:能|可以|会)(?:治好|治愈)|手到病除|神药|特效药(?!物)|(?P<folk>{_FOLK})"
)
_DENIED = re.compile(
    r"(?:不|没|无|难|未|别|勿|莫|谨防|警惕|不要|不能|不可|不会|无法|难以|很难|没有|避免|切忌|不宜|并非"
    r"|不是|轻信|相信|听信|盲目|所谓|虚假|骗|还没|尚无|尚不|怎么|能否|是否|能不能|可以吗|吗)"
    r"[^。！？!?；;]{0,12}$"
)
_DENIED_AFTER = re.compile(
    r"^[^。！？!?；;，,]{0,6}(?:的(?:说法|宣传|广告|可能性(?:不大|很小|小))|是不(?:可能|现实|科学)|不"
    r"(?:可信|靠谱|科学|可取)|吗|？|\?|很难|比较难|较难|困难|难度|与否|不可靠|没)"
)
_REACH = 24
"""Characters before and after a claim that decide whether it is denied: no more can match."""


def claims(text: str) -> Iterator[re.Match[str]]:
    """Yields the claims that are not denied; `folk` is the group of those that name a folk remedy."""
    for claim in _CLAIM.finditer(text):
        start, end = claim.span()
        if not _DENIED.search(text[max(0, start - _REACH) : start]) and not _DENIED_AFTER.match(
            text[end : end + _REACH]
        ):
            yield claim
