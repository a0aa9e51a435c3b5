"""What a patient answers to a doctor's question: yes, no, or neither."""

import re
from typing import Literal, TypeAlias

Reply: TypeAlias = Literal["yes", "no"]

_NEITHER = re.compile(
    r"\s*(?:不知道|不清楚|不确定|不太清楚|不太确定|不好意思|不止|不过|不仅|不但|没注意|没留意|没测|没量|没有注意|没太注意|没查|有没有"
    r"|是不是|是吗|对了|not sure|i don'?t know|no idea|not only)"
)
_NO = re.compile(
    r"\s*(?:(?:嗯|恩|呃|额|啊|哦|医生|目前|现在|暂时|好像|应该|倒|都|还|也|从来|一直|并|是|他|她|它|我|宝宝|孩子|小孩|宝贝|您好|你好)"
    r"[，, ]?){0,3}(?:没有|没|无|不|否|未|木有|冇|(?:no|nope|not|never|none|neither)(?![a-z]))"
)
_YES = re.compile(
    r"\s*(?:(?:呃|额|啊|哦|医生|目前|现在|好像|应该|都|也|他|她|它|我|宝宝|孩子|小孩|宝贝|您好|你好)[，, ]?){0,3}"
    r"(?:有|是|对|嗯|恩|会|发现了|确实|的确|存在|偶尔|偶有|经常|一直|天天|每天|时有|可能有|稍微|轻微|挺|蛮|很"
    r"|(?:yes|yeah|yep|yup|sometimes|occasionally|often|a little|a bit|i do|i have|he does|she does|correct|right)(?![a-z]))"
)


def reply(text: str) -> Reply | None:
    """How a folded answer begins."""
    if _NEITHER.match(text):
        return None
    if _NO.match(text):
        return "no"
    return "yes" if _YES.match(text) else None
