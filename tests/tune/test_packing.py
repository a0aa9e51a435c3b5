"""Packing changes nothing: document by document the same loss and gradients as one at a time, in float64."""

import itertools
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from transformers import (
    AutoModelForCausalLM,
    Glm4Config,
    GlmConfig,
    LlamaConfig,
    MistralConfig,
    Qwen2Config,
    Qwen3Config,
)

from doctorglm.errors import ModelError
from doctorglm.models.chatglm.positions import packed_layout
from doctorglm.models.documents import Documents, can_pack, packed
from doctorglm.render import IGNORED, Sample
from doctorglm.tune.adapt import adapt
from doctorglm.tune.batches import collate, order, pack
from doctorglm.tune.loss import token_nats
from doctorglm.tune.settings import TuneSettings

from ..varlen import varlen

__all__ = ["varlen"]

SIZES: dict[str, Any] = {
    "vocab_size": 300, "hidden_size": 32, "intermediate_size": 48, "num_hidden_layers": 3, "num_attention_heads": 4,
    "num_key_value_heads": 2, "head_dim": 8, "initializer_range": 0.1, "max_position_embeddings": 512,
    "pad_token_id": 0, "eos_token_id": 1,
}  # fmt: skip
FAMILIES = {"llama": LlamaConfig, "qwen2": Qwen2Config, "qwen3": Qwen3Config, "glm": GlmConfig, "glm4": Glm4Config}


def one_by_one(model: Any, samples: list[Sample]) -> tuple[list[torch.Tensor], list[torch.Tensor]]:
    """Nats of each sample read alone by the model's own forward, and the gradients of their sum."""
    nats = []
    for sample in samples:
        logits = model(input_ids=torch.tensor([sample.input_ids]), use_cache=False).logits[0]
        picked = [i for i, label in enumerate(sample.labels) if label != IGNORED]
        of_label = torch.tensor([sample.labels[i] for i in picked])
        before = torch.tensor(picked) - 1
        nats.append(-logits.log_softmax(-1)[before, of_label])
    torch.cat(nats).sum().backward()
    return nats, taken(model)


def taken(model: Any) -> list[torch.Tensor]:
    gradients = [p.grad.clone() for p in model.parameters() if p.requires_grad]
    model.zero_grad()
    return gradients


def adapted(model: Any, method: Any = "lora") -> Any:
    """In float64, and with a B that is not zero, so that A has a gradient."""
    model = adapt(model, TuneSettings(method=method, lora_rank=3)).double()
    torch.manual_seed(3)
    with torch.no_grad():
        for name, parameter in model.named_parameters():
            if ".lora_B." in name:
                parameter.normal_(0, 0.1)
    return model


def assert_exact(model: Any, samples: list[Sample]) -> None:
    expected, gradients = one_by_one(model, samples)
    batch = pack(samples)
    nats = token_nats(model, batch)
    nats.sum().backward()
    assert nats.dtype == torch.float64
    for row, alone in enumerate(expected):
        assert torch.allclose(nats[batch.rows == row], alone, rtol=1e-10, atol=1e-11)
    for ours, theirs in zip(taken(model), gradients, strict=True):
        assert torch.allclose(ours, theirs, rtol=1e-8, atol=1e-9 * float(theirs.abs().max()) + 1e-12)


def family(name: str) -> Any:
    torch.manual_seed(7)
    return AutoModelForCausalLM.from_config(FAMILIES[name](**SIZES))


@pytest.mark.parametrize("method", ["lora", "full"])
def test_a_pack_is_its_samples_one_by_one(base: Path, samples: Callable[..., Any], method: str) -> None:
    """ChatGLM-6B, a prefix language model, and a causal one."""
    model, rendered = samples(base, 9)
    assert_exact(adapted(model, method), rendered)


@pytest.mark.parametrize("name", FAMILIES)
def test_every_family(name: str, sample_of: Callable[..., Sample]) -> None:
    rows = [sample_of(p, a, f"r{p}", 5 + p) for p, a in ((4, 3), (1, 1), (17, 9), (2, 40), (6, 1))]
    assert_exact(adapted(family(name)), rows)


def test_a_pack_of_one(base: Path, samples: Callable[..., Any]) -> None:
    model, rendered = samples(base, 1)
    assert_exact(adapted(model), rendered[:1])


def test_neighbours_are_not_seen(base: Path, samples: Callable[..., Any]) -> None:
    """C062: a document between others, which then change, keeps its loss."""
    model, rendered = samples(base, 12)
    model.double()
    with torch.no_grad():
        first = token_nats(model, pack(rendered[:3]))
        second = token_nats(model, pack([rendered[7], rendered[1], rendered[9], rendered[5]]))
    of_one = [pack(rendered[:3]).rows == 1, pack([rendered[7], rendered[1], rendered[9], rendered[5]]).rows == 1]
    assert torch.allclose(first[of_one[0]], second[of_one[1]], rtol=1e-12, atol=0)


def test_what_packing_without_bounds_would_do(base: Path, samples: Callable[..., Any]) -> None:
    """The test above can fail: one row read as one document gives other losses."""
    model, rendered = samples(base, 4)
    batch = pack(rendered)
    one = Documents(((0, batch.input_ids.shape[1]),))
    with torch.no_grad(), packed(model, one):
        leaked = model(input_ids=batch.input_ids, position_ids=one.positions(), use_cache=False).logits[0]
    alone = token_nats(model, batch)
    nats = -leaked.log_softmax(-1)[batch.places, batch.targets]
    last = batch.rows == batch.rows.max()
    assert (nats[last] - alone[last]).abs().max() > 1e-3


def test_packed_tensors_are_those_of_a_plain_loop() -> None:
    rows = [
        Sample("a", 0, [11, 12, 13, 14], [IGNORED, IGNORED, 13, 14]),
        Sample("b", 0, [21, 22], [IGNORED, 22]),
        Sample("c", 0, [31, 32, 33, 34, 35], [31, 32, IGNORED, 34, 35]),
    ]
    batch = pack(rows)
    assert batch.input_ids.tolist() == [[11, 12, 13, 14, 21, 22, 31, 32, 33, 34, 35]]
    assert batch.documents == Documents(((0, 4), (4, 6), (6, 11)))
    assert batch.documents.positions().tolist() == [[0, 1, 2, 3, 0, 1, 0, 1, 2, 3, 4]]
    # the first label of the third has nothing before it, so that the end of the second does not predict it
    assert batch.places.tolist() == [1, 2, 4, 6, 8, 9]
    assert batch.targets.tolist() == [13, 14, 22, 32, 34, 35]
    assert batch.rows.tolist() == [0, 0, 1, 2, 2, 2]
    assert batch.record_ids == ("a", "b", "c")


def test_a_model_does_not_wait_for_its_device(chatglm_base: Path, samples: Callable[..., Any]) -> None:
    """Where a row's prompts end is known before the row is sent: tensors of `meta` have no values to ask for."""
    model, rendered = samples(chatglm_base, 4)
    batch = pack(rendered)
    sent = batch.to(torch.device("meta"))
    assert sent.documents is not None
    positions, prompts = packed_layout(model.config, sent.input_ids, sent.documents)
    assert positions.device.type == "meta" and positions.shape == (1, 2, batch.input_ids.shape[1])
    assert prompts == [s.input_ids.index(model.config.bos_token_id) for s in rendered]


def test_packed_and_padded_supervise_the_same(base: Path, samples: Callable[..., Any]) -> None:
    model, rendered = samples(base, 9)
    one, other = pack(rendered), collate(rendered, 0)
    assert one.targets.tolist() == other.targets.tolist()
    assert one.rows.tolist() == other.rows.tolist()
    with torch.no_grad():
        assert torch.allclose(token_nats(model, one), token_nats(model, other), atol=1e-5)


@pytest.mark.parametrize("seed", range(20))
def test_every_sample_is_in_one_pack_of_an_epoch(seed: int) -> None:
    lengths = torch.randint(2, 90, (70,), generator=torch.Generator().manual_seed(seed)).tolist()
    many = [Sample(str(i), 0, [5] * n, [5] * n) for i, n in enumerate(lengths)]
    batches = order(many, 64, seed, 0, packing=True)
    assert Counter(itertools.chain.from_iterable(batches)) == Counter(range(70))
    sums = [sum(lengths[i] for i in batch) for batch in batches]
    assert all(total <= 64 or len(batch) == 1 for total, batch in zip(sums, batches, strict=True))
    assert all(a + lengths[later[0]] > 64 for a, later in zip(sums, batches[1:], strict=False)), "room was left"
    assert order(many, 64, seed, 1, packing=True) != batches


def test_models_that_see_more_or_less_are_not_packed() -> None:
    """A sliding window would be lost, and a model without the interface would read the row as one document."""
    torch.manual_seed(0)
    window = AutoModelForCausalLM.from_config(MistralConfig(**SIZES, sliding_window=8))
    assert not can_pack(window)
    with pytest.raises(ModelError, match="packing=false"), packed(window, Documents(((0, 3),))):
        pass
    assert can_pack(family("qwen2"))


def test_the_model_is_left_as_it_was(base: Path, samples: Callable[..., Any]) -> None:
    model, rendered = samples(base, 2)
    before = model.config._attn_implementation
    with pytest.raises(IndexError):
        token_nats(model, pack([Sample("r", 0, [10**6, 2], [IGNORED, 2])]))
    assert model.config._attn_implementation == before
    ids = torch.tensor([rendered[0].input_ids])
    assert model(input_ids=ids, attention_mask=torch.ones_like(ids)).logits.shape[1] == ids.shape[1]


@pytest.mark.parametrize("method", ["lora", "full"])
def test_a_pack_by_variable_length_calls(
    base: Path, samples: Callable[..., Any], method: str, varlen: list[int]
) -> None:
    """As a GPU reads it: losses and gradients of whole models, one-token answers and a document alone among them."""
    model, rendered = samples(base, 5)
    model = adapted(model, method)
    first = next(i for i, label in enumerate(rendered[0].labels) if label != IGNORED)
    cut = Sample("one", 0, rendered[0].input_ids[: first + 1], [IGNORED] * first + [rendered[0].labels[first]])
    assert_exact(model, [cut, *rendered[1:]])
    a_row = 4 if "chatglm" in str(base) else 2  # two layers, of two calls or of one
    assert len(varlen) == a_row
    assert_exact(model, rendered[:1])
    assert len(varlen) == 2 * a_row


@pytest.mark.parametrize("name", FAMILIES)
def test_every_family_by_variable_length_calls(name: str, sample_of: Callable[..., Sample], varlen: list[int]) -> None:
    """Grouped queries: two heads of keys for four."""
    rows = [sample_of(p, a, f"r{p}", 5 + p) for p, a in ((4, 3), (1, 1), (17, 9), (6, 1))]
    assert_exact(adapted(family(name)), rows)
    assert varlen == [4, 4, 4]
