"""Every recipe runs, in miniature; killed anywhere it goes on where it was; another recipe is refused."""

import json
import re
import shutil
import weakref
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
import yaml

from doctorglm import models
from doctorglm.__main__ import main
from doctorglm.conversation import Conversation, Message, read_conversations
from doctorglm.curate.documents import read_documents
from doctorglm.errors import ConfigError, DataError
from doctorglm.language import Text
from doctorglm.models.adapters import base_fingerprint
from doctorglm.recipe import Recipe, load_recipe, pipeline, run_recipe
from doctorglm.runs import read_json, sha256_tree
from doctorglm.settings import parse_overrides

from ..house import consultations, write_base, write_table

RECIPES = Path(__file__).parents[2] / "recipes"
COMMON = ["tune.max_steps=2", "tune.batch_tokens=64", "tune.max_length=128"]
SHAPE = [
    "pretrain.hidden_size=32",
    "pretrain.num_layers=1",
    "pretrain.num_attention_heads=2",
    "pretrain.vocabulary_size=480",
    "pretrain.valid=0.1",
]
MEASURED = [
    "evaluate.max_length=128",
    "evaluate.max_new_tokens=4",
    "evaluate.dialogues=4",
    "evaluate.gate_suites=false",
    "compare.resamples=1000",
]


@pytest.fixture(scope="module", autouse=True)
def quick() -> Iterator[None]:
    """A tuning's own page is drawn in the tests of tuning."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("doctorglm.tune.stage._write_page", lambda *arguments: "report.html")
        yield


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A table, documents and a base."""
    root = tmp_path_factory.mktemp("recipe")
    write_table(root / "x.csv", consultations(60))
    write_base(root / "base")
    documents = [
        {"text": "".join(c.answers for c in consultations(6, seed)), "source": "made", "licence": licence}
        for seed, licence in enumerate(["MIT", "CC0 1.0", "MPL-2.0"], 20)
    ]
    lines = "".join(json.dumps(d, ensure_ascii=False) + "\n" for d in documents)
    (root / "documents").mkdir()
    (root / "documents" / "d.jsonl").write_text(lines, "utf-8")
    return root


def smoke(name: str, place: Path) -> list[str]:
    """The overrides that make a recipe tiny."""
    recipe = load_recipe(RECIPES / f"{name}.yaml", {})
    new = recipe.pretrain is not None and not recipe.pretrain.continued
    small = [*SHAPE] if new else [f"base={place / 'base'}"]
    small += [f"documents=[{place / 'documents'}]"] if recipe.pretrain else []
    small += ["tune.replay=self:40"] if recipe.tune.replay.startswith("self:") else []
    return [f"sources=[{place / 'x.csv'}]", *COMMON, *small, *(MEASURED if recipe.evaluate else [])]


def tiny(name: str, place: Path, *more: str) -> Recipe:
    return load_recipe(RECIPES / f"{name}.yaml", parse_overrides([*smoke(name, place), *more]))


@pytest.mark.parametrize("name", [p.stem for p in sorted(RECIPES.glob("*.yaml")) if p.stem != "translate"])
def test_every_recipe_runs_for_two_steps_and_then_skips_all(
    name: str, place: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    arguments = ["run", str(RECIPES / f"{name}.yaml"), "--out", str(tmp_path / "r"), "--json", *smoke(name, place)]
    code = main(arguments)
    printed = json.loads(capsys.readouterr().out)
    assert len((tmp_path / "r" / "tune" / "metrics.jsonl").read_text("utf-8").splitlines()) == 2
    assert read_json(tmp_path / "r" / "run.json")["status"] == "finished"
    saved = load_recipe(tmp_path / "r" / "recipe.yaml", {})
    assert saved == load_recipe(RECIPES / f"{name}.yaml", parse_overrides(smoke(name, place)))
    if saved.evaluate is None:
        assert code == 0 and printed == {"out": str(tmp_path / "r")}
    else:
        # far too few items and steps: the gate has to say so
        assert code == 3 and printed["gate"]["passed"] is False
        assert (tmp_path / "r" / "report.html").exists()
    monkeypatch.setattr("doctorglm.tune.stage.train", lambda *a, **k: pytest.fail("trained again"))
    monkeypatch.setattr(pipeline, "save_model", lambda *a, **k: pytest.fail("packaged again"))
    monkeypatch.setattr("doctorglm.recipe.show.write_report", lambda *a: tmp_path)
    assert main(arguments) == code
    again = json.loads(capsys.readouterr().out)
    assert again | {"seconds_now": 0} == printed | {"seconds_now": 0}


# A comparison, looked at closely.


@pytest.fixture(scope="module")
def compared(place: Path, tmp_path_factory: pytest.TempPathFactory) -> pipeline.Outcome:
    outcome = run_recipe(tiny("cmd-lora", place), tmp_path_factory.mktemp("whole") / "r")
    assert outcome is not None
    return outcome


def test_the_summary_holds_what_is_promised(compared: pipeline.Outcome) -> None:
    summary = read_json(compared.directory / "summary.json")
    assert summary == compared.summary
    assert {"base", "tuned", "gate", "seconds", "peak_memory_mb"} <= summary.keys()
    assert summary["gate"] == read_json(compared.directory / "compare" / "gate.json")
    stages = ["curate", "tune", "placebo-data", "placebo", "compare", *(f"evaluate/{s}" for s in pipeline.SYSTEMS)]
    records = [read_json(compared.directory / stage / "run.json") for stage in stages]
    assert all(record["status"] == "finished" for record in records)
    assert summary["seconds"] == pytest.approx(sum(r["seconds"] for r in records), abs=0.1)
    assert summary["peak_memory_mb"] >= max(r["peak_memory_mb"] for r in records)
    held_out = len(list(read_conversations(compared.directory / "curate" / "test.jsonl")))
    for system in pipeline.SYSTEMS:
        found = summary[system]
        metric = found["nll_per_token"]
        assert metric["low"] <= metric["value"] <= metric["high"] and metric["n"] == held_out
        assert found["repetition"]["n"] == 4 and 0 <= found["ends_by_itself"]["value"] <= 1
        assert found["answer_tokens_per_s"] > 0 and found["seconds"] > 0 and found["peak_memory_mb"] > 0


def test_base_tuned_and_placebo_are_three_models_on_the_same_items(compared: pipeline.Outcome) -> None:
    runs = {s: read_json(compared.directory / "evaluate" / s / "run.json") for s in pipeline.SYSTEMS}
    assert len({run["inputs"]["test"] for run in runs.values()}) == 1
    assert len({run["inputs"]["base"] for run in runs.values()}) == 1
    adapters = [sha256_tree(compared.directory / stage / "adapter") for stage in ("tune", "placebo")]
    assert [runs[s]["inputs"].get("adapter") for s in pipeline.SYSTEMS] == [None, *adapters]
    assert adapters[0] != adapters[1]
    gate = compared.summary["gate"]
    assert gate["sha256"]["adapter"], gate["sha256"]["placebo"] == adapters
    assert gate == read_json(compared.directory / "tune" / "gate.json"), "it stands beside the adapter too"


def test_the_placebo_has_the_same_questions_and_nobodys_own_answer(compared: pipeline.Outcome) -> None:
    for part in ("train", "valid"):
        real = list(read_conversations(compared.directory / "curate" / f"{part}.jsonl"))
        placebo = list(read_conversations(compared.directory / "placebo-data" / f"{part}.jsonl"))
        assert [c.questions for c in placebo] == [c.questions for c in real]
        assert sorted(c.answers for c in placebo) == sorted(c.answers for c in real)
        assert not any(p.answers == r.answers for p, r in zip(placebo, real, strict=True))
    assert not (compared.directory / "placebo-data" / "test.jsonl").exists()


def test_three_questions_are_answered_by_each(compared: pipeline.Outcome) -> None:
    assert compared.answers == read_json(compared.directory / "answers.json")
    asked = {c.questions for c in read_conversations(compared.directory / "curate" / "test.jsonl")}
    assert len(compared.answers) == 3 and len({a["question"] for a in compared.answers}) == 3
    for answer in compared.answers:
        assert answer["question"] in asked
        for system in pipeline.SYSTEMS:
            assert set(answer[system]) == {"label", "text", "finish", "actions"}
            assert "AI" in answer[system]["label"]["zh"] and "AI" in answer[system]["label"]["en"]


def test_answers_are_shown_as_they_come_and_again_as_they_were(place: Path, compared: pipeline.Outcome) -> None:
    def collect() -> tuple[list[str], Callable[[str], pipeline.Show]]:
        heard: list[str] = []

        def ask(question: str) -> pipeline.Show:
            heard.append(f"\n? {question}")

            def show(system: Text, piece: str) -> None:
                heard.append(piece or f"\n{system.en}: ")

            return show

        return heard, ask

    again, ask_again = collect()
    run_recipe(tiny("cmd-lora", place), compared.directory, ask=ask_again)
    live, ask_live = collect()
    (compared.directory / "answers.json").unlink()
    run_recipe(tiny("cmd-lora", place), compared.directory, ask=ask_live)
    assert "".join(live) == "".join(again)
    assert [line[:2] for line in "".join(live).split("\n") if line.startswith("? ")] == ["? "] * 3
    assert read_json(compared.directory / "answers.json") == compared.answers


@pytest.mark.parametrize(("kept_bytes", "most_at_once", "loads"), [(1e9, 3, 3), (0, 1, 6)])
def test_a_large_base_is_in_memory_once(
    place: Path,
    compared: pipeline.Outcome,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    kept_bytes: float,
    most_at_once: int,
    loads: int,
) -> None:
    alive: weakref.WeakSet[Any] = weakref.WeakSet()
    counts: list[int] = []

    def load(*arguments: Any) -> Any:
        loaded = models.loading.load(*arguments)
        alive.add(loaded[0])
        counts.append(len(alive))
        return loaded

    monkeypatch.setattr(pipeline.models, "load", load)
    monkeypatch.setattr(pipeline, "_KEPT_BYTES", kept_bytes)
    recipe = tiny("cmd-lora", place)
    assert recipe.evaluate is not None
    shutil.copytree(compared.directory, tmp_path / "r", ignore=shutil.ignore_patterns("answers.json"))
    answers = pipeline._answers(recipe, tmp_path / "r", recipe.evaluate, 2, None)
    assert answers == compared.answers[:2]
    assert (max(counts), len(counts)) == (most_at_once, loads)


class _Killed(BaseException):
    """As sudden as a signal: no handler of ours catches it."""


STEPS = (
    "curate",
    "tune",
    "_placebo_data",
    "tune",
    "evaluate",
    "evaluate",
    "evaluate",
    "compare",
    "_answers",
    "_summary",
)


def test_killed_before_every_stage_it_reaches_the_same_end_and_repeats_nothing(
    place: Path, tmp_path: Path, compared: pipeline.Outcome
) -> None:
    out = tmp_path / "r"
    recipe = tiny("cmd-lora", place)
    finished: dict[str, bytes] = {}
    for stop in range(len(STEPS)):
        with pytest.MonkeyPatch.context() as patch:
            _kill_at(stop, patch)
            with pytest.raises(_Killed):
                run_recipe(recipe, out)
        assert not (out / "summary.json").exists()
        records = {str(p.relative_to(out)): p.read_bytes() for p in out.rglob("run.json")}
        done = {name: data for name, data in records.items() if json.loads(data)["status"] == "finished"}
        assert {name: done.get(name) for name in finished} == finished, "a finished stage was run again"
        finished = done
    outcome = run_recipe(recipe, out)
    assert outcome is not None and outcome.answers == compared.answers
    mine, whole = outcome.summary["gate"], compared.summary["gate"]
    assert mine["metrics"] == whole["metrics"]
    for name in ("items.jsonl", "summary.json"):
        for system in pipeline.SYSTEMS:
            first, second = (_timeless(d / "evaluate" / system / name) for d in (out, compared.directory))
            assert first == second


def _kill_at(stop: int, patch: pytest.MonkeyPatch) -> None:
    """Lets `stop` calls of the stages pass and kills the next."""
    calls = iter(range(len(STEPS) + 1))

    def counted(name: str) -> Callable[..., Any]:
        original = getattr(pipeline, name)

        def call(*arguments: Any, **named: Any) -> Any:
            number = next(calls)
            assert STEPS[number] == name
            if number == stop:
                raise _Killed
            return original(*arguments, **named)

        return call

    for name in set(STEPS):
        patch.setattr(pipeline, name, counted(name))


def _timeless(path: Path) -> str:
    return re.sub(r'"(seconds|answer_tokens_per_s)": [0-9.e-]+', "", path.read_text("utf-8"))


def test_another_recipe_is_refused_before_anything_is_done(place: Path, compared: pipeline.Outcome) -> None:
    before = {p: p.stat().st_mtime_ns for p in compared.directory.rglob("*")}
    with pytest.raises(ConfigError, match=r"settings\.tune\.lora_rank: 16 -> 4"):
        run_recipe(tiny("cmd-lora", place, "tune.lora_rank=4"), compared.directory)
    with pytest.raises(ConfigError, match=r"settings\.compare\.min_items: 30 -> 40"):
        run_recipe(tiny("cmd-lora", place, "compare.min_items=40"), compared.directory)
    # not even the sources are looked at
    with pytest.raises(ConfigError, match=r"settings\.tune\.lora_rank: 16 -> 4"):
        run_recipe(tiny("cmd-lora", place, "tune.lora_rank=4", "sources=[gone]"), compared.directory)
    assert {p: p.stat().st_mtime_ns for p in compared.directory.rglob("*")} == before


def test_wrong_sources_leave_nothing(place: Path, tmp_path: Path) -> None:
    with pytest.raises(DataError, match="no such file"):
        run_recipe(tiny("cmd-lora", place, f"sources=[{tmp_path / 'none'}]"), tmp_path / "r")
    assert not (tmp_path / "r").exists()


def test_every_weight_can_be_tuned_by_a_recipe(place: Path, tmp_path: Path) -> None:
    changes = ("tune.method=full", "tune.learning_rate=1e-3", "evaluate.dialogues=1")
    outcome = run_recipe(tiny("cmd-lora", place, *changes), tmp_path / "r", questions=1)
    assert outcome is not None and len(outcome.answers) == 1
    assert {(tmp_path / "r" / s / "model").is_dir() for s in ("tune", "placebo")} == {True}
    bases = {read_json(tmp_path / "r" / "evaluate" / s / "run.json")["inputs"]["base"] for s in pipeline.SYSTEMS}
    assert len(bases) == 3


def test_a_recipe_without_evaluation_only_tunes(place: Path, tmp_path: Path) -> None:
    values = {k: v for k, v in tiny("cmd-lora", place).resolved().items() if k != "evaluate"}
    (tmp_path / "r.yaml").write_text(yaml.safe_dump(values, allow_unicode=True), "utf-8")
    assert run_recipe(load_recipe(tmp_path / "r.yaml", {}), tmp_path / "r") is None
    assert sorted(p.name for p in (tmp_path / "r").iterdir()) == ["curate", "recipe.yaml", "run.json", "tune"]


def test_a_new_base_reads_no_test_data_and_only_permissive_text(place: Path, tmp_path: Path) -> None:
    out = tmp_path / "r"
    assert run_recipe(tiny("embedded-base", place), out) is None
    held_out = {c.id for c in read_conversations(out / "curate" / "test.jsonl")}
    corpus = [c for part in ("train", "valid") for c in read_conversations(out / "base" / f"{part}.jsonl")]
    assert held_out and not held_out & {c.id for c in corpus}
    # of this corpus, whose other parts are for tuning, its own part alone
    cmd = {c.id for c in corpus if c.source == "cmd"}
    assert cmd and cmd <= {c.id for c in read_conversations(out / "curate" / "pretrain.jsonl")}
    documents = read_documents([place / "documents"])
    allowed = {d.licence for d in documents} | {c.licence for c in corpus if c.source == "cmd"}
    assert {c.licence for c in corpus} <= allowed and "MPL-2.0" not in allowed
    model, tokenizer = models.load(out / "embedded", dtype=torch.float32)
    assert model.config.hidden_size == 32 and model.config.num_layers == 1 and len(tokenizer) == model.config.vocab_size
    stored = (out / "embedded" / "model.safetensors").stat().st_size
    assert stored < 3 * sum(p.numel() for p in model.parameters()), "16 bits a weight"
    trained = models.load(out / "tune" / "model", dtype=torch.float32)[0].state_dict()
    assert all(torch.equal(trained[name].half().float(), value) for name, value in model.state_dict().items())


def test_a_new_base_is_packaged_as_it_was_trained_where_models_are_loaded_coarser(
    place: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("doctorglm.models.loading.best_dtype", lambda device: torch.bfloat16)
    test_a_new_base_reads_no_test_data_and_only_permissive_text(place, tmp_path)


def test_a_base_that_is_continued_keeps_its_vocabulary_and_shape(place: Path, tmp_path: Path) -> None:
    out = tmp_path / "r"
    assert run_recipe(tiny("embedded-base-2", place), out) is None
    before, after = (read_json(folder / "config.json") for folder in (place / "base", out / "embedded"))
    assert {k: before[k] for k in ("hidden_size", "num_layers", "vocab_size")} == {
        k: after[k] for k in ("hidden_size", "num_layers", "vocab_size")
    }
    assert read_json(out / "tune" / "run.json")["inputs"]["base"] == base_fingerprint(place / "base")
    assert not (out / "base" / "initial").exists()


def test_random_weights_are_not_tuned_with_adapters(place: Path) -> None:
    with pytest.raises(ConfigError, match=r"tune\.method: full"):
        tiny("embedded-base", place, "tune.method=lora")


# Which questions are shown.


def talk(identifier: str, department: str, *said: str) -> Conversation:
    roles = ["system"] if said[0].startswith("系统") else []
    roles += ["user", "assistant"] * len(said)
    messages = tuple(Message(r, s) for r, s in zip(roles, said, strict=False))  # type: ignore[arg-type]
    return Conversation(id=identifier, messages=messages, department=department)


def test_shown_are_short_ones_of_different_departments_and_no_emergency() -> None:
    rows = [
        talk("d", "甲", "问", "答。"),
        talk("c", "甲", "问", "答。", "又问", "又答。"),
        talk("b", "甲", "问", "答。"),
        talk("a", "乙", "问", "请立即就医，拨打120。"),
        talk("e", "乙", "问", "答。"),
        talk("f", "丙", "系统提示", "问", "答。"),
    ]
    chosen = pipeline._one_of_each_department(rows, 3)
    assert [c.id for c in chosen] == ["b", "e", "f"]
    assert [c.id for c in pipeline._one_of_each_department(rows, 5)] == ["b", "e", "f", "d", "c"]
    assert pipeline._one_of_each_department(rows[3:4], 3) == []
    assert [c.id for c in pipeline._one_of_each_department(rows, 2, lambda c: c.id in ("d", "f"))] == ["d", "f"]
    assert [m.content for m in pipeline._up_to_the_first_question(rows[5])] == ["系统提示", "问"]
    assert [m.content for m in pipeline._up_to_the_first_question(rows[1])] == ["问"]


def test_with_a_library_a_question_is_shown_that_it_answers_and_that_is_no_emergency(tmp_path: Path) -> None:
    pages = tmp_path / "pages"
    pages.mkdir()
    said = "心绞痛发作时胸口压榨样疼痛，出冷汗，疼痛超过20分钟不缓解要拨打急救电话。"
    for name, title in (("angina", "心绞痛"), ("gout", "痛风")):
        text = f"---\nid: {name}\ntitle: {title}\n---\n## 症状\n\n{said if name == 'angina' else '关节红肿热痛。'}\n"
        (pages / f"{name}.md").write_text(text, "utf-8")
    plain = load_recipe(Path(__file__).parents[2] / "recipes" / "cmd-lora.yaml", {})
    recipe = replace(plain, library=[str(pages)])
    pipeline._library(recipe, tmp_path)
    answered = pipeline._answerable(recipe, tmp_path)
    assert answered(talk("a", "甲", "痛风发作关节红肿热痛怎么办", "答。"))
    assert not answered(talk("b", "甲", "胃镜之前能喝水吗", "答。"))
    assert not answered(talk("c", "甲", "心绞痛发作，胸口压榨样疼痛，出冷汗，疼痛超过20分钟不缓解", "答。"))
    assert pipeline._answerable(replace(plain, library=None), tmp_path)(talk("d", "甲", "胃镜之前能喝水吗", "答。"))
