"""Passages as a search would find them, written for the tests, and a tokenizer that can be counted by hand."""

import re
from collections.abc import Sequence

from doctorglm.clinical.evidence import Evidence
from doctorglm.conversation import Message
from doctorglm.library.hit import Hit
from doctorglm.library.prompt import evidence_of


def hit(title: str, key: str, text: str, heading: str = "", *, kind: str = "disease", score: float = 1.0) -> Hit:
    """A hit under a heading; `key` is its section's."""
    return Hit(
        doc_id=title,
        title=title,
        kind=kind,
        heading=heading or key,
        key=key,
        text=text,
        score=score,
        source="测试资料",
        licence="CC0",
        chunk=0,
    )


def passage(title: str, key: str, text: str) -> Evidence:
    """The same as evidence."""
    return evidence_of(hit(title, key, text))


def tokens(text: str) -> int:
    """One for each Chinese character, run of letters or digits, and mark; none for blanks."""
    return len(re.findall(r"[\u3400-\u9fff]|[A-Za-z0-9]+|[^\sA-Za-z0-9\u3400-\u9fff]", text))


def talk(*said: str) -> list[Message]:
    """A conversation that the patient begins."""
    return [Message("assistant" if number % 2 else "user", text) for number, text in enumerate(said)]


def patient(messages: Sequence[Message]) -> str:
    """The last thing that is asked."""
    return next(m.content for m in reversed(messages) if m.role == "user")


GOUT = passage(
    "痛风",
    "treatment",
    "急性发作时，医生常用非甾体抗炎药；效果不好时可用秋水仙碱，在发作后最初12小时内使用效果最好。"
    "反复发作的人，医生可能用别嘌醇降低尿酸。",
)
DIET = passage("痛风", "prevention", "痛风患者应限制饮酒，少吃动物肝脏、凤尾鱼等高嘌呤食物，并保持合适的体重。")
IBUPROFEN = passage(
    "布洛芬", "dosage", "布洛芬用于退热和止痛。成人一次0.2克，一日3次，连用不超过5天。体温超过38.5℃时可以服用。"
)
BANNED = passage("布洛芬", "contraindications", "以下情况禁用：\n- 孕妇；\n- 活动性胃溃疡。")
FLU = passage("流感", "symptoms", "流感起病急，常有发热、头痛和肌肉酸痛，一般无腹泻。3岁以下儿童容易出现重症。")
GOUT_EN = passage(
    "Gout",
    "treatment",
    "Doctors often treat acute gout with colchicine. Colchicine works best within 12 hours of an attack.",
)
