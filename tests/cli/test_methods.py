"""Every method's adapter goes the whole way: tuned, measured, compared, asked, written as PEFT's."""

import json
from collections.abc import Callable

import pytest

from .kit import Said, Scene


@pytest.mark.parametrize("method", ["ptuning", "qlora"])
def test_from_tune_to_an_answer(method: str, scene: Scene, command: Callable[..., Said]) -> None:
    said = command(*scene.tune, "--method", method, "prefix_tokens=8")
    assert said.code == 0, said.err
    adapter = scene.out / "adapter"
    measured = {}
    # the scene's own adapter stands in for a placebo
    for name, given in {"base": [], "tuned": ["--adapter", adapter], "other": ["--adapter", scene.adapter]}.items():
        arguments = [scene.base.parent / f"of-{name}" if part == scene.out else part for part in scene.evaluate]
        said = command(*arguments, *given, "--json")
        assert said.code == 0, said.err
        measured[name] = json.loads(said.out)["metrics"]["nll_per_token"]["value"]
    assert measured["tuned"] != measured["base"], "the adapter is in force"
    base, tuned, other = (scene.base.parent / f"of-{name}" for name in measured)
    said = command("compare", base, tuned, "--placebo", other, "--out", scene.base.parent / "gate", "--json")
    assert said.code == 3 and "too small to tell" in json.loads(said.out)["sentence"]["en"], said.err
    said = command(*scene.chat, "--adapter", adapter, "--json")
    assert said.code == 0 and "answer" in json.loads(said.out), said.err
    said = command("convert", adapter, scene.base.parent / "peft", "--to", "peft")
    assert said.code == 0 and (scene.base.parent / "peft" / "adapter_model.safetensors").is_file(), said.err
