"""Tiny random bases of two families on disk, and prompts for them."""

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import torch
from transformers import LlamaConfig, LlamaForCausalLM

from ...house import write_base


@pytest.fixture(autouse=True)
def one_thread() -> Iterator[None]:
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A ChatGLM-6B of two layers, in 32 bits."""
    return write_base(tmp_path / "base", num_layers=2, initializer_range=0.3)


@pytest.fixture
def llama() -> Any:
    torch.manual_seed(2)
    config = LlamaConfig(
        vocab_size=60,
        hidden_size=32,
        num_hidden_layers=2,
        num_attention_heads=2,
        num_key_value_heads=1,
        intermediate_size=48,
        initializer_range=0.3,
        tie_word_embeddings=False,
    )
    return LlamaForCausalLM(config).eval()


@pytest.fixture
def logits() -> Callable[[Any], torch.Tensor]:
    """Of a fixed prompt and answer, all places."""

    def of(model: Any) -> torch.Tensor:
        config = model.config
        ids = [5, 9, 11, config.gmask_token_id, config.bos_token_id, 20, 21] if hasattr(config, "gmask_token_id") else [
            5, 9, 11, 20, 8]  # fmt: skip
        with torch.no_grad():
            out: torch.Tensor = model(input_ids=torch.tensor([ids])).logits[0]
        return out

    return of
