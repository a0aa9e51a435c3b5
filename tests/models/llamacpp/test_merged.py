"""An adapter as GGUF: llama.cpp answers as base and adapter do, and a rounding that loses the adapter is refused."""

import warnings
from pathlib import Path
from typing import Any

import pytest
import torch
from peft import LoraConfig, get_peft_model
from safetensors.torch import load_file, save_file

from doctorglm import models
from doctorglm.errors import ModelError
from doctorglm.models.adapters import base_fingerprint, save_adapter
from doctorglm.models.convert import convert
from doctorglm.models.llamacpp.export import to_gguf
from doctorglm.models.llamacpp.merged import adapter_to_gguf

from .bases import QUESTIONS, write
from .serving import furthest, llama_cpp

GATE = {"passed": False, "allow_ungated": True}


def tuned(base: Path, folder: Path, size: float = 0.3) -> Path:
    """A random adapter of the base, as `tune` leaves one."""
    model, _ = models.load(base)
    torch.manual_seed(2)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", FutureWarning)  # PEFT asks transformers 5.24 things by old names
        model = get_peft_model(model, LoraConfig(r=2, target_modules=["q_proj", "v_proj"], task_type="CAUSAL_LM"))
    for name, parameter in model.named_parameters():
        if "lora_B" in name:
            torch.nn.init.normal_(parameter, std=size)
    save_adapter(model, folder, base_fingerprint(base))
    return folder


def exported(adapter: Path, base: Path, target: Path, kind: str) -> dict[str, Any]:
    return adapter_to_gguf(adapter, base, target, kind, fingerprint=base_fingerprint(base), gate=GATE)


@pytest.mark.parametrize("family", ["qwen2", "chatglm3"])
def test_it_answers_as_the_adapter(family: str, tmp_path: Path) -> None:
    base = write(tmp_path / "base", family)
    adapter = tuned(base, tmp_path / "adapter")
    done = exported(adapter, base, tmp_path / "out", "f32")
    assert done["changed"] == 4 and done["gate"] == GATE and done["rounding"]["rounded"] < 1e-9
    assert done["rounding"]["adapter"] > 0.01 and done["rounding"]["same_first"] == 1
    with_adapter, _ = models.load(base, adapter=adapter)
    plain, _ = models.load(base)
    with llama_cpp(tmp_path / "out/model.gguf") as served:
        ids = served.ids(QUESTIONS[1])
        theirs = served.logprobs(ids, plain.config.vocab_size)
        assert furthest(with_adapter, ids, theirs) < 5e-4 and furthest(plain, ids, theirs) > 0.1
    assert "NOT GATED" in (tmp_path / "out/Modelfile").read_text("utf-8")
    assert sorted(f.name for f in tmp_path.iterdir()) == ["adapter", "base", "out"]


def test_of_an_official_packed_base(tmp_path: Path) -> None:
    """Its numbers in 32 bits, and an adapter that was tuned beside them; llama.cpp knows nothing of the packing."""
    convert(write(tmp_path / "full", "chatglm3"), tmp_path / "base", "int4")
    adapter = tuned(tmp_path / "base", tmp_path / "adapter")
    done = exported(adapter, tmp_path / "base", tmp_path / "out", "f32")
    assert done["changed"] == 4 and done["rounding"]["rounded"] < 1e-9
    to_gguf(tmp_path / "base", tmp_path / "plain", "f32")
    for name, given in (("out", adapter), ("plain", None)):
        model, _ = models.load(tmp_path / "base", adapter=given)
        with llama_cpp(tmp_path / name / "model.gguf") as served:
            ids = served.ids(QUESTIONS[1])
            assert furthest(model, ids, served.logprobs(ids, model.config.vocab_size)) < 5e-4


def test_a_rounding_that_loses_the_adapter_is_refused(tmp_path: Path) -> None:
    """C067, huggingface/peft#1043: what was learned is smaller than a step of the quantised weights."""
    base = write(tmp_path / "base", "qwen2")
    adapter = tuned(base, tmp_path / "adapter", size=0.003)
    with pytest.raises(ModelError, match=r"--type q4_0: rounding moves the answers by .* of the adapter itself"):
        exported(adapter, base, tmp_path / "out", "q4_0")
    assert sorted(f.name for f in tmp_path.iterdir()) == ["adapter", "base"]
    done = exported(adapter, base, tmp_path / "out", "f32")
    assert 0 <= done["rounding"]["rounded"] < done["rounding"]["adapter"]


def test_an_adapter_that_changes_nothing_is_refused(tmp_path: Path) -> None:
    base = write(tmp_path / "base", "qwen2")
    adapter = tuned(base, tmp_path / "adapter")
    file = adapter / "adapter_model.safetensors"
    save_file({n: t * (0 if "lora_B" in n else 1) for n, t in load_file(file).items()}, file)
    with pytest.raises(ModelError, match="no tensor of the base is changed"):
        exported(adapter, base, tmp_path / "out", "f32")
    assert sorted(f.name for f in tmp_path.iterdir()) == ["adapter", "base"]


def test_of_chatglm_6b_nothing_is_loaded(folder: Path, tmp_path: Path) -> None:
    with pytest.raises(ModelError, match="no architecture for ChatGLM-6B"):
        exported(tmp_path / "adapter", folder, tmp_path / "out", "f32")
