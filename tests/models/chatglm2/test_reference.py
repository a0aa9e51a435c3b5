"""The published ChatGLM2's outputs within 5e-4, and a second implementation where nothing is published."""

from collections.abc import Callable
from typing import Any

import pytest
import torch
from transformers import AutoModelForCausalLM, GlmForCausalLM

from .oracle import Oracle

ATOL = 5e-4


def close(ours: torch.Tensor, theirs: torch.Tensor, atol: float = ATOL) -> None:
    torch.testing.assert_close(ours, theirs, atol=atol, rtol=0, check_dtype=False)


def loaded(folder: Any, **how: Any) -> Any:
    return AutoModelForCausalLM.from_pretrained(folder, **how)


def test_published_logits(published: Any) -> None:
    model = loaded(published.folder)
    assert type(model) is GlmForCausalLM
    close(model(published["inputs/single"]).logits, published["single/logits"])


def test_hidden_states(published: Any) -> None:
    """The references hold none, so the oracle, which meets the published logits, says what they are."""
    ids, oracle = published["inputs/single"], Oracle(published.weights, published.config)
    close(oracle.logits(ids[0].tolist()), published["single/logits"][0])
    states = loaded(published.folder)(ids, output_hidden_states=True).hidden_states
    expected = oracle.hidden_states(ids[0].tolist())
    assert len(states) == len(expected) == 4
    for ours, theirs in zip(states, expected, strict=True):
        close(ours[0], theirs)


@pytest.mark.parametrize("use_cache", [True, False])
def test_published_greedy_ids(published: Any, use_cache: bool) -> None:
    theirs, prompt = published["greedy_single/ids"], published["inputs/single"]
    steps = theirs.shape[1] - prompt.shape[1]
    ours = loaded(published.folder).generate(prompt, max_new_tokens=steps, do_sample=False, use_cache=use_cache)
    assert torch.equal(ours, theirs)


def test_published_loss(published: Any) -> None:
    out = loaded(published.folder)(published["inputs/train_ids"], labels=published["inputs/train_labels"])
    assert out.loss.item() == pytest.approx(published.values["losses"]["train"], abs=ATOL)


def test_gradients_are_the_slopes_of_the_oracles_loss(published: Any) -> None:
    """The references hold no gradient norms. Queries, keys and values are one tensor in the oracle."""
    ids, labels = published["inputs/train_ids"][:1, :12], published["inputs/train_labels"][:1].clone()[:, :12]
    labels[:, -3:] = ids[:, -3:]
    model = loaded(published.folder, dtype=torch.float64)
    model(ids, labels=labels).loss.backward()
    ours = {name: value.grad for name, value in model.named_parameters()}
    for name, place in (
        ("transformer.encoder.layers.1.self_attention.query_key_value.weight", (70, 5)),
        ("transformer.encoder.layers.1.self_attention.query_key_value.bias", (100,)),
        ("transformer.encoder.layers.0.mlp.dense_h_to_4h.weight", (130, 7)),
        ("transformer.encoder.final_layernorm.weight", (9,)),
        ("transformer.output_layer.weight", (int(ids[0, -1]), 3)),
    ):
        close(_gradient(ours, name, place), _slope(published, name, place, ids, labels), 1e-5)


def _gradient(ours: dict[str, torch.Tensor], name: str, place: tuple[int, ...]) -> torch.Tensor:
    if "query_key_value" in name:
        layer, kind = name.split(".")[3], name.rpartition(".")[2]
        parts = [ours[f"model.layers.{layer}.self_attn.{letter}_proj.{kind}"] for letter in "qkv"]
        return torch.cat(parts)[place]
    native = {
        "transformer.encoder.layers.0.mlp.dense_h_to_4h.weight": "model.layers.0.mlp.gate_up_proj.weight",
        "transformer.encoder.final_layernorm.weight": "model.norm.weight",
        "transformer.output_layer.weight": "lm_head.weight",
    }
    return ours[native[name]][place]


def _slope(published: Any, name: str, place: tuple[int, ...], ids: torch.Tensor, labels: torch.Tensor) -> torch.Tensor:
    """The derivative of the oracle's loss by one weight, from both sides."""
    found = []
    for step in (1e-5, -1e-5):
        weights = {n: t.double().clone() for n, t in published.weights.items()}
        weights[name][place] += step
        found.append(Oracle(weights, published.config).loss(ids[0].tolist(), labels[0].tolist()))
    return torch.tensor((found[0] - found[1]) / 2e-5)


SHAPES = [
    {},
    {"multi_query_group_num": 1},
    {"multi_query_group_num": 4},
    {"rope_ratio": 50},
    {"add_qkv_bias": False},
    {"kv_channels": 12},
    {"layernorm_epsilon": 0.1},
    {"num_layers": 1, "ffn_hidden_size": 40},
]


@pytest.mark.parametrize("changes", SHAPES, ids=lambda c: next(iter(c), "as published"))
@pytest.mark.parametrize("form", ["bin", "safetensors shards"])
def test_other_shapes_in_double_precision(official: Callable[..., Any], changes: dict[str, Any], form: str) -> None:
    made = official(form=form, **changes)
    model = loaded(made.folder, dtype=torch.float64)
    ids = [464, 466, 7, 200, 31, 90, 12, 300]
    # transformers turns by angles and norms by squares in 32 bits whatever the model's type
    close(model(torch.tensor([ids])).logits[0], made.oracle.logits(ids), 1e-4)
    answer = model.generate(torch.tensor([ids]), max_new_tokens=4, do_sample=False, eos_token_id=None)
    assert answer[0, len(ids) :].tolist() == made.oracle.greedy(ids, 4)


@pytest.mark.parametrize("key", ["rope_ratio", "layernorm_epsilon"])
def test_each_of_these_settings_changes_the_numbers(official: Callable[..., Any], key: str) -> None:
    ids = torch.tensor([[464, 466, 7, 200, 31, 90, 12, 300]])
    one = loaded(official("one").folder)(ids).logits
    other = loaded(official("other", **{key: 3}).folder)(ids).logits
    assert (one - other).abs().max() > 0.01


@pytest.mark.parametrize("side", ["left", "right"])
def test_padding_changes_nothing(official: Callable[..., Any], side: str) -> None:
    made = official()
    model = loaded(made.folder)
    rows = [[464, 466, 7, 200, 31, 90], [464, 466, 12], [464, 466, 300, 44, 8]]
    blank = [[0] * (6 - len(row)) for row in rows]
    ids = [b + row if side == "left" else row + b for row, b in zip(rows, blank, strict=True)]
    mask = [[0] * len(b) + [1] * len(r) if side == "left" else [1] * len(r) + [0] * len(b)
            for r, b in zip(rows, blank, strict=True)]  # fmt: skip
    logits = model(torch.tensor(ids), attention_mask=torch.tensor(mask)).logits
    assert torch.isfinite(logits).all()
    for row, place, told in zip(rows, mask, logits, strict=True):
        close(told[torch.tensor(place).bool()], made.oracle.logits(row))


def test_a_batch_padded_on_the_left_answers_as_its_rows(official: Callable[..., Any]) -> None:
    made = official()
    rows = [[464, 466, 7, 200, 31, 90], [464, 466, 12]]
    ids = torch.tensor([rows[0], [0, 0, 0, *rows[1]]])
    told = loaded(made.folder).generate(
        ids, attention_mask=(ids != 0).long(), max_new_tokens=4, do_sample=False, eos_token_id=None
    )
    for row, answer in zip(rows, told, strict=True):
        assert answer[6:].tolist() == made.oracle.greedy(row, 4)
