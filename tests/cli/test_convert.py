"""`doctorglm convert`: what it says, in both languages, and what it leaves."""

import json
import re
import resource
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from doctorglm.evaluate.gate import REQUIRED
from doctorglm.evaluate.release import beside, seal
from doctorglm.models.adapters import base_fingerprint
from doctorglm.runs import sha256_tree, write_json

from ..house import change_config, write_base
from ..models.chatglm2.conftest import CONFIG, random_weights, write_official
from .kit import Said, Scene, environment, files, process


@pytest.fixture
def second(tmp_path: Path) -> Path:
    """A tiny ChatGLM2 in the official layout, without a tokenizer."""
    return write_official(tmp_path / "chatglm2", random_weights(CONFIG), CONFIG)


def test_there_and_back(second: Path, tmp_path: Path, command: Callable[..., Said]) -> None:
    said = command("convert", second, tmp_path / "hf", "--to", "hf", "--json")
    done = json.loads(said.out)
    assert said.code == 0 and files(tmp_path / "hf") == ["config.json", "model.safetensors"]
    expected = {"out": str(tmp_path / "hf"), "family": "chatglm2", "to": "hf", "tensors": 25, "tokenizer": False}
    assert {key: done[key] for key in expected} == expected and done["files"] == ["model.safetensors"]
    assert done["bytes"] == sum(4 * value.numel() for value in random_weights(CONFIG).values())
    said = command("convert", "--lang", "zh", tmp_path / "hf", tmp_path / "back", "--to", "chatglm")
    assert said.code == 0 and said.out == "" and "18 个张量" in said.err and "转换 100%" in said.err
    assert json.loads((tmp_path / "back/config.json").read_text())["model_type"] == "chatglm"


def test_chatglm_6b_and_then_it_answers(scene: Scene, tmp_path: Path, command: Callable[..., Said]) -> None:
    said = command("convert", scene.base, tmp_path / "hf", "--to", "hf")
    assert said.code == 0, said.err
    assert "chatglm-6b" in said.err and "convert 100%" in said.err
    answers = [command("chat", "--model", base, "--ask", "头痛", "--json", "max_new_tokens=4")
               for base in (scene.base, tmp_path / "hf")]  # fmt: skip
    assert [a.code for a in answers] == [0, 0]
    assert json.loads(answers[0].out)["answer"] == json.loads(answers[1].out)["answer"]


def exists(scene: Scene) -> list[object]:
    scene.out.mkdir()
    return [scene.base, scene.out, "--to", "hf"]


def onto_itself(scene: Scene) -> list[object]:
    return [scene.base, scene.base, "--to", "hf"]


def unknown_layout(scene: Scene) -> list[object]:
    return [scene.base, scene.out, "--to", "onnx"]


def no_source(scene: Scene) -> list[object]:
    return [scene.base / "none", scene.out, "--to", "hf"]


def unknown_family(scene: Scene) -> list[object]:
    change_config(scene.base, model_type="oracle-of-delphi")
    return [scene.base, scene.out, "--to", "hf"]


def truncated(scene: Scene) -> list[object]:
    file = scene.base / "model.safetensors"
    file.write_bytes(file.read_bytes()[:-100])
    return [scene.base, scene.out, "--to", "hf"]


def missing_shard(scene: Scene) -> list[object]:
    (scene.base / "model.safetensors").unlink()
    index = {"metadata": {}, "weight_map": {"a": "model-00001-of-00002.safetensors"}}
    (scene.base / "model.safetensors.index.json").write_text(json.dumps(index))
    return [scene.base, scene.out, "--to", "hf"]


def no_way_back(scene: Scene) -> list[object]:
    return [scene.base, scene.out, "--to", "chatglm"]


WRONG = [
    (exists, "out exists already; nothing is overwritten", "out 已经存在，不会覆盖"),
    (onto_itself, "SRC and DST are the same folder", "源文件夹与目标文件夹相同"),
    (
        unknown_layout,
        "--to onnx: it must be hf, chatglm, int8, int4 or merged",
        "应为 hf、chatglm、int8、int4 或 merged",
    ),
    (no_source, "none/config.json: no such file", "none/config.json：文件不存在"),
    (unknown_family, "unknown model_type 'oracle-of-delphi'", "未知的 model_type 'oracle-of-delphi'"),
    (truncated, "model.safetensors: truncated or damaged", "文件不完整或已损坏"),
    (missing_shard, "1 of 1 shards named in", "缺少 1 个"),
    (no_way_back, "only a folder of GLM", "只有 GLM 目录"),
]


@pytest.mark.parametrize(("broken", "en", "zh"), WRONG, ids=[w[0].__name__ for w in WRONG])
def test_wrong_input_is_told_in_both_languages_and_leaves_nothing(
    scene: Scene, command: Callable[..., Said], broken: Callable[[Scene], list[object]], en: str, zh: str
) -> None:
    arguments = broken(scene)
    around = sorted(scene.out.parent.iterdir())
    for lang, expected, head in (("en", en, "error: "), ("zh", zh, "错误：")):
        said = command("--lang", lang, "convert", *arguments)
        assert (said.code, said.out) == (2, "")
        assert said.err.startswith(head) and expected in said.err and "Traceback" not in said.err
    assert json.loads(command("convert", *arguments, "--json").out)["exit_code"] == 2
    assert sorted(scene.out.parent.iterdir()) == around


@pytest.mark.parametrize("size", [300, 20_000])
def test_a_disk_that_is_full(scene: Scene, size: int) -> None:
    """No file of the process may grow beyond `size` bytes, which stands for it; nothing is left."""
    around = sorted(scene.out.parent.iterdir())
    done = subprocess.run(
        [sys.executable, "-m", "doctorglm", "convert", scene.base, scene.out, "--to", "hf"],
        env=environment(LANG="en_US.UTF-8"),
        capture_output=True,
        timeout=300,
        preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (size, size)),
    )
    assert done.returncode == 2, done.stderr
    assert b"model.safetensors: the file would exceed the size that is allowed" in done.stderr
    assert sorted(scene.out.parent.iterdir()) == around


def test_as_a_process_under_an_ascii_locale(second: Path, tmp_path: Path) -> None:
    done = process("convert", second, tmp_path / "转换", "--to", "hf", "--json", PYTHONUTF8="0", LC_ALL="C")
    assert done.returncode == 0, done.stderr
    assert Path(json.loads(done.stdout)["out"]).name == "转换"


def write_gate(adapter: Path, base: Path, *, passed: bool = True) -> None:
    """A sealed gate of this adapter."""
    text = {"en": "repetition worse than the base's", "zh": "重复率变差"}
    gate = {
        "sentence": {"en": "A gate.", "zh": "门槛。"},
        "passed": passed,
        "reasons": [] if passed else [text],
        "criteria": [
            {"name": name, "passed": passed or name != "repetition not worse", "text": text} for name in REQUIRED
        ],
        "sha256": {"base": base_fingerprint(base), "adapter": sha256_tree(adapter), "placebo": "p" * 64},
    }
    write_json(beside(adapter), seal(gate))


def merging(scene: Scene, *more: object) -> list[object]:
    return ["convert", scene.adapter, scene.out, "--to", "merged", "--base", scene.base, *more]


def test_an_adapter_with_its_gate_is_merged_and_answers_alike(scene: Scene, command: Callable[..., Said]) -> None:
    write_gate(scene.adapter, scene.base)
    said = command(*merging(scene, "--json"))
    assert said.code == 0, said.err
    done = json.loads(said.out)
    assert (done["out"], done["to"]) == (str(scene.out), "merged") and done["gate"]["passed"] is True
    asked = ["--ask", "头痛", "--json", "max_new_tokens=4"]
    with_adapter = command("chat", "--model", scene.base, "--adapter", scene.adapter, *asked)
    alone = command("chat", "--model", scene.out, *asked)
    assert json.loads(alone.out)["answer"] == json.loads(with_adapter.out)["answer"]
    assert json.loads((scene.out / "run.json").read_text("utf-8"))["gate"] == done["gate"]


def test_what_a_merge_says(scene: Scene, command: Callable[..., Said]) -> None:
    write_gate(scene.adapter, scene.base)
    said = command("--lang", "zh", *merging(scene))
    assert said.code == 0 and said.out == ""
    assert re.search(r"out：\d+ 个张量中有 \d+ 个改变，0\.00 GB；logit 与适配器平均相差 \S+，最多 \S+，", said.err), (
        said.err
    )


@pytest.mark.parametrize("passed", [None, False])
def test_an_adapter_without_a_passed_gate_stays(
    scene: Scene, command: Callable[..., Said], passed: bool | None
) -> None:
    if passed is not None:
        write_gate(scene.adapter, scene.base, passed=passed)
    why = "no such file, so this adapter has no gate" if passed is None else "the gate failed: repetition worse"
    said = command(*merging(scene, "--json"))
    assert said.code == 3 and json.loads(said.out)["exit_code"] == 3
    assert why in said.err and not scene.out.exists()
    said = command(*merging(scene, "--allow-ungated"))
    assert said.code == 0, said.err
    assert f"NOT GATED, --allow-ungated: {beside(scene.adapter)}: {why}" in said.err
    gate = json.loads((scene.out / "run.json").read_text("utf-8"))["gate"]
    assert gate["allow_ungated"] is True and why in gate["why"]["en"]


def test_a_gate_of_another_base(scene: Scene, command: Callable[..., Said], tmp_path: Path) -> None:
    write_gate(scene.adapter, write_base(tmp_path / "other", seed=5))
    said = command(*merging(scene))
    assert said.code == 3 and "gate.json: of another base" in said.err


def test_an_adapter_goes_to_merged_alone(scene: Scene, command: Callable[..., Said]) -> None:
    wrong = [
        (scene.adapter, "--to", "hf"),
        (scene.adapter, "--to", "chatglm"),
        (scene.base, "--to", "hf", "--base", scene.base),
        (scene.base, "--to", "hf", "--allow-ungated"),
    ]
    for source, *flags in wrong:
        said = command("convert", source, scene.out, *flags)
        assert said.code == 2 and "goes with --to merged alone" in said.err and not scene.out.exists()
    said = command("convert", scene.base, scene.out, "--to", "merged", "--allow-ungated")
    assert said.code == 2 and "is no adapter in PEFT's format" in said.err
