"""Wrong input of every kind: a message in both languages, exit code 2, and nothing left behind."""

import json
import pickle
import re
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from doctorglm.runs import read_json

from ..house import change_config, vocabulary, write_base
from .kit import Said, Scene, files

ROOT = Path(__file__).parents[2]
_HAN = re.compile("[\u4e00-\u9fff]")


class _Mark:
    """Leaves a file behind when it is unpickled."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def __reduce__(self) -> Any:
        return (Path.touch, (self.path,))


def no_weights(scene: Scene) -> list[object]:
    (scene.base / "model.safetensors").unlink()
    return scene.tune


def no_folder(scene: Scene) -> list[object]:
    shutil.rmtree(scene.base)
    return scene.tune


def truncated_weights(scene: Scene) -> list[object]:
    weights = scene.base / "model.safetensors"
    weights.write_bytes(weights.read_bytes()[:-1000])
    return scene.tune


def truncated_weights_to_chat(scene: Scene) -> list[object]:
    truncated_weights(scene)
    return scene.chat


def unknown_model(scene: Scene) -> list[object]:
    change_config(scene.base, model_type="oracle-of-delphi")
    return scene.tune


def damaged_config(scene: Scene) -> list[object]:
    (scene.base / "config.json").write_text('{"model_type": "chatglm"', "utf-8")
    return scene.evaluate


def other_shape(scene: Scene) -> list[object]:
    change_config(scene.base, num_layers=2)
    return scene.evaluate


def wrong_vocabulary(scene: Scene) -> list[object]:
    (scene.base / "ice_text.model").write_bytes(vocabulary(460))
    return scene.tune


def no_vocabulary(scene: Scene) -> list[object]:
    (scene.base / "ice_text.model").unlink()
    return scene.chat


def adapter_of_another_base(scene: Scene) -> list[object]:
    shutil.rmtree(scene.base)
    write_base(scene.base, seed=5)
    return [*scene.evaluate, "--adapter", scene.adapter]


def no_adapter(scene: Scene) -> list[object]:
    return [*scene.evaluate, "--adapter", scene.out.parent / "adaptr"]


def half_an_adapter(scene: Scene) -> list[object]:
    weights = scene.adapter / "adapter_model.safetensors"
    weights.write_bytes(weights.read_bytes()[:-100])
    return [*scene.chat, "--adapter", scene.adapter]


def no_training_data(scene: Scene) -> list[object]:
    (scene.data / "train.jsonl").unlink()
    return scene.tune


def empty_training_data(scene: Scene) -> list[object]:
    (scene.data / "train.jsonl").write_bytes(b"")
    return scene.tune


def training_data_without_answers(scene: Scene) -> list[object]:
    (scene.data / "train.jsonl").write_text('{"id": "a", "messages": [{"role": "user", "content": "头痛"}]}\n', "utf-8")
    return scene.tune


def no_suite(scene: Scene) -> list[object]:
    (scene.data / "test.jsonl").unlink()
    return scene.evaluate


def empty_suite(scene: Scene) -> list[object]:
    (scene.data / "test.jsonl").write_bytes(b"\n")
    return scene.evaluate


def _curate(scene: Scene, data: bytes) -> list[object]:
    (scene.data / "x.csv").write_bytes(data)
    return ["curate", scene.data / "x.csv", "--out", scene.out]


def no_source(scene: Scene) -> list[object]:
    return ["curate", scene.data / "none.csv", "--out", scene.out]


def empty_source(scene: Scene) -> list[object]:
    return _curate(scene, b"")


def rows_without_answers(scene: Scene) -> list[object]:
    return _curate(scene, "department,title,ask,answer\n内科,问,头痛怎么办？,\n外科,问,腰痛怎么办？, \n".encode())


def unknown_encoding(scene: Scene) -> list[object]:
    return _curate(
        scene, "department,title,ask,answer\na,b,où ça fait mal très fort,très bientôt là\n".encode("latin-1")
    )


def unknown_setting(scene: Scene) -> list[object]:
    return [*scene.tune, "lr=1e-3"]


def unknown_setting_of_a_sweep(scene: Scene) -> list[object]:
    return [*scene.evaluate, "--sweep", "sweep.temperature=0.7"]


def unknown_setting_of_a_judge(scene: Scene) -> list[object]:
    return [*scene.evaluate, "--judge", scene.base, "judge.controls=3"]


def unknown_setting_of_a_recipe(scene: Scene) -> list[object]:
    return ["run", ROOT / "recipes" / "cmd-lora.yaml", "tune.lr=1e-3", "--out", scene.out]


def not_a_number(scene: Scene) -> list[object]:
    return [*scene.tune, "learning_rate=fast"]


def not_a_count(scene: Scene) -> list[object]:
    return ["curate", scene.data / "train.jsonl", "--out", scene.out, "--limit", "many"]


def unknown_method(scene: Scene) -> list[object]:
    return [*scene.tune, "--method", "magic"]


def not_a_pair(scene: Scene) -> list[object]:
    return [*scene.tune, "epochs"]


def out_is_a_file(scene: Scene) -> list[object]:
    scene.out.write_bytes(b"mine")
    return scene.tune


def pickle_that_runs_code(scene: Scene) -> list[object]:
    (scene.base / "model.safetensors").unlink()
    (scene.base / "pytorch_model.bin").write_bytes(pickle.dumps({"a": _Mark(scene.base / "mark")}))
    return scene.tune


def no_recipe(scene: Scene) -> list[object]:
    return ["run", scene.out.parent / "none.yaml", "--out", scene.out]


def no_evaluation(scene: Scene) -> list[object]:
    return ["compare", scene.data, scene.data, "--out", scene.out]


def json_without_a_question(scene: Scene) -> list[object]:
    return ["chat", "--model", scene.base, "--json"]


Break = Callable[[Scene], list[object]]
WRONG: list[tuple[Break, str, str]] = [
    (no_weights, "base: no weights; model.safetensors", "没有权重"),
    (no_folder, "base", "base"),
    (truncated_weights, "model.safetensors: truncated or damaged", "文件不完整或已损坏"),
    (truncated_weights_to_chat, "model.safetensors: truncated or damaged", "文件不完整或已损坏"),
    (unknown_model, "config.json: unknown model_type 'oracle-of-delphi'", "未知的 model_type 'oracle-of-delphi'"),
    (damaged_config, "config.json: truncated or damaged", "文件不完整或已损坏"),
    (other_shape, "the weights do not fit config.json", "权重与 config.json 不符"),
    (wrong_vocabulary, "ice_text.model: not this model's vocabulary", "不是该模型的词表"),
    (no_vocabulary, "ice_text.model: no such file", "文件不存在"),
    (adapter_of_another_base, "made for another base", "为另一个基座训练的"),
    (no_adapter, "adaptr: no such folder", "没有这个文件夹"),
    (half_an_adapter, "adapter_model.safetensors: truncated or damaged", "文件不完整或已损坏"),
    (no_training_data, "train.jsonl: no such file", "文件不存在"),
    (empty_training_data, "train.jsonl: nothing to train on", "没有可训练的内容"),
    (training_data_without_answers, "train.jsonl: nothing to train on", "没有可训练的内容"),
    (no_suite, "test.jsonl: no such file", "没有这个文件"),
    (empty_suite, "test.jsonl: no conversation with a question and an answer", "没有任何有问有答的对话"),
    (no_source, "none.csv: no such file", "文件不存在"),
    (empty_source, "x.csv: no conversations found", "没有找到对话"),
    (rows_without_answers, "no_answer: 2", "没有留下任何对话（no_answer: 2）"),
    (unknown_encoding, "x.csv: ", "x.csv："),
    (unknown_setting, "unknown setting `lr`; did you mean `learning_rate`?", "是否要写 `learning_rate`？"),
    (unknown_setting_of_a_sweep, "unknown setting `temperature`; did you mean `temperatures`?", "`temperatures`？"),
    (unknown_setting_of_a_judge, "unknown setting `controls`; did you mean `control`?", "`control`？"),
    (unknown_setting_of_a_recipe, "tune: unknown setting `lr`; did you mean `learning_rate`?", "`learning_rate`？"),
    (not_a_number, "learning_rate=fast: a number is needed", "learning_rate=fast 无效：应为数字"),
    (not_a_count, "limit=many: a whole number is needed", "limit=many 无效：应为整数"),
    (unknown_method, "method=magic: it must be 'lora', 'qlora', 'ptuning' or 'full'", "method=magic 无效"),
    (not_a_pair, "`epochs` is not KEY=VALUE", "`epochs` 不是 KEY=VALUE"),
    (out_is_a_file, "out is a file, a folder is needed", "是文件，这里需要文件夹"),
    (pickle_that_runs_code, "pytorch_model.bin: refused", "可能执行代码"),
    (no_recipe, "none.yaml: no such recipe", "没有这个配方"),
    (no_evaluation, "items.jsonl: no such file", "文件不存在"),
    (json_without_a_question, "--json goes with --ask", "--json 需与 --ask"),
]


@pytest.mark.parametrize(("broken", "en", "zh"), WRONG, ids=[w[0].__name__ for w in WRONG])
def test_wrong_input_is_told_in_both_languages_and_leaves_nothing(
    scene: Scene, command: Callable[..., Said], broken: Break, en: str, zh: str
) -> None:
    arguments = broken(scene)
    before = files(scene.base) if scene.base.exists() else []
    for lang, expected, head in (("en", en, "error: "), ("zh", zh, "错误：")):
        said = command("--lang", lang, *arguments)
        assert said.code == 2, said.err
        assert said.out == "" or json.loads(said.out)["exit_code"] == 2
        assert said.err.splitlines()[-1].startswith(head) and expected in said.err, said.err
        assert "Traceback" not in said.err
        assert bool(_HAN.search(re.sub(r"/\S+", "", said.err))) == (lang == "zh"), said.err
    assert not scene.out.is_dir()
    assert not (scene.base / "mark").exists(), "the pickle ran its code"
    assert (files(scene.base) if scene.base.exists() else []) == before


@pytest.mark.parametrize(("broken", "verb"), [(truncated_weights, "tune"), (adapter_of_another_base, "evaluate")])
def test_when_the_input_is_mended_the_same_folder_serves(
    scene: Scene, made: Path, command: Callable[..., Said], broken: Break, verb: str
) -> None:
    assert command(*broken(scene)).code == 2
    shutil.rmtree(scene.base)
    shutil.copytree(made / "base", scene.base)
    said = command(*getattr(scene, verb))
    assert said.code == 0, said.err
    assert read_json(scene.out / "run.json")["status"] == "finished"


def test_code_that_a_config_names_is_never_imported(scene: Scene, command: Callable[..., Said]) -> None:
    mark = scene.base / "mark"
    (scene.base / "modeling_chatglm.py").write_text(f"import pathlib; pathlib.Path({str(mark)!r}).touch()\n", "utf-8")
    classes = {"AutoConfig": "modeling_chatglm.C", "AutoModel": "modeling_chatglm.M", "AutoModelForCausalLM": "x.M"}
    change_config(scene.base, auto_map=classes)
    said = command(*scene.chat, "--json")
    assert said.code == 0, said.err
    assert not mark.exists()
    # nor where nothing else could load the model
    change_config(scene.base, model_type="own-kind")
    assert command(*scene.chat).code == 2
    assert not mark.exists()


def test_an_error_under_json_is_one_object(scene: Scene, command: Callable[..., Said]) -> None:
    said = command(*unknown_setting(scene), "--json")
    assert said.code == 2
    assert json.loads(said.out)["exit_code"] == 2 and "learning_rate" in json.loads(said.out)["error"]
    assert command("tune", "--json", "--nonsense").out.count("\n") == 1


def test_debug_shows_where_it_happened(scene: Scene, command: Callable[..., Said]) -> None:
    said = command(*unknown_setting(scene), "--debug")
    assert said.code == 2 and "Traceback" in said.err and "settings.py" in said.err
