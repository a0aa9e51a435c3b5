"""A prefix among the weights of an official ChatGLM2: the oracle's answers, and those of base and prefix apart."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from peft import LoraConfig, get_peft_model
from safetensors.torch import load_file
from transformers import AutoConfig, AutoModelForCausalLM

from doctorglm import machine, models
from doctorglm.errors import ModelError
from doctorglm.models.adapters import base_fingerprint, save_adapter
from doctorglm.models.convert import convert
from doctorglm.models.llamacpp.export import to_gguf
from doctorglm.models.merging import merge
from doctorglm.models.prefix.attention import encoder_of
from doctorglm.models.quantized.layers import quantization_of

from ...house import change_config
from .conftest import CONFIG, beside, random_weights, write_official
from .oracle import Oracle
from .packed import IDS, by_hand, logits, packed, prefix

pytestmark = pytest.mark.filterwarnings("ignore:`is_gradient_checkpointing`:FutureWarning")

PLACES = 5


class Whole:
    """A folder with a prefix, the same apart, and the oracle of the two."""

    def __init__(self, root: Path, vocabulary: Path, projection: bool = False, bits: int = 0) -> None:
        self.own = prefix(PLACES, projection=projection)
        weights = random_weights(CONFIG)
        state = packed(weights, bits) if bits else weights
        said = {**CONFIG, "quantization_bit": bits, "torch_dtype": "float16" if bits else "float32"}
        asked = {"pre_seq_len": PLACES, "prefix_projection": projection}
        self.folder = beside(write_official(root / "whole", {**state, **self.own}, said | asked), vocabulary)
        self.base = beside(write_official(root / "base", state, said), vocabulary)
        self.adapter = root / "checkpoint-1000"
        self.adapter.mkdir()
        torch.save(self.own, self.adapter / "pytorch_model.bin")
        numbers = by_hand(state, bits) if bits else weights
        self.oracle = Oracle({**numbers, **self.own}, CONFIG)
        self.without = Oracle(numbers, CONFIG)


@pytest.fixture
def whole(tmp_path: Path, vocabulary: Path) -> Callable[..., Whole]:
    return lambda **how: Whole(tmp_path, vocabulary, **how)


@pytest.mark.parametrize("projection", [False, True])
@pytest.mark.parametrize("bits", [0, 8, 4])
def test_the_prefix_is_in_every_answer(whole: Callable[..., Whole], projection: bool, bits: int) -> None:
    made = whole(projection=projection, bits=bits)
    expected = made.oracle.logits(IDS)
    assert (made.without.logits(IDS) - expected).abs().max() > 0.1
    apart, _ = models.load(made.base, made.adapter)
    ours, _ = models.load(made.folder)
    theirs = AutoModelForCausalLM.from_pretrained(made.folder, dtype=torch.float32).eval()
    labels = [-100, -100, *IDS[2:]]
    for model in (ours, theirs):
        torch.testing.assert_close(logits(model), logits(apart), atol=1e-5, rtol=1e-5)
        torch.testing.assert_close(logits(model).double(), expected, atol=1e-3, rtol=0)
        loss = model(input_ids=torch.tensor([IDS]), labels=torch.tensor([labels])).loss
        assert loss.item() == pytest.approx(made.oracle.loss(IDS, labels), abs=1e-4)
        answer = model.generate(input_ids=torch.tensor([IDS]), max_new_tokens=4, do_sample=False, eos_token_id=None)
        assert answer[0, len(IDS) :].tolist() == made.oracle.greedy(IDS, 4)
        assert quantization_of(model) == (f"int{bits}" if bits else None)
    assert not encoder_of(ours).embedding.weight.requires_grad  # type: ignore[union-attr]


def test_rows_of_a_batch_are_those_alone(whole: Callable[..., Whole]) -> None:
    model, _ = models.load(whole().folder)
    ids, mask = torch.tensor([[0, 0, *IDS[:4]], IDS]), torch.tensor([[0, 0, 1, 1, 1, 1], [1] * 6])
    # keys of the prefix are not turned, so that positions count
    positions = torch.tensor([[0, 0, 0, 1, 2, 3], [0, 1, 2, 3, 4, 5]])
    with torch.no_grad():
        found = model(input_ids=ids, attention_mask=mask, position_ids=positions).logits
    torch.testing.assert_close(found[0, 2:], logits(model, IDS[:4]), atol=1e-5, rtol=1e-5)
    torch.testing.assert_close(found[1], logits(model), atol=1e-5, rtol=1e-5)


def test_eager_attention_reads_it_too(whole: Callable[..., Whole]) -> None:
    made = whole()
    model = AutoModelForCausalLM.from_pretrained(made.folder, attn_implementation="eager").eval()
    torch.testing.assert_close(logits(model).double(), made.oracle.logits(IDS), atol=1e-3, rtol=0)


@pytest.mark.parametrize("projection", [False, True])
def test_in_half_precision_it_stays_in_32_bits(whole: Callable[..., Whole], projection: bool) -> None:
    made = whole(projection=projection, bits=8)
    model = AutoModelForCausalLM.from_pretrained(made.folder)
    held = encoder_of(model).embedding.weight  # type: ignore[union-attr]
    assert (model.dtype, held.dtype) == (torch.float16, torch.float32)
    if not projection:
        assert torch.equal(held, made.own["transformer.prefix_encoder.embedding.weight"])


@pytest.mark.parametrize("apart", [False, True])
def test_a_model_that_only_answers_does_not_round_it(
    whole: Callable[..., Whole], apart: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Packed layers, and the rest in half precision: from one folder, and with the prefix as an adapter."""
    made = whole(bits=4)
    expected = logits(models.load(made.folder)[0])
    monkeypatch.setattr(machine, "main_memory", lambda: machine.Memory(1, 1))
    model, _ = models.load(made.base, made.adapter, lean=True) if apart else models.load(made.folder, lean=True)
    assert model.dtype == torch.float16
    torch.testing.assert_close(logits(model), expected, atol=1e-5, rtol=1e-5)


@pytest.mark.parametrize("bits", [0, 4])
def test_saved_again_it_is_an_official_folder(whole: Callable[..., Whole], bits: int, tmp_path: Path) -> None:
    """Of a network, what it makes."""
    made = whole(projection=True, bits=bits)
    model, tokenizer = models.load(made.folder)
    model.save_pretrained(tmp_path / "again")
    tokenizer.save_pretrained(tmp_path / "again")
    config = json.loads((tmp_path / "again/config.json").read_text())
    assert (config["pre_seq_len"], config["prefix_projection"]) == (PLACES, False)
    assert config.get("quantization_bit", 0) == bits
    names = {n for n in load_file(tmp_path / "again/model.safetensors") if "prefix" in n}
    assert names == {"transformer.prefix_encoder.embedding.weight"}
    torch.testing.assert_close(logits(models.load(tmp_path / "again")[0]), logits(model), atol=0, rtol=0)


def test_a_model_from_its_config_alone(whole: Callable[..., Whole]) -> None:
    model = AutoModelForCausalLM.from_config(AutoConfig.from_pretrained(whole().folder))
    encoder = encoder_of(model)
    assert encoder is not None and encoder.tokens == PLACES and logits(model).isfinite().all()


def test_a_second_prefix_is_refused(whole: Callable[..., Whole]) -> None:
    made = whole()
    with pytest.raises(ModelError, match="has a prefix among its weights already"):
        models.load(made.folder, made.adapter)


def test_lora_beside_it_is_saved_as_lora_and_merged_with_it(whole: Callable[..., Whole], tmp_path: Path) -> None:
    made = whole()
    torch.manual_seed(4)
    config = LoraConfig(r=2, target_modules="all-linear", task_type="CAUSAL_LM", init_lora_weights=False)
    model = get_peft_model(models.load(made.folder)[0], config).eval()
    expected = logits(model)
    save_adapter(model, tmp_path / "lora", base_fingerprint(made.folder))
    assert len(load_file(tmp_path / "lora/adapter_model.safetensors")) == 2 * 2 * 6
    torch.testing.assert_close(logits(models.load(made.folder, tmp_path / "lora")[0]), expected)
    gate, of = {"passed": True, "allow_ungated": False}, base_fingerprint(made.folder)
    merge(tmp_path / "lora", made.folder, tmp_path / "merged", fingerprint=of, gate=gate)
    again, _ = models.load(tmp_path / "merged")
    assert encoder_of(again) is not None
    torch.testing.assert_close(logits(again), expected, atol=2e-4, rtol=1e-5)


def test_packed_it_keeps_its_prefix(whole: Callable[..., Whole], tmp_path: Path) -> None:
    made = whole(projection=True)
    convert(made.folder, tmp_path / "int8", "int8")
    packed_now, _ = models.load(tmp_path / "int8")
    apart, _ = models.load(made.base, made.adapter, quantization="int8")
    torch.testing.assert_close(logits(packed_now), logits(apart), atol=1e-5, rtol=1e-5)


def test_what_has_no_room_for_it_is_refused(whole: Callable[..., Whole], tmp_path: Path) -> None:
    folder = whole().folder
    match = r"config.json: pre_seq_len=5: GLM has no part for a prefix outside of DoctorGLM"
    with pytest.raises(ModelError, match=match) as error:
        convert(folder, tmp_path / "out", "hf")
    assert error.value.text.en != error.value.text.zh
    with pytest.raises(ModelError, match=match):
        to_gguf(folder, tmp_path / "out")
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"pre_seq_len": None}, r"embedding.weight belongs to a P-tuning prefix, but config.json has no pre_seq_len"),
        ({"pre_seq_len": 6}, r"prefix_encoder.embedding.weight has shape \[5, 64\], but config.json says \[6, 64\]"),
        ({"pre_seq_len": "five"}, r"pre_seq_len='five': a positive number is needed"),
        ({"pre_seq_len": -5}, r"pre_seq_len=-5: a positive number is needed"),
        ({"prefix_projection": True}, r"4 missing \(transformer.prefix_encoder.trans.0.bias"),
    ],
)
def test_a_config_of_another_prefix(whole: Callable[..., Whole], changes: dict[str, Any], message: str) -> None:
    folder = whole().folder
    change_config(folder, **changes)
    for load in (models.load, AutoModelForCausalLM.from_pretrained):
        with pytest.raises(ModelError, match=message):
            load(folder)


def test_a_prefix_that_is_said_and_missing(whole: Callable[..., Whole]) -> None:
    folder = whole().base
    change_config(folder, pre_seq_len=5)
    with pytest.raises(ModelError, match=r"1 missing \(transformer.prefix_encoder.embedding.weight\)"):
        models.load(folder)
