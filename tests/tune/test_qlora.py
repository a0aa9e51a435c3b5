"""QLoRA: tuned on packed weights, as one function beside the adapters, and refused where it cannot be."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch

from doctorglm import models
from doctorglm.errors import ModelError
from doctorglm.models.convert import convert
from doctorglm.models.quantized.layers import quantization_of
from doctorglm.render import Sample, renderer_for
from doctorglm.tune import TuneSettings, stage, tune
from doctorglm.tune.adapt import adapt
from doctorglm.tune.batches import collate, pack
from doctorglm.tune.fused import has_fused_head
from doctorglm.tune.loop import mean_nats
from doctorglm.tune.loss import token_nats
from doctorglm.tune.reading import fused_layers, reads_packed

from ..models.llamacpp.bases import write
from ..models.quantized.official import write_quantised, write_unpacked
from .conftest import talks

Change = Callable[..., TuneSettings]


@pytest.fixture
def no_page(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(stage, "_write_page", lambda *_: "report.html")


@pytest.mark.usefixtures("no_page")
@pytest.mark.parametrize("kind", ["nf4", "int4"])
def test_an_adapter_is_left_that_is_loaded_onto_the_packed_base(
    kind: Any, base: Path, data: Path, tmp_path: Path, quick: TuneSettings, changed: Change, samples: Any
) -> None:
    settings = changed(quick, method="qlora", quantization=kind, max_steps=6)
    record = tune(str(base), data, tmp_path / "out", settings).record
    assert record["weights_in"] == kind and record["packed"]
    model, _ = models.load(base, tmp_path / "out/adapter")
    assert quantization_of(model) == kind
    _, held_out = samples(base, 6, 1)
    assert mean_nats(model, held_out, 500, 0) == pytest.approx(record["best"]["valid_loss"], abs=1e-4)
    plain, _ = models.load(base)
    assert record["parameters"]["all"] == sum(p.numel() for p in plain.parameters()) + record["parameters"]["trainable"]
    assert record["weight_bytes"] < sum(p.nbytes for p in plain.parameters()) + 4 * record["parameters"]["trainable"]
    untuned = mean_nats(models.load(base, quantization=kind)[0], held_out, 500, 0)
    assert record["best"]["valid_loss"] < untuned - 0.02


@pytest.mark.parametrize("packing", [True, False])
def test_fused_layers_of_packed_weights_say_the_same(base: Path, samples: Any, packing: bool) -> None:
    """Whole layers for a packed row, every linear layer for padded ones; held to PEFT's own forward and backward."""
    settings = TuneSettings(method="qlora", lora_rank=2, packing=packing)
    _, some = samples(base)
    found = []
    for fuse in (False, True):
        model = adapt(models.load(base, quantization="nf4")[0], settings)
        with torch.no_grad():
            for name, p in model.named_parameters():
                if "lora_B" in name:
                    p.copy_(torch.linspace(-0.1, 0.1, p.numel()).view_as(p))
        assert reads_packed(model, some, settings) == packing
        linear = sum("lora_A" in n for n, _ in model.named_parameters())
        layers = fused_layers(model, some, settings, packing) if fuse else 0
        assert layers == (0 if not fuse else 2 if packing else linear)
        nats = token_nats(model, pack(some[:3]) if packing else collate(some[:3], 0))
        nats.mean().backward()
        found.append([nats.detach(), *(p.grad for p in model.parameters() if p.grad is not None)])
    assert len(found[0]) == len(found[1]) > 10
    for one, other in zip(*found, strict=True):
        torch.testing.assert_close(one, other, atol=1e-5, rtol=1e-3)


@pytest.mark.usefixtures("no_page")
def test_what_cannot_be_tuned_is_refused_before_weights_are_read(
    chatglm_base: Path, data: Path, tmp_path: Path, quick: TuneSettings, changed: Change, monkeypatch: Any
) -> None:
    packed = write_quantised(chatglm_base, tmp_path / "int4", 4)
    monkeypatch.setattr(models.loading, "catalogue", lambda *_: pytest.fail("weights were looked at"))
    for settings, message in (
        (changed(quick, method="full"), r"weights in int4 are frozen, .* Use --method lora"),
        (changed(quick, method="qlora"), r"in int4 already; .* \(for tune: quantization=int4\)"),
        (changed(quick, method="qlora", quantization="int8"), r"cannot be had back for int8"),
    ):
        with pytest.raises(ModelError, match=message):
            tune(str(packed), data, tmp_path / "out", settings)
    assert not (tmp_path / "out").exists()


@pytest.mark.usefixtures("no_page")
def test_an_official_packed_base_is_tuned_as_it_is(
    chatglm_base: Path, data: Path, tmp_path: Path, quick: TuneSettings, changed: Change
) -> None:
    packed = write_quantised(chatglm_base, tmp_path / "int4", 4)
    one = tune(str(packed), data, tmp_path / "one", changed(quick, max_steps=2)).record
    two = tune(
        str(packed), data, tmp_path / "two", changed(quick, max_steps=2, method="qlora", quantization="int4")
    ).record
    assert one["weights_in"] == two["weights_in"] == "int4"
    assert one["best"] == two["best"]


@pytest.mark.usefixtures("no_page")
def test_an_official_packed_chatglm3_is_tuned_as_it_is(
    data: Path, tmp_path: Path, quick: TuneSettings, changed: Change
) -> None:
    convert(write(tmp_path / "base", "chatglm3"), tmp_path / "int4", "int4")
    one = tune(str(tmp_path / "int4"), data, tmp_path / "one", changed(quick, max_steps=4)).record
    settings = changed(quick, max_steps=4, method="qlora", quantization="int4")
    two = tune(str(tmp_path / "int4"), data, tmp_path / "two", settings).record
    assert one["weights_in"] == two["weights_in"] == "int4" and one["best"] == two["best"]
    assert one["packed"] and one["fused_layers"] == 2
    model, tokenizer = models.load(tmp_path / "int4", tmp_path / "one/adapter")
    renderer = renderer_for(tokenizer)
    held_out = [sample for c in talks(6, seed=1) for sample in renderer.training(c, 512) if isinstance(sample, Sample)]
    assert mean_nats(model, held_out, 500, 0) == pytest.approx(one["best"]["valid_loss"], abs=1e-4)


@pytest.mark.usefixtures("no_page")
def test_a_base_whose_embedding_and_head_are_packed_is_tuned_as_it_is(
    chatglm_base: Path, data: Path, tmp_path: Path, quick: TuneSettings, changed: Change
) -> None:
    packed = write_quantised(chatglm_base, tmp_path / "int8", 8, embeddings=True)
    plain = write_unpacked(chatglm_base, tmp_path / "plain", 8, embeddings=True)
    settings = changed(quick, max_steps=4)
    one, other = (tune(str(f), data, tmp_path / f"of-{f.name}", settings).record for f in (packed, plain))
    assert (one["weights_in"], other["weights_in"]) == ("int8", "float32")
    assert one["best"]["valid_loss"] == pytest.approx(other["best"]["valid_loss"], abs=1e-3)
    assert one["parameters"] == other["parameters"]


@pytest.mark.parametrize("fuse", [True, False])
def test_a_packed_head_gives_the_gradients_of_the_unpacked_one(
    fuse: bool, chatglm_base: Path, tmp_path: Path, samples: Any
) -> None:
    settings = TuneSettings(lora_rank=2)
    _, some = samples(chatglm_base)
    found = []
    for made in (write_quantised, write_unpacked):
        folder = made(chatglm_base, tmp_path / made.__name__, 8, embeddings=True)
        model = adapt(models.load(folder)[0], settings)
        with torch.no_grad():
            for name, p in model.named_parameters():
                if "lora_B" in name:
                    p.copy_(torch.linspace(-0.1, 0.1, p.numel()).view_as(p))
        if fuse:
            assert fused_layers(model, some, settings, True) > 0 and has_fused_head(model)
        nats = token_nats(model, pack(some[:3]))
        nats.mean().backward()
        found.append([nats.detach(), *(p.grad for p in model.parameters() if p.grad is not None)])
    assert len(found[0]) == len(found[1]) > 2
    for one, other in zip(*found, strict=True):
        torch.testing.assert_close(one, other, atol=1e-5, rtol=1e-3)
