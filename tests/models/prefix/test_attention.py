"""A prefix in every family: transformers' own cache and a slow oracle agree; no way of reading changes it."""

import copy
from collections.abc import Callable
from typing import Any

import pytest
import torch
from transformers import DynamicCache

from doctorglm.errors import ConfigError, ModelError
from doctorglm.models.documents import Documents, packed
from doctorglm.models.prefix.attention import attach, encoder_of, shape_of
from doctorglm.models.prefix.encoder import PrefixEncoder, Shape, joined, split

from ...varlen import varlen
from .conftest import make_family, with_random_prefix

__all__ = ["varlen"]
exact: dict[str, Any] = {"atol": 1e-9, "rtol": 1e-9}


def read_from_a_cache(model: Any, encoder: PrefixEncoder, ids: torch.Tensor) -> torch.Tensor:
    """The same by transformers' own means: numbers put into a cache by hand, and positions that begin at 0."""
    flat = encoder().detach()
    layers, _, heads, size = encoder.shape.layers, 2, encoder.shape.heads, encoder.shape.head_dim
    cache = DynamicCache()
    for layer in range(layers):
        pair = []
        for slot in (2 * layer, 2 * layer + 1):
            rows = flat[:, slot * heads * size : (slot + 1) * heads * size]
            pair.append(torch.stack([rows[:, h * size : (h + 1) * size] for h in range(heads)])[None])
        cache.update(pair[0].expand(len(ids), -1, -1, -1), pair[1].expand(len(ids), -1, -1, -1), layer)
    positions = torch.arange(ids.shape[1]).expand(len(ids), -1)
    out: torch.Tensor = model(ids, past_key_values=cache, position_ids=positions).logits
    return out


@pytest.mark.parametrize("implementation", ["sdpa", "eager"])
@pytest.mark.filterwarnings("ignore:.*past_key_values:FutureWarning")
def test_a_prefix_is_what_a_cache_would_hold(family: Any, rows: list[list[int]], implementation: str) -> None:
    family.config._attn_implementation = implementation
    plain = copy.deepcopy(family)
    model = with_random_prefix(family)
    encoder = encoder_of(model)
    assert encoder is not None
    ids = torch.tensor([rows[0]])
    expected = read_from_a_cache(plain, encoder, ids)
    torch.testing.assert_close(model(ids).logits, expected, **exact)
    assert (plain(ids).logits - expected).abs().max() > 0.1
    assert torch.equal(
        model.get_decoder()(ids).last_hidden_state, model(ids, output_hidden_states=True).hidden_states[-1]
    )


@pytest.mark.parametrize("projection", [False, True])
def test_step_by_step_is_the_whole_text(family: Any, rows: list[list[int]], projection: bool) -> None:
    """`generate` gives the logits of one forward, with and without a cache."""
    model = with_random_prefix(family, projection=projection)
    for use_cache in (True, False):
        out = model.generate(
            torch.tensor([rows[0][:3]]), max_new_tokens=5, min_new_tokens=5, do_sample=False, use_cache=use_cache,
            output_logits=True, return_dict_in_generate=True,
        )  # fmt: skip
        whole = model(out.sequences).logits[0, 2:-1]
        torch.testing.assert_close(torch.cat(out.logits), whole.to(out.logits[0].dtype), atol=1e-5, rtol=1e-5)


def test_static_caches(rows: list[list[int]]) -> None:
    """They have room behind the tokens, which nobody may see."""
    model = with_random_prefix(make_family("llama"))
    how: dict[str, Any] = {"max_new_tokens": 5, "min_new_tokens": 5, "do_sample": False}
    ids = torch.tensor([rows[0]])
    static = model.generate(ids, cache_implementation="static", disable_compile=True, **how)
    assert torch.equal(static, model.generate(ids, **how))


@pytest.mark.parametrize("side", ["left", "right"])
def test_a_batch_is_its_rows(family: Any, rows: list[list[int]], side: str) -> None:
    model = with_random_prefix(family)
    longest = max(map(len, rows))
    blank = [[0] * (longest - len(row)) for row in rows]
    left = side == "left"
    ids = torch.tensor([b + row if left else row + b for b, row in zip(blank, rows, strict=True)])
    ones = [[1] * len(row) for row in rows]
    mask = torch.tensor([b + one if left else one + b for b, one in zip(blank, ones, strict=True)])
    positions = (mask.cumsum(1) - 1).clamp(min=0)
    logits = model(ids, attention_mask=mask, position_ids=positions).logits
    for row, own, one in zip(rows, logits, mask.bool(), strict=True):
        torch.testing.assert_close(own[one], model(torch.tensor([row])).logits[0], **exact)


def test_batches_generate_what_each_row_does(rows: list[list[int]]) -> None:
    model = with_random_prefix(make_family("qwen2"))
    longest = max(map(len, rows))
    ids = torch.tensor([[0] * (longest - len(row)) + row for row in rows])
    mask = torch.tensor([[0] * (longest - len(row)) + [1] * len(row) for row in rows])
    how: dict[str, Any] = {"max_new_tokens": 6, "do_sample": False, "eos_token_id": None}
    together = model.generate(ids, attention_mask=mask, **how)[:, longest:]
    for row, answer in zip(rows, together, strict=True):
        assert torch.equal(model.generate(torch.tensor([row]), **how)[0, len(row) :], answer)


def losses_and_gradients(model: Any, read: Callable[[], torch.Tensor]) -> list[torch.Tensor]:
    model.zero_grad()
    logits = read()
    weights = torch.linspace(-1, 1, logits.numel(), dtype=logits.dtype).view_as(logits)
    (logits.log_softmax(-1) * weights).sum().backward()
    return [logits.detach(), *(p.grad.clone() for p in model.parameters() if p.requires_grad)]


def same(ours: list[torch.Tensor], theirs: list[torch.Tensor]) -> None:
    assert len(ours) == len(theirs) > 1
    for one, other in zip(ours, theirs, strict=True):
        torch.testing.assert_close(one, other, **exact)


@pytest.mark.parametrize("projection", [False, True])
def test_recomputation_gives_the_same_gradients(
    family: Any, rows: list[list[int]], checkpoint: Callable[[Any], None], projection: bool
) -> None:
    model = with_random_prefix(family, projection=projection).train()
    ids = torch.tensor([rows[0]])
    plain = losses_and_gradients(model, lambda: model(ids).logits)
    assert all(gradient.any() for gradient in plain[1:])
    checkpoint(model)
    calls: list[int] = []
    model.get_decoder().layers[0].self_attn.register_forward_pre_hook(lambda *_: calls.append(1))
    same(losses_and_gradients(model, lambda: model(ids).logits), plain)
    assert len(calls) == 2, "it is recomputed"


def one_by_one(model: Any, rows: list[list[int]]) -> torch.Tensor:
    return torch.cat([model(torch.tensor([row])).logits[0] for row in rows])


def in_a_row(model: Any, rows: list[list[int]]) -> torch.Tensor:
    documents = Documents.of_lengths([len(row) for row in rows])
    ids = torch.tensor([[i for row in rows for i in row]])
    with packed(model, documents):
        out: torch.Tensor = model(input_ids=ids, position_ids=documents.positions(), use_cache=False).logits[0]
    return out


@pytest.mark.parametrize("by_calls", [False, True])
def test_a_pack_is_its_documents(
    family: Any, rows: list[list[int]], by_calls: bool, request: pytest.FixtureRequest
) -> None:
    """Losses and gradients, document by document and in variable-length calls."""
    calls = request.getfixturevalue("varlen") if by_calls else None
    model = with_random_prefix(family)
    alone = losses_and_gradients(model, lambda: one_by_one(model, rows))
    same(losses_and_gradients(model, lambda: in_a_row(model, rows)), alone)
    assert calls is None or calls == [3, 3, 3]


def test_the_base_is_frozen_and_the_prefix_in_32_bits() -> None:
    model = make_family("llama").bfloat16()
    before = {name: p.clone() for name, p in model.named_parameters()}
    encoder = PrefixEncoder(4, shape_of(model))
    model = attach(model, encoder)
    trained = {name: p for name, p in model.named_parameters() if p.requires_grad}
    assert {p.dtype for p in trained.values()} == {torch.float32} and list(trained) == [
        "model.prefix_encoder.embedding.weight"
    ]
    logits = model(torch.tensor([[5, 6, 7]])).logits
    assert logits.dtype == torch.bfloat16
    logits.float().sum().backward()
    assert trained["model.prefix_encoder.embedding.weight"].grad.isfinite().all()
    assert all(torch.equal(p, before[name]) for name, p in model.named_parameters() if name in before)


def test_no_answer_without_the_prefix() -> None:
    """Whoever changes the attention is told, and not answered as if there were no prefix."""
    model = with_random_prefix(make_family("qwen2"))
    model.config._attn_implementation = "sdpa"
    with pytest.raises(ModelError, match=r"layers \[0, 1, 2\] attended by 'sdpa' without their prefix"):
        model(torch.tensor([[5, 6]]))


def test_models_without_such_attention() -> None:
    from transformers import MambaConfig, MambaForCausalLM

    model = MambaForCausalLM(MambaConfig(vocab_size=20, hidden_size=8, num_hidden_layers=1, state_size=2))
    with pytest.raises(ConfigError, match="MambaForCausalLM does not take its attention"):
        shape_of(model)
    capped = make_family("llama")
    capped.config.attn_logit_softcapping = 50.0
    with pytest.raises(ConfigError, match="LlamaForCausalLM does not take its attention"):
        shape_of(capped)


def test_a_prefix_of_another_model() -> None:
    model = make_family("llama")
    with pytest.raises(ModelError, match="the prefix is made for"):
        attach(model, PrefixEncoder(3, Shape(3, 4, 8)))


def test_copies_are_models_of_their_own(rows: list[list[int]]) -> None:
    """Also after a forward with gradients, whose graph is not copied."""
    model = with_random_prefix(make_family("glm"))
    ids = torch.tensor([rows[0]])
    before = model(ids).logits
    other = copy.deepcopy(model)
    with torch.no_grad():
        encoder_of(other).embedding.weight.mul_(-1)  # type: ignore[union-attr]
    assert torch.equal(model(ids).logits, before)
    assert (other(ids).logits - before).abs().max() > 0.1


def test_what_is_kept_follows_the_weights(rows: list[list[int]]) -> None:
    """A frozen prefix is made once; one that is trained anew each time, since fused optimizers count no changes."""
    model = with_random_prefix(make_family("glm"), projection=True)
    ids = torch.tensor([rows[0]])
    encoder: Any = encoder_of(model)
    made: list[int] = []
    encoder.trans.register_forward_pre_hook(lambda *_: made.append(1))
    before = model(ids).logits
    before.sum().backward()
    torch.optim.AdamW([encoder.embedding.weight], lr=0.1, fused=True).step()
    with torch.inference_mode():
        assert not torch.equal(model(ids).logits, before) and len(made) == 2
        encoder.requires_grad_(False)
        first = model(ids).logits
        assert torch.equal(model(ids).logits, first) and len(made) == 3
        encoder.embedding.weight.mul_(-1)
        assert not torch.equal(model(ids).logits, first) and len(made) == 4
    assert torch.equal(model(ids).logits, model(ids).logits) and len(made) == 5


def test_dropout_in_training_alone(rows: list[list[int]]) -> None:
    model = with_random_prefix(make_family("llama"), dropout=0.5)
    ids = torch.tensor([rows[0]])
    assert torch.equal(model(ids).logits, model(ids).logits)
    model.train()
    assert not torch.equal(model(ids).logits, model(ids).logits)


def test_the_flat_layout_by_hand() -> None:
    """Slot 2i is a key, 2i+1 a value; within it heads follow one another."""
    shape = Shape(2, 3, 4)
    flat = torch.arange(2.0 * shape.width).view(2, shape.width)
    pairs = split(flat, shape)
    assert pairs[1][0][2].tolist() == [[24 + 8 + i for i in range(4)], [48 + 24 + 8 + i for i in range(4)]]
    assert pairs[0][1][0, 1].tolist() == [48 + 12 + i for i in range(4)]
    assert torch.equal(joined(pairs), flat)
