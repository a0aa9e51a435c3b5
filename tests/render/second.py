"""A small vocabulary in the layout of ChatGLM2 and ChatGLM3, and the published one."""

import gzip
import io
from pathlib import Path
from typing import Any

import pytest
import sentencepiece

from doctorglm.models import ChatGLM2Tokenizer


def small_tokenizer(texts: list[str], folder: Path, chat_format: Any) -> Any:
    """BPE with bytes for what is unknown, trained here."""
    trained = io.BytesIO()
    sentencepiece.SentencePieceTrainer.train(
        sentence_iterator=iter(texts),
        model_writer=trained,
        model_type="bpe",
        vocab_size=380,
        byte_fallback=True,
        normalization_rule_name="identity",
        remove_extra_whitespaces=False,
        character_coverage=1.0,
        pad_id=-1,
        num_threads=1,
        minloglevel=2,
        hard_vocab_limit=False,
    )
    (folder / "tokenizer.model").write_bytes(trained.getvalue())
    return ChatGLM2Tokenizer(str(folder / "tokenizer.model"), chat_format=chat_format)


def official_tokenizer(folder: Path, chat_format: Any) -> Any:
    """The published vocabulary; the test is skipped without it."""
    packed = Path(__file__).parents[2].parent / "shared/reference/tokenizers/chatglm2-6b/tokenizer.model.gz"
    if not packed.is_file():
        pytest.skip("needs ../shared/reference/tokenizers, which is not beside the project")
    (folder / "tokenizer.model").write_bytes(gzip.decompress(packed.read_bytes()))
    return ChatGLM2Tokenizer(str(folder / "tokenizer.model"), chat_format=chat_format)
