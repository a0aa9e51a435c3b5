"""A base model and consultations, both tiny and made here, for tests that go through the whole house."""

import json
import random
import tempfile
from collections.abc import Sequence
from functools import cache
from pathlib import Path
from typing import Any

import torch

from doctorglm.conversation import Conversation, Message
from doctorglm.models import ChatGLMConfig, ChatGLMForConditionalGeneration, ChatGLMTokenizer
from doctorglm.models.chatglm.vocabulary import train_sentencepiece

DEPARTMENTS = ("内科", "外科")
_WORDS = (
    "头痛发热咳嗽血压血糖胃炎肝炎检查休息饮食清淡药物医生复诊注意避免症状治疗定期睡眠运动心慌乏力皮疹腹泻便秘关节腰椎颈部"
    "视力听力牙龈鼻炎哮喘贫血结石痛风湿疹过敏失眠焦虑怀孕哺乳疫苗儿童老人冬天夏天"
)
_SPECIAL = ("bos", "eos", "mask", "gmask", "pad")


def consultations(count: int, seed: int = 0) -> list[Conversation]:
    """Questions and answers of random words, no two alike, in two departments."""
    draw = random.Random(seed)
    return [
        Conversation(
            id=f"made-{seed}-{i}",
            messages=(Message("user", _sentence(draw, "？")), Message("assistant", _sentence(draw, "。"))),
            source="made",
            licence="Apache-2.0",
            department=DEPARTMENTS[i % 2],
        )
        for i in range(count)
    ]


def _sentence(draw: random.Random, end: str) -> str:
    return "".join(_WORDS[i : i + 2] for i in draw.choices(range(0, len(_WORDS), 2), k=9)) + end


def write_table(path: Path, rows: Sequence[Conversation], encoding: str = "gb18030") -> Path:
    """The consultations as a table such as CMD's."""
    lines = [f"{c.department},问,{c.questions},{c.answers}\n" for c in rows]
    path.write_bytes(("department,title,ask,answer\n" + "".join(lines)).encode(encoding))
    return path


@cache
def vocabulary(pieces: int = 480) -> bytes:
    """A SentencePiece model of the consultations' words."""
    with tempfile.TemporaryDirectory() as scratch:
        file = Path(scratch) / "ice_text.model"
        texts = [m.content for c in consultations(150, seed=9) for m in c.messages]
        train_sentencepiece(texts, pieces, file, character_coverage=1.0, threads=1)
        return file.read_bytes()


def write_base(folder: Path, seed: int = 0, **changes: Any) -> Path:
    """A random ChatGLM of one layer and 32 wide, with its vocabulary, in the published layout."""
    folder.mkdir(parents=True)
    (folder / "ice_text.model").write_bytes(vocabulary())
    tokenizer = ChatGLMTokenizer(str(folder / "ice_text.model"))
    config = ChatGLMConfig(
        **{
            "vocab_size": len(tokenizer),
            "hidden_size": 32,
            "num_layers": 1,
            "num_attention_heads": 2,
            "max_sequence_length": 256,
            **{f"{name}_token_id": getattr(tokenizer, f"{name}_token_id") for name in _SPECIAL},
            **changes,
        }
    )
    torch.manual_seed(seed)
    ChatGLMForConditionalGeneration(config).save_pretrained(folder)
    tokenizer.save_pretrained(folder)
    return folder


def change_config(folder: Path, **changes: Any) -> None:
    """Edits a folder's config.json."""
    path = folder / "config.json"
    path.write_text(json.dumps(json.loads(path.read_text("utf-8")) | changes), "utf-8")
