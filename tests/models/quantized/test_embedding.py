"""Packed embeddings and heads: rows against numpy's, folders against the model whose table was unpacked beforehand."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from safetensors.torch import load_file, save_file
from torch import nn
from transformers import AutoModelForCausalLM

from doctorglm import machine, models
from doctorglm.errors import ModelError
from doctorglm.models.chatglm.attention import ChatGLMAttention
from doctorglm.models.chatglm.config import ChatGLMConfig
from doctorglm.models.chatglm.model import ChatGLMForConditionalGeneration
from doctorglm.models.half import half_of, weights_in
from doctorglm.models.opening import open_engine
from doctorglm.models.quantized import linear
from doctorglm.models.quantized.embedding import QuantizedEmbedding, shared
from doctorglm.models.quantized.formats import pack
from doctorglm.models.quantized.layers import dequantize, packs_embeddings, parameter_count, weight_bytes
from doctorglm.models.quantized.linear import QuantizedLinear

from ...house import change_config, write_base
from .official import EMBEDDING, HEAD, both, pack_by_numpy, unpack_by_numpy, write_quantised, write_unpacked

Logits = Callable[[Any], torch.Tensor]
BITS = pytest.mark.parametrize("bits", [8, 4])


def made(bits: int, rows: int = 37, width: int = 24) -> tuple[QuantizedEmbedding, torch.Tensor]:
    """A layer, and the table that numpy unpacks from what numpy packed."""
    torch.manual_seed(bits)
    plain = nn.Embedding(rows, width)
    with torch.no_grad():
        plain.weight[5] = 0
    q, scale = pack_by_numpy(plain.weight.detach(), bits)
    scale[5] = 0  # where numpy divided by it
    q[5] = 0
    return QuantizedEmbedding.of(plain, f"int{bits}", "table"), unpack_by_numpy(q, scale, bits)  # type: ignore[arg-type]


@pytest.mark.filterwarnings("ignore:invalid value encountered:RuntimeWarning")
@BITS
def test_a_row_is_its_scale_times_its_levels_to_the_last_bit(bits: int) -> None:
    layer, table = made(bits)
    ids = torch.tensor([[0, 5, 36], [7, 7, 1]])
    found = layer(ids)
    assert found.shape == (2, 3, 24) and found.dtype == torch.float32 and not found.requires_grad
    assert torch.equal(found, table[ids]) and torch.equal(layer.dequantized(), table)
    assert table[5].eq(0).all() and table[7].abs().max() > 1
    # by hand: in 8 bits a byte times its row's scale, in 32 bits
    if bits == 8:
        byte, scale = int(layer.weight[7, 3]), np.float32(layer.weight_scale[7].item())
        assert float(found[1, 0, 3]) == float(np.float32(byte) * scale)
    assert set(layer.state_dict()) == {"weight", "weight_scale"} and not list(layer.parameters())


@pytest.mark.filterwarnings("ignore:invalid value encountered:RuntimeWarning")
@BITS
def test_only_what_is_looked_up_is_unpacked(bits: int, monkeypatch: pytest.MonkeyPatch) -> None:
    layer, _ = made(bits)
    seen: list[tuple[int, ...]] = []
    unpack = linear.unpack

    def watched(stored: torch.Tensor, scale: torch.Tensor, kind: Any, out: torch.Tensor) -> torch.Tensor:
        seen.append(tuple(out.shape))
        return unpack(stored, scale, kind, out)

    monkeypatch.setattr("doctorglm.models.quantized.embedding.unpack", watched)
    layer(torch.tensor([[3, 4, 5]]))
    assert seen == [(3, 24)]


@pytest.mark.filterwarnings("ignore:invalid value encountered:RuntimeWarning")
@pytest.mark.parametrize("dtype", [torch.float64, torch.bfloat16, torch.float16])
def test_rows_come_in_the_models_type_and_scales_stay_exact(dtype: torch.dtype) -> None:
    layer, table = made(8)
    turned = layer.to(dtype)
    assert turned.weight_scale.dtype == torch.float32 and turned.weight.dtype == torch.int8
    assert torch.equal(turned(torch.tensor([2, 9])), table[[2, 9]].to(dtype))
    assert torch.equal(turned.float()(torch.tensor([2, 9])), table[[2, 9]])


@pytest.mark.filterwarnings("ignore:invalid value encountered:RuntimeWarning")
@pytest.mark.parametrize("bad", [37, -1])
def test_an_id_that_is_no_row(bad: int) -> None:
    with pytest.raises((IndexError, RuntimeError), match="index out of range"):
        made(8)[0](torch.tensor([bad]))


def test_nf4_has_no_rows() -> None:
    with pytest.raises(AssertionError, match="do not begin with rows"):
        QuantizedEmbedding(4, 64, "nf4")


@BITS
@pytest.mark.parametrize("form", ["bin", "safetensors"])
def test_an_official_folder_loads_as_it_is(bits: int, form: str, folder: Path, tmp_path: Path, logits: Logits) -> None:
    """By our loader and by AutoModel: logits and answers of the model whose table was unpacked by numpy."""
    quantised = write_quantised(folder, tmp_path / "quantised", bits, form=form, embeddings=True)
    plain, _ = models.load(write_unpacked(folder, tmp_path / "plain", bits, embeddings=True))
    expected = logits(plain)
    ours, tokenizer = models.load(quantised)
    theirs = AutoModelForCausalLM.from_pretrained(quantised, dtype=torch.float32).eval()
    assert expected.abs().max() > 1
    for model in (ours, theirs):
        assert (logits(model) - expected).abs().max() < 5e-4
        assert packs_embeddings(model) and model.config.quantization_embeddings is True
        assert shared(model.transformer.word_embeddings, model.lm_head) and model.config.tie_word_embeddings
        ids = torch.tensor([[5, 9, 300]])
        assert torch.equal(model.transformer.word_embeddings(ids), plain.transformer.word_embeddings(ids))
    assert parameter_count(ours) == parameter_count(plain)
    ids = tokenizer("头痛发热", return_tensors="pt").input_ids
    answers = [m.generate(input_ids=ids, max_new_tokens=8, do_sample=False) for m in (ours, theirs, plain)]
    assert torch.equal(answers[0], answers[1]) and torch.equal(answers[0], answers[2])


def test_a_packed_table_is_not_the_plain_one(folder: Path, tmp_path: Path, logits: Logits) -> None:
    """Else the test above would hold for a table that was never packed."""
    table = models.load(write_unpacked(folder, tmp_path / "table", 4, embeddings=True))[0]
    without = models.load(write_unpacked(folder, tmp_path / "without", 4))[0]
    assert (logits(table) - logits(without)).abs().max() > 0.1


def test_a_head_that_the_folder_leaves_out_is_the_embedding(folder: Path, tmp_path: Path, logits: Logits) -> None:
    whole = write_quantised(folder, tmp_path / "whole", 8, form="safetensors", embeddings=True)
    expected = logits(models.load(whole)[0])
    state = load_file(whole / "model.safetensors")
    save_file({n: t for n, t in state.items() if not n.startswith(HEAD)}, whole / "model.safetensors")
    model, _ = models.load(whole)
    assert shared(model.transformer.word_embeddings, model.lm_head)
    assert torch.equal(logits(model), expected)
    half = {n: t for n, t in state.items() if n != f"{HEAD}_scale"}
    save_file(half, whole / "model.safetensors")
    with pytest.raises(ModelError, match=r"1 missing \(lm_head.weight_scale\), 0 left over"):
        models.load(whole)


@pytest.mark.parametrize("says_so", [True, False])
def test_a_head_of_its_own_stays_one(says_so: bool, tmp_path: Path, logits: Logits) -> None:
    """Untied by the config, or by values that differ in spite of it, as transformers does with plain weights."""
    source = write_base(tmp_path / "base", num_layers=2, initializer_range=0.3, tie_word_embeddings=False)
    assert not torch.equal(*(load_file(source / "model.safetensors")[n] for n in (EMBEDDING, HEAD)))
    quantised = write_quantised(source, tmp_path / "quantised", 8, embeddings=True)
    expected = logits(models.load(write_unpacked(source, tmp_path / "plain", 8, embeddings=True))[0])
    if not says_so:
        change_config(quantised, tie_word_embeddings=True)
    model, _ = models.load(quantised)
    assert not shared(model.transformer.word_embeddings, model.lm_head)
    assert model.config.tie_word_embeddings is False
    assert (logits(model) - expected).abs().max() < 5e-4
    model.tie_weights()
    assert not shared(model.transformer.word_embeddings, model.lm_head), "a later call does not tie them either"
    model.save_pretrained(tmp_path / "again")
    assert torch.equal(logits(models.load(_with_vocabulary(source, tmp_path / "again"))[0]), logits(model))


def _with_vocabulary(source: Path, folder: Path) -> Path:
    (folder / "ice_text.model").write_bytes((source / "ice_text.model").read_bytes())
    return folder


@BITS
def test_saved_again_it_is_the_official_format(bits: int, folder: Path, tmp_path: Path, logits: Logits) -> None:
    model, _ = models.load(write_quantised(folder, tmp_path / "quantised", bits, embeddings=True))
    model.save_pretrained(tmp_path / "again")
    packed, _ = both(folder, bits, embeddings=True)
    after = load_file(tmp_path / "again/model.safetensors")
    assert after.keys() == packed.keys() - {HEAD, f"{HEAD}_scale"}, "the tied head is written once"
    assert torch.equal(after[EMBEDDING], packed[EMBEDDING]) and after[EMBEDDING].dtype == torch.int8
    assert torch.equal(after[f"{EMBEDDING}_scale"], packed[f"{EMBEDDING}_scale"].float())
    config = json.loads((tmp_path / "again/config.json").read_text("utf-8"))
    assert (config["quantization_bit"], config["quantization_embeddings"]) == (bits, True)
    again, _ = models.load(_with_vocabulary(folder, tmp_path / "again"))
    assert torch.equal(logits(again), logits(model))


@BITS
def test_packed_while_it_is_loaded(bits: int, folder: Path, tmp_path: Path, logits: Logits) -> None:
    kind: Any = f"int{bits}"
    loaded, _ = models.load(folder, quantization=kind, quantization_embeddings=True)
    stored, _ = models.load(write_quantised(folder, tmp_path / "quantised", bits, embeddings=True))
    for name in (EMBEDDING, HEAD):
        assert torch.equal(loaded.get_buffer(name), stored.get_buffer(name)), name
    assert shared(loaded.transformer.word_embeddings, loaded.lm_head)
    assert loaded.config.quantization_embeddings and not any(p.requires_grad for p in loaded.parameters())
    without, _ = models.load(folder, quantization=kind)
    assert not packs_embeddings(without) and without.config.quantization_embeddings is False
    rows, width = without.lm_head.weight.shape
    packed = rows * width * bits // 8 + 4 * rows
    assert weight_bytes(loaded) == weight_bytes(without) - 4 * rows * width + packed
    assert parameter_count(loaded) == parameter_count(without)
    assert (logits(loaded) - logits(without)).abs().max() > 0


def test_an_untied_head_is_packed_while_it_is_loaded(tmp_path: Path) -> None:
    source = write_base(tmp_path / "base", tie_word_embeddings=False)
    model, _ = models.load(source, quantization="int8", quantization_embeddings=True)
    state = load_file(source / "model.safetensors")
    for name, module in ((EMBEDDING, model.transformer.word_embeddings), (HEAD, model.lm_head)):
        stored, scale = pack(state[name], "int8", name)
        assert torch.equal(module.weight, stored) and torch.equal(module.weight_scale, scale.float())


@pytest.mark.parametrize("quantization", ["nf4", "none", None])
def test_a_table_alone_is_not_packed(quantization: Any, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(models.loading, "catalogue", lambda *_: pytest.fail("weights were looked at"))
    with pytest.raises(ModelError, match=r"quantization_embeddings packs embedding and head .* quantization=n"):
        models.load(folder, quantization=quantization, quantization_embeddings=True)


def test_of_another_family_it_is_refused(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    change_config(folder, model_type="llama")
    with pytest.raises(ModelError, match=r"here it is quantization=int8, model_type 'llama'"):
        models.load(folder, quantization="int8", quantization_embeddings=True)


def test_a_folder_that_is_packed_so_has_nothing_left_to_do(folder: Path, tmp_path: Path) -> None:
    quantised = write_quantised(folder, tmp_path / "all", 8, embeddings=True)
    assert packs_embeddings(models.load(quantised, quantization="int8", quantization_embeddings=True)[0])
    assert packs_embeddings(models.load(quantised, quantization="none")[0]), "it is stored so"
    layers = write_quantised(folder, tmp_path / "layers", 8)
    with pytest.raises(ModelError, match="weights in 16 or 32 bits"):
        models.load(layers, quantization_embeddings=True)


def test_a_config_of_other_weights(folder: Path, tmp_path: Path) -> None:
    layers = write_quantised(folder, tmp_path / "layers", 4)
    change_config(layers, quantization_embeddings=True)
    with pytest.raises(ModelError, match=r"1 missing \(transformer.word_embeddings.weight_scale\), 0 left over"):
        models.load(layers)
    table = write_quantised(folder, tmp_path / "table", 8, embeddings=True)
    change_config(table, quantization_embeddings=False)
    with pytest.raises(ModelError, match=r"0 missing \(-\), 2 left over \(lm_head.weight_scale, transformer.word_emb"):
        models.load(table)


@BITS
def test_unpacked_again_the_two_share_their_weight(bits: int, folder: Path, tmp_path: Path, logits: Logits) -> None:
    model, _ = models.load(write_quantised(folder, tmp_path / "quantised", bits, embeddings=True))
    plain, _ = models.load(write_unpacked(folder, tmp_path / "plain", bits, embeddings=True))
    dequantize(model)
    assert type(model.transformer.word_embeddings) is nn.Embedding and type(model.lm_head) is nn.Linear
    assert model.lm_head.weight is model.transformer.word_embeddings.weight
    assert model.config.quantization_embeddings is False and model.config.quantization_bit == 0
    assert torch.equal(model.lm_head.weight, plain.lm_head.weight)
    torch.testing.assert_close(logits(model), logits(plain), atol=1e-5, rtol=1e-5)


def test_moved_or_turned_the_two_stay_one(folder: Path, tmp_path: Path) -> None:
    """A move makes new tensors of buffers, of each module its own; the weights would be there twice."""
    model, _ = models.load(write_quantised(folder, tmp_path / "quantised", 8, embeddings=True))
    assert shared(model.transformer.word_embeddings, model.lm_head)
    for turned in (model.half(), model.to("meta")):
        assert shared(turned.transformer.word_embeddings, turned.lm_head)
        assert turned.lm_head.weight_scale is turned.transformer.word_embeddings.weight_scale
        assert turned.lm_head.weight_scale.dtype == torch.float32


def test_a_model_for_answers_keeps_its_keys_in_16_bits(folder: Path, tmp_path: Path, logits: Logits) -> None:
    """Nothing is left in half precision that would say so: no linear layer, no embedding."""
    quantised = write_quantised(folder, tmp_path / "quantised", 8, embeddings=True)
    expected = logits(models.load(quantised)[0])
    engine: Any = open_engine(str(quantised))
    model = engine._model
    assert half_of(model) is None and weights_in(model) == "int8"
    assert {m.cache_dtype for m in model.modules() if isinstance(m, ChatGLMAttention)} == {torch.float16}
    assert {p.dtype for p in model.parameters()} == {torch.float32}
    torch.testing.assert_close(logits(model), expected, atol=1e-4, rtol=1e-4)


def test_scales_in_32_bits_are_read_exactly(folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """As the published code holds them on a CPU; of a model that is read in half precision, too."""
    quantised = write_quantised(folder, tmp_path / "quantised", 8, form="safetensors", embeddings=True)
    file = quantised / "model.safetensors"
    state = load_file(file)
    exact = state[f"{EMBEDDING}_scale"].float() * (1 + 2**-18)
    assert not torch.equal(exact.half().float(), exact)
    save_file(state | {f"{EMBEDDING}_scale": exact, f"{HEAD}_scale": exact.clone()}, file)
    monkeypatch.setattr(machine, "main_memory", lambda: machine.Memory(1, 1))
    for lean in (False, True):
        model, _ = models.load(quantised, lean=lean)
        assert torch.equal(model.transformer.word_embeddings.weight_scale, exact)
        assert torch.equal(model.lm_head.weight_scale, exact)


def test_a_new_model_of_such_a_config() -> None:
    """Made without a checkpoint it has both tensors once."""
    config = ChatGLMConfig(
        vocab_size=430, hidden_size=32, num_layers=1, num_attention_heads=2, quantization_bit=8,
        quantization_embeddings=True, bos_token_id=1, eos_token_id=2, mask_token_id=3, gmask_token_id=4, pad_token_id=0,
    )  # fmt: skip
    model = ChatGLMForConditionalGeneration(config)
    assert shared(model.transformer.word_embeddings, model.lm_head)
    assert {EMBEDDING, f"{EMBEDDING}_scale", HEAD, f"{HEAD}_scale"} <= set(model.state_dict())
    without = ChatGLMConfig(quantization_embeddings=True)
    assert without.quantization_embeddings is False, "the published code asks for quantization_bit first"


def test_a_gpu_unpacks_a_large_head_in_parts(monkeypatch: pytest.MonkeyPatch) -> None:
    """On the meta device, which like a GPU is no CPU."""
    layer = QuantizedLinear(64, 1000, "int8", bias=False, device="meta")
    like = torch.empty(1, 64, device="meta", dtype=torch.bfloat16)
    assert [rows for rows, _ in layer.tiles(like)] == [slice(0, 1000)]
    monkeypatch.setattr(linear, "GPU_TILE_BYTES", 4 * 64 * 300)
    tiles = [(rows.start, rows.stop, tuple(tile.shape), tile.dtype) for rows, tile in layer.tiles(like)]
    assert tiles == [
        (start, stop, (stop - start, 64), torch.bfloat16)
        for start, stop in ((0, 300), (300, 600), (600, 900), (900, 1000))
    ]
