"""`translate --student` from conversations to files; killed and started again; what is wrong ends with 2."""

import json
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from doctorglm.conversation import read_conversations
from doctorglm.translate.student import bulk
from doctorglm.translate.student.folder import student_folder

from ..translate.student.conftest import trained  # noqa: F401 - a fixture
from ..translate.student.tiny import chinese
from .kit import Said

Command = Callable[..., Said]
QUESTION, ANSWER = (
    "My chest pain, angina?\n\n- aspirin 100 mg\n- rest",
    "Rest today. Doctor Mary Johnson, 555-123-4567.",
)


def _record(number: int, *texts: str) -> dict[str, Any]:
    roles = ["user", "assistant"] * len(texts)
    messages = [{"role": role, "content": text} for role, text in zip(roles, texts, strict=False)]
    return {"id": f"case-{number}", "messages": messages, "source": "own", "licence": "CC0", "language": "en",
            "department": "", "meta": {"year": 2020}}  # fmt: skip


def _write(path: Path, records: list[dict[str, Any]]) -> Path:
    path.write_text("".join(json.dumps(one) + "\n" for one in records), "utf-8")
    return path


@pytest.fixture
def records(tmp_path: Path) -> Path:
    return _write(tmp_path / "english.jsonl", [
        _record(1, QUESTION, "Rest today."), _record(2, "", "头痛"), _record(3, "Hello", "No")])  # fmt: skip


@pytest.fixture
def glossary(tmp_path: Path) -> Path:
    """The one term that the student has seen tagged."""
    path = tmp_path / "terms.tsv"
    path.write_text("angina\t心绞痛\n", "utf-8")
    return path


def test_conversations_as_the_teacher_leaves_them(
    trained: Path, records: Path, glossary: Path, command: Command  # noqa: F811
) -> None:  # fmt: skip
    out = records.parent / "out"
    arguments = ["translate", records, "--out", out, "--student", trained, "--glossary", glossary, "cores=1",
                 "checks=false", "own_terms=false"]  # fmt: skip
    said = command(*arguments, "--json")
    assert said.code == 0, said.err
    assert json.loads(said.out) == {"out": str(out), "read": 3, "translated": 3, "mended": 0, "rejected": {}}
    one, other, short = read_conversations(out / "train.jsonl")
    assert one.messages[0].content.split("\n")[1:] == ["", "- 阿司匹林100毫克", "- 休息"]
    assert (one.id, one.licence, one.language, one.meta["year"]) == ("case-1", "CC0", "zh", 2020)
    sentences = one.meta["translation"]["sentences"]
    assert one.meta["translation"] == {
        "english": [QUESTION, "Rest today."],
        "by": ["student", "student"],
        "model": student_folder(trained).name,
        "beam": 4,
        "precision": "int8",
        "tags": True,
        "checks": "none",
        "mends": 2,
        "own_terms": False,
        "mended": [0, 0],
        "sentences": sentences,
    }
    assert [en for en, _ in sentences[1]] == ["Rest today."]
    assert [en for en, _ in sentences[0]][-2:] == ["aspirin 100 mg", "rest"]
    assert [m.content for m in other.messages] == ["", "头痛"]
    assert other.meta["translation"]["by"] == ["empty", "chinese"]
    assert [m.content for m in short.messages] == ["你好", "不"]
    run = json.loads((out / "run.json").read_text("utf-8"))
    assert run["status"] == "finished" and run["settings"]["student"] == student_folder(trained).sha256
    assert run["engine"] == "local" and run["glossary"] == {"rows": 1, "licences": {}}
    before = (out / "train.jsonl").stat().st_mtime_ns
    assert command(*arguments).code == 0
    assert (out / "train.jsonl").stat().st_mtime_ns == before


@pytest.mark.parametrize(("lang", "told"), [("en", "read 1, translated 1; rejected: 0; see report.html\n"),
                                            ("zh", "读入 1，译出 1；剔除：0；详见 report.html\n")])  # fmt: skip
def test_what_identifies_somebody_is_masked_first(
    lang: str, told: str, trained: Path, tmp_path: Path, command: Command  # noqa: F811
) -> None:  # fmt: skip
    source = _write(tmp_path / "e.jsonl", [_record(1, "Hello", ANSWER)])
    out = tmp_path / "out"
    said = command("--lang", lang, "translate", source, "--out", out, "--student", trained, "checks=false")
    assert said.code == 0 and said.err.endswith(told)
    assert "555-123" not in (out / "train.jsonl").read_text("utf-8")
    (one,) = read_conversations(out / "train.jsonl")
    assert "[" in one.meta["translation"]["english"][1]


def test_a_message_that_loops_is_rejected_with_its_english(
    trained: Path, records: Path, command: Command, monkeypatch: pytest.MonkeyPatch  # noqa: F811
) -> None:  # fmt: skip
    real = bulk.Decoder.translate

    def looping(self: Any, batch: Any) -> Any:
        return [bulk.Said((), "loop") if "▁No" in tokens else said
                for tokens, said in zip(batch, real(self, batch), strict=True)]  # fmt: skip

    monkeypatch.setattr(bulk.Decoder, "translate", looping)
    out = records.parent / "out"
    said = command("translate", records, "--out", out, "--student", trained, "checks=false", "--json")
    assert json.loads(said.out)["rejected"] == {"loop": 1}
    (rejected,) = map(json.loads, (out / "rejected.jsonl").read_text("utf-8").splitlines())
    assert rejected["reasons"] == [{"message": 1, "reason": "loop", "faults": []}]
    assert rejected["record"]["id"] == "case-3"


def test_a_run_that_is_killed_goes_on_where_it_was(
    trained: Path, tmp_path: Path, glossary: Path, command: Command, monkeypatch: pytest.MonkeyPatch  # noqa: F811
) -> None:  # fmt: skip
    words = ["fever", "cough", "angina", "asthma", "pain", "chest", "head", "water"]
    texts = [f"{a} {b}" for a in words for b in words if a != b]
    source = _write(tmp_path / "e.jsonl", [_record(n, text) for n, text in enumerate(texts)])
    out = tmp_path / "out"
    program = f"""
import time
from pathlib import Path
from doctorglm.translate.cache import Cache
from doctorglm.translate.student.bulk import StudentSettings
from doctorglm.translate.student.stage import StudentJob, translate_by_student
keep = Cache.keep
def slow(self, answers):
    keep(self, answers)
    Path({str(tmp_path / "kept")!r}).open("a").write("x" * len(answers))
    time.sleep(0.3)
Cache.keep = slow
job = StudentJob(sources=[Path({str(source)!r})], out=Path({str(out)!r}), student=Path({str(trained)!r}),
    glossary=Path({str(glossary)!r}))
translate_by_student(job, StudentSettings(batch_tokens=12, checks=False, own_terms=False))
"""
    process = subprocess.Popen([sys.executable, "-c", program], env=os.environ | {"OMP_NUM_THREADS": "1"})
    kept, end = tmp_path / "kept", time.monotonic() + 60
    while not kept.exists() or kept.stat().st_size < 12:
        assert process.poll() is None and time.monotonic() < end
        time.sleep(0.05)
    process.send_signal(signal.SIGKILL)
    process.wait()
    assert not (out / "train.jsonl").exists()
    asked = list[Any]()
    real = bulk.Decoder.translate
    monkeypatch.setattr(bulk.Decoder, "translate", lambda self, batch: (asked.extend(batch), real(self, batch))[1])
    arguments = ["translate", source, "--student", trained, "--glossary", glossary, "batch_tokens=12",
                 "checks=false", "own_terms=false", "--json"]  # fmt: skip
    said = command(*arguments, "--out", out)
    assert said.code == 0 and json.loads(said.out)["translated"] == len(texts)
    assert len(texts) - kept.stat().st_size <= len(asked) + 3 and len(asked) <= len(texts) - 12
    command(*arguments, "--out", tmp_path / "fresh")
    assert (out / "train.jsonl").read_bytes() == (tmp_path / "fresh/train.jsonl").read_bytes()
    found = [one.messages[0].content for one in read_conversations(out / "train.jsonl")]
    assert sum(one == chinese(text) for one, text in zip(found, texts, strict=True)) > 0.9 * len(texts)


def _not_a_student(folder: Path) -> Path:
    (folder / "none").mkdir()
    return folder / "none"


@pytest.mark.parametrize(
    ("more", "en", "zh"),
    [
        ((), "who translates?", "由谁翻译"),
        (("--student", "STUDENT", "--teacher", "http://127.0.0.1:1/v1#x"), "--teacher cannot stand beside --student",
         "--teacher 不能与 --student 同时使用"),
        (("--student", "STUDENT", "--dry-run"), "--dry-run cannot stand beside", "--dry-run 不能与"),
        (("--student", "STUDENT", "--budget", "0"), "--budget cannot stand beside", "--budget 不能与"),
        (("--teacher", "http://127.0.0.1:1/v1#x", "--engine", "ray"), "--engine cannot stand beside --teacher",
         "--engine 不能与 --teacher"),
        (("--student", "NONE"), "not a translation student: config.json, source.spm", "不是翻译学生模型：缺少"),
        (("--student", "nowhere"), "nowhere: no such folder", "nowhere：没有这个文件夹"),
        (("--student", "STUDENT", "beams=2"), "did you mean `beam`", "是否要写 `beam`"),
        (("--student", "STUDENT", "beam=0"), "beam=0", "beam=0"),
        (("--student", "STUDENT", "precision=int4"), "precision=int4", "precision=int4"),
        (("--student", "STUDENT", "--glossary", "none.csv"), "none.csv", "none.csv"),
    ],
)  # fmt: skip
def test_what_is_wrong_ends_with_2_in_both_languages(
    more: tuple[str, ...], en: str, zh: str, trained: Path, records: Path, command: Command  # noqa: F811
) -> None:  # fmt: skip
    (records.parent / "none").mkdir()
    known = {"STUDENT": trained, "NONE": records.parent / "none"}
    arguments = ["translate", records, "--out", records.parent / "out", *(known.get(word, word) for word in more)]
    for lang, told in (("en", en), ("zh", zh)):
        said = command("--lang", lang, *arguments)
        assert said.code == 2 and told in said.err and said.out == ""
    assert not (records.parent / "out" / "train.jsonl").exists()


def test_ctranslate2_that_is_missing_is_told(
    trained: Path, records: Path, command: Command, monkeypatch: pytest.MonkeyPatch  # noqa: F811
) -> None:  # fmt: skip
    monkeypatch.setitem(sys.modules, "ctranslate2", None)
    said = command("--lang", "en", "translate", records, "--out", records.parent / "out", "--student", trained)
    assert said.code == 2 and "doctorglm[student]" in said.err


def test_a_students_folder_that_is_moved_is_the_same_student(
    trained: Path, records: Path, command: Command  # noqa: F811
) -> None:  # fmt: skip
    moved = shutil.copytree(trained, records.parent / "moved")
    out = records.parent / "out"
    assert command("translate", records, "--out", out, "--student", trained).code == 0
    assert command("translate", records, "--out", out, "--student", moved).code == 0
    (moved / "student.json").write_text('{"tags": false}', "utf-8")
    said = command("--lang", "en", "translate", records, "--out", out, "--student", moved)
    assert said.code == 2 and "another run" in said.err
