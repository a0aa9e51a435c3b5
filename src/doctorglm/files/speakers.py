"""Who speaks: the names that corpora give to patient, doctor and system."""

import re

from doctorglm.conversation import Role

_NAMES: dict[Role, str] = {
    "user": "user human prompter patient guest_family family question q 用户 病人 患者 家属 患者家属 患儿家属 "
    "咨询者 提问者 提问 问题 问 客户 我 病患 用戶 家屬 提問 問題 問",
    "assistant": "assistant gpt bot model chatgpt chatglm bing doctor physician clinician guest_clinician answer a "
    "助手 机器人 医生 医师 大夫 专家 药师 护士 回答 回复 答案 答 回答者 醫生 醫師 專家 護士 回覆",
    "system": "system 系统",
}
_ROLES = {name: role for role, names in _NAMES.items() for name in names.split()}
_ASCII = "|".join(sorted((n for n in _ROLES if n.isascii()), key=len, reverse=True))
_WIDE = "|".join(sorted((n for n in _ROLES if not n.isascii()), key=len, reverse=True))

_PEOPLE = r"(?:患者|病人|家属|用户|咨询者|医生|医师|大夫|助手|(?i:patient|doctor|user|assistant))"
PREFIX = re.compile(
    rf"\s*(?P<open>[【\[](?={_PEOPLE}\d*\s*[】\]]))?(?P<who>(?i:{_ASCII})|{_WIDE})(?:\s?\d{{1,2}})?\s*"
    r"(?(open)[】\]]\s*[:：]?|[:：])[ \t\u3000]*"
)
"""A speaker at the start of a line, with a colon, or a person in brackets; a number may tell two of one kind apart."""

_FIELD_NAMES: dict[Role, str] = {
    "user": "client usr human_name user_name patient_name 来访者 求助者 求医者 网友 家长 患者本人 患儿家长 顾客",
    "assistant": "ai dr dr. llm agent counselor therapist expert assistant_name bot_name doctor_name 智能助手 客服 "
    "咨询师 心理咨询师 药剂师 营养师 医生回复 医生回答 专家回复",
}
_ROLES_OF_FIELDS = _ROLES | {name: role for role, names in _FIELD_NAMES.items() for name in names.split()}
"""Names that only a field may have: as the first word of a line they would be found in what somebody says."""
_A_DOCTOR = re.compile(r"[\u4e00-\u9fff]{1,6}(?:医生|医师|大夫|醫生|醫師)")


def role_of(name: str) -> Role | None:
    """The role of a speaker by this name (主治医生 and 张大夫 are doctors), None when it is unknown."""
    even = name.strip().strip("<>[]【】").lower()
    return _ROLES_OF_FIELDS.get(even, "assistant" if _A_DOCTOR.fullmatch(even) else None)
