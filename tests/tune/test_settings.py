"""Every setting changes something; a wrong one is named with the remedy."""

import hashlib
from collections.abc import Callable
from dataclasses import fields, replace
from pathlib import Path
from typing import Any

import pytest
import torch

from doctorglm.conversation import Conversation, Message, write_conversations
from doctorglm.errors import ConfigError
from doctorglm.settings import build, parse_overrides
from doctorglm.tune import compiled, stage
from doctorglm.tune.checkpoint import Checkpoints
from doctorglm.tune.general import general_text
from doctorglm.tune.settings import TuneSettings

# field -> (another value, what else has to be set for it to matter)
CHANGES: dict[str, tuple[Any, dict[str, Any]]] = {
    "method": ("full", {}),
    "quantization": ("int8", {"method": "qlora"}),
    "learning_rate": (0.02, {}),
    "optimizer": ("lion", {}),
    "muon_learning_rate": (0.05, {"optimizer": "muon"}),
    "weight_decay": (0.5, {}),
    "epochs": (2, {}),
    "max_steps": (4, {}),
    "batch_tokens": (120, {}),
    "packing": (False, {}),
    "fuse": (False, {}),
    "compile": (True, {"fuse": False}),
    "recompute": ("full", {}),
    "accumulation": (2, {}),
    "warmup": (0.5, {}),
    "schedule": ("linear", {}),
    "final_learning_rate": (0.9, {}),
    "max_grad_norm": (0.01, {}),
    "max_length": (60, {}),
    "lora_rank": (3, {}),
    "lora_alpha": (4.0, {}),
    "lora_dropout": (0.5, {}),
    "lora_targets": ("q_proj", {}),
    "rslora": (True, {}),
    "prefix_tokens": (7, {"method": "ptuning"}),
    "prefix_init": ("random", {"method": "ptuning"}),
    "prefix_projection": (True, {"method": "ptuning"}),
    "prefix_hidden": (3, {"method": "ptuning", "prefix_projection": True}),
    "prefix_dropout": (0.5, {"method": "ptuning"}),
    "validate_every": (2, {}),
    "general": ("none", {}),
    "max_forgetting": (0.0, {"validate_every": 1, "max_forgetting": 1e-6, "general": "LETTERS"}),
    "patience": (1, {"validate_every": 1, "learning_rate": 0.3, "schedule": "constant"}),
    "replay": ("0.4", {}),
    "replay_data": (str(general_text("shipped", "valid")), {"replay": "0.4", "general": "none"}),
    "checkpoint_every_s": (1e-9, {}),
    "seed": (1, {}),
}

TOGETHER = {"sharding"}
"""What several processes differ in, and one refuses: `test_devices.py`."""


@pytest.fixture
def outcome(qwen_base: Path, data: Path, tmp_path: Path, monkeypatch: Any) -> Callable[[TuneSettings], tuple[Any, ...]]:
    """What a run leaves: its weights, its metrics without time, and how often it was saved."""

    def run(settings: TuneSettings) -> tuple[Any, ...]:
        saves: list[int] = []
        monkeypatch.setattr(Checkpoints, "save", lambda *args: saves.append(args[3].step))
        monkeypatch.setattr(stage, "_write_page", lambda *_: "")
        monkeypatch.setattr(compiled, "_BACKEND", "aot_eager")  # no compiler is needed, and sums keep their order
        out = tmp_path / str(len(list(tmp_path.iterdir())))
        record = stage.tune(str(qwen_base), data, out, settings).record
        folder = out / ("model" if settings.method == "full" else "adapter")
        weights = hashlib.sha256(next(folder.glob("*.safetensors")).read_bytes()).hexdigest()
        rows = [line.partition('"seconds"')[0] for line in (out / "metrics.jsonl").read_text("utf-8").splitlines()]
        validated = sum("valid_loss" in line for line in (out / "metrics.jsonl").read_text("utf-8").splitlines())
        return weights, rows, validated, record["counts"], record["compiled_layers"], record["recomputed_layers"], saves

    return run


@pytest.fixture(scope="module")
def seen() -> dict[str, tuple[Any, ...]]:
    """The outcomes of settings that several tests start from."""
    return {}


@pytest.mark.filterwarnings("ignore:The .grad attribute of a Tensor that is not a leaf:UserWarning")
@pytest.mark.parametrize("name", [f.name for f in fields(TuneSettings) if f.name not in TOGETHER])
def test_every_setting_changes_something(
    outcome: Any, seen: dict[str, tuple[Any, ...]], tmp_path_factory: pytest.TempPathFactory, name: str
) -> None:
    value, needed = CHANGES[name]
    usual = replace(
        TuneSettings(
            epochs=1, batch_tokens=250, lora_rank=2, learning_rate=0.01, max_steps=5, validate_every=0,
            checkpoint_every_s=9999, accumulation=1,
        ),
        **needed,
    )  # fmt: skip
    if name == "epochs":
        usual = replace(usual, max_steps=0, batch_tokens=1200)
    if usual.general == "LETTERS":  # which the data has none of, so that training on it forgets them
        letters = tmp_path_factory.mktemp("letters") / "general.jsonl"
        said = (Message("user", "say it"), Message("assistant", "the quick brown fox jumps over a lazy dog"))
        write_conversations(letters, [Conversation(id="a", messages=said)])
        usual = replace(usual, general=str(letters))
    key = repr(usual)
    seen[key] = seen.get(key) or outcome(usual)
    assert getattr(usual, name) != value
    assert outcome(replace(usual, **{name: value})) != seen[key]


def test_a_setting_without_effect_is_named() -> None:
    prefix = ["prefix_tokens", "prefix_init", "prefix_projection", "prefix_dropout", "prefix_hidden"]
    lora = ["lora_rank", "lora_alpha", "lora_dropout", "lora_targets", "rslora"]
    always = ["muon_learning_rate", "replay_data"]
    assert TuneSettings().without_effect() == [*always, *prefix, "quantization"]
    assert TuneSettings(method="qlora").without_effect() == [*always, *prefix]
    full = TuneSettings(method="full", schedule="constant", optimizer="muon", general="none", replay="self:3")
    assert full.without_effect() == ["final_learning_rate", "max_forgetting", *lora, *prefix, "quantization"]
    ptuning = TuneSettings(method="ptuning", prefix_projection=True).without_effect()
    assert ptuning == [*always, *lora, "quantization"]
    assert TuneSettings(sharding="full").without_effect() == ["fuse", *always, *prefix, "quantization"]


def test_an_unknown_setting_names_the_nearest() -> None:
    with pytest.raises(ConfigError, match=r"tune: unknown setting `lr`; did you mean `learning_rate`\?"):
        build(TuneSettings, parse_overrides(["lr=1e-3"]), "tune")
    with pytest.raises(ConfigError, match=r"`lora_rnak`; did you mean `lora_rank`\?"):
        build(TuneSettings, {"lora_rnak": 4}, "tune")


@pytest.mark.parametrize(
    ("pair", "shown"),
    [
        ("learning_rate=fast", "learning_rate=fast"),
        ("learning_rate=0", "learning_rate=0"),
        ("learning_rate=-1", "learning_rate=-1"),
        ("learning_rate=.inf", "learning_rate=inf"),
        ("epochs=0", "epochs=0"),
        ("epochs=2.5", "epochs=2.5"),
        ("optimizer=sgd", "optimizer=sgd"),
        ("method=prompt", "method=prompt"),
        ("prefix_tokens=0", "prefix_tokens=0"),
        ("prefix_init=zero", "prefix_init=zero"),
        ("lora_dropout=1", "lora_dropout=1"),
        ("warmup=1.5", "warmup=1.5"),
        ("rslora=maybe", "rslora=maybe"),
        ("seed=", "seed=None"),
    ],
)
def test_an_impossible_value_is_shown(pair: str, shown: str) -> None:
    with pytest.raises(ConfigError, match=f"tune: {shown}"):
        build(TuneSettings, parse_overrides([pair]), "tune")


def test_numbers_are_read_as_people_write_them() -> None:
    settings = build(TuneSettings, parse_overrides(["learning_rate=1e-3", "epochs=2", "rslora=true"]), "tune")
    assert (settings.learning_rate, settings.epochs, settings.rslora) == (0.001, 2, True)


def test_seeds_of_steps_differ_between_seeds(qwen_base: Path, data: Path) -> None:
    """Step 5 of seed 0 must not draw what step 4 of seed 1 draws, as seed + step would."""
    from doctorglm.tune.randomness import _SEEDS_OF_A_RUN

    seeds = {seed * _SEEDS_OF_A_RUN + step for seed in range(3) for step in range(1000)}
    assert len(seeds) == 3000
    torch.manual_seed(-3 * _SEEDS_OF_A_RUN)
