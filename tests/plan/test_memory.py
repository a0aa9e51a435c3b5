"""Memory by part: hand arithmetic for what is counted, and what real layers keep for what they keep."""

from dataclasses import replace
from typing import Any

import pytest
import torch
from transformers import Qwen2Config, Qwen2ForCausalLM, Qwen3Config, Qwen3ForCausalLM

from doctorglm.models import ChatGLMConfig, ChatGLMForConditionalGeneration
from doctorglm.plan.calibration import constants
from doctorglm.plan.devices import Device, device_of
from doctorglm.plan.memory import kept_of_layer, memory_of, trainable, way_of, weights_of
from doctorglm.plan.settings import PlanSettings
from doctorglm.plan.shape import base_of, shape_of
from doctorglm.plan.work import Row
from doctorglm.render import Sample
from doctorglm.tune.adapt import adapt
from doctorglm.tune.batches import pack
from doctorglm.tune.loss import token_nats
from doctorglm.tune.reading import fused_layers
from doctorglm.tune.settings import TuneSettings

CPU = Device(name="cpu", memory=1e12, half=False, flops=None, usd_per_hour=None, price="")
ROW = Row(tokens=2048, squares=2048 * 256.0, supervised=1000, others=True)


def qwen(kind: Any, config: Any, layers: int) -> Any:
    return kind(
        config(
            vocab_size=1000, hidden_size=96, num_hidden_layers=layers, num_attention_heads=6, num_key_value_heads=2,
            head_dim=16, intermediate_size=250, max_position_embeddings=512, tie_word_embeddings=True,
        )
    )  # fmt: skip


def chatglm(layers: int) -> Any:
    special = {f"{name}_token_id": 994 + i for i, name in enumerate(("bos", "eos", "mask", "gmask"))}
    return ChatGLMForConditionalGeneration(
        ChatGLMConfig(
            vocab_size=1000, hidden_size=96, num_layers=layers, num_attention_heads=6, inner_hidden_size=250,
            max_sequence_length=512, pad_token_id=3, **special,
        )
    )  # fmt: skip


MODELS: dict[str, Any] = {
    "qwen2": lambda layers: qwen(Qwen2ForCausalLM, Qwen2Config, layers),
    "qwen3": lambda layers: qwen(Qwen3ForCausalLM, Qwen3Config, layers),
    "chatglm": chatglm,
}


def samples(lengths: list[int]) -> list[Sample]:
    """Random tokens; the first half is the prompt, which ends as ChatGLM-6B's does."""
    torch.manual_seed(0)
    made = []
    for i, n in enumerate(lengths):
        ids = torch.randint(5, 900, (n,)).tolist()
        ids[n // 2 - 2 : n // 2] = [997, 994]
        made.append(Sample(str(i), 0, ids, [-100] * (n // 2) + ids[n // 2 :]))
    return made


def storages(of: Any, found: dict[int, int]) -> None:
    """The bytes of every floating tensor within tuples and lists, by storage."""
    if isinstance(of, torch.Tensor) and of.is_floating_point():
        found[of.untyped_storage().data_ptr()] = of.untyped_storage().nbytes()
    elif isinstance(of, tuple | list):
        for one in of:
            storages(one, found)


def kept(model: Any, batch: Any) -> int:
    """Bytes that wait for the backward pass: what torch saves, and what fused functions hold themselves."""
    found: dict[int, int] = {}
    alive: list[Any] = []

    def save(t: torch.Tensor) -> torch.Tensor:
        alive.append(t)
        storages(t, found)
        return t

    with torch.autograd.graph.saved_tensors_hooks(save, lambda t: t):
        nats = token_nats(model, batch)
    nodes, seen = [nats.grad_fn], set()
    while nodes:
        node = nodes.pop()
        if node is None or node in seen:
            continue
        seen.add(node)
        storages([getattr(node, name, None) for name in ("kept", "norms")], found)
        nodes += [after for after, _ in node.next_functions]
    own = {p.untyped_storage().data_ptr() for p in model.parameters()}
    own |= {b.untyped_storage().data_ptr() for b in model.buffers()}
    return sum(size for storage, size in found.items() if storage not in own)


@pytest.mark.parametrize("lengths", [[100] * 4, [40, 60, 90, 200], [300, 280]])
@pytest.mark.parametrize("name", MODELS)
@pytest.mark.parametrize(("method", "fuse"), [("lora", True), ("lora", False), ("full", False)])
def test_what_a_layer_keeps_is_what_is_counted(name: str, method: Any, fuse: bool, lengths: list[int]) -> None:
    """The difference that two more layers make, so that embedding, head and the last layer do not count."""
    of = samples(lengths)
    sizes = []
    for layers in (2, 4):
        settings = TuneSettings(method=method, fuse=fuse, lora_rank=4)
        model = adapt(MODELS[name](layers), settings).train()
        assert bool(fused_layers(model, of, settings, True)) == fuse
        sizes.append(kept(model, pack(of)))
    found = (sizes[1] - sizes[0]) / 2
    plan = PlanSettings(method=method, fuse=fuse, lora_rank=4)
    row = Row(tokens=sum(lengths), squares=sum(n * n for n in lengths), supervised=sum(lengths) // 2)
    shape = shape_of(model)
    way = way_of(shape, plan, CPU)
    assert way == ("fused" if fuse else "dense" if method == "full" else "beside")
    # documents of a group are padded to one length where layers are fused
    assert kept_of_layer(shape, plan, row, CPU, way) == pytest.approx(found, rel=0.12 if fuse else 0.05)


def test_chatglm_6b_on_a_gpu_by_hand() -> None:
    shape, card = base_of("chatglm-6b").shape, device_of("A100-80G")
    parts = memory_of(shape, PlanSettings(), ROW, card, "none", constants())
    assert parts.weights == 2 * 6_173_286_400
    # rank 8 beside four maps of 28 layers
    trained = 28 * 8 * ((4096 + 12288) + (4096 + 4096) + (4096 + 16384) + (16384 + 4096))
    assert trainable(shape, PlanSettings()) == trained
    assert (parts.adapter, parts.gradients, parts.optimizer) == (4 * trained, 4 * trained, 8 * trained)
    assert parts.in_gb()["total"] == pytest.approx(parts.total / 1e9, abs=1e-3)


def test_full_by_hand() -> None:
    shape = base_of("qwen2.5-0.5b").shape
    parts = memory_of(shape, PlanSettings(method="full"), ROW, CPU, "none", constants())
    n = 494_032_768
    assert (parts.weights, parts.adapter, parts.gradients, parts.optimizer) == (4 * n, 0, 4 * n, 8 * n)
    lion = memory_of(shape, PlanSettings(method="full", optimizer="lion"), ROW, CPU, "none", constants())
    assert lion.optimizer == 4 * n


def test_a_prefix_by_hand() -> None:
    shape = base_of("chatglm2-6b").shape
    # 28 layers, keys and values of two heads of 128
    assert trainable(shape, PlanSettings(method="ptuning", prefix_tokens=10)) == 10 * 28 * 2 * 2 * 128
    width = 28 * 2 * 2 * 128
    with_mlp = PlanSettings(method="ptuning", prefix_tokens=10, prefix_projection=True, prefix_hidden=64)
    assert trainable(shape, with_mlp) == 10 * 4096 + (4096 * 64 + 64) + (64 * width + width)


@pytest.mark.parametrize(("kind", "bits"), [("int8", 8), ("int4", 4), ("nf4", 4)])
def test_quantised_weights_by_hand(kind: Any, bits: int) -> None:
    shape, card = base_of("qwen2.5-7b").shape, device_of("RTX-4090-24G")
    found = weights_of(shape, PlanSettings(method="qlora", quantization=kind), card)
    matrices, rows = shape.matrices, 28 * (3 * 3584 + 2 * 512 + 2 * 18944)
    scales = matrices / 16 if kind == "nf4" else 2 * rows
    assert found == pytest.approx(matrices * bits / 8 + scales + 2 * (7_615_616_512 - matrices), rel=1e-6)


def test_recomputing_costs_no_more_memory_the_more_it_recomputes() -> None:
    shape = base_of("chatglm-6b").shape
    parts = [
        memory_of(shape, PlanSettings(), ROW, CPU, s, constants()).activations for s in ("none", "selective", "full")
    ]  # type: ignore[arg-type]
    assert parts[0] > parts[1] > parts[2]
    of_layer = parts[0] / 28
    assert parts[2] == pytest.approx(28 * 4 * 2048 * 4096 + of_layer)
    assert parts[1] == pytest.approx(14 * of_layer + 14 * 4 * 2048 * 4096)


def test_a_base_that_does_not_fit_in_32_bits_stays_in_16() -> None:
    shape, small = base_of("chatglm-6b").shape, replace(CPU, memory=16e9)
    assert weights_of(shape, PlanSettings(), small) == 2 * 6_173_286_400
    assert weights_of(shape, PlanSettings(), CPU) == 4 * 6_173_286_400
    assert way_of(shape, PlanSettings(), small) == "beside"


def test_gradients_take_the_place_of_activations_where_a_step_is_one_row() -> None:
    """In the way back a layer's activations go as its gradients come: the highest is its beginning, or its end."""
    shape, alone = base_of("qwen2.5-0.5b").shape, replace(ROW, others=False)
    n, full = 4 * 494_032_768, PlanSettings(method="full")
    both = memory_of(shape, full, ROW, CPU, "none", constants())
    assert both.activations + both.logits > n == both.gradients
    begins = memory_of(shape, full, alone, CPU, "none", constants())
    assert (begins.gradients, begins.activations, begins.logits) == (0, both.activations, both.logits)
    assert both.total - begins.total == n
    small = replace(alone, tokens=100, squares=1e4, supervised=50)
    ends = memory_of(shape, full, small, CPU, "none", constants())
    assert (ends.gradients, ends.activations, ends.logits) == (n, 0, 0)


def test_packed_weights_are_fused_without_copies() -> None:
    shape, settings = base_of("qwen2.5-0.5b").shape, PlanSettings(method="qlora", quantization="int8")
    assert way_of(shape, settings, CPU) == "fused"
    assert way_of(shape, replace(settings, lora_dropout=0.1), CPU) == "beside"
    parts = memory_of(shape, settings, ROW, CPU, "none", constants())
    assert parts.weights == weights_of(shape, settings, CPU)
    assert memory_of(shape, PlanSettings(), ROW, CPU, "none", constants()).weights > 4 * shape.parameters
