"""The LoRA of 2023 (`enable_lora`): the same answers as an ordinary one; the oracle applies it as its libraries did."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file

from doctorglm import models
from doctorglm.errors import ConfigError, ModelError
from doctorglm.models.adapter_folder import to_peft
from doctorglm.models.adapters import base_fingerprint

from .test_adapters import logits

RANK, ALPHA = 2, 6
TWO_OF_THREE = [True, False, True]
CONFIG = {
    "base_model_name_or_path": "THUDM/chatglm-6b",
    "bias": "none",
    "enable_lora": TWO_OF_THREE,
    "fan_in_fan_out": True,
    "inference_mode": True,
    "lora_alpha": ALPHA,
    "lora_dropout": 0.1,
    "merge_weights": False,
    "modules_to_save": None,
    "peft_type": "LORA",
    "r": RANK,
    "target_modules": ["query_key_value"],
    "task_type": "CAUSAL_LM",
}


def published(
    base: Path, folder: Path, *, name: str = "adapter_model.bin", groups: int | None = None, **changes: Any
) -> dict[str, torch.Tensor]:
    """Writes a random adapter for the base as PEFT 0.2 did (`groups` in its convolution); returns its tensors."""
    config = {**CONFIG, **changes}
    blocks = sum(config["enable_lora"])
    groups = groups or blocks
    shapes = {n: t.shape for n, t in load_file(base / "model.safetensors").items()}
    torch.manual_seed(3)
    tensors = {}
    for module in (n.removesuffix(".weight") for n in shapes if n.endswith("query_key_value.weight")):
        rows, width = shapes[f"{module}.weight"]
        out = rows // len(config["enable_lora"]) * blocks
        tensors[f"base_model.model.{module}.lora_A.weight"] = torch.randn(RANK * blocks, width)
        tensors[f"base_model.model.{module}.lora_B.weight"] = torch.randn(out, RANK * blocks // groups, 1)
    folder.mkdir(parents=True)
    torch.save(tensors, folder / name)
    (folder / "adapter_config.json").write_text(json.dumps(config))
    return tensors


def with_grouped_convolution(model: Any, tensors: dict[str, torch.Tensor], enabled: list[bool], groups: int) -> Any:
    """The oracle: what MergedLinear's forward added to each `query_key_value`, written down from loralib."""
    for name, linear in model.named_modules():
        if name.endswith("query_key_value"):
            a, b = (tensors[f"base_model.model.{name}.lora_{part}.weight"] for part in "AB")

            def hook(
                module: Any, inputs: Any, output: torch.Tensor, a: torch.Tensor = a, b: torch.Tensor = b
            ) -> torch.Tensor:
                after_a = torch.nn.functional.linear(inputs[0].reshape(1, -1, inputs[0].shape[-1]), a)
                after_b = torch.nn.functional.conv1d(after_a.transpose(-2, -1), b, groups=groups).transpose(-2, -1)
                padded = torch.zeros_like(output).view(-1, output.shape[-1])
                places = torch.tensor(enabled).repeat_interleave(output.shape[-1] // len(enabled)).nonzero().flatten()
                padded[:, places] = after_b[0]
                return output + padded.view_as(output) * ALPHA / RANK

            linear.register_forward_hook(hook)
    return model


@pytest.mark.parametrize(
    ("enabled", "groups"),
    [
        (TWO_OF_THREE, 2),
        ([True, True, True], 3),
        ([True, True, True], 2),  # PEFT's fixed number
        ([True, False, False], 1),
        ([True, False, False], 2),
        ([False, True], 1),
        ([True], 1),
    ],
)
def test_the_same_answers(folder: Path, tmp_path: Path, enabled: list[bool], groups: int) -> None:
    if len(enabled) == 2:
        enabled = [*enabled, False, True]  # 96 rows in four runs
        groups = 2
    tensors = published(folder, tmp_path / "published", groups=groups, enable_lora=enabled)
    done = to_peft(tmp_path / "published", tmp_path / "peft")
    plain, _ = models.load(folder)
    unchanged = logits(plain)
    expected = logits(with_grouped_convolution(plain, tensors, enabled, groups))
    assert (expected - unchanged).abs().max() > 0.1
    ours, _ = models.load(folder, adapter=tmp_path / "peft")
    torch.testing.assert_close(logits(ours), expected, rtol=1e-5, atol=2e-4)
    assert (done["rank"], done["alpha"]) == (RANK * sum(enabled), ALPHA * sum(enabled))
    assert (done["family"], done["tensors"]) == ("enable_lora", 4)


def test_every_value_stays_as_it_was(folder: Path, tmp_path: Path) -> None:
    tensors = published(folder, tmp_path / "published")
    to_peft(tmp_path / "published", tmp_path / "peft")
    made = load_file(tmp_path / "peft/adapter_model.safetensors")
    assert len(made) == len(tensors) == 4
    for name, old in tensors.items():
        new = made[name]
        if "lora_A" in name:
            assert torch.equal(new, old)
            continue
        third = new.shape[0] // 3
        first, middle, last = new.split(third)
        assert torch.equal(first[:, :RANK], old[:third, :, 0]) and not first[:, RANK:].any()
        assert not middle.any()
        assert torch.equal(last[:, RANK:], old[third:, :, 0]) and not last[:, :RANK].any()


@pytest.mark.parametrize("name", ["adapter_model.bin", "pytorch_model.bin", "chatglm-6b-lora.pt"])
def test_under_any_published_name_and_with_any_prefix(folder: Path, tmp_path: Path, name: str) -> None:
    published(folder, tmp_path / "published", name=name)
    to_peft(tmp_path / "published", tmp_path / "one")
    file = tmp_path / "published" / name
    tensors = torch.load(file, weights_only=True)
    other = {
        n.removeprefix("base_model.model.").replace(".weight", ".default.weight"): t.half() for n, t in tensors.items()
    }
    torch.save(other, file)
    to_peft(tmp_path / "published", tmp_path / "two")
    one, two = (load_file(tmp_path / which / "adapter_model.safetensors") for which in ("one", "two"))
    assert one.keys() == two.keys() and {t.dtype for t in two.values()} == {torch.float16}
    assert all(torch.equal(one[n].half(), two[n]) for n in one)


def test_what_is_written(folder: Path, tmp_path: Path) -> None:
    published(folder, tmp_path / "published")
    (tmp_path / "published/LICENSE").write_text("theirs")
    to_peft(tmp_path / "published", tmp_path / "peft", str(folder))
    files = {f.name for f in (tmp_path / "peft").iterdir()}
    assert files == {"adapter_config.json", "adapter_model.safetensors", "base.json", "LICENSE"}
    assert {oct(f.stat().st_mode & 0o777) for f in (tmp_path / "peft").iterdir()} == {"0o600"}
    config = json.loads((tmp_path / "peft/adapter_config.json").read_text())
    assert "enable_lora" not in config and "merge_weights" not in config and config["fan_in_fan_out"] is False
    assert (config["r"], config["lora_alpha"], config["lora_dropout"]) == (4, 12, 0.1)
    assert config["base_model_name_or_path"] == str(folder)
    assert json.loads((tmp_path / "peft/base.json").read_text()) == {"sha256": base_fingerprint(folder)}


def test_again_it_is_the_same(folder: Path, tmp_path: Path) -> None:
    """PEFT to PEFT: the file is rewritten, nothing else; from a pickle too."""
    published(folder, tmp_path / "published")
    to_peft(tmp_path / "published", tmp_path / "one", str(folder))
    done = to_peft(tmp_path / "one", tmp_path / "two")
    assert done["family"] == "lora" and (done["rank"], done["alpha"]) == (4, 12)
    for file in ("adapter_model.safetensors", "adapter_config.json", "base.json"):
        assert (tmp_path / "one" / file).read_bytes() == (tmp_path / "two" / file).read_bytes()
    tensors = load_file(tmp_path / "one/adapter_model.safetensors")
    (tmp_path / "one/adapter_model.safetensors").unlink()
    torch.save(tensors, tmp_path / "one/adapter_model.bin")
    to_peft(tmp_path / "one", tmp_path / "three")
    again = load_file(tmp_path / "three/adapter_model.safetensors")
    assert again.keys() == tensors.keys() and all(torch.equal(again[n], tensors[n]) for n in tensors)


def zeros(file: Path, config: dict[str, Any]) -> None:
    torch.save({n: t * 0 for n, t in torch.load(file, weights_only=True).items()}, file)


def not_finite(file: Path, config: dict[str, Any]) -> None:
    torch.save({n: t / 0 for n, t in torch.load(file, weights_only=True).items()}, file)


def empty(file: Path, config: dict[str, Any]) -> None:
    torch.save({}, file)


def code(file: Path, config: dict[str, Any]) -> None:
    torch.save({"x": Path("/")}, file)


def half_a_pair(file: Path, config: dict[str, Any]) -> None:
    torch.save({n: t for n, t in torch.load(file, weights_only=True).items() if "lora_A" in n}, file)


def a_whole_model(file: Path, config: dict[str, Any]) -> None:
    torch.save({**torch.load(file, weights_only=True), "lm_head.weight": torch.ones(2, 2)}, file)


def another_rank(file: Path, config: dict[str, Any]) -> None:
    config["r"] = 3


def no_rank(file: Path, config: dict[str, Any]) -> None:
    config["r"] = 0


def no_blocks(file: Path, config: dict[str, Any]) -> None:
    config["enable_lora"] = [True, "no"]


def biases(file: Path, config: dict[str, Any]) -> None:
    config["bias"] = "lora_only"


def no_file(file: Path, config: dict[str, Any]) -> None:
    file.unlink()


@pytest.mark.parametrize(
    ("broken", "message"),
    [
        (zeros, "is all zeros: nothing was learned"),
        (not_finite, "is not finite"),
        (empty, "holds no tensors"),
        (code, "this pickle holds more than tensors"),
        (half_a_pair, "its other half is there"),
        (a_whole_model, "lm_head.weight=.*no tensor of a LoRA"),
        (another_rank, "6 rows are needed: r=3 for each of 2 enabled blocks"),
        (no_rank, "r=0: a positive whole number is needed"),
        (no_blocks, "a list of true and false is needed"),
        (biases, "bias='lora_only'"),
        (no_file, "0 other files of weights"),
    ],
)
def test_what_is_refused(
    folder: Path, tmp_path: Path, broken: Callable[[Path, dict[str, Any]], None], message: str
) -> None:
    published(folder, tmp_path / "published")
    config = dict(CONFIG)
    broken(tmp_path / "published/adapter_model.bin", config)
    (tmp_path / "published/adapter_config.json").write_text(json.dumps(config))
    with pytest.raises(ModelError, match=message):
        to_peft(tmp_path / "published", tmp_path / "peft")
    assert not (tmp_path / "peft").exists()


def test_another_base_or_no_room(
    folder: Path, new_folder: Callable[..., Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    published(folder, tmp_path / "published")
    with pytest.raises(ModelError, match=r"made for another base: .* \[96, 32\] in the adapter and missing in"):
        to_peft(tmp_path / "published", tmp_path / "peft", str(new_folder("less", num_layers=1)))
    with pytest.raises(ModelError, match=r"made for another base: .* \[96, 32\] in the adapter and \[192, 64\]"):
        to_peft(tmp_path / "published", tmp_path / "peft", str(new_folder("wide", hidden_size=64)))
    monkeypatch.setattr("shutil.disk_usage", lambda _: type("Disk", (), {"free": 100})())
    with pytest.raises(ConfigError, match=r"MB are needed, and 0.0 MB are free"):
        to_peft(tmp_path / "published", tmp_path / "peft")
    assert not (tmp_path / "peft").exists()
