"""Adapters of quantised bases: loaded onto what they saw, merged onto it, and refused where rounding swallows them."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from peft import LoraConfig, get_peft_model
from safetensors.torch import load_file, save_file

from doctorglm import language, models
from doctorglm.conversation import Message
from doctorglm.engine import Sampling
from doctorglm.errors import ConfigError, ModelError
from doctorglm.models.adapters import base_fingerprint, save_adapter, trained_on
from doctorglm.models.local_engine import LocalEngine
from doctorglm.models.merging import merge
from doctorglm.models.quantized.divergence import PROBES, answered, apart, logits_of, refuse_lost, share_of
from doctorglm.models.quantized.layers import quantization_of
from doctorglm.models.quantized.linear import QuantizedLinear
from doctorglm.runs import read_json

from .official import LINEAR, both, write_quantised

pytestmark = pytest.mark.filterwarnings("ignore:`is_gradient_checkpointing`:FutureWarning")

Logits = Callable[[Any], torch.Tensor]
GATE = {"passed": True, "allow_ungated": False}


def tuned(folder: Path, out: Path, kind: Any, size: float = 0.3) -> Path:
    """An adapter of the quantised base, of which every B is drawn with deviation `size`."""
    model, _ = models.load(folder, quantization=kind)
    torch.manual_seed(1)
    model = get_peft_model(model, LoraConfig(r=2, lora_alpha=4, target_modules="all-linear", task_type="CAUSAL_LM"))
    with torch.no_grad():
        for name, parameter in model.named_parameters():
            if "lora_B" in name:
                parameter.normal_(0, size)
    save_adapter(model, out, base_fingerprint(folder))
    return out


def merged(adapter: Path, folder: Path, target: Path, **how: Any) -> dict[str, Any]:
    return merge(adapter, folder, target, fingerprint=base_fingerprint(folder), gate=GATE, **how)


def learned(adapter: Path) -> dict[str, torch.Tensor]:
    """Weight's name -> what the adapter adds to it."""
    tensors = load_file(adapter / "adapter_model.safetensors")
    names = {n.rpartition(".lora_")[0] for n in tensors}
    return {
        f"{n.removeprefix('base_model.model.')}.weight": 2.0
        * tensors[f"{n}.lora_B.weight"].double()
        @ tensors[f"{n}.lora_A.weight"].double()
        for n in names
    }


def greedy(folder: Path, adapter: Path | None = None) -> list[str]:
    engine = LocalEngine(*models.load(folder, adapter), name="x")
    sampling = Sampling(temperature=0.0, max_new_tokens=12)
    return [engine.batch([[Message("user", question)]], sampling)[0].text for question in PROBES]


def test_an_adapter_records_its_quantisation_and_is_loaded_so(folder: Path, tmp_path: Path, logits: Logits) -> None:
    adapter = tuned(folder, tmp_path / "adapter", "int4")
    assert read_json(adapter / "base.json") == {"sha256": base_fingerprint(folder), "quantization": "int4"}
    assert trained_on(adapter) == "int4"
    seen, _ = models.load(folder, adapter)
    asked, _ = models.load(folder, adapter, quantization="int4")
    other, _ = models.load(folder, adapter, quantization="nf4")
    plain, _ = models.load(folder, adapter, quantization="none")
    assert [quantization_of(m) for m in (seen, asked, other, plain)] == ["int4", "int4", "nf4", None]
    assert torch.equal(logits(seen), logits(asked)) and not torch.equal(logits(seen), logits(plain))
    (adapter / "base.json").write_text(json.dumps({"sha256": base_fingerprint(folder), "quantization": "int3"}))
    with pytest.raises(ModelError, match=r"base\.json: unknown quantisation 'int3'"):
        models.load(folder, adapter)


@pytest.mark.parametrize("kind", ["nf4", "int8", "int4"])
def test_merged_onto_what_it_saw_it_answers_the_same(kind: str, folder: Path, tmp_path: Path, logits: Logits) -> None:
    """C067: greedy answers before and after are equal, in spite of 4 bits."""
    adapter = tuned(folder, tmp_path / "run/adapter", kind)
    done = merged(adapter, folder, tmp_path / "merged")
    with_adapter, _ = models.load(folder, adapter)
    again, _ = models.load(tmp_path / "merged")
    assert quantization_of(with_adapter) == kind and quantization_of(again) is None
    torch.testing.assert_close(logits(again), logits(with_adapter), rtol=1e-5, atol=2e-4)
    assert greedy(tmp_path / "merged") == greedy(folder, adapter)
    report = done["divergence"]["quantized"]
    assert (report["kind"], report["onto"]) == (kind, "dequantised")
    assert report["dequantised"]["kl"] < 1e-6 < report["full"]["kl"] < report["tuning"]["kl"]
    assert report["packed_again"]["kl"] > 0 and report["tuning"] == done["divergence"]["tuning"]
    record = read_json(tmp_path / "merged/run.json")
    assert record["settings"]["onto"] == "dequantised" and record["divergence"]["quantized"] == report
    assert done["changed"] == 8


def test_the_sum_is_of_the_unpacked_weights_or_of_the_full_ones(folder: Path, tmp_path: Path) -> None:
    """int4, unpacked by numpy; what the embeddings and biases are stays."""
    adapter = tuned(folder, tmp_path / "adapter", "int4")
    added, full = learned(adapter), load_file(folder / "model.safetensors")
    _, unpacked = both(folder, 4)
    for onto, base in (("dequantised", unpacked), ("full", full)):
        merged(adapter, folder, tmp_path / onto, onto=onto)
        after = load_file(tmp_path / onto / "model.safetensors")
        assert after.keys() == full.keys()
        for name, weight in after.items():
            expected = (base[name].double() + added[name]).float() if name.endswith(LINEAR) else full[name]
            torch.testing.assert_close(weight, expected, atol=1e-5, rtol=1e-5, msg=lambda m, n=name: f"{n}: {m}")


@pytest.mark.parametrize("lang", ["en", "zh"])
def test_what_rounding_swallows_is_refused_with_number_and_remedy(lang: Any, folder: Path, tmp_path: Path) -> None:
    """An adapter that did little, merged onto weights that it never saw: they are further off than all it learned."""
    adapter = tuned(folder, tmp_path / "adapter", "int4", size=1e-3)
    language.choose(lang)
    expected = {
        "en": r"merged onto the full base would answer otherwise .*: KL [\d.e-]+ nats a token, \d+% of the [\d.e-]+ .* "
        r"more than the 50% allowed; nothing is written\. Merge onto the weights that it saw \(--onto dequantised\)",
        "zh": r"合并到 full 基座后的回答会与微调后的模型不同：每个 token 的 KL .*请合并到训练时的权重",
    }[lang]
    with pytest.raises(ModelError, match=expected):
        merged(adapter, folder, tmp_path / "merged", onto="full")
    assert not [f for f in tmp_path.iterdir() if "merged" in f.name]


def test_a_merge_that_breaks_when_packed_again_is_said(
    folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    adapter = tuned(folder, tmp_path / "little", "int4", size=1e-3)
    done = merged(adapter, folder, tmp_path / "one")
    assert "packed in int4 again, the merged model would lose what was learned" in capsys.readouterr().err
    report = done["divergence"]["quantized"]
    assert share_of(report["packed_again"], report["tuning"]) > 0.5
    much = tuned(folder, tmp_path / "much", "int8", size=0.5)
    merged(much, folder, tmp_path / "two")
    assert "would lose" not in capsys.readouterr().err


def test_a_merge_that_changes_no_tensor_is_refused(folder: Path, tmp_path: Path) -> None:
    """C069, with a quantised base."""
    adapter = tuned(folder, tmp_path / "adapter", "nf4")
    file = adapter / "adapter_model.safetensors"
    save_file({n: t * (0 if "lora_B" in n else 1) for n, t in load_file(file).items()}, file)
    with pytest.raises(ModelError, match="no tensor of the base is changed"):
        merged(adapter, folder, tmp_path / "merged")


def test_an_official_packed_base(folder: Path, tmp_path: Path, logits: Logits) -> None:
    """LoRA on an INT4 checkpoint, merged: plain weights in 32 bits that say so in their config."""
    base = write_quantised(folder, tmp_path / "int4", 4)
    adapter = tuned(base, tmp_path / "adapter", None)
    assert trained_on(adapter) == "int4"
    done = merged(adapter, base, tmp_path / "merged")
    assert "full" not in done["divergence"]["quantized"]
    again, _ = models.load(tmp_path / "merged")
    assert quantization_of(again) is None and again.config.quantization_bit == 0
    torch.testing.assert_close(logits(again), logits(models.load(base, adapter)[0]), rtol=1e-5, atol=2e-4)
    with pytest.raises(ConfigError, match=r"--onto full: the base .* is in int4, and there is only that"):
        merged(adapter, base, tmp_path / "other", onto="full")


def test_a_base_with_packed_embeddings(folder: Path, tmp_path: Path, logits: Logits) -> None:
    """Merged onto what it saw: embedding and head unpacked too, still one tensor, and packed again as they were."""
    base = write_quantised(folder, tmp_path / "int8", 8, embeddings=True)
    adapter = tuned(base, tmp_path / "adapter", None)
    done = merged(adapter, base, tmp_path / "merged")
    again, _ = models.load(tmp_path / "merged")
    assert quantization_of(again) is None and again.config.quantization_embeddings is False
    assert again.lm_head.weight is again.transformer.word_embeddings.weight
    _, unpacked = both(folder, 8, embeddings=True)
    assert torch.equal(again.lm_head.weight, unpacked["lm_head.weight"])
    torch.testing.assert_close(logits(again), logits(models.load(base, adapter)[0]), rtol=1e-5, atol=2e-4)
    with_adapter, tokenizer = models.load(base, adapter)
    texts = answered(with_adapter, tokenizer, PROBES)
    packed, _ = models.load(tmp_path / "merged", quantization="int8", quantization_embeddings=True)
    expected = apart(logits_of(with_adapter, texts), logits_of(packed, texts))
    assert done["divergence"]["quantized"]["packed_again"] == pytest.approx(expected, rel=1e-3)
    assert greedy(tmp_path / "merged") == greedy(base, adapter)


def test_onto_needs_a_choice(folder: Path, tmp_path: Path) -> None:
    adapter = tuned(folder, tmp_path / "adapter", None)
    assert trained_on(adapter) is None
    with pytest.raises(ConfigError, match=r"--onto dequantised: the base .* is not quantised"):
        merged(adapter, folder, tmp_path / "merged", onto="dequantised")
    assert merged(adapter, folder, tmp_path / "merged")["divergence"]["tuning"]["kl"] > 0


def test_divergence_by_hand() -> None:
    tuned_logits, other = torch.tensor([[0.0, 0.0], [2.0, 0.0]]), torch.tensor([[1.0, 0.0], [2.0, 0.0]])
    found = apart(tuned_logits, other)
    # p = (1/2, 1/2), q = (e, 1) / (e + 1): KL = ln((e + 1) / 2) - 1/2, at one of two places
    assert found["kl"] == pytest.approx((torch.log(torch.tensor((2.718281828 + 1) / 2)).item() - 0.5) / 2, abs=1e-6)
    assert (found["largest"], found["mean"], found["other_token"]) == (1.0, 0.25, 0.0)
    assert apart(other, -other)["other_token"] == 1.0
    what, remedy = ("a", "甲"), ("b", "乙")
    refuse_lost({"kl": 0.5}, {"kl": 1.0}, what=what, remedy=remedy)
    for kl, of in ((0.51, 1.0), (1e-9, 0.0), (float("nan"), 1.0)):
        with pytest.raises(ModelError, match="would answer otherwise"):
            refuse_lost({"kl": kl}, {"kl": of}, what=what, remedy=remedy)


def test_the_texts_are_the_prompts_with_greedy_answers(folder: Path) -> None:
    model, tokenizer = models.load(folder)
    texts = answered(model, tokenizer, PROBES)
    assert len(texts) == len(PROBES)
    rows = logits_of(model, texts)
    said = [token for text in texts for token in text.ids[text.first + 1 :]]
    assert rows.argmax(-1).tolist() == said


def test_numbers_that_overflow_fail_loudly(folder: Path) -> None:
    """C076: not "!!!!", which is token 0 for ever, but an error."""
    model, tokenizer = models.load(folder, quantization="int4")
    last = [m for m in model.modules() if isinstance(m, QuantizedLinear)][-1]
    last.weight_scale.fill_(float("inf"))
    engine = LocalEngine(model, tokenizer, name="x")
    with pytest.raises(ModelError, match="scores are NaN or infinite"):
        engine.batch([[Message("user", "头痛" * 40)]], Sampling(temperature=0.0, max_new_tokens=4))
    with pytest.raises(ModelError, match="logits are not finite"):
        logits_of(model, answered(models.load(folder)[0], tokenizer, PROBES[:1]))
