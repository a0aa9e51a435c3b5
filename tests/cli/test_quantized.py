"""--quantization, --method qlora, --onto and --to int8|int4 on the command line."""

import json
from collections.abc import Callable
from pathlib import Path

from ..house import change_config
from ..models.llamacpp.bases import write
from .kit import Said, Scene, files


def test_a_quantised_base_is_asked_measured_and_refused(scene: Scene, command: Callable[..., Said]) -> None:
    said = command(*scene.evaluate, "--quantization", "int4", "--json")
    assert said.code == 0, said.err
    record = json.loads((scene.out / "run.json").read_text("utf-8"))
    assert record["weights_in"] == "int4" and record["settings"]["quantization"] == "int4"
    for kind in ("none", "int4"):
        asked = command(*scene.chat, "--quantization", kind, "--json")
        assert asked.code == 0 and "answer" in json.loads(asked.out), asked.err
    assert command(*scene.chat, "--quantization", "int3").code == 2
    for language, expected in (("en", "in int4 already"), ("zh", "权重已是 int4")):
        change_config(scene.base, quantization_bit=4)
        refused = command("--lang", language, *scene.chat, "--quantization", "nf4")
        assert refused.code == 2 and expected in refused.err


def test_qlora_then_merged_then_packed(scene: Scene, tmp_path: Path, command: Callable[..., Said]) -> None:
    said = command(*scene.tune, "--method", "qlora", "quantization=int8", "--json")
    assert said.code == 0, said.err
    assert json.loads(said.out)["weights_in"] == "int8"
    adapter = scene.out / "adapter"
    assert json.loads((adapter / "base.json").read_text())["quantization"] == "int8"
    said = command("convert", adapter, tmp_path / "merged", "--to", "merged", "--allow-ungated")
    assert said.code == 0, said.err
    assert "merged onto the unpacked base: KL" in said.err and "merged and packed again: KL" in said.err
    said = command("convert", scene.base, tmp_path / "int4", "--to", "int4", "--json")
    assert said.code == 0 and json.loads(said.out)["divergence"]["kl"] >= 0
    said = command("convert", scene.base, tmp_path / "two", "--to", "int4", "--onto", "full")
    assert said.code == 2 and "--onto has no meaning for this SRC with --to int4" in said.err
    said = command("convert", tmp_path / "int4", tmp_path / "two", "--to", "int8")
    assert said.code == 2 and "is in int4 already" in said.err and not (tmp_path / "two").exists()


def test_a_packed_chatglm2_is_planned_and_answers(scene: Scene, tmp_path: Path, command: Callable[..., Said]) -> None:
    base = write(tmp_path / "chatglm2", "chatglm2")
    said = command("convert", base, tmp_path / "int4", "--to", "int4", "--json")
    assert said.code == 0 and json.loads(said.out)["family"] == "chatglm2", said.err
    said = command("plan", "--base", tmp_path / "int4", "--data", scene.data, "--device", "A100-80G", "--json")
    assert said.code == 0 and json.loads(said.out)["weights"] == "int4", said.err
    said = command("chat", "--model", tmp_path / "int4", "--ask", "头痛", "--json", "max_new_tokens=4")
    assert said.code == 0 and "answer" in json.loads(said.out), said.err
    said = command("convert", tmp_path / "int4", tmp_path / "hf", "--to", "hf", "--json")
    assert said.code == 0 and files(tmp_path / "hf")[:2] == ["config.json", "model.safetensors"]
