"""An adapter merged into its base answers as the adapter does, or is not written."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file, save_file

from doctorglm import models
from doctorglm.errors import ConfigError, ModelError
from doctorglm.models import merging
from doctorglm.models.adapters import base_fingerprint, save_adapter
from doctorglm.models.merging import PROBES, base_of, merge
from doctorglm.runs import read_json, sha256_tree

from .test_adapters import adapted, logits

GATE = {"passed": True, "allow_ungated": False}


@pytest.fixture
def adapter(folder: Path, tmp_path: Path) -> Path:
    out = tmp_path / "run/adapter"
    save_adapter(adapted(folder), out, base_fingerprint(folder))
    return out


def merged(adapter: Path, folder: Path, target: Path) -> dict[str, Any]:
    return merge(adapter, folder, target, fingerprint=base_fingerprint(folder), gate=GATE)


def test_the_merged_model_answers_as_the_adapter(folder: Path, adapter: Path, tmp_path: Path) -> None:
    done = merged(adapter, folder, tmp_path / "out/merged")
    again, tokenizer = models.load(tmp_path / "out/merged")
    with_adapter, _ = models.load(folder, adapter=adapter)
    torch.testing.assert_close(logits(again), logits(with_adapter), rtol=1e-5, atol=1e-4)

    plain, its_tokenizer = models.load(folder)
    assert tokenizer("头疼怎么办") == its_tokenizer("头疼怎么办")
    assert type(again) is type(plain)
    assert (logits(plain) - logits(again)).abs().max() > 0.1, "the adapter does something"
    # two layers, one matrix in each
    assert (done["changed"], done["tensors"]) == (2, len(load_file(folder / "model.safetensors")))
    assert done["divergence"]["largest"] < 1e-4 * done["divergence"]["largest_logit"]
    assert 0 < done["divergence"]["mean"] <= done["divergence"]["largest"] < done["divergence"]["adapter_changes"]


def test_the_weights_are_base_plus_b_a_times_scale(folder: Path, adapter: Path, tmp_path: Path) -> None:
    merged(adapter, folder, tmp_path / "merged")
    before, after = (load_file(f / "model.safetensors") for f in (folder, tmp_path / "merged"))
    learned = load_file(adapter / "adapter_model.safetensors")
    config = read_json(adapter / "adapter_config.json")
    assert before.keys() == after.keys()
    for name, tensor in before.items():
        expected = tensor
        if name.endswith("query_key_value.weight"):
            prefix = f"base_model.model.{name.removesuffix('.weight')}"
            low, up = (learned[f"{prefix}.lora_{part}.weight"].double() for part in "AB")
            expected = (tensor.double() + up @ low * config["lora_alpha"] / config["r"]).float()
        torch.testing.assert_close(after[name], expected, rtol=1e-6, atol=1e-6)


def test_what_is_left_and_recorded(folder: Path, adapter: Path, tmp_path: Path) -> None:
    (folder / "LICENSE").write_text("Apache-2.0")
    (folder / "README.md").write_text("the base's card")
    done = merged(adapter, folder, tmp_path / "merged")
    names = {f.name for f in (tmp_path / "merged").iterdir()}
    assert {"config.json", "model.safetensors", "ice_text.model", "LICENSE", "run.json"} <= names
    assert "README.md" not in names
    assert {oct(f.stat().st_mode & 0o777) for f in (tmp_path / "merged").iterdir()} == {"0o600"}
    record = read_json(tmp_path / "merged/run.json")
    assert (record["stage"], record["status"]) == ("convert", "finished")
    assert record["settings"] == {"to": "merged", "base": str(folder), "adapter": str(adapter)}
    assert record["inputs"] == {"base": base_fingerprint(folder), "adapter": sha256_tree(adapter)}
    assert record["gate"] == GATE and record["divergence"] == done["divergence"]
    assert [f.name for f in tmp_path.iterdir() if "merged" in f.name] == ["merged"]


def test_a_base_in_half_precision_is_merged_in_32_bits(folder: Path, adapter: Path, tmp_path: Path) -> None:
    half = {name: tensor.half() for name, tensor in load_file(folder / "model.safetensors").items()}
    save_file(half, folder / "model.safetensors", metadata={"format": "pt"})
    (adapter / "base.json").unlink()
    merged(adapter, folder, tmp_path / "merged")
    after = load_file(tmp_path / "merged/model.safetensors")
    assert {tensor.dtype for tensor in after.values()} == {torch.float32}
    config = json.loads((tmp_path / "merged/config.json").read_text())
    assert config["dtype"] == "float32"
    changed = [n for n in half if not torch.equal(half[n].float(), after[n])]
    assert changed == [n for n in half if n.endswith("query_key_value.weight")]


def nothing_left(tmp_path: Path) -> bool:
    return not [f for f in tmp_path.iterdir() if "merged" in f.name]


def test_a_merge_that_changes_no_tensor_is_refused(folder: Path, adapter: Path, tmp_path: Path) -> None:
    """C069, huggingface/peft#2586: merged weights that are the base's."""
    file = adapter / "adapter_model.safetensors"
    save_file({n: t * (0 if "lora_B" in n else 1) for n, t in load_file(file).items()}, file)
    with pytest.raises(ModelError, match="no tensor of the base is changed"):
        merged(adapter, folder, tmp_path / "merged")
    assert nothing_left(tmp_path)


@pytest.mark.parametrize("broken", ["half", "lost"])
def test_a_merged_model_that_answers_otherwise_is_refused(
    folder: Path, adapter: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, broken: str
) -> None:
    """C067, huggingface/peft#1043: merged into rounded weights, or written without a part of it."""

    def save(model: Any, tokenizer: Any, out: Path) -> None:
        if broken == "half":
            model.half()
        else:
            model.get_output_embeddings().weight.data[0] += 1
        original(model, tokenizer, out)

    original = merging.save_model
    monkeypatch.setattr(merging, "save_model", save)
    with pytest.raises(ModelError, match=r"answers otherwise than the adapter: logits differ by up to .* of rounding"):
        merged(adapter, folder, tmp_path / "merged")
    assert nothing_left(tmp_path)


def test_an_adapter_that_is_not_finite_is_refused(folder: Path, adapter: Path, tmp_path: Path) -> None:
    file = adapter / "adapter_model.safetensors"
    tensors = load_file(file)
    next(t for n, t in tensors.items() if "lora_B" in n)[0] = float("nan")
    save_file(tensors, file)
    with pytest.raises(ModelError, match=r"cannot be merged|differ between file and memory"):
        merged(adapter, folder, tmp_path / "merged")
    assert nothing_left(tmp_path)


def test_another_base_is_refused(new_folder: Callable[..., Path], adapter: Path, tmp_path: Path) -> None:
    with pytest.raises(ModelError, match="made for another base"):
        merged(adapter, new_folder(num_layers=1), tmp_path / "merged")
    assert nothing_left(tmp_path)


def test_nothing_is_overwritten(folder: Path, adapter: Path, tmp_path: Path) -> None:
    (tmp_path / "merged").mkdir()
    with pytest.raises(ConfigError, match="exists already"):
        merged(adapter, folder, tmp_path / "merged")


def test_the_base_is_what_the_adapter_names_or_what_is_given(folder: Path, adapter: Path, tmp_path: Path) -> None:
    config = read_json(adapter / "adapter_config.json")
    assert base_of(adapter, None) == folder and config["base_model_name_or_path"] == str(folder)
    assert base_of(adapter, str(tmp_path)) == tmp_path
    assert base_of(adapter, "embedded").name == "embedded"
    with pytest.raises(ConfigError, match="--base: the base '/none' is no folder here"):
        base_of(adapter, "/none")
    (adapter / "adapter_config.json").write_text(json.dumps({**config, "base_model_name_or_path": "THUDM/chatglm-6b"}))
    with pytest.raises(ConfigError, match=r"adapter_config.json: the base 'THUDM/chatglm-6b' .* --base MODEL"):
        base_of(adapter, None)
    with pytest.raises(ConfigError, match="is no adapter in PEFT's format"):
        base_of(folder, None)


def test_the_probes_are_in_both_languages() -> None:
    assert any(p.isascii() for p in PROBES) and any(not p.isascii() for p in PROBES)
