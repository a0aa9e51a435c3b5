"""Who speaks: the names that corpora give to patient, doctor and system."""

import re

from doctorglm.conversation import Role

_NAMES: dict[Role, str] = {
    "user": "user human prompter patient guest_family family question q 用户 病人 患者 家属 患者家属 患儿家属 "
    "咨询者 提问者 提问 问题 问 客户 我",
    "assistant": "assistant gpt bot model chatgpt chatglm bing doctor physician clinician guest_clinician answer a "
    "助手 机器人 医生 医师 大夫 专家 药师 护士 回答 回复 答案 答",
    "system": "system 系统",
}
_ROLES = {name: role for role, names in _NAMES.items() for name in names.split()}
_ASCII = "|".join(sorted((n for n in _ROLES if n.isascii()), key=len, reverse=True))
_WIDE = "|".join(sorted((n for n in _ROLES if not n.isascii()), key=len, reverse=True))

PREFIX = re.compile(rf"\s*(?P<who>(?i:{_ASCII})|{_WIDE})(?:\s?\d{{1,2}})?\s*[:：][ \t\u3000]*")
"""A speaker at the start of a line, with the colon; a number may tell two of one kind apart."""


def role_of(name: str) -> Role | None:
    """The role of a speaker by this name, None when it is unknown."""
    return _ROLES.get(name.strip().strip("<>[]【】").lower())
