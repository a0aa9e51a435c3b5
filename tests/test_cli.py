"""The command line from outside: exit codes, both languages, one JSON object, and what wrong input leaves behind."""

import contextlib
import json
import os
import pickle
import re
import resource
import shlex
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import typer

from doctorglm import cli, demo, language
from doctorglm.__main__ import main
from doctorglm.cli import usage, verbs
from doctorglm.conversation import read_conversations, write_conversations
from doctorglm.runs import read_json

from .house import change_config, consultations, vocabulary, write_base, write_table

ROOT = Path(__file__).parents[1]
PAGES = ("README.md", "README.zh-CN.md", "recipes/README.md", *(f"docs/{p.name}" for p in (ROOT / "docs").glob("*.md")))
NAMES = ("demo", "run", "curate", "tune", "evaluate", "compare", "chat", "doctor")
TINY = ("max_steps=1", "epochs=1", "batch_tokens=64", "max_length=128")
_HAN = re.compile("[\u4e00-\u9fff]")


@dataclass
class Said:
    """What a command returned and printed."""

    code: int
    out: str
    err: str


@pytest.fixture
def command(capsys: pytest.CaptureFixture[str]) -> Callable[..., Said]:
    """Runs the command line in this process."""

    def run(*arguments: object) -> Said:
        capsys.readouterr()
        code = main([str(a) for a in arguments])
        return Said(code, *capsys.readouterr())

    return run


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A base, curated data, and an adapter tuned for one step, made by the command line itself."""
    root = tmp_path_factory.mktemp("made")
    write_base(root / "base")
    write_table(root / "hospital.csv", consultations(24))
    assert main(["curate", str(root / "hospital.csv"), "--out", str(root / "data")]) == 0
    base, data, out = (str(root / name) for name in ("base", "data", "tuned"))
    assert main(["tune", "--base", base, "--data", data, "--out", out, *TINY]) == 0
    return root


def files(directory: Path) -> list[str]:
    return sorted(str(p.relative_to(directory)) for p in directory.rglob("*") if p.is_file())


def process(*arguments: object, **environment: str) -> subprocess.CompletedProcess[bytes]:
    return subprocess.run(
        [sys.executable, "-m", "doctorglm", *map(str, arguments)],
        env=_environment(**environment),
        capture_output=True,
        timeout=300,
    )


def _environment(**changes: str) -> dict[str, str]:
    kept = {k: v for k, v in os.environ.items() if k not in ("LC_ALL", "LC_MESSAGES", "LANG", "PYTHONUTF8")}
    return {**kept, "OMP_NUM_THREADS": "1", **changes}


# What wrong input says. Each breaks a copy of the good base, data or adapter and gives the arguments.


@dataclass
class Scene:
    """Copies of what is good, to be broken, and where results would go."""

    base: Path
    data: Path
    adapter: Path
    out: Path

    @property
    def tune(self) -> list[object]:
        return ["tune", "--base", self.base, "--data", self.data, "--out", self.out, *TINY]

    @property
    def evaluate(self) -> list[object]:
        test = self.data / "test.jsonl"
        return ["evaluate", "--model", self.base, "--suite", test, "--out", self.out, "max_new_tokens=4"]

    @property
    def chat(self) -> list[object]:
        return ["chat", "--model", self.base, "--ask", "头痛", "max_new_tokens=4"]


@pytest.fixture
def scene(made: Path, tmp_path: Path) -> Scene:
    for name in ("base", "data"):
        shutil.copytree(made / name, tmp_path / name)
    shutil.copytree(made / "tuned" / "adapter", tmp_path / "adapter")
    return Scene(tmp_path / "base", tmp_path / "data", tmp_path / "adapter", tmp_path / "out")


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
    (unknown_setting_of_a_recipe, "tune: unknown setting `lr`; did you mean `learning_rate`?", "`learning_rate`？"),
    (not_a_number, "learning_rate=fast: a number is needed", "learning_rate=fast 无效：应为数字"),
    (not_a_count, "limit=many: a whole number is needed", "limit=many 无效：应为整数"),
    (unknown_method, "method=magic: it must be 'lora' or 'full'", "method=magic 无效"),
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
    if scene.out.is_dir() and arguments[0] == "evaluate":
        # the attempt is noted, and does not bind; nothing else is there
        assert files(scene.out) == ["run.json"] and read_json(scene.out / "run.json")["status"] == "running"
    else:
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


@pytest.mark.parametrize(
    ("arguments", "en", "zh"),
    [
        (["tun"], "unknown verb `tun`; did you mean `tune`?", "没有命令 `tun`；是否要写 `tune`？"),
        (["zzzz"], "unknown verb `zzzz`. The verbs are demo, run,", "没有命令 `zzzz`。可用的命令：demo, run,"),
        (
            ["tune", "--bse", "x"],
            "unknown option `--bse`; did you mean `--base`?",
            "没有选项 `--bse`；是否要写 `--base`",
        ),
        (["--zzzz"], "unknown option `--zzzz`. `doctorglm --help`", "没有选项 `--zzzz`。示例见 `doctorglm --help`"),
        (["tune", "-x"], "unknown option `-x`", "没有选项 `-x`"),
        (["tune"], "`--base MODEL` is missing. `doctorglm tune --help` shows", "缺少 `--base MODEL`。示例见"),
        (["curate", "--out", "x"], "`SOURCE... [KEY=VALUE ...]` is missing", "缺少 `SOURCE... [KEY=VALUE ...]`"),
        (["tune", "--base"], "`--base` needs a value", "`--base` 需要一个值"),
        (["doctor", "--json=1"], "`--json` takes no value", "`--json` 不需要值"),
        (["doctor", "now", "please"], "one argument too many: now please", "多余的参数：now please"),
    ],
)
def test_usage_errors(command: Callable[..., Said], arguments: list[str], en: str, zh: str) -> None:
    for lang, expected in (("en", en), ("zh", zh)):
        said = command(*arguments, f"--lang={lang}")
        assert said.code == 2 and said.out == ""
        assert expected in said.err
    assert "Usage" not in said.err and "Error" not in said.err


@pytest.mark.parametrize("arguments", [["--lang", "fr", "doctor"], ["--lang=", "doctor"], ["doctor", "--lang"]])
def test_a_language_that_is_none(command: Callable[..., Said], arguments: list[str]) -> None:
    said = command(*arguments)
    assert said.code == 2 and said.out == ""
    assert "zh or en" in said.err and "可选 zh 或 en" in said.err


def test_lang_is_taken_anywhere_but_behind_two_dashes(command: Callable[..., Said]) -> None:
    assert "没有命令" in command("zzzz", "--lang", "en", "--lang", "zh").err
    assert command("doctor", "--", "--lang").err == (
        "错误：多余的参数：--lang。示例见 `doctorglm doctor --help`。\n"
    ), "the language of the process stays as chosen"


def test_no_verb_shows_the_page_and_is_no_success(command: Callable[..., Said]) -> None:
    said = command()
    assert said.code == 2 and said.out == "" and said.err.startswith("Usage: doctorglm VERB ...")


def test_an_interruption_before_the_command_line_is_there(monkeypatch: pytest.MonkeyPatch) -> None:
    def interrupt(arguments: Sequence[str]) -> int:
        raise KeyboardInterrupt

    monkeypatch.setattr(cli, "main", interrupt)
    assert main(["doctor"]) == 130


def test_a_fault_of_ours_is_said_to_be_one(command: Callable[..., Said], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("doctorglm.machine.survey", lambda: 1 / 0)
    said = command("doctor", "--json")
    assert said.code == 1
    assert "ZeroDivisionError" in said.err and "fault of DoctorGLM" in said.err
    assert json.loads(said.out)["exit_code"] == 1


def test_a_gate_that_fails_is_exit_code_3(command: Callable[..., Said], monkeypatch: pytest.MonkeyPatch) -> None:
    gate = {"passed": False, "sentence": {"en": "Not passed: style only.", "zh": "未通过。"}}
    monkeypatch.setattr("doctorglm.evaluate.compare", lambda *a, **k: gate)
    said = command("compare", "a", "b", "--out", "c")
    assert (said.code, said.out, said.err) == (3, "", "Not passed: style only.\n")
    assert json.loads(command("compare", "a", "b", "--out", "c", "--json").out) == gate
    monkeypatch.setitem(gate, "passed", True)
    assert command("compare", "a", "b", "--out", "c").code == 0
    monkeypatch.setattr(demo, "run_demo", lambda out, quiet: {"gate": {"passed": out.name == "good"}})
    assert [command("demo", "--out", out).code for out in ("good", "bad")] == [0, 3]


# What the verbs do when all is well.


def test_four_commands_from_a_table_to_an_answer(made: Path, command: Callable[..., Said]) -> None:
    # `made` ran curate and tune; both are finished, so that they answer at once
    said = command("curate", made / "hospital.csv", "--out", made / "data", "--json")
    counts = json.loads(said.out)
    assert said.code == 0 and counts["read"] == 24 == counts["kept"] + sum(counts["rejected"].values())
    base, data, tuned = made / "base", made / "data", made / "tuned"
    said = command("tune", "--base", base, "--data", data, "--out", tuned, *TINY, "--json")
    assert said.code == 0 and json.loads(said.out)["steps"] == 1
    assert {"run.json", "metrics.jsonl", "adapter/adapter_model.safetensors"} <= set(files(tuned))
    suite, evaluated = data / "test.jsonl", made / "tuned-eval"
    arguments = ("evaluate", "--model", base, "--suite", suite, "--out", evaluated, "max_new_tokens=4", "--json")
    said = command(*arguments, "--adapter", tuned / "adapter")
    metric = json.loads(said.out)["metrics"]["nll_per_token"]
    assert said.code == 0 and metric["low"] <= metric["value"] <= metric["high"] and metric["n"] >= 1
    arguments = ("chat", "--model", base, "--adapter", tuned / "adapter", "max_new_tokens=4", "--ask")
    said = command(*arguments, "头痛怎么办？", "--json")
    assert said.code == 0 and {"label", "answer"} <= json.loads(said.out).keys()
    # as Python hands it over under an ASCII locale
    assert command(*arguments, "头痛怎么办？".encode().decode("ascii", "surrogateescape"), "--json").code == 0


def test_curate_says_what_became_of_the_records(scene: Scene, command: Callable[..., Said]) -> None:
    rows = consultations(20)
    source = write_table(scene.data / "h.csv", [*rows, rows[0]])
    said = command("curate", source, "splits=train=0.5,test=0.5", "--out", scene.out, "--limit", "18")
    assert said.code == 0 and said.out == ""
    assert "read 21, kept 18 (train 9, test 9); rejected: duplicate 1, over_limit 2" in said.err
    assert len(list(read_conversations(scene.out / "train.jsonl"))) == 9


def test_a_file_whose_name_holds_an_equals_sign_is_a_source(
    scene: Scene, command: Callable[..., Said], monkeypatch: pytest.MonkeyPatch
) -> None:
    source = write_table(scene.data / "seed=1.csv", consultations(20))
    monkeypatch.chdir(scene.data)
    assert command("curate", source.name, "--out", scene.out).code == 0


def test_doctor_reports_in_both_forms(command: Callable[..., Said]) -> None:
    assert {"name", "value", "state"} <= json.loads(command("doctor", "--json").out)["findings"][0].keys()
    assert "Python" in command("doctor").out


# The help.

_HELP = """
import json, sys
from doctorglm.__main__ import main
pages = {}
class Page:
    text = ""
    def write(self, text): self.text += text
    def flush(self): pass
for verb in [None, *sys.argv[2:]]:
    sys.stdout = page = Page()
    code = main(["--lang", sys.argv[1], *([verb] if verb else []), "--help"])
    pages[verb or ""] = [code, page.text]
sys.stdout = sys.__stdout__
heavy = sorted({name.partition(".")[0] for name in sys.modules} & {"torch", "transformers", "peft", "scipy", "altair"})
json.dump({"pages": pages, "heavy": heavy}, sys.stdout)
"""


@pytest.fixture(scope="module", params=["en", "zh"])
def pages(request: pytest.FixtureRequest) -> Iterator[tuple[str, dict[str, Any]]]:
    done = subprocess.run(
        [sys.executable, "-c", _HELP, request.param, *NAMES], env=_environment(), capture_output=True, timeout=120
    )
    assert done.returncode == 0, done.stderr.decode()[-2000:]
    yield request.param, json.loads(done.stdout)


def test_every_verb_has_help_with_an_example(pages: tuple[str, dict[str, Any]]) -> None:
    lang, found = pages
    for verb, (code, text) in found["pages"].items():
        assert code == 0
        head, title = ("Usage: ", "Example:\n  ") if lang == "en" else ("用法：", "示例：\n  ")
        assert text.startswith(f"{head}doctorglm {verb}".rstrip())
        assert text.rpartition(title)[2].startswith(f"doctorglm {verb}".rstrip())
        assert "--lang" in text and "--help" in text
        # every line of prose is in the language
        prose = [line.split("  ")[-1] for line in text.splitlines() if re.match(r"  \S+ .*  ", line)]
        assert prose and all(bool(_HAN.search(line)) == (lang == "zh") for line in prose), prose
        assert bool(_HAN.search(text)) == (lang == "zh")
    assert all(name in found["pages"][""][1] for name in NAMES)


def test_help_loads_nothing_heavy(pages: tuple[str, dict[str, Any]]) -> None:
    assert pages[1]["heavy"] == []


FLAGS = {
    "demo": ({"--out"}, []),
    "run": ({"--out"}, ["RECIPE.yaml", "[STAGE.KEY=VALUE ...]"]),
    "curate": ({"--out", "--limit"}, ["SOURCE... [KEY=VALUE ...]"]),
    "tune": ({"--base", "--data", "--out", "--method"}, ["[KEY=VALUE ...]"]),
    "evaluate": ({"--model", "--adapter", "--suite", "--out"}, ["[KEY=VALUE ...]"]),
    "compare": ({"--out", "--placebo"}, ["BASE_EVAL", "TUNED_EVAL", "[KEY=VALUE ...]"]),
    "chat": ({"--model", "--adapter", "--ask"}, ["[KEY=VALUE ...]"]),
    "doctor": (set(), []),
}


def group() -> Any:
    return typer.main.get_command(verbs.app)


def test_verbs_and_flags_are_the_contract() -> None:
    assert tuple(group().commands) == NAMES
    for name, (flags, arguments) in FLAGS.items():
        command = group().commands[name]
        options = {o for p in command.params if p.param_type_name == "option" for o in p.opts}
        assert options == flags | {"--json"}, name
        assert [p.metavar for p in command.params if p.param_type_name == "argument"] == arguments


def example_lines() -> list[tuple[str, str]]:
    """(page, line) of every command in a code block, without its comment."""
    found = []
    for name in PAGES:
        for block in re.findall(r"```[a-z]*\n(.*?)```", (ROOT / name).read_text("utf-8"), re.DOTALL):
            found += [(name, line) for line in block.splitlines() if re.match(r"\s*(\.venv/bin/)?doctorglm ", line)]
    return found


def settings_of(verb: str) -> Any:
    from doctorglm.curate import CurateSettings
    from doctorglm.engine import Sampling
    from doctorglm.evaluate import EvaluateSettings, GateSettings
    from doctorglm.tune import TuneSettings

    kinds: dict[str, Any] = {"curate": CurateSettings, "tune": TuneSettings, "evaluate": EvaluateSettings}
    return (kinds | {"compare": GateSettings, "chat": Sampling})[verb]


def parse(line: str) -> None:
    """Raises unless the verb, its flags and its settings exist."""
    from doctorglm.recipe import load_recipe
    from doctorglm.settings import build, parse_overrides

    words = shlex.split(line, comments=True)[1:]
    verb = group().commands[words[0]]
    with verb.make_context(words[0], words[1:]) as context:
        given = context.params
    if words[0] == "run":
        load_recipe(ROOT / given["recipe"], parse_overrides(given["settings"] or []))
    elif given.get("settings") or given.get("sources"):
        pairs = [w for w in given.get("settings") or given["sources"] if re.match("[a-z_]+=", w)]
        build(settings_of(words[0]), parse_overrides(pairs), line)


@pytest.mark.parametrize(("name", "line"), example_lines())
def test_the_commands_of_the_pages_parse(name: str, line: str) -> None:
    parse(line)


def test_the_pages_were_found_and_a_wrong_line_would_be() -> None:
    for name in ("README.md", "README.zh-CN.md"):
        assert len({line.split()[1] for page, line in example_lines() if page == name}) >= 4
    for line in ("doctorglm tune --base a --data b --out c lr=1", "doctorglm chat --model a --foo", "doctorglm tun"):
        with pytest.raises(Exception, match=r"lr|foo|tun"):
            parse(line)


@pytest.mark.parametrize("name", PAGES)
def test_the_verbs_that_the_pages_speak_of_exist(name: str) -> None:
    spoken_of = re.findall(r"`(?:\.venv/bin/)?doctorglm ([a-z]+)", (ROOT / name).read_text("utf-8"))
    assert set(spoken_of) <= set(NAMES)


@pytest.mark.parametrize("name", NAMES)
def test_the_examples_of_the_help_parse(name: str) -> None:
    parse(group().commands[name].epilog)


def test_a_complaint_that_is_not_known_is_passed_on() -> None:
    class OfTheFutureError(Exception):
        ctx = None

        def format_message(self) -> str:
            return "Something new."

    assert str(usage.explained(OfTheFutureError())) == "Something new. `doctorglm --help` shows an example."


# Real processes: signals, locales, full disks.


def test_the_locale_chooses_the_language_and_nothing_else(tmp_path: Path) -> None:
    source = write_table(tmp_path / "样例.csv", consultations(20))
    ascii_only = {"PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0", "LC_ALL": "C"}
    here = process("curate", source, "--out", tmp_path / "甲", "--json", LANG="zh_CN.UTF-8")
    there = process("curate", source, "--out", tmp_path / "乙", "--json", **ascii_only)
    assert (here.returncode, there.returncode) == (0, 0), there.stderr.decode()[-2000:]
    assert json.loads(here.stdout) | {"out": ""} == json.loads(there.stdout) | {"out": ""}
    assert Path(json.loads(there.stdout)["out"]).name == "乙"
    assert files(tmp_path / "甲") == files(tmp_path / "乙")
    for name in ("train.jsonl", "valid.jsonl", "test.jsonl", "rejected.jsonl"):
        assert (tmp_path / "甲" / name).read_bytes() == (tmp_path / "乙" / name).read_bytes()
    missing = tmp_path / "没有.csv"
    assert (
        process("curate", missing, "--out", tmp_path / "丙", **ascii_only)
        .stderr.decode("utf-8")
        .startswith(f"error: {missing}: no such file")
    )
    zh = process("curate", missing, "--out", tmp_path / "丙", LANG="zh_CN.UTF-8")
    assert zh.returncode == 2 and zh.stderr.decode("utf-8").startswith(f"错误：{missing}：文件不存在")


def _wait_for_lines(path: Path, count: int, child: "subprocess.Popen[bytes]") -> None:
    give_up = time.monotonic() + 120
    while child.poll() is None and time.monotonic() < give_up:
        if path.exists() and path.read_bytes().count(b"\n") >= count:
            return
        time.sleep(0.02)
    pytest.fail(f"{path.name} never had {count} lines")


def test_ctrl_c_stops_a_tuning_which_goes_on_when_it_is_started_again(
    scene: Scene, command: Callable[..., Said]
) -> None:
    write_conversations(scene.data / "train.jsonl", consultations(60))
    settings = ("epochs=9", "max_steps=250", "batch_tokens=64", "max_length=128", "validate_every=0")
    arguments = ["tune", "--base", scene.base, "--data", scene.data, "--out", scene.out, *settings]
    child = subprocess.Popen(
        [sys.executable, "-m", "doctorglm", *map(str, arguments), "--json"],
        env=_environment(LANG="zh_CN.UTF-8"),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    )
    _wait_for_lines(scene.out / "metrics.jsonl", 3, child)
    child.send_signal(signal.SIGINT)
    out, err = child.communicate(timeout=120)
    assert child.returncode == 130
    assert "已中断；再次运行即可继续" in err.decode() and "Traceback" not in err.decode()
    assert json.loads(out)["exit_code"] == 130
    metrics = scene.out / "metrics.jsonl"
    before = metrics.read_bytes()
    assert 3 <= before.count(b"\n") < 250
    assert read_json(scene.out / "run.json")["status"] == "running" and not (scene.out / "adapter").exists()
    assert command(*arguments).code == 0
    assert metrics.read_bytes().startswith(before), "what was done is not done again"
    steps = [json.loads(line)["step"] for line in metrics.read_text("utf-8").splitlines()]
    assert steps == list(range(1, 251))
    assert read_json(scene.out / "run.json")["status"] == "finished"


@contextlib.contextmanager
def largest_file(size: int) -> Iterator[None]:
    """No file of this process may grow beyond `size` bytes."""
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


@pytest.mark.parametrize("size", [300, 6_000, 40_000])
def test_a_file_that_may_not_grow_is_told_and_nothing_is_half_written(
    scene: Scene, command: Callable[..., Said], size: int
) -> None:
    """Stands for a full disk: the record of the run, the checkpoint or the adapter is the first that does not fit."""
    with largest_file(size):
        said = command("--lang", "zh", *scene.tune)
    assert said.code == 2, said.err
    assert "文件超过允许的大小" in said.err and "Traceback" not in said.err
    assert not (scene.out / "adapter").exists()
    assert [name for name in files(scene.out) if ".tmp" in name] == []
    assert command(*scene.tune).code == 0, "with room again the same command goes on"


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A disk of 64 kB; the test is skipped where none can be mounted."""
    place = tmp_path / "disk"
    place.mkdir()
    mounted = shutil.which("mount") and subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=64k", "tmpfs", str(place)], capture_output=True
    )
    if not mounted or mounted.returncode:
        pytest.skip("needs the right to mount a small disk")
    yield place
    subprocess.run(["umount", str(place)], check=True)


def test_a_full_disk(scene: Scene, small_disk: Path, command: Callable[..., Said]) -> None:
    arguments = ["tune", "--base", scene.base, "--data", scene.data, "--out", small_disk / "out", *TINY]
    for lang, expected in (("zh", "磁盘已满"), ("en", "the disk is full")):
        said = command("--lang", lang, *arguments, "lora_rank=16")
        assert said.code == 2, said.err
        assert expected in said.err and "Traceback" not in said.err
        assert not (small_disk / "out" / "adapter").exists()
        assert [name for name in files(small_disk) if ".tmp" in name] == []


@pytest.mark.parametrize("arguments", [["--help"], ["zzzz", "--json"]])
@pytest.mark.parametrize("unbuffered", ["", "1"])
def test_stdout_that_is_full_or_has_no_reader(arguments: list[str], unbuffered: str) -> None:
    if not Path("/dev/full").exists():
        pytest.skip("needs /dev/full")
    command = [sys.executable, "-m", "doctorglm", *arguments]
    environment = _environment(PYTHONUNBUFFERED=unbuffered)
    with Path("/dev/full").open("wb") as full:
        done = subprocess.run(command, env=environment, stdout=full, stderr=subprocess.PIPE, timeout=120)
    expected = b"the disk is full" if "--help" in arguments else b"unknown verb `zzzz`"
    assert done.returncode == 2 and expected in done.stderr and done.stderr.count(b"\n") == 1, done.stderr
    reader, writer = os.pipe()
    os.close(reader)
    done = subprocess.run(command, env=environment, stdout=writer, stderr=subprocess.PIPE, timeout=120)
    os.close(writer)
    assert b"Traceback" not in done.stderr and b"ignored" not in done.stderr
    assert done.returncode == (130 if "--help" in arguments else 2)


def test_limits_are_those_of_this_test_alone() -> None:
    assert resource.getrlimit(resource.RLIMIT_FSIZE)[0] == resource.RLIM_INFINITY
    assert language.current() == "en"
