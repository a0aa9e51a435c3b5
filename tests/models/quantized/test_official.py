"""`convert --to int8|int4`: the official format bit by bit, read back, measured, and refused where tuning is lost."""

from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file, save_file

from doctorglm import models
from doctorglm.errors import ModelError
from doctorglm.models.convert import convert
from doctorglm.models.quantized.layers import packs_embeddings, quantization_of
from doctorglm.runs import read_json, write_json

from ...house import change_config, write_base
from .official import EMBEDDING, HEAD, LINEAR, both, write_quantised


@pytest.mark.parametrize(("kind", "bits"), [("int8", 8), ("int4", 4)])
@pytest.mark.parametrize("stored", [torch.float32, torch.float16])
def test_bit_by_bit_what_numpy_packs(kind: Any, bits: int, stored: torch.dtype, folder: Path, tmp_path: Path) -> None:
    state = {n: t.to(stored) for n, t in load_file(folder / "model.safetensors").items()}
    save_file(state, folder / "model.safetensors", {"format": "pt"})
    expected, _ = both(folder, bits)
    done = convert(folder, tmp_path / "packed", kind)
    found = load_file(tmp_path / "packed/model.safetensors")
    assert found.keys() == expected.keys() and done["tensors"] == len(found)
    for name, tensor in found.items():
        packed = name.endswith((*LINEAR, "_scale"))
        assert torch.equal(tensor, expected[name] if packed else state[name]), name
        assert tensor.dtype == (expected[name].dtype if packed else stored), name
    config = read_json(tmp_path / "packed/config.json")
    assert config["quantization_bit"] == bits and config["quantization_embeddings"] is False
    assert done["bytes"] == sum(t.nbytes for t in found.values())
    assert done["divergence"]["kl"] > 0
    model, _ = models.load(tmp_path / "packed")
    assert quantization_of(model) == kind


@pytest.mark.parametrize(("kind", "bits"), [("int8", 8), ("int4", 4)])
@pytest.mark.parametrize("tied", [True, False])
def test_embedding_and_head_too(kind: Any, bits: int, tied: bool, tmp_path: Path) -> None:
    source = write_base(tmp_path / "source", num_layers=2, initializer_range=0.3, tie_word_embeddings=tied)
    expected, _ = both(source, bits, embeddings=True)
    if tied:  # the source has no head of its own, and DST has none either
        expected = {n: t for n, t in expected.items() if not n.startswith(HEAD)}
    done = convert(source, tmp_path / "packed", kind, quantization_embeddings=True)
    found, before = load_file(tmp_path / "packed/model.safetensors"), load_file(source / "model.safetensors")
    assert found.keys() == expected.keys() and f"{EMBEDDING}_scale" in found
    for name, tensor in found.items():
        packed = name.endswith((*LINEAR, "_scale")) or name in (EMBEDDING, HEAD)
        assert torch.equal(tensor, expected[name] if packed else before[name]), name
    config = read_json(tmp_path / "packed/config.json")
    assert config["quantization_bit"] == bits and config["quantization_embeddings"] is True
    assert done["divergence"]["kl"] > 0 and done["bytes"] == sum(t.nbytes for t in found.values())
    assert packs_embeddings(models.load(tmp_path / "packed")[0])


@pytest.mark.parametrize("to", ["hf", "chatglm"])
def test_a_folder_with_packed_embeddings_goes_on_as_it_is(to: Any, folder: Path, tmp_path: Path) -> None:
    """`chatglm` completes a tied head that is missing, its scales with it."""
    convert(folder, tmp_path / "packed", "int8", quantization_embeddings=True)
    convert(tmp_path / "packed", tmp_path / "out", to)
    before, after = (load_file(tmp_path / name / "model.safetensors") for name in ("packed", "out"))
    assert all(torch.equal(before[n], after[n]) for n in before)
    added = {n for n in after.keys() - before.keys() if "inv_freq" not in n}
    assert added == ({HEAD, f"{HEAD}_scale"} if to == "chatglm" else set())
    assert all(torch.equal(after[n], after[n.replace(HEAD, EMBEDDING)]) for n in added)
    one, other = (models.load(tmp_path / name)[0] for name in ("packed", "out"))
    ids = torch.tensor([[5, 9, one.config.gmask_token_id, one.config.bos_token_id, 20]])
    with torch.no_grad():
        assert torch.equal(one(ids).logits, other(ids).logits)


def test_packed_on_load_is_packed_in_the_folder(folder: Path, tmp_path: Path) -> None:
    convert(folder, tmp_path / "packed", "int4")
    stored, loaded = models.load(tmp_path / "packed")[0], models.load(folder, quantization="int4")[0]
    for name, buffer in stored.named_buffers():
        if "weight" in name:
            assert torch.equal(buffer, loaded.get_buffer(name)), name


def test_a_packed_folder_goes_through_hf_as_it_is(folder: Path, tmp_path: Path) -> None:
    source = write_quantised(folder, tmp_path / "int4", 4)
    convert(source, tmp_path / "hf", "hf")
    before = torch.load(source / "pytorch_model.bin", weights_only=True)
    after = load_file(tmp_path / "hf/model.safetensors")
    assert all(torch.equal(before[n], after[n]) for n in before) and before.keys() == after.keys()
    assert quantization_of(models.load(tmp_path / "hf")[0]) == "int4"


def test_what_is_no_plain_chatglm_6b_is_refused(folder: Path, tmp_path: Path) -> None:
    packed = write_quantised(folder, tmp_path / "packed", 8)
    with pytest.raises(
        ModelError, match=r"is in int8 already; --to int4 packs ChatGLM-6B, ChatGLM2 and ChatGLM3 from 16 or 32 bits"
    ):
        convert(packed, tmp_path / "out", "int4")
    change_config(folder, model_type="llama")
    with pytest.raises(ModelError, match=r"model_type 'llama'; --to int4 packs ChatGLM-6B, .* tune --method qlora"):
        convert(folder, tmp_path / "out", "int4")
    assert not (tmp_path / "out").exists()


def test_tuning_that_packing_would_lose_is_refused(folder: Path, tmp_path: Path) -> None:
    """LoRA that breaks under quantisation: a merged model whose tuning is smaller than the rounding of 4 bits."""
    for kl, passes in ((1e-9, False), (1e9, True)):
        write_json(folder / "run.json", {"stage": "convert", "divergence": {"tuning": {"kl": kl}}})
        if passes:
            assert convert(folder, tmp_path / "int4", "int4")["divergence"]["kl"] > 0
        else:
            with pytest.raises(ModelError, match=r"in int4 would answer otherwise .* Pack into int8, keep 16 or 32"):
                convert(folder, tmp_path / "int4", "int4")
            assert not (tmp_path / "int4").exists()


def test_without_a_tokenizer_nothing_is_compared_and_that_is_said(
    folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (folder / "ice_text.model").unlink()
    assert convert(folder, tmp_path / "int8", "int8")["divergence"] is None
    assert "was not compared with it" in capsys.readouterr().err
