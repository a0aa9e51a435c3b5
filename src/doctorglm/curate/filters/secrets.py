"""Rejects keys and passwords: whoever trains on them publishes them.

Source of the forms: the providers' documentation, as secret scanners list them (AKIA..., ghp_..., sk-..., PEM). The
lengths are theirs; a password needs six characters with a letter and a digit, so that a sentence about one stays.
"""

import re

from doctorglm.conversation import Conversation
from doctorglm.curate.filters.rejection import Rejection

_SECRET = re.compile(
    r"(?<![A-Za-z0-9])(?:(?P<aws_key>AKIA[0-9A-Z]{16})|(?P<github_token>gh[pousr]_[A-Za-z0-9]{30,}|github_pat_\w{22,})"
    r"|(?P<api_key>sk-(?:proj-|ant-)?[A-Za-z0-9_\-]{20,})|(?P<hugging_face_token>hf_[A-Za-z0-9]{30,})"
    r"|(?P<slack_token>xox[baprs]-[A-Za-z0-9\-]{10,})|(?P<google_key>AIza[0-9A-Za-z_\-]{35})"
    r"|(?P<aliyun_key>LTAI[A-Za-z0-9]{12,20})"
    r"|(?P<json_web_token>eyJ[A-Za-z0-9_\-]{10,}\.eyJ[A-Za-z0-9_\-]{10,}\.[A-Za-z0-9_\-]{5,}))"
    r"|(?P<private_key>-----BEGIN (?:[A-Z]+ )?PRIVATE KEY-----)"
    r"|(?P<password>(?:密码|口令|password|passwd|api[_ -]?key|secret[_ -]?key|access[_ -]?token)\s*(?:是|为"
    r"|[:=：])\s*[\"']?(?=[^\s，。]*[0-9])(?=[^\s，。]*[A-Za-z])[A-Za-z0-9!@#$%^&*_\-+=/.]{6,})",
    re.IGNORECASE,
)


def rejects(conversation: Conversation) -> Rejection | None:
    """`secret` when any message holds one; the evidence is its kind, never the secret or what stands beside it."""
    found = next((match for m in conversation.messages if (match := _SECRET.search(m.content))), None)
    return Rejection("secret", (found.lastgroup or "").replace("_", " ")) if found else None
