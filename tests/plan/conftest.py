"""Data and a folder with a config alone, as one plans with."""

import json
from pathlib import Path
from typing import Any

import pytest

from doctorglm.conversation import Conversation, Message, write_conversations

QWEN: dict[str, Any] = {
    "model_type": "qwen2", "vocab_size": 1000, "hidden_size": 128, "num_hidden_layers": 4, "num_attention_heads": 8,
    "num_key_value_heads": 4, "intermediate_size": 384, "max_position_embeddings": 512, "tie_word_embeddings": True,
}  # fmt: skip


def talk(name: str, question: int, answer: int, rounds: int = 1) -> Conversation:
    """A conversation whose messages have so many characters."""
    spoken = [Message("user", "疼" * question), Message("assistant", "多" * answer)] * rounds
    return Conversation(id=name, messages=tuple(spoken))


@pytest.fixture
def data(tmp_path: Path) -> Path:
    folder = tmp_path / "data"
    folder.mkdir()
    write_conversations(folder / "train.jsonl", [talk(f"t{i}", 40 + i % 5 * 10, 60) for i in range(20)])
    return folder


@pytest.fixture
def base(tmp_path: Path) -> Path:
    folder = tmp_path / "base"
    folder.mkdir()
    (folder / "config.json").write_text(json.dumps(QWEN), "utf-8")
    return folder
