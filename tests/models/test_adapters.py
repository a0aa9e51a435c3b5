"""Adapters: written whole or not at all, read back, and attached only to the base they were made for."""

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from peft import LoraConfig, PromptTuningConfig, get_peft_model, get_peft_model_state_dict
from safetensors.torch import load_file, save_file

from doctorglm import models
from doctorglm.errors import ModelError
from doctorglm.models.adapters import base_fingerprint, save_adapter

IDS = torch.tensor([[5, 9, 11, 20, 87, 90]])


def adapted(folder: Path, *, learned: bool = True, targets: tuple[str, ...] = ("query_key_value",)) -> Any:
    model, _ = models.load(folder)
    torch.manual_seed(1)
    model = get_peft_model(model, LoraConfig(r=2, target_modules=list(targets), task_type="CAUSAL_LM"))
    if learned:
        for name, parameter in model.named_parameters():
            if "lora_B" in name:
                torch.nn.init.normal_(parameter)
    return model.eval()


def logits(model: Any) -> torch.Tensor:
    config = model.config
    ids = torch.tensor([[5, 9, 11, config.gmask_token_id, config.bos_token_id, 20]])
    with torch.no_grad():
        out: torch.Tensor = model(input_ids=ids).logits
    return out


def test_saved_and_loaded(folder: Path, tmp_path: Path) -> None:
    model = adapted(folder)
    out = tmp_path / "run/adapter"
    save_adapter(model, out, base_fingerprint(folder))
    assert sorted(f.name for f in out.iterdir()) == ["adapter_config.json", "adapter_model.safetensors", "base.json"]
    assert {oct(f.stat().st_mode & 0o777) for f in out.iterdir()} == {"0o600"}
    assert json.loads((out / "base.json").read_text()) == {"sha256": base_fingerprint(folder)}
    assert [f.name for f in out.parent.iterdir()] == ["adapter"]
    again, _ = models.load(folder, adapter=out)
    torch.testing.assert_close(logits(again), logits(model))
    plain, _ = models.load(folder)
    assert (logits(plain) - logits(model)).abs().max() > 0.1
    memory = get_peft_model_state_dict(model)
    disk = load_file(out / "adapter_model.safetensors")
    assert memory.keys() == disk.keys()
    assert len(disk) == 2 * 2


def test_in_half_precision(folder: Path, tmp_path: Path) -> None:
    save_adapter(adapted(folder), tmp_path / "adapter", base_fingerprint(folder))
    half, _ = models.load(folder, adapter=tmp_path / "adapter", dtype=torch.bfloat16)
    assert logits(half).isfinite().all()


def test_saving_again_replaces_the_old_one(folder: Path, tmp_path: Path) -> None:
    out = tmp_path / "adapter"
    save_adapter(adapted(folder), out, "one")
    (out / "stray").write_text("")
    save_adapter(adapted(folder, targets=("dense",)), out, "two")
    assert json.loads((out / "base.json").read_text()) == {"sha256": "two"}
    assert not (out / "stray").exists()


def test_an_adapter_that_learned_nothing_is_not_saved(folder: Path, tmp_path: Path) -> None:
    out = tmp_path / "adapter"
    save_adapter(adapted(folder), out, "kept")
    with pytest.raises(ModelError, match=r"lora_B.weight is all zeros: nothing was learned"):
        save_adapter(adapted(folder, learned=False), out, "new")
    assert json.loads((out / "base.json").read_text()) == {"sha256": "kept"}
    assert [f.name for f in tmp_path.iterdir() if "adapter" in f.name] == ["adapter"]


def test_nan_and_nothing_are_not_saved(folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    model = adapted(folder)
    next(p for n, p in model.named_parameters() if "lora_A" in n).data[0, 0] = float("nan")
    with pytest.raises(ModelError, match=r"lora_A.weight is not finite"):
        save_adapter(model, tmp_path / "adapter", "x")
    monkeypatch.setattr("peft.get_peft_model_state_dict", lambda _, **how: {})
    with pytest.raises(ModelError, match="holds no tensors"):
        save_adapter(model, tmp_path / "adapter", "x")
    assert not (tmp_path / "adapter").exists()


def test_a_file_that_differs_from_memory_is_noticed(
    folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    model = adapted(folder)
    save_pretrained = type(model).save_pretrained

    def damaged(self: Any, path: Path, **asked: Any) -> None:
        save_pretrained(self, path, **asked)
        file = path / "adapter_model.safetensors"
        tensors = load_file(file)
        next(iter(tensors.values())).add_(1)
        save_file(tensors, file)

    monkeypatch.setattr(type(model), "save_pretrained", damaged)
    with pytest.raises(ModelError, match="1 tensors differ between file and memory"):
        save_adapter(model, tmp_path / "adapter", "x")
    assert list(tmp_path.glob("*adapter*")) == []


def test_another_base(folder: Path, new_folder: Callable[..., Path], tmp_path: Path) -> None:
    out = tmp_path / "adapter"
    save_adapter(adapted(folder), out, base_fingerprint(folder))
    other = new_folder()
    state = load_file(other / "model.safetensors")
    state["transformer.final_layernorm.bias"] += 1
    save_file(state, other / "model.safetensors", metadata={"format": "pt"})
    with pytest.raises(ModelError, match=r"adapter: this adapter was made for another base \(sha256 .{12}\.\.\.; here"):
        models.load(other, adapter=out)


@pytest.mark.parametrize("change", [{"hidden_size": 64}, {"num_layers": 1}])
def test_another_base_by_its_shapes(folder: Path, new_folder: Callable[..., Path], tmp_path: Path, change: Any) -> None:
    out = tmp_path / "adapter"
    save_adapter(adapted(folder), out, base_fingerprint(folder))
    (out / "base.json").unlink()
    models.load(folder, adapter=out)
    with pytest.raises(ModelError, match=r"another (base|model)"):
        models.load(new_folder(**change), adapter=out)


def test_modules_that_the_base_does_not_have(folder: Path, tmp_path: Path) -> None:
    out = tmp_path / "adapter"
    save_adapter(adapted(folder), out, base_fingerprint(folder))
    config = json.loads((out / "adapter_config.json").read_text())
    (out / "adapter_config.json").write_text(json.dumps({**config, "target_modules": ["q_proj"]}))
    with pytest.raises(ModelError, match="another base"):
        models.load(folder, adapter=out)


def test_an_adapter_that_is_incomplete(folder: Path, tmp_path: Path) -> None:
    out = tmp_path / "adapter"
    save_adapter(adapted(folder), out, base_fingerprint(folder))
    whole = shutil.copytree(out, tmp_path / "whole")
    weights = out / "adapter_model.safetensors"
    tensors = load_file(weights)
    del tensors[next(iter(tensors))]
    save_file(tensors, weights)
    with pytest.raises(ModelError, match="differ between file and memory"):
        models.load(folder, adapter=out)
    save_file({}, weights)
    with pytest.raises(ModelError, match="holds no tensors"):
        models.load(folder, adapter=out)
    weights.write_bytes((whole / weights.name).read_bytes()[:-9])
    with pytest.raises(ModelError, match=r"adapter_model.safetensors: truncated"):
        models.load(folder, adapter=out)
    weights.unlink()
    with pytest.raises(ModelError, match=r"adapter_model.safetensors: no such file.*PEFT's format"):
        models.load(folder, adapter=out)
    (out / "adapter_config.json").write_text("{}")
    shutil.copy(whole / weights.name, weights)
    with pytest.raises(ModelError, match="not a PEFT configuration"):
        models.load(folder, adapter=out)


def test_prompts_in_pefts_format_are_refused(folder: Path, tmp_path: Path) -> None:
    out = tmp_path / "adapter"
    save_adapter(adapted(folder), out, base_fingerprint(folder))
    config = PromptTuningConfig(task_type="CAUSAL_LM", num_virtual_tokens=2)
    config.save_pretrained(out)
    with pytest.raises(ModelError, match="PROMPT_TUNING would lose its prompt"):
        models.load(folder, adapter=out)


def test_the_fingerprint_is_of_weights_and_vocabulary(folder: Path, new_folder: Callable[..., Path]) -> None:
    first = base_fingerprint(folder)
    assert len(first) == 64
    same = new_folder()
    assert base_fingerprint(same) == first
    (same / "config.json").write_text("{}")
    (same / "notes.txt").write_text("x")
    assert base_fingerprint(same) == first
    (same / "ice_text.model").write_bytes(b"other")
    assert base_fingerprint(same) != first
    assert base_fingerprint(new_folder("third", num_layers=1)) != first
    (same / "model.safetensors").unlink()
    with pytest.raises(ModelError, match="no weights"):
        base_fingerprint(same)
