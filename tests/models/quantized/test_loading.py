"""Official INT8 and INT4 folders as they are; any base packed while it is loaded; what cannot be is refused first."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file, save_file
from transformers import AutoModelForCausalLM

from doctorglm import machine, models
from doctorglm.errors import ConfigError, ModelError
from doctorglm.models.half import half_of, weights_in
from doctorglm.models.loading import stored_quantization
from doctorglm.models.opening import open_engine
from doctorglm.models.quantized.formats import QUANTIZATIONS
from doctorglm.models.quantized.layers import dequantize, quantization_of
from doctorglm.models.quantized.linear import QuantizedLinear

from ...house import change_config, write_base
from .official import LINEAR, write_quantised, write_unpacked

Logits = Callable[[Any], torch.Tensor]


@pytest.mark.parametrize("bits", [8, 4])
@pytest.mark.parametrize("form", ["bin", "safetensors"])
def test_an_official_folder_loads_as_it_is(bits: int, form: str, folder: Path, tmp_path: Path, logits: Logits) -> None:
    quantised = write_quantised(folder, tmp_path / "quantised", bits, form=form)
    plain, _ = models.load(write_unpacked(folder, tmp_path / "plain", bits))
    expected = logits(plain)
    ours, tokenizer = models.load(quantised)
    theirs = AutoModelForCausalLM.from_pretrained(quantised, dtype=torch.float32).eval()
    assert expected.abs().max() > 1
    for model in (ours, theirs):
        assert (logits(model) - expected).abs().max() < 5e-4
        assert quantization_of(model) == f"int{bits}" and model.config.quantization_bit == bits
        kinds = {n.rpartition(".")[2] for n, m in model.named_modules() if isinstance(m, QuantizedLinear)}
        assert kinds == {name.split(".")[-2] for name in LINEAR}
        assert model.lm_head.weight is model.transformer.word_embeddings.weight
    ids = tokenizer("头痛发热", return_tensors="pt").input_ids
    answers = [m.generate(input_ids=ids, max_new_tokens=8, do_sample=False) for m in (ours, theirs, plain)]
    assert torch.equal(answers[0], answers[1]) and torch.equal(answers[0], answers[2])


def test_of_the_published_tiny_model(shared: Path, tmp_path: Path) -> None:
    """The published code's weights: as packed by numpy to 5e-4, and near its own logits, 8 bits nearer than 4."""
    tensors = load_file(shared / "reference/chatglm1_tiny.safetensors")
    values = json.loads((shared / "reference/chatglm1_tiny.json").read_text("utf-8"))["config"]
    folder = tmp_path / "tiny"
    folder.mkdir()
    state = {n.removeprefix("weights/"): t for n, t in tensors.items() if n.startswith("weights/")}
    save_file(state, folder / "model.safetensors", {"format": "pt"})
    config = {k: v for k, v in values.items() if k != "note"} | {"model_type": "chatglm"}
    (folder / "config.json").write_text(json.dumps(config))
    ids = tensors["inputs/single_gmask"].long()
    published, off = tensors["official_alpha28/single_gmask/logits"], {}
    for bits in (8, 4):
        folders = [
            write_quantised(folder, tmp_path / f"q{bits}", bits),
            write_unpacked(folder, tmp_path / f"p{bits}", bits),
        ]
        with torch.no_grad():
            found, exact = (
                AutoModelForCausalLM.from_pretrained(f, dtype=torch.float32).eval()(input_ids=ids).logits
                for f in folders
            )
        assert (found - exact).abs().max() < 5e-4
        off[bits] = float((found - published).norm() / published.norm())
    assert 1e-4 < off[8] < 0.25 * off[4] < 0.25


@pytest.mark.parametrize("bits", [8, 4])
def test_saved_again_it_is_the_official_format(bits: int, folder: Path, tmp_path: Path, logits: Logits) -> None:
    quantised = write_quantised(folder, tmp_path / "quantised", bits, form="safetensors")
    model, _ = models.load(quantised)
    model.save_pretrained(tmp_path / "again")
    before, after = (load_file(f / "model.safetensors") for f in (quantised, tmp_path / "again"))
    assert {n: t.dtype for n, t in after.items() if n.endswith(LINEAR)} == dict.fromkeys(
        (n for n in before if n.endswith(LINEAR)), torch.int8
    )
    assert all(torch.equal(before[n].float(), t.float()) for n, t in after.items())
    again = AutoModelForCausalLM.from_pretrained(tmp_path / "again", dtype=torch.float32)
    torch.testing.assert_close(logits(again), logits(model), atol=0, rtol=0)


def test_short_memory_keeps_the_rest_in_half_precision(
    folder: Path, tmp_path: Path, logits: Logits, monkeypatch: pytest.MonkeyPatch
) -> None:
    quantised = write_quantised(folder, tmp_path / "quantised", 4)
    expected = logits(models.load(quantised)[0])
    monkeypatch.setattr(machine, "main_memory", lambda: machine.Memory(1, 1))
    model, _ = models.load(quantised)
    assert half_of(model) == torch.float16 and weights_in(model) == "int4"
    torch.testing.assert_close(logits(model), expected, atol=1e-4, rtol=1e-4)


@pytest.mark.parametrize("kind", QUANTIZATIONS)
def test_any_base_is_packed_while_it_is_loaded(
    kind: Any, folder: Path, llama: Any, tmp_path: Path, logits: Logits
) -> None:
    plain, _ = models.load(folder)
    packed, _ = models.load(folder, quantization=kind)
    assert (quantization_of(packed), weights_in(packed), weights_in(plain)) == (kind, kind, "float32")
    assert not any(p.requires_grad for p in packed.parameters())
    assert 0 < (logits(packed) - logits(plain)).norm() < logits(plain).norm()
    none, _ = models.load(folder, quantization="none")
    assert quantization_of(none) is None and torch.equal(logits(none), logits(plain))


def test_half_precision_is_packed_from_what_is_stored(folder: Path, tmp_path: Path, logits: Logits) -> None:
    """And not from a widened copy; what is not packed is widened, or stays where memory is short or none is to go."""
    state = {n: t.half() for n, t in load_file(folder / "model.safetensors").items()}
    save_file(state, folder / "model.safetensors", {"format": "pt"})
    seen: list[torch.dtype] = []
    of = QuantizedLinear.of

    def watched(linear: Any, kind: Any, name: str) -> QuantizedLinear:
        seen.append(linear.weight.dtype)
        return of(linear, kind, name)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(QuantizedLinear, "of", watched)
        model, _ = models.load(folder, quantization="nf4")
        assert {p.dtype for p in model.parameters()} == {torch.float32} and half_of(model) is None
        lean, _ = models.load(folder, quantization="nf4", lean=True)
        assert half_of(models.load(folder, lean=True)[0]) is None, "nothing is packed"
        patch.setattr(machine, "main_memory", lambda: machine.Memory(1, 1))
        kept, _ = models.load(folder, quantization="nf4")
    assert set(seen) == {torch.float16} and half_of(kept) == half_of(lean) == torch.float16
    for other in (kept, lean):
        torch.testing.assert_close(logits(other), logits(model), atol=1e-4, rtol=1e-4)
    int8, _ = models.load(folder, quantization="int8")
    dequantize(int8)
    for name, p in int8.named_parameters():
        if name.endswith(LINEAR):
            step = state[name].float().abs().amax(1, keepdim=True) / 127
            assert ((p - state[name].float()).abs() <= 0.57 * step + 1e-6).all()


@pytest.mark.parametrize(("bits", "asked"), [(4, "int8"), (4, "nf4"), (8, "int4")])
def test_a_packed_folder_is_not_packed_otherwise(
    bits: int, asked: Any, folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    quantised = write_quantised(folder, tmp_path / "quantised", bits)
    monkeypatch.setattr(models.loading, "catalogue", lambda *_: pytest.fail("weights were looked at"))
    with pytest.raises(ModelError, match=rf"in int{bits} already; .* --quantization int{bits}"):
        models.load(quantised, quantization=asked)
    with pytest.raises(ModelError, match=rf"weights in int{bits} are frozen"):
        models.load(quantised, frozen=False)
    with pytest.raises(ModelError, match=r"weights in nf4 are frozen"):
        models.load(folder, frozen=False, quantization="nf4")


def test_the_same_quantisation_and_none_leave_a_packed_folder_as_it_is(folder: Path, tmp_path: Path) -> None:
    quantised = write_quantised(folder, tmp_path / "quantised", 8)
    assert (stored_quantization(quantised), stored_quantization(folder)) == ("int8", None)
    for asked in ("int8", "none", None):
        assert quantization_of(models.load(quantised, quantization=asked)[0]) == "int8"  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"quantization_bit": 3}, r"quantization_bit=3; the published checkpoints have 8 or 4"),
        (
            {"quantization_bit": 0},
            r"weight_scale belongs to quantised weights, but config.json has no",
        ),
        ({"quantization_bit": 8}, r"has shape \[\d+, \d+\], but config.json says"),
    ],
)
def test_a_config_of_other_weights(changes: dict[str, Any], message: str, folder: Path, tmp_path: Path) -> None:
    quantised = write_quantised(folder, tmp_path / "quantised", 4)
    change_config(quantised, **changes)
    with pytest.raises(ModelError, match=message):
        models.load(quantised)


def test_plain_weights_under_a_quantised_config(folder: Path) -> None:
    change_config(folder, quantization_bit=8)
    with pytest.raises(ModelError, match=r"8 missing \(.*weight_scale"):
        models.load(folder)


def test_a_model_without_linear_layers(tmp_path: Path) -> None:
    from transformers import GPT2Config, GPT2LMHeadModel

    from doctorglm.models.quantized.layers import quantize

    config = GPT2Config(n_embd=16, n_layer=1, n_head=2, vocab_size=30, n_positions=16, bos_token_id=1, eos_token_id=1)
    with pytest.raises(ModelError, match="gpt: GPT2LMHeadModel has no linear layers"):
        quantize(GPT2LMHeadModel(config), "nf4", "gpt")


def test_a_server_is_not_quantised_from_here() -> None:
    with pytest.raises(ConfigError, match="--quantization int4: a server has loaded its weights already"):
        open_engine("http://127.0.0.1:1/v1#x", quantization="int4")


def test_a_prefix_among_the_weights_is_neither_packed_nor_rounded(tmp_path: Path, logits: Logits) -> None:
    folder = write_base(tmp_path / "both", pre_seq_len=3, prefix_projection=True, initializer_range=0.3)
    stored = load_file(folder / "model.safetensors")
    own = {n: t for n, t in stored.items() if ".prefix_encoder." in n}
    save_file(
        {n: t if n in own else t.half() for n, t in stored.items()}, folder / "model.safetensors", {"format": "pt"}
    )
    expected = logits(models.load(folder, quantization="int4")[0])
    for changes in ({"quantization": "int4"}, {"quantization": "int4", "lean": True}):
        model, _ = models.load(folder, **changes)  # type: ignore[arg-type]
        held = model.transformer.prefix_encoder
        assert quantization_of(model.transformer.layers) == "int4" and quantization_of(held) is None
        assert half_of(model) == (torch.float16 if "lean" in changes else None)
        for name, tensor in held.state_dict().items():
            assert torch.equal(tensor, own[f"transformer.prefix_encoder.{name}"]), name
        torch.testing.assert_close(logits(model), expected, atol=1e-4, rtol=1e-4)
