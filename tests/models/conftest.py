"""Tiny random models, the slow oracle, and the outputs of the published code."""

import gzip
import importlib.util
import json
import random
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file

from doctorglm.models import ChatGLMConfig, ChatGLMForConditionalGeneration, ChatGLMTokenizer
from doctorglm.models.chatglm.vocabulary import train_sentencepiece

SOP, EOP, MASK, GMASK, PAD = 34, 35, 36, 37, 3
_WORDS = ["头疼", "怎么办", "？", "多休息", "，", "少熬夜", "。", "咳嗽", "三天", "需要", "吃药", "吗", "喝水", "38.5"]
_WORDS += ["发烧", "度", "退烧", "先", "了", "rest ", "water ", "drink ", "take "]


def sample_texts(count: int = 200) -> list[str]:
    """Sentences of random words: enough variety to learn pieces from."""
    draw = random.Random(0)
    return ["".join(draw.choices(_WORDS, k=12)) for _ in range(count)]


def _oracle() -> Any:
    spec = importlib.util.spec_from_file_location("chatglm_oracle", Path(__file__).with_name("oracle.py"))
    assert spec and spec.loader
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module.Oracle


Oracle = _oracle()


@dataclass
class Tiny:
    """A model of 40 tokens with weights large enough that its answers vary and are decided, and its oracle."""

    model: Any
    oracle: Any
    config: Any


def make_tiny(**changes: Any) -> Tiny:
    config = ChatGLMConfig(
        **{
            "vocab_size": 40,
            "hidden_size": 32,
            "num_layers": 2,
            "num_attention_heads": 2,
            "bos_token_id": SOP,
            "eos_token_id": EOP,
            "mask_token_id": MASK,
            "gmask_token_id": GMASK,
            "pad_token_id": PAD,
            **changes,
        }
    )
    torch.manual_seed(20)
    model = ChatGLMForConditionalGeneration(config)
    with torch.no_grad():
        for name, parameter in model.named_parameters():
            offset = 1.0 if name.endswith("norm.weight") else 0.0
            parameter.normal_(offset, 0.1 if "norm" in name else 0.8)
    return Tiny(model.eval(), Oracle(model.state_dict(), config), config)


@pytest.fixture
def tiny() -> Callable[..., Tiny]:
    """Makes a tiny model; arguments change its configuration."""
    return make_tiny


@pytest.fixture
def checkpoint() -> Callable[[Any], None]:
    """Turns recomputation on, under its name in this version of transformers."""

    def enable(model: Any) -> None:
        (getattr(model, "activation_checkpointing_enable", None) or model.gradient_checkpointing_enable)()

    return enable


@pytest.fixture
def prompts() -> list[list[int]]:
    """Prompts of several lengths: [gMASK] at the end, [MASK] at the end, [MASK] within, both in one."""
    return [
        [5, 9, 11, 20, 8, 31, 14, GMASK, SOP],
        [6, 12, MASK, SOP],
        [7, MASK, 21, 22, 30, SOP],
        [5, MASK, 13, 25, GMASK, SOP],
        [GMASK, SOP],
    ]


@pytest.fixture
def pad() -> Callable[[list[list[int]], str], tuple[torch.Tensor, torch.Tensor]]:
    """Makes ids and mask of rows, padded on "left" or "right"."""
    return _padded


def _padded(rows: list[list[int]], side: str) -> tuple[torch.Tensor, torch.Tensor]:
    """The rows as ids and their mask, padded on one side."""
    longest = max(map(len, rows))
    blank = [[PAD] * (longest - len(row)) for row in rows]
    ids = [b + row if side == "left" else row + b for row, b in zip(rows, blank, strict=True)]
    ones = [[1] * len(row) for row in rows]
    zeros = [[0] * len(b) for b in blank]
    mask = [z + o if side == "left" else o + z for o, z in zip(ones, zeros, strict=True)]
    return torch.tensor(ids), torch.tensor(mask)


@dataclass
class Published:
    """What the published code made of a tiny random model; provenance in ../shared/reference/README.md."""

    model: Any
    tensors: dict[str, torch.Tensor]
    values: dict[str, Any]

    def __getitem__(self, name: str) -> torch.Tensor:
        value = self.tensors[f"official_alpha28/{name}"]
        return value.long() if value.dtype == torch.int32 else value

    def input(self, name: str) -> torch.Tensor:
        return self.tensors[f"inputs/{name}"].long()


@pytest.fixture
def published(shared: Path) -> Published:
    tensors = load_file(shared / "reference/chatglm1_tiny.safetensors")
    values = json.loads((shared / "reference/chatglm1_tiny.json").read_text("utf-8"))
    config = ChatGLMConfig(**{key: value for key, value in values["config"].items() if key != "note"})
    model = ChatGLMForConditionalGeneration(config)
    model.load_state_dict({n.removeprefix("weights/"): t for n, t in tensors.items() if n.startswith("weights/")})
    return Published(model.eval(), tensors, values)


@pytest.fixture(scope="session")
def texts() -> list[str]:
    return sample_texts()


@pytest.fixture(scope="session")
def vocabulary_file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A small vocabulary in the published layout, trained here."""
    file = tmp_path_factory.mktemp("vocabulary") / "ice_text.model"
    train_sentencepiece(sample_texts(), 430, file, character_coverage=1.0, threads=1)
    return file


@pytest.fixture
def new_folder(tmp_path: Path, vocabulary_file: Path) -> Callable[..., Path]:
    """Writes a base model; arguments change its configuration."""
    return lambda name="other", **changes: write_folder(tmp_path / name, vocabulary_file, **changes)


@pytest.fixture
def folder(tmp_path: Path, vocabulary_file: Path) -> Path:
    """A whole base model on disk: safetensors, config and vocabulary."""
    return write_folder(tmp_path / "base", vocabulary_file)


def write_folder(path: Path, vocabulary_file: Path, **changes: Any) -> Path:
    tokenizer = ChatGLMTokenizer(str(vocabulary_file))
    names = ("bos", "eos", "mask", "gmask", "pad")
    ids = {f"{name}_token_id": getattr(tokenizer, f"{name}_token_id") for name in names}
    tiny = make_tiny(vocab_size=len(tokenizer), **{**ids, **changes})
    tiny.model.save_pretrained(path)
    tokenizer.save_pretrained(path)
    return path


@pytest.fixture(scope="session")
def official_file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The published vocabulary, unpacked for the tests only."""
    packed = Path(__file__).parents[2].parent / "shared/reference/tokenizers/chatglm-6b/ice_text.model.gz"
    if not packed.is_file():
        pytest.skip("needs ../shared/reference/tokenizers, which is not beside the project")
    file = tmp_path_factory.mktemp("official") / "ice_text.model"
    file.write_bytes(gzip.decompress(packed.read_bytes()))
    return file
