"""INT8 and INT4 folders of ChatGLM2 and ChatGLM3, held to the same numbers unpacked by hand in a plain folder."""

import copy
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
import transformers
from peft import LoraConfig, get_peft_model
from safetensors.torch import load_file
from transformers import AutoConfig, AutoModelForCausalLM

from doctorglm import machine, models
from doctorglm.errors import ModelError
from doctorglm.models.adapters import base_fingerprint, save_adapter, trained_on
from doctorglm.models.convert import convert, size_in_32_bits
from doctorglm.models.half import half_of, weights_in
from doctorglm.models.merging import merge
from doctorglm.models.quantized.layers import quantization_of
from doctorglm.models.quantized.linear import QuantizedLinear

from ...house import change_config
from ..llamacpp.bases import write
from .conftest import CONFIG, beside, random_weights, write_official
from .oracle import Oracle
from .packed import IDS, LINEAR, by_hand, logits, packed

pytestmark = pytest.mark.filterwarnings("ignore:`is_gradient_checkpointing`:FutureWarning")

Make = Callable[..., Any]


class Pair:
    """A packed folder, and the same numbers in a plain one."""

    def __init__(self, root: Path, vocabulary: Path, bits: int, form: str, **changes: Any) -> None:
        config = {**CONFIG, **changes}
        self.state = packed(random_weights(config), bits)
        self.numbers = by_hand(self.state, bits)
        said = {**config, "quantization_bit": bits, "torch_dtype": "float16"}
        self.packed = beside(write_official(root / "packed", self.state, said, form), vocabulary)
        self.plain = beside(write_official(root / "plain", self.numbers, config, "safetensors"), vocabulary)
        self.oracle = Oracle(self.numbers, config)


@pytest.fixture
def pair(tmp_path: Path, vocabulary: Path) -> Make:
    def make(bits: int = 4, form: str = "bin", **changes: Any) -> Pair:
        return Pair(tmp_path, vocabulary, bits, form, **changes)

    return make


@pytest.mark.parametrize("bits", [8, 4])
@pytest.mark.parametrize("form", ["bin", "bin shards", "safetensors"])
@pytest.mark.parametrize("changes", [{}, {"multi_query_group_num": 4, "add_qkv_bias": False}])
def test_an_official_folder_loads_as_it_is(pair: Make, bits: int, form: str, changes: dict[str, Any]) -> None:
    made = pair(bits, form, **changes)
    plain, _ = models.load(made.plain)
    expected = logits(plain)
    assert expected.abs().max() > 1
    torch.testing.assert_close(expected.double(), made.oracle.logits(IDS), atol=5e-4, rtol=0)
    ours, tokenizer = models.load(made.packed)
    theirs, report = AutoModelForCausalLM.from_pretrained(made.packed, dtype=torch.float32, output_loading_info=True)
    assert not any(report.values())
    ids = tokenizer("头疼怎么办", return_tensors="pt")["input_ids"]
    answer = plain.generate(input_ids=ids, max_new_tokens=8, do_sample=False)
    for model in (ours, theirs.eval()):
        torch.testing.assert_close(logits(model), expected, atol=1e-5, rtol=1e-5)
        assert quantization_of(model) == weights_in(model) == f"int{bits}"
        held = {n.rpartition(".")[2] for n, m in model.named_modules() if isinstance(m, QuantizedLinear)}
        assert held == {"q_proj", "k_proj", "v_proj", "o_proj", "gate_up_proj", "down_proj"}
        assert isinstance(model, transformers.GlmForCausalLM) and model.config.model_type == "glm"
        assert torch.equal(model.generate(input_ids=ids, max_new_tokens=8, do_sample=False), answer)


def test_in_half_precision_scales_stay_exact(pair: Make) -> None:
    model = AutoModelForCausalLM.from_pretrained(pair().packed)
    layer = model.model.layers[1].mlp.down_proj
    assert (model.dtype, layer.weight.dtype, layer.weight_scale.dtype) == (torch.float16, torch.int8, torch.float32)


@pytest.mark.parametrize("bits", [8, 4])
def test_saved_again_it_is_the_official_format(pair: Make, bits: int, tmp_path: Path) -> None:
    made = pair(bits, "safetensors")
    model, tokenizer = models.load(made.packed)
    model.save_pretrained(tmp_path / "again")
    tokenizer.save_pretrained(tmp_path / "again")
    before, after = (load_file(f / "model.safetensors") for f in (made.packed, tmp_path / "again"))
    assert before.keys() == after.keys()
    for name, tensor in made.state.items():
        assert torch.equal(after[name].float(), tensor.float()), name
        assert (after[name].dtype == torch.int8) == name.endswith(LINEAR), name
    config = json.loads((tmp_path / "again/config.json").read_text())
    assert (config["model_type"], config["quantization_bit"]) == ("chatglm", bits)
    again, _ = models.load(tmp_path / "again")
    torch.testing.assert_close(logits(again), logits(model), atol=0, rtol=0)


def test_a_quantisation_without_official_layout_is_not_saved(pair: Make, tmp_path: Path) -> None:
    from doctorglm.models.quantized.layers import dequantize, quantize

    model, _ = models.load(pair().packed)
    dequantize(model)
    quantize(model, "nf4", "x")
    with pytest.raises(ModelError, match="the official layout has no nf4"):
        model.save_pretrained(tmp_path / "again")
    assert not (tmp_path / "again/config.json").exists()


def test_a_model_from_its_config_alone(pair: Make) -> None:
    model = AutoModelForCausalLM.from_config(AutoConfig.from_pretrained(pair().packed))
    assert quantization_of(model) == "int4" and logits(model).isfinite().all()


def test_short_memory_and_a_model_that_only_answers_keep_the_rest_in_half_precision(
    pair: Make, monkeypatch: pytest.MonkeyPatch
) -> None:
    made = pair()
    expected = logits(models.load(made.packed)[0])
    lean, _ = models.load(made.packed, lean=True)
    monkeypatch.setattr(machine, "main_memory", lambda: machine.Memory(1, 1))
    short, _ = models.load(made.packed)
    for model in (lean, short):
        assert half_of(model) == torch.float16 and weights_in(model) == "int4"
        torch.testing.assert_close(logits(model), expected, atol=1e-5, rtol=1e-5)


def test_lora_has_the_gradients_of_the_plain_weights(pair: Make) -> None:
    made, found = pair(), []
    for folder in (made.packed, made.plain):
        torch.manual_seed(4)
        config = LoraConfig(r=2, target_modules="all-linear", task_type="CAUSAL_LM", init_lora_weights=False)
        model = get_peft_model(models.load(folder)[0], config)
        model(input_ids=torch.tensor([IDS]), labels=torch.tensor([IDS])).loss.backward()
        found.append({n: p.grad for n, p in model.named_parameters() if p.grad is not None})
    assert found[0].keys() == found[1].keys() and len(found[0]) == 2 * 2 * 6
    for name, gradient in found[1].items():
        assert gradient.abs().max() > 0
        torch.testing.assert_close(found[0][name], gradient, atol=1e-5, rtol=1e-4)


def test_an_adapter_of_a_packed_base_is_merged_as_glm(pair: Make, tmp_path: Path) -> None:
    """Onto the unpacked numbers; what is left needs nothing of ours."""
    base = pair().packed
    torch.manual_seed(4)
    config = LoraConfig(r=2, target_modules="all-linear", task_type="CAUSAL_LM", init_lora_weights=False)
    save_adapter(get_peft_model(models.load(base)[0], config), tmp_path / "adapter", base_fingerprint(base))
    assert trained_on(tmp_path / "adapter") == "int4"
    gate = {"passed": True, "allow_ungated": False}
    done = merge(tmp_path / "adapter", base, tmp_path / "merged", fingerprint=base_fingerprint(base), gate=gate)
    assert done["changed"] == 12
    written = json.loads((tmp_path / "merged/config.json").read_text())
    assert (written["model_type"], written["architectures"]) == ("glm", ["GlmForCausalLM"])
    again, _ = models.load(tmp_path / "merged")
    assert type(again) is transformers.GlmForCausalLM
    adapted, _ = models.load(base, tmp_path / "adapter")
    torch.testing.assert_close(logits(again), logits(adapted), atol=2e-4, rtol=1e-5)


# -- what does not fit


@pytest.mark.parametrize("asked", ["int8", "nf4"])
def test_a_packed_folder_is_not_packed_otherwise(pair: Make, asked: Any) -> None:
    folder = pair(4).packed
    with pytest.raises(ModelError, match=r"in int4 already; .* --quantization int4"):
        models.load(folder, quantization=asked)
    with pytest.raises(ModelError, match="weights in int4 are frozen"):
        models.load(folder, frozen=False)
    assert quantization_of(models.load(folder, quantization="none")[0]) == "int4"


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"quantization_bit": 3}, r"config\.json: quantization_bit=3; the published checkpoints have 8 or 4"),
        ({"quantization_bit": "4"}, r"quantization_bit='4'; the published checkpoints have 8 or 4"),
        ({"quantization_bit": None}, "_scale belongs to quantised weights, but config.json has no quantization_bit"),
        ({"quantization_bit": 8}, r"query_key_value.weight has shape \[64, 8\], but config.json says \[64, 16\]"),
        ({"quantization_embeddings": True}, "quantization_embeddings=True is not supported yet"),
    ],
)
def test_a_config_of_other_weights(pair: Make, changes: dict[str, Any], message: str) -> None:
    folder = pair(4).packed
    change_config(folder, **changes)
    for load in (models.load, AutoModelForCausalLM.from_pretrained):
        with pytest.raises(ModelError, match=message):
            load(folder)


def test_plain_weights_under_a_quantised_config(pair: Make) -> None:
    made = pair(8)
    change_config(made.plain, quantization_bit=8)
    with pytest.raises(ModelError, match=r"8 missing \(.*weight_scale"):
        models.load(made.plain)
    scales = {name: tensor for name, tensor in made.state.items() if name.endswith("_scale")}
    write_official(made.plain, {**made.numbers, **scales}, {**CONFIG, "quantization_bit": 8}, "safetensors")
    with pytest.raises(ModelError, match=r"dense_4h_to_h.weight is of type torch.float32, and quantised .* are int8"):
        models.load(made.plain)


# -- converted


@pytest.mark.parametrize("bits", [8, 4])
def test_to_hf_the_numbers_are_written_in_32_bits(pair: Make, bits: int, tmp_path: Path) -> None:
    made = pair(bits, "bin shards")
    convert(made.packed, tmp_path / "hf", "hf")
    config = json.loads((tmp_path / "hf/config.json").read_text())
    assert config["dtype"] == "float32" and "quantization_bit" not in config
    found = load_file(tmp_path / "hf/model.safetensors")
    layer = "transformer.encoder.layers.1"
    assert torch.equal(found["model.layers.1.mlp.down_proj.weight"], made.numbers[f"{layer}.mlp.dense_4h_to_h.weight"])
    mixed = torch.cat([found[f"model.layers.1.self_attn.{letter}_proj.weight"] for letter in "qkv"])
    assert torch.equal(mixed, made.numbers[f"{layer}.self_attention.query_key_value.weight"])
    model, _ = models.load(tmp_path / "hf")
    assert type(model) is transformers.GlmForCausalLM
    torch.testing.assert_close(logits(model), logits(models.load(made.packed)[0]), atol=1e-5, rtol=1e-5)
    assert size_in_32_bits(made.packed) >= 4 * sum(t.numel() for t in made.numbers.values())


@pytest.mark.parametrize(("kind", "bits"), [("int8", 8), ("int4", 4)])
@pytest.mark.parametrize("through", [False, True])
def test_packed_bit_by_bit_as_numpy_does_it(
    official: Make, kind: Any, bits: int, through: bool, tmp_path: Path
) -> None:
    """From the official folder, and from the GLM that it becomes."""
    made = official(_name_or_path="THUDM/chatglm3-6b")
    half = {name: tensor.half() for name, tensor in made.weights.items()}
    write_official(made.folder, half, {**made.config, "torch_dtype": "float16"})
    source = made.folder
    if through:
        source = tmp_path / "hf"
        convert(made.folder, source, "hf")
    done = convert(source, tmp_path / "packed", kind)
    found, expected = load_file(tmp_path / "packed/model.safetensors"), packed(half, bits)
    assert found.keys() - {"transformer.rotary_pos_emb.inv_freq"} == expected.keys()
    for name, tensor in expected.items():
        assert found[name].dtype == tensor.dtype and torch.equal(found[name], tensor), name
    config = json.loads((tmp_path / "packed/config.json").read_text())
    assert (config["quantization_bit"], config["model_type"]) == (bits, "chatglm") and "auto_map" not in config
    assert done["family"] == "chatglm3" and done["divergence"]["kl"] > 0
    model, tokenizer = models.load(tmp_path / "packed")
    assert quantization_of(model) == kind and tokenizer.chat_format == "chatglm3"
    loaded, _ = models.load(source, quantization=kind)
    torch.testing.assert_close(logits(model), logits(loaded), atol=1e-5, rtol=1e-5)


def test_what_is_not_packed(pair: Make, tmp_path: Path) -> None:
    with pytest.raises(ModelError, match=r"is in int4 already; --to int8 packs ChatGLM-6B, ChatGLM2 and ChatGLM3"):
        convert(pair(4).packed, tmp_path / "out", "int8")
    glm4 = write(tmp_path / "glm4", "glm")
    with pytest.raises(ModelError, match=r"model_type 'glm'; --to int4 packs .* tune --method qlora"):
        convert(glm4, tmp_path / "out", "int4")
    assert not (tmp_path / "out").exists()


def test_a_copy_is_packed_too(pair: Make) -> None:
    model, _ = models.load(pair().packed)
    torch.testing.assert_close(logits(copy.deepcopy(model)), logits(model), atol=0, rtol=0)
