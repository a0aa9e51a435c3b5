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
from ..models.llamacpp.bases import write
from ..models.llamacpp.test_merged import tuned
from ..models.test_merged_linear import published
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
    change_config(scene.base, model_type="llama")
    return [scene.base, scene.out, "--to", "chatglm"]


WRONG = [
    (exists, "out exists already; nothing is overwritten", "out 已经存在，不会覆盖"),
    (onto_itself, "SRC and DST are the same folder", "源文件夹与目标文件夹相同"),
    (
        unknown_layout,
        "--to onnx: it must be hf, chatglm, peft, int8, int4, merged or gguf",
        "应为 hf、chatglm、peft、int8、int4、merged 或 gguf",
    ),
    (no_source, "none/config.json: no such file", "none/config.json：文件不存在"),
    (unknown_family, "unknown model_type 'oracle-of-delphi'", "未知的 model_type 'oracle-of-delphi'"),
    (truncated, "model.safetensors: truncated or damaged", "文件不完整或已损坏"),
    (missing_shard, "1 of 1 shards named in", "缺少 1 个"),
    (no_way_back, "only ChatGLM-6B and a folder of GLM", "只有 ChatGLM-6B 和 GLM 目录"),
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


def test_no_room_for_a_merge(scene: Scene, command: Callable[..., Said], monkeypatch: pytest.MonkeyPatch) -> None:
    write_gate(scene.adapter, scene.base)
    monkeypatch.setattr("shutil.disk_usage", lambda _: type("Disk", (), {"free": 10_000})())
    said = command(*merging(scene))
    assert said.code == 2 and "and 0.0 MB are free on this disk; nothing was written" in said.err
    assert not scene.out.exists()


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


def test_flags_and_layouts_that_do_not_go_together(scene: Scene, command: Callable[..., Said]) -> None:
    wrong = [
        ((scene.adapter, "--to", "hf"), "SRC is an adapter, which goes --to peft, merged, gguf alone"),
        ((scene.adapter, "--to", "chatglm"), "SRC is an adapter"),
        ((scene.base, "--to", "hf", "--base", scene.base), "--base has no meaning"),
        ((scene.base, "--to", "hf", "--allow-ungated"), "--allow-ungated has no meaning"),
        ((scene.base, "--to", "gguf", "--allow-ungated"), "--allow-ungated has no meaning"),
        ((scene.base, "--to", "hf", "--type", "f16"), "--type has no meaning"),
        ((scene.adapter, "--to", "peft", "--allow-ungated"), "--allow-ungated has no meaning"),
        ((scene.base, "--to", "gguf", "--slim"), "--slim has no meaning"),
        ((scene.base, "--to", "hf", "--slim"), "only the 150528 tokens of ChatGLM-6B's first vocabulary"),
        ((scene.base, "--to", "hf", "--quantization-embeddings"), "--quantization-embeddings has no meaning"),
        ((scene.base, "--to", "merged", "--allow-ungated"), "is no adapter in PEFT's format"),
        ((scene.base, "--to", "peft"), "not an adapter's configuration"),
    ]
    for (source, *flags), message in wrong:
        said = command("convert", source, scene.out, *flags)
        assert said.code == 2 and message in said.err and not scene.out.exists()


def test_packed_with_its_embedding_it_answers(scene: Scene, command: Callable[..., Said]) -> None:
    said = command("convert", scene.base, scene.out, "--to", "int8", "--quantization-embeddings")
    assert said.code == 0, said.err
    assert "KL to the weights before" in said.err
    assert json.loads((scene.out / "config.json").read_text("utf-8"))["quantization_embeddings"] is True
    asked = command("chat", "--model", scene.out, "--ask", "头痛", "--json", "max_new_tokens=4")
    assert asked.code == 0, asked.err


def test_an_adapter_of_2023_answers_after_it(scene: Scene, command: Callable[..., Said], tmp_path: Path) -> None:
    published(scene.base, tmp_path / "published")
    said = command("convert", tmp_path / "published", scene.out, "--to", "peft", "--base", scene.base, "--json")
    assert said.code == 0, said.err
    done = json.loads(said.out)
    expected = {"out": str(scene.out), "to": "peft", "family": "enable_lora", "tensors": 2, "rank": 4, "alpha": 12}
    assert {key: done[key] for key in expected} == expected
    asked = ["chat", "--model", scene.base, "--ask", "头痛", "--json", "max_new_tokens=4"]
    assert command(*asked, "--adapter", scene.out).code == 0
    said = command("--lang", "zh", "convert", tmp_path / "published", tmp_path / "again", "--to", "peft")
    assert said.code == 0 and said.out == "" and "转为 PEFT 适配器，2 个张量，秩 4，alpha 12" in said.err
    # still an adapter: without a gate it does not leave
    said = command("--lang", "en", "convert", scene.out, tmp_path / "merged", "--to", "merged")
    assert said.code == 3 and "has no gate" in said.err


def test_a_model_as_gguf(tmp_path: Path, command: Callable[..., Said]) -> None:
    base, out = write(tmp_path / "base", "qwen2"), tmp_path / "out"
    said = command("convert", base, out, "--to", "gguf", "--type", "q8_0", "--json")
    assert said.code == 0, said.err
    done = json.loads(said.out)
    expected = {"out": str(out), "to": "gguf", "family": "qwen2", "architecture": "qwen2", "type": "q8_0"}
    assert {key: done[key] for key in expected} == expected and 0 < done["error"]["relative"] < 0.02
    assert files(out) == ["Modelfile", "model.gguf", "run.json"]
    asked = ["--ask", "头痛", "--json", "max_new_tokens=4"]
    assert command("chat", "--model", out / "model.gguf", *asked).code == 0
    said = command("--lang", "zh", "convert", base, tmp_path / "again", "--to", "gguf")
    assert said.code == 0 and said.out == "" and "qwen2 转为 qwen2，f16" in said.err
    assert f"ollama create 名称 -f {tmp_path / 'again'}/Modelfile" in said.err
    assert command("convert", base, out, "--to", "gguf").code == 2
    said = command("--lang", "en", "convert", base, tmp_path / "x", "--to", "gguf", "--type", "q5")
    assert said.code == 2 and "--type q5: it must be f32, f16, bf16, q8_0 or q4_0" in said.err


def test_chatglm_6b_does_not_become_gguf(scene: Scene, command: Callable[..., Said]) -> None:
    for source, more in ((scene.base, ()), (scene.adapter, ("--base", scene.base, "--allow-ungated"))):
        said = command("convert", source, scene.out, "--to", "gguf", *more)
        assert said.code == 2 and "llama.cpp has no architecture for ChatGLM-6B" in said.err and not scene.out.exists()


def test_an_adapter_becomes_gguf_through_its_gate(tmp_path: Path, command: Callable[..., Said]) -> None:
    base, out = write(tmp_path / "base", "qwen2"), tmp_path / "out"
    adapter = tuned(base, tmp_path / "run/adapter")
    arguments = ["convert", adapter, out, "--to", "gguf", "--base", base, "--type", "f32"]
    said = command(*arguments)
    assert said.code == 3 and "has no gate" in said.err and not out.exists()
    write_gate(adapter, base, passed=False)
    assert command(*arguments).code == 3 and not out.exists()
    write_gate(adapter, base)
    said = command(*arguments, "--json")
    assert said.code == 0, said.err
    done = json.loads(said.out)
    assert done["gate"]["passed"] is True and done["changed"] == 4 and done["rounding"]["same_first"] == 1
    assert json.loads((out / "run.json").read_text("utf-8"))["gate"] == done["gate"]
    assert "NOT GATED" not in (out / "Modelfile").read_text("utf-8")
    write_gate(adapter, base, passed=False)
    said = command(*arguments[:2], tmp_path / "loose", *arguments[3:], "--allow-ungated")
    assert said.code == 0 and "NOT GATED" in said.err
    assert "NOT GATED" in (tmp_path / "loose/Modelfile").read_text("utf-8")
