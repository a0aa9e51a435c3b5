"""The label of what an AI wrote: the one place of its wording, for the screen, for copies and for a file's metadata.

Sources: 人工智能生成合成内容标识办法 (in force since 2025-09-01): an explicit label that people see, also in copies and
exports, and an implicit one in the metadata; GB 45438-2025 names the fields of the metadata.
"""

import hashlib

from doctorglm.language import Text

LABEL = Text(
    en="AI-generated. Information only: not a diagnosis, not a prescription; ask a doctor.",
    zh="AI 生成内容，仅供参考：不是诊断，也不是处方，请咨询医生。",
)
"""Stands at the head of every answer that a person sees."""

PRODUCER = "DoctorGLM"
"""Who made the content, where whoever runs the service gives no name or code of their own."""


def labelled(text: str, label: Text = LABEL) -> str:
    """The answer as it is copied or exported: the label on a line of its own, then the text."""
    return f"[{label}]\n{text}"


def metadata(text: str, *, producer: str = PRODUCER, content_id: str = "") -> dict[str, dict[str, str]]:
    """The implicit label for a file's metadata; without a `content_id` the text's own hash numbers it.

    `Label` "1": made by an AI for certain. The reserved fields are the producer's to fill.
    """
    number = content_id or hashlib.sha256(text.encode("utf-8", "replace")).hexdigest()[:32]
    return {
        "AIGC": {
            "Label": "1",
            "ContentProducer": producer,
            "ProduceID": number,
            "ReservedCode1": "",
            "ContentPropagator": "",
            "PropagateID": "",
            "ReservedCode2": "",
        }
    }
