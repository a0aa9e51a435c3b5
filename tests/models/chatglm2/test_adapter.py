"""LoRA of the published ChatGLM2 code on GLM; the oracle adds its product to the official matrices."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file, save_file

from doctorglm import models
from doctorglm.errors import ModelError
from doctorglm.models.adapter_folder import to_peft
from doctorglm.models.convert import convert

from .conftest import Official, write_official

TARGETS = ["query_key_value", "dense", "dense_h_to_4h", "dense_4h_to_h"]
RANK, ALPHA = 3, 6


def published(official: Official, folder: Path, **changes: Any) -> dict[str, torch.Tensor]:
    """A random adapter of every linear layer, as PEFT wrote it over the published code."""
    torch.manual_seed(4)
    tensors = {}
    for name, weight in official.weights.items():
        if name.split(".")[-2] in TARGETS:
            module = f"base_model.model.{name.removesuffix('.weight')}"
            if name.endswith("weight"):
                tensors[f"{module}.lora_A.weight"] = torch.randn(RANK, weight.shape[1])
                tensors[f"{module}.lora_B.weight"] = torch.randn(weight.shape[0], RANK) * 0.2
    folder.mkdir()
    save_file(tensors, folder / "adapter_model.safetensors")
    config = {"peft_type": "LORA", "r": RANK, "lora_alpha": ALPHA, "target_modules": TARGETS, "bias": "none"}
    (folder / "adapter_config.json").write_text(json.dumps({**config, "task_type": "CAUSAL_LM", **changes}))
    return tensors


def logits(model: Any) -> torch.Tensor:
    with torch.inference_mode():
        found: torch.Tensor = model(torch.tensor([[64, 66, 5, 9, 200, 17]])).logits
    return found


@pytest.mark.parametrize("converted", [False, True])
def test_the_same_as_added_to_the_official_matrices(
    official: Callable[..., Official], tmp_path: Path, converted: bool
) -> None:
    base = official()
    tensors = published(base, tmp_path / "published")
    added = dict(base.weights)
    for name in tensors:
        if ".lora_A." in name:
            a, b = tensors[name], tensors[name.replace("lora_A", "lora_B")]
            key = name.removeprefix("base_model.model.").replace(".lora_A", "")
            added[key] = added[key] + b @ a * ALPHA / RANK
    write_official(tmp_path / "added", added, base.config)
    for file in ("tokenizer.model", "tokenizer_config.json"):
        (tmp_path / "added" / file).write_bytes((base.folder / file).read_bytes())
    expected = logits(models.load(tmp_path / "added")[0])
    assert (expected - logits(models.load(base.folder)[0])).abs().max() > 0.1
    folder = base.folder
    if converted:
        folder = tmp_path / "hf"
        convert(base.folder, folder, "hf")
    done = to_peft(tmp_path / "published", tmp_path / "peft", str(folder))
    assert (done["rank"], done["alpha"], done["tensors"]) == (RANK, ALPHA, 2 * 6 * base.config["num_layers"])
    ours, _ = models.load(folder, adapter=tmp_path / "peft")
    torch.testing.assert_close(logits(ours), expected, rtol=1e-4, atol=1e-4)


def test_it_fits_a_packed_base_too(official: Callable[..., Official], tmp_path: Path) -> None:
    base = official()
    published(base, tmp_path / "published")
    convert(base.folder, tmp_path / "int4", "int4")
    found = []
    for folder, name in ((base.folder, "one"), (tmp_path / "int4", "two")):
        to_peft(tmp_path / "published", tmp_path / name, str(folder))
        found.append(logits(models.load(folder, tmp_path / name, quantization="int4")[0]))
    torch.testing.assert_close(*found, rtol=1e-5, atol=1e-5)


def test_what_is_refused(official: Callable[..., Official], tmp_path: Path) -> None:
    base = official()
    published(base, tmp_path / "published")
    with pytest.raises(ModelError, match="Give that base, official or converted: --base MODEL"):
        to_peft(tmp_path / "published", tmp_path / "peft")
    with pytest.raises(ModelError, match=r"made for another base: .* has 64 rows, and the base's matrix 96"):
        to_peft(tmp_path / "published", tmp_path / "peft", str(official("wide", multi_query_group_num=4).folder))
    with pytest.raises(ModelError, match="made for another base"):
        to_peft(tmp_path / "published", tmp_path / "peft", str(official("less", num_layers=1).folder))
    for i, changes in enumerate(({"target_modules": "all-linear"}, {"rank_pattern": {"dense": 2}})):
        published(base, tmp_path / f"other{i}", **changes)
        with pytest.raises(ModelError, match="cannot be converted"):
            to_peft(tmp_path / f"other{i}", tmp_path / "peft", str(base.folder))
    file = tmp_path / "published/adapter_model.safetensors"
    save_file({**load_file(file), "base_model.model.x.lora_A.weight": torch.ones(3, 2)}, file)
    with pytest.raises(ModelError, match=r"base_model.model.x.lora_A.weight: not of the linear layers"):
        to_peft(tmp_path / "published", tmp_path / "peft", str(base.folder))
    assert not (tmp_path / "peft").exists()
