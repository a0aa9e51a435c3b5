"""What the verbs do, and what the command line says to a wrong use of itself."""

import io
import json
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import pytest
import torch

from doctorglm import cli, demo
from doctorglm.__main__ import main
from doctorglm.cli import usage
from doctorglm.conversation import read_conversations

from ..house import consultations, write_table
from .kit import TINY, Said, Scene, files


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


class _Interrupted(io.BytesIO):
    """A file being written when Ctrl-C comes."""

    def write(self, data: Any) -> int:
        if len(self.getvalue()) > 200:
            raise KeyboardInterrupt
        return super().write(data)


def test_an_interruption_that_a_library_answers_with_an_error_of_its_own(
    command: Callable[..., Said], monkeypatch: pytest.MonkeyPatch
) -> None:
    def survey() -> None:
        torch.save({"weights": [torch.zeros(64) for _ in range(9)]}, _Interrupted())

    with pytest.raises(RuntimeError, match="unexpected pos"):
        survey()
    monkeypatch.setattr("doctorglm.machine.survey", survey)
    said = command("doctor", "--json")
    assert said.code == 130, said.err
    assert "start it again to go on" in said.err and "Traceback" not in said.err


def test_a_fault_of_ours_is_said_to_be_one(command: Callable[..., Said], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("doctorglm.machine.survey", lambda: 1 / 0)
    said = command("doctor", "--json")
    assert said.code == 1
    assert "ZeroDivisionError" in said.err and "fault of DoctorGLM" in said.err
    assert json.loads(said.out)["exit_code"] == 1


def test_a_gate_that_fails_is_exit_code_3(command: Callable[..., Said], monkeypatch: pytest.MonkeyPatch) -> None:
    gate = {"passed": False, "sentence": {"en": "Not passed: style only.", "zh": "未通过。"}}
    monkeypatch.setattr("doctorglm.evaluate.compare_all", lambda *a, **k: {"b": gate})
    monkeypatch.setattr("doctorglm.evaluate.leave.leave_comparison", lambda *a, **k: None)
    said = command("compare", "a", "b", "--out", "c")
    assert (said.code, said.out, said.err) == (3, "", "Not passed: style only.\n")
    assert json.loads(command("compare", "a", "b", "--out", "c", "--json").out) == gate
    monkeypatch.setitem(gate, "passed", True)
    assert command("compare", "a", "b", "--out", "c").code == 0
    monkeypatch.setattr(demo, "run_demo", lambda out, quiet: {"gate": {"passed": out.name == "good"}})
    assert [command("demo", "--out", out).code for out in ("good", "bad")] == [0, 3]


def test_a_complaint_that_is_not_known_is_passed_on() -> None:
    class OfTheFutureError(Exception):
        ctx = None

        def format_message(self) -> str:
            return "Something new."

    assert str(usage.explained(OfTheFutureError())) == "Something new. `doctorglm --help` shows an example."


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
    arguments = (
        "evaluate",
        "--model",
        base,
        "--suite",
        suite,
        "--out",
        evaluated,
        "gate_suites=false",
        "max_new_tokens=4",
        "--json",
    )
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
