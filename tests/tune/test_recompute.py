"""Recomputed layers give the same losses and gradients to the last bit, and keep less."""

from pathlib import Path
from typing import Any

import pytest
import torch

from doctorglm import models
from doctorglm.conversation import read_conversations
from doctorglm.render import Sample, renderer_for
from doctorglm.tune.adapt import adapt
from doctorglm.tune.batches import collate, pack
from doctorglm.tune.fused.install import decoder_layers, fused_forward
from doctorglm.tune.loss import token_nats
from doctorglm.tune.reading import fused_layers
from doctorglm.tune.recompute import recompute
from doctorglm.tune.settings import TuneSettings


def prepared(base: Path, data: Path, method: Any, fuse: bool) -> tuple[Any, list[Sample]]:
    model, tokenizer = models.load(base, dtype=torch.float32, frozen=method != "full")
    renderer = renderer_for(tokenizer)
    items = [s for c in read_conversations(data / "train.jsonl") for s in renderer.training(c, 200)]
    samples = [s for s in items if isinstance(s, Sample)][:6]
    settings = TuneSettings(method=method, fuse=fuse, lora_rank=3, prefix_tokens=7)
    model = adapt(model, settings, tokenizer)
    for name, p in model.named_parameters():
        if "lora_B" in name:
            torch.nn.init.normal_(p, std=0.1)
    assert bool(fused_layers(model, samples, settings, True)) == fuse
    return model.train(), samples


def gradients(model: Any, batch: Any) -> tuple[torch.Tensor, dict[str, torch.Tensor]]:
    model.zero_grad(set_to_none=True)
    nats = token_nats(model, batch)
    nats.sum().backward()
    return nats.detach(), {n: p.grad.clone() for n, p in model.named_parameters() if p.grad is not None}


@pytest.mark.parametrize("saving", ["selective", "full"])
@pytest.mark.parametrize("fuse", [True, False])
@pytest.mark.parametrize("method", ["lora", "ptuning", "full"])
@pytest.mark.parametrize("packing", [True, False])
def test_losses_and_gradients_are_the_same(
    base: Path, data: Path, method: str, fuse: bool, saving: Any, packing: bool
) -> None:
    model, samples = prepared(base, data, method, fuse)
    batch = pack(samples) if packing else collate(samples, 0)
    nats, kept = gradients(model, batch)
    assert recompute(model, saving) == {"selective": 1, "full": 2}[saving]
    again, found = gradients(model, batch)
    assert torch.equal(nats, again)
    assert kept.keys() == found.keys() and len(kept) >= (method != "ptuning") + 1
    for name, gradient in kept.items():
        assert torch.equal(gradient, found[name]), name


def runs_of(model: Any, monkeypatch: Any) -> list[int]:
    """How often each layer is computed, counted beneath whatever replaces its forward."""
    counts = [0] * len(decoder_layers(model))
    for i, layer in enumerate(decoder_layers(model)):
        fused = fused_forward(layer)
        inner = layer.forward if fused is None else fused._fused

        def counted(*args: Any, i: int = i, inner: Any = inner, **kwargs: Any) -> Any:
            counts[i] += 1
            return inner(*args, **kwargs)

        if fused is None:
            layer.forward = counted
        else:
            fused._fused = counted  # type: ignore[assignment]
    return counts


@pytest.mark.parametrize(("saving", "expected"), [("none", [1, 1]), ("selective", [2, 1]), ("full", [2, 2])])
@pytest.mark.parametrize("fuse", [True, False])
def test_the_layers_that_are_meant_run_twice(
    qwen_base: Path, data: Path, monkeypatch: Any, saving: Any, expected: list[int], fuse: bool
) -> None:
    model, samples = prepared(qwen_base, data, "lora", fuse)
    counts = runs_of(model, monkeypatch)
    recompute(model, saving)
    gradients(model, pack(samples))
    assert counts == expected


def test_what_a_layer_keeps_is_its_input(base: Path, data: Path) -> None:
    """Counted in the tensors that torch saves: without fused layers, which keep theirs elsewhere."""
    sizes = {}
    for saving in ("none", "selective", "full"):
        model, samples = prepared(base, data, "lora", fuse=False)
        recompute(model, saving)  # type: ignore[arg-type]
        held: dict[int, int] = {}
        kept = []

        def note(t: torch.Tensor, held: dict[int, int] = held, kept: list[Any] = kept) -> torch.Tensor:
            held[t.untyped_storage().data_ptr()] = t.untyped_storage().nbytes()
            kept.append(t)
            return t

        with torch.autograd.graph.saved_tensors_hooks(note, lambda t: t):
            token_nats(model, pack(samples))
        sizes[saving] = sum(held.values())
    assert sizes["full"] < sizes["selective"] < sizes["none"]
