"""A prefix that begins with text is its base that has read the text; turning keys is what positions do."""

from collections.abc import Callable
from typing import Any

import pytest
import torch

from doctorglm.errors import ModelError
from doctorglm.models.chatglm.model import prefix_shape
from doctorglm.models.prefix.attention import attach, encoder_of
from doctorglm.models.prefix.encoder import split
from doctorglm.models.prefix.start import TEXT, begin_with_text, shaped_for, text_ids
from doctorglm.models.prefix.turning import turned

from .conftest import make_family


class Letters:
    """A tokenizer of one token per character, with a first token of its own."""

    def __call__(self, text: str, add_special_tokens: bool) -> dict[str, list[int]]:
        return {"input_ids": [2] * add_special_tokens + [3 + ord(letter) % 30 for letter in text]}


@pytest.mark.parametrize("network", [None, (9, 16)])
def test_the_model_is_its_base_that_has_read_the_text(
    family: Any, rows: list[list[int]], network: tuple[int, int] | None
) -> None:
    places = 12
    read = text_ids(Letters(), places, family)
    assert len(read) == places and read[0] == 2
    expected = family(torch.tensor([read + rows[0]])).logits[:, places:]
    alone = family(torch.tensor([rows[0]])).logits
    encoder = shaped_for(family, places, network)
    begin_with_text(encoder, family, Letters())
    logits = attach(family, encoder)(torch.tensor([rows[0]])).logits
    torch.testing.assert_close(logits, expected, atol=1e-4, rtol=1e-4)
    assert (logits - alone).abs().max() > 0.1


@pytest.mark.parametrize("kind", [{}, {"position_encoding_2d": False}])
def test_chatglms_first_layer_sees_the_text_that_stands_before(
    tiny: Callable[..., Any], prompts: list[list[int]], kind: dict[str, Any]
) -> None:
    """Above it text and prompt would see each other, which a prefix does not."""
    t = tiny(num_layers=1, **kind)
    places = 6
    read = text_ids(Letters(), places, t.model)[:places]
    expected = t.model(torch.tensor([read + prompts[0]])).logits[:, places:]
    encoder = shaped_for(t.model, places)
    begin_with_text(encoder, t.model, Letters())
    logits = attach(t.model, encoder)(torch.tensor([prompts[0]])).logits
    torch.testing.assert_close(logits, expected, atol=1e-3, rtol=1e-4)


def test_a_text_of_any_length(tiny: Callable[..., Any]) -> None:
    long = 3 * len(TEXT)
    ids = text_ids(Letters(), long, make_family("llama"))
    assert len(ids) == long and ids[1 : 1 + len(TEXT)] == ids[1 + len(TEXT) : 1 + 2 * len(TEXT)]
    model = tiny().model
    assert text_ids(Letters(), 4, model)[4:] == [model.config.gmask_token_id, model.config.bos_token_id]


def test_turning_back_and_forth(family: Any) -> None:
    torch.manual_seed(2)
    keys = [(torch.randn(2, 5, 8), torch.randn(2, 5, 8))]
    there = turned(family, keys, 5)
    assert (there[0][0] - keys[0][0]).abs().max() > 0.1
    assert torch.equal(there[0][1], keys[0][1])
    back = turned(family, there, -5)
    torch.testing.assert_close(back[0][0], keys[0][0], atol=1e-5, rtol=1e-5)


def test_only_chatglms_position_is_turned(tiny: Callable[..., Any]) -> None:
    t = tiny()
    shape = prefix_shape(t.config)
    key = torch.randn(shape.heads, 3, shape.head_dim)
    (there, _), half = turned(t.model, [(key, key)], 4)[0], shape.head_dim // 2
    assert torch.equal(there[..., half:], key[..., half:])
    expected = torch.stack([torch.stack([t.oracle._turn(place[:half].double(), 4) for place in head]) for head in key])
    torch.testing.assert_close(there[..., :half].double(), expected, atol=1e-5, rtol=0)


def test_a_model_without_rotary_positions() -> None:
    model = make_family("llama")
    model.get_decoder().rotary_emb = None
    with pytest.raises(ModelError, match="LlamaForCausalLM: its positions cannot be turned"):
        turned(model, [], 1)


def test_a_model_that_forgets_the_text(monkeypatch: pytest.MonkeyPatch) -> None:
    """A sliding window keeps less of it than the prefix has places."""
    from transformers import AutoModelForCausalLM, MistralConfig

    from .conftest import SIZES

    model = AutoModelForCausalLM.from_config(MistralConfig(**SIZES, sliding_window=4))
    with pytest.raises(ModelError, match="keeps fewer than 8 tokens"):
        begin_with_text(shaped_for(model, 8), model, Letters())


def test_random_ones_are_those_of_torch() -> None:
    model = make_family("qwen2")
    torch.manual_seed(4)
    encoder = shaped_for(model, 40)
    assert encoder_of(attach(model, encoder)) is encoder
    assert abs(float(encoder.embedding.weight.detach().std()) - 1) < 0.05, "as nn.Embedding begins"
    assert len(split(encoder(), encoder.shape)) == 3
