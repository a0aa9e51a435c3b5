"""The fused layers against the model's own modules in float64: every loss and every gradient."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
import torch.nn.functional as F
from transformers import AutoModelForCausalLM, GlmConfig, LlamaConfig, Qwen2Config, Qwen3Config

from doctorglm.models import ChatGLMConfig, ChatGLMForConditionalGeneration
from doctorglm.models.documents import Documents
from doctorglm.models.prefix.attention import encoder_of
from doctorglm.models.quantized import linear
from doctorglm.models.quantized.layers import quantize
from doctorglm.render import IGNORED, Sample
from doctorglm.tune.adapt import adapt
from doctorglm.tune.batches import collate, pack
from doctorglm.tune.fused import fuse, install
from doctorglm.tune.fused.attention import Heads, Layout, attend, attend_backward
from doctorglm.tune.loss import token_nats
from doctorglm.tune.settings import TuneSettings

SIZES: dict[str, Any] = {
    "vocab_size": 300, "hidden_size": 32, "intermediate_size": 48, "num_hidden_layers": 3, "num_attention_heads": 4,
    "num_key_value_heads": 2, "head_dim": 8, "initializer_range": 0.1, "max_position_embeddings": 512,
    "pad_token_id": 0, "eos_token_id": 1,
}  # fmt: skip
GMASK, SOP = 298, 299


def chatglm(**changed: Any) -> Any:
    sizes: dict[str, Any] = {"vocab_size": 300, "hidden_size": 32, "num_layers": 3, "num_attention_heads": 4}
    special = {
        "bos_token_id": SOP,
        "eos_token_id": 297,
        "gmask_token_id": GMASK,
        "mask_token_id": 296,
        "pad_token_id": 0,
    }
    return ChatGLMForConditionalGeneration(ChatGLMConfig(**sizes, **special, initializer_range=0.1, **changed))


def family(name: str) -> Any:
    torch.manual_seed(7)
    if name.startswith("chatglm"):
        model = chatglm(position_encoding_2d=name != "chatglm-1d")
    else:
        config: Any = {
            "llama": lambda: LlamaConfig(**SIZES),
            "llama-bias": lambda: LlamaConfig(**SIZES, attention_bias=True),
            "qwen2": lambda: Qwen2Config(**SIZES),
            "qwen3": lambda: Qwen3Config(**SIZES),
            "glm": lambda: GlmConfig(**SIZES, attention_bias=True),
            "one-kv-head": lambda: Qwen2Config(**SIZES | {"num_key_value_heads": 1}),
        }[name]()
        model = AutoModelForCausalLM.from_config(config)
    with torch.no_grad():
        for parameter in model.parameters():
            if parameter.dim() == 1:  # biases start at 0 and norms at 1, which would hide mistakes
                parameter.add_(torch.randn_like(parameter) * 0.2)
    return model


LINEAR = 3 * 7
"""Adapted linear layers of three decoder layers."""

FAMILIES = ["llama", "llama-bias", "qwen2", "qwen3", "glm", "one-kv-head", "chatglm", "chatglm-1d"]


def rows_for(
    name: str, of: Callable[..., Sample], lengths: Any = ((4, 3), (2, 1), (17, 9), (3, 40), (6, 1))
) -> list[Sample]:
    rows = [of(p, a, f"r{p}", 5 + p, 290) for p, a in lengths]
    if name.startswith("chatglm"):
        for row in rows:
            at = next(i for i, label in enumerate(row.labels) if label != IGNORED)
            row.input_ids[at - 2 : at] = [GMASK, SOP]
    return rows


def adapted(model: Any, **settings: Any) -> Any:
    model = adapt(model, TuneSettings(lora_rank=3, **settings)).double()
    torch.manual_seed(3)
    with torch.no_grad():
        for name, parameter in model.named_parameters():
            if ".lora_B." in name:
                parameter.normal_(0, 0.1)
    return adapted_norms(model)


def adapted_norms(model: Any) -> Any:
    for module in model.modules():
        if hasattr(module, "variance_epsilon"):  # transformers' norms compute in float32 whatever they are given
            module.forward = _exact_norm(module)
    return model


def _exact_norm(norm: Any) -> Callable[[torch.Tensor], torch.Tensor]:
    return lambda x: norm.weight * x / (x.pow(2).mean(-1, keepdim=True) + norm.variance_epsilon).sqrt()


def measured(model: Any, rows: list[Sample]) -> tuple[torch.Tensor, dict[str, torch.Tensor]]:
    weights = torch.linspace(0.5, 2, sum(s.supervised for s in rows), dtype=torch.float64)
    nats = token_nats(model, pack(rows))
    (nats * weights).sum().backward()
    gradients = {n: p.grad.clone() for n, p in model.named_parameters() if p.grad is not None}
    model.zero_grad()
    return nats.detach(), gradients


def assert_same(model: Any, rows: list[Sample], layers: int = 3) -> None:
    nats, gradients = measured(model, rows)
    assert fuse(model, lambda m: token_nats(m, pack(rows[:2]))) == layers
    fused_nats, fused_gradients = measured(model, rows)
    assert torch.allclose(fused_nats, nats, rtol=1e-10, atol=1e-11)
    assert fused_gradients.keys() == gradients.keys()
    for name, gradient in gradients.items():
        scale = float(gradient.abs().max())
        assert torch.allclose(fused_gradients[name], gradient, rtol=1e-8, atol=1e-10 * scale + 1e-13), name


@pytest.mark.parametrize("name", FAMILIES)
def test_losses_and_gradients_are_the_models_own(name: str, sample_of: Callable[..., Sample]) -> None:
    assert_same(adapted(family(name)), rows_for(name, sample_of))


@pytest.mark.parametrize("name", ["qwen2", "qwen3", "glm", "chatglm"])
def test_long_documents_go_through_the_kernel(name: str, sample_of: Callable[..., Sample]) -> None:
    assert_same(adapted(family(name)), rows_for(name, sample_of, ((4, 3), (120, 150), (200, 90), (5, 2))))


def prefixed(model: Any, **settings: Any) -> Any:
    """With a prefix of random keys and values, in 64 bits, which would round to 32 without its type's care."""
    model = adapt(model, TuneSettings(method="ptuning", prefix_tokens=6, prefix_init="random", **settings))
    encoder_of(model).double()  # type: ignore[union-attr]
    return adapted_norms(model.double())


@pytest.mark.parametrize("projection", [False, True])
@pytest.mark.parametrize("name", FAMILIES)
def test_a_prefix_is_read_and_trained_as_by_the_models_own(
    name: str, projection: bool, sample_of: Callable[..., Sample]
) -> None:
    assert_same(prefixed(family(name), prefix_projection=projection, prefix_hidden=5), rows_for(name, sample_of))


@pytest.mark.parametrize("name", ["qwen2", "qwen3", "glm", "chatglm"])
def test_a_prefix_before_long_documents_goes_through_the_kernel(name: str, sample_of: Callable[..., Sample]) -> None:
    assert_same(prefixed(family(name)), rows_for(name, sample_of, ((4, 3), (120, 150), (200, 90), (5, 2))))


def test_a_prefix_with_dropout_is_proved_on_one_seed(sample_of: Callable[..., Sample]) -> None:
    rows, model = rows_for("qwen2", sample_of), prefixed(family("qwen2"), prefix_dropout=0.5)
    assert fuse(model.train(), lambda m: token_nats(m, pack(rows[:2]))) == 3
    torch.manual_seed(1)
    fused = token_nats(model, pack(rows))
    for layer in install.decoder_layers(model):
        layer.forward = layer.forward._own
    torch.manual_seed(1)
    assert torch.allclose(fused, token_nats(model, pack(rows)), rtol=1e-10)


def test_a_prefix_without_fused_layers_has_onednns_products(
    monkeypatch: pytest.MonkeyPatch, sample_of: Callable[..., Sample]
) -> None:
    """Of an unknown shape, or where memory is short: all linear layers but the head, and the same numbers."""
    rows, model = rows_for("glm", sample_of), prefixed(family("glm"))
    monkeypatch.setattr(install, "available_bytes", lambda: 10_000)
    assert_same(model, rows, layers=3 * 6)


@pytest.mark.parametrize("kind", ["nf4", "int8", "int4"])
@pytest.mark.parametrize("name", ["qwen2", "qwen3", "glm", "chatglm"])
def test_packed_weights_are_merged_tile_by_tile(
    name: str, kind: Any, sample_of: Callable[..., Sample], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Losses and gradients of PEFT beside the packed layers; tiles of a few rows, and a part that begins within one."""
    monkeypatch.setattr(linear, "TILE_BYTES", 4 * 32 * 10)
    model = family(name)
    quantize(model, kind, name)
    assert_same(adapted(model), rows_for(name, sample_of))
    assert not any(m.weight.is_floating_point() for m in model.modules() if isinstance(m, linear.QuantizedLinear))


@pytest.mark.parametrize("targets", ["q_proj,v_proj", "gate_up_proj"])
def test_packed_layers_of_which_some_are_adapted(targets: str, sample_of: Callable[..., Sample]) -> None:
    model = family("glm")
    quantize(model, "int4", "glm")
    assert_same(adapted(model, lora_targets=targets), rows_for("glm", sample_of))


def test_a_layer_that_is_partly_packed_is_not_fused(sample_of: Callable[..., Sample]) -> None:
    model = family("qwen2")
    attention = model.model.layers[1].self_attn
    quantize(model, "int8", "qwen2")
    attention.o_proj = torch.nn.Linear(32, 32, bias=False).requires_grad_(False)
    assert_same(adapted(model), rows_for("qwen2", sample_of), layers=2)


@pytest.mark.parametrize("targets", ["q_proj,v_proj", "down_proj", "k_proj", "gate_proj,o_proj"])
def test_some_layers_adapted(targets: str, sample_of: Callable[..., Sample]) -> None:
    assert_same(adapted(family("qwen2"), lora_targets=targets), rows_for("qwen2", sample_of))


@pytest.mark.parametrize("targets", ["query_key_value", "dense", "dense_4h_to_h"])
def test_some_layers_of_chatglm_adapted(targets: str, sample_of: Callable[..., Sample]) -> None:
    assert_same(adapted(family("chatglm"), lora_targets=targets), rows_for("chatglm", sample_of))


@pytest.mark.parametrize("fused", [True, False])
def test_the_merged_weights_follow_the_adapters(fused: bool, sample_of: Callable[..., Sample]) -> None:
    """After a step of the optimizer, also of one whose single kernel raises no tensor's version."""
    rows, model = rows_for("qwen2", sample_of), adapted(family("qwen2"))
    other = adapted(family("qwen2"))
    fuse(model, lambda m: token_nats(m, pack(rows[:2])))
    optimizers = [
        torch.optim.AdamW([p for p in m.parameters() if p.requires_grad], 0.01, fused=fused) for m in (model, other)
    ]
    for _ in range(3):
        for each, optimizer in zip((model, other), optimizers, strict=True):
            token_nats(each, pack(rows)).sum().backward()
            optimizer.step()
            optimizer.zero_grad()
    one, two = measured(model, rows)[0], measured(other, rows)[0]
    assert torch.allclose(one, two, rtol=1e-9, atol=1e-10)
    assert not torch.allclose(one, measured(adapted(family("qwen2")), rows)[0], atol=1e-3)


def test_everything_else_is_read_as_before(base: Path, samples: Callable[..., Any]) -> None:
    """Padded rows, generation, and the adapter's own names."""
    model, rendered = samples(base, 6)
    model = adapted(model)
    ids = torch.tensor([rendered[0].input_ids])
    names = [n for n, _ in model.named_parameters()]
    with torch.no_grad():
        before = model(input_ids=ids, attention_mask=torch.ones_like(ids)).logits
    assert fuse(model, lambda m: token_nats(m, pack(rendered[:2]))) == 2
    with torch.no_grad():
        assert torch.equal(model(input_ids=ids, attention_mask=torch.ones_like(ids)).logits, before)
    assert [n for n, _ in model.named_parameters()] == names


def test_only_supervised_rows_leave_the_last_layer(sample_of: Callable[..., Sample]) -> None:
    rows, model = rows_for("qwen2", sample_of), adapted(family("qwen2"))
    fuse(model, lambda m: token_nats(m, pack(rows[:2])))
    seen = []
    model.base_model.model.model.norm.register_forward_pre_hook(lambda _m, args: seen.append(args[0].shape[1]))
    token_nats(model, pack(rows))
    assert seen == [sum(s.supervised for s in rows)]


def test_a_layer_that_computes_something_else_is_left_alone(sample_of: Callable[..., Sample]) -> None:
    """Same modules, another forward: the comparison finds it, and linear layers alone are replaced."""
    rows, model = rows_for("qwen2", sample_of), adapted(family("qwen2"))
    layer = model.base_model.model.model.layers[1]
    own = layer.forward
    layer.forward = lambda *args, **kwargs: own(*args, **kwargs) * 1.01
    before = measured(model, rows)[0]
    assert fuse(model, lambda m: token_nats(m, pack(rows[:2]))) == LINEAR
    assert torch.allclose(measured(model, rows)[0], before, rtol=1e-12)


def test_what_cannot_be_fused_is_not(sample_of: Callable[..., Sample]) -> None:
    settings = TuneSettings(lora_dropout=0.1)
    rows, model = rows_for("qwen2", sample_of), adapt(family("qwen2"), settings).double().eval()
    before = measured(model, rows)[0]
    assert fuse(model, lambda m: token_nats(m, pack(rows[:2]))) == 0
    assert torch.equal(measured(model, rows)[0], before)


def test_what_does_not_fit_into_memory_is_not_merged(
    sample_of: Callable[..., Sample], monkeypatch: pytest.MonkeyPatch
) -> None:
    """The merged copies must never be what ends a run: adapters stay beside their weights."""
    rows, model = rows_for("qwen2", sample_of), adapted(family("qwen2"))
    assert install.available_bytes() > 10**6
    monkeypatch.setattr(install, "available_bytes", lambda: 10_000)
    assert fuse(model, lambda m: token_nats(m, pack(rows[:2]))) == LINEAR


def test_padded_rows_have_adapters_beside_their_weights(sample_of: Callable[..., Sample]) -> None:
    rows, model = rows_for("qwen2", sample_of), adapted(family("qwen2"))
    padded = collate(rows, 0)
    before = token_nats(model, padded).detach()
    assert fuse(model, lambda m: token_nats(m, padded), packing=False) == LINEAR
    assert torch.allclose(token_nats(model, padded), before, rtol=1e-12)


@pytest.mark.parametrize("prefixes", [[0, 0, 0, 0], [3, 1, 5, 0]])
def test_attention_is_torchs_own(prefixes: list[int]) -> None:
    """Any gradient of the output, that of a document's last token included, which no loss of a language model sends."""
    torch.manual_seed(2)
    heads, documents = Heads(2, 2, 8), Documents.of_lengths([6, 7, 9, 300])
    angles = torch.randn(322, 4, dtype=torch.float64)
    layout = Layout(documents, prefixes, torch.polar(torch.ones_like(angles), angles))
    given = [torch.randn(322, n, dtype=torch.float64, requires_grad=True) for n in (32, 16, 16)]
    wished = torch.randn(322, 32, dtype=torch.float64)
    with torch.no_grad():
        out, kept = attend(*given, heads, layout)
        *gradients, of_learned = attend_backward(wished, kept, heads, layout)
        assert not of_learned

    def turned(x: torch.Tensor) -> torch.Tensor:
        pairs = torch.view_as_complex(x.unflatten(1, (-1, 4, 2)))
        return torch.view_as_real(pairs * torch.polar(torch.ones_like(angles), angles)[:, None]).flatten(2)

    q, k, v = turned(given[0]), turned(given[1]), given[2].unflatten(1, (-1, 8))
    rows = []
    for (start, end), prefix in zip(documents.bounds, prefixes, strict=True):
        open_to = torch.ones(end - start, end - start, dtype=torch.bool).tril()
        open_to[:, :prefix] = True
        one = (x[None, start:end].transpose(1, 2) for x in (q, k, v))
        rows.append(F.scaled_dot_product_attention(*one, attn_mask=open_to, enable_gqa=True)[0].transpose(0, 1))
    expected = torch.cat(rows).flatten(1)
    assert torch.allclose(out, expected, atol=1e-12)
    for ours, theirs in zip(gradients, torch.autograd.grad(expected, given, wished), strict=True):
        assert torch.allclose(ours, theirs, atol=1e-11)
