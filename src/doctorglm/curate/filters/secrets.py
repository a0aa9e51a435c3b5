"""Rejects keys and passwords: whoever trains on them publishes them.

Source of the forms: the providers' documentation, as secret scanners list them (AKIA..., ghp_..., sk-..., PEM).
"""

import re

from doctorglm.conversation import Conversation

_SECRET = re.compile(
    r"(?<![A-Za-z0-9])(?:AKIA[0-9A-Z]{16}|gh[pousr]_[A-Za-z0-9]{30,}|github_pat_\w{22,}|sk-(?:proj-"
    r"|ant-)?[A-Za-z0-9_\-]{20,}|hf_[A-Za-z0-9]{30,}|"
    r"xox[baprs]-[A-Za-z0-9\-]{10,}|AIza[0-9A-Za-z_\-]{35}|LTAI[A-Za-z0-9]{12,20}"
    r"|eyJ[A-Za-z0-9_\-]{10,}\.eyJ[A-Za-z0-9_\-]{10,}\.[A-Za-z0-9_\-]{5,})"
    r"|-----BEGIN (?:[A-Z]+ )?PRIVATE KEY-----"
    r"|(?:密码|口令|password|passwd|api[_ -]?key|secret[_ -]?key|access[_ -]?token)\s*(?:是|为"
    r"|[:=：])\s*[\"']?(?=[^\s，。]*[0-9])(?=[^\s，。]*[A-Za-z])[A-Za-z0-9!@#$%^&*_\-+=/.]{6,}",
    re.IGNORECASE,
)


def rejects(conversation: Conversation) -> str | None:
    """`secret` when any message holds one."""
    return "secret" if any(_SECRET.search(m.content) for m in conversation.messages) else None
