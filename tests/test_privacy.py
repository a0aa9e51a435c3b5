"""The privacy boundary: raw patient text exists in the source and in memory only.

More than 500 invented identifiers, each a literal of its own, are planted in sources; every verb runs; every byte below
its outputs, caches and what it said is searched (`everybyte.py`): no literal is there. `inspect`'s result and a chat's
answer, which go to whoever typed them, are the exceptions.
"""

import contextlib
import io
import json
import os
import signal
import stat
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import openpyxl
import pytest

from doctorglm.__main__ import main
from doctorglm.cli.verbs import app
from doctorglm.clinical import deid
from doctorglm.conversation import Conversation, Message, read_conversations
from doctorglm.curate.filters import chain
from doctorglm.engine import Generation

from .everybyte import Literals
from .identifiers import TYPES, planted
from .patients import Writer, rejected, table, write_damaged, write_lines, write_sources, write_workbook

ZH, EN = planted("zh"), planted("en")
SOUGHT = Literals(one.literal for one in (*ZH, *EN))
QUICK = ("max_steps=2", "epochs=1", "batch_tokens=512", "max_length=256", "lora_rank=2")


@dataclass
class Scene:
    """Sources with identifiers, and a folder in which everything is that the program may write."""

    sources: Path
    written: Path
    said: list[str] = field(default_factory=list)

    def run(self, *arguments: object, typed: str = "", shown: bool = False) -> int:
        """Runs the command line in this process; what it says is kept to be searched, on stdout unless `shown`."""
        out, err, before = _stream(), _stream(), sys.stdin
        sys.stdin = io.TextIOWrapper(io.BytesIO(typed.encode()), "utf-8")
        try:
            with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
                code = main([str(a) for a in arguments])
        finally:
            sys.stdin = before
        self.said += [_said(err)] if shown else [_said(err), _said(out)]
        return code

    def leaks(self) -> dict[str, Any]:
        """The literals in anything written or said so far, with where they are."""
        found: dict[str, Any] = dict(SOUGHT.below(self.written))
        for said in self.said:
            found |= dict.fromkeys(SOUGHT.found(said.encode("utf-8", "backslashreplace")), said[-3000:])
        return found


def _stream() -> io.TextIOWrapper:
    return io.TextIOWrapper(io.BytesIO(), "utf-8", errors="backslashreplace")


def _said(stream: io.TextIOWrapper) -> str:
    stream.flush()
    return stream.buffer.getvalue().decode()  # type: ignore[attr-defined, no-any-return]


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """Sources, and `written`, in which home, caches and temporary files are."""
    root = tmp_path_factory.mktemp("privacy")
    write_sources(root / "sources", Writer("zh", ZH), Writer("en", EN))
    write_damaged(root / "damaged", Writer("zh", ZH, 1))
    write_lines(root / "raw" / "train.jsonl", _raw(Writer("zh", ZH, 2), 12))
    write_lines(root / "raw" / "test.jsonl", _raw(Writer("en", EN, 3), 3) + _raw(Writer("zh", ZH[40:], 3), 6))
    with pytest.MonkeyPatch.context() as patch:
        for name in ("HOME", "XDG_CACHE_HOME", "HF_HOME", "TMPDIR", "TORCHINDUCTOR_CACHE_DIR", "RAY_TMPDIR"):
            folder = root / "written" / name.lower()
            folder.mkdir(parents=True)
            patch.setenv(name, str(folder))
        patch.setattr(tempfile, "tempdir", None)
        # one process does the work here, and two in the test that kills them
        patch.setattr(os, "cpu_count", lambda: 1)
        yield root


@pytest.fixture
def scene(world: Path) -> Scene:
    return Scene(world / "sources", world / "written")


def _raw(writer: Writer, count: int) -> list[dict[str, Any]]:
    return [writer.messages() for _ in range(count)]


def of(conversations: Path, suffix: str) -> list[Any]:
    return [json.loads(line) for line in (conversations / suffix).read_text("utf-8").splitlines()]


# what is planted, and how it is sought


def test_every_planted_identifier_is_one_that_inspect_deid_finds() -> None:
    whole = 0
    for one in (*ZH, *EN):
        start = one.sentence.index(one.literal)
        covered = {i for span in deid.find(one.sentence) for i in range(span.start, span.end)}
        assert covered >= set(range(start, start + len(one.literal))), one
        whole += 1
    assert whole >= 500
    assert len({one.literal for one in (*ZH, *EN)}) == whole
    for language in (ZH, EN):
        assert {one.type for one in language} == set(TYPES) == set(deid.TYPES)


def test_all_of_them_are_in_the_sources(world: Path) -> None:
    assert set(SOUGHT.below(world / "sources")) == {one.literal for one in (*ZH, *EN)}


@pytest.mark.parametrize(
    "literal", ["汉宁市第三人民医院", "欧阳秀兰", "6228 4812 3456 7890", "https://a.example/p?id=1&x=2"]
)
def test_the_search_finds_a_literal_in_every_form(literal: str, tmp_path: Path) -> None:
    import gzip
    import html
    import urllib.parse
    import zipfile

    sought, text = Literals([literal]), f"…，{literal}。"
    with zipfile.ZipFile(tmp_path / "zip", "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("inner", gzip.compress(text.encode()))
    forms = {
        "utf8": text.encode(), "gb18030": text.encode("gb18030"), "utf16": text.encode("utf-16"),
        "json": json.dumps(text).encode(), "twice": json.dumps(json.dumps(text)).encode(),
        "html": html.escape(text).encode(), "references": text.encode("ascii", "xmlcharrefreplace"),
        "url": urllib.parse.quote(text).encode(), "bytes": repr(text.encode()).encode(), "lower": text.lower().encode(),
        "bare": text.replace(" ", "").encode(), "spaced": text.replace("4812", "48-12").encode(),
        "weights": bytes(range(256)) + text.encode(),
    }  # fmt: skip
    for name, data in forms.items():
        (tmp_path / name).write_bytes(data)
    (tmp_path / "clean").write_text(f"…，{literal[:-1]}。", "utf-8")
    assert sought.below(tmp_path) == {literal: {"zip", *forms}}
    (tmp_path / urllib.parse.quote(literal, safe="")).mkdir()
    assert any(place.startswith("the name") for place in sought.below(tmp_path)[literal])


# curation

MODES = {
    "default": (),
    "surrogates": ("deidentify=surrogates",),
    "rules": ("names=rules", "--review", "5"),
    "limit": ("--limit", "20", "splits=train=0.9,test=0.1", "normalise=mend,nfc,html,widths,simplify"),
}


@pytest.mark.parametrize("mode", MODES)
def test_curation_writes_no_identifier(scene: Scene, mode: str) -> None:
    out = scene.written / mode
    assert scene.run("curate", scene.sources, "--out", out, *MODES[mode]) == 0
    kept = read_conversations(out / "train.jsonl")
    assert sum(len(conversation.turns) for conversation in kept) >= 10
    assert scene.leaks() == {}


def test_a_file_that_is_called_after_a_patient_is_found_by_its_name(scene: Scene) -> None:
    (path,) = scene.sources.glob("* 记录.json")
    assert SOUGHT.found(path.name.encode())
    out = scene.written / "held out"
    names = (f"held_out=sources/{path.name}", "only=sources/gb18030.csv")
    assert scene.run("curate", scene.sources, "--out", out, *names, "filters=empty") == 0
    assert len(list(read_conversations(out / "test.jsonl"))) == 1
    assert scene.run("curate", scene.sources, "--out", out, *names, "filters=roles") == 2
    assert scene.leaks() == {}


def test_records_rejected_for_every_reason_show_none(scene: Scene, world: Path) -> None:
    stock = {
        "question": "高血压病人平时饮食要注意什么？",
        "answer": "低盐饮食，按时服药，两周后到心内科复诊，并且每天早晚各量一次血压。",
    }
    writer = Writer("zh", ZH, 4)
    leak = {"question": stock["question"] + writer.sentence(), "answer": stock["answer"] + writer.told()}
    folder = world / "reasons"
    write_lines(folder / "one.json", [record for _, record in rejected(writer)])
    write_lines(folder / "two.json", [leak, *(writer.instruction() for _ in range(6))])
    (folder / "three.csv").write_text(table([writer.row(), writer.row()[:4]]), "utf-8")
    benchmark = write_lines(world / "benchmarks" / f"{ZH[0].literal} {ZH[1].literal}.jsonl", [stock])
    out = scene.written / "reasons"
    assert scene.run("curate", folder, "--out", out, "--decontaminate", benchmark, "--limit", "4") == 0
    expected = {reason for reason, _ in rejected(Writer("zh", ZH, 4)) if reason}
    found = Counter(record["reason"] for record in of(out, "rejected.jsonl"))
    assert set(found) >= expected | {"contaminated", "over_limit", "ragged_row"}
    assert len(chain.__globals__["_FILTERS"]) <= len(expected), "a new filter needs a record in `rejected`"
    assert scene.leaks() == {}


def test_without_deidentification_only_what_is_kept_holds_any(scene: Scene, world: Path) -> None:
    out = world / "as it is"
    assert scene.run("curate", scene.sources, "--out", out, "deidentify=none") == 0
    kept = {name: (out / name).unlink() for name in ("train.jsonl", "valid.jsonl", "test.jsonl")}
    assert len(kept) == 3
    assert SOUGHT.below(out) == {}
    assert scene.leaks() == {}


def test_dialogues_in_english_of_a_public_corpus(scene: Scene, world: Path, shared: Path) -> None:
    corpus = shared / "data" / "corpora" / "mts-dialog" / "MTS-Dialog-TrainingSet.csv"
    import csv

    with corpus.open(encoding="utf-8", newline="") as file:
        header, *rows = itertools_islice(csv.reader(file), 121)
    writer = Writer("en", EN, 5)
    for row in rows:
        lines = row[3].split("\n")
        row[2] += f" {writer.sentence()}"
        row[3] = "\n".join(f"{line.rstrip()} {writer.sentence()}" if line.strip() else line for line in lines)
    path = world / "mts" / "MTS-Dialog.csv"
    path.parent.mkdir()
    path.write_text(table(rows, header), "utf-8")
    for mode in ("placeholders", "surrogates"):
        out = scene.written / f"mts-{mode}"
        assert scene.run("curate", path, "--out", out, f"deidentify={mode}", "splits=train=1") == 0
        assert len(list(read_conversations(out / "train.jsonl"))) > 50
    assert scene.leaks() == {}


def itertools_islice(rows: Any, count: int) -> list[Any]:
    import itertools

    return list(itertools.islice(rows, count))


# what is damaged or given wrongly


def test_damaged_files_are_named_without_what_is_in_them(scene: Scene, world: Path) -> None:
    good = write_lines(world / "damaged" / "good.jsonl", [Writer("zh", ZH, 6).instruction() for _ in range(8)])
    out = scene.written / "with damage"
    assert scene.run("curate", good.parent, "--out", out) == 2
    assert sum(bool(file["damaged"]) for file in json.loads((out / "run.json").read_text("utf-8"))["files"]) >= 8
    for path in sorted(good.parent.iterdir()):
        for options in ((), ("--debug",), ("--json", "--lang", "zh")):
            scene.run("curate", path, "--out", scene.written / f"only {path.name}", *options)
    assert scene.leaks() == {}


def test_a_library_that_warns_of_a_cell_quotes_nobody(scene: Scene, world: Path, recwarn: Any) -> None:
    path = write_workbook(world / "days.xlsx", Writer("zh", ZH, 8))
    with pytest.warns(UserWarning, match="1[0-9]{10}"):
        list(openpyxl.load_workbook(path, read_only=True).active.values)
    recwarn.clear()
    assert scene.run("curate", path, "--out", scene.written / "days") == 0
    assert not recwarn.list
    assert scene.leaks() == {}


def test_errors_quote_nobody(scene: Scene, world: Path) -> None:
    writer, wrong = Writer("zh", ZH, 7), world / "wrong"
    named, base = ZH[0].literal, ("--base", "embedded")
    text = {
        "headless.csv": table([writer.row() for _ in range(3)], ()),
        "keys.json": json.dumps([{ZH[0].literal: writer.question(), writer.next().literal: writer.answer()}]),
        "name.json": json.dumps([{named: "x"}]),
        "patients.yaml": "".join(f"{key}: {one.sentence}\n" for key, one in zip(("question", named), ZH, strict=False)),
        "tag.yaml": f"question: !{named} x\n",
        "broken.yaml": f"question: {named}: {writer.sentence()}\n",
        "list.yaml": json.dumps([writer.sentence()]),
    }
    lines = {
        "role.jsonl": {"messages": [{"role": named, "content": "x"}]},
        "no-messages.jsonl": {named: writer.question(), writer.sentence(): 1},
        "content.jsonl": {"id": named, "messages": [{"role": "user", "content": {writer.sentence(): 1}}]},
        "meta.jsonl": {"messages": [{"role": "user", "content": "x"}], "meta": writer.sentence()},
        "number.jsonl": {"text": 16412345678, named: 1},
        "list.jsonl": [writer.sentence()],
        "unanswered.jsonl": {"id": named, "messages": [{"role": "user", "content": writer.sentence()}]},
    }
    wrong.mkdir()
    for name, said in text.items():
        (wrong / name).write_text(said, "utf-8")
        scene.run("run", wrong / name, "--out", scene.written / "wrong")
        scene.run("curate", scene.sources / "gb18030.csv", "--out", scene.written / "wrong", f"mapping={wrong / name}")
        scene.run("curate", wrong / name, "--out", scene.written / "wrong")
    for name, record in lines.items():
        data = write_lines(wrong / name / "train.jsonl", [record]).parent
        (data / "broken.jsonl").write_text(
            json.dumps(record, ensure_ascii=False)[:-1] + f" {writer.sentence()}", "utf-8"
        )
        for option in ("--debug", "--json"):
            scene.run("tune", *base, "--data", data, "--out", scene.written / "wrong", option)
            for file in ("train.jsonl", "broken.jsonl"):
                scene.run(
                    "evaluate", "--model", "embedded", "--suite", data / file, "--out", scene.written / "w", option
                )
                scene.run("inspect", "deid", data / file, option, shown=True)
    assert sum("error: " in said for said in scene.said) > 50
    assert not [said for said in scene.said if "fault of DoctorGLM" in said]
    assert scene.leaks() == {}


def test_a_fault_of_ours_quotes_nobody(scene: Scene, monkeypatch: pytest.MonkeyPatch) -> None:
    def fails(error: Exception) -> Callable[..., None]:
        def rejects(*_: Any, **__: Any) -> None:
            try:
                raise KeyError(ZH[1].literal)
            except KeyError:
                raise error from None if isinstance(error, ValueError) else KeyError(ZH[2].sentence)

        return rejects

    for one in (*ZH[:15], *EN[:15]):
        for error in (
            ValueError(f"could not convert {one.literal!r}"),
            LookupError(one.sentence),
            KeyError(one.literal),
        ):
            error.add_note(one.sentence)
            monkeypatch.setattr("doctorglm.curate.curate", fails(error))
            for option in ("--json", "--debug"):
                assert scene.run("curate", scene.sources, "--out", scene.written / "never", option) == 1
    assert all(f"{kind}" in "".join(scene.said) for kind in ("ValueError", "LookupError", "KeyError", "in rejects"))
    assert scene.leaks() == {}


# models


class Echo:
    """Answers with what it was asked, as a model may that has learnt it by heart."""

    def __init__(self, *_: Any, name: str = "echo", **__: Any) -> None:
        self.name = name

    def stream(self, messages: Sequence[Message], sampling: Any) -> Iterator[str | Generation]:
        text = messages[-1].content
        yield text
        yield self.batch([messages], sampling)[0]

    def batch(self, conversations: Sequence[Sequence[Message]], sampling: Any) -> list[Generation]:
        return [
            Generation(text="\n".join(m.content for m in messages), tokens=9, finish="stop", seconds=0.1)
            for messages in conversations
        ]


@pytest.fixture
def echo(monkeypatch: pytest.MonkeyPatch) -> None:
    """Every model answers with what it was asked."""
    for place in ("models.local_engine", "evaluate.stage", "recipe.pipeline"):
        monkeypatch.setattr(f"doctorglm.{place}.LocalEngine", Echo)


def test_tuning_and_evaluation_on_lines_that_nobody_curated(scene: Scene, world: Path, echo: None) -> None:
    raw, out = world / "raw", scene.written / "raw"
    tune = ("tune", "--base", "embedded", "--data", raw, "--out", out / "tuned")
    assert scene.run(*tune, *QUICK, "max_length=112", "--json") == 0
    assert of(out / "tuned", "rejected.jsonl"), "answers that are too long are listed"
    evaluate = ("evaluate", "--model", "embedded", "--suite", raw / "test.jsonl", "max_length=256")
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
    assert len(of(out, "answers.partial.jsonl")) == 4
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


def test_verbs_that_see_no_patient(scene: Scene) -> None:
    assert scene.run("doctor", "--json") == 0
    assert scene.run("fetch", "--json") == 0
    assert scene.run("fetch", ZH[0].literal[:2], "--out", scene.written / "fetched") == 2
    assert scene.run("convert", "nowhere", scene.written / "converted", "--to", "hf") == 2
    covered = {"curate", "run", "tune", "evaluate", "compare", "chat", "inspect", "doctor", "fetch", "convert"}
    # demo is a recipe on dialogues of the package
    assert {command.callback.__name__ for command in app.registered_commands if command.callback} == {*covered, "demo"}


# killed, and how files are kept


def test_what_a_killed_run_leaves(scene: Scene, world: Path) -> None:
    """Killed as soon as a chunk is kept, with all processes."""
    folder = world / "many"
    for n in range(6):
        writer = Writer("zh", ZH, 20 + n)
        write_lines(folder / f"{n}.jsonl", [writer.instruction() for _ in range(150)])
    out = scene.written / "killed"
    command = [sys.executable, "-m", "doctorglm", "curate", str(folder), "--out", str(out)]
    environment = {**os.environ, "OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1"}
    with (scene.written / "stderr").open("wb") as err:
        process = subprocess.Popen(command, env=environment, stderr=err, stdout=err, start_new_session=True)
        deadline = time.monotonic() + 60
        while not list(out.glob(".curate/*.passed.jsonl")) and process.poll() is None and time.monotonic() < deadline:
            time.sleep(0.005)
        os.killpg(process.pid, signal.SIGKILL)
        assert process.wait() == -signal.SIGKILL
    assert list(out.glob(".curate/*.passed.jsonl"))
    assert scene.leaks() == {}


def test_files_are_the_owners_alone(scene: Scene) -> None:
    """Asked last: of everything that the tests before have left."""
    files = [path for path in scene.written.rglob("*") if path.is_file() and path.name != "stderr"]
    assert len(files) > 40
    assert [str(path) for path in files if stat.S_IMODE(path.stat().st_mode) & 0o077] == []
