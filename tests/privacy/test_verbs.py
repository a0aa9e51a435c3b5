"""Verbs that read lines which nobody curated, or a model that gives back what it was asked."""

import json
import stat
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import typer

from doctorglm.cli.verbs import app
from doctorglm.conversation import Conversation
from doctorglm.engine import Generation

from ..engine.conftest import serve  # noqa: F401 - a fixture
from ..engine.serving import Server
from ..translate.teaching import asked_texts, faithful
from .patients import write_lines
from .scene import EN, SOUGHT, ZH, Echo, Scene, of

QUICK = ("max_steps=2", "epochs=1", "batch_tokens=512", "max_length=256", "lora_rank=2")


def test_tuning_and_evaluation_on_lines_that_nobody_curated(scene: Scene, world: Path, echo: None) -> None:
    raw, out = world / "raw", scene.written / "raw"
    tune = ("tune", "--base", "embedded", "--data", raw, "--out", out / "tuned")
    assert scene.run(*tune, *QUICK, "max_length=112", "--json") == 0
    assert of(out / "tuned", "rejected.jsonl"), "answers that are too long are listed"
    planned = ("plan", "--base", "embedded", "--data", raw, "--device", "cpu")
    assert scene.run(*planned) == scene.run(*planned, "--json") == 0
    evaluate = ("evaluate", "--model", "embedded", "--suite", raw / "test.jsonl", "max_length=256", "gate_suites=false")
    adapter = ("--adapter", out / "tuned" / "adapter")
    assert scene.run(*evaluate, "--out", out / "base") == 0
    assert scene.run(*evaluate, "--out", out / "other", *adapter, "--json") == 0
    assert scene.run("compare", out / "base", out / "other", "--out", out / "gate", "--json") == 3
    items = of(out / "base", "items.jsonl")
    records = of(raw, "test.jsonl")
    assert {Conversation.from_dict(r, "").id for r in records} == {item["id"] for item in items}, "who has the source"
    assert len({item["id"] for item in items}) == 9, "ids stay apart"
    assert all("[" in item["answer"] for item in items if item["suite"] == "dialogue")
    assert [i["id"] for i in items] == [i["id"] for i in of(out / "other", "items.jsonl")]
    assert scene.leaks() == {}


def test_an_evaluation_that_was_interrupted_keeps_masked_answers(
    scene: Scene, world: Path, echo: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    answer, asked = Echo.batch, iter((True, True, False))

    def interrupted(self: Echo, *messages: Any) -> list[Generation]:
        if not next(asked):
            raise KeyboardInterrupt
        return answer(self, *messages)

    monkeypatch.setattr(Echo, "batch", interrupted)
    suite, out = world / "raw" / "test.jsonl", scene.written / "interrupted"
    evaluate = ("evaluate", "--model", "embedded", "--suite", suite, "--out", out, "max_length=256", "batch_size=2")
    assert scene.run(*evaluate) == 130
    assert len(of(out, "finished.jsonl")) == 4
    assert scene.leaks() == {}


def test_a_sweep_a_judge_and_the_reports(scene: Scene, world: Path, echo: None) -> None:
    suite, out = world / "raw" / "test.jsonl", scene.written / "swept"
    little = (
        "sweep.temperatures=0",
        "sweep.repetition_penalties=1",
        "sweep.safety_questions=2",
        "sweep.resamples=1000",
    )
    evaluate = ("evaluate", "--model", "embedded", "--suite", suite, "max_length=256", "gate_suites=false")
    assert scene.run(*evaluate, "--out", out, "--sweep", *little, "--judge", "embedded") == 0
    assert of(out / "judge", "transcripts.jsonl") and of(out / "judge", "judged.jsonl")
    assert (out / "sweep" / "sampling.json").is_file() and (out / "report.html").is_file()
    compare = ("compare", out, out, "--out", scene.written / "compared", "--format", "junit", "--judge", "embedded")
    assert scene.run(*compare) == 3
    assert (scene.written / "compared" / "MODEL_CARD.md").is_file()
    assert scene.leaks() == {}


def test_a_recipe_with_its_answers_and_its_report(scene: Scene, world: Path, echo: None) -> None:
    recipe = world / "recipe.yaml"
    sources = [str(scene.sources / name) for name in ("alpaca-zh.json", "gb18030.csv")]
    quick = {"max_steps": 2, "epochs": 1, "batch_tokens": 512, "max_length": 256, "lora_rank": 2}
    settings = {
        "title_en": "x",
        "title_zh": "x",
        "curate": {"deidentify": "none"},
        "tune": quick,
        "evaluate": {"max_length": 256},
        "base": "embedded",
    }
    recipe.write_text(json.dumps({"sources": sources, **settings}), "utf-8")
    out = world / "recipe"
    assert scene.run("run", recipe, "--out", out) in (0, 3)
    assert json.loads((out / "answers.json").read_text("utf-8"))
    for part in (*(out / "curate").glob("[tv]*.jsonl"), *(out / "placebo-data").glob("*.jsonl")):
        part.unlink()  # kept as they came, as the recipe asks for
    assert SOUGHT.below(out) == {}
    assert scene.leaks() == {}


def test_chat_shows_the_answer_and_writes_nothing(scene: Scene, echo: None) -> None:
    asked = "".join(one.sentence for one in ZH[:15])
    before = sorted(scene.written.rglob("*"))
    assert scene.run("chat", "--model", "embedded", "--ask", asked, "--json", shown=True) == 0
    assert scene.run("chat", "--model", "embedded", "--ask", asked, shown=True) == 0
    assert (
        scene.run(
            "chat", "--model", "embedded", typed=f"{asked}\n/{EN[0].literal}\n/clear\n{asked}\n/exit\n", shown=True
        )
        == 0
    )
    assert sorted(scene.written.rglob("*")) == before
    assert scene.leaks() == {}


def test_inspect_gives_back_what_it_was_given_and_to_nobody_else(scene: Scene, world: Path) -> None:
    lines = write_lines(world / "lines.jsonl", [{"text": one.sentence} for one in ZH])
    assert scene.run("inspect", "deid", lines, "--out", world / "spans.jsonl") == 0
    masked = [json.loads(line)["masked"] for line in (world / "spans.jsonl").read_text("utf-8").splitlines()]
    assert SOUGHT.found("\n".join(masked).encode()) == set()
    assert stat.S_IMODE((world / "spans.jsonl").stat().st_mode) == 0o600
    assert scene.leaks() == {}


def test_the_audit_of_a_translation_tells_nothing_of_it(scene: Scene, world: Path) -> None:
    folder = world / "translated"
    folder.mkdir()
    told = "Call {}; he denies fever, pulse 84, 37.5 °C."
    pairs = [
        {"id": zh.literal, "en": told.format(en.sentence), "zh": zh.sentence}
        for zh, en in zip(ZH, EN * 9, strict=False)
    ]
    lines = write_lines(folder / f"{ZH[0].literal[:2]}.jsonl", pairs)
    glossary = folder / "terms.csv"
    glossary.write_text("en,zh\nfever,发热\npulse,脉搏\n", "utf-8")
    assert scene.run("translate", lines, "--audit") == 0
    assert scene.run("translate", lines, "--audit", "--glossary", glossary, "--json") == 0
    assert scene.leaks() == {}


def test_a_teacher_is_sent_masked_text_and_its_translation_holds_the_masks(
    scene: Scene,
    world: Path,
    serve: Callable[..., Server],  # noqa: F811 - the fixture
) -> None:
    server = serve(faithful)
    teacher = ("--teacher", server.address(), "concurrency=1", "checks=false")
    assert scene.run("translate", world / "raw" / "test.jsonl", "--out", scene.written / "taught", *teacher) == 0
    written = of(scene.written / "taught", "train.jsonl") + of(scene.written / "taught", "rejected.jsonl")
    records = of(world / "raw", "test.jsonl")
    assert len({one["id"] for one in written}) == len(records) and any("[name]" in str(one) for one in written)
    asked = [text for texts in asked_texts(server.calls) for text in texts]
    assert asked and SOUGHT.found("\n".join(asked).encode()) == set()
    small = ("vocabulary=3000", "d_model=16", "heads=2", "encoder_layers=1", "decoder_layers=1", "max_steps=2")
    pairs = scene.written / "taught" / "train.jsonl"
    assert scene.run("distill", pairs, "--out", scene.written / "student", *small) == 0
    assert scene.leaks() == {}


def test_verbs_that_see_no_patient(scene: Scene) -> None:
    assert scene.run("doctor", "--json") == 0
    assert scene.run("fetch", "--json") == 0
    assert scene.run("fetch", ZH[0].literal[:2], "--out", scene.written / "fetched") == 2
    assert scene.run("convert", "nowhere", scene.written / "converted", "--to", "hf") == 2
    covered = {"curate", "run", "plan", "tune", "evaluate", "compare", "chat", "inspect", "doctor", "fetch", "convert"}
    covered |= {"translate", "distill"}
    # demo is a recipe on dialogues of the package
    assert typer.main.get_command(app).commands.keys() == {*covered, "demo", "library"}  # the library's are above


def test_files_are_the_owners_alone(scene: Scene) -> None:
    """Of everything that is there: what other tests have left too."""
    assert scene.run("curate", scene.sources, "--out", scene.written / "owned") == 0
    tune = ("tune", "--base", "embedded", "--data", scene.written / "owned", "--out", scene.written / "owned tuned")
    assert scene.run(*tune, *QUICK) == 0
    files = [path for path in scene.written.rglob("*") if path.is_file() and path.name != "stderr"]
    assert {"train.jsonl", "run.json", "report.html", "metrics.jsonl", "adapter_model.safetensors"} <= {
        f.name for f in files
    }
    assert [str(path) for path in files if stat.S_IMODE(path.stat().st_mode) & 0o077] == []
