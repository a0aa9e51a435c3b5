"""The chain from English corpora to Chinese data: with a good student, with a bad one, killed and continued."""

import io
import json
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import redirect_stdout
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from typing import Any

import pytest
import torch

from doctorglm import language
from doctorglm.__main__ import main
from doctorglm.conversation import Conversation, read_conversations
from doctorglm.recipe import read_recipe
from doctorglm.recipe.translation.pipeline import run_translation
from doctorglm.recipe.translation.settings import TranslationRecipe, translation_recipe_of
from doctorglm.runs import read_json
from doctorglm.settings import parse_overrides

from ...engine.conftest import serve, servers  # noqa: F401 - a fixture
from ...engine.serving import Call, Script, Server
from ...translate.teaching import asked_texts
from .small import chinese, recipe, taught

Serve = Callable[[Script], Server]
FOLDERS = ["curate", "data", "distill", "student", "teacher", "test", "translated"]


@pytest.fixture(scope="module", autouse=True)
def one_thread() -> None:
    torch.set_num_threads(1)


@dataclass
class Whole:
    """A recipe that ran to its end without a stop."""

    code: int
    printed: dict[str, Any]
    out: Path
    recipe: Path
    server: Server

    @property
    def arguments(self) -> list[str]:
        return ["run", str(self.recipe), "--out", str(self.out), f"teacher={self.server.address()}"]

    def read(self, name: str) -> list[Conversation]:
        return list(read_conversations(self.out / name))


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Whole]:
    place = tmp_path_factory.mktemp("translation")
    with servers() as start:
        server, printed = start(taught), io.StringIO()
        found = Whole(-1, {}, place / "r", recipe(place), server)
        with redirect_stdout(printed):
            found.code = main([*found.arguments, "--json"])
        found.printed = json.loads(printed.getvalue())
        yield found


def loaded(path: Path, *overrides: str) -> TranslationRecipe:
    return translation_recipe_of(read_recipe(path), parse_overrides(overrides), str(path))


def english(one: Conversation) -> list[str]:
    return list(one.meta["translation"]["english"])


# A good student.


def test_a_good_student_translates_the_rest_and_data_holds_both(whole: Whole) -> None:
    assert whole.code == 0 and whole.printed["passed"] is True
    assert whole.printed == read_json(whole.out / "summary.json")
    assert sorted(p.name for p in whole.out.iterdir() if p.is_dir()) == FOLDERS
    data = [one for part in ("train", "valid") for one in whole.read(f"data/{part}.jsonl")]
    by = {one.id: set(one.meta["translation"]["by"]) for one in data}
    sample = {one.id for one in whole.read("teacher/train.jsonl")}
    rest = {one.id for one in whole.read("student/train.jsonl")}

    assert {i for i, who in by.items() if who == {"teacher"}} == sample
    assert {i for i, who in by.items() if who == {"student"}} == rest
    assert len(sample) >= 10 and len(rest) >= 20, "a student that translates next to nothing proves nothing here"
    counted = Counter("student" if one.id in rest else "teacher" for one in whole.read("data/train.jsonl"))
    assert whole.printed["data"]["by"]["train"] == counted
    assert whole.printed["data"]["splits"].keys() == {"train", "valid"}


def test_what_is_translated_keeps_its_english_and_what_the_teacher_could_not_do_is_left(whole: Whole) -> None:
    curated = {one.id: [m.content for m in one.messages] for one in whole.read("curate/train.jsonl")}
    translated = {one.id: one for one in whole.read("translated/train.jsonl")}
    data = [one for part in ("train", "valid") for one in whole.read(f"data/{part}.jsonl")]
    for one in data:
        assert one.language == "zh"
        assert english(one) == curated[one.id]
        assert dict(one.meta) | {"cluster": 0} == dict(translated[one.id].meta) | {"cluster": 0}
        assert one.messages == translated[one.id].messages
    for one in whole.read("teacher/train.jsonl"):
        assert [m.content for m in one.messages] == [chinese(said) for said in english(one)]
    lines = (whole.out / "teacher" / "rejected.jsonl").read_text("utf-8").splitlines()
    rejected = {json.loads(line)["id"] for line in lines}
    rest = {one.id for one in whole.read("teacher/rest.jsonl")}

    assert len(rejected) == whole.printed["teacher"]["rejected"]["unit_or_dose"] > 0
    assert not rejected & {one.id for one in data} and not rejected & rest
    assert len(rest) + whole.printed["teacher"]["read"] == len(curated) == whole.printed["curated"]["kept"]
    assert whole.printed["student"]["read"] == len(rest) == whole.printed["teacher"]["rest"]


def test_the_teacher_sees_the_sample_alone(whole: Whole) -> None:
    sample = {said for one in whole.read("teacher/train.jsonl") for said in english(one)}
    lines = (whole.out / "teacher" / "rejected.jsonl").read_text("utf-8").splitlines()
    sample |= {m["content"] for line in lines for m in json.loads(line)["record"]["messages"]}
    asked = {text for some in asked_texts(whole.server.calls) for text in some}

    assert asked == sample


def test_no_sentence_of_the_held_out_quarter_is_trained_on(whole: Whole) -> None:
    lines = (whole.recipe.parent / "pairs.jsonl").read_text("utf-8").splitlines()
    pairs = [json.loads(line) for line in lines]
    quarter = [p for p in pairs if int(sha256(p["source"].partition(":")[0].encode()).hexdigest(), 16) % 4 == 0]
    held = [json.loads(line) for line in (whole.out / "test" / "test.jsonl").read_text("utf-8").splitlines()]

    assert 0 < len(quarter) < len(pairs) / 2
    assert [(one["en"], one["zh"]) for one in held] == [(p["en"], p["zh"]) for p in quarter]
    known = {p["en"] for p in quarter}
    taught_of = [said for one in whole.read("teacher/train.jsonl") for said in english(one)]
    free = sum(p["en"] not in known for p in pairs) + sum(said not in known for said in taught_of)
    counts = read_json(whole.out / "distill" / "run.json")["counts"]
    assert counts["test"] == len(quarter)
    # what stands in valid is not in train either
    assert counts["train"] + counts["valid"] <= free < len(pairs)
    assert counts["train"] + counts["valid"] >= free - counts["valid"] * 10


def test_a_finished_recipe_does_nothing_again(whole: Whole, capsys: pytest.CaptureFixture[str]) -> None:
    files = [path for name in FOLDERS for path in (whole.out / name).rglob("*") if path.is_file()]
    before, asked = {path: path.stat().st_mtime_ns for path in files}, len(whole.server.calls)

    assert main([*whole.arguments, "--json"]) == 0
    assert json.loads(capsys.readouterr().out) == whole.printed
    assert len(whole.server.calls) == asked
    assert {path: path.stat().st_mtime_ns for path in files} == before


def test_the_resolved_recipe_is_saved(whole: Whole) -> None:
    assert loaded(whole.out / "recipe.yaml") == loaded(whole.recipe, f"teacher={whole.server.address()}")
    assert read_json(whole.out / "run.json")["status"] == "finished"


def test_another_recipe_is_refused_before_anything_is_done(whole: Whole, capsys: pytest.CaptureFixture[str]) -> None:
    before = {path: path.stat().st_mtime_ns for path in whole.out.rglob("*")}

    assert main([*whole.arguments, "distill.epochs=11", "sources=[gone]"]) == 2
    assert "settings.distill.epochs: 10 -> 11" in capsys.readouterr().err
    assert {path: path.stat().st_mtime_ns for path in whole.out.rglob("*")} == before


# A student that is not good enough.


@pytest.mark.parametrize(
    ("lang", "words"),
    [
        ("en", ["The student is not good enough", "held-out sentences, 0.0", "(distill.least_accepted)",
                "sample=N, budget=USD", "distill.pretrained=FOLDER"]),
        ("zh", ["学生模型不合格", "个留出句中有 0 句通过检查", "让教师翻译更大的样本", "distill.pretrained=文件夹"]),
    ],
)  # fmt: skip
def test_a_bad_student_translates_nothing_and_the_command_says_so(
    lang: str, words: list[str], serve: Serve, tmp_path: Path, capsys: pytest.CaptureFixture[str]  # noqa: F811
) -> None:  # fmt: skip
    language.choose("zh" if lang == "zh" else "en")
    server, out = serve(taught), tmp_path / "r"
    arguments = ["run", str(recipe(tmp_path)), "--out", str(out), f"teacher={server.address()}", "distill.max_steps=1"]

    assert main(arguments) == 3
    said = capsys.readouterr().out
    for word in words:
        assert word in said, said
    assert not (out / "student").exists()
    assert read_json(out / "summary.json")["student"] is None
    data = [one for part in ("train", "valid") for one in read_conversations(out / "data" / f"{part}.jsonl")]
    assert {one.id for one in data} == {one.id for one in read_conversations(out / "teacher" / "train.jsonl")}
    assert {who for one in data for who in one.meta["translation"]["by"]} == {"teacher"}
    assert main(arguments) == 3, "and again"


def test_one_that_reaches_a_bar_of_nothing_and_of_which_nothing_is_taken(
    serve: Serve, tmp_path: Path, capsys: pytest.CaptureFixture[str]  # noqa: F811
) -> None:  # fmt: skip
    arguments = ["run", str(recipe(tmp_path)), "--out", str(tmp_path / "r"), f"teacher={serve(taught).address()}"]

    assert main([*arguments, "distill.max_steps=1", "distill.least_accepted=0"]) == 3
    said, found = capsys.readouterr().out, read_json(tmp_path / "r" / "summary.json")
    assert found["distill"]["good_enough"] is True and found["passed"] is False and found["student"] is None
    assert f"the checks took none of its {found['teacher']['rest']} conversations" in said
    assert {who for part in found["data"]["by"].values() for who in part} == {"teacher"}


def test_where_the_sample_is_all_no_student_is_trained(
    serve: Serve, tmp_path: Path, capsys: pytest.CaptureFixture[str]  # noqa: F811
) -> None:  # fmt: skip
    arguments = ["run", str(recipe(tmp_path, sample=1000)), "--out", str(tmp_path / "r")]

    assert main([*arguments, f"teacher={serve(taught).address()}"]) == 0
    assert "no student was needed" in capsys.readouterr().out
    assert not (tmp_path / "r" / "distill").exists() and not (tmp_path / "r" / "student").exists()


# What is missing, and what stops.


@pytest.mark.parametrize(
    ("lang", "said"), [("en", "names no teacher. Add teacher=http(s)://"), ("zh", "没有指定教师模型。请加上 teacher=")]
)
def test_without_a_teacher_nothing_is_done(
    lang: str, said: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    language.choose("zh" if lang == "zh" else "en")

    assert main(["run", str(recipe(tmp_path)), "--out", str(tmp_path / "r")]) == 2
    assert said in capsys.readouterr().err
    assert not (tmp_path / "r").exists()


@pytest.mark.parametrize("key", ["sources=[{}]", "pairs=[{}]", "test={}", "glossary={}", "distill.pretrained={}"])
def test_a_file_that_is_not_there_is_told(key: str, serve: Serve, tmp_path: Path, capsys: Any) -> None:  # noqa: F811
    server = serve(taught)
    arguments = ["run", str(recipe(tmp_path)), "--out", str(tmp_path / "r"), f"teacher={server.address()}"]

    assert main([*arguments, key.format(tmp_path / "gone.jsonl")]) == 2
    assert "gone.jsonl" in capsys.readouterr().err
    assert server.calls == [], "before anything is paid"


class _Killed(BaseException):
    """As sudden as a signal: no handler of ours catches it."""


STOPS = (
    "doctorglm.recipe.translation.pipeline.curate",
    "doctorglm.recipe.translation.pipeline.translate",
    "doctorglm.recipe.translation.pipeline.hold_out",
    "doctorglm.recipe.translation.pipeline.distill",
    "doctorglm.distill.stage.train",
    "doctorglm.distill.stage._measured",
    "doctorglm.recipe.translation.pipeline.translate_by_student",
    "doctorglm.translate.student.stage.require_some",
    "doctorglm.recipe.translation.pipeline.write_conversations",
    "doctorglm.curate.stage.write_rejected",
    "doctorglm.recipe.translation.pipeline.summary",
)


def test_killed_in_every_stage_it_reaches_the_same_end_and_pays_nothing_twice(
    whole: Whole, serve: Serve, tmp_path: Path, monkeypatch: pytest.MonkeyPatch  # noqa: F811
) -> None:  # fmt: skip
    server, out = serve(taught), tmp_path / "r"
    mine = loaded(whole.recipe, f"teacher={server.address()}")
    finished: dict[Path, bytes] = {}
    for place in STOPS:
        with monkeypatch.context() as patch:
            patch.setattr(place, _kill)
            if place.endswith("write_rejected"):  # of the second curation: the first is finished
                assert (out / "curate" / "run.json").exists()
            with pytest.raises(_Killed):
                run_translation(mine, out)
        assert not (out / "summary.json").exists()
        records = {path: path.read_bytes() for path in out.rglob("run.json")}
        done = {path: record for path, record in records.items() if json.loads(record)["status"] == "finished"}
        assert {path: done.get(path) for path in finished} == finished, "a finished stage was run again"
        finished = done
    outcome = run_translation(mine, out)

    assert outcome.summary["passed"] is True
    assert len(server.calls) == len(whole.server.calls)
    for name in ("teacher/rest.jsonl", "test/test.jsonl", "data/train.jsonl", "data/valid.jsonl"):
        assert (out / name).read_bytes() == (whole.out / name).read_bytes(), name


def _kill(*_: object, **__: object) -> None:
    raise _Killed


def test_a_server_that_fails_half_way_ends_it_and_what_it_said_is_kept(
    serve: Serve, tmp_path: Path, capsys: pytest.CaptureFixture[str], whole: Whole  # noqa: F811
) -> None:  # fmt: skip
    up = False

    def script(call: Call) -> None:
        if up or len(server.calls) <= 2:
            taught(call)
        else:
            call.reply(b"{}", status=503)

    server, out = serve(script), tmp_path / "r"
    arguments = ["run", str(whole.recipe), "--out", str(out), f"teacher={server.address()}", "distill.max_steps=1"]
    assert main(arguments) == 2
    assert "503" in capsys.readouterr().err
    assert not (out / "distill").exists()
    up, failed = True, len(server.calls) - 2

    assert main(arguments) == 3
    assert len(server.calls) - failed == len(whole.server.calls), "what was answered is asked for once"
