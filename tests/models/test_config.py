"""Which of the three families a folder that says "chatglm" holds, and the ids of both vocabularies."""

import json
from pathlib import Path
from typing import Any

import pytest
from transformers import AutoConfig

from doctorglm import language
from doctorglm.errors import ModelError
from doctorglm.models import ChatGLMConfig

FIRST = {"model_type": "chatglm", "position_encoding_2d": True, "hidden_size": 64, "vocab_size": 640}


def write(folder: Path, values: dict[str, Any]) -> Path:
    (folder / "config.json").write_text(json.dumps(values))
    return folder


def test_the_published_config(shared: Path, tmp_path: Path) -> None:
    values = json.loads((shared / "reference/chatglm-6b.config.json").read_text())
    config = AutoConfig.from_pretrained(write(tmp_path, values))
    assert type(config) is ChatGLMConfig
    known = {key: value for key, value in values.items() if key in ChatGLMConfig().to_dict()}
    assert len(known) > 12
    written = config.to_dict()
    for key in known.keys() - {"architectures", "transformers_version", "_name_or_path"}:
        assert written[key] == values[key], key
    assert not hasattr(config, "auto_map"), "a saved folder must not name files that are not there"
    assert config.tie_word_embeddings
    assert (config.num_hidden_layers, config.max_position_embeddings) == (28, 2048)


def test_saved_and_read_again(tmp_path: Path) -> None:
    config = ChatGLMConfig(**{**FIRST, "num_layers": 3, "tie_word_embeddings": False, "position_encoding_2d": False})
    config.save_pretrained(tmp_path)
    assert AutoConfig.from_pretrained(tmp_path).to_diff_dict() == config.to_diff_dict()


@pytest.mark.parametrize("key", ["multi_query_attention", "padded_vocab_size", "ffn_hidden_size"])
def test_a_config_of_two_generations_is_refused(tmp_path: Path, key: str) -> None:
    with pytest.raises(ModelError, match=f"`position_encoding_2d` says ChatGLM-6B, but `{key}` says ChatGLM2"):
        AutoConfig.from_pretrained(write(tmp_path, {**FIRST, key: 1}))


def test_neither_generation(tmp_path: Path) -> None:
    folder = write(tmp_path, {"model_type": "chatglm", "hidden_size": 64})
    with pytest.raises(ModelError, match="`position_encoding_2d` / `inner_hidden_size`"):
        AutoConfig.from_pretrained(folder)
    language.choose("zh")
    with pytest.raises(ModelError, match="无法判断是哪一代"):
        AutoConfig.from_pretrained(folder)


def test_quantised_embeddings_are_read_and_written(tmp_path: Path) -> None:
    """They mean something beside `quantization_bit` alone, as in the published code."""
    values = {**FIRST, "quantization_bit": 8, "quantization_embeddings": True}
    config = AutoConfig.from_pretrained(write(tmp_path, values))
    assert config.quantization_embeddings is True
    config.save_pretrained(tmp_path)
    assert AutoConfig.from_pretrained(tmp_path).quantization_embeddings is True
    assert (
        AutoConfig.from_pretrained(write(tmp_path, {**values, "quantization_bit": 0})).quantization_embeddings is False
    )


def test_unset_prefix_and_quantisation_are_fine(tmp_path: Path) -> None:
    values = {**FIRST, "pre_seq_len": None, "prefix_projection": False, "quantization_bit": 0}
    assert AutoConfig.from_pretrained(write(tmp_path, values)).vocab_size == 640


@pytest.mark.parametrize(("vocabulary", "shift"), [(130_528, 0), (150_528, 20_000)])
def test_ids_that_a_folder_does_not_give(vocabulary: int, shift: int) -> None:
    config = ChatGLMConfig(vocab_size=vocabulary, pad_token_id=None)
    ids = [config.mask_token_id, config.gmask_token_id, config.bos_token_id, config.eos_token_id, config.pad_token_id]
    assert ids == [130_000 + shift, 130_001 + shift, 130_004 + shift, 130_005 + shift, 3 + shift]
    assert config.inner_hidden_size == 16_384


def test_ids_that_a_folder_gives_win() -> None:
    config = ChatGLMConfig(vocab_size=150_528, bos_token_id=1, eos_token_id=2, mask_token_id=3, gmask_token_id=4)
    assert (config.bos_token_id, config.eos_token_id, config.mask_token_id, config.gmask_token_id) == (1, 2, 3, 4)
